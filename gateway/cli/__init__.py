"""The commands."""

from __future__ import annotations

import click

from gateway import __version__
from gateway.cli.check import check
from gateway.cli.demo import demo
from gateway.cli.operate import kill, rollout, status
from gateway.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """LLM Auto-Optimizer Gateway: an OpenAI-compatible reverse proxy that learns which model to use."""


for command in (serve, demo, check, status, rollout, kill):
    main.add_command(command)
