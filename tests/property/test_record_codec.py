"""Records survive encoding exactly, and what could not is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import record_codec as codec
from gateway.core.rollout import STAGES, RolloutState
from gateway.core.values import (
    Decision,
    FailedAttempt,
    Feedback,
    Mode,
    Outcome,
    OutcomeStatus,
    RequestContext,
    Reward,
)
from tests.builders import make_context, make_decision, make_feedback, make_outcome, make_reward, make_rollout, plain

numbers = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0.0, 1.0)
counts = st.integers(0, 2**53)
names = st.text()
numbered = st.dictionaries(names, numbers)
vectors = st.lists(numbers, max_size=12).map(lambda values: np.array(values, dtype=np.float64))

contexts = st.builds(RequestContext, unit=names, task_type=names, tokens_in=counts, features=vectors, schema=names)
decisions = st.builds(
    Decision,
    id=names,
    tenant=names,
    unit=names,
    policy=names,
    version=names,
    mode=st.sampled_from(get_args(Mode)),
    arm_id=names,
    propensity=shares,
    proposal=st.none() | names,
    order=st.lists(names).map(tuple),
    scores=numbered,
    reason=names,
    context=contexts,
    created_s=numbers,
)
failures = st.builds(FailedAttempt, arm_id=names, code=names, infrastructure=st.booleans())
outcomes = st.builds(
    Outcome,
    decision_id=names,
    completion_id=st.none() | names,
    arm_id=names,
    status=st.sampled_from(get_args(OutcomeStatus)),
    attempts=counts,
    signals=numbered,
    quality=st.none() | shares,
    cost_usd=numbers,
    latency_s=numbers,
    first_token_s=numbers,
    tokens_in=counts,
    tokens_out=counts,
    hour=st.integers(0, 23),
    finished_s=numbers,
    failed=st.lists(failures, max_size=3).map(tuple),
)
rewards = st.builds(Reward, value=shares, parts=numbered, source=st.sampled_from(["scored", "feedback"]))
feedbacks = st.builds(Feedback, score=st.none() | shares, signals=numbered, comment=st.none() | names)
rollouts = st.builds(
    RolloutState,
    stage=st.sampled_from(STAGES),
    percentage=numbers,
    killed=st.booleans(),
    version=counts,
    changed_s=numbers,
    changed_by=names,
)


def bits(value: object) -> object:
    """The value with every float as its bits, so that -0.0 is not 0.0."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(bits(item) for item in value)
    return value


def again(decision: Decision) -> Decision:
    return codec.decode_decision(codec.encode_decision(decision), codec.encode_features(decision.context.features))


@given(decisions)
def test_a_decision_comes_back_exactly(decision: Decision) -> None:
    """Every field, every float to the last bit, the vector read-only as it was made."""
    back = again(decision)
    assert bits(plain(back)) == bits(plain(decision))
    assert not back.context.features.flags.writeable


@given(outcomes)
def test_an_outcome_comes_back_exactly(outcome: Outcome) -> None:
    """The failed attempts in it included."""
    assert bits(plain(codec.decode_outcome(codec.encode_outcome(outcome)))) == bits(plain(outcome))


@given(rewards)
def test_a_reward_comes_back_exactly(reward: Reward) -> None:
    """A revision is exact only if the old reward is."""
    assert bits(plain(codec.decode_reward(codec.encode_reward(reward)))) == bits(plain(reward))


@given(feedbacks)
def test_feedback_comes_back_exactly(feedback: Feedback) -> None:
    """A comment is text of any kind."""
    assert bits(plain(codec.decode_feedback(codec.encode_feedback(feedback)))) == bits(plain(feedback))


@given(rollouts)
def test_a_rollout_comes_back_exactly(state: RolloutState) -> None:
    """The percentage decides who is served: it must not move."""
    assert bits(plain(codec.decode_rollout(codec.encode_rollout(state)))) == bits(plain(state))


@given(vectors)
def test_features_are_little_endian_float64(x: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """Eight bytes a number, whatever the machine and the memory layout."""
    for same in (x, x.astype(">f8"), np.repeat(x, 2)[::2]):
        assert codec.encode_features(same) == x.astype("<f8").tobytes()


@given(st.text(st.characters()))
def test_stored_text_can_always_be_encoded(value: str) -> None:
    """Lone surrogates are replaced, everything else stays."""
    assert codec.text(value) == "".join("?" if "\ud800" <= c <= "\udfff" else c for c in value)


@pytest.mark.parametrize("said", ["null", ':null,"a":null', "a:null\x00", "\ud800:null"])
def test_text_that_reads_like_json_is_text(said: str) -> None:
    """Whatever stands in a text, it is neither taken for a missing number nor for the lack of one."""
    outcome = make_outcome(completion_id=said, signals={said: 0.5}, quality=None)
    told = codec.text(said)
    assert codec.decode_outcome(codec.encode_outcome(outcome)) == replace(
        outcome, completion_id=told, signals={told: 0.5}
    )
    decision = again(make_decision(reason=said, proposal=None))
    assert (decision.reason, decision.proposal) == (told, None)
    with pytest.raises(ValueError, match="finite"):
        codec.encode_outcome(replace(outcome, latency_s=math.nan))


def test_no_field_is_left_out() -> None:
    """A decision is written field by field: one that is added to it must be added there."""
    written = orjson.loads(codec.encode_decision(make_decision()))
    assert written.keys() == {f.name for f in fields(Decision)}
    assert written["context"].keys() == {f.name for f in fields(RequestContext)} - {"features"}


def test_numbers_of_numpy_and_read_only_mappings_are_stored() -> None:
    """Scores come out of numpy; what comes back is plain Python."""
    scores = MappingProxyType({"small": np.float64(0.1), "large": np.float32(0.5), "n": np.int64(3)})
    back = again(make_decision(scores=scores))
    assert back.scores == {"small": 0.1, "large": 0.5, "n": 3}
    assert {type(score) for score in back.scores.values()} == {float, int}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")])
@pytest.mark.parametrize(
    "encode",
    [
        lambda n: codec.encode_decision(make_decision(propensity=n)),
        lambda n: codec.encode_decision(make_decision(scores={"a": n})),
        lambda n: codec.encode_features(np.array([n])),
        lambda n: codec.encode_outcome(make_outcome(latency_s=n)),
        lambda n: codec.encode_outcome(make_outcome(signals={"a": n})),
        lambda n: codec.encode_reward(make_reward(n)),
        lambda n: codec.encode_feedback(make_feedback(signals={"a": n})),
        lambda n: codec.encode_rollout(make_rollout(percentage=n)),
    ],
)
def test_a_number_that_is_not_finite_is_refused(encode: Callable[[float], bytes], number: float) -> None:
    """JSON has no word for it: written as null it would come back as nothing."""
    with pytest.raises(ValueError, match="finite"):
        encode(number)


@pytest.mark.parametrize(
    "encode",
    [
        lambda: codec.encode_decision(make_decision(reason=object())),
        lambda: codec.encode_decision(make_decision(scores={1: 0.5})),
        lambda: codec.encode_decision(make_decision(scores={("a", "b"): 0.5})),
        lambda: codec.encode_outcome(make_outcome(tokens_in=2**70)),
        lambda: codec.encode_reward(make_reward(1.0000001)),
        lambda: codec.encode_reward(make_reward(-1e-9)),
        lambda: codec.encode_features(np.zeros((2, 2))),
    ],
)
def test_what_would_not_come_back_is_refused(encode: Callable[[], bytes]) -> None:
    """Foreign types, rewards out of range, matrices for vectors: ValueError, never something else."""
    with pytest.raises(ValueError, match=r"stored|reward|dimension"):
        encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b'{"a"', b"\xff", b"{}", b'{"context": 3, "failed": 3}', b'{"context": {}, "failed": [3]}'],
)
def test_damaged_rows_are_refused(data: bytes) -> None:
    """ValueError, which the store turns into its own error."""
    for decode in (codec.decode_outcome, codec.decode_reward, lambda d: codec.decode_decision(d, b"")):
        with pytest.raises(ValueError, match="stored"):
            decode(data)


def test_damaged_features_are_refused() -> None:
    """Cut short or no longer finite."""
    for data in (b"1234567", np.array([math.nan]).tobytes()):
        with pytest.raises(ValueError, match="stored feature vector"):
            codec.decode_features(data)


@given(outcomes)
def test_older_and_newer_rows_load(outcome: Outcome) -> None:
    """A field from the future is ignored; a missing one that has a default has it."""
    row = orjson.loads(codec.encode_outcome(outcome)) | {"mood": {"good": True}}
    del row["failed"]
    assert codec.decode_outcome(orjson.dumps(row)) == replace(outcome, failed=())


def test_a_decision_is_stored_without_its_vector() -> None:
    """The vector has its own bytes: it is a third of a row, and exact as it is."""
    assert "features" not in orjson.loads(codec.encode_decision(make_decision(context=make_context())))["context"]
