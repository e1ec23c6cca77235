"""`gateway demo`."""

import click


@click.command()
def demo() -> None:
    """Placeholder while the demo is written."""
