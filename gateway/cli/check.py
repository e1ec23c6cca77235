"""`gateway check`: every configuration problem at once."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import config_option, json_option, settings_or_exit


@click.command()
@config_option
@json_option
def check(config: Path | None, as_json: bool) -> None:
    """Check a configuration; every problem at once, with its line. Exit status 0 if it can be served, 2 if not."""
    settings = settings_or_exit(config, as_json=as_json)
    models, policies = [model.id for model in settings.models], list(settings.policies)
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": [], "models": models, "policies": policies}))
        return
    click.secho("The configuration is good.", fg="green")
    click.echo(f"  models:   {', '.join(models)}")
    for name, policy in settings.policies.items():
        first = policy.rollout
        share = f" {first.percentage:g} %" if first.stage == "canary" else ""
        click.echo(f"  policy:   {name}: {policy.algorithm.kind}, baseline {policy.baseline}, {first.stage}{share}")
    click.echo(f"  store:    {settings.store}")
    click.echo(f"  listens:  http://{settings.server.host}:{settings.server.port}, {settings.server.workers} worker(s)")
