"""`gateway demo`: simulated providers, the gateway in front of them, and a stream of requests to learn from."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from gateway.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.cli.demo_run import Plan
    from gateway.demo.ledger import Run


ALGORITHMS = ("linucb", "thompson", "contextual_thompson")
MODELS = ("swift", "coder", "scholar")
"""Of the demo's world, whose own modules would cost `gateway --help` their start-up time."""


class Given(TypedDict):
    """The options, as click hands them over."""

    requests: int
    seed: int
    seeds: int | None
    algorithm: str
    drift: str | None
    feedback_share: float
    plot: Path | None
    keep: bool
    port: int
    verbose: bool
    as_json: bool


@click.command(short_help="See it learn from simulated providers: no key, no network.")
@click.option("--requests", type=click.IntRange(24, 100_000), default=3_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the questions and answers.")
@click.option(
    "--seeds",
    type=click.IntRange(2, 100),
    default=None,
    help="Run this many seeds, and Thompson without context beside it; means with 95 % intervals.",
)
@click.option("--algorithm", type=click.Choice(ALGORITHMS), default="linucb", show_default=True)
@click.option(
    "--drift",
    is_flag=False,
    flag_value="scholar",
    default=None,
    type=click.Choice(MODELS),
    help="Halfway through, this model loses most of its skills; without a name the most able one, scholar.",
)
@click.option(
    "--feedback-share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of the answers whose measured quality goes back to the gateway.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where to write the picture (PNG); else demo-<what was run>.png in the working directory.",
)
@click.option("--keep", is_flag=True, help="Go on serving after the run, to talk to the gateway by hand.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The gateway's port; any free one if not given.")
@click.option("--verbose", is_flag=True, help="Show the gateway's own log.")
@json_option
def demo(**given: Unpack[Given]) -> None:
    """See the gateway learn from simulated providers and traffic; no key, no network; ends with a table and a plot."""
    if given["keep"] and given["seeds"] is not None:
        raise click.UsageError("--keep serves after one run; it does not go with --seeds.")
    from gateway.adapters.structlog_logging import configure
    from gateway.cli.demo_run import Plan, perform_all

    configure("info" if given["verbose"] else "error", "auto")
    if not given["verbose"]:
        # After Ctrl-C the simulated providers would complain of calls that were broken off.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    plan = Plan(
        requests=given["requests"],
        seed=given["seed"],
        algorithm=given["algorithm"],
        drift=given["drift"],
        feedback_share=given["feedback_share"],
        port=given["port"],
    )
    plot = given["plot"] or Path(_name(plan, given["seeds"]))
    answered = False

    def tell(runs: Mapping[str, Sequence[Run]], url: str | None) -> None:
        nonlocal answered
        answered = any(row.arm for some in runs.values() for run in some for row in run.rows)
        _tell(runs, plot, as_json=given["as_json"], url=url)

    perform_all(plan, given["seeds"], tell, keep=given["keep"])
    if not answered:
        sys.exit(1)


def _name(plan: Plan, seeds: int | None) -> str:
    which = f"seed-{plan.seed}" if seeds is None else f"{seeds}-seeds"
    return f"demo-{plan.algorithm}{f'-drift-{plan.drift}' if plan.drift else ''}-{which}.png"


def _tell(runs: Mapping[str, Sequence[Run]], plot: Path, *, as_json: bool, url: str | None) -> None:
    """Print what came of it and draw the picture; without matplotlib there is only a hint in its place."""
    from rich.console import Console

    from gateway.demo import report
    from gateway.demo.plot import PlotError, draw

    alone = [run for some in runs.values() for run in some]
    found = report.summary(alone[0]) if len(alone) == 1 else report.summary_of_seeds(runs)
    console = Console()
    if not as_json:
        (report.show if len(alone) == 1 else report.show_seeds)(found, console)
    try:
        draw(runs, plot)
        drawn: str | None = str(plot)
    except PlotError as error:
        drawn = None
        click.secho(str(error), fg="yellow", err=True)
    if as_json:
        click.echo(json.dumps({**found, "plot": drawn, "base_url": None if url is None else f"{url}/v1"}))
    elif drawn is not None:
        click.echo(f"The plot is in {drawn}")
    if url is not None and not as_json:
        click.echo(
            f"\nThe gateway goes on serving until Ctrl-C. Talk to it with the official client:\n"
            f'  openai.OpenAI(base_url="{url}/v1", api_key="any").chat.completions.create(\n'
            f'      model="auto", messages=[{{"role": "user", "content": "Hello"}}])'
        )
