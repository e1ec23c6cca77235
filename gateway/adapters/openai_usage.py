"""What a call used, in tokens and money: as the provider says, else estimated by the length of the texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.core.values import Completion, Json, Price

CHARS_PER_TOKEN: Final = 4.0
"""The usual rule of thumb, for a provider that reports no usage; counting with a tokenizer would stall the loop."""


MAX_TOKENS: Final = 10**12
"""No call uses more: a larger number is a mistake, and would not fit into a store."""


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
    tokens_in, tokens_out = count(raw.get("prompt_tokens")), count(raw.get("completion_tokens"))
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


def count(value: object) -> int:
    """A positive whole number; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_TOKENS else 0


def mappings(value: object) -> list[Json]:
    """The mappings in a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(body: Json) -> Iterator[str]:
    """Every text of the request's messages; images and the like are left out."""
    for message in mappings(body.get("messages")):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in mappings(content):
            text = part.get("text")
            if isinstance(text, str):
                yield text
