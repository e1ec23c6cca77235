"""`gateway status`, `rollout`, `kill`: a running gateway from the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack, cast

import click

from gateway.cli.options import config_option, fail, json_option, tell_problems
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.adapters.urllib_admin import AdminClient, Answer

Command = TypeVar("Command", bound=Callable[..., object])
_T = TypeVar("_T")


class Where(TypedDict):
    """The options that say which gateway is meant and how to answer, as click hands them over."""

    url: str | None
    admin_key: str | None
    config: Path | None
    as_json: bool


def _where(command: Command) -> Command:
    for option in (
        json_option,
        config_option,
        click.option(
            "--admin-key",
            envvar="GATEWAY_ADMIN_KEY",
            default=None,
            help="Else the variable GATEWAY_ADMIN_KEY, else from the configuration.",
        ),
        click.option("--url", default=None, help="Where the gateway listens; else from the configuration."),
    ):
        command = option(command)
    return command


def _ask(where: Where, question: Callable[[AdminClient], _T]) -> _T:
    """The answer; or the error in words, with status 2 for what the caller got wrong and 1 for what went wrong."""
    # Its TLS and the configuration's numpy: not for `gateway --help`.
    from gateway.adapters.urllib_admin import AdminClient

    try:
        url, key = where["url"], where["admin_key"]
        if url is None or (key is None and where["config"] is not None):
            from gateway.settings.load import reach

            found = reach(where["config"])
            if key is None and found.admin_key is not None:
                key = found.admin_key.get_secret_value()
            url = url or _address(found.server.host, found.server.port)
        return question(AdminClient(url, key))
    except ConfigurationError as error:
        tell_problems(error, as_json=where["as_json"])
    except GatewayError as error:
        fail(error, as_json=where["as_json"], status=2 if 400 <= error.status < 500 else 1)


def _address(host: str, port: int) -> str:
    # What listens everywhere is reached here.
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 # read, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


@click.command(short_help="What a running gateway has learned, per model.")
@_where
def status(**where: Unpack[Where]) -> None:
    """Arms, what was learned of them, rollout stage and spend of a running gateway."""
    answer = _ask(where, lambda client: {**client.policies(), "ready": client.readiness()})
    if where["as_json"]:
        click.echo(json.dumps(answer))
        return
    # rich, a fifth of a second: only where a table is drawn.
    from gateway.cli.tables import show_status

    show_status(answer)


def _finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    # nan is neither below 0 nor above 100, so the range lets it pass.
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number from 0 to 100.")
    return value


@click.command(short_help="Turn a policy's rollout, or show it.")
@click.argument("policy")
@click.option("--stage", type=click.Choice(["off", "shadow", "canary", "full"]), default=None)
@click.option(
    "--percentage",
    type=click.FloatRange(0, 100),
    callback=_finite,
    default=None,
    help="Share of the units that the learner serves; alone, it means the canary stage.",
)
@_where
def rollout(policy: str, stage: str | None, percentage: float | None, **where: Unpack[Where]) -> None:
    """Turn POLICY's rollout, or show it when neither stage nor percentage is given."""
    given = {"stage": stage, "percentage": percentage}
    body: Answer = {name: value for name, value in given.items() if value is not None}
    answer = _ask(where, lambda client: client.rollout(policy, body) if body else client.policy(policy))
    _tell_rollout(answer, as_json=where["as_json"])


@click.command(short_help="The kill switch: the baseline serves everything.")
@click.argument("policy")
@_where
def kill(policy: str, **where: Unpack[Where]) -> None:
    """The kill switch: POLICY's baseline serves everything, at once, until a stage is set again."""
    _tell_rollout(_ask(where, lambda client: client.kill(policy)), as_json=where["as_json"])


def _tell_rollout(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
        return
    share = f" {answer['percentage']:g} %" if answer["stage"] == "canary" else ""
    killed = " (killed: the baseline serves everything)" if answer["killed"] else ""
    click.echo(f"{cast('str', answer['name'])}: {answer['stage']}{share}{killed}, baseline {answer['baseline']}")
