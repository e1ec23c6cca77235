"""`gateway check`: every configuration problem at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option, json_option, settings_or_exit

if TYPE_CHECKING:
    from gateway.settings.schema import Settings


@click.command(short_help="Check a configuration: every problem at once.")
@config_option
@json_option
def check(config: Path | None, as_json: bool) -> None:
    """Check a configuration; every problem at once, with its line. Exit status 0 if it can be served, 2 if not."""
    settings = settings_or_exit(config, as_json=as_json)
    models, policies = [model.id for model in settings.models], list(settings.policies)
    found = list(notes(settings))
    if as_json:
        told = {"ok": True, "problems": [], "notes": found, "models": models, "policies": policies}
        click.echo(json.dumps(told))
        return
    click.secho("The configuration is good.", fg="green")
    click.echo(f"  models:   {', '.join(models)}")
    for name, policy in settings.policies.items():
        first = policy.rollout
        share = f" {first.percentage:g} %" if first.stage == "canary" else ""
        click.echo(f"  policy:   {name}: {policy.algorithm.kind}, baseline {policy.baseline}, {first.stage}{share}")
    click.echo(f"  store:    {settings.store}")
    click.echo(f"  listens:  http://{settings.server.host}:{settings.server.port}, {settings.server.workers} worker(s)")
    for note in found:
        click.secho(f"  note:     {note}", fg="yellow")


def notes(settings: Settings) -> Iterator[str]:
    """What is allowed and may still surprise."""
    # Reads litellm's price table from its file, without importing litellm.
    from gateway.adapters.litellm_catalog import lookup
    from gateway.settings.provider_keys import missing_key

    for model in settings.models:
        known = lookup(model.model)
        variable = missing_key(model)
        if variable is not None:
            yield f"model {model.id} has no api_key, and {variable} is not set: its provider will refuse its calls"
        if model.price is None and (known is None or known.price is None):
            yield f"model {model.id} has no known price: its calls count as free; give it a price"
    routed = {id for policy in settings.policies.values() for id in policy.models}
    alone = [model.id for model in settings.models if model.id not in routed]
    if alone:
        yield f"in no policy, so reached only by name: {', '.join(alone)}"
    if "default" not in settings.policies:
        yield 'there is no policy named default, which is what model="auto" asks for'
    if settings.keys and settings.admin_key is None:
        yield "client keys without an admin_key: /admin, status, rollout and kill are off"
    folder = Path(settings.store.removeprefix("sqlite:///")).absolute().parent
    if not folder.is_dir():
        yield f"the folder {folder} of the state store does not exist: what is learned is lost until it does"
