"""The configuration's shape: pydantic at the edge, the core's own dataclasses inside."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

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


def _sendable(secret: SecretStr) -> SecretStr:
    # A line break at the end, as files and Kubernetes secrets have it, would fail far away, on the first request.
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError(
            "must be visible ASCII characters, at least one, without blanks or line breaks: it travels in a header "
            "(what is given is not shown)"
        )
    return secret


Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
        description="a name of at most 128 letters, digits and . _ / - that begins with a letter or digit",
    ),
]
"""Ids that stand in URLs, headers and metric labels."""
Secret = Annotated[SecretStr, AfterValidator(_sendable), Field(examples=['"${NAME}" for a variable of that name'])]
AlgorithmSettings = Annotated[LinUcb | Thompson | ContextualThompson | Fixed | Split, Field(discriminator="kind")]


class Section(BaseModel):
    """Unknown keys are errors, no number is infinite, and nothing changes after loading."""

    # The first two hold for the core's dataclasses inside as well.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class ServerSettings(Section):
    """`server:` where and how to listen."""

    host: Annotated[str, Field(min_length=1, description="an address or a name to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024)] = 20 * 1024 * 1024
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that requests in flight may take after SIGTERM."""
    sync_interval_s: Annotated[float, Field(ge=0.01, le=0.8)] = 0.2
    """How often learned sums go to the store and switches come back: with the round itself, under a second, within
    which every worker has to know of a kill."""


class KeySettings(Section):
    """One client key."""

    tenant: Name
    key: Secret


class PriceSettings(Section):
    """USD per million tokens."""

    input_usd_per_million: Annotated[float, Field(ge=0, examples=["0.15"])]
    output_usd_per_million: Annotated[float, Field(ge=0, examples=["0.60"])]


class ModelSettings(Section):
    """One arm: litellm's `provider/model`, and what its tables do not know."""

    id: Name
    model: Annotated[str, Field(min_length=1, description="litellm's provider/model", examples=["openai/gpt-4o-mini"])]
    api_key: Secret | None = None
    api_base: (
        Annotated[
            str, Field(pattern=r"^https?://[^/\s]", description="an address that begins with http:// or https://")
        ]
        | None
    ) = None
    lane: Literal["auto", "litellm", "direct"] = "auto"
    """auto: over our own connections where the provider speaks OpenAI's wire, else by litellm."""
    price: PriceSettings | None = None
    max_context_tokens: Annotated[int, Field(ge=1)] | None = None
    supports: frozenset[Literal["tools", "vision", "audio", "json_object", "json_schema"]] | None = None
    cold_start: ColdStart | None = None

    @field_validator("cold_start")
    @classmethod
    def _fraction(cls, start: ColdStart | None) -> ColdStart | None:
        if start is not None and not 0.0 < start.weight <= 1.0:
            raise ValueError(f"weight must be a number above 0 and at most 1, not {start.weight:g}")
        return start


class RolloutSettings(Section):
    """The first state of a policy's rollout; afterwards it changes through /admin or the command line."""

    stage: Stage = "off"
    percentage: Annotated[float, Field(ge=0, le=100)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _percentage_means_canary(cls, data: object) -> object:
        """As with the command: a percentage alone means canary, and canary needs one, if only 0."""
        if not isinstance(data, dict):
            return data
        if "percentage" in data and "stage" not in data:
            return {"stage": "canary", **data}
        if data.get("stage") == "canary" and "percentage" not in data:
            raise ValueError("stage canary needs a percentage, such as percentage: 5")
        return data


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

    models: Annotated[
        tuple[Name, ...], Field(min_length=1, description="a list of model ids", examples=["[small, large]"])
    ]
    baseline: Annotated[Name, Field(description="the id of the model that serves when the learner does not")]
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
    store: Annotated[
        str, Field(pattern=r"^sqlite:///.+", description="sqlite:///FILE, with a fourth slash for an absolute path")
    ] = "sqlite:///gateway.db"
    keys: tuple[KeySettings, ...] = ()
    admin_key: Secret | None = None
    models: Annotated[
        tuple[ModelSettings, ...],
        Field(
            min_length=1,
            description="a list of models",
            examples=['[{id: small, model: openai/gpt-4o-mini, api_key: "${OPENAI_API_KEY}"}]'],
        ),
    ]
    policies: Annotated[
        dict[Name, PolicySettings],
        Field(
            min_length=1,
            description="policies by name",
            examples=["{default: {models: [small, large], baseline: large}}"],
        ),
    ]
    feedback: FeedbackSettings = FeedbackSettings()
    log: LogSettings = LogSettings()

    def secrets(self) -> frozenset[str]:
        """Every key in it, so that the log can blank them out."""
        given = [*(entry.key for entry in self.keys), self.admin_key, *(model.api_key for model in self.models)]
        return frozenset(secret.get_secret_value() for secret in given if secret is not None)
