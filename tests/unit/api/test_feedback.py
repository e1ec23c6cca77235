"""Feedback over HTTP: 202 when durable, and each refusal with its own status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving import Client, serving


async def _rate(client: Client, headers: dict[str, str] | None = None, **body: Any) -> tuple[int, Any]:
    status, answer, _ = await client.send("POST", "/v1/feedback", body, headers)
    return status, answer


@pytest.mark.parametrize(
    ("given", "quality"),
    [
        ({"score": 0.25}, 0.25),
        ({"rating": 5}, 1.0),
        ({"rating": 2}, 0.25),
        ({"thumb": "down"}, 0.0),
        ({"success": True}, 1.0),
    ],
)
async def test_an_explicit_rating_becomes_the_quality(tmp_path: Path, given: dict[str, Any], quality: float) -> None:
    """202 with the reward; its quality part is what was said."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.chat()
        status, answer = await _rate(client, id=headers["x-gateway-decision-id"], **given)
        assert status == 202
        assert answer["parts"]["quality"] == pytest.approx(quality)
        assert 0.0 <= answer["reward"] <= 1.0


async def test_the_completions_id_is_enough(tmp_path: Path) -> None:
    """The id in the body serves clients that see no headers, also right after a stream."""
    async with serving(tmp_path) as client:
        _, answer, _ = await client.chat()
        assert (await _rate(client, id=answer["id"], thumb="up"))[0] == 202


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, None),
        ({"score": 1.5}, "score"),
        ({"score": "good"}, "score"),
        ({"score": True}, "score"),
        ({"rating": 0}, "rating"),
        ({"thumb": "sideways"}, "thumb"),
        ({"success": "yes"}, "success"),
        ({"signals": {"dwell_time_seconds": -1}}, "signals.dwell_time_seconds"),
        ({"signals": {"response_savd": True}}, "signals.response_savd"),
        ({"scroe": 1}, "scroe"),
    ],
)
async def test_a_wrong_rating_is_a_400_naming_the_field(
    tmp_path: Path, given: dict[str, Any], param: str | None
) -> None:
    """And the sums stay as they were."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.chat()
        _, before, _ = await client.send("GET", "/admin/state")
        status, answer = await _rate(client, id=headers["x-gateway-decision-id"], **given)
        assert status == 400
        assert param is None or answer["error"]["param"] == param
        assert (await client.send("GET", "/admin/state"))[1] == before


@pytest.mark.parametrize("raw", [b'{"id": "x", "score": NaN}', b'{"id": "x", "score": 1e400}', b"[]"])
async def test_numbers_that_are_none_are_refused(tmp_path: Path, raw: bytes) -> None:
    """NaN and infinity never get past the parser."""
    async with serving(tmp_path) as client:
        assert (await client.send("POST", "/v1/feedback", raw))[0] == 400


async def test_conflict_and_revision(tmp_path: Path) -> None:
    """409 for a second rating that differs, 202 with revise, 202 for the same again."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.chat()
        id = headers["x-gateway-decision-id"]
        assert (await _rate(client, id=id, score=0.2))[0] == 202
        assert (await _rate(client, id=id, score=0.2))[0] == 202
        assert (await _rate(client, id=id, score=0.9))[0] == 409
        status, answer = await _rate(client, id=id, score=0.9, revise=True)
        assert (status, answer["parts"]["quality"]) == (202, 0.9)


async def test_tenants_do_not_see_each_other(tmp_path: Path) -> None:
    """Another tenant's decision is as unknown as one that never was."""
    keys = [{"tenant": "a", "key": "a-key"}, {"tenant": "b", "key": "b-key"}]
    async with serving(tmp_path, keys=keys) as client:
        mine, other = {"x-api-key": "a-key"}, {"x-api-key": "b-key"}
        _, _, headers = await client.chat(headers=mine)
        id = headers["x-gateway-decision-id"]
        assert (await _rate(client, other, id=id, score=1))[0] == 404
        assert (await _rate(client, mine, id=id, score=1))[0] == 202


async def test_past_its_time_to_live_it_is_gone(tmp_path: Path) -> None:
    """410, and nothing is revised."""
    async with serving(tmp_path, feedback={"ttl_s": 0.001}) as client:
        _, _, headers = await client.chat()
        assert (await _rate(client, id=headers["x-gateway-decision-id"], score=1))[0] == 410
