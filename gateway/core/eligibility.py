"""Which arms can serve a request at all: capabilities it cannot do without, and room for its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.text import OBJECT, ends_of
from gateway.core.values import Arm, ChatRequest, Json, RequestContext
from gateway.errors import RequestError

MAX_MESSAGES = 4000
"""Latest messages that are searched for images and audio."""
MAX_PARTS_IN_ALL = 4000
MAX_KEPT_NEEDS = 64
"""Combinations of needs for which a roster keeps its answer; five capabilities make 32."""

_NOTHING: frozenset[str] = frozenset()

# What one capability brings along: whoever follows a schema can write a JSON object.
_IMPLIED_BY = {"json_object": "json_schema"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """The arms that may be chosen, and why the others may not."""

    indices: tuple[int, ...]
    """Ascending, at least one: positions in the sequence of arms."""
    excluded: Mapping[str, str]
    """Arm id to the reason."""


def needs_of(body: Json) -> frozenset[str]:
    """Capabilities without which a model cannot serve this body: tools, vision, audio, json_schema, json_object.

    Looks at a bounded number of messages and parts and never raises, whatever the body holds.
    """
    needs = _media(body.get("messages"))
    for key in ("tools", "functions"):
        given = body.get(key)
        if given and isinstance(given, list):
            needs.add("tools")
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping):
        kind = wanted.get("type")
        if kind in ("json_schema", "json_object"):
            needs.add(str(kind))
    answers = body.get("modalities")
    if isinstance(answers, list) and "audio" in answers[:8]:
        needs.add("audio")
    return frozenset(needs) if needs else _NOTHING


def _media(messages: object) -> set[str]:
    found: set[str] = set()
    budget = MAX_PARTS_IN_ALL
    for message in messages[-MAX_MESSAGES:] if isinstance(messages, list) else ():
        if not isinstance(message, OBJECT):
            continue
        content = message.get("content")
        if not isinstance(content, list):
            continue
        some = ends_of(content)
        for part in some:
            if isinstance(part, OBJECT):
                kind = part.get("type")
                # Nearly all parts are text, and nothing else needs to be asked of them.
                if kind == "text" or not isinstance(kind, str):
                    continue
                if "image" in kind:
                    found.add("vision")
                elif "audio" in kind:
                    found.add("audio")
        budget -= len(some)
        if budget <= 0:
            break
    return found


class Roster:
    """The arms of a policy, ready to be asked who can serve a request; built once, safe to share."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.arms = tuple(arms)
        # By what is needed: everyone who can do it, and the smallest window among those whose window is known.
        self._able: dict[frozenset[str], tuple[Eligibility | None, int | None]] = {}

    def eligible(self, context: RequestContext, request: ChatRequest) -> Eligibility:
        """As `eligible`, but where the tokens fit everywhere, the answer is one that is kept and shared."""
        known = self._able.get(request.needs)
        if known is None:
            known = self._remember(request.needs)
        able, room = known
        if able is not None and (room is None or not _exceeds(room, context.tokens_in, request.max_tokens or 0)):
            return able
        return eligible(self.arms, context, request)

    def _remember(self, needs: frozenset[str]) -> tuple[Eligibility | None, int | None]:
        lacking = {arm.id: reason for arm in self.arms if (reason := _lack(arm, needs))}
        able = [(i, arm) for i, arm in enumerate(self.arms) if arm.id not in lacking]
        windows = [arm.max_context_tokens for _, arm in able if arm.max_context_tokens is not None]
        # Without anyone left the refusal says more than what is kept here: each arm's reason for this very request.
        kept = _eligibility([i for i, _ in able], lacking) if able else None
        entry = kept, min(windows, default=None)
        if len(self._able) < MAX_KEPT_NEEDS:
            self._able[needs] = entry
        return entry


def eligible(arms: Sequence[Arm], context: RequestContext, request: ChatRequest) -> Eligibility:
    """The arms that can serve the request; what is not known of an arm does not count against it.

    RequestError (400, `no_eligible_model`) where no arm can.
    """
    excluded = {arm.id: reason for arm in arms if (reason := _obstacle(arm, context, request))}
    indices = [i for i, arm in enumerate(arms) if arm.id not in excluded]
    if not indices:
        raise _refusal(excluded)
    return _eligibility(indices, excluded)


def _eligibility(indices: list[int], excluded: Mapping[str, str]) -> Eligibility:
    return Eligibility(indices=tuple(indices), excluded=excluded)


def _obstacle(arm: Arm, context: RequestContext, request: ChatRequest) -> str | None:
    if reason := _lack(arm, request.needs):
        return reason
    limit, answer = arm.max_context_tokens, request.max_tokens or 0
    if limit is not None and _exceeds(limit, context.tokens_in, answer):
        asked = f"about {context.tokens_in} prompt tokens" + (f" and {answer} for the answer" if answer else "")
        return f"has room for {limit} tokens, the request has {asked}"
    return None


def _lack(arm: Arm, needs: frozenset[str]) -> str | None:
    if arm.supports is None or not needs:
        return None
    missing = sorted(
        need for need in needs if need not in arm.supports and _IMPLIED_BY.get(need, need) not in arm.supports
    )
    return f"lacks {', '.join(missing)}" if missing else None


def _exceeds(limit: int, tokens_in: int, answer: int) -> bool:
    # The prompt's tokens are an estimate, so a fifth less must still be too much. Whole numbers: a float has bounds.
    return 4 * tokens_in + 5 * answer > 5 * limit


def _refusal(excluded: Mapping[str, str]) -> RequestError:
    reasons = "; ".join(f"{arm_id} {reason}" for arm_id, reason in excluded.items())
    return RequestError(
        f"no model of this policy can serve the request: {reasons or 'it has none'}", code="no_eligible_model"
    )
