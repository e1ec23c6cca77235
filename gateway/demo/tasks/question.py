"""What a checkable question is: a prompt, and a solution that answers it rightly or wrongly and tells the two apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

Style = Literal["terse", "plain", "verbose"]
"""How much a model says around its answer; it changes tokens and so cost, never whether the answer is right."""


class Solution(Protocol):
    """What is known about one question's answer."""

    def check(self, text: str) -> float:
        """Quality in [0, 1] of an answer, measured from its text alone: 1 is fully right, below 0.5 is not usable."""
        ...

    def right_answer(self, style: Style) -> str:
        """A text that checks to 1."""
        ...

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """A plausible text that checks below 0.5."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question before it has a number: what one kind of task draws."""

    prompt: str
    solution: Solution
    extras: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request of the demo's traffic; `prompt` is unique within its run, so a provider can recognise it.

    `extras` are further fields of the chat completion body, such as `response_format`.
    """

    id: int
    task: str
    prompt: str
    solution: Solution
    extras: Mapping[str, object] = field(default_factory=dict)

    @property
    def messages(self) -> list[dict[str, str]]:
        """OpenAI's `messages`: the prompt as a single user turn."""
        return [{"role": "user", "content": self.prompt}]

    def body(self, model: str) -> dict[str, object]:
        """A chat completion body for `model`, ready to be sent."""
        return {"model": model, "messages": self.messages, **self.extras}
