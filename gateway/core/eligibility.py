"""Which arms can serve a request at all: capabilities it cannot do without, and room for its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.policies.base import IntArray
from gateway.core.text import parts
from gateway.core.values import Arm, ChatRequest, Json, RequestContext
from gateway.errors import RequestError

MAX_MESSAGES = 4000
"""Latest messages that are searched for images and audio."""
MAX_PARTS_IN_ALL = 4000

# What one capability brings along: whoever follows a schema can write a JSON object.
_IMPLIED_BY = {"json_object": "json_schema"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """The arms that may be chosen, and why the others may not."""

    indices: IntArray
    """Shape (k,), k >= 1, ascending: positions in the sequence of arms."""
    excluded: Mapping[str, str]
    """Arm id to the reason."""


def needs_of(body: Json) -> frozenset[str]:
    """Capabilities without which a model cannot serve this body: tools, vision, audio, json_schema, json_object.

    Looks at a bounded number of messages and parts and never raises, whatever the body holds.
    """
    needs = set()
    if any(isinstance(given := body.get(key), list) and given for key in ("tools", "functions")):
        needs.add("tools")
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind in ("json_schema", "json_object"):
        needs.add(str(kind))
    answers = body.get("modalities")
    if isinstance(answers, list) and "audio" in answers[:8]:
        needs.add("audio")
    return frozenset(needs | _media(body.get("messages")))


def _media(messages: object) -> set[str]:
    found: set[str] = set()
    budget = MAX_PARTS_IN_ALL
    for message in messages[-MAX_MESSAGES:] if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        if not isinstance(content, list):
            continue
        for kind, _ in parts(content):
            budget -= 1
            if "image" in kind:
                found.add("vision")
            elif "audio" in kind:
                found.add("audio")
        if budget <= 0:
            break
    return found


def eligible(arms: Sequence[Arm], context: RequestContext, request: ChatRequest) -> Eligibility:
    """The arms that can serve the request; what is not known of an arm does not count against it.

    RequestError (400, `no_eligible_model`) where no arm can.
    """
    excluded = {arm.id: reason for arm in arms if (reason := _obstacle(arm, context, request))}
    indices = np.array([i for i, arm in enumerate(arms) if arm.id not in excluded], dtype=np.intp)
    if not len(indices):
        raise _refusal(excluded)
    return Eligibility(indices=indices, excluded=excluded)


def _obstacle(arm: Arm, context: RequestContext, request: ChatRequest) -> str | None:
    if arm.supports is not None and request.needs:
        missing = sorted(
            need
            for need in request.needs
            if need not in arm.supports and _IMPLIED_BY.get(need, need) not in arm.supports
        )
        if missing:
            return f"lacks {', '.join(missing)}"
    limit, answer = arm.max_context_tokens, request.max_tokens or 0
    # The prompt's tokens are an estimate, so a fifth less must still be too much. Whole numbers: a float has bounds.
    if limit is not None and 4 * context.tokens_in + 5 * answer > 5 * limit:
        asked = f"about {context.tokens_in} prompt tokens" + (f" and {answer} for the answer" if answer else "")
        return f"has room for {limit} tokens, the request has {asked}"
    return None


def _refusal(excluded: Mapping[str, str]) -> RequestError:
    reasons = "; ".join(f"{arm_id} {reason}" for arm_id, reason in excluded.items())
    return RequestError(
        f"no model of this policy can serve the request: {reasons or 'it has none'}", code="no_eligible_model"
    )
