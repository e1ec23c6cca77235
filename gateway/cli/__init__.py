"""The commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from gateway import __version__
from gateway.cli.check import check
from gateway.cli.demo import demo
from gateway.cli.operate import kill, rollout, status
from gateway.cli.serve import serve
from gateway.errors import GatewayError

_WANTED = "gateway.json"


class _JsonError(click.ClickException):
    """A command line that cannot be understood, told as an error object on standard output."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, as click asks for."""
        told = GatewayError(self.message, code="usage")
        told.type = "invalid_request_error"
        click.echo(json.dumps(told.body()), file=file)


@contextmanager
def _told(as_json: bool) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if as_json:
            raise _JsonError(error.format_message()) from error
        raise


class Commands(click.Group):
    """With --json anywhere in the line, what is wrong with the line is JSON as well."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the line up to the command's name."""
        wanted = "--json" in args
        with _told(wanted):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_WANTED] = wanted
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Read the rest, and run the command."""
        with _told(ctx.meta[_WANTED]):
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """LLM Auto-Optimizer Gateway: an OpenAI-compatible reverse proxy that learns which model to use."""


for command in (serve, demo, check, status, rollout, kill):
    main.add_command(command)
