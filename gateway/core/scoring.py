"""The quality of an answer without labels: named signals in [0, 1] and what they say together.

quality = gate * sum(weight_i * signal_i) / sum(weight_i) over the signals that apply. The mean alone would let a
refusal or broken JSON pass as a good answer because everything else about it is fine, so some signals are also gates:
gate = the smallest floor_g + (1 - floor_g) * signal_g. An empty answer is worth 0 whatever else holds; a refusal, a
loop, broken JSON or an unusable tool call leave at most a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    # One plain function: a layer per signal would cost more than most signals do.
    weights = settings.weights
    signals: dict[str, float] = {}
    text, reason, calls = ending.visible(completion.text), completion.finish_reason, completion.tool_calls
    if ending.is_blank(text):
        text = ""
    if weights["finish"] > 0.0 and (value := ending.finish(reason)) is not None:
        signals["finish"] = value
    if weights["nonempty"] > 0.0:
        signals["nonempty"] = 1.0 if text or calls or completion.refusal else 0.0
    # Beside a tool call, text is a remark and no answer.
    answer = "" if calls else text
    if weights["refusal"] > 0.0 and not calls:
        value = refusal(text, said=completion.refusal, filtered=ending.is_filtered(reason))
        if value is not None:
            signals["refusal"] = value
    if weights["truncation"] > 0.0:
        signals["truncation"] = ending.truncation(answer, reason)
    if weights["repetition"] > 0.0 and text:
        signals["repetition"] = repetition(text)
    wants_json = structure.wants_json(request.body)
    if wants_json and not calls:
        signals.update(_form(request, text, weights))
    if weights["tool_arguments"] > 0.0 and (value := structure.tool_arguments(request.body, completion)) is not None:
        signals["tool_arguments"] = value
    # The keys of JSON are rarely in the language of the prompt.
    if weights["language"] > 0.0 and answer and not wants_json and (value := language(request, answer)) is not None:
        signals["language"] = value
    if weights["length"] > 0.0 and answer and request.hints.output_length is not None:
        value = length(answer, completion.tokens_out, request.hints.output_length)
        if value is not None:
            signals["length"] = value
    return Scored(signals=signals, quality=_together(signals, weights))


def _form(request: ChatRequest, text: str, weights: Mapping[str, float]) -> dict[str, float]:
    judged = structure.json_and_schema(
        request.body, text, judge_json=weights["json"] > 0.0, judge_schema=weights["schema"] > 0.0
    )
    return {name: value for name, value in zip(("json", "schema"), judged, strict=True) if value is not None}


def _together(signals: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    total = gained = 0.0
    gate = 1.0
    for name, value in signals.items():
        weight = weights[name]
        total += weight
        gained += weight * value
        if value < 1.0 and name in GATES:
            floor = GATES[name]
            gate = min(gate, floor + (1.0 - floor) * value)
    return min(1.0, gained / total * gate) if total > 0.0 else None
