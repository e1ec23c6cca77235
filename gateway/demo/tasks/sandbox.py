"""Runs a small Python function from an answer with listed syntax and names only, a budget of steps, and bounded values.

Whatever is not on a list is refused before it runs. The accepted tree is then rewritten: each loop turn, each call of a
function of the answer and each comprehension element takes a step from the budget, and whatever makes large values out
of small ones (`+`, `*`, `%`, `range`, `join`, `sum`) goes through a check of sizes. So no import, file or attribute is
in reach, and neither an endless loop nor a value that doubles with every turn gets far. This guards a demo against its
own mistakes; code from strangers belongs in a process of its own.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import TypeVar

MAX_SOURCE_CHARS = 4_000
MAX_STEPS = 5_000
MAX_SIZE = 2_000
MAX_INTEGER = 10**12

SYNTAX = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Pass, ast.Expr, ast.Assign, ast.AugAssign),
    *(ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.IfExp, ast.Call, ast.keyword, ast.Constant, ast.Name),
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.boolop, ast.unaryop, ast.cmpop, ast.expr_context),
    *(ast.Add, ast.Sub, ast.Mult, ast.Mod, ast.FloorDiv, ast.Div),
    *(ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Subscript, ast.Slice, ast.Attribute),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
)

METHODS = frozenset(
    {"append", "insert", "pop", "sort", "reverse", "index", "count", "get", "items", "keys", "values", "add"}
    | {"lower", "upper", "strip", "split", "join", "isalpha", "isdigit", "isalnum", "startswith", "endswith"}
)

KEYWORDS = frozenset({"reverse", "start", "default"})

RUNTIME_ERRORS = (ArithmeticError, AttributeError, LookupError, MemoryError, NameError, RuntimeError, TypeError)
"""With ValueError all that accepted code can raise: it has no `raise`, no import, no file, no iterator of its own."""

Stepped = TypeVar("Stepped", ast.For, ast.While, ast.FunctionDef)


class RefusedCodeError(ValueError):
    """The code is not Python, uses something that is not listed, or failed or ran over its budget when called."""


def run_function(source: str, name: str, cases: Sequence[Sequence[object]]) -> list[object]:
    """The results of calling the function `name` of `source` with each case's arguments.

    Raises `RefusedCodeError` where the code may not run, or where any call fails.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise RefusedCodeError(f"{len(source)} characters of code; at most {MAX_SOURCE_CHARS} are read")
    scope: dict[str, object] = {**BUILTINS, **CHECKED, "_step": _Meter().step, "__builtins__": {}}
    try:
        exec(compile(_accepted_tree(source), "<answer>", "exec"), scope)  # noqa: S102 - the tree passed the lists above
        return [_call_function(scope, name, case) for case in cases]
    except RefusedCodeError:
        raise
    except (SyntaxError, ValueError, *RUNTIME_ERRORS) as error:
        raise RefusedCodeError(f"{name} failed with {type(error).__name__}: {error}") from error


def _call_function(scope: Mapping[str, object], name: str, case: Sequence[object]) -> object:
    function = scope.get(name)
    if not callable(function):
        raise RefusedCodeError(f"no function {name} in the answer")
    return function(*copy.deepcopy(tuple(case)))


def _accepted_tree(source: str) -> ast.Module:
    tree = ast.parse(source)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if not all(isinstance(statement, ast.FunctionDef) for statement in tree.body):
        raise RefusedCodeError("only functions may stand at the top level")
    for node in ast.walk(tree):
        if not _is_listed(node, called):
            raise RefusedCodeError(f"line {getattr(node, 'lineno', 1)}: this {type(node).__name__} is not on the list")
    rewritten: ast.Module = ast.fix_missing_locations(_Rewriter().visit(tree))
    return rewritten


def _is_listed(node: ast.AST, called: set[int]) -> bool:
    """Whether a node may run; `called` are the ids of the nodes that stand for the function in a call."""
    match node:
        case ast.FunctionDef():
            extras = (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults)
            listed = not node.name.startswith("_") and not extras
        case ast.Name(id=name) | ast.arg(arg=name):
            listed = not name.startswith("_")
        case ast.Attribute():
            listed = node.attr in METHODS and id(node) in called
        case ast.keyword():
            listed = node.arg in KEYWORDS
        case ast.Constant():
            listed = isinstance(node.value, str | float | None) or (
                isinstance(node.value, int) and node.value <= MAX_INTEGER
            )
        case ast.Subscript():  # x[1:] = x would grow x past every check
            listed = not (isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Slice))
        case _:
            listed = True
    return listed and isinstance(node, SYNTAX)


class _Rewriter(ast.NodeTransformer):
    """Puts the steps and the size checks into an accepted tree."""

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._with_step(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._with_step(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._with_step(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _call("_step"))
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _checked(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        before = copy.deepcopy(node.target)
        before.ctx = ast.Load()
        return ast.Assign(targets=[node.target], value=_checked(ast.BinOp(left=before, op=node.op, right=node.value)))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            return _call("_join", node.func.value, *node.args)
        return node

    def _with_step(self, node: Stepped) -> Stepped:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(value=_call("_step")))
        return node


def _checked(node: ast.BinOp) -> ast.expr:
    name = {ast.Add: "_add", ast.Mult: "_multiply", ast.Mod: "_modulo"}.get(type(node.op))
    return _call(name, node.left, node.right) if name else node


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])


class _Meter:
    """Counts the steps of one run, all its calls together."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = 0

    def step(self) -> bool:
        """Takes a step; true, so that it can stand in a comprehension's condition."""
        self.taken += 1
        if self.taken > MAX_STEPS:
            raise RefusedCodeError(f"more than {MAX_STEPS} steps")
        return True


def _within(size: int) -> None:
    if size > MAX_SIZE:
        raise RefusedCodeError(f"a value of size {size}; at most {MAX_SIZE} is allowed")


def _size(value: object) -> int:
    """How many elements or characters, or for a whole number how many bits; anything else counts as one."""
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, Sized) else 1


def _add(left: object, right: object) -> object:
    _within(_size(left) + _size(right))
    return left + right  # type: ignore[operator]


def _multiply(left: object, right: object) -> object:
    for sized, times in ((left, right), (right, left)):
        if isinstance(sized, Sized) and isinstance(times, int):
            _within(len(sized) * times)
    _within(_size(left) + _size(right))
    return left * right  # type: ignore[operator]


def _modulo(left: object, right: object) -> object:
    if isinstance(left, str):  # "%999999999d" % 1
        raise RefusedCodeError("% formats no text here")
    return left % right  # type: ignore[operator]


def _join(separator: str, parts: Iterable[str]) -> str:
    texts = list(parts)
    _within(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    _within(len(numbers))
    return numbers


def _sum(values: Iterable[float], start: float = 0) -> float:
    return sum((value + 0 for value in values), start + 0)


def _text(value: object = "") -> str:
    if not isinstance(value, str | int | float | None):
        raise RefusedCodeError("only numbers and text become text here")
    return str(value)


BUILTINS: dict[str, Callable[..., object]] = {
    **{
        f.__name__: f for f in (abs, all, any, bool, dict, divmod, enumerate, float, int, len, list, max, min, reversed)
    },
    **{f.__name__: f for f in (set, sorted, tuple, zip)},
    "range": _range,
    "sum": _sum,
    "str": _text,
}
CHECKED: dict[str, Callable[..., object]] = {"_add": _add, "_multiply": _multiply, "_modulo": _modulo, "_join": _join}
