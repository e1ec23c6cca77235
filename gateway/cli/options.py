"""What several commands share: where the configuration is, how problems are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from gateway.errors import ConfigurationError
from gateway.settings.load import load
from gateway.settings.schema import Settings

Command = TypeVar("Command", bound=Callable[..., object])
_USUAL = Path("config/gateway.yaml")


def config_option(command: Command) -> Command:
    """`--config FILE`."""
    return click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path),
        default=None,
        help="Configuration file. Without it: provider keys found in the environment.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def settings_or_exit(path: Path | None, *, as_json: bool = False) -> Settings:
    """The settings; or every problem on standard error and exit status 2."""
    try:
        return load(path)
    except ConfigurationError as error:
        tell_problems(error, as_json=as_json)


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


def usual_config(path: Path | None) -> Path | None:
    """`path`, or the usual place if there is a file."""
    return path if path is not None or not _USUAL.exists() else _USUAL
