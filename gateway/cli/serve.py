"""`gateway serve`: the gateway itself."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from gateway.cli.options import config_option, fail, json_option, settings_or_exit


@click.command(short_help="Run the gateway until SIGTERM or Ctrl-C.")
@config_option
@click.option("--host", default=None, help="Overrides server.host.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Overrides server.port; 0: any free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=None, help="Overrides server.workers.")
@json_option
def serve(config: Path | None, host: str | None, port: int | None, workers: int | None, as_json: bool) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; requests in flight finish first. With --json it logs JSON everywhere."""
    given = {"server.host": host, "server.port": port, "server.workers": workers}
    options = {key: str(value) for key, value in given.items() if value is not None}
    settings = settings_or_exit(config, as_json=as_json, options=options)
    from gateway.adapters.structlog_logging import configure
    from gateway.errors import GatewayError
    from gateway.workers import Supervisor, run_here

    if as_json:
        settings = settings.model_copy(update={"log": settings.log.model_copy(update={"format": "json"})})
    configure(settings.log.level, settings.log.format, secrets=settings.secrets())
    # Ctrl-C before the gateway handles it itself: nothing has been served, so nothing is lost.
    with contextlib.suppress(KeyboardInterrupt):
        try:
            if settings.server.workers > 1:
                sys.exit(Supervisor(settings).run())
            run_here(settings)
        except GatewayError as error:
            fail(error, as_json=as_json, status=1)
