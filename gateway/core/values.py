"""The words everything else is said in: frozen values from the request to the reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

FloatArray = npt.NDArray[np.float64]
Json = Mapping[str, object]

Mode = Literal["live", "baseline", "shadow", "experiment", "pinned", "fallback"]
OutputLength = Literal["short", "medium", "long"]
OutcomeStatus = Literal["answered", "failed", "unreachable", "rejected", "aborted"]
"""answered: a whole answer was sent. failed: the model's own failure, worth 0. unreachable: infrastructure, teaches no
quality. rejected: the provider refused the request as such. aborted: the client left, neither good nor bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Prices in USD per token."""

    input_usd: float
    output_usd: float

    def cost_usd(self, tokens_in: int, tokens_out: int) -> float:
        """What a call with these token counts costs, in USD."""
        return tokens_in * self.input_usd + tokens_out * self.output_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Start a new arm from a fraction of a similar arm's evidence."""

    like: str
    weight: Annotated[float, Interval(ge=0.0, le=1.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What can be chosen: one provider's model. `None` where neither the configuration nor a table knows."""

    id: str
    model: str
    price: Price | None = None
    max_context_tokens: int | None = None
    supports: frozenset[str] | None = None
    cold_start: ColdStart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the client told about its request, from `metadata` or `x-gateway-*` headers; all optional."""

    task_type: str | None = None
    priority: int = 5
    output_length: OutputLength | None = None
    language: str | None = None
    region: str | None = None
    user_id: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What was asked. `body` is the client's raw mapping with unknown fields kept; it is never changed in place."""

    body: Json
    messages: Sequence[Json]
    model: str
    stream: bool
    include_usage: bool
    tenant: str
    unit: str
    """The sticky key: session, else user, else this request."""
    hints: Hints = Hints()
    max_tokens: int | None = None
    timeout_s: float | None = None
    """The client's own deadline in seconds; it may only lower ours."""
    shadowed: bool = True
    """Whether this request may be shadowed (`x-gateway-shadow: off` leaves it out)."""
    needs: frozenset[str] = frozenset()
    """Capabilities without which an arm cannot serve it: tools, vision, json_schema, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """What is known before the call."""

    unit: str
    task_type: str
    tokens_in: int
    """Estimated prompt tokens."""
    features: FloatArray
    """Shape (d,), read-only; meaning given by the schema."""
    schema: str
    """Name, version and content hash of the feature schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was chosen, how likely, and why. `id` is the thread through headers, log, feedback and replay."""

    id: str
    tenant: str
    unit: str
    policy: str
    version: str
    """What the propensity depends on: algorithm kind and the age of the snapshot."""
    mode: Mode
    arm_id: str
    propensity: float
    """Probability in (0, 1] of this arm, over the learner's chance and the rollout's hash."""
    proposal: str | None
    """The arm the learner would have chosen; differs from `arm_id` where the baseline served."""
    order: tuple[str, ...]
    """Every eligible arm in the order of trial; `arm_id` first."""
    scores: Mapping[str, float]
    """Score of every eligible arm, in reward units."""
    reason: str
    context: RequestContext
    created_s: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back."""

    id: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None
    refusal: str | None = None
    tokens_in: int
    tokens_out: int
    usage_estimated: bool = False
    cost_usd: float | None = None
    """The provider's own price of the call where it said one; else the arm's price decides."""
    latency_s: float
    first_token_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """One upstream call that ended in an error before another arm answered, or before all had failed."""

    arm_id: str
    code: str
    infrastructure: bool
    """True: says nothing of the model's quality. False: the model's own failure, worth 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened: what a reward can be computed from, again and again. No prompt and no answer text in it."""

    decision_id: str
    completion_id: str | None
    arm_id: str
    """The arm that answered (after a fallback, not the one decided for)."""
    status: OutcomeStatus
    attempts: int
    signals: Mapping[str, float]
    """Named quality signals in [0, 1]; absent where they do not apply."""
    quality: float | None
    """Weighted mean of the signals, None where there is nothing to judge."""
    cost_usd: float
    latency_s: float
    first_token_s: float
    tokens_in: int
    tokens_out: int
    hour: int
    """Local hour of the decision, 0-23, for hour-dependent weights."""
    finished_s: float
    failed: tuple[FailedAttempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person or an application said of an answer. Everything is optional, something is there."""

    score: float | None = None
    """Explicit quality in [0, 1]; a rating of 1-5, a thumb and a success flag are mapped to it at the door."""
    signals: Mapping[str, float] = field(default_factory=dict)
    """Implicit signals as sent: booleans as 0 or 1, `dwell_time_seconds` in seconds."""
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What it was worth."""

    value: float
    """In [0, 1]."""
    parts: Mapping[str, float]
    """Each part in [0, 1] before weighting: quality, cost, latency, satisfaction."""
    source: Literal["scored", "feedback"]
