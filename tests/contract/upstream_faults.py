"""The upstream's promises about failures: every one becomes one of our errors, once, naming the arm and no secret."""

from __future__ import annotations

import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from gateway.errors import (
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)
from tests.contract.upstream_fixtures import CANARY, Lane, UpstreamFixtures, limits, request
from tests.neighbours.dead_addresses import refusing, unconnectable
from tests.neighbours.scripted_provider import Script, ScriptedProvider, error_body

STATUSES: list[tuple[int, type[UpstreamError], int]] = [
    (400, UpstreamRejectedError, 400),
    (401, UpstreamError, 502),
    (402, UpstreamError, 502),
    (403, UpstreamError, 502),
    (404, UpstreamError, 502),
    (405, UpstreamError, 502),
    (408, UpstreamTimeoutError, 504),
    (409, UpstreamError, 502),
    (413, UpstreamRejectedError, 413),
    (415, UpstreamRejectedError, 415),
    (422, UpstreamRejectedError, 422),
    (429, UpstreamRateLimitError, 429),
    (500, UpstreamError, 502),
    (501, UpstreamError, 502),
    (502, UpstreamError, 502),
    (503, UpstreamError, 502),
    (504, UpstreamTimeoutError, 504),
    (529, UpstreamError, 502),
]
BROKEN = {
    "null": (b"null", "application/json"),
    "truncated": (b'{"id": "x", "choices": [{"index": 0, "mess', "application/json"),
    "html": (b"<html><body>canary-excerpt 502</body></html>", "text/html"),
    "empty": (b"", "application/json"),
    "no choices": (b'{"id": "x", "object": "chat.completion", "choices": []}', "application/json"),
}
streamed_or_not = pytest.mark.parametrize("streamed", [False, True])


def failing(status: int, message: str = "It went wrong.", **headers: str) -> dict[str, Any]:
    raw = error_body(message, kind="some_error", code="some_code", param="messages")
    return {"status": status, "raw": raw, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


class FaultContract(UpstreamFixtures):
    """What goes wrong goes wrong in our words."""

    async def fails(self, lane: Lane, *, streamed: bool, **fields: Any) -> UpstreamError:
        """The error of a call that must fail, and must not have been tried twice."""
        before = lane.hits
        with pytest.raises(UpstreamError) as caught:
            await lane.either(streamed=streamed, **fields)
        assert lane.hits <= before + 1 + self.resends
        error = caught.value
        assert error.arm_id == "arm"
        assert "arm" in error.message
        assert CANARY not in f"{error.message} {error.code} {error.param}"
        assert CANARY not in "".join(traceback.format_exception(error))
        return error

    @streamed_or_not
    @pytest.mark.parametrize(("status", "kind", "ours"), STATUSES, ids=[str(row[0]) for row in STATUSES])
    async def test_every_status(
        self, lane: Lane, status: int, kind: type[UpstreamError], ours: int, streamed: bool
    ) -> None:
        """Exactly one kind for each, one request, and what is the provider's or the operator's fault is no 4xx."""
        lane.script(**failing(status))
        error = await self.fails(lane, streamed=streamed)
        assert (type(error), error.status) == (kind, ours)
        assert lane.hits == 1

    @streamed_or_not
    async def test_a_refused_request_keeps_its_reason(self, lane: Lane, streamed: bool) -> None:
        """The provider's words and the parameter reach the client, without the names of library classes."""
        lane.script(**failing(400, "Invalid 'messages': too many."))
        error = await self.fails(lane, streamed=streamed)
        assert error.message.endswith("Invalid 'messages': too many.")
        assert "litellm" not in error.message.lower()
        assert "Error" not in error.message
        assert (error.param, error.code, error.retryable) == ("messages", "upstream_rejected", False)

    @streamed_or_not
    async def test_too_long_a_context(self, lane: Lane, streamed: bool) -> None:
        """A larger arm may serve it: the flow must be able to tell."""
        text = "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens."
        lane.script(status=400, raw=error_body(text, kind="invalid_request_error", code="context_length_exceeded"))
        error = await self.fails(lane, streamed=streamed)
        assert isinstance(error, UpstreamRejectedError)
        assert (error.status, error.code) == (400, "context_length_exceeded")
        assert "4096" in error.message

    @streamed_or_not
    async def test_a_content_policy(self, lane: Lane, streamed: bool) -> None:
        """Nobody is asked again, and the provider's reason is passed on."""
        text = "Your request was rejected as a result of our safety system."
        lane.script(status=400, raw=error_body(text, kind="invalid_request_error", code="content_policy_violation"))
        error = await self.fails(lane, streamed=streamed)
        assert isinstance(error, UpstreamRejectedError)
        assert (error.status, error.code) == (400, "content_policy_violation")
        assert "safety system" in error.message

    @streamed_or_not
    async def test_words_do_not_change_the_kind(self, lane: Lane, streamed: bool) -> None:
        """A refusal that quotes "rate limit" or "429" from the prompt is a refusal all the same."""
        lane.script(**failing(400, "Bad message: 'what does rate limit 429 mean?'"))
        assert isinstance(await self.fails(lane, streamed=streamed), UpstreamRejectedError)

    @streamed_or_not
    async def test_wrong_credentials_are_the_operators(self, lane: Lane, streamed: bool) -> None:
        """Another arm may serve; the client is told neither the key nor what the provider said of it."""
        lane.script(**failing(401, f"Incorrect API key provided: {CANARY[:7]}*****7890. You can find your key at x."))
        error = await self.fails(lane, streamed=streamed)
        assert (error.status, error.code, error.retryable) == (502, "upstream_auth", True)
        assert "canary" not in error.message

    @streamed_or_not
    @pytest.mark.parametrize("status", [400, 404, 429, 500])
    async def test_no_key_in_any_message(self, lane: Lane, status: int, streamed: bool) -> None:
        """Providers, proxies and echo servers quote what they were sent: the arm's key, or somebody else's."""
        lane.script(
            **failing(status, f"Got Authorization: Bearer {CANARY} and gsk_otherkey123456 with api_key=abcdef99")
        )
        error = await self.fails(lane, streamed=streamed)
        assert not any(part in error.message for part in ("canary", "otherkey", "abcdef99"))

    @streamed_or_not
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("7", 7.0), ("0", 0.0), ("2.5", 2.5), ("99999999", 3600.0), ("-5", None), ("soon", None), ("nan", None)],
    )
    async def test_retry_after(self, lane: Lane, value: str, seconds: float | None, streamed: bool) -> None:
        """Seconds are taken, capped at an hour; what makes no sense counts as absent (the port's own default)."""
        lane.script(**failing(429, retry_after=value))
        error = await self.fails(lane, streamed=streamed)
        assert error.retry_after_s == (1.0 if seconds is None else seconds)

    async def test_retry_after_as_a_date(self, lane: Lane) -> None:
        """A date is as good as seconds; one that has passed is now."""
        for offset, least, most in ((60, 50.0, 60.0), (-60, 0.0, 0.0)):
            date = format_datetime(datetime.now(UTC) + timedelta(seconds=offset), usegmt=True)
            lane.script(**failing(429, retry_after=date))
            waiting = (await self.fails(lane, streamed=False)).retry_after_s
            assert waiting is not None
            assert least <= waiting <= most

    @streamed_or_not
    @pytest.mark.parametrize("status", [503, 529])
    async def test_an_overloaded_provider_that_names_a_time(self, lane: Lane, status: int, streamed: bool) -> None:
        """It asks to slow down, so it is treated as one that says 429."""
        lane.script(**failing(status, retry_after="5"))
        error = await self.fails(lane, streamed=streamed)
        assert (type(error), error.retry_after_s) == (UpstreamRateLimitError, 5.0)

    @streamed_or_not
    @pytest.mark.parametrize("kind", BROKEN)
    async def test_no_answer_in_a_200(self, lane: Lane, kind: str, streamed: bool) -> None:
        """The model's own failure, and no excerpt of it reaches the client."""
        raw, content_type = BROKEN[kind]
        lane.script(raw=raw, content_type=content_type)
        error = await self.fails(lane, streamed=streamed)
        assert (type(error), error.status, error.infrastructure) == (UpstreamInvalidError, 502, False)
        assert "canary-excerpt" not in error.message

    @streamed_or_not
    async def test_nonsense_in_a_200(self, lane: Lane, streamed: bool) -> None:
        """Whatever a reply does to the code that reads it, the call fails like any other."""
        lane.script(raw=b"42")
        assert (await self.fails(lane, streamed=streamed)).status == 502

    async def test_an_error_object_in_a_200_keeps_its_status(self, lane: Lane) -> None:
        """Aggregators answer 200 with an error inside, as JSON or as the first event."""
        lane.script(raw=b'{"error": {"message": "busy", "code": 429}}')
        assert isinstance(await self.fails(lane, streamed=False), UpstreamRateLimitError)
        lane.script(events=[{"error": {"message": "busy", "code": 429}}])
        assert isinstance(await self.fails(lane, streamed=True), UpstreamRateLimitError)

    @streamed_or_not
    async def test_a_reset_before_the_headers(self, lane: Lane, streamed: bool) -> None:
        """The request may have been served: the lane does not send it again, the flow decides."""
        lane.script(reset=True)
        error = await self.fails(lane, streamed=streamed)
        assert (error.status, error.code, error.infrastructure) == (502, "upstream_unreachable", True)
        assert lane.hits == 1

    async def test_half_an_answer(self, lane: Lane) -> None:
        """A body that ends before its stated length is no answer."""
        lane.script(cut_after=0)
        assert (await self.fails(lane, streamed=False)).status == 502

    @streamed_or_not
    async def test_nobody_listens(self, lane: Lane, streamed: bool) -> None:
        """A refused connection is an error at once, not at a limit."""
        upstream = await self.build(refusing())
        started = time.perf_counter()
        with pytest.raises(UpstreamError) as caught:
            await Lane(lane.provider, upstream).either(streamed=streamed)
        assert (caught.value.code, caught.value.infrastructure) == ("upstream_unreachable", True)
        assert time.perf_counter() - started < 10
        await upstream.close()

    @streamed_or_not
    async def test_a_redirect_is_not_followed(self, lane: Lane, streamed: bool) -> None:
        """Hosts come from the configuration only: no key is ever sent to another."""
        async with ScriptedProvider() as other:
            lane.script(status=307, raw=b"", headers={"location": f"{other.url}/chat/completions"})
            await self.fails(lane, streamed=streamed)
            assert not other.requests


class LimitContract(FaultContract):
    """Each limit ends a call, and its error says which one it was."""

    async def ran_out(self, lane: Lane, name: str, *, streamed: bool, **changed: float) -> None:
        error = await self.fails(lane, streamed=streamed, limits=limits(**changed))
        assert (type(error), error.status, error.infrastructure) == (UpstreamTimeoutError, 504, True)
        assert name in error.message
        assert f"{changed[name]:g} s" in error.message
        assert await lane.provider.idle()

    @streamed_or_not
    async def test_connecting(self, lane: Lane, streamed: bool) -> None:
        """A host that neither takes nor refuses a connection."""
        with unconnectable() as url:
            upstream = await self.build(url)
            await self.ran_out(Lane(lane.provider, upstream), "connect_s", streamed=streamed, connect_s=0.2)
            await upstream.close()

    async def test_the_first_token(self, lane: Lane) -> None:
        """Silence after the request, before or after the headers."""
        lane.script(hang=True)
        await self.ran_out(lane, "first_token_s", streamed=True, first_token_s=0.2)
        lane.script(stall_after=0)
        await self.ran_out(lane, "first_token_s", streamed=True, first_token_s=0.2)

    async def test_idling(self, lane: Lane) -> None:
        """Silence in the middle of a stream."""
        lane.script(stall_after=2)
        await self.ran_out(lane, "idle_s", streamed=True, idle_s=0.2)

    async def test_the_total(self, lane: Lane) -> None:
        """A stream that never falls silent still ends in time, and so does a whole answer that does not come."""
        lane.script(pieces=("x",) * 1_000, event_delay_s=0.02)
        await self.ran_out(lane, "total_s", streamed=True, total_s=0.4)
        lane.script(hang=True)
        await self.ran_out(lane, "total_s", streamed=False, total_s=0.2)

    async def test_a_slow_drip_is_not_cut(self, lane: Lane) -> None:
        """The idle limit is for each silence, not for their sum."""
        lane.script(pieces=("x",) * 10, event_delay_s=0.15)
        assert (await lane.stream(limits(idle_s=1.0))).text == "x" * 10

    async def test_an_arm_without_a_route(self, lane: Lane) -> None:
        """A mistake of ours is an upstream error as well, so that another arm can serve."""
        call = request()
        lost = type(call)(arm=type(call.arm)(id="lost", model="m"), body=call.body, limits=call.limits)
        with pytest.raises(UpstreamError, match="lost") as caught:
            await lane.upstream.complete(lost)
        assert caught.value.arm_id == "lost"

    async def test_other_calls_are_not_disturbed(self, lane: Lane) -> None:
        """After failures of every kind the next call is served."""
        for broken in (failing(500), {"reset": True}, {"cut_after": 1}, {"raw": b"null"}):
            lane.provider.scripts["arm"] = Script(**broken)
            await self.fails(lane, streamed=True)
        lane.script()
        assert (await lane.complete()).completion.text == "Hello, world!"
