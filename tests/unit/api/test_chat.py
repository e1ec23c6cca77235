"""The main door over HTTP: bodies, headers, streams and errors as clients need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.values import Completion
from gateway.errors import UpstreamError, UpstreamRateLimitError, UpstreamRejectedError
from gateway.flows.ports import Call
from tests.builders import make_completion
from tests.fakes import FakeStream
from tests.serving import serving

DECIDED = (
    "x-request-id",
    "x-gateway-decision-id",
    "x-gateway-model",
    "x-gateway-policy",
    "x-gateway-mode",
    "x-gateway-attempts",
    "x-gateway-overhead-ms",
)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
async def test_an_answer_carries_its_decision(tmp_path: Path, path: str) -> None:
    """Every promised header is there, and the body's model is the arm that answered."""
    async with serving(tmp_path) as client:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
        status, answer, headers = await client.send("POST", path, body)
        assert status == 200
        assert all(name in headers for name in DECIDED)
        assert answer["model"] == headers["x-gateway-model"]
        assert (headers["x-gateway-policy"], headers["x-gateway-mode"]) == ("default", "live")


async def test_a_stream_carries_its_decision_and_ends_with_done(tmp_path: Path) -> None:
    """Headers before the first byte, event-stream type, no buffering, the upstream's bytes, then [DONE]."""
    async with serving(tmp_path) as client:
        status, text, headers = await client.chat(stream=True)
        assert status == 200
        assert all(name in headers for name in DECIDED)
        assert headers["Content-Type"].startswith("text/event-stream")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-cache", "no")
        assert text == "data: one\n\ndata: two\n\ndata: [DONE]\n\n"


async def test_a_broken_stream_ends_with_an_error_frame(tmp_path: Path) -> None:
    """After bytes have left, the error is an event, nothing follows it, and no [DONE] pretends success."""
    async with serving(tmp_path) as client:

        async def broken(call: Call) -> FakeStream:
            return FakeStream([b"data: one\n\n", UpstreamError("cut", arm_id=call.arm.id)], make_completion())

        client.upstream.open = broken  # type: ignore[method-assign]
        status, text, _ = await client.chat(stream=True)
        assert status == 200
        first, error, rest = text.split("\n\n")
        assert (first, rest) == ("data: one", "")
        assert '"error":{"message":"cut"' in error
        await client.gateway.sync.flush()
        assert sum(t.failures for t in client.gateway.policies["default"].learner.tallies().values()) == 1.0


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_after_the_decision_names_it(tmp_path: Path, stream: bool) -> None:
    """When every arm fails before the first byte the client gets a proper status, and the decision to ask about."""
    async with serving(tmp_path) as client:
        client.upstream.script = lambda call: UpstreamError("down", arm_id=call.arm.id)
        status, answer, headers = await client.chat(stream=stream)
        assert status == 502
        assert set(answer["error"]) == {"message", "type", "param", "code"}
        assert all(name in headers for name in DECIDED)
        assert (headers["x-gateway-attempts"], headers["x-gateway-mode"]) == ("2", "fallback")
        assert headers["x-should-retry"] == "false"


async def test_a_providers_refusal_keeps_its_status_and_reason(tmp_path: Path) -> None:
    """A content-policy 400 is the client's to read."""
    async with serving(tmp_path) as client:
        client.upstream.script = lambda call: UpstreamRejectedError(
            "flagged", arm_id=call.arm.id, status=400, code="content_policy_violation"
        )
        status, answer, _ = await client.chat()
        assert (status, answer["error"]["code"], answer["error"]["message"]) == (
            400,
            "content_policy_violation",
            "flagged",
        )
        assert len(client.upstream.calls) == 1


async def test_rate_limits_everywhere_are_a_429_with_retry_after(tmp_path: Path) -> None:
    """The client is told when to come back."""
    async with serving(tmp_path) as client:
        client.upstream.script = lambda call: UpstreamRateLimitError("slow down", arm_id=call.arm.id, retry_after_s=7.2)
        status, _, headers = await client.chat()
        assert (status, headers["Retry-After"]) == (429, "7")


async def test_a_fallback_says_so(tmp_path: Path) -> None:
    """Mode `fallback`, the arm that answered, two attempts."""
    async with serving(tmp_path) as client:

        def script(call: Call) -> Completion | UpstreamError:
            if len(client.upstream.calls) == 1:
                return UpstreamError("down", arm_id=call.arm.id)
            return make_completion()

        client.upstream.script = script
        status, answer, headers = await client.chat()
        assert status == 200
        assert (headers["x-gateway-mode"], headers["x-gateway-attempts"]) == ("fallback", "2")
        assert answer["model"] == headers["x-gateway-model"] == client.upstream.calls[1].arm.id


async def test_a_pinned_model_is_not_routed(tmp_path: Path) -> None:
    """The id of a configured model, slashes included, is that model."""
    async with serving(tmp_path) as client:
        for _ in range(5):
            _, answer, headers = await client.chat(model="org/large")
            assert (answer["model"], headers["x-gateway-mode"]) == ("org/large", "pinned")


async def test_an_unknown_model_is_a_404(tmp_path: Path) -> None:
    """In OpenAI's words: model_not_found, param model."""
    async with serving(tmp_path) as client:
        status, answer, _ = await client.chat(model="gpt-99")
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (404, "model_not_found", "model")


async def test_hints_reach_the_decision(tmp_path: Path) -> None:
    """A hinted task type stands in the decision's record."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.chat(headers={"x-gateway-task-type": "code_generation"})
        _, record, _ = await client.send("GET", f"/admin/decisions/{headers['x-gateway-decision-id']}")
        assert "code" in record["task_type"]
