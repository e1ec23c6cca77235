"""Feature sets: their closed forms, their schemas, and what each hint and option changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import cos, log, pi, sin
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.core.features import CustomFeature, Describer, FeatureSettings, build_schema
from gateway.core.values import ChatRequest, FloatArray, Hints
from tests.builders import make_request

MONDAY = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
BASE10 = Describer(FeatureSettings(set="base10"))
DEFAULT = Describer(FeatureSettings())


def asked(text: str = "What is 2 + 2?", **given: Any) -> ChatRequest:
    """A request with this text; hints by their names, the rest as fields of the request."""
    hints = {name: given.pop(name) for name in list(given) if name in Hints.__dataclass_fields__}
    return make_request(messages=[{"role": "user", "content": text}], hints=Hints(**hints), **given)


def base10(request: ChatRequest, time: datetime = MONDAY) -> FloatArray:
    return BASE10.describe(request, time).features


def default(request: ChatRequest, time: datetime = MONDAY) -> dict[str, float]:
    features = DEFAULT.describe(request, time).features
    return dict(zip(DEFAULT.schema.names, features.tolist(), strict=True))


def changed(one: ChatRequest, other: ChatRequest, time: datetime = MONDAY) -> set[str]:
    """Blocks of the default set in which two requests differ."""
    a, b = default(one), default(other, time)
    return {name.split(".")[0] for name in a if a[name] != b[name]}


def test_lesson_5_vector() -> None:
    """The documented example: 256 tokens, code generation, long output, priority 8, four o'clock, fourth day."""
    request = asked("x" * 1_024, task_type="code_generation", output_length="long", priority=8)
    context = BASE10.describe(request, MONDAY + timedelta(days=3, hours=4))
    assert context.tokens_in == 256
    documented = [0.554, 1.0, 0.8, 0.5, 0.866, -0.901, 0.434, 0.33, 1.0, 0.0]
    np.testing.assert_allclose(context.features, documented, atol=1e-3)


@pytest.mark.parametrize("tokens", [1, 10, 256, 4_000, 21_999])
def test_base10_length(tokens: int) -> None:
    """Index 0 is ln(1 + tokens) / 10."""
    assert base10(asked("x" * 4 * tokens))[0] == pytest.approx(log(1 + tokens) / 10)


def test_base10_length_is_capped() -> None:
    """Index 0 never exceeds 1: e^10 tokens and more are all the same."""
    assert base10(asked("x" * 4_000_000))[0] == 1.0


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({}, 0.5),
        ({"max_tokens": 99}, 0.0),
        ({"max_tokens": 100}, 0.5),
        ({"max_tokens": 500}, 0.5),
        ({"max_tokens": 501}, 1.0),
        ({"output_length": "short", "max_tokens": 4_000}, 0.0),
        ({"output_length": "medium"}, 0.5),
        ({"output_length": "long", "max_tokens": 1}, 1.0),
    ],
)
def test_base10_output_length(given: dict[str, Any], value: float) -> None:
    """Index 1 comes from the hint, else from the limit on the answer, else it is medium."""
    assert base10(asked(**given))[1] == value


@pytest.mark.parametrize(("priority", "value"), [(1, 0.1), (5, 0.5), (10, 1.0), (99, 1.0), (-3, 0.0), (10**400, 1.0)])
def test_base10_priority(priority: int, value: float) -> None:
    """Index 2 is a tenth of the priority, within [0, 1]."""
    assert base10(asked(priority=priority))[2] == value


@pytest.mark.parametrize("hours", range(0, 24 * 7, 5))
def test_base10_time(hours: int) -> None:
    """Indices 3 to 6 go round the clock and round the week, with Monday at angle 0."""
    hour, day = 2 * pi * (hours % 24) / 24, 2 * pi * (hours // 24) / 7
    features = base10(asked(), MONDAY + timedelta(hours=hours))
    np.testing.assert_allclose(features[3:7], [cos(hour), sin(hour), cos(day), sin(day)], atol=1e-12)


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ("classification", 0.0),
        ("generation", 0.33),
        ("code_generation", 0.33),
        ("extraction", 0.67),
        ("summarization", 1.0),
        ("question_answering", 0.5),
        ("translation", 0.5),
        ("horoscope", 0.5),
    ],
)
def test_base10_task(task: str, code: float) -> None:
    """Index 7 codes the four known tasks; every other word is in the middle."""
    assert base10(asked(task_type=task))[7] == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Classify this review as positive or negative: dull", 0.0),
        ("Write a poem about rain.", 0.33),
        ("Write a Python function that adds numbers.", 0.33),
        ("Extract the date from the text: it was on May 5.", 0.67),
        ("Summarize this article: it rained.", 1.0),
        ("Who wrote Faust?", 0.5),
    ],
)
def test_base10_infers_the_task(text: str, code: float) -> None:
    """Without a hint the text decides, by the same codes."""
    assert base10(asked(text))[7] == code


def test_base10_bias_and_reserve() -> None:
    """Index 8 is 1, index 9 is 0, and there are ten."""
    assert base10(asked())[8:].tolist() == [1.0, 0.0]
    assert BASE10.schema.dimension == 10
    assert BASE10.schema.bias == 8


def test_context_says_what_was_described() -> None:
    """Unit, task, tokens and schema go along; a hinted task keeps its word."""
    context = DEFAULT.describe(asked("x" * 400, task_type="Code Generation", unit="u-1"), MONDAY)
    assert (context.unit, context.task_type, context.tokens_in) == ("u-1", "code_generation", 100)
    assert context.schema == DEFAULT.schema.fingerprint
    assert not context.features.flags.writeable
    assert context.features.dtype == np.float64
    assert DEFAULT.describe(asked("Who wrote Faust?"), MONDAY).task_type == "question_answering"


def test_media_and_tools_count_as_tokens() -> None:
    """An image, a sound and a tool definition are worth hundreds of tokens though they hold no text."""
    parts = [{"type": "image_url"}, {"type": "input_audio"}, {"type": "text", "text": "x" * 40}]
    messages = [{"role": "user", "content": parts}]
    request = make_request(messages=messages, body={"tools": [{}, {}], "functions": [{}]})
    assert DEFAULT.describe(request, MONDAY).tokens_in == 10 + 800 + 500 + 300


@pytest.mark.parametrize(
    ("given", "blocks"),
    [
        ({"priority": 9}, {"priority"}),
        ({"output_length": "long"}, {"output_length"}),
        ({"task_type": "translation"}, {"task"}),
        ({"task_type": "horoscope"}, {"task", "task_word"}),
        ({"language": "en"}, {"language_hint"}),
        ({"language": "de"}, {"language", "language_hint"}),
        ({"body": {"tools": [{}]}}, {"flag", "prompt_length"}),
        ({"body": {"response_format": {"type": "json_object"}}}, {"flag"}),
    ],
)
def test_each_hint_has_its_effect(given: dict[str, Any], blocks: set[str]) -> None:
    """A hint or a field moves its own block of coordinates and no other."""
    text = "Who wrote Faust?"
    assert changed(asked(text, body={}), asked(text, **({"body": {}} | given))) == blocks


def test_time_moves_only_the_time() -> None:
    """The same request at another hour of another day differs in four coordinates."""
    assert changed(asked(), asked(), MONDAY + timedelta(days=1, hours=5)) == {
        "hour_cos",
        "hour_sin",
        "weekday_cos",
        "weekday_sin",
    }


def test_unheard_words_are_told_apart() -> None:
    """Any eight hinted words are linearly independent, so a linear learner can value each one on its own."""
    names = [name for name in DEFAULT.schema.names if name.startswith("task_word")]
    words = ("horoscope", "triage", "poetry_slam", "negotiation", "roleplay", "redaction", "captioning", "planning")
    rows = [[default(asked(task_type=word))[name] for name in names] for word in words]
    assert np.linalg.matrix_rank(np.array(rows), tol=0.01) == len(words)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("code", "```\nx = 1\n```"),
        ("math", "Solve \\frac{1}{x} = 2"),
        ("choices", "Which?\n(A) one\n(B) two"),
        ("json", "Answer in JSON please"),
    ],
)
def test_flags_by_text(flag: str, text: str) -> None:
    """What a text holds is seen, and not seen where it is not there."""
    assert default(asked(text))[f"flag.{flag}"] > 0.0
    assert default(asked("A calm day by the sea"))[f"flag.{flag}"] == 0.0


def test_flags_by_messages() -> None:
    """Images, a dialogue and a system prompt are seen."""
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "assistant", "content": "Nice."},
        {"role": "user", "content": "Thanks"},
    ]
    seen = default(make_request(messages=messages))
    assert min(seen["flag.images"], seen["flag.multi_turn"], seen["flag.system"]) > 0.0
    assert max(default(asked())[f"flag.{name}"] for name in ("images", "multi_turn", "system")) == 0.0


def test_words_fill_the_text_block() -> None:
    """The hashed words have the chosen number of coordinates and a small length, whatever the text."""
    for dimensions in (0, 8, 256):
        describer = Describer(FeatureSettings(text_dimensions=dimensions))
        at = [i for i, name in enumerate(describer.schema.names) if name.startswith("text.")]
        block = describer.describe(asked("the quick brown fox"), MONDAY).features[at]
        assert len(at) == dimensions
        assert np.linalg.norm(block) == pytest.approx(0.12 if dimensions else 0.0)


@pytest.mark.parametrize("name", ["default", "base10"])
def test_custom_features_come_last(name: Any) -> None:
    """They are appended to either set, named, and filled from the hints."""
    custom = (
        CustomFeature(key="tier", kind="category", values=("free", "paid")),
        CustomFeature(key="age", kind="number", high=100.0),
        CustomFeature(key="tenant", kind="hashed", dimensions=3),
    )
    describer = Describer(FeatureSettings(set=name, custom=custom))
    features = describer.describe(asked(custom={"tier": "paid", "age": "25"}), MONDAY).features
    assert features.shape == (describer.schema.dimension,)
    assert features[-6:-3].tolist() == [0.0, 1.0, 0.25]
    assert np.linalg.norm(features[-3:]) == pytest.approx(1.0)
    assert describer.schema.names[-6:-3] == ("custom.tier=free", "custom.tier=paid", "custom.age")


def test_schema_changes_with_every_setting() -> None:
    """Statistics hold for one meaning of the coordinates: each setting makes another fingerprint."""
    age = CustomFeature(key="age", kind="number")
    variants = [
        FeatureSettings(),
        FeatureSettings(set="base10"),
        FeatureSettings(text_dimensions=16),
        FeatureSettings(custom=(age,)),
        FeatureSettings(custom=(replace(age, high=2.0),)),
        FeatureSettings(custom=(CustomFeature(key="age", kind="category", values=("a",)),)),
        FeatureSettings(custom=(CustomFeature(key="age", kind="hashed", dimensions=1),)),
    ]
    schemas = [build_schema(settings) for settings in variants]
    assert len({schema.fingerprint for schema in schemas}) == len(variants)
    assert all(schema.fingerprint.startswith(f"{schema.name}/{schema.version}:") for schema in schemas)
    assert all(schema.names[schema.bias] == "bias" for schema in schemas)
    assert build_schema(FeatureSettings()) == schemas[0]


def test_settings_that_would_be_ignored_are_refused() -> None:
    """`base10` has no words to spread, keys are different, and the vector stays of a size one can invert."""
    with pytest.raises(ValueError, match="text_dimensions"):
        FeatureSettings(set="base10", text_dimensions=64)
    one = CustomFeature(key="a", kind="number")
    with pytest.raises(ValueError, match="different keys"):
        FeatureSettings(custom=(one, one))
    wide = tuple(CustomFeature(key=f"k{i}", kind="hashed", dimensions=64) for i in range(5))
    with pytest.raises(ValueError, match="256"):
        FeatureSettings(custom=wide)


def test_settings_are_a_configuration_section() -> None:
    """Pydantic builds them from plain data, with bounds, and keeps our own checks."""
    section = TypeAdapter(FeatureSettings)
    custom = [{"key": "tier", "kind": "category", "values": ["free", "paid"]}]
    assert section.validate_python({"text_dimensions": 8, "custom": custom}).custom[0].values == ("free", "paid")
    for wrong in ({"set": "base11"}, {"text_dimensions": 257}, {"set": "base10", "text_dimensions": 9}):
        with pytest.raises(ValidationError):
            section.validate_python(wrong)
