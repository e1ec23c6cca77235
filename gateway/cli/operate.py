"""`gateway status`, `rollout`, `kill`: a running gateway from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import click

from gateway.adapters.urllib_admin import AdminClient, Answer
from gateway.cli.options import config_option, json_option, settings_or_exit, usual_config
from gateway.errors import GatewayError

Command = TypeVar("Command", bound=Callable[..., object])


def _where(command: Command) -> Command:
    for option in (
        click.option("--url", default=None, help="Where the gateway listens; else from the configuration."),
        click.option(
            "--admin-key", envvar="GATEWAY_ADMIN_KEY", default=None, help="Else from the configuration. Best set as "
            "the environment variable GATEWAY_ADMIN_KEY.",
        ),
        config_option,
        json_option,
    ):  # fmt: skip
        command = option(command)
    return command


def _client(url: str | None, admin_key: str | None, config: Path | None) -> AdminClient:
    if url is not None:
        return AdminClient(url, admin_key)
    settings = settings_or_exit(usual_config(config))
    if admin_key is None and settings.admin_key is not None:
        admin_key = settings.admin_key.get_secret_value()
    host = settings.server.host
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 # read, not bound
    return AdminClient(f"http://{reached}:{settings.server.port}", admin_key)


def _ask(action: Callable[[], Answer]) -> Answer:
    try:
        return action()
    except GatewayError as error:
        click.secho(error.message, fg="red", err=True)
        sys.exit(1)


@click.command()
@_where
def status(url: str | None, admin_key: str | None, config: Path | None, as_json: bool) -> None:
    """Arms, what was learned of them, rollout stage and spend of a running gateway."""
    answer = _ask(lambda: _client(url, admin_key, config).get("/admin/policies"))
    if as_json:
        click.echo(json.dumps(answer))
        return
    from gateway.cli.tables import show_policy

    for policy in cast("list[Answer]", answer["policies"]):
        show_policy(policy)


@click.command()
@click.argument("policy")
@click.option("--stage", type=click.Choice(["off", "shadow", "canary", "full"]), default=None)
@click.option("--percentage", type=click.FloatRange(0, 100), default=None, help="Alone, it means the canary stage.")
@_where
def rollout(policy: str, stage: str | None, percentage: float | None, **where: object) -> None:
    """Turn POLICY's rollout, or show it when neither stage nor percentage is given."""
    client = _client(cast("str | None", where["url"]), cast("str | None", where["admin_key"]), _config(where))
    body: Answer = {}
    if stage is not None:
        body["stage"] = stage
    if percentage is not None:
        body["percentage"] = percentage
    path = f"/admin/policies/{policy}"
    answer = _ask(lambda: client.put(f"{path}/rollout", body) if body else client.get(path))
    _tell_rollout(answer, as_json=bool(where["as_json"]))


@click.command()
@click.argument("policy")
@_where
def kill(policy: str, **where: object) -> None:
    """The kill switch: POLICY's baseline serves everything, at once, until a stage is set again."""
    client = _client(cast("str | None", where["url"]), cast("str | None", where["admin_key"]), _config(where))
    answer = _ask(lambda: client.post(f"/admin/policies/{policy}/kill", {}))
    _tell_rollout(answer, as_json=bool(where["as_json"]))


def _config(where: dict[str, object]) -> Path | None:
    return cast("Path | None", where["config"])


def _tell_rollout(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
        return
    share = f" {answer['percentage']:g} %" if answer["stage"] == "canary" else ""
    killed = " (killed: the baseline serves)" if answer["killed"] else ""
    click.echo(f"{answer['name']}: {answer['stage']}{share}{killed}, baseline {answer['baseline']}")
