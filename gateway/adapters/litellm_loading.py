"""Import litellm late and once, offline, silent, and without the second tries and redirects that it makes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Final

_ENVIRONMENT: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the packaged price table, not one fetched at import
    "LITELLM_MODE": "PRODUCTION",  # else it loads the next .env file that it finds into our environment
}


_TABLED: Final = frozenset({"anthropic", "gemini", "vertex_ai", "vertex_ai_beta", "bedrock"})
"""Providers of which litellm knows nothing but what its packaged table says."""
_GEMINI: Final = "litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini"
_LOCK: Final = threading.Lock()
_connect_s: Final[ContextVar[float | None]] = ContextVar("connect_s", default=None)


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
    _tame_reading()
    _tame_lookups()
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
    # Said once for each of litellm's own types, when it is built.
    warnings.filterwarnings("ignore", message=".* on TypedDict class .* using the `ReadOnly` qualifier")


def _tame_http() -> None:
    """Make litellm's own HTTP handler (all providers but OpenAI's SDK) follow no redirect and try nothing twice."""
    handler: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    create = handler.create_client

    def create_client(self: Any, *args: Any, **named: Any) -> Any:
        return _tamed(create(self, *args, **named))

    async def single_connection_post_request(*_: Any, **__: Any) -> None:
        # Called while a broken connection is handled, to send the request again: it may have been served already,
        # and whether to try again is the flow's decision.
        raise  # noqa: PLE0704

    handler.create_client = create_client
    handler.single_connection_post_request = single_connection_post_request


def _tame_reading() -> None:
    """Have litellm take for the end of an answer only what is one."""
    # Its reader of events drops every chunk in which the word [DONE] occurs.
    reader: Any = importlib.import_module("litellm.llms.base_llm.base_model_iterator").BaseModelResponseIterator
    handle = reader._handle_string_chunk

    def _handle_string_chunk(self: Any, str_line: str) -> Any:
        if "[DONE]" in str_line and str_line.removeprefix("data:").strip() != "[DONE]":
            parsed = reader._string_to_dict_parser(str_line)
            if parsed:
                return self.chunk_parser(chunk=parsed)
        return handle(self, str_line)

    reader._handle_string_chunk = _handle_string_chunk
    # It gives every chunk of Gemini's that has no finish reason one of its own, so that any of them might be the last.
    gemini: Any = importlib.import_module(_GEMINI).VertexGeminiConfig
    create = gemini._create_streaming_choice

    def _create_streaming_choice(chat_completion_message: Any, candidate: Any, *args: Any, **named: Any) -> Any:
        choice = create(chat_completion_message, candidate, *args, **named)
        if not candidate.get("finishReason"):
            choice.finish_reason = None
        return choice

    gemini._create_streaming_choice = staticmethod(_create_streaming_choice)


def _tame_lookups() -> None:
    """Have litellm look up once what a model can do: its table does not change, and it asks several times a request."""
    utils: Any = importlib.import_module("litellm.utils")
    # Where both are there, the second is the first one's old name.
    names = [name for name in ("supports_factory", "_supports_factory") if hasattr(utils, name)]
    ask = getattr(utils, names[0])
    remembered = lru_cache(maxsize=4096)(ask)

    def supports(model: str, custom_llm_provider: str | None, key: str) -> Any:
        # Of some other providers litellm asks a server, whose answer may change.
        look = remembered if custom_llm_provider in _TABLED else ask
        return look(model=model, custom_llm_provider=custom_llm_provider, key=key)

    for name in names:
        setattr(utils, name, supports)


def _tamed(client: Any) -> Any:
    # httpx takes only `Authorization` off a request that is sent on to another host, not `x-api-key`.
    client.follow_redirects = False
    client.event_hooks["request"].append(_limit_connecting)
    client.event_hooks["response"].append(_split_at_line_feeds)
    return client


async def _limit_connecting(request: Any) -> None:
    connect_s = _connect_s.get()
    if connect_s is not None:
        request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "connect": connect_s}


async def _split_at_line_feeds(response: Any) -> None:
    """httpx ends a line at U+2028 and U+0085 too, which JSON text may hold: litellm would lose the chunk."""

    async def lines() -> AsyncIterator[str]:
        pending: list[bytes] = []
        async for part in response.aiter_bytes():
            first, *others = part.split(b"\n")
            pending.append(first)
            for other in others:
                yield b"".join(pending).decode("utf-8", "replace").rstrip("\r")
                pending = [other]
        if any(pending):
            yield b"".join(pending).decode("utf-8", "replace")

    response.aiter_lines = lines


def own_http_client(litellm: Any) -> None:
    """Have OpenAI's SDK reach every host inside litellm through one HTTP client, that is closed by us only.

    litellm's own would follow redirects, and be replaced every hour.
    """
    if litellm.aclient_session is None or litellm.aclient_session.is_closed:
        common: Any = importlib.import_module("litellm.llms.openai.common_utils")
        litellm.aclient_session = None
        litellm.aclient_session = _tamed(common.BaseOpenAILLM._get_async_http_client())


async def close_http_clients(litellm: Any) -> None:
    """Close every connection that litellm holds in this process; it opens new ones when it is called again."""
    if litellm.aclient_session is not None:
        await litellm.aclient_session.aclose()
        litellm.aclient_session = None
    shared = vars(litellm).get("module_level_aclient")  # asking litellm for it would make it
    if shared is not None:
        await shared.close()
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()


async def _rehearse(litellm: Any) -> None:
    """Play one answer and one stream over canned bytes: the first of each makes litellm load half of itself.

    That would stop the event loop for a second, so it happens here, in the loading thread and without a socket.
    """
    import httpx
    import openai

    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}, "delta": {"content": "x"}}
    answer = {"id": "x", "object": "x", "created": 0, "model": "x", "choices": [choice]}
    litellm.ModelResponseStream(choices=[choice])  # builds the class that other providers' chunks are read into
    for stream, text in ((False, json.dumps(answer)), (True, f"data: {json.dumps(answer)}\n\n")):
        canned = httpx.Response(200, text=text, headers={"content-type": "application/json"})
        http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _, canned=canned: canned))
        async with openai.AsyncOpenAI(api_key="none", base_url="http://canned.invalid", http_client=http) as client:
            messages = [{"role": "user", "content": "x"}]
            with quiet_call(connect_s=1.0):
                said = await litellm.acompletion(
                    model="openai/x", messages=messages, client=client, stream=stream, max_retries=0, drop_params=True
                )
            if stream:
                async for _ in said.completion_stream:
                    pass


@cache
def _internal_flag() -> Any:
    try:
        return importlib.import_module("litellm._internal_context").is_internal_call
    except (ImportError, AttributeError):
        return ContextVar("unused", default=False)  # a version that has no such flag


@contextlib.contextmanager
def quiet_call(connect_s: float) -> Iterator[None]:
    """Around whatever may send a request: it connects within `connect_s`, and litellm keeps no records of it.

    Those would be its costs and its logs, which nobody reads here. Few of its providers take a limit for connecting.
    """
    flag = _internal_flag()
    internal, connecting = flag.set(True), _connect_s.set(connect_s)
    try:
        yield
    finally:
        _connect_s.reset(connecting)
        flag.reset(internal)
