"""Describing never fails: for any JSON body the vector is finite, bounded, as long as its schema, and repeatable."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.eligibility import needs_of
from gateway.core.features import CustomFeature, Describer, FeatureSettings
from gateway.core.tasks import FAMILIES
from gateway.core.values import ChatRequest, Hints

ROOT = Path(__file__).parents[2]
CAPABILITIES = {"tools", "vision", "audio", "json_schema", "json_object"}
CUSTOM = (
    CustomFeature(key="a", kind="number", low=-5.0, high=1e300),
    CustomFeature(key="b", kind="category", values=("x", "")),
    CustomFeature(key="user_id", kind="hashed", dimensions=3),
)
DESCRIBERS = [
    Describer(FeatureSettings()),
    Describer(FeatureSettings(set="base10", custom=CUSTOM)),
    Describer(FeatureSettings(text_dimensions=0)),
    Describer(FeatureSettings(text_dimensions=256, custom=CUSTOM)),
]
unhurried = settings(deadline=None)
"""A busy machine is no failure."""

anything = st.text(st.characters(exclude_categories=()), max_size=60)
"""Lone surrogates and control characters included: JSON can spell them."""
scalars = st.none() | st.booleans() | st.integers() | st.floats() | anything
json = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4))
part = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["text", "image_url", "input_audio"]) | json, "text": anything | json}
)
message = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "system", "assistant", "tool", "developer"]) | json,
        "content": anything | st.lists(part | json, max_size=5) | json,
        "tool_calls": json,
    },
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(message | json, max_size=6) | json,
        "tools": json,
        "functions": json,
        "modalities": json,
        "response_format": st.fixed_dictionaries({"type": st.sampled_from(["json_object", "text"]) | json}) | json,
    },
)
maybe = st.none() | anything
hints = st.builds(
    Hints,
    task_type=maybe,
    priority=st.integers(),
    output_length=st.sampled_from([None, "short", "medium", "long"]),
    language=maybe,
    region=maybe,
    user_id=maybe,
    custom=st.dictionaries(st.sampled_from(["a", "b", "region"]), anything, max_size=3),
)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    body: dict[str, Any] = draw(bodies)
    return ChatRequest(
        body=body,
        messages=body.get("messages", []),
        model="auto",
        stream=False,
        include_usage=False,
        tenant="acme",
        unit="session-1",
        hints=draw(hints),
        max_tokens=draw(st.none() | st.integers()),
    )


@unhurried
@given(
    request=requests(),
    describer=st.sampled_from(DESCRIBERS),
    time=st.datetimes(timezones=st.just(UTC)),
)
def test_any_body_is_described(request: ChatRequest, describer: Describer, time: datetime) -> None:
    """Finite numbers in [-1, 1], one per name, the bias 1, tokens not negative, a task, and nobody may write to it."""
    context = describer.describe(request, time)
    x = context.features
    assert x.shape == (len(describer.schema.names),)
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 1.0
    assert x[describer.schema.bias] == 1.0
    assert not x.flags.writeable
    assert context.tokens_in >= 0
    assert context.task_type
    assert request.hints.task_type or context.task_type in FAMILIES
    np.testing.assert_array_equal(x, describer.describe(request, time).features)


@unhurried
@given(body=bodies)
def test_any_body_has_known_needs(body: dict[str, Any]) -> None:
    """Only the documented words come out, and nothing is raised."""
    assert needs_of(body) <= CAPABILITIES


@unhurried
@given(text=anything)
def test_a_part_is_as_good_as_a_string(text: str) -> None:
    """Content as a list with one text part describes like the same text as a string."""
    rows = [
        DESCRIBERS[0].describe(
            ChatRequest(
                body={},
                messages=[{"role": "user", "content": content}],
                model="auto",
                stream=False,
                include_usage=False,
                tenant="t",
                unit="u",
            ),
            datetime(2026, 1, 1, tzinfo=UTC),
        )
        for content in (text, [{"type": "text", "text": text}])
    ]
    np.testing.assert_array_equal(rows[0].features, rows[1].features)
    assert rows[0].tokens_in == rows[1].tokens_in


def test_every_process_describes_alike() -> None:
    """The seed of Python's own hash has no say: replicas share statistics."""
    program = (
        "from datetime import datetime\n"
        "from tests.builders import make_request\n"
        "from gateway.core.features import Describer, FeatureSettings\n"
        "from gateway.core.values import Hints\n"
        "request = make_request(hints=Hints(task_type='triage', language='nl'))\n"
        "print(Describer(FeatureSettings()).describe(request, datetime(2026, 1, 1)).features.tobytes().hex())\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, cwd=ROOT, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "4242")
    ]
    assert runs[0]
    assert runs[0] == runs[1] == runs[2]
