"""Read a whole answer of OpenAI's shape into a Completion."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.adapters.openai_usage import read_usage
from gateway.adapters.openai_wire import Reading
from gateway.core.values import Completion, Json
from gateway.errors import UpstreamInvalidError

_ENDINGS = frozenset({"stop", "length", "content_filter"})
_PLAIN = frozenset({"role", "content", "refusal", "annotations", "reasoning_content"})


def read_reply(answer: Json, body: Json, *, arm_id: str, latency_s: float) -> Completion:
    """Read a whole answer to the request `body`. Raises UpstreamInvalidError where it is no answer."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UpstreamInvalidError(f"Arm '{arm_id}' answered without choices.", arm_id=arm_id)
    if not all(isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping) for choice in choices):
        raise UpstreamInvalidError(f"Arm '{arm_id}' answered with a choice without message.", arm_id=arm_id)
    plain = _plain(answer, choices[0], latency_s) if len(choices) == 1 else None
    if plain is not None:
        return plain
    reading = Reading(body=body, arm_id=arm_id, started_s=0.0)
    reading.take({**answer, "choices": [{**choice, "delta": choice["message"]} for choice in choices]}, latency_s)
    return reading.completion(latency_s)


def _plain(answer: Json, choice: Json, latency_s: float) -> Completion | None:
    """The usual answer, a text with its usage; None for any other, which takes a longer look."""
    message, reason, usage = choice["message"], choice.get("finish_reason"), read_usage(answer.get("usage"))
    if not isinstance(message, dict) or usage is None or reason not in _ENDINGS or not message.keys() <= _PLAIN:
        return None
    text, refusal = message.get("content"), message.get("refusal")
    if not isinstance(text, str) or not text.isascii() or refusal is not None or choice.get("index", 0) != 0:
        return None
    return Completion(
        id=str(answer.get("id") or ""),
        text=text,
        finish_reason=reason,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost_usd=usage.cost_usd,
        latency_s=latency_s,
        first_token_s=latency_s,
    )
