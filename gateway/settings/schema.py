"""The configuration's shape: pydantic at the edge, the core's own dataclasses inside."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.core.features import FeatureSettings
from gateway.core.forgetting import Forgetting
from gateway.core.policies.contextual_thompson import ContextualThompson
from gateway.core.policies.fixed import Fixed
from gateway.core.policies.linucb import LinUcb
from gateway.core.policies.split import Split
from gateway.core.policies.thompson import Thompson
from gateway.core.reward import RewardSettings
from gateway.core.rollout import Stage
from gateway.core.scoring import ScoringSettings
from gateway.core.values import ColdStart

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
"""Ids that stand in URLs, headers and metric labels."""
AlgorithmSettings = Annotated[LinUcb | Thompson | ContextualThompson | Fixed | Split, Field(discriminator="kind")]


class Section(BaseModel):
    """Unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    """`server:` where and how to listen."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024)] = 20 * 1024 * 1024
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that requests in flight may take after SIGTERM."""
    sync_interval_s: Annotated[float, Field(ge=0.01, le=10)] = 0.2
    """How often learned sums go to the store and switches come back; at most a second, so that a kill is quick."""


class KeySettings(Section):
    """One client key."""

    tenant: Name
    key: SecretStr


class PriceSettings(Section):
    """USD per million tokens."""

    input_usd_per_million: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output_usd_per_million: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelSettings(Section):
    """One arm: litellm's `provider/model`, and what its tables do not know."""

    id: Name
    model: Annotated[str, Field(min_length=1)]
    api_key: SecretStr | None = None
    api_base: Annotated[str, Field(pattern=r"^https?://")] | None = None
    lane: Literal["auto", "litellm"] = "auto"
    price: PriceSettings | None = None
    max_context_tokens: Annotated[int, Field(ge=1)] | None = None
    supports: frozenset[Literal["tools", "vision", "audio", "json_object", "json_schema"]] | None = None
    cold_start: ColdStart | None = None


class RolloutSettings(Section):
    """The first state of a policy's rollout; afterwards it changes through /admin or the command line."""

    stage: Stage = "off"
    percentage: Annotated[float, Field(ge=0, le=100)] = 0.0


class TimeoutSettings(Section):
    """Limits of upstream calls in seconds."""

    connect_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    first_token_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    idle_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    total_s: Annotated[float, Field(gt=0, le=86400)] = 600.0


class RetrySettings(Section):
    """Our one layer of retries."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    budget_percent: Annotated[float, Field(ge=0, le=100)] = 20.0


class PolicySettings(Section):
    """One policy: which arms, who serves without the learner, how to learn and what is worth what."""

    models: Annotated[tuple[Name, ...], Field(min_length=1)]
    baseline: Name
    algorithm: AlgorithmSettings = LinUcb()
    features: FeatureSettings = FeatureSettings()
    forgetting: Forgetting = Forgetting()
    scoring: ScoringSettings = ScoringSettings()
    reward: RewardSettings = RewardSettings()
    rollout: RolloutSettings = RolloutSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    retries: RetrySettings = RetrySettings()


class FeedbackSettings(Section):
    """`feedback:` how long an answer may be rated."""

    ttl_s: Annotated[float, Field(gt=0)] = 7 * 86400.0


class LogSettings(Section):
    """`log:` what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    """auto: console on a terminal, JSON elsewhere."""


class Settings(Section):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    store: Annotated[str, Field(pattern=r"^sqlite:///.+")] = "sqlite:///gateway.db"
    keys: tuple[KeySettings, ...] = ()
    admin_key: SecretStr | None = None
    models: Annotated[tuple[ModelSettings, ...], Field(min_length=1)]
    policies: Annotated[dict[Name, PolicySettings], Field(min_length=1)]
    feedback: FeedbackSettings = FeedbackSettings()
    log: LogSettings = LogSettings()
