"""OpenAI's chat completion wire as a simulated provider speaks it: what a body must hold, and what goes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.demo.profiles import TOKENS_PER_MESSAGE, count_tokens

PIECE_CHARS = 16
"""Characters of content in one streamed chunk: about four tokens."""

Json = dict[str, object]


class RefusedCallError(Exception):
    """A call that ends in an OpenAI error: `status` is the HTTP status, `body` what is sent with it."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", param: str | None = None,
        code: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.body: Json = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """What a simulated provider needs to know of a chat completion request."""

    model: str
    prompt: str
    tokens_in: int
    max_tokens: int | None
    as_json: bool
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer with its counts, ready to be put on the wire; `created_s` is Unix time in whole seconds."""

    id: str
    created_s: int
    model: str
    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int

    @property
    def usage(self) -> Json:
        """OpenAI's `usage`."""
        total = self.tokens_in + self.tokens_out
        return {"prompt_tokens": self.tokens_in, "completion_tokens": self.tokens_out, "total_tokens": total}


def read_call(body: object) -> ChatCall:
    """The call in a decoded request body; raises `RefusedCallError` (400) naming the first field that is wrong."""
    if not isinstance(body, dict):
        raise RefusedCallError(400, "The body must be a JSON object.")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str):
        raise _wrong("model", "a string")
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "a non-empty array of messages")
    texts = [_message_text(message, f"messages[{place}]") for place, message in enumerate(messages)]
    if body.get("n") not in (None, 1):
        raise _wrong("n", "1: this model gives one choice")
    options = body.get("stream_options") or {}
    response_format = body.get("response_format") or {}
    if not isinstance(options, dict) or not isinstance(response_format, dict):
        raise _wrong("stream_options" if not isinstance(options, dict) else "response_format", "an object")
    user = [text for message, text in zip(messages, texts, strict=True) if message["role"] == "user"]
    return ChatCall(
        model=model,
        prompt=user[-1] if user else "",
        tokens_in=sum(count_tokens(text) + TOKENS_PER_MESSAGE for text in texts),
        max_tokens=_limit(body, "max_completion_tokens") or _limit(body, "max_tokens"),
        as_json=response_format.get("type") in {"json_object", "json_schema"},
        stream=body.get("stream") is True,
        include_usage=options.get("include_usage") is True,
    )


def completion(answer: Answer) -> Json:
    """The body of an answer that is not streamed."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return {**_head(answer, "chat.completion"), "choices": [choice], "usage": answer.usage}


def chunks(answer: Answer, include_usage: bool) -> Iterator[tuple[float, Json]]:
    """The chunks of a streamed answer in order, each with the share of the content that has been said with it.

    First the role, then the content in pieces, then the finish reason, and last the usage where it was asked for.
    """
    head = _head(answer, "chat.completion.chunk")
    if include_usage:
        head["usage"] = None  # as OpenAI does: null in every chunk but the last
    yield 0.0, {**head, "choices": [_choice({"role": "assistant", "content": "", "refusal": None})]}
    for start in range(0, len(answer.text), PIECE_CHARS):
        piece = answer.text[start : start + PIECE_CHARS]
        yield (start + len(piece)) / len(answer.text), {**head, "choices": [_choice({"content": piece})]}
    yield 1.0, {**head, "choices": [_choice({}, answer.finish_reason)]}
    if include_usage:
        yield 1.0, {**head, "choices": [], "usage": answer.usage}


def model_list(model: str) -> Json:
    """The body of `GET /v1/models` for a provider of one model."""
    entry = {"id": model, "object": "model", "created": 1_735_689_600, "owned_by": "gateway-demo"}
    return {"object": "list", "data": [entry]}


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": answer.id,
        "object": kind,
        "created": answer.created_s,
        "model": answer.model,
        "system_fingerprint": f"fp_{answer.model}",
    }


def _choice(delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _message_text(message: object, place: str) -> str:
    """The text of one message, whose content is a string, null, or an array of parts."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise _wrong(place, "an object with a role")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise _wrong(f"{place}.content", "a string or an array of parts")
    return "".join(str(part.get("text", "")) for part in content)


def _limit(body: Mapping[str, object], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(name, "a whole number of at least 1")
    return value


def _wrong(param: str, wanted: str) -> RefusedCallError:
    return RefusedCallError(400, f"Invalid '{param}': expected {wanted}.", param=param, code="invalid_value")
