"""YAML as version 1.2 reads it, and what is said of a text that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("null", None),
        ("~", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1e-3", 0.001),
        ("-.5E+2", -50.0),
        (".inf", float("inf")),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("<<", "<<"),
    ],
)
def test_a_scalar_is_read_as_the_core_schema_says(text: str, value: object) -> None:
    """YAML 1.2.2, chapter 10.3: only true and false are truth values; clocks, dates and `off` are text."""
    read = read_yaml(f"a: {text}")
    assert read.problems == []
    assert read.data == {"a": value}
    assert isinstance(read.data, dict)
    assert type(read.data["a"]) is type(value)


def test_keys_are_words() -> None:
    """Whatever a key looks like, it is the name that was written: `1`, `on` and `null` are names of policies too."""
    assert read_yaml("1: a\non: b\nnull: c\n'x y': d").data == {"1": "a", "on": "b", "null": "c", "x y": "d"}


def test_anchors_aliases_and_merge_keys_work() -> None:
    """What several sections have in common is written once; own keys win, and of several merges the first."""
    text = "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc:\n  <<: [*x, {r: 9, p: 7}]\nd: [*x]\ne: &y {<<: *x}\nf: {<<: *y}"
    read = read_yaml(text)
    assert read.problems == []
    assert read.data == {
        "a": {"p": 1, "q": 2},
        "b": {"p": 1, "q": 3},
        "c": {"p": 1, "q": 2, "r": 9},
        "d": [{"p": 1, "q": 2}],
        "e": {"p": 1, "q": 2},
        "f": {"p": 1, "q": 2},
    }


def test_every_key_has_its_line() -> None:
    """Also where a value stands below its key, and where a merged key stands at its anchor."""
    read = read_yaml("# one\na: &x\n  b: 1\nc:\n  - d: 2\n    e: 3\nf:\n  <<: *x\n")
    assert read.lines[("a",)] == 2
    assert read.lines["a", "b"] == 3
    assert read.lines["c", 0, "e"] == 6
    assert read.lines["f", "b"] == 3


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_of_every_system_count_once(newline: str) -> None:
    """A file that was saved on Windows has the same line numbers."""
    assert read_yaml(newline.join(["a: 1", "b: 2", "c: 3"])).lines[("c",)] == 3


def test_keys_given_twice_are_all_told() -> None:
    """YAML's readers silently take the last one; which of them was meant, only a person knows."""
    read = read_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\nd: &x {e: 1, e: 2}\nf: *x\n")
    assert read.problems == [
        (2, ("a",), "is given twice, first on line 1; take one out"),
        (3, ("b", "c"), "is given twice, first on line 3; take one out"),
        (4, ("d", "e"), "is given twice, first on line 4; take one out"),
    ]


def test_tags_make_no_objects(tmp_path: Path) -> None:
    """`!!python/object` and its kind would run code of whoever wrote the file."""
    mark = tmp_path / "ran"
    text = (
        f"a: !!python/object/apply:os.mkdir ['{mark}']\nb: !!python/name:os.system\nc: !!set {{x}}\nd: !!binary aGk=\n"
    )
    read = read_yaml(text)
    assert not mark.exists()
    assert read.data == {"a": None, "b": None, "c": None, "d": None}
    assert read.problems[0] == (
        1,
        ("a",),
        "the YAML tag !!python/object/apply:os.mkdir is not allowed; write a plain value",
    )
    assert [line for line, _, _ in read.problems] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a:\n\tb: 1", 2, "a tab stands where only spaces may; indent with spaces"),
        ("a: 'x\nb: 1\n", 3, "the quote opened on line 1 is never closed"),
        ("a: {b: 1\nc: [1, 2]\n", 2, "the bracket opened on line 1 is not closed, or a comma is missing in it"),
        ("a: b: c", 1, "a ': ' where none can be: is the indentation right? A value that holds ': ' needs quotes"),
        ("a:\n   b: 1\n  c: 2", 3, "the indentation does not fit what began on line 1"),
        ("a: @x", 1, "a value cannot begin with '@'; put it in quotes"),
        ("a: 1\n---\nb: 2", 2, "a second document begins here with '---'; a configuration is one document"),
        ("a: &x 1\nb: &x 2", 2, "an anchor ('&' name) is given twice; names must differ"),
        (
            "a: *hunter2",
            1,
            "a value that begins with '*' is an alias, and no value carries its '&' name; put text in quotes",
        ),
        ("a:\nb\nc: 1", 3, "a key without ': ' after it, or a text that goes on without quotes; it begins on line 2"),
        ('"a\\q": 1', 1, "found unknown escape character 'q'"),
    ],
)
def test_what_is_no_yaml_is_told_in_words(text: str, line: int, said: str) -> None:
    """The scanner speaks of tokens and block mappings; a person on call needs the line and what to do."""
    read = read_yaml(text)
    assert not read.readable
    ((where, path, told),) = read.problems
    assert (where, path) == (line, ())
    assert told.startswith(f"not valid YAML: {said}")


def test_a_control_character_is_told_with_its_line() -> None:
    """A file that was cut off by a crash often ends in zeros."""
    assert read_yaml("a: 1\nb: \x00").problems == [
        (2, (), "holds the character U+0000, which YAML does not allow; take it out")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a]",
        "a: &a {<<: *a}",
        "[" * 2000,
        "a0: &a0 [x, x, x]\n" + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 15)),
    ],
    ids=["itself", "merged with itself", "deep", "billion laughs"],
)
def test_a_text_that_unfolds_without_end_is_refused(text: str) -> None:
    """Reading a configuration takes bounded time and memory, whatever aliases it holds."""
    read = read_yaml(text)
    assert (read.readable, read.data) == (False, None)
    assert "nested too deeply, or aliases repeat too much" in read.problems[0][2]


@pytest.mark.parametrize(
    "text",
    [
        "key: *canary-secret",
        "key: !canary-secret x",
        "key: !canary-secret!x y",
        "key: &canary-secret\nkey2: &canary-secret x\n",
        "key: canary-secret: x",
        "key: 'canary-secret",
        "key: !!int canary-secret",
        "%YAML canary-secret\n---\na: 1",
        "{key: canary-secret",
    ],
)
def test_no_message_repeats_a_piece_of_the_text(text: str) -> None:
    """A password that begins with a special character breaks the YAML: it must not end up in a log for that."""
    read = read_yaml(text)
    assert read.problems
    assert "canary" not in str(read.problems)
