"""Puts the table that was measured last into the README, so that nothing in it is written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmarks.gateways import ROOT

README = ROOT / "README.md"
LATEST = ROOT / "tests" / "benchmarks" / "latest"
_BLOCK = re.compile(r"(<!-- bench -->\n```\n).*?(```\n)", re.DOTALL)


def with_table(page: str, table: str) -> str:
    """The page with this table in its block. ValueError if it has no such block."""
    filled, count = _BLOCK.subn(lambda found: f"{found[1]}{table}{found[2]}", page)
    if count != 1:
        raise ValueError("the page must have exactly one block after <!-- bench -->")
    return filled


def fill(readme: Path = README, latest: Path = LATEST) -> None:
    """Write the table of `latest` into the README."""
    table = (latest / "results.txt").read_text(encoding="utf-8")
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), table), encoding="utf-8")
