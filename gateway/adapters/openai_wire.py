"""Read answers and stream chunks of OpenAI's shape into Completions, and write chunks as event blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from gateway.adapters.openai_usage import Usage, count, estimate_usage, mappings, read_usage, usage_body
from gateway.core.values import Completion, Json, ToolCall
from gateway.errors import UpstreamCutError, UpstreamError, UpstreamInvalidError

TAIL_S: Final = 0.75
"""How long usage may follow the last finish reason: some servers send neither it nor [DONE], and keep the line open."""


def event(chunk: Json) -> bytes:
    """One event block, ready to be sent."""
    try:
        text = orjson.dumps(chunk)
    except TypeError:
        # Half of a surrogate pair, which a provider may split over two chunks; escapes carry it unharmed.
        text = json.dumps(chunk).encode()
    return b"data: " + text + b"\n\n"


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

    @property
    def flowing(self) -> bool:
        """Whether the first choice, and no other, has begun and not ended: what comes now is probably its text."""
        return len(self._finish) == 1 and not self._held and self._finish.get(0, "") is None

    def take_text(self, text: str, now_s: float) -> None:
        """Read a piece of the first choice's content, out of a chunk that says nothing else."""
        self._text.append(text)
        if self._first_s is None and text:
            self._first_s = now_s

    def take(self, chunk: Json, now_s: float) -> dict[str, object] | None:
        """Read a chunk. Returns it as the client gets it, or None where it carried nothing but usage.

        The client's has the arm's id as model, one id and time of creation throughout, the role in each choice's
        first delta, and no usage: that is sent once, by `ending`.
        """
        self._take_usage(chunk.get("usage"))
        self.id = self.id or str(chunk.get("id") or "")
        self._created = self._created or chunk.get("created")
        choices = [self._take_choice(choice, now_s) for choice in mappings(chunk.get("choices"))]
        if not choices:
            return None
        sent = {name: value for name, value in chunk.items() if name not in ("usage", "choices")}
        return {**sent, **self._head(), "choices": choices}

    def cut(self) -> UpstreamError:
        """The error of a stream that ends here, without a finish reason."""
        message = f"The stream of arm '{self.arm_id}' ended without a finish reason."
        if self.begun:
            # A connection lost midway says nothing of the model; a reply that never became one does.
            return UpstreamCutError(message, arm_id=self.arm_id)
        return UpstreamInvalidError(message, arm_id=self.arm_id)

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
        index = count(choice.get("index"))
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
        calls = mappings(delta.get("tool_calls")) or ([{"function": legacy}] if isinstance(legacy, Mapping) else [])
        for position, call in enumerate(calls):
            # A whole answer lists its calls in order and numbers none.
            at = call.get("index")
            tool = self._tools.setdefault(at if isinstance(at, int) else position, _ToolParts())
            tool.id = tool.id or str(call.get("id") or "")
            function = call.get("function")
            if isinstance(function, Mapping):
                tool.name = tool.name or str(function.get("name") or "")
                tool.arguments.append(str(function.get("arguments") or ""))


def _joined(parts: list[str]) -> str:
    """The parts as one text, with surrogate pairs mended that were split between two of them."""
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
