"""What several commands share: where the configuration is, how problems are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.settings.schema import Settings

Command = TypeVar("Command", bound=Callable[..., object])


def config_option(command: Command) -> Command:
    """`--config FILE`."""
    return click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path),
        envvar="GATEWAY_CONFIG",
        default=None,
        help="Configuration file, else the variable GATEWAY_CONFIG. Without: provider keys found in the environment.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def settings_or_exit(path: Path | None, *, as_json: bool = False, options: Mapping[str, str] | None = None) -> Settings:
    """The settings; or every problem, and exit status 2. Without a file, it says on standard error what it uses.

    `options` set keys (`server.port`) beyond file and environment.
    """
    # Pydantic and the core's numpy: not for `gateway --help`.
    from gateway.settings.load import load

    try:
        settings = load(path, options=options)
    except ConfigurationError as error:
        tell_problems(error, as_json=as_json)
    if path is None and not as_json:
        models = ", ".join(model.id for model in settings.models)
        click.echo(f"No configuration file: using the provider keys in the environment ({models}).", err=True)
    return settings


def tell_problems(error: ConfigurationError, *, as_json: bool) -> NoReturn:
    """Print all problems and end with status 2."""
    if as_json:
        click.echo(json.dumps({"ok": False, "problems": list(error.problems)}))
    else:
        count = len(error.problems)
        click.secho(f"{count} problem{'s' if count != 1 else ''} in the configuration:", fg="red", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
    sys.exit(2)


def fail(error: GatewayError, *, as_json: bool, status: int) -> NoReturn:
    """Print one error, on standard error or as JSON on standard output, and end with this status."""
    if as_json:
        click.echo(json.dumps(error.body()))
    else:
        click.secho(f"Error: {error.message}", fg="red", err=True)
    sys.exit(status)
