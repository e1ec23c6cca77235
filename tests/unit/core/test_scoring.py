"""Rules of the combined quality: which signals apply, how they add up, and what their gates hold back."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.core.scoring import DEFAULT_WEIGHTS, GATES, Scored, ScoringSettings, score
from gateway.core.values import Hints, ToolCall
from tests.builders import make_completion, make_request

DEFAULT = ScoringSettings()
GOOD = "Water boils at 100 degrees, and the reason is that at this point the vapour pressure equals that of the air."
ONLY: dict[str, float] = dict.fromkeys(DEFAULT_WEIGHTS, 0.0)


def scored(
    text: str = GOOD, settings: ScoringSettings = DEFAULT, body: dict[str, Any] | None = None, **given: Any
) -> Scored:
    request = make_request()
    request = make_request(body={**request.body, **(body or {})}, hints=given.pop("hints", Hints()))
    return score(request, make_completion(text=text, **given), settings)


def test_a_plain_good_answer_is_worth_1() -> None:
    """Every signal that applies is 1, and those that do not are absent, not 0."""
    found = scored()
    assert found.signals == dict.fromkeys(["finish", "nonempty", "refusal", "truncation", "repetition"], 1.0)
    assert found.quality == 1.0


@pytest.mark.parametrize("text", ["", "  \n", "\u200b", "<think>hm, let me"])
@pytest.mark.parametrize("body", [{}, {"response_format": {"type": "json_object"}}])
def test_an_empty_answer_is_worth_0(text: str, body: dict[str, Any]) -> None:
    """No text and no tool call is the model's own failure, whatever the finish reason says."""
    found = scored(text, body=body)
    assert found.signals["nonempty"] == 0.0
    assert found.quality == 0.0


def test_a_tool_call_is_an_answer() -> None:
    """Without text, a call is judged as a call: known, and with valid arguments."""
    tools = {"tools": [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]}
    call = ToolCall(id="1", name="now", arguments="{}")
    found = scored("", body=tools, tool_calls=(call,), finish_reason="tool_calls")
    assert found.quality == 1.0
    assert found.signals["tool_arguments"] == 1.0
    # Beside a call, text is a remark: neither JSON nor length is asked of it.
    remark = scored(
        "One moment,",
        body=tools | {"response_format": {"type": "json_object"}},
        tool_calls=(call,),
        finish_reason="tool_calls",
        hints=Hints(output_length="long"),
    )
    assert remark.quality == 1.0
    assert {"json", "length", "refusal"}.isdisjoint(remark.signals)


def test_quality_is_the_weighted_mean_of_what_applies() -> None:
    """With weights 1 and 3 for signals of 0.5 and 0 (neither a gate): 0.5 x 1 / 4."""
    settings = ScoringSettings(weights={**ONLY, "finish": 1.0, "truncation": 3.0})
    found = scored("cut off in the mid", settings, finish_reason="length")
    assert found.signals == {"finish": 0.5, "truncation": 0.0}
    assert found.quality == pytest.approx(0.125)


@pytest.mark.parametrize("gate", sorted(GATES.keys() - {"nonempty"}))
def test_a_gate_leaves_only_its_floor(gate: str) -> None:
    """quality = mean x (floor + (1 - floor) x signal): with a signal of 0, mean x floor."""
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    cases: dict[str, Scored] = {
        "refusal": scored("I'm sorry, but I can't help with that."),
        "repetition": scored("and again " * 300),
        "json": scored("{", body={"response_format": {"type": "json_object"}}),
        "schema": scored("[1]", body={"response_format": schema}),
        "tool_arguments": scored(body={"tool_choice": "required"}),
    }
    found = cases[gate]
    assert found.signals[gate] == 0.0
    weights = DEFAULT_WEIGHTS
    mean = sum(weights[n] * v for n, v in found.signals.items()) / sum(weights[n] for n in found.signals)
    assert found.quality == pytest.approx(mean * GATES[gate])
    assert found.quality is not None
    assert found.quality <= 0.2


def test_only_the_worst_gate_counts() -> None:
    """A refusal where JSON was asked for fails once, not twice."""
    both = scored("I'm sorry, but I can't help with that.", body={"response_format": {"type": "json_object"}})
    assert both.signals["json"] == both.signals["refusal"] == 0.0
    mean = 6.0 / 10.0  # finish 1, nonempty 1, truncation 2, repetition 2 of these and refusal 2, json 2
    assert both.quality == pytest.approx(0.2 * mean)


def test_a_code_fence_around_json_costs_less_than_no_json() -> None:
    """The order of usefulness: bare, fenced, broken."""
    body = {"response_format": {"type": "json_object"}}
    bare, fenced, broken = (scored(text, body=body).quality for text in ('{"a": 1}', '```json\n{"a": 1}\n```', '{"a'))
    assert bare == 1.0
    assert bare is not None
    assert fenced is not None
    assert broken is not None
    assert bare > fenced > broken > 0.0


def test_a_refusal_field_is_a_refusal_and_no_empty_answer() -> None:
    """OpenAI sends refusals beside the content, which is then null."""
    found = scored("", refusal="I won't help with that.")
    assert found.signals["refusal"] == 0.0
    assert found.signals["nonempty"] == 1.0
    assert found.quality is not None
    assert 0.0 < found.quality <= 0.2


def test_a_filtered_answer_counts_as_refused() -> None:
    """What the provider's filter holds back, the client does not get."""
    found = scored("The first step is", finish_reason="content_filter")
    assert found.signals["finish"] == found.signals["refusal"] == 0.0


def test_hints_switch_signals_on() -> None:
    """Length and language are judged against what the client said it wants."""
    found = scored(tokens_out=25, hints=Hints(output_length="short", language="en"))
    assert found.signals["length"] == found.signals["language"] == 1.0
    wrong = scored(tokens_out=25, hints=Hints(output_length="medium", language="de"))
    assert wrong.signals["length"] == pytest.approx(0.25)
    assert wrong.signals["language"] == 0.0


def test_the_language_of_json_is_not_judged() -> None:
    """Keys and enumerations follow the schema, not the prompt."""
    body = {"response_format": {"type": "json_object"}}
    found = scored(
        '{"text": "this is what they have been and that is how it was"}', body=body, hints=Hints(language="de")
    )
    assert "language" not in found.signals
    assert found.quality == 1.0


def test_weight_0_switches_a_signal_and_its_gate_off() -> None:
    """The rest is judged as if the signal did not exist."""
    found = scored("I'm sorry, but I can't help with that.", ScoringSettings(weights={"refusal": 0}))
    assert "refusal" not in found.signals
    assert found.quality == 1.0


def test_with_everything_off_there_is_no_quality() -> None:
    """Nothing to judge is not the same as worthless."""
    assert scored(settings=ScoringSettings(weights=ONLY)) == Scored(signals={}, quality=None)


def test_a_partial_mapping_changes_only_what_it_names() -> None:
    """The other weights keep their defaults."""
    assert ScoringSettings(weights={"json": 5}).weights == {**DEFAULT_WEIGHTS, "json": 5}
    assert ScoringSettings().weights == DEFAULT_WEIGHTS


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf, "1", True, None])
def test_an_impossible_weight_is_refused(weight: Any) -> None:
    """A weight is a finite number that is not negative."""
    with pytest.raises(ValueError, match="the weight of json must be a number from 0"):
        ScoringSettings(weights={"json": weight})


def test_an_unknown_signal_is_refused_with_the_known_ones() -> None:
    """A misspelt signal would silently keep its default."""
    with pytest.raises(ValueError, match="unknown signal 'jsno': did you mean 'json'") as error:
        ScoringSettings(weights={"jsno": 1.0})
    assert all(name in str(error.value) for name in DEFAULT_WEIGHTS)
