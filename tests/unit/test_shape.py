"""The shape of the house: sizes, names, docstrings, tests and the exceptions to the rules, over every file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.shape_rules import (
    Rule,
    catch_alls,
    dangerous_calls,
    empty_names,
    hidden_imports,
    long_files,
    long_functions,
    many_positional_arguments,
    untested,
    wrong_docstrings,
)

ROOT = Path(__file__).parents[2]
CATCH_ALLS: dict[str, str] = {
    "gateway/flows/decide.py": "deciding: a broken learner never reaches a caller, the baseline serves",
    "gateway/api/middleware.py": "the safety net: whatever nobody foresaw becomes a 500 in OpenAI's shape",
    "gateway/flows/tasks.py": "background work: the error is logged and the loop goes on",
    "gateway/core/reward.py": "a user's own reward function may raise anything; it becomes one ValueError",
    "gateway/adapters/sqlite_thread.py": "carries a job's error over to the caller's loop, where it is raised again",
    "gateway/settings/functions.py": "importing a user's own function runs his code, which may raise anything",
    "gateway/adapters/litellm_stream.py": "the door: whatever litellm raises leaves as our error, by the one table",
}
"""The only files that may catch everything, each with its reason."""

DANGEROUS: dict[str, str] = {
    "gateway/demo/tasks/sandbox.py": "runs the small functions that simulated models write, from listed syntax only",
}
"""The only files that may run or unpickle what they were given, each with its reason."""

HIDDEN_IMPORTS: dict[str, str] = {
    "gateway/adapters/litellm_loading.py": "litellm's one door: loaded late, once, and after its switches are set",
    "gateway/settings/functions.py": "a user's own reward or feature function, configured by its dotted name",
}
"""The only files that may import by name at run time, each with its reason."""

UNTESTED: dict[str, str] = {
    "gateway/api/services.py": "a bundle of what others define: every test of a route builds one",
    "gateway/flows/ports.py": "protocols without code: the contract suites run over what implements them",
    "gateway/__main__.py": "one call: the end-to-end tests start the gateway through it",
}
"""Modules without a test file of their name, each with its reason."""

TOP_LEVEL = {
    *{"pyproject.toml", "requirements.lock", "requirements-dev.lock", "README.md", "CHANGELOG.md", "LICENSE"},
    *{"Makefile", "gateway", "config", "deploy", "tests", ".ci", ".gitignore", ".gitattributes", ".dockerignore"},
}

PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;]+)", re.MULTILINE)
"""A line of a lock: name and version."""


def _python_files(*folders: str) -> dict[str, str]:
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    named = ((path.relative_to(ROOT), path) for path in files)
    return {
        relative.as_posix(): path.read_text(encoding="utf-8")
        for relative, path in named
        if not any(part.startswith((".", "__pycache__")) for part in relative.parts)
    }


GATEWAY = _python_files("gateway")
TESTS = _python_files("tests")
EVERYTHING = GATEWAY | TESTS


def keeps(rule: Rule, files: dict[str, str], exceptions: Iterable[str] = ()) -> None:
    none([line for path in files.keys() - set(exceptions) for line in rule(path, files[path])])


def none(findings: Iterable[str]) -> None:
    listed = sorted(findings)
    assert not listed, "\n" + "\n".join(listed)


# What holds for the project.


def test_a_file_has_at_most_300_lines() -> None:
    """A file that outgrows a screenful or six is two rooms under one roof."""
    keeps(long_files, EVERYTHING)


def test_a_function_has_at_most_50_lines() -> None:
    """A function is one step of a story; its docstring does not count."""
    keeps(long_functions, EVERYTHING)


def test_a_function_takes_at_most_6_positional_arguments() -> None:
    """Beyond six, the reader of a call cannot tell which is which: name them or group them."""
    keeps(many_positional_arguments, EVERYTHING)


def test_a_module_begins_with_one_sentence() -> None:
    """Whoever opens a file reads first, in one sentence on one line, what it is for."""
    keeps(wrong_docstrings, EVERYTHING)


def test_names_say_what_is_inside() -> None:
    """There is no `utils`, `helpers`, `common`, `manager` or `base` folder, nor a module of the first four names."""
    keeps(empty_names, EVERYTHING)


def test_only_named_files_catch_everything() -> None:
    """A catch-all hides errors: there are few, and each gives its reason at the top of this file."""
    keeps(catch_alls, GATEWAY, CATCH_ALLS)


def test_only_named_files_run_what_they_are_given() -> None:
    """Nothing unpickles, evaluates or executes its input, but where this file gives the reason."""
    keeps(dangerous_calls, EVERYTHING, DANGEROUS)


def test_only_named_files_import_by_name() -> None:
    """The import contracts read import statements; whoever goes round them gives the reason here."""
    keeps(hidden_imports, GATEWAY, HIDDEN_IMPORTS)


def test_every_module_has_a_test_file() -> None:
    """Who changes a module finds its tests by its name."""
    everything = untested(GATEWAY, TESTS)
    none(line for line in everything if line.split(":")[0] not in UNTESTED)


def test_every_exception_is_still_needed() -> None:
    """An entry in a list of exceptions goes when its file goes, or when the file keeps the rule."""
    per_file = [(catch_alls, CATCH_ALLS), (dangerous_calls, DANGEROUS), (hidden_imports, HIDDEN_IMPORTS)]
    needless = [path for rule, paths in per_file for path in paths if not list(rule(path, GATEWAY.get(path, "")))]
    without = {line.split(":")[0] for line in untested(GATEWAY, TESTS)}
    none(f"{path}: needs no exception" for path in (*needless, *(UNTESTED.keys() - without)))


def test_the_top_level_is_listed() -> None:
    """`ls` at the top reads as the plan: nothing is committed there that the plan does not name."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git, or not a checkout: nothing tells committed files from others")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {PurePosixPath(path).parts[0] for path in listed.split("\0") if path} <= TOP_LEVEL


def test_the_locks_pin_what_is_asked_for() -> None:
    """Each lock holds, with hashes and without naming a host, a version that suits every wish of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["demo"]]
    development = [*runtime, *project["dependency-groups"]["dev"]]
    for file, wishes in {"requirements.lock": runtime, "requirements-dev.lock": development}.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        pins = dict(PIN.findall(text))
        asked = {canonicalize_name(wish.name): wish for wish in map(Requirement, wishes)}
        unmet = [wish for name, wish in asked.items() if name not in pins or pins[name] not in wish.specifier]
        unhashed = [pin for pin in re.findall(r"^[a-z0-9].*$", text, re.MULTILINE) if not pin.endswith("\\")]
        none(f"{file}: does not meet {wish}; run `make lock`" for wish in unmet)
        none(f"{file}: {pin} has no hash" for pin in unhashed)
        assert "://" not in text


def test_what_runs_is_what_is_tested() -> None:
    """The development lock is the running one and more, never another version of it."""
    runtime, development = (
        dict(PIN.findall((ROOT / file).read_text(encoding="utf-8")))
        for file in ("requirements.lock", "requirements-dev.lock")
    )
    assert runtime.items() <= development.items()


# What the rules themselves catch and let pass.

DOC = '"""A sentence."""\n'
ARGUMENTS = "a, b, c, d, e, f"
FIFTY = "def f():\n" + "    pass\n" * 49


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (long_files, "\n" * 300, "\n" * 301),
        (long_functions, FIFTY, FIFTY + "    pass\n"),
        (
            long_functions,
            FIFTY.replace(":\n", ':\n    """A\n\n    B."""\n', 1),
            "class A:\n async " + FIFTY + "  # \n\n    1",
        ),
        (many_positional_arguments, f"def f({ARGUMENTS}, *, g): ...", f"def f({ARGUMENTS}, g): ..."),
        (many_positional_arguments, f"class A:\n def f(self, {ARGUMENTS}): ...", f"def f({ARGUMENTS}, /, g): ..."),
        (wrong_docstrings, DOC, "x = 1"),
        (wrong_docstrings, '"""One, e.g. Two.\n\nMore. And more."""', '"""Two. Sentences."""'),
        (wrong_docstrings, "'''Is it?'''", '"""No full stop"""'),
        (wrong_docstrings, DOC, '"""A sentence.\nNo gap."""'),
        (catch_alls, "try: 1\nexcept (ValueError, OSError): 2", "try: 1\nexcept Exception: 2"),
        (catch_alls, "try: 1\nfinally: 2", "try: 1\nexcept: 2"),
        (
            catch_alls,
            "try: 1\nexcept BaseException:\n    tidy()\n    raise",
            "try: 1\nexcept Exception as e:\n    raise A from e",
        ),
        (catch_alls, "raise Exception", "for i in a:\n try: 1\n except Exception:\n  if i: break\n  raise"),
        (catch_alls, "raise ValueError", "try: 1\nexcept* (ValueError, builtins.BaseException): 2"),
        (catch_alls, "with suppress(OSError): 1", "with contextlib.suppress(Exception): 1"),
        (hidden_imports, "import importlib.metadata", "importlib.import_module('litellm')"),
        (hidden_imports, "import litellm", "__import__('litellm')"),
        (dangerous_calls, "import json", "import pickle"),
        (dangerous_calls, "from jsonschema import validate", "from pickle import loads"),
        (dangerous_calls, "model.eval()", "eval('1')"),
        (dangerous_calls, "re.compile('a')", "exec('1')"),
        (dangerous_calls, "yaml.safe_load(text)", "yaml.load(text, Loader=yaml.SafeLoader)"),
        (dangerous_calls, "from yaml import safe_load", "from yaml import unsafe_load"),
        (dangerous_calls, "numpy.load(file)", "numpy.load(file, allow_pickle=True)"),
    ],
)
def test_a_rule_lets_the_good_pass_and_catches_the_bad(rule: Rule, good: str, bad: str) -> None:
    """Every rule is tried on a source just inside its limit and on one just outside."""
    assert not list(rule("x.py", good))
    assert len(list(rule("x.py", bad))) == 1


@pytest.mark.parametrize("path", ["gateway/utils/a.py", "gateway/common.py", "tests/unit/base/test_a.py"])
def test_names_that_say_nothing_are_caught(path: str) -> None:
    """The rule reads folders and modules; policies/base.py is a module and passes."""
    assert len(list(empty_names(path))) == 1
    assert not list(empty_names("gateway/core/policies/base.py"))


def test_modules_without_tests_are_caught() -> None:
    """One test file does not stand for two modules of one name, and an __init__ needs one once it defines something."""
    modules = {"gateway/a.py": "", "gateway/api/b.py": "", "gateway/core/b.py": "", "gateway/__init__.py": "x = 1"}
    assert [line.split(":")[0] for line in untested(modules, ["tests/unit/core/test_b.py"])] == [
        "gateway/a.py",
        "gateway/api/b.py",
    ]
    assert not list(
        untested(modules, ["tests/e2e/test_a.py", "tests/unit/core/test_b.py", "tests/contract/test_api_b.py"])
    )
    assert list(untested({"gateway/x/__init__.py": "def f(): ..."}, []))
    assert not list(untested({"gateway/x/__init__.py": "def f(): ..."}, ["tests/unit/test_x.py"]))
