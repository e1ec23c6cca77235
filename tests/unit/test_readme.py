"""The README: its commands run, its configuration is accepted, and its commands are those of .ci/run and the Makefile.

A comment on the line before a fenced block says what happens to the block:

    <!-- run -->    bash or python: it is executed, and has to end with status 0
    <!-- part -->   yaml: its top-level keys replace those of the first whole configuration, and the result is checked

Every other yaml block is a whole configuration and goes through `gateway check`; python, json and bash that is not run
is at least parsed. Marked blocks share one folder and run in the order of the page, as a reader would run them; the
folder holds `.venv` and `config/`, and what a block leaves running in the background lives until the last has ended.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TIME_LIMIT_S = 180.0

RUNNERS = {"bash": ["bash", "-euo", "pipefail"], "python": [sys.executable]}
MARKS = {"run": set(RUNNERS), "part": {"yaml"}, "bench": {""}}
"""What may be marked, by the languages that the mark makes sense for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: where it begins, what it is written in, what is in it, and the comment before it."""

    line: int
    language: str
    text: str
    mark: str | None = None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page. ValueError for a fence left open, or a mark that nothing can be done with."""
    found: list[Block] = []
    lines = iter(enumerate(page.splitlines(), start=1))
    mark: str | None = None
    for number, line in lines:
        comment = re.fullmatch(r"\s*<!-- *([a-z]+) *-->\s*", line)
        fence = re.fullmatch(r"\s*(`{3,}|~{3,})\s*([\w-]*).*", line)
        if fence:
            inside = _inside(lines, fence[1])
            if inside is None:
                raise ValueError(f"line {number}: this fence is never closed")
            found.append(Block(line=number, language=fence[2], text=inside, mark=mark))
            if mark and fence[2] not in MARKS.get(mark, ()):
                raise ValueError(f"line {number}: {fence[2] or 'a block without a language'} cannot be marked {mark!r}")
        elif mark and not comment:
            raise ValueError(f"line {number}: the mark {mark!r} has no block on the next line")
        mark = comment[1] if comment else None
    return found


def _inside(lines: Iterator[tuple[int, str]], fence: str) -> str | None:
    inside: list[str] = []
    for _, line in lines:
        if re.fullmatch(rf"\s*{fence[0]}{{{len(fence)},}}\s*", line):
            return textwrap.dedent("".join(f"{one}\n" for one in inside))
        inside.append(line)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder to run blocks in, as on a reader's machine after the set-up."""

    folder: Path
    _groups: list[int] = field(default_factory=list)

    def run(self, command: list[str], extra: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit status and output of a command; what it leaves in the background runs on."""
        search = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
        environment = {"PATH": search, "HOME": str(self.folder), "LANG": "C.UTF-8", "COLUMNS": "120", **(extra or {})}
        with (self.folder / "output.txt").open("w+b") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            try:
                status = process.wait(TIME_LIMIT_S)
            except subprocess.TimeoutExpired:
                status = self._end(process)
            output.seek(0)
            return status, output.read().decode(errors="replace")

    def clear(self) -> None:
        """End whatever the blocks left running."""
        for group in self._groups:
            _kill_group(group)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        _kill_group(process.pid)
        return process.wait()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def whole_configuration(block: Block, page: list[Block]) -> str:
    """The block's own text, or for a part the first whole configuration with the part's keys in it."""
    if block.mark != "part":
        return block.text
    whole = next(other for other in page if other.language == "yaml" and other.mark is None)
    return yaml.safe_dump({**yaml.safe_load(whole.text), **yaml.safe_load(block.text)}, sort_keys=False)


PAGE = blocks(README.read_text(encoding="utf-8")) if README.exists() else []


def where(block: Block) -> str:
    return f"line-{block.line}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    shutil.copytree(ROOT / "config", folder / "config")
    desk = Desk(folder=folder)
    yield desk
    desk.clear()


@pytest.mark.parametrize("block", [block for block in PAGE if block.mark == "run"], ids=where)
def test_a_marked_block_runs(desk: Desk, block: Block) -> None:
    """What the README tells a reader to type does what it says, or at least does not fail."""
    status, output = desk.run([*RUNNERS[block.language], "-c", block.text])
    assert status == 0, f"README.md:{block.line} ended with {status}:\n{output}"


@pytest.mark.parametrize("block", [block for block in PAGE if block.language == "yaml"], ids=where)
def test_a_configuration_is_accepted(desk: Desk, block: Block) -> None:
    """Every configuration that the README shows passes `gateway check`, with any secret that it names."""
    text = whole_configuration(block, PAGE)
    file = desk.folder / f"readme-{block.line}.yaml"
    file.write_text(text, encoding="utf-8")
    secrets = {name: f"secret-of-{name.lower()}" for name in re.findall(r"\$\{(\w+)", text)}
    status, output = desk.run([sys.executable, "-m", "gateway", "check", "--config", str(file)], secrets)
    assert status == 0, f"README.md:{block.line} is refused:\n{output}"


@pytest.mark.parametrize("block", [block for block in PAGE if block.mark is None], ids=where)
def test_a_block_that_is_not_run_parses(desk: Desk, block: Block) -> None:
    """An example that only reads well is at least free of slips of the pen."""
    match block.language:
        case "python":
            ast.parse(block.text)
        case "json":
            json.loads(block.text)
        case "bash":
            status, output = desk.run(["bash", "-n", "-c", block.text])
            assert status == 0, f"README.md:{block.line}: {output}"


def test_the_page_is_there() -> None:
    """There is a README, and something in it is run."""
    assert README.exists()
    assert any(block.mark == "run" for block in PAGE)


def test_the_commands_are_the_same_everywhere() -> None:
    """The README's two commands are word for word those of .ci/run and the Makefile: none of them can rot alone."""
    commands = {line for block in PAGE if block.language == "bash" for line in block.text.splitlines()}
    recipes = dict(re.findall(r"^(demo|test):\n\t(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    tested = re.findall(r"^test_command='(.+)'$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert [recipes["test"]] == tested
    assert set(recipes.values()) <= commands


def test_links_lead_somewhere() -> None:
    """A link or picture that is not on the web is a file of this project."""
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", README.read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


# The mechanism itself.

SAMPLE = """\
```bash
unmarked
```
<!-- run -->
````bash
echo '
```
not the end'
````
- in a list:

  ~~~yaml
  a: 1
    # deeper
  ~~~
"""


def test_blocks_are_found_as_markdown_means_them() -> None:
    """A fence closes with as many of its own characters; indentation belongs to the list around it."""
    assert blocks(SAMPLE) == [
        Block(line=1, language="bash", text="unmarked\n"),
        Block(line=5, language="bash", text="echo '\n```\nnot the end'\n", mark="run"),
        Block(line=12, language="yaml", text="a: 1\n  # deeper\n"),
    ]


@pytest.mark.parametrize(
    "page",
    ["```bash\nopen", "<!-- run -->\n\n```bash\n```", "<!-- rnu -->\n```bash\n```", "<!-- part -->\n```python\n```"],
)
def test_a_mark_without_effect_is_an_error(page: str) -> None:
    """A misspelt or misplaced mark would be a test that silently does not run."""
    with pytest.raises(ValueError, match="line"):
        blocks(page)


def test_a_part_replaces_keys_of_the_first_whole_configuration() -> None:
    """A reference can show one section at a time and still be checked."""
    page = [
        Block(line=n, language="yaml", text=text, mark=mark)
        for n, text, mark in [(1, "a: 1\nb: 1", None), (9, "b: 2", "part")]
    ]
    assert yaml.safe_load(whole_configuration(page[1], page)) == {"a": 1, "b": 2}


def test_a_desk_reports_failure_and_ends_the_background(tmp_path: Path) -> None:
    """A failing line fails the block; what runs in the background neither holds it up nor outlives the desk."""
    desk = Desk(folder=tmp_path)
    os.mkfifo(tmp_path / "held")
    reader = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    block = "exec 3>held; sleep 1000 & echo before; false; echo after"
    assert desk.run([*RUNNERS["bash"], "-c", block]) == (1, "before\n")
    with pytest.raises(BlockingIOError):  # the sleeper has the other end open
        os.read(reader, 1)
    desk.clear()
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # and is gone
    os.close(reader)
