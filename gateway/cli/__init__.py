"""The commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from gateway import __version__
from gateway.cli.check import check
from gateway.cli.demo import demo
from gateway.cli.operate import kill, rollout, status
from gateway.cli.serve import serve
from gateway.errors import GatewayError


class Commands(click.Group):
    """With --json, a command line that cannot be understood is told as JSON as well."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; see click."""
        given = list(sys.argv[1:] if args is None else args)
        as_json = standalone_mode and "--json" in given
        try:
            status = super().main(given, prog_name, complete_var, standalone_mode and not as_json, **extra)
        except click.ClickException as error:
            if not as_json:
                raise
            told = GatewayError(error.format_message(), code="usage")
            told.type = "invalid_request_error"
            click.echo(json.dumps(told.body()))
            sys.exit(error.exit_code)
        if as_json:
            sys.exit(status)
        return status


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """LLM Auto-Optimizer Gateway: an OpenAI-compatible reverse proxy that learns which model to use."""


for command in (serve, demo, check, status, rollout, kill):
    main.add_command(command)
