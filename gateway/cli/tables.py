"""Tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 120
"""Off a terminal, where rich would take 80 columns and break words."""


def show_status(answer: Mapping[str, object], console: Console | None = None) -> None:
    """The gateway's health and every policy, as `/readyz` and `/admin/policies` tell them."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH)
    ready = cast("Mapping[str, object]", answer["ready"])
    if ready["status"] != "ok":
        backlog = f", {ready['backlog']} log entries are not written down yet" if ready["backlog"] else ""
        state = f"state store {ready['store']}, upstream {ready['upstream']}{backlog}"
        console.print(Text(f"The gateway is {ready['status']}: {state}", style="bold red"), soft_wrap=True)
    for policy in cast("Sequence[Mapping[str, object]]", answer["policies"]):
        _show_policy(policy, console)


def _show_policy(policy: Mapping[str, object], console: Console) -> None:
    """A line on the rollout and a row per arm."""
    share = f" {policy['percentage']:g} %" if policy["stage"] == "canary" else ""
    line = Text(
        f"{policy['name']}: {policy['algorithm']}, rollout {policy['stage']}{share}, baseline {policy['baseline']}, "
        f"spent ${cast('float', policy['spend_usd']):.4f}",
        style="bold",
    )
    if policy["killed"]:
        line.append(", KILLED: the baseline serves everything until a stage is set", style="bold red")
    console.print(line, soft_wrap=True)
    table = Table()
    table.add_column("arm", overflow="fold")
    for title in ("pulls", "rewarded", "reward ± s.e.", "cost, $", "latency, s", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for arm in cast("Sequence[Mapping[str, object]]", policy["arms"]):
        table.add_row(
            Text(str(arm["id"])),
            str(arm["pulls"]),
            str(arm["rewarded"]),
            _posterior(arm["mean_reward"], arm["reward_stderr"]),
            _number(arm["mean_cost_usd"], 6),
            _number(arm["mean_latency_s"], 2),
            str(arm["failures"]),
            str(arm["state"]).replace("_", " "),
        )
    console.print(table)


def _posterior(mean: object, stderr: object) -> str:
    """Mean reward and its standard error, which two rewards at least are needed for."""
    return _number(mean, 3) + ("" if stderr is None else f" ± {_number(stderr, 3)}")


def _number(value: object, digits: int) -> str:
    return "-" if value is None else f"{cast('float', value):.{digits}f}"
