"""Rules of feedback: what it implies, how its JSON is read, and how it is united over time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.core.feedback import implied_quality, merge, parse
from gateway.core.values import Feedback
from gateway.errors import ConflictError, RequestError


def implied(**signals: float) -> float | None:
    return implied_quality(Feedback(signals=signals))


@pytest.mark.parametrize(
    ("signals", "quality"),
    [
        ({"task_completed": 1.0}, 0.8),
        ({"task_completed": 0.0}, 0.5),
        ({"retry_occurred": 1.0}, 0.1),
        ({"response_edited": 1.0}, 0.4),
        ({"response_saved": 1.0}, 0.7),
        ({"response_shared": 1.0}, 0.7),
        ({"response_saved": 1.0, "response_shared": 1.0}, 0.7),
        ({"task_completed": 1.0, "response_saved": 1.0, "dwell_time_seconds": 30.0}, 1.0),
        ({"retry_occurred": 1.0, "response_edited": 1.0, "dwell_time_seconds": 1.0}, 0.0),
        ({"task_completed": 1.0, "response_edited": 1.0}, 0.7),
        ({"dwell_time_seconds": 0.0}, 0.3),
        ({"dwell_time_seconds": 2.999}, 0.3),
        ({"dwell_time_seconds": 3.0}, 0.5),
        ({"dwell_time_seconds": 9.999}, 0.5),
        ({"dwell_time_seconds": 10.0}, 0.7),
        ({"dwell_time_seconds": 120.0}, 0.7),
        ({"dwell_time_seconds": 120.1}, 0.5),
    ],
)
def test_implicit_signals_add_up_from_one_half(signals: dict[str, float], quality: float) -> None:
    """Start 0.5; completed +0.3, retry -0.4, edited -0.1, dwell +-0.2, saved or shared +0.2 once; clamped to [0, 1]."""
    assert implied(**signals) == pytest.approx(quality)


def test_an_explicit_score_wins() -> None:
    """Whoever says a number is believed over what was guessed from behaviour."""
    assert implied_quality(Feedback(score=0.1, signals={"task_completed": 1.0})) == 0.1
    assert implied_quality(Feedback(score=0.0)) == 0.0


def test_a_comment_alone_says_nothing_of_quality() -> None:
    """Words are kept, not judged."""
    assert implied_quality(Feedback(comment="hm")) is None


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ({"score": 0.3}, 0.3),
        ({"score": 1}, 1.0),
        ({"rating": 1}, 0.0),
        ({"rating": 4}, 0.75),
        ({"rating": 4.5}, 0.875),
        ({"rating": 5}, 1.0),
        ({"thumb": "up"}, 1.0),
        ({"thumb": "down"}, 0.0),
        ({"success": True}, 1.0),
        ({"success": False}, 0.0),
        ({"score": 0.75, "rating": 4}, 0.75),
        ({"thumb": "up", "success": True, "rating": 5, "score": 1.0}, 1.0),
        ({"score": None, "rating": 2}, 0.25),
    ],
)
def test_explicit_fields_become_one_score(said: dict[str, Any], score: float) -> None:
    """score as it is, rating (r - 1) / 4, thumb and success 1 or 0; several are fine if they agree; null is absent."""
    assert parse({"id": "d1", **said}) == ("d1", Feedback(score=score), False)


def test_everything_that_can_be_said_is_read() -> None:
    """Flags become 1 or 0, dwell stays in seconds."""
    said = {"task_completed": True, "retry_occurred": False, "dwell_time_seconds": 12, "response_saved": None}
    id_, feedback, revise = parse({"id": "d1", "signals": said, "comment": "fine", "revise": True})
    assert (id_, revise) == ("d1", True)
    assert feedback == Feedback(
        signals={"task_completed": 1.0, "retry_occurred": 0.0, "dwell_time_seconds": 12.0}, comment="fine"
    )


BIG = 10**400


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"score": 1.1}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": math.nan}, "score"),
        ({"score": math.inf}, "score"),
        ({"score": 1e308}, "score"),
        ({"score": BIG}, "score"),
        ({"score": "0.5"}, "score"),
        ({"score": True}, "score"),
        ({"score": [1]}, "score"),
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": False}, "rating"),
        ({"rating": "5"}, "rating"),
        ({"thumb": "Up"}, "thumb"),
        ({"thumb": 1}, "thumb"),
        ({"thumb": True}, "thumb"),
        ({"thumb": ["up"]}, "thumb"),
        ({"success": 1}, "success"),
        ({"success": "true"}, "success"),
        ({"signals": [True]}, "signals"),
        ({"signals": {"task_completed": 1}}, "signals.task_completed"),
        ({"signals": {"task_completed": "yes"}}, "signals.task_completed"),
        ({"signals": {"dwell_time_seconds": True}}, "signals.dwell_time_seconds"),
        ({"signals": {"dwell_time_seconds": -1}}, "signals.dwell_time_seconds"),
        ({"signals": {"dwell_time_seconds": math.nan}}, "signals.dwell_time_seconds"),
        ({"signals": {"dwell_time_seconds": 1e308}}, "signals.dwell_time_seconds"),
        ({"signals": {"dwell_time_seconds": BIG}}, "signals.dwell_time_seconds"),
        ({"score": 1, "comment": 3}, "comment"),
        ({"score": 1, "comment": "x" * 4_001}, "comment"),
        ({"score": 1, "revise": "yes"}, "revise"),
        ({"score": 1, "revise": 1}, "revise"),
        ({"score": 1, "id": ""}, "id"),
        ({"score": 1, "id": 3}, "id"),
        ({"score": 1, "id": None}, "id"),
        ({"score": 1, "id": "x" * 257}, "id"),
        ({"score": 1, "id": "a\nb"}, "id"),
        ({"score": 1, "id": "\ud800"}, "id"),
        ({"rating": 5, "thumb": "down"}, "thumb"),
        ({"score": 0.8, "rating": 4}, "rating"),
        ({}, "score"),
        ({"score": None, "signals": {}, "comment": ""}, "score"),
        ({"revise": True}, "score"),
        ({"raiting": 4}, "raiting"),
        ({"signals": {"task_complete": True}}, "signals.task_complete"),
        ({"\ud800": 1}, "?"),
    ],
)
def test_bad_feedback_names_its_field(said: dict[str, Any], param: str) -> None:
    """Wrong types, wrong ranges, contradictions, unknown fields and silence are 400s that name the field."""
    with pytest.raises(RequestError) as error:
        parse({"id": "d1", **said})
    assert error.value.status == 400
    assert error.value.param == param
    assert len(error.value.message) < 300
    error.value.message.encode()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"rating": "five"}, ["rating", "'five'", "from 1 to 5"]),
        ({"score": math.nan}, ["score", "nan", "from 0 to 1"]),
        ({"raiting": 4}, ["raiting", "did you mean rating?"]),
        ({"signals": {"task_complete": True}}, ["did you mean signals.task_completed?"]),
        ({"rating": 5, "thumb": "down"}, ["rating 5 means 1", "thumb", "means 0"]),
        ({"thumb": "sideways"}, ["'sideways'", '"up" or "down"']),
        ({}, ["score", "rating", "thumb", "success", "signals", "comment"]),
    ],
)
def test_an_error_says_what_was_given_and_what_would_be_right(said: dict[str, Any], words: list[str]) -> None:
    """The message alone is enough to mend the call."""
    with pytest.raises(RequestError) as error:
        parse({"id": "d1", **said})
    assert all(word in error.value.message for word in words), error.value.message


def test_a_body_that_is_no_object_is_refused() -> None:
    """A list or a word has no fields."""
    with pytest.raises(RequestError, match="JSON object"):
        parse(["d1"])  # type: ignore[arg-type]  # what a client may send


def test_a_comment_can_always_be_stored() -> None:
    """Half a surrogate pair is no character and is replaced."""
    assert parse({"id": "d1", "comment": "a\ud800b"})[1].comment == "a?b"


def test_the_same_again_changes_nothing() -> None:
    """Feedback may be sent twice, after a lost reply say."""
    first = Feedback(score=0.75, signals={"task_completed": 1.0}, comment="ok")
    assert merge(None, first, revise=False) == first
    assert merge(first, first, revise=False) == first
    # The same number by another road may differ in its last bit.
    assert merge(first, Feedback(score=0.75 + 1e-12), revise=False) == first


def test_what_is_new_is_added() -> None:
    """Signals are united, a score joins them, a new comment replaces the old one, an absent one leaves it."""
    old = Feedback(signals={"task_completed": 1.0}, comment="first")
    new = Feedback(score=0.5, signals={"response_saved": 1.0})
    assert merge(old, new, revise=False) == Feedback(
        score=0.5, signals={"task_completed": 1.0, "response_saved": 1.0}, comment="first"
    )
    assert merge(old, Feedback(comment="second"), revise=False).comment == "second"
    assert merge(Feedback(score=0.5), old, revise=False).score == 0.5


@pytest.mark.parametrize(
    ("old", "new", "param"),
    [
        (Feedback(score=1.0), Feedback(score=0.0), "score"),
        (
            Feedback(signals={"task_completed": 1.0}),
            Feedback(signals={"task_completed": 0.0}),
            "signals.task_completed",
        ),
        (
            Feedback(signals={"dwell_time_seconds": 5.0}),
            Feedback(signals={"dwell_time_seconds": 50.0}),
            "signals.dwell_time_seconds",
        ),
    ],
)
def test_a_second_opinion_needs_revise(old: Feedback, new: Feedback, param: str) -> None:
    """A score or signal that differs is a 409 naming the field; with `revise` it replaces what was said."""
    with pytest.raises(ConflictError, match='"revise": true') as error:
        merge(old, new, revise=False)
    assert (error.value.status, error.value.param) == (409, param)
    assert merge(old, new, revise=True) == new
