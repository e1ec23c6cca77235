"""Server-sent events in OpenAI's dialect: framing, headers, and a stream's honest end."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web

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


async def send_stream(request: web.Request, answer: Answer, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the answer as it comes. The client's leaving closes the upstream and is learned as neither good nor bad."""
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    blocks = answer.blocks()
    whole = False
    try:
        await response.prepare(request)
        try:
            async for block in blocks:
                await response.write(block)
            await response.write(DONE)
        except UpstreamError as error:
            await response.write(error_frame(error))
        await response.write_eof()
        whole = True
    except ConnectionError:
        # The client's socket is gone: there is nobody to tell.
        pass
    finally:
        # First the generator, so that the upstream is closed before anything else happens.
        try:
            await blocks.aclose()
        finally:
            answer.finished(aborted=not whole)
    return response
