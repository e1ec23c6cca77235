"""Import litellm late and once, offline, silent, and without the second tries and redirects that it makes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

_ENVIRONMENT: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the packaged price table, not one fetched at import
    "LITELLM_MODE": "PRODUCTION",  # else it loads the next .env file that it finds into our environment
}


_LOCK: Final = threading.Lock()


def load_litellm() -> Any:
    """The litellm module, tamed. The first call takes seconds and belongs in a thread."""
    with _LOCK:  # a call that gave up waiting leaves its thread importing
        return _load()


@cache
def _load() -> Any:
    # litellm reads these while it is imported and offers no other way to set them.
    os.environ.update(_ENVIRONMENT)  # noqa: TID251
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.set_verbose = False
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    litellm.turn_off_message_logging = True
    litellm.num_retries = None
    litellm.model_fallbacks = None
    # Its global switch, unlike the argument of one call, makes it send a request again that was refused with 422.
    litellm.drop_params = False
    # It breaks off a stream that says the same thing so often; judging an answer is not its job.
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = 10**9
    for callbacks in ("callbacks", "success_callback", "failure_callback", "input_callback"):
        setattr(litellm, callbacks, [])
        setattr(litellm, f"_async_{callbacks}", [])
    _silence()
    _tame_http()
    own_http_client(litellm)
    asyncio.run(_rehearse(litellm))
    return litellm


def _silence() -> None:
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    # These log the address of every call, and Gemini's carries the key.
    for name in ("httpx", "httpcore", "openai"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _tame_http() -> None:
    """Make litellm's own HTTP handler (all providers but OpenAI's SDK) follow no redirect and try nothing twice."""
    handler: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    create = handler.create_client

    def create_client(self: Any, *args: Any, **named: Any) -> Any:
        client = create(self, *args, **named)
        # httpx takes only `Authorization` off a request that is sent on to another host, not `x-api-key`.
        client.follow_redirects = False
        return client

    async def single_connection_post_request(*_: Any, **__: Any) -> None:
        # Called while a broken connection is handled, to send the request again: it may have been served already,
        # and whether to try again is the flow's decision.
        raise  # noqa: PLE0704

    handler.create_client = create_client
    handler.single_connection_post_request = single_connection_post_request


async def _rehearse(litellm: Any) -> None:
    """Play one answer and one stream over canned bytes: the first of each makes litellm load half of itself.

    That would stop the event loop for a second, so it happens here, in the loading thread and without a socket.
    """
    import httpx
    import openai

    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}, "delta": {"content": "x"}}
    canned = json.dumps({"id": "x", "object": "x", "created": 0, "model": "x", "choices": [choice]})
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, text=canned, headers={"content-type": "application/json"})
    )
    events = httpx.MockTransport(lambda _: httpx.Response(200, text=f"data: {canned}\n\n", headers={}))
    for stream, canned_http in ((False, transport), (True, events)):
        http = httpx.AsyncClient(transport=canned_http)
        client = openai.AsyncOpenAI(api_key="none", base_url="http://canned.invalid", http_client=http, max_retries=0)
        messages = [{"role": "user", "content": "x"}]
        with without_bookkeeping():
            said = await litellm.acompletion(
                model="openai/x", messages=messages, client=client, stream=stream, max_retries=0, drop_params=True
            )
        if stream:
            async for _ in said.completion_stream:
                pass
        await client.close()


def own_http_client(litellm: Any) -> None:
    """Have OpenAI's SDK reach every host inside litellm through one HTTP client, that is closed by us only.

    litellm's own would follow redirects, and be replaced every hour.
    """
    if litellm.aclient_session is None or litellm.aclient_session.is_closed:
        common: Any = importlib.import_module("litellm.llms.openai.common_utils")
        litellm.aclient_session = None
        client = common.BaseOpenAILLM.get_async_http_client()
        client.follow_redirects = False
        litellm.aclient_session = client


async def close_http_clients(litellm: Any) -> None:
    """Close every connection that litellm holds in this process; it opens new ones when it is called again."""
    if litellm.aclient_session is not None:
        await litellm.aclient_session.aclose()
        litellm.aclient_session = None
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()


@cache
def _internal_flag() -> Any:
    try:
        return importlib.import_module("litellm._internal_context").is_internal_call
    except (ImportError, AttributeError):
        return None


@contextlib.contextmanager
def without_bookkeeping() -> Iterator[None]:
    """Spare a call litellm's own cost and logging records, which nobody reads here."""
    flag = _internal_flag()
    if flag is None:  # a version that has no such flag
        yield
        return
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)
