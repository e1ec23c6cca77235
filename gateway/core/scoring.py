"""The quality of an answer without labels: named signals in [0, 1] and what they say together.

quality = gate * sum(weight_i * signal_i) / sum(weight_i) over the signals that apply. The mean alone would let a
refusal or broken JSON pass as a good answer because everything else about it is fine, so some signals are also gates:
gate = the smallest floor_g + (1 - floor_g) * signal_g. An empty answer is worth 0 whatever else holds; a refusal, a
loop, broken JSON or an unusable tool call leave at most a fifth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated

from annotated_types import Ge

from gateway.core.signals import ending, structure
from gateway.core.signals.language import language
from gateway.core.signals.length import length
from gateway.core.signals.refusal import refusal
from gateway.core.signals.repetition import repetition
from gateway.core.values import ChatRequest, Completion

Judge = Callable[[ChatRequest, Completion, str], float | None]

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "finish": 1.0,  # ended by itself 1, cut by a token limit 0.5, filtered 0
    "nonempty": 1.0,  # there is text, a tool call or a stated refusal
    "refusal": 2.0,  # 1: does not refuse
    "truncation": 2.0,  # 1: looks whole
    "repetition": 2.0,  # 1: does not run in circles
    "json": 2.0,  # where JSON was asked for
    "schema": 3.0,  # where a JSON schema was given
    "tool_arguments": 3.0,  # where tools were called, or had to be
    "language": 2.0,  # where both languages can be told
    "length": 1.0,  # where a length was hinted
}
"""Weights of the signals; only ratios matter."""

GATES: Mapping[str, float] = {
    "nonempty": 0.0,
    "refusal": 0.2,
    "repetition": 0.2,
    "json": 0.2,
    "schema": 0.2,
    "tool_arguments": 0.2,
}
"""Signals that cap the quality, with the share of it that survives a 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringSettings:
    """How signals add up: a policy's `scoring:` section. ValueError for an unknown signal or an impossible weight."""

    weights: Mapping[str, Annotated[float, Ge(0.0)]] = field(default_factory=dict)
    """Weights by signal. A partial mapping changes only what it names; 0 switches a signal (and its gate) off."""

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if name not in DEFAULT_WEIGHTS:
                near = get_close_matches(str(name), DEFAULT_WEIGHTS, n=1)
                known = f"did you mean {near[0]!r}? " if near else ""
                raise ValueError(f"unknown signal {name!r}: {known}known are {', '.join(DEFAULT_WEIGHTS)}")
            if not _is_weight(weight):
                raise ValueError(f"the weight of {name} must be a number from 0 to 1000000, not {weight!r}")
        object.__setattr__(self, "weights", {**DEFAULT_WEIGHTS, **self.weights})


def _is_weight(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool) and 0.0 <= given <= 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What is to be said of an answer."""

    signals: Mapping[str, float]
    """Signals that apply and are switched on, each in [0, 1]."""
    quality: float | None
    """In [0, 1]; None if every signal that applies is switched off."""


def score(request: ChatRequest, completion: Completion, settings: ScoringSettings) -> Scored:
    """Judge an answer. Never raises for any text, JSON or schema; bounded work however long the answer."""
    text = ending.visible(completion.text)
    if ending.is_blank(text):
        text = ""
    signals: dict[str, float] = {}
    for name, judge in _JUDGES.items():
        if settings.weights[name] > 0.0 and (value := judge(request, completion, text)) is not None:
            signals[name] = value
    return Scored(signals=signals, quality=_together(signals, settings.weights))


def _together(signals: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    total = sum(weights[name] for name in signals)
    if total <= 0.0:
        return None
    mean = sum(weights[name] * value for name, value in signals.items()) / total
    gates = (floor + (1.0 - floor) * signals[name] for name, floor in GATES.items() if name in signals)
    return min(1.0, max(0.0, mean * min(gates, default=1.0)))


def _nonempty(_: ChatRequest, completion: Completion, text: str) -> float:
    return float(bool(text or completion.tool_calls or completion.refusal))


def _prose(judge: Judge) -> Judge:
    """Judge the text only where it is the answer: beside a tool call it is a remark."""

    def prose(request: ChatRequest, completion: Completion, text: str) -> float | None:
        return None if completion.tool_calls else judge(request, completion, text)

    return prose


def _written(judge: Judge) -> Judge:
    """The same, and only where there is any."""
    return _prose(lambda request, completion, text: judge(request, completion, text) if text else None)


_JUDGES: Mapping[str, Judge] = {
    "finish": lambda _, completion, __: ending.finish(completion.finish_reason),
    "nonempty": _nonempty,
    "refusal": _prose(
        lambda _, completion, text: refusal(
            text, said=completion.refusal, filtered=ending.is_filtered(completion.finish_reason)
        )
    ),
    "truncation": lambda _, completion, text: ending.truncation(
        "" if completion.tool_calls else text, completion.finish_reason
    ),
    "repetition": lambda _, __, text: repetition(text) if text else None,
    "json": _prose(lambda request, _, text: structure.json_validity(request.body, text)),
    "schema": _prose(lambda request, _, text: structure.schema_validity(request.body, text)),
    "tool_arguments": lambda request, completion, _: structure.tool_arguments(request.body, completion),
    # The keys of JSON are rarely in the language of the prompt.
    "language": _written(
        lambda request, _, text: None if structure.wants_json(request.body) else language(request, text)
    ),
    "length": _written(
        lambda request, completion, text: length(text, completion.tokens_out, request.hints.output_length)
    ),
}
