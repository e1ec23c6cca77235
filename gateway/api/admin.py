"""`/admin/...`: what operators see and switch, with a key of their own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping

from aiohttp import web

from gateway.api.middleware import json_response, read_body
from gateway.api.services import SERVICES, Services
from gateway.api.wire import parse_object
from gateway.core.policies.base import Exploration
from gateway.core.rollout import RolloutState, Stage, change
from gateway.core.statistics import Tallies
from gateway.errors import NotFoundError, RequestError, StoreError
from gateway.flows.policy import Policy
from gateway.flows.ports import Record


async def policies(request: web.Request) -> web.StreamResponse:
    """Every policy."""
    services = request.app[SERVICES]
    await _freshen(services)
    return json_response({"policies": [_policy(services, p) for p in services.policies.values()]})


async def policy(request: web.Request) -> web.StreamResponse:
    """One policy."""
    services = request.app[SERVICES]
    found = _find(services, request)
    await _freshen(services)
    return json_response(_policy(services, found))


async def rollout(request: web.Request) -> web.StreamResponse:
    """Set stage and percentage, on all replicas within a second."""
    services = request.app[SERVICES]
    found = _find(services, request)
    body = parse_object(await read_body(request))
    unknown = sorted(set(body) - {"stage", "percentage"})
    if unknown:
        raise RequestError(f"Unknown field '{unknown[0]}'; known: stage, percentage.", param=unknown[0])
    stage, percentage = body.get("stage"), body.get("percentage")
    if percentage is not None and (isinstance(percentage, bool) or not isinstance(percentage, int | float)):
        raise RequestError(f"'percentage' must be a number from 0 to 100, not {percentage!r:.60}.", param="percentage")
    if stage is not None and not isinstance(stage, str):
        raise RequestError(f"'stage' must be a string, not {stage!r:.60}.", param="stage")

    def changed(state: RolloutState) -> RolloutState:
        now_s = services.clock.now()
        wanted: Stage | None = stage  # type: ignore[assignment]  # `change` itself refuses an unknown stage
        return change(state, stage=wanted, percentage=percentage, now_s=now_s, by="admin")

    try:
        await services.sync.put_switch(found.name, changed)
    except ValueError as error:
        param = "percentage" if str(error).startswith("percentage") else "stage"
        raise RequestError(f"{error}.", param=param) from error
    return json_response(_policy(services, found))


async def kill(request: web.Request) -> web.StreamResponse:
    """The kill switch: the baseline serves, whatever the stage."""
    services = request.app[SERVICES]
    found = _find(services, request)
    await services.sync.kill(found.name, by="admin")
    return json_response(_policy(services, found))


async def state(request: web.Request) -> web.StreamResponse:
    """The learned sums themselves, unweighted: for audits, and to compare replicas."""
    services = request.app[SERVICES]
    await _freshen(services)
    body = {}
    for name, found in services.policies.items():
        arms = {
            arm_id: {"gram": sums.gram.tolist(), "moment": sums.moment.tolist(), "tallies": sums.tallies.as_dict()}
            for arm_id, sums in found.learner.statistics().items()
        }
        body[name] = {"fingerprint": found.learner.key.fingerprint, "version": found.learner.version, "arms": arms}
    return json_response(body)


async def decisions(request: web.Request) -> web.StreamResponse:
    """The newest decisions of a policy (`?policy=default&limit=50`)."""
    services = request.app[SERVICES]
    name = request.query.get("policy", "default")
    limit = request.query.get("limit", "50")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= 1000):
        raise RequestError(f"limit must be a whole number from 1 to 1000, not {limit!r:.60}.", param="limit")
    await _freshen(services)
    records = await services.store.recent(name, int(limit))
    return json_response({"decisions": [_record(record) for record in records]})


async def decision(request: web.Request) -> web.StreamResponse:
    """One decision: why, what happened, what it was worth."""
    services = request.app[SERVICES]
    await _freshen(services)
    record = await services.store.find(request.match_info["id"])
    if record is None:
        raise NotFoundError(f"There is no decision '{request.match_info['id']}'.", param="id")
    return json_response(_record(record))


async def _freshen(services: Services) -> None:
    # What other replicas wrote is included; with the store away, what this one knows must do.
    with contextlib.suppress(StoreError):
        await services.sync.flush()


def _find(services: Services, request: web.Request) -> Policy:
    name = request.match_info["name"]
    if name not in services.policies:
        known = ", ".join(services.policies)
        raise NotFoundError(f"There is no policy '{name}'. Known: {known}.", param="name", code="policy_not_found")
    return services.policies[name]


def _policy(services: Services, policy: Policy) -> dict[str, object]:
    switch = services.switches.state(policy.name)
    counts = policy.learner.tallies()
    return {
        "name": policy.name,
        "stage": switch.stage,
        "percentage": switch.percentage,
        "killed": switch.killed,
        "version": switch.version,
        "changed_s": switch.changed_s,
        "baseline": policy.baseline,
        "algorithm": policy.learner.algorithm.kind,
        "fingerprint": policy.learner.key.fingerprint,
        "spend_usd": sum(tallies.cost_usd for tallies in counts.values()),
        "arms": [_arm(policy, arm.id, counts[arm.id]) for arm in policy.arms],
    }


def _arm(policy: Policy, arm_id: str, sums: Tallies) -> dict[str, object]:
    exploration: Exploration | None = policy.learner.algorithm.exploration
    cold = exploration is not None and sums.pulls + sums.failures < exploration.warm_up_pulls
    return {
        "id": arm_id,
        "model": policy.arm(arm_id).model,
        "pulls": round(sums.pulls),
        "rewarded": round(sums.rewarded),
        "rated": round(sums.rated),
        "failures": round(sums.failures),
        "mean_reward": _ratio(sums.reward, sums.rewarded),
        "reward_stderr": _stderr(sums),
        "mean_cost_usd": _ratio(sums.cost_usd, sums.pulls),
        "mean_latency_s": _ratio(sums.latency_s, sums.pulls),
        "tokens_in": round(sums.tokens_in),
        "tokens_out": round(sums.tokens_out),
        "state": "warming_up" if cold else "active",
    }


def _ratio(total: float, count: float) -> float | None:
    return total / count if count > 0 else None


def _stderr(sums: Tallies) -> float | None:
    if sums.rewarded < 2:
        return None
    mean = sums.reward / sums.rewarded
    return math.sqrt(max(0.0, sums.reward_squared / sums.rewarded - mean * mean) / sums.rewarded)


def _record(record: Record) -> Mapping[str, object]:
    made, settled = record.decision, record.settled
    body: dict[str, object] = {
        "id": made.id,
        "tenant": made.tenant,
        "policy": made.policy,
        "version": made.version,
        "mode": made.mode,
        "arm": made.arm_id,
        "propensity": made.propensity,
        "proposal": made.proposal,
        "order": list(made.order),
        "scores": dict(made.scores),
        "reason": made.reason,
        "task_type": made.context.task_type,
        "tokens_in": made.context.tokens_in,
        "schema": made.context.schema,
        "created_s": made.created_s,
        "outcome": None,
        "reward": None,
        "feedback": None,
    }
    if settled is not None:
        outcome = settled.outcome
        body["outcome"] = {
            "arm": outcome.arm_id,
            "status": outcome.status,
            "attempts": outcome.attempts,
            "failed": [{"arm": f.arm_id, "code": f.code} for f in outcome.failed],
            "signals": dict(outcome.signals),
            "quality": outcome.quality,
            "cost_usd": outcome.cost_usd,
            "latency_s": outcome.latency_s,
            "first_token_s": outcome.first_token_s,
            "tokens_in": outcome.tokens_in,
            "tokens_out": outcome.tokens_out,
        }
        if settled.reward is not None:
            reward = settled.reward
            body["reward"] = {"value": reward.value, "parts": dict(reward.parts), "source": reward.source}
    if record.feedback is not None:
        said = record.feedback
        body["feedback"] = {"score": said.score, "signals": dict(said.signals), "comment": said.comment}
    return body
