"""The rules of shape: each reads one file's source and gives a line for everything in it that breaks the rule."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
"""From `def` to the last line, without the function's own docstring: explaining must never cost room for doing."""
MAX_POSITIONAL = 6
"""Arguments that may be given by position, without self or cls; keyword-only arguments are named in the call."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
"""Names that say nothing of what is inside. `base` is forbidden for folders only: policies/base.py holds a protocol."""

RUNNING_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}
RUNNING_YAML = {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}

Rule = Callable[[str, str], Iterator[str]]
"""From a file's path and source to the lines that say what is wrong."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_files(path: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{path}: {lines} lines; at most {MAX_FILE_LINES}. Which part deserves a name and a file of its own?"


def long_functions(path: str, source: str) -> Iterator[str]:
    for function in _functions(source):
        lines = _line_count(function) - _docstring_lines(function)
        if lines > MAX_FUNCTION_LINES:
            yield f"{path}:{function.lineno} {function.name}: {lines} lines; at most {MAX_FUNCTION_LINES}"


def many_positional_arguments(path: str, source: str) -> Iterator[str]:
    for function in _functions(source):
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > MAX_POSITIONAL:
            yield f"{path}:{function.lineno} {function.name}: {count} positional arguments; at most {MAX_POSITIONAL}"


def wrong_docstrings(path: str, source: str) -> Iterator[str]:
    docstring = ast.get_docstring(ast.parse(source))
    summary, _, rest = (docstring or "").partition("\n")
    if not docstring:
        yield f"{path}: no module docstring; say in one sentence what this room is for"
    elif not summary.endswith((".", "?", "!")) or re.search(r"(?<!e\.g)(?<!i\.e)[.?!] +[A-Z]", summary):
        yield f"{path}: the docstring's first line is not one whole sentence: {summary!r}"
    elif rest and not rest.startswith("\n"):
        yield f"{path}: the docstring's first sentence is not followed by an empty line"


def catch_alls(path: str, source: str) -> Iterator[str]:
    """A handler that only tidies up and ends by raising the same error again is none."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler(type=caught) if caught is None or _names_everything(caught):
                if not _raises_again(node):
                    yield f"{path}:{node.lineno}: catches everything; name the errors"
            case ast.Call(args=caught_too) if _dotted(node.func).split(".")[-1] == "suppress":
                if any(map(_names_everything, caught_too)):
                    yield f"{path}:{node.lineno}: suppresses everything; name the errors"


def dangerous_calls(path: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        for name in _running(node):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {name} runs what it is given"


def hidden_imports(path: str, source: str) -> Iterator[str]:
    """Imports by name at run time, which the import contracts do not see."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _dotted(node.func).split(".")[-1] in {"import_module", "__import__"}:
            yield f"{path}:{node.lineno}: imports by name, out of sight of the import contracts"


def empty_names(path: str, _source: str = "") -> Iterator[str]:
    *folders, file = PurePosixPath(path).with_suffix("").parts
    for name in {file} & FORBIDDEN_NAMES | set(folders) & (FORBIDDEN_NAMES | {"base"}):
        yield f"{path}: the name {name!r} does not say what is inside"


def untested(modules: dict[str, str], tests: Iterable[str]) -> Iterator[str]:
    """Modules without tests/**/test_<module>.py; of two modules of one name, the test's folder or name tells which."""
    paths = {path: PurePosixPath(path.removesuffix("/__init__.py")).with_suffix("") for path in modules}
    named = {path: module for path, module in paths.items() if not _is_bare_init(path, modules[path])}
    shared = Counter(module.name for module in named.values())
    written = [PurePosixPath(test) for test in tests]
    for path, module in named.items():
        parent = module.parent.name if len(module.parts) > 2 else "unit"
        same_name = [test for test in written if test.stem == f"test_{module.name}"]
        mirrored = [test for test in same_name if test.parent.name == parent]
        enough = mirrored if shared[module.name] > 1 else same_name
        if not enough and not any(test.stem == f"test_{parent}_{module.name}" for test in written):
            where = PurePosixPath("tests/unit", *module.parts[1:-1], f"test_{module.name}.py")
            yield f"{path}: no test file; write {where}, or test_{module.name}.py in another suite"


# How the rules see a file.


def _functions(source: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def _line_count(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(function: Function) -> int:
    return _line_count(function.body[0]) if ast.get_docstring(function, clean=False) is not None else 0


def _dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    ways_out = (ast.Return, ast.Break, ast.Continue)
    leaves = any(isinstance(node, ways_out) for statement in handler.body for node in ast.walk(statement))
    return isinstance(last, ast.Raise) and last.exc is None and not leaves


def _running(node: ast.AST) -> list[str]:
    """The names in this node that unpickle, evaluate or execute."""
    found: list[str] = []
    match node:
        case ast.Import(names=aliases):
            found = [alias.name for alias in aliases if alias.name.split(".")[0] in RUNNING_MODULES]
        case ast.ImportFrom(module="yaml", names=aliases):
            found = [f"yaml.{alias.name}" for alias in aliases if alias.name in RUNNING_YAML]
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] in RUNNING_MODULES:
            found = [module]
        case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" as name)):
            found = [name]
        case ast.Attribute(value=ast.Name(id="yaml"), attr=name) if name in RUNNING_YAML:
            found = [f"yaml.{name}"]
        case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
            found = ["allow_pickle=True"]
    return found


def _names_everything(node: ast.expr) -> bool:
    names = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(_dotted(name).removeprefix("builtins.") in {"Exception", "BaseException"} for name in names)


def _is_bare_init(path: str, source: str) -> bool:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return path.endswith("__init__.py") and not any(isinstance(node, defined) for node in ast.parse(source).body)
