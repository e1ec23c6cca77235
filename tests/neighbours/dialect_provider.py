"""The scripted provider in another tongue: what it would say on OpenAI's wire, said as Anthropic or Gemini say it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from tests.neighbours.scripted_provider import Received, Script, ScriptedProvider, chunks

Event = Mapping[str, Any]


class Tongue:
    """One answer in a provider's own words: its body, or its events one by one."""

    model: ClassVar[str]
    """litellm's name of a model of this provider."""

    def __init__(self, usage: Event | None) -> None:
        """`usage`: what the script says of it, as OpenAI writes it."""
        self.usage = usage

    def whole(self, answer: Event) -> Event:
        """The body of an answer whose body on OpenAI's wire is this."""
        raise NotImplementedError

    def events(self, chunk: Event) -> list[Event]:
        """The events for one chunk of OpenAI's wire."""
        raise NotImplementedError

    def question(self, body: Event) -> str:
        """The text of the last message."""
        raise NotImplementedError


class Claude(Tongue):
    """Anthropic's Messages API."""

    model = "anthropic/claude-sonnet-4-5"
    stops: ClassVar[Mapping[str, str]] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

    def __init__(self, usage: Event | None) -> None:
        super().__init__(usage)
        self._blocks = 0
        self._open: str | None = None

    def whole(self, answer: Event) -> Event:
        """A message of content blocks."""
        (choice,) = answer["choices"]
        message = choice["message"]
        content = [{"type": "text", "text": message["content"]}] if message["content"] else []
        content += [
            {"type": "tool_use", "id": c["id"], "name": c["function"]["name"],
             "input": json.loads(c["function"]["arguments"])}
            for c in message.get("tool_calls", ())
        ]  # fmt: skip
        return {"id": answer["id"], "type": "message", "role": "assistant", "model": "claude", "content": content,
                "stop_reason": self.stops[choice["finish_reason"]], "usage": self._counts()}  # fmt: skip

    def events(self, chunk: Event) -> list[Event]:
        """The message's start, its blocks, and what ends it."""
        if "error" in chunk:
            return [{"type": "error", "error": {"type": "overloaded_error", "message": chunk["error"]["message"]}}]
        if not chunk["choices"]:
            return [{"type": "message_stop"}]
        (choice,) = chunk["choices"]
        told: list[Event] = []
        if choice["delta"].get("role"):
            empty = {"id": chunk["id"], "type": "message", "role": "assistant", "model": "claude", "content": []}
            told.append({"type": "message_start", "message": {**empty, "usage": {"input_tokens": 0}}})
        if choice["delta"].get("content"):
            told += self._block("text", {"type": "text", "text": ""})
            told.append(self._delta({"type": "text_delta", "text": choice["delta"]["content"]}))
        if choice["finish_reason"]:
            last = {"delta": {"stop_reason": self.stops[choice["finish_reason"]]}}
            told += [*self._shut(), {"type": "message_delta", **last, "usage": self._counts()}]
        return told

    def question(self, body: Event) -> str:
        """Its parts' texts."""
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part["text"] for part in content)

    def _block(self, kind: str, content: Event) -> list[Event]:
        if self._open == kind:
            return []
        self._open = kind
        return [{"type": "content_block_start", "index": self._blocks, "content_block": content}]

    def _delta(self, delta: Event) -> Event:
        return {"type": "content_block_delta", "index": self._blocks, "delta": delta}

    def _shut(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        self._blocks += 1
        return [{"type": "content_block_stop", "index": self._blocks - 1}]

    def _counts(self) -> Event:
        usage = self.usage
        return {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]} if usage else {}


class Gemini(Tongue):
    """Google's generateContent."""

    model = "gemini/gemini-2.5-flash"
    stops: ClassVar[Mapping[str, str]] = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}

    def whole(self, answer: Event) -> Event:
        """One candidate of parts."""
        (choice,) = answer["choices"]
        text = choice["message"]["content"]
        return self._said([{"text": text}] if text else [], choice["finish_reason"], answer.get("usage"))

    def events(self, chunk: Event) -> list[Event]:
        """A part each, the counts beside nothing."""
        if "error" in chunk:
            return [chunk]
        if not chunk["choices"]:
            return [{"usageMetadata": self._counts(chunk["usage"])}]
        (choice,) = chunk["choices"]
        return [self._said([{"text": choice["delta"].get("content") or ""}], choice["finish_reason"], None)]

    def question(self, body: Event) -> str:
        """Its parts' texts."""
        return "".join(part["text"] for part in body["contents"][-1]["parts"])

    def _said(self, parts: list[Event], finish: str | None, usage: Event | None) -> Event:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = self.stops[finish]
        return {"candidates": [candidate], **({"usageMetadata": self._counts(usage)} if usage else {})}

    @staticmethod
    def _counts(usage: Event) -> Event:
        return {
            "promptTokenCount": usage["prompt_tokens"],
            "candidatesTokenCount": usage["completion_tokens"],
            "totalTokenCount": usage["total_tokens"],
        }


class DialectProvider(ScriptedProvider):
    """Follows the scripts of a ScriptedProvider, in this tongue, for the model `arm` whatever the request names."""

    def __init__(self, tongue: type[Tongue]) -> None:
        super().__init__()
        self.tongue = tongue

    async def _unexpected(self, request: web.Request) -> Any:
        body = json.loads(await request.text())
        streamed = bool(body.get("stream")) or request.path.endswith(":streamGenerateContent")
        asked = {
            "model": "arm",
            "messages": [{"role": "user", "content": self.tongue(None).question(body)}],
            "stream": streamed,
            "stream_options": {"include_usage": True},
        }
        request._read_bytes = json.dumps(asked).encode()  # the base reads the request again
        response = await self._answer(request)
        received = self.requests[-1]
        self.requests[-1] = Received(path=received.path, headers=received.headers, body=body)
        script = self.scripts.get("arm", Script())
        if streamed or not isinstance(response, web.Response) or script.raw is not None or script.status != 200:
            return response
        assert response.text is not None
        return web.json_response(self.tongue(script.usage).whole(json.loads(response.text)))

    async def _stream(self, request: web.Request, script: Script, body: Mapping[str, object]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **script.headers})
        await response.prepare(request)
        tongue = self.tongue(script.usage)
        for sent, chunk in enumerate(script.events if script.events is not None else chunks(script, body)):
            if sent == script.cut_after:
                assert request.transport is not None
                request.transport.close()
                return response
            if sent == script.stall_after:
                await asyncio.Event().wait()
            if sent == script.hold_after:
                await self._released.wait()
            await asyncio.sleep(script.event_delay_s)
            for event in tongue.events(chunk):
                text = json.dumps(event, ensure_ascii=script.escaped)
                named = f"event: {event['type']}\n" if "type" in event else ""
                await response.write(f"{named}data: {text}\n\n".encode())
        self.finished_streams += 1
        await response.write_eof()
        return response
