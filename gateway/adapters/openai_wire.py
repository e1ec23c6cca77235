"""Read answers and stream chunks of OpenAI's shape into Completions, and write chunks as event blocks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from gateway.core.values import Completion, Json, Price, ToolCall
from gateway.errors import UpstreamInvalidError

CHARS_PER_TOKEN: Final = 4.0
"""The usual rule of thumb, for a provider that reports no usage; counting with a tokenizer would stall the loop."""


def event(chunk: Json) -> bytes:
    """One event block, ready to be sent."""
    try:
        text = orjson.dumps(chunk)
    except TypeError:
        # Half of a surrogate pair, which a provider may split over two chunks; escapes carry it unharmed.
        text = json.dumps(chunk).encode()
    return b"data: " + text + b"\n\n"


def wants_usage(body: Json) -> bool:
    """Whether the client asked for the usage chunk."""
    options = body.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of a call, and its price where the provider says one."""

    tokens_in: int
    tokens_out: int
    cost_usd: float | None = None
    estimated: bool = False


def read_usage(raw: object) -> Usage | None:
    """Usage as the provider wrote it; None where it is absent or says nothing (litellm fills in zeros)."""
    if not isinstance(raw, Mapping):
        return None
    tokens_in, tokens_out = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
    if tokens_in + tokens_out == 0:
        return None
    cost = raw.get("cost")
    cost = cost.get("total_cost") if isinstance(cost, Mapping) else cost
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
        cost = None
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost)


def estimate_usage(body: Json, answer: str) -> Usage:
    """Usage by the length of the texts, for a provider that reported none."""
    return Usage(
        tokens_in=math.ceil(sum(map(len, _texts(body))) / CHARS_PER_TOKEN),
        tokens_out=math.ceil(len(answer) / CHARS_PER_TOKEN),
        estimated=True,
    )


def usage_body(raw: object, read: Completion | Usage) -> dict[str, object]:
    """Usage as OpenAI writes it: the provider's own, with the three counts as they were read."""
    counts = {
        "prompt_tokens": read.tokens_in,
        "completion_tokens": read.tokens_out,
        "total_tokens": read.tokens_in + read.tokens_out,
    }
    return {**(raw if isinstance(raw, Mapping) else {}), **counts}


def priced(completion: Completion, price: Price | None) -> Completion:
    """The completion with what it costs at this price, unless the provider said the cost itself."""
    if price is None or completion.cost_usd is not None:
        return completion
    return replace(completion, cost_usd=price.cost_usd(completion.tokens_in, completion.tokens_out))


def read_reply(answer: Json, body: Json, *, arm_id: str, latency_s: float) -> Completion:
    """Read a whole answer to the request `body`. Raises UpstreamInvalidError where it is no answer."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UpstreamInvalidError(f"Arm '{arm_id}' answered without choices.", arm_id=arm_id)
    if not all(isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping) for choice in choices):
        raise UpstreamInvalidError(f"Arm '{arm_id}' answered with a choice without message.", arm_id=arm_id)
    reading = Reading(body=body, arm_id=arm_id, started_s=0.0)
    reading.take({**answer, "choices": [{**choice, "delta": choice["message"]} for choice in choices]}, latency_s)
    return reading.completion(latency_s)


@dataclass(slots=True)
class _ToolParts:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Reading:
    """What has been read of one answer, chunk by chunk; text and tool calls are those of its first choice."""

    body: Json
    """The client's request."""
    arm_id: str
    started_s: float
    id: str = ""
    usage: Usage | None = None
    raw_usage: dict[str, object] = field(default_factory=dict)
    _created: object = None
    _text: list[str] = field(default_factory=list)
    _refusal: list[str] = field(default_factory=list)
    _tools: dict[int, _ToolParts] = field(default_factory=dict)
    _finish: dict[int, str | None] = field(default_factory=dict)
    _held: dict[int, str] = field(default_factory=dict)
    """Finish reasons that came together with content, and may prove premature: sent at the end only."""
    _first_s: float | None = None

    @property
    def begun(self) -> bool:
        """Whether anything of an answer has come."""
        return bool(self._finish)

    @property
    def complete(self) -> bool:
        """Whether every choice seen has its finish reason."""
        return bool(self._finish) and all(self._finish.values())

    @property
    def awaits_only_usage(self) -> bool:
        """Whether all the choices that were asked for have surely ended."""
        asked = self.body.get("n")
        return self.complete and not self._held and len(self._finish) >= (asked if isinstance(asked, int) else 1)

    def take(self, chunk: Json, now_s: float) -> dict[str, object] | None:
        """Read a chunk. Returns it as the client gets it, or None where it carried nothing but usage.

        The client's has the arm's id as model, one id and time of creation throughout, the role in each choice's
        first delta, and no usage: that is sent once, by `ending`.
        """
        self._take_usage(chunk.get("usage"))
        self.id = self.id or str(chunk.get("id") or "")
        self._created = self._created or chunk.get("created")
        choices = [self._take_choice(choice, now_s) for choice in _mappings(chunk.get("choices"))]
        if not choices:
            return None
        sent = {name: value for name, value in chunk.items() if name not in ("usage", "choices")}
        return {**sent, **self._head(), "choices": choices}

    def ending(self, *, usage: bool) -> list[dict[str, object]]:
        """The chunks that are still owed to the client at the end, that of the usage if it asked for it."""
        owed = [
            {**self._head(), "choices": [{"index": index, "delta": {}, "finish_reason": reason}]}
            for index, reason in self._held.items()
        ]
        if usage:
            used = self.usage or estimate_usage(self.body, self._answer())
            owed.append({**self._head(), "choices": [], "usage": usage_body(self.raw_usage, used)})
        return owed

    def completion(self, now_s: float) -> Completion:
        """What has been read so far, as if it ended now."""
        usage = self.usage or estimate_usage(self.body, self._answer())
        first_s = self._first_s if self._first_s is not None else now_s
        tools = (self._tools[index] for index in sorted(self._tools))
        return Completion(
            id=self.id,
            text=_joined(self._text),
            tool_calls=tuple(ToolCall(id=t.id, name=t.name, arguments=_joined(t.arguments)) for t in tools),
            finish_reason=self._finish.get(0),
            refusal=_joined(self._refusal) or None,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            usage_estimated=usage.estimated,
            cost_usd=usage.cost_usd,
            latency_s=now_s - self.started_s,
            first_token_s=first_s - self.started_s,
        )

    def _head(self) -> dict[str, object]:
        return {"id": self.id, "object": "chat.completion.chunk", "created": self._created or 0, "model": self.arm_id}

    def _answer(self) -> str:
        arguments = (part for tool in self._tools.values() for part in (tool.name, *tool.arguments))
        return "".join((*self._text, *self._refusal, *arguments))

    def _take_usage(self, raw: object) -> None:
        read = read_usage(raw)
        if read is None or not isinstance(raw, Mapping):
            return
        # It may come twice, in parts or as a running total (Anthropic's prompt first, its output last): the most
        # that was said of each is what the call used.
        before = self.usage or read
        self.usage = Usage(
            tokens_in=max(before.tokens_in, read.tokens_in),
            tokens_out=max(before.tokens_out, read.tokens_out),
            cost_usd=read.cost_usd if read.cost_usd is not None else before.cost_usd,
        )
        self.raw_usage.update({name: value for name, value in raw.items() if value is not None})

    def _take_choice(self, choice: Json, now_s: float) -> dict[str, object]:
        index = _count(choice.get("index"))
        raw = choice.get("delta")
        delta = dict(raw) if isinstance(raw, Mapping) else {}
        if index not in self._finish:
            delta["role"] = delta.get("role") or "assistant"
            self._finish[index] = None
        carries = any(value for name, value in delta.items() if name != "role")
        if self._first_s is None and carries:
            self._first_s = now_s
        if index == 0:
            self._take_delta(delta)
        return {**choice, "index": index, "delta": delta, "finish_reason": self._finished(choice, index, carries)}

    def _finished(self, choice: Json, index: int, carries: bool) -> str | None:
        """Read a choice's finish reason. Returns it where it is sent at once: beside content it may be premature."""
        reason = choice.get("finish_reason")
        if reason == "error":
            raise UpstreamInvalidError(f"Arm '{self.arm_id}' broke off its answer with an error.", arm_id=self.arm_id)
        given = reason if isinstance(reason, str) and reason else None
        if given is None and not carries:
            return None
        self._finish[index] = given
        self._held.pop(index, None)
        if given is not None and carries:
            self._held[index] = given
            return None
        return given

    def _take_delta(self, delta: Json) -> None:
        for name, parts in (("content", self._text), ("refusal", self._refusal)):
            value = delta.get(name)
            if isinstance(value, str) and value:
                parts.append(value)
        legacy = delta.get("function_call")
        calls = _mappings(delta.get("tool_calls")) or ([{"function": legacy}] if isinstance(legacy, Mapping) else [])
        for position, call in enumerate(calls):
            # A whole answer lists its calls in order and numbers none.
            at = call.get("index")
            tool = self._tools.setdefault(at if isinstance(at, int) else position, _ToolParts())
            tool.id = tool.id or str(call.get("id") or "")
            function = call.get("function")
            if isinstance(function, Mapping):
                tool.name = tool.name or str(function.get("name") or "")
                tool.arguments.append(str(function.get("arguments") or ""))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _mappings(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(body: Json) -> Iterator[str]:
    """Every text of the request's messages; images and the like are left out."""
    for message in _mappings(body.get("messages")):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in _mappings(content):
            text = part.get("text")
            if isinstance(text, str):
                yield text


def _joined(parts: list[str]) -> str:
    """The parts as one text, with surrogate pairs mended that were split between two of them."""
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
