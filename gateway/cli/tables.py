"""Tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_policy(policy: Mapping[str, object]) -> None:
    """One policy as /admin tells it: a line on the rollout and a row per arm."""
    console = Console()
    share = f" {policy['percentage']:g} %" if policy["stage"] == "canary" else ""
    killed = "  KILLED" if policy["killed"] else ""
    console.print(
        Text(
            f"{policy['name']}  {policy['algorithm']}  rollout {policy['stage']}{share}{killed}  "
            f"baseline {policy['baseline']}  spent ${cast('float', policy['spend_usd']):.4f}",
            style="bold",
        )
    )
    table = Table()
    table.add_column("arm")
    for title in ("pulls", "rewarded", "mean reward", "± s.e.", "mean cost $", "mean latency s", "failures"):
        table.add_column(title, justify="right")
    table.add_column("state")
    for arm in cast("list[Mapping[str, object]]", policy["arms"]):
        table.add_row(
            Text(str(arm["id"])),
            str(arm["pulls"]),
            str(arm["rewarded"]),
            _number(arm["mean_reward"], 4),
            _number(arm["reward_stderr"], 4),
            _number(arm["mean_cost_usd"], 6),
            _number(arm["mean_latency_s"], 3),
            str(arm["failures"]),
            str(arm["state"]),
        )
    console.print(table)


def _number(value: object, digits: int) -> str:
    return "-" if value is None else f"{cast('float', value):.{digits}f}"
