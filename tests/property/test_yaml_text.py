"""Reading YAML, for every text: JSON means what it says, and nothing makes the reader fail or its messages break."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.problems import dotted, shown
from gateway.settings.yaml_text import read_yaml
from tests.unit.settings.mistakes import problems, top

PRINTABLE = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\ufeff\ufffe\uffff")
TEXT = st.text(PRINTABLE, max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
SNIPPETS = st.sampled_from(
    [
        *("a: ", "- ", "\n  ", "\n", "{", "}", "[", "]", ", ", "&x ", "*x", "<<: ", "!!int ", "!", '"', "'", "? ", "%"),
        *("\\UFFFFFFFF", "\\ud800", "\t", "|\n", ">", "#", "---\n", "${A}", "$${", "1e3", "0x", "\x00", "\u2028"),
        *("keys: ", "models: ", "policies: ", "default: "),
    ]
)


@given(JSON)
def test_json_is_yaml(value: object) -> None:
    """YAML 1.2 contains JSON: what a JSON encoder writes is read back as it was, types included."""
    read = read_yaml(json.dumps(value, ensure_ascii=False))
    assert read.problems == []
    assert read.data == value
    assert json.dumps(read.data) == json.dumps(value)


@given(st.lists(SNIPPETS | TEXT, max_size=12).map("".join))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    """A broken disk or a wrong file is a problem in words, each on one line, never a traceback."""
    read = read_yaml(text)
    assert read.readable or read.problems
    said = [*problems(text, {"A": "x"}), *problems(top(text), {"A": "x"})]
    assert said == [line.replace("\n", " ").replace("\x1b", " ") for line in said]
    "".join(said).encode()


@given(TEXT | st.text(max_size=5))
def test_paths_and_values_stay_on_their_line(text: str) -> None:
    """Whatever a key or value holds, its message is one line that a terminal can print."""
    for said in (dotted(("policies", text, 0)), shown(text)):
        assert len(said.splitlines()) <= 1
        assert "\x1b" not in said


@given(st.floats())
def test_every_number_is_read(number: float) -> None:
    """As YAML writes the special ones."""
    words = {math.inf: ".inf", -math.inf: "-.inf"}
    text = ".nan" if math.isnan(number) else words.get(number, repr(number))
    read = read_yaml(text).data
    assert isinstance(read, float)
    assert read == number or (math.isnan(read) and math.isnan(number))
