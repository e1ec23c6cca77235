"""Rules of finish reasons, blank answers and cuts."""

from __future__ import annotations

import pytest

from gateway.core.signals.ending import finish, is_blank, is_filtered, truncation, visible


@pytest.mark.parametrize(
    ("reason", "worth"),
    [
        ("stop", 1.0),
        ("tool_calls", 1.0),
        ("function_call", 1.0),
        ("end_turn", 1.0),
        ("STOP", 1.0),
        ("length", 0.5),
        ("MAX_TOKENS", 0.5),
        ("content_filter", 0.0),
        ("SAFETY", 0.0),
        ("error", 0.0),
        ("something_new", None),
        ("", None),
        (None, None),
    ],
)
def test_a_finish_reason_has_one_worth(reason: str | None, worth: float | None) -> None:
    """Ended by itself 1, cut 0.5, filtered or failed 0, unknown nothing; in the words of several providers."""
    assert finish(reason) == worth


def test_filters_are_recognised() -> None:
    """A filter is told from every other end."""
    assert is_filtered("content_filter")
    assert not is_filtered("stop")
    assert not is_filtered(None)


@pytest.mark.parametrize("text", ["", " \n\t\r ", "\u200b\ufeff", " \u200b \u2060 \u200b\n", "\x00"])
def test_what_nobody_can_see_is_blank(text: str) -> None:
    """White space and invisible characters are no answer."""
    assert is_blank(text)


@pytest.mark.parametrize("text", ["0", ".", "ok", " \u200bx", "。"])
def test_the_shortest_answer_is_an_answer(text: str) -> None:
    """One visible character is enough."""
    assert not is_blank(text)


def test_thinking_aloud_is_not_part_of_the_answer() -> None:
    """A leading think block is taken off; one that was never closed leaves nothing."""
    assert visible("<think>2 and 2...</think>4") == "4"
    assert visible("\n<think>2 and 2") == ""
    assert visible("use the <think> tag") == "use the <think> tag"


@pytest.mark.parametrize(
    ("text", "reason", "worth"),
    [
        ("A whole answer.", "stop", 1.0),
        ("A whole ans", "length", 0.0),
        ("", "max_tokens", 0.0),
        ("```python\nx = 1\n```", "stop", 1.0),
        ("```python\nx = 1", "stop", 0.5),
        ("apples, pears, ", None, 0.5),
        ("def f(", None, 0.5),
        ("A whole answer.", None, 1.0),
        ("", "stop", 1.0),
    ],
)
def test_a_cut_is_told_by_reason_or_text(text: str, reason: str | None, worth: float) -> None:
    """A token limit is certain (0); an open fence or a dangling comma only suspicious (0.5)."""
    assert truncation(text, reason) == worth
