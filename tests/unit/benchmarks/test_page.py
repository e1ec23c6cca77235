"""The README shows what was measured, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.page import LATEST, README, fill, with_table

PAGE = "a\n\n<!-- bench -->\n```\nold\n```\n\nb\n"


def test_the_table_takes_its_place() -> None:
    """And nothing else changes, backslashes in it included."""
    assert with_table(PAGE, "one \\1\ntwo\n") == "a\n\n<!-- bench -->\n```\none \\1\ntwo\n```\n\nb\n"


def test_a_page_without_a_place_is_an_error() -> None:
    """Rather than a table that is nowhere."""
    with pytest.raises(ValueError, match="bench"):
        with_table("nothing", "x")


def test_filling(tmp_path: Path) -> None:
    """From the folder to the page."""
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "results.txt").write_text("new\n")
    fill(tmp_path / "README.md", tmp_path)
    assert "```\nnew\n```" in (tmp_path / "README.md").read_text()


def test_the_readme_shows_the_latest() -> None:
    """Nothing in the table is written by hand: `python -m tests.benchmarks page` puts it there."""
    page = README.read_text(encoding="utf-8")
    assert with_table(page, (LATEST / "results.txt").read_text(encoding="utf-8")) == page
