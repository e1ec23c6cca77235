"""Server-sent events in OpenAI's dialect: headers, and a stream's honest end."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.api.outlet import ClientGoneError, Outlet
from gateway.errors import GatewayError, UpstreamError
from gateway.flows.serve import Answer

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
DONE = b"data: [DONE]\n\n"


def error_frame(error: GatewayError) -> bytes:
    """An error in the middle of a stream; nothing follows it."""
    return b"data: " + orjson.dumps(error.body()) + b"\n\n"


async def send_stream(outlet: Outlet, answer: Answer, headers: Mapping[str, str]) -> None:
    """Send the answer as it comes. The client's leaving closes the upstream and is learned as neither good nor bad."""
    blocks = answer.blocks()
    whole = False
    try:
        await outlet.begin({**headers, **_HEADERS})
        last = DONE
        try:
            async for block in blocks:
                await outlet.write(block)
        except UpstreamError as error:
            last = error_frame(error)
        await outlet.end(last)
        whole = True
    except ClientGoneError:
        pass  # There is nobody to tell.
    finally:
        # First the generator, so that the upstream is closed before anything else happens.
        try:
            await blocks.aclose()
        finally:
            if whole:
                answer.finished_soon()
            else:
                answer.finished(aborted=True)
