"""A document: references filled in from the environment, and where each piece stands."""

from __future__ import annotations

import pytest

from gateway.settings.document import Document
from gateway.settings.yaml_text import read_yaml
from tests.unit.settings.mistakes import GOOD, problems, settings, top


def document(text: str, environment: dict[str, str]) -> Document:
    return Document("gw.yaml", read_yaml(text), environment)


def test_references_are_filled_in_anywhere() -> None:
    """In any value, alone or inside a text, several times, and also in the elements of lists; not in keys."""
    found = document("a: ${X}\nb: ['u-${X}-${Y_2}', {c: '${X}${X}'}]\n'${X}': 1", {"X": "x", "Y_2": "y"})
    assert found.problems == []
    assert found.data == {"a": "x", "b": ["u-x-y", {"c": "xx"}], "${X}": 1}


def test_what_was_filled_in_is_not_looked_through_again() -> None:
    """A secret may hold `${...}` itself; and `$${` is the way to write one in the file."""
    assert document("a: ${X}\nb: $${X}", {"X": "${Y}"}).data == {"a": "${Y}", "b": "${X}"}


def test_a_reference_in_a_comment_is_none() -> None:
    """A line that is switched off asks for nothing."""
    assert problems(f"{GOOD}# admin_key: ${{NOT_SET}}\n") == []


def test_a_variable_that_is_not_set_is_told_and_nothing_else() -> None:
    """One line per missing variable; that `${PORT}` is no number either is no second problem."""
    text = top("server: {port: '${PORT}', host: '${HOST}'}\nadmin_key: ${KEY_A}")
    said = "the environment variable {0} is not set; set it, or take ${{{0}}} out"
    assert problems(text) == [
        f"gw.yaml:8: server.port: {said.format('PORT')}",
        f"gw.yaml:8: server.host: {said.format('HOST')}",
        f"gw.yaml:9: admin_key: {said.format('KEY_A')}",
    ]


@pytest.mark.parametrize("reference", ["${}", "${A-B}", "${A", "${1A}", "${A:-x}"])
def test_a_reference_that_is_none_is_told(reference: str) -> None:
    """It would otherwise be sent to a provider as a key."""
    assert problems(top(f"admin_key: '{reference}'"), {"A": "a"}) == [
        "gw.yaml:8: admin_key: holds '${' without a variable's name and '}'; write ${NAME}, or $${ for a plain '${'"
    ]


def test_an_empty_variable_is_no_secret() -> None:
    """An empty key that opens the door, or that a provider refuses, is a mistake of the deployment."""
    assert problems(top("admin_key: ${A}"), {"A": ""}) == [
        "gw.yaml:8: admin_key: the environment variable A is empty; give it a value"
    ]


def test_numbers_may_come_from_the_environment() -> None:
    """The environment knows only text."""
    found = settings(top("server: {port: '${PORT}', drain_s: '${D}'}"), {"PORT": "8081", "D": "1.5"})
    assert (found.server.port, found.server.drain_s) == (8081, 1.5)


def test_a_wrong_value_is_told_with_the_variable_it_came_from() -> None:
    """The mistake is in the environment, not in the line; of one that sounds like a secret the value is not shown."""
    text = top("server: {port: '${PORT}', workers: '${SOME_TOKEN}'}")
    assert problems(text, {"PORT": "80a", "SOME_TOKEN": "canary"}) == [
        "gw.yaml:8: server.port: must be a whole number from 0 to 65535, not '80a' (from ${PORT})",
        "gw.yaml:8: server.workers: must be a whole number from 1 to 256 (what ${SOME_TOKEN} holds is not shown)",
    ]


def test_a_problem_stands_at_the_deepest_part_that_is_there() -> None:
    """A key that is missing is told with the line of the section that it is missing in."""
    found = document("a:\n  b:\n    c: 1\n", {"GATEWAY__A__D": "1"})
    assert str(found.problem(("a", "b", "x", "y"), "is missing")) == "gw.yaml:2: a.b.x.y: is missing"
    assert str(found.problem(("z",), "is missing")) == "gw.yaml:1: z: is missing"
    assert str(found.problem(("a", "d"), "is wrong")) == "environment GATEWAY__A__D: a.d: is wrong"


def test_a_document_knows_what_it_holds() -> None:
    """Nothing that is there differs from what is not there."""
    found = document("a: {b: [1, null]}", {})
    assert found.has(("a", "b", 1))
    assert not found.has(("a", "b", 2))
    assert not found.has(("a", "x"))
    assert found.at(("a", "b", 0)) == 1
    assert found.at(("a", "x", "y")) is None
