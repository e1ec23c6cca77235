"""Tables for people: readable on a terminal, in a pipe, and when something is wrong."""

from __future__ import annotations

import io

from rich.console import Console

from gateway.cli.tables import show_status
from tests.neighbours.admin_stub import policy

READY = {"status": "ok", "upstream": "ok", "store": "ok", "backlog": 0}


def shown(answer: dict[str, object], *, width: int | None = None) -> str:
    """What is printed: off a terminal, or on one of this width."""
    file = io.StringIO()
    console = Console(file=file) if width is None else Console(file=file, width=width, force_terminal=True)
    show_status(answer, console)
    return file.getvalue()


def test_in_a_pipe_no_word_is_broken() -> None:
    """`gateway status | grep large` finds the row with all its numbers."""
    (row,) = [line for line in shown({"policies": [policy()], "ready": READY}).splitlines() if "long-name" in line]
    assert "warming up" in row


def test_a_narrow_terminal_still_shows_every_number() -> None:
    """Names are folded before numbers are cut."""
    said = shown({"policies": [policy()], "ready": READY}, width=90)
    assert "0.751 ± 0.021" in said
    assert "…" not in said


def test_names_are_text_and_not_markup() -> None:
    """An id with brackets is no colour."""
    arm = policy()["arms"][0] | {"id": "a[red]b"}
    assert "a[red]b" in shown({"policies": [policy(arms=[arm])], "ready": READY})


def test_what_is_wrong_comes_first() -> None:
    """A killed policy and a store that is away are what a person on call looks for."""
    ready = {"status": "degraded", "upstream": "ok", "store": "degraded", "backlog": 12}
    lines = shown({"policies": [policy(killed=True)], "ready": ready}).splitlines()
    assert lines[0] == (
        "The gateway is degraded: state store degraded, upstream ok, 12 log entries are not written down yet"
    )
    assert "KILLED: the baseline serves everything until a stage is set" in " ".join(lines[1:3])


def test_every_policy_has_its_table() -> None:
    """In the order of the configuration."""
    said = shown({"policies": [policy(), policy("code", stage="off")], "ready": READY})
    assert said.index("default: linucb") < said.index("code: linucb, rollout off, baseline small")
