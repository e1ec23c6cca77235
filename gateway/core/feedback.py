"""What people and applications say of an answer: read from JSON, united over time, and turned into a quality."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from gateway.core.values import Feedback
from gateway.errors import ConflictError, RequestError

FLAGS = ("task_completed", "retry_occurred", "response_edited", "response_saved", "response_shared")
"""Implicit signals that are true or false."""
DWELL = "dwell_time_seconds"
SIGNALS = (*FLAGS, DWELL)

_FIELDS = ("id", "score", "rating", "thumb", "success", "signals", "comment", "revise")
_EXPLICIT = ("score", "rating", "thumb", "success")
_THUMBS = {"up": 1.0, "down": 0.0}
_MAX_ID = 256
_MAX_COMMENT = 4_000
_MAX_DWELL_S = 30 * 86_400.0
# Two ways to say the same number, 0.75 and rating 4, may differ by rounding.
_SAME = 1e-9


def implied_quality(feedback: Feedback) -> float | None:
    """Quality in [0, 1] that feedback implies; None if it says nothing of quality (a comment alone).

    An explicit score wins. Else implicit signals add up from 0.5: completed +0.3, retried -0.4, edited -0.1, read for
    10 to 120 s +0.2, left within 3 s -0.2, saved or shared (or both) +0.2; clamped.
    """
    if feedback.score is not None:
        return feedback.score
    signals = feedback.signals
    if not signals:
        return None
    quality = 0.5
    quality += 0.3 * _said(signals, "task_completed")
    quality -= 0.4 * _said(signals, "retry_occurred")
    quality -= 0.1 * _said(signals, "response_edited")
    quality += 0.2 * (_said(signals, "response_saved") or _said(signals, "response_shared"))
    dwell_s = signals.get(DWELL)
    if dwell_s is not None:
        quality += 0.2 * (10.0 <= dwell_s <= 120.0) - 0.2 * (dwell_s < 3.0)
    return min(1.0, max(0.0, quality))


def _said(signals: Mapping[str, float], name: str) -> bool:
    return signals.get(name, 0.0) >= 0.5


def parse(body: Mapping[str, object]) -> tuple[str, Feedback, bool]:
    """Read the JSON of `POST /v1/feedback`: the id it is about, what it says, and whether it may replace what was said.

    Several explicit fields are fine if they mean the same score; null is the same as leaving a field out. Raises
    RequestError naming the field, what was given and what would be right.
    """
    if not isinstance(body, Mapping):
        raise RequestError(f"the body must be a JSON object, not {_shown(body)}")
    _refuse_unknown(body, _FIELDS, "")
    id_ = _id(body.get("id"))
    revise = _flag(body.get("revise"), "revise")
    feedback = Feedback(
        score=_score(body), signals=_signals(body.get("signals")), comment=_comment(body.get("comment"))
    )
    if feedback == Feedback():
        raise RequestError(
            f"feedback must say something: give one or more of {', '.join(_EXPLICIT)}, signals, comment", param="score"
        )
    return id_, feedback, bool(revise)


def merge(old: Feedback | None, new: Feedback, revise: bool) -> Feedback:
    """What is known after `new`: implicit signals are united, a new comment replaces the old one.

    Saying the same again changes nothing. A score or signal that differs from what was said before is a ConflictError
    unless `revise` is set.
    """
    if old is None:
        return new
    if not revise:
        if old.score is not None and new.score is not None and abs(old.score - new.score) > _SAME:
            raise _conflict("score", old.score, new.score)
        for name, value in new.signals.items():
            if name in old.signals and abs(old.signals[name] - value) > _SAME:
                raise _conflict(f"signals.{name}", old.signals[name], value)
    # Without revision an equal score is kept as it was first said, so that repeating it leaves no trace at all.
    kept = new.score is None or (old.score is not None and abs(old.score - new.score) <= _SAME)
    return replace(
        old,
        score=old.score if kept else new.score,
        signals={**old.signals, **new.signals},
        comment=old.comment if new.comment is None else new.comment,
    )


def _conflict(param: str, old: float, new: float) -> ConflictError:
    return ConflictError(
        f'{param} was already given as {old:g} and is now {new:g}; send "revise": true to replace it', param=param
    )


def _score(body: Mapping[str, object]) -> float | None:
    """The one score that all explicit fields mean."""
    readers = {"score": _fraction, "rating": _rating, "thumb": _thumb, "success": _success}
    said = {name: value for name in _EXPLICIT if (value := readers[name](body.get(name))) is not None}
    if not said:
        return None
    (first, score), *others = said.items()
    for name, value in others:
        if abs(value - score) > _SAME:
            raise RequestError(
                f"{first} {_shown(body[first])} means {score:g} but {name} {_shown(body[name])} means {value:g}; "
                "give one of them, or values that agree",
                param=name,
            )
    return score


def _fraction(given: object) -> float | None:
    return _number(given, "score", 0.0, 1.0)


def _rating(given: object) -> float | None:
    rating = _number(given, "rating", 1.0, 5.0)
    return None if rating is None else (rating - 1.0) / 4.0


def _thumb(given: object) -> float | None:
    if given is None:
        return None
    if not isinstance(given, str) or given not in _THUMBS:
        raise RequestError(f'thumb must be "up" or "down", not {_shown(given)}', param="thumb")
    return _THUMBS[given]


def _success(given: object) -> float | None:
    return _flag(given, "success")


def _flag(given: object, name: str) -> float | None:
    if given is not None and not isinstance(given, bool):
        raise RequestError(f"{name} must be true or false, not {_shown(given)}", param=name)
    return None if given is None else float(given)


def _number(given: object, name: str, low: float, high: float) -> float | None:
    if given is None:
        return None
    # The bounds come before float(): a whole number in JSON may be too large for one.
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not low <= given <= high:
        raise RequestError(f"{name} must be a number from {low:g} to {high:g}, not {_shown(given)}", param=name)
    return float(given)


def _signals(given: object) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise RequestError(
            f"signals must be an object such as {{{FLAGS[0]!r}: true}}, not {_shown(given)}", param="signals"
        )
    _refuse_unknown(given, SIGNALS, "signals.")
    found: dict[str, float] = {}
    for name, said in given.items():
        path = f"signals.{name}"
        value = _number(said, path, 0.0, _MAX_DWELL_S) if name == DWELL else _flag(said, path)
        if value is not None:
            found[name] = value
    return found


def _id(given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _MAX_ID or not given.isprintable():
        raise RequestError(
            f"id must be a decision's id (header x-gateway-decision-id) or the completion's own, not {_shown(given)}",
            param="id",
        )
    return given


def _comment(given: object) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or len(given) > _MAX_COMMENT:
        raise RequestError(
            f"comment must be text of at most {_MAX_COMMENT} characters, not {_shown(given)}", param="comment"
        )
    return _writable(given)


def _writable(text: str) -> str:
    """The text without halves of surrogate pairs: they are no characters, and no store or encoder takes them."""
    return text.encode(errors="replace").decode()


def _refuse_unknown(given: Mapping[str, object], known: tuple[str, ...], prefix: str) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(str(name)[:64], known, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known are {', '.join(known)}"
            field = f"{prefix}{_writable(str(name)[:64])}"
            raise RequestError(f"unknown field {field!r}: {hint}", param=field)


def _shown(given: object) -> str:
    """A short, safe picture of what was given."""
    if given is None:
        return "nothing"
    if isinstance(given, str):
        return f"the text {reprlib.repr(given)}"
    return "a very large number" if isinstance(given, int) and abs(given) > 1 << 64 else reprlib.repr(given)
