"""From a request to a named, versioned vector: what the learner knows of a request before the call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, MaxLen

from gateway.core.custom import CustomFeature
from gateway.core.language import GROUPS, estimate_tokens, group_of, script_shares
from gateway.core.tasks import FAMILIES, Signs, family_of, infer, signs_of, task_word
from gateway.core.text import Reading, View, direction, hashed_words, read, shape_of, view_of, words_of
from gateway.core.values import ChatRequest, RequestContext

__all__ = ["CustomFeature", "Describer", "FeatureSchema", "FeatureSettings", "build_schema"]

VERSION = 1
"""To be raised with every change of what a coordinate means: statistics hold for one meaning only."""
MAX_CUSTOM_DIMENSIONS = 256
TASK_WORD_DIMENSIONS = 8
LANGUAGE_HINT_DIMENSIONS = 4
SYSTEM_WORDS = 24
TOKENS_PER_IMAGE = 800
TOKENS_PER_AUDIO = 500
TOKENS_PER_TOOL = 100

# Prior scales: a coordinate scaled by s has, under a ridge of 1, a prior variance of s^2, so what is mostly noise is
# given little to say. Measured on llmrouter9, mmlupro, zeroeval and paretobandit3/4, greedy choice after 500 to 3,000
# requests: hashed words at 0.5 instead of 0.15 cost 0.001 to 0.014 of reward on four of the five and gain up to 0.002
# on the fifth; leaving out hours and weekdays at 0.15, where they are noise, gains up to 0.004.
TASK_SCALE = 0.7
FLAG_SCALE = 0.5
TEXT_SCALE = 0.12
TIME_SCALE = 0.1

_BASE10 = (
    "prompt_length",
    "output_length",
    "priority",
    "hour_cos",
    "hour_sin",
    "weekday_cos",
    "weekday_sin",
    "task_code",
    "bias",
    "reserved",
)
_SCALARS = ("bias", *_BASE10[:7], "lines", "capitals", "punctuation")
_FLAGS = ("code", "math", "choices", "json", "tools", "images", "multi_turn", "system")
_TASK_CODES = {"classification": 0.0, "generation": 0.33, "extraction": 0.67, "summarization": 1.0}
_AS_HINTED = {"code": "code_generation", "creative": "generation"}
_TASKS = {family: [TASK_SCALE * (family == name) for name in FAMILIES] for family in FAMILIES}
_NO_TASK = [0.0] * len(FAMILIES)
_LANGUAGES = {group: [FLAG_SCALE * (group == name) for name in GROUPS] for group in GROUPS}
_LENGTHS = {"short": 0.0, "medium": 0.5, "long": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """The `features:` section. ValueError for an option that would be ignored."""

    set: Literal["default", "base10"] = "default"
    """`base10`: ten engineered numbers; `default`: task, language, shape and words of the text as well."""
    text_dimensions: Annotated[int, Interval(ge=0, le=256)] = 32
    """Coordinates for the hashed words of the text, in the default set only."""
    custom: Annotated[tuple[CustomFeature, ...], MaxLen(64)] = ()

    def __post_init__(self) -> None:
        if self.set == "base10" and self.text_dimensions not in (0, 32):
            raise ValueError("text_dimensions belongs to the set 'default': 'base10' looks at no words")
        if len({feature.key for feature in self.custom}) < len(self.custom):
            raise ValueError("custom features must have different keys")
        if sum(len(feature.names) for feature in self.custom) > MAX_CUSTOM_DIMENSIONS:
            raise ValueError(f"custom features must not have more than {MAX_CUSTOM_DIMENSIONS} coordinates together")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSchema:
    """What the coordinates of a feature vector mean."""

    name: str
    version: int
    names: tuple[str, ...]
    """One name per coordinate."""
    bias: int
    """Index of the coordinate that is always 1."""
    fingerprint: str
    """Name, version and a hash of all that a coordinate's meaning depends on."""

    @property
    def dimension(self) -> int:
        """d, the length of the vector."""
        return len(self.names)


def build_schema(settings: FeatureSettings) -> FeatureSchema:
    """The schema of the vectors that a `Describer` with these settings makes."""
    if settings.set == "base10":
        names: tuple[str, ...] = _BASE10
        scales: tuple[float, ...] = ()
    else:
        names = (
            *_SCALARS,
            *(f"task.{family}" for family in FAMILIES),
            *(f"task_word.{i}" for i in range(TASK_WORD_DIMENSIONS)),
            *(f"flag.{flag}" for flag in _FLAGS),
            *(f"language.{group}" for group in GROUPS),
            *(f"language_hint.{i}" for i in range(LANGUAGE_HINT_DIMENSIONS)),
            *(f"text.{i}" for i in range(settings.text_dimensions)),
        )
        scales = (TASK_SCALE, FLAG_SCALE, TEXT_SCALE, TIME_SCALE)
    names = (*names, *(name for feature in settings.custom for name in feature.names))
    meaning = repr((names, scales, [(f.kind, float(f.low), float(f.high)) for f in settings.custom]))
    digest = blake2b(meaning.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return FeatureSchema(
        name=settings.set,
        version=VERSION,
        names=names,
        bias=names.index("bias"),
        fingerprint=f"{settings.set}/{VERSION}:{digest}",
    )


class Describer:
    """Turns requests into contexts; built once, safe to share, of bounded cost whatever the length of the request."""

    def __init__(self, settings: FeatureSettings) -> None:
        self.settings = settings
        self.schema = build_schema(settings)

    def describe(self, request: ChatRequest, local_time: datetime) -> RequestContext:
        """What is known of a request before the call, at this local time. Never raises, whatever the body holds."""
        seen = _look(request)
        base = _base10(request, seen, local_time)
        words = self.settings.text_dimensions
        numbers = base if self.settings.set == "base10" else _default(request, seen, base, words)
        for feature in self.settings.custom:
            numbers += feature.encode(feature.value(request))
        features = np.array(numbers, dtype=np.float64)
        features.setflags(write=False)
        return RequestContext(
            unit=request.unit,
            task_type=seen.task,
            tokens_in=seen.tokens,
            features=features,
            schema=self.schema.fingerprint,
        )


@dataclass(frozen=True, slots=True)
class _Sight:
    """What every set of features is computed from."""

    reading: Reading
    view: View
    signs: Signs
    shares: dict[str, float]
    hint: str | None
    task: str
    tokens: int
    tools: int
    json_asked: bool


def _look(request: ChatRequest) -> _Sight:
    reading = read(request.messages)
    shares = script_shares(reading.user)
    view = view_of(reading.user)
    signs = signs_of(view)
    tools = _tools(request)
    json_asked = _json_format(request) or b"json" in view.vocabulary
    hint = task_word(request.hints.task_type)
    tokens = estimate_tokens(reading.characters, shares)
    tokens += reading.images * TOKENS_PER_IMAGE + reading.audio * TOKENS_PER_AUDIO + tools * TOKENS_PER_TOOL
    return _Sight(
        reading=reading,
        view=view,
        signs=signs,
        shares=shares,
        hint=hint,
        task=hint or infer(view, signs, has_tools=tools > 0, json_asked=json_asked, multi_turn=reading.multi_turn),
        tokens=tokens,
        tools=tools,
        json_asked=json_asked,
    )


def _base10(request: ChatRequest, seen: _Sight, local_time: datetime) -> list[float]:
    hour = 2.0 * math.pi * local_time.hour / 24.0
    weekday = 2.0 * math.pi * local_time.weekday() / 7.0
    word = _AS_HINTED.get(seen.task, seen.task) if seen.hint is None else seen.task
    return [
        min(1.0, math.log1p(seen.tokens) / 10.0),
        _output_length(request),
        min(10, max(0, request.hints.priority)) / 10.0,
        math.cos(hour),
        math.sin(hour),
        math.cos(weekday),
        math.sin(weekday),
        # The last part decides, so that code_generation is a generation, as in Lesson 5's documented vector.
        _TASK_CODES.get(word.rpartition("_")[2], 0.5),
        1.0,
        0.0,
    ]


def _default(request: ChatRequest, seen: _Sight, base: list[float], text_dimensions: int) -> list[float]:
    length, output, priority, *times = base[:7]
    reading = seen.reading
    # What is usual becomes 0, so that it says the same as the bias: 150 tokens, medium output, priority 5.
    numbers = [1.0, *(FLAG_SCALE * value for value in (2.0 * length - 1.0, 2.0 * output - 1.0, 2.0 * priority - 1.0))]
    numbers += [TIME_SCALE * value for value in times]
    numbers += [FLAG_SCALE * value for value in shape_of(reading.user)]
    numbers += _task_block(seen)
    flags = (
        seen.signs.code,
        seen.signs.math,
        seen.signs.choices,
        seen.json_asked,
        seen.tools > 0,
        reading.images > 0,
        reading.multi_turn,
        bool(reading.system),
    )
    numbers += [FLAG_SCALE * flag for flag in flags]
    hint = request.hints.language
    language = hint[:64].strip().lower() if isinstance(hint, str) else ""
    group = group_of(seen.shares, seen.view.vocabulary, language)
    numbers += _LANGUAGES[group]
    numbers += _scaled_direction(language, LANGUAGE_HINT_DIMENSIONS, FLAG_SCALE)
    words = seen.view.words + words_of(reading.system.lower())[:SYSTEM_WORDS]
    numbers += (TEXT_SCALE * hashed_words(words, text_dimensions)).tolist()
    return numbers


def _task_block(seen: _Sight) -> list[float]:
    family, exact = family_of(seen.task)
    own = "" if exact else seen.task
    return (_TASKS[family] if family else _NO_TASK) + _scaled_direction(own, TASK_WORD_DIMENSIONS, TASK_SCALE)


def _scaled_direction(word: str, dimensions: int, scale: float) -> list[float]:
    return (scale * direction(word, dimensions)).tolist() if word else [0.0] * dimensions


def _output_length(request: ChatRequest) -> float:
    """0 for less than 100 tokens, 1 for more than 500, else one half."""
    hinted = _LENGTHS.get(str(request.hints.output_length))
    if hinted is not None:
        return hinted
    limit = request.max_tokens
    if limit is None:
        return 0.5
    return 0.0 if limit < 100 else 1.0 if limit > 500 else 0.5


def _tools(request: ChatRequest) -> int:
    return sum(len(given) for key in ("tools", "functions") if isinstance(given := request.body.get(key), list))


def _json_format(request: ChatRequest) -> bool:
    wanted = request.body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return isinstance(kind, str) and kind.startswith("json")
