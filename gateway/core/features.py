"""From a request to a named, versioned vector: what the learner knows of a request before the call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Interval, MaxLen

from gateway.core import language, tasks
from gateway.core.custom import CustomFeature
from gateway.core.language import GROUPS, estimate_tokens, group_of, script_shares
from gateway.core.signs import Signs, signs_of
from gateway.core.tasks import FAMILIES, family_of, infer, task_word
from gateway.core.text import Reading, View, direction, first_words, hashed_words, read, shape_of, view_of
from gateway.core.values import ChatRequest, FloatArray, Json, RequestContext

__all__ = ["CustomFeature", "Describer", "FeatureSchema", "FeatureSettings", "build_schema"]

VERSION = 2
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

_TIME = ("hour_cos", "hour_sin", "weekday_cos", "weekday_sin")
_BASE10 = ("prompt_length", "output_length", "priority", *_TIME, "task_code", "bias", "reserved")
_SCALARS = ("bias", *_BASE10[:7], "lines", "capitals", "punctuation")
_FLAGS = ("code", "math", "choices", "json", "tools", "images", "multi_turn", "system")
_TASK_CODES = {"classification": 0.0, "generation": 0.33, "extraction": 0.67, "summarization": 1.0}
_AS_HINTED = {"code": "code_generation", "creative": "generation"}
_LENGTHS: Mapping[str | None, float] = {"short": 0.0, "medium": 0.5, "long": 1.0}
_TELLING = tasks.TELLING | language.TELLING | {b"json"}

_TEXT_SCALE = np.array(TEXT_SCALE)
_TASK_AT = len(_SCALARS)
_TASK_WORD_AT = _TASK_AT + len(FAMILIES)
_FLAGS_AT = _TASK_WORD_AT + TASK_WORD_DIMENSIONS
_LANGUAGE_AT = _FLAGS_AT + len(_FLAGS)
_HINT_AT = _LANGUAGE_AT + len(GROUPS)
_TEXT_AT = _HINT_AT + LANGUAGE_HINT_DIMENSIONS
_TASK_PLACES = {family: place for place, family in enumerate(FAMILIES, _TASK_AT)}
_LANGUAGE_PLACES = {group: place for place, group in enumerate(GROUPS, _LANGUAGE_AT)}


def _round_the_clock(weekday: int, hour: int) -> tuple[float, float, float, float]:
    by_hour, by_day = 2.0 * math.pi * hour / 24.0, 2.0 * math.pi * weekday / 7.0
    return math.cos(by_hour), math.sin(by_hour), math.cos(by_day), math.sin(by_day)


_TIMES = [[_round_the_clock(weekday, hour) for hour in range(24)] for weekday in range(7)]
_SCALED_TIMES = [[tuple(TIME_SCALE * value for value in time) for time in times] for times in _TIMES]


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
        self._fingerprint = self.schema.fingerprint
        self._dimension = self.schema.dimension
        self._is_base10 = settings.set == "base10"
        self._text_end = self._dimension - sum(len(feature.names) for feature in settings.custom)

    def describe(self, request: ChatRequest, local_time: datetime) -> RequestContext:
        """What is known of a request before the call, at this local time. Never raises, whatever the body holds.

        Of the time only the hour and the day of the week count.
        """
        seen = _look(request)
        features = np.zeros(self._dimension)
        if self._is_base10:
            _put_base10(features, request, seen, local_time)
        else:
            _put_default(features, request, seen, local_time, self._text_end)
        if self.settings.custom:
            features[self._text_end :] = [
                number for feature in self.settings.custom for number in feature.encode(feature.value(request))
            ]
        features.setflags(write=False)
        return RequestContext(
            unit=request.unit,
            task_type=seen.task,
            tokens_in=seen.tokens,
            features=features,
            schema=self._fingerprint,
        )


class _Sight(NamedTuple):
    """What every set of features is computed from."""

    reading: Reading
    view: View
    telling: Set[bytes]
    signs: Signs
    shares: Mapping[str, float]
    hint: str | None
    task: str
    tokens: int
    tools: int
    json_asked: bool


def _look(request: ChatRequest) -> _Sight:
    reading = read(request.messages)
    shares = script_shares(reading.user)
    view = view_of(reading.user)
    telling = _TELLING.intersection(view.words)
    signs = signs_of(view)
    tools = _tools(request.body)
    json_asked = _json_format(request.body) or b"json" in telling
    tokens = estimate_tokens(reading.characters, shares)
    tokens += reading.images * TOKENS_PER_IMAGE + reading.audio * TOKENS_PER_AUDIO + tools * TOKENS_PER_TOOL
    hint = task_word(request.hints.task_type)
    task = hint or infer(
        view, telling, signs, has_tools=tools > 0, json_asked=json_asked, multi_turn=reading.multi_turn
    )
    return _Sight(reading, view, telling, signs, shares, hint, task, tokens, tools, json_asked)


def _put_base10(to: FloatArray, request: ChatRequest, seen: _Sight, local_time: datetime) -> None:
    word = _AS_HINTED.get(seen.task, seen.task) if seen.hint is None else seen.task
    to[:10] = (
        _length(seen.tokens),
        _output_length(request),
        _priority(request),
        *_TIMES[local_time.weekday()][local_time.hour],
        # The last part decides, so that code_generation is a generation, as in Lesson 5's documented vector.
        _TASK_CODES.get(word.rpartition("_")[2], 0.5),
        1.0,
        0.0,
    )


def _put_default(to: FloatArray, request: ChatRequest, seen: _Sight, local_time: datetime, end: int) -> None:
    """Write what is not 0; item by item, which is cheaper than to gather and convert a list. First come the scalars."""
    to[0] = 1.0
    # What is usual becomes 0, so that it says the same as the bias: 150 tokens, medium output, priority 5.
    to[1] = FLAG_SCALE * (2.0 * _length(seen.tokens) - 1.0)
    to[2] = FLAG_SCALE * (2.0 * _output_length(request) - 1.0)
    to[3] = FLAG_SCALE * (2.0 * _priority(request) - 1.0)
    to[4], to[5], to[6], to[7] = _SCALED_TIMES[local_time.weekday()][local_time.hour]
    lines, capitals, punctuation = shape_of(seen.view)
    to[8] = FLAG_SCALE * lines
    to[9] = FLAG_SCALE * capitals
    to[10] = FLAG_SCALE * punctuation
    _put_task(to, seen.task)
    _put_flags(to, seen)
    hint = request.hints.language
    hinted = hint[:64].strip().lower() if isinstance(hint, str) else ""
    to[_LANGUAGE_PLACES[group_of(seen.shares, seen.telling, hinted)]] = FLAG_SCALE
    if hinted:
        to[_HINT_AT:_TEXT_AT] = [FLAG_SCALE * x for x in direction(hinted, LANGUAGE_HINT_DIMENSIONS)]
    if end > _TEXT_AT:
        system = seen.reading.system
        words = seen.view.words + first_words(system, SYSTEM_WORDS) if system else seen.view.words
        np.multiply(hashed_words(words, end - _TEXT_AT), _TEXT_SCALE, to[_TEXT_AT:end])


def _put_task(to: FloatArray, task: str) -> None:
    place = _TASK_PLACES.get(task)
    if place is None:
        family, exact = family_of(task)
        if family:
            place = _TASK_PLACES[family]
        if not exact:
            to[_TASK_WORD_AT:_FLAGS_AT] = [TASK_SCALE * x for x in direction(task, TASK_WORD_DIMENSIONS)]
    if place is not None:
        to[place] = TASK_SCALE


def _put_flags(to: FloatArray, seen: _Sight) -> None:
    reading = seen.reading
    beside = (seen.json_asked, seen.tools > 0, reading.images > 0, reading.multi_turn, reading.system != "")
    for place, flag in enumerate((*seen.signs, *beside), _FLAGS_AT):
        if flag:
            to[place] = FLAG_SCALE


def _length(tokens: int) -> float:
    return min(1.0, math.log1p(tokens) / 10.0)


def _priority(request: ChatRequest) -> float:
    return min(10, max(0, request.hints.priority)) / 10.0


def _output_length(request: ChatRequest) -> float:
    """0 for less than 100 tokens, 1 for more than 500, else one half."""
    hinted = request.hints.output_length
    if hinted in _LENGTHS:
        return _LENGTHS[hinted]
    limit = request.max_tokens
    if limit is None:
        return 0.5
    return 0.0 if limit < 100 else 1.0 if limit > 500 else 0.5


def _tools(body: Json) -> int:
    return sum(len(given) for key in ("tools", "functions") if isinstance(given := body.get(key), list))


def _json_format(body: Json) -> bool:
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return isinstance(kind, str) and kind.startswith("json")
