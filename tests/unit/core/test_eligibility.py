"""Which arms can serve a request: capabilities, room for tokens, and the refusal when none can."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.eligibility import (
    MAX_KEPT_NEEDS,
    MAX_MESSAGES,
    MAX_PARTS_IN_ALL,
    Eligibility,
    Roster,
    eligible,
    needs_of,
)
from gateway.errors import RequestError
from tests.builders import make_arm, make_context, make_request

PLAIN = make_arm(id="plain", supports=frozenset(), max_context_tokens=None)
SEEING = make_arm(id="seeing", supports=frozenset({"vision", "tools"}), max_context_tokens=None)
UNKNOWN = make_arm(id="unknown", supports=None, max_context_tokens=None)
SMALL = make_arm(id="small", supports=None, max_context_tokens=1_000)


def user(*parts: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": [{"type": "function"}]}, {"tools"}),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, {"json_schema"}),
        ({"response_format": {"type": "json_object"}}, {"json_object"}),
        ({"response_format": {"type": "text"}}, set()),
        ({"response_format": "json_object"}, set()),
        ({"response_format": {"type": ["json_object"]}}, set()),
        ({"messages": [{"role": "user", "content": "an image_url"}]}, set()),
        (user({"type": "image_url", "image_url": {"url": "data:"}}), {"vision"}),
        (user({"type": "text", "text": "hi"}, {"type": "input_audio"}), {"audio"}),
        (user("junk", None, {"type": 3}, {}), set()),
        ({"modalities": ["text", "audio"]}, {"audio"}),
        ({"modalities": ["text"]}, set()),
        ({"messages": "junk", "tools": {}, "modalities": "audio"}, set()),
        (user({"type": "image_url"}) | {"tools": [1]}, {"vision", "tools"}),
    ],
)
def test_needs_come_from_the_body(body: dict[str, Any], needs: set[str]) -> None:
    """Each field that not every model understands is a need; junk is none."""
    assert needs_of(body) == needs


def test_needs_are_found_among_the_latest_messages() -> None:
    """A long dialogue is searched from its end, within bounds."""
    image = {"role": "user", "content": [{"type": "image_url"}]}
    text = {"role": "user", "content": "hi"}
    assert needs_of({"messages": [image] + [text] * (MAX_MESSAGES - 1)}) == {"vision"}
    assert needs_of({"messages": [image] + [text] * MAX_MESSAGES}) == frozenset()


def test_an_arm_that_lacks_a_capability_is_out() -> None:
    """What is needed must be there where it is known; what is not known counts for the arm."""
    request = make_request(needs=frozenset({"vision", "audio"}))
    with_vision = make_request(needs=frozenset({"vision"}))
    found = eligible([PLAIN, SEEING, UNKNOWN], make_context(), with_vision)
    assert found.indices == (1, 2)
    assert found.excluded == {"plain": "lacks vision"}
    assert eligible([PLAIN, SEEING, UNKNOWN], make_context(), request).excluded == {
        "plain": "lacks audio, vision",
        "seeing": "lacks audio",
    }


def test_without_needs_everyone_is_in() -> None:
    """A plain request excludes nobody, and the order of the arms is kept."""
    found = eligible([PLAIN, SEEING, UNKNOWN, SMALL], make_context(), make_request())
    assert found.indices == (0, 1, 2, 3)
    assert found.excluded == {}


def test_a_schema_brings_json_along() -> None:
    """An arm that follows a schema can write a JSON object; the reverse does not hold."""
    strict = make_arm(id="strict", supports=frozenset({"json_schema"}))
    loose = make_arm(id="loose", supports=frozenset({"json_object"}))
    for need, left in (("json_object", [0, 1]), ("json_schema", [0])):
        request = make_request(needs=frozenset({need}))
        assert eligible([strict, loose], make_context(), request).indices == tuple(left)


@pytest.mark.parametrize(
    ("tokens_in", "max_tokens", "fits"),
    [
        (1_250, None, True),
        (1_251, None, False),
        (1_000, 200, True),
        (1_000, 201, False),
        (0, 1_000, True),
        (0, 1_001, False),
        (10, 10**400, False),
    ],
)
def test_room_is_judged_with_a_margin(tokens_in: int, max_tokens: int | None, fits: bool) -> None:
    """An arm is out only if four fifths of the estimated prompt and the whole answer exceed its window."""
    context, request = make_context(tokens_in=tokens_in), make_request(max_tokens=max_tokens)
    found = eligible([SMALL, UNKNOWN], context, request)
    assert found.indices == ((0, 1) if fits else (1,))
    assert ("room for 1000 tokens" in found.excluded.get("small", "")) is not fits


def test_no_arm_left_is_the_clients_error() -> None:
    """400 with a code to branch on, and the reason of every arm."""
    request = make_request(needs=frozenset({"audio"}), max_tokens=500)
    arms = [PLAIN, SEEING, make_arm(id="tiny", supports=frozenset({"audio"}), max_context_tokens=400)]
    with pytest.raises(RequestError) as caught:
        eligible(arms, make_context(tokens_in=12), request)
    assert (caught.value.status, caught.value.code) == (400, "no_eligible_model")
    for said in ("plain lacks audio", "seeing lacks audio", "tiny has room for 400 tokens", "500 for the answer"):
        assert said in caught.value.message


def test_no_arms_at_all_is_an_error_too() -> None:
    """An empty policy says so."""
    with pytest.raises(RequestError, match="it has none"):
        eligible([], make_context(), make_request())


class Part(dict[str, object]):
    """A content part that counts how often one of them is asked for something."""

    asked = 0

    def get(self, key: str, default: object = None) -> object:
        Part.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize(("messages", "parts"), [(1, 100_000), (4_000, 60), (100_000, 2)])
def test_the_search_for_needs_is_bounded(messages: int, parts: int) -> None:
    """However the parts are spread, a fixed number of them is looked at."""
    Part.asked = 0
    needs_of({"messages": [{"role": "user", "content": [Part(type="text")] * parts}] * messages})
    assert Part.asked <= MAX_PARTS_IN_ALL + 64


CAPABILITIES = ("tools", "vision", "json_schema", "json_object")
needs = st.frozensets(st.sampled_from(CAPABILITIES), max_size=3)
rosters = st.lists(st.tuples(st.none() | needs, st.none() | st.integers(1, 2_000)), max_size=5).map(
    lambda given: [
        make_arm(id=f"arm-{i}", supports=supports, max_context_tokens=limit)
        for i, (supports, limit) in enumerate(given)
    ]
)


def answer(ask: Callable[[], Eligibility]) -> object:
    """All that an answer or a refusal says."""
    try:
        found = ask()
    except RequestError as refusal:
        return refusal.code, refusal.message
    return found.indices, list(found.excluded.items())


@settings(deadline=None)
@given(
    arms=rosters,
    asked=st.lists(st.tuples(needs, st.integers(0, 3_000), st.none() | st.integers(0, 2_000)), min_size=1, max_size=6),
)
def test_a_roster_answers_like_the_plain_question(arms: list[Any], asked: list[Any]) -> None:
    """What a roster keeps changes no answer and no refusal, whatever was asked before."""
    roster = Roster(arms)
    for wanted, tokens_in, max_tokens in asked:
        context, request = make_context(tokens_in=tokens_in), make_request(needs=wanted, max_tokens=max_tokens)
        plain = answer(partial(eligible, arms, context, request))
        assert answer(partial(roster.eligible, context, request)) == plain


def test_a_roster_gives_the_same_object_again() -> None:
    """Where all tokens fit, nothing is built: the answer is shared, so nobody may write to it."""
    roster = Roster([PLAIN, SEEING, UNKNOWN, SMALL])
    first = roster.eligible(make_context(tokens_in=5), make_request())
    assert roster.eligible(make_context(tokens_in=9), make_request(max_tokens=100)) is first
    long = roster.eligible(make_context(tokens_in=5_000), make_request())
    assert long.indices == (0, 1, 2)


def test_a_roster_keeps_a_bounded_number_of_answers() -> None:
    """Needs come from outside: nobody can fill the memory by inventing them."""
    roster = Roster([UNKNOWN])
    for i in range(2 * MAX_KEPT_NEEDS):
        assert roster.eligible(make_context(), make_request(needs=frozenset({f"need-{i}"}))).indices == (0,)
    assert len(roster._able) == MAX_KEPT_NEEDS
