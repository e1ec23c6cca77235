"""A user's own function: what can be loaded, and that its errors are told and not thrown."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from gateway.core.reward import reward
from gateway.core.values import Outcome
from gateway.errors import ConfigurationError
from gateway.settings.functions import load_function
from tests.builders import make_outcome
from tests.unit.settings.mistakes import policy, problems, settings

_NUMBERS = itertools.count()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable file of a name that no other test has used; importing it leaves no trace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path / f"users_own_{next(_NUMBERS)}.py"


def said_of(module: Path, source: str, name: str = "f") -> str:
    module.write_text(source)
    with pytest.raises(ConfigurationError) as caught:
        load_function(f"{module.stem}:{name}")
    (said,) = caught.value.problems
    return said


@pytest.mark.parametrize(
    "source",
    [
        "def f(outcome, feedback, parts): return 0.25",
        "f = lambda outcome, feedback, parts: 0.25",
        "class f:\n def __call__(self, outcome, feedback, parts): return 0.25",
        "class F:\n def __call__(self, outcome, feedback, parts): return 0.25\nf = F()",
        "import functools\ndef g(x, *rest): return x\nf = functools.partial(g, 0.25)",
        "def f(*all): return 0.25",
    ],
)
def test_whatever_can_be_called_like_a_reward_is_loaded(module: Path, source: str) -> None:
    """A function, an object, a class of objects: from a file in the working directory, without installing it."""
    module.write_text(source)
    function = load_function(f"{module.stem}:f")
    chosen = settings(policy(f"reward: {{function: '{module.stem}:f'}}")).policies["default"].reward
    outcome: Outcome = make_outcome()
    earned = reward(outcome, None, chosen, function)
    assert earned is not None
    assert earned.value == 0.25


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "has no 'f'"),
        ("f = 4", "is of type int, not a function"),
        ("def f(outcome, feedback): ...", "must take three arguments: outcome, feedback, parts"),
        ("async def f(outcome, feedback, parts): ...", "is async; a reward is computed by a plain function"),
        ("class f:\n def __init__(self, x): ...", "no object of the class"),
        ("class f:\n pass", "is of type f, not a function"),
        ("raise RuntimeError('no data')", "cannot be imported: RuntimeError: no data"),
        ("import no_such_module_at_all", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module"),
        ("def f(:", "cannot be imported: SyntaxError"),
        ("import sys\nsys.exit('bye')", "cannot be imported: SystemExit: bye"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_it_is_told(module: Path, source: str, said: str) -> None:
    """A user's module may fail in any way, at import already: it is one line, and `check` goes on to the next."""
    assert said in said_of(module, source)


@pytest.mark.parametrize("path", ["", "f", "module", ":f", "module:", "a b:f", "m:f:g", "m:f()", "os.system:"])
def test_a_path_has_a_form(path: str) -> None:
    """Nothing is imported for a path that cannot be one."""
    with pytest.raises(ConfigurationError) as caught:
        load_function(path)
    assert caught.value.problems == (f"must read package.module:name, not {path!r}",)


def test_it_is_told_with_its_place_and_only_once(module: Path) -> None:
    """Among the other problems of the file, at the line where it is named."""
    module.write_text("1 / 0")
    at = "gw.yaml:8: policies.default.reward.function"
    assert problems(policy(f"reward: {{function: '{module.stem}:f', preset: best}}")) == [
        f"{at}: the module '{module.stem}' cannot be imported: ZeroDivisionError: division by zero",
        "gw.yaml:8: policies.default.reward.preset: must be balanced, quality, cost or latency, not 'best'",
    ]
    assert problems(policy("reward: {function: judge}")) == [f"{at}: must read package.module:name, not 'judge'"]
