"""Writing a small Python function, checked by running it on inputs the prompt does not show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, whole
from gateway.demo.tasks.exercises import EXERCISES
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.sandbox import RefusedCodeError, run_function

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.exercises import Case
    from gateway.demo.tasks.question import Style

FENCE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)

WORDINGS = (
    "Write a Python function `{name}({parameter})` that {what}. For example, {example}.",
    "Implement a function named {name} in Python. It takes {parameter} and {what}. Example: {example}. Code only.",
    "I need Python code: def {name}({parameter}) which {what}. It must satisfy {example}.",
    "Please code this in Python.\n\nThe function {name}({parameter}) {what}.\n\n>>> {call}\n{result!r}",
)

SUFFIXES = ("", "_v2", "_fast", "_of", "_in", "_simple")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSolution:
    """The function's name, the results expected for the test cases, and texts of right and buggy code."""

    name: str
    cases: tuple[Case, ...]
    expected: tuple[object, ...]
    right: str
    bugs: tuple[str, ...]

    def check(self, text: str) -> float:
        """1 where the answer's function gives every expected result, of the expected type; else 0, as in HumanEval."""
        fenced = FENCE.search(text)
        try:
            results = run_function(fenced.group(1) if fenced else text, self.name, self.cases)
        except RefusedCodeError:
            return 0.0
        same = (
            type(found) is type(right) and found == right for found, right in zip(results, self.expected, strict=True)
        )
        return 1.0 if all(same) else 0.0

    def right_answer(self, style: Style) -> str:
        """Code that passes."""
        return self._phrase(self.right, style)

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """Code with a bug, or that does not parse."""
        if whole(rng, 0, 7) == 0:
            return self._phrase(self.right.replace(":\n", "\n", 1), style)
        return self._phrase(pick(rng, self.bugs), style)

    def _phrase(self, code: str, style: Style) -> str:
        if style == "terse":
            return code
        fenced = f"```python\n{code}\n```"
        if style == "plain":
            return f"{fenced}\nThe function does not change its argument."
        return (
            f"Here is an implementation of `{self.name}` in plain Python, without any imports.\n\n{fenced}\n\n"
            f"It walks over the argument, builds the result step by step and returns it. The argument itself is left "
            f"unchanged, so the function can be called repeatedly. The running time grows with the length of the "
            f"input, and an empty input needs no special case. You may want to add type hints and a few unit tests."
        )


def ask(rng: np.random.Generator) -> Draft:
    """Draws an exercise and its test cases; the first of them is shown in the prompt."""
    exercise, k = pick(rng, EXERCISES), whole(rng, 2, 6)
    name = exercise.name + pick(rng, SUFFIXES)
    shown, *hidden = (*exercise.cases(rng, k), *exercise.cases(rng, k))
    head = f"def {name}({exercise.parameter}):\n"
    cases = tuple(hidden)
    call, result = f"{name}({shown[0]!r})", exercise.reference(*shown, k)
    prompt = pick(rng, WORDINGS).format(
        name=name,
        parameter=exercise.parameter,
        what=exercise.what.format(k=k),
        example=f"{call} returns {result!r}",
        call=call,
        result=result,
    )
    solution = FunctionSolution(
        name=name,
        cases=cases,
        expected=tuple(exercise.reference(*case, k) for case in cases),
        right=head + exercise.right.format(k=k),
        bugs=tuple(head + bug.format(k=k) for bug in exercise.bugs),
    )
    return Draft(prompt=prompt, solution=solution)
