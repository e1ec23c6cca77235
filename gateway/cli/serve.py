"""`gateway serve`: the gateway itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.options import config_option, settings_or_exit


@click.command()
@config_option
@click.option("--host", default=None, help="Overrides server.host.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Overrides server.port; 0: any free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=None, help="Overrides server.workers.")
def serve(config: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; requests in flight finish first."""
    settings = settings_or_exit(config)
    given = {"host": host, "port": port, "workers": workers}
    server = settings.server.model_copy(update={name: value for name, value in given.items() if value is not None})
    settings = settings.model_copy(update={"server": server})
    from gateway.adapters.structlog_logging import configure
    from gateway.workers import Supervisor, run_here

    configure(settings.log.level, settings.log.format)
    if config is None:
        click.echo(
            f"No configuration file: using the provider keys in the environment "
            f"({', '.join(model.id for model in settings.models)}).",
            err=True,
        )
    if settings.server.workers == 1:
        run_here(settings)
        return
    sys.exit(Supervisor(settings).run())
