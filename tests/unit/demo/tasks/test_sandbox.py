"""Rules of the sandbox: listed Python runs as Python; everything else is refused, and nothing runs for long."""

from __future__ import annotations

import pytest

from gateway.demo.tasks.sandbox import MAX_SIZE, MAX_STEPS, RefusedCodeError, run_function


def run(body: str, *arguments: object) -> object:
    """The result of a function f(x) with this body."""
    indented = "\n".join(f"    {line}" for line in body.split("\n"))
    return run_function(f"def f(x):\n{indented}", "f", [arguments])[0]


@pytest.mark.parametrize(
    ("body", "argument", "expected"),
    [
        ("return sorted(set(x), reverse=True)", [3, 1, 3], [3, 1]),
        ("return {w: len(w) for w in x if w}", ["ab", ""], {"ab": 2}),
        ("total = 0\nfor n in range(x):\n    total += n * 2\nreturn total", 5, 20),
        ("while x > 9:\n    x = x // 10\nreturn x", 8123, 8),
        ("counts = {}\nfor c in x:\n    counts[c] = counts.get(c, 0) + 1\nreturn counts", "aab", {"a": 2, "b": 1}),
        ("counts = [0, 0]\nfor n in x:\n    counts[n % 2] += 1\nreturn counts", [1, 2, 3], [1, 2]),
        ('return "-".join(x.upper().split())', "a b", "A-B"),
        ("return [str(n) for n in x][::-1]", [1, 2], ["2", "1"]),
        ("return sum(n for n in x) / len(x)", [1, 2], 1.5),
        ("return [0] * x + [1]", 2, [0, 0, 1]),
    ],
)
def test_listed_code_gives_what_python_gives(body: str, argument: object, expected: object) -> None:
    """Steps and size checks do not change a result."""
    assert run(body, argument) == expected


def test_functions_may_call_each_other() -> None:
    """Helper functions and recursion are fine within the budget."""
    source = "def g(n):\n    return n if n < 2 else g(n - 1) + g(n - 2)\ndef f(n):\n    return g(n)"
    assert run_function(source, "f", [(7,), (10,)]) == [13, 55]


@pytest.mark.parametrize(
    "body",
    [
        "import os\nreturn 1",
        "from os import path\nreturn 1",
        "return open(x)",
        "return eval(x)",
        "return exec(x)",
        "return getattr(x, x)",
        "return __import__(x)",
        "return x.__class__",
        "return x.__class__()",
        "return x.format(x)",
        "return ().__class__.__bases__[0].__subclasses__()",
        "return x.append",
        "return f'{x}'",
        "return (lambda: 1)()",
        "global y\nreturn 1",
        "try:\n    return 1\nexcept ValueError:\n    return 2",
        "raise ValueError",
        "assert x",
        "del x\nreturn 1",
        "class A:\n    pass\nreturn A",
        "with x:\n    return 1",
        "yield 1",
        "return _step()",
        "_step = x\nreturn 1",
        "def _add(a, b):\n    return 1\nreturn 1",
        "def g(a=[]):\n    return a\nreturn g()",
        "@x\ndef g():\n    return 1\nreturn 1",
        "return max(*x)",
        "return dict(**x)",
        "return sorted(x, key=len)",
        "return (y := 1)",
        "return x ** x",
        "return x << x",
        "return b''",
        "x.name = 1\nreturn x",
    ],
)
def test_what_is_not_listed_is_refused(body: str) -> None:
    """Imports, files, reflection, private names, and syntax that could hide the budget's end."""
    with pytest.raises(RefusedCodeError):
        run(body, "text")


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    pass",
        "for i in range(2000):\n    for j in range(2000):\n        pass",
        "return [1 for i in range(2000) for j in range(2000)]",
        "return f(x)",
        "return f(x) + f(x)",
        "return sum(range(1000000000000))",
        "return list(range(1000000000000))",
        "return 'a' * 1000000000",
        "return 1000000000 * [0]",
        "while True:\n    x = x + x",
        "while True:\n    x += x",
        "while True:\n    x = x.join(x)",
        "n = 99\nwhile True:\n    n = n * n",
        "y = [1]\nwhile True:\n    y[0:] = y",
        "return '%999999999d' % 1",
        "y = []\nwhile True:\n    y.append(y)\n    z = str(y)",
        "return 10000000000000",
    ],
)
def test_nothing_runs_or_grows_for_long(body: str) -> None:
    """Endless loops, endless recursion and values that double end in a refusal, not in a hung or swollen process."""
    with pytest.raises(RefusedCodeError):
        run(body, "text")


@pytest.mark.parametrize(
    "body", ["return 1 / 0", "return x[9]", "return y", "return x.pop()", "return int(x)", "return x + 1"]
)
def test_failing_code_is_refused(body: str) -> None:
    """An exception in the answer's code is the answer's fault and never leaves as it is."""
    with pytest.raises(RefusedCodeError):
        run(body, "text")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "f = 1",
        "def f(x:\n",
        "\0",
        "x" * 5_000,
        "def f(x):\n    break",
        "print('hello')",
        "-" * 3_000 + "1",
        "(" * 3_000,
    ],
)
def test_what_is_no_function_is_refused(source: str) -> None:
    """Not Python, no function of the name asked for, statements outside functions, or nesting without end."""
    with pytest.raises(RefusedCodeError):
        run_function(source, "f", [(1,)])


def test_the_budget_covers_all_cases_together() -> None:
    """Ten cases of a third of the budget each run over it; two do not."""
    source = f"def f(x):\n    n = 0\n    while n < {MAX_STEPS // 3}:\n        n += 1\n    return n"
    assert run_function(source, "f", [(0,), (0,)]) == [MAX_STEPS // 3] * 2
    with pytest.raises(RefusedCodeError, match="steps"):
        run_function(source, "f", [(0,)] * 10)


def test_values_may_reach_the_limit_but_not_pass_it() -> None:
    """The size limit is inclusive."""
    assert run("return [0] * x", MAX_SIZE - 32) == [0] * (MAX_SIZE - 32)
    with pytest.raises(RefusedCodeError, match="size"):
        run("return [0] * x", MAX_SIZE + 1)


def test_arguments_are_copied() -> None:
    """Code that changes its argument cannot spoil the case for the next answer."""
    case = ([1, 2],)
    run_function("def f(x):\n    x.append(3)\n    return x", "f", [case])
    assert case == ([1, 2],)
