"""Code, formulas and choices: found where they are, and by gates that let nothing through less."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.signs import Signs, signs_of
from gateway.core.text import view_of

# The rules in one expression each, to be searched for anywhere in a text in lower case.
CODE = re.compile(
    r"```|def \w+\(|\(\) \{|\)\s?\{|\(\);|=> \{|</|#include|::\w|>>> |\[python\]|\", line \d|\* from "
    r"|\.\w+\([\w, ]*\)[;.\n]"
)
LATEX = re.compile(r"\\(?:[dt]?frac|sqrt|boxed|cdot|leq?|geq?|sum|int|[\[(])|\$[$a-z\\({]|\^[{\d]|\[asy\]")
ARITHMETIC = re.compile(r"[0-9](?: ?[+*×÷=<] ?[\d(a-z]| [-/] \d|[a-z] [+-] \d)")
OPTION = re.compile(r"\n[ \t]*(?:\(?[a-d][).:]|\([1-4]\)) ")


def plain(text: str) -> Signs:
    """The rules without any gate."""
    lower = text.lower()
    return Signs(
        CODE.search(lower) is not None,
        LATEX.search(lower) is not None or ARITHMETIC.search(lower) is not None,
        "options:" in lower or "choices:" in lower or len(OPTION.findall(lower)) > 1,
    )


PIECES = (
    '``` def f( () { ){ (); => { </ #include ::a >>> [python] ", line 3 * from .foo(a, b); ._x(_). .é(ü) '
    "\\frac \\( \\[ $x $$ ^2 ^{ [asy] 1+2 3*( 4=x 5<b 7×8 7÷2 3a 4b 12 9 + - / = < * ( ) [ ] { } . , "
    "; : _ # \" ' ` \\ $ ^ a B ü × ÷ options: choices: (a) b. c: (1) (2) d) Ⅷ ٣"
)
texts = st.lists(st.sampled_from([*PIECES.split(" "), " ", " ", "\n", "\t", "word"]), max_size=12).map("".join)


@settings(deadline=None)
@given(text=texts)
def test_no_gate_loses_a_sign(text: str) -> None:
    """The cheap looks that spare a search agree with searching for everything everywhere."""
    assert signs_of(view_of(text)) == plain(text)


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_looked_at(text: str) -> None:
    """Lone surrogates and control characters included."""
    assert signs_of(view_of(text)) == plain(text)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("A calm day by the sea, at 10:30 (or so) - with friends.", Signs(False, False, False)),
        ("def f(x):\n    return x", Signs(True, False, False)),
        ("for (;;) { x(); }", Signs(True, False, False)),
        ('File "a.py", line 3', Signs(True, False, False)),
        ("Then call it.close().", Signs(True, False, False)),
        ("Let $x$ be \\sqrt{2}", Signs(False, True, False)),
        ("What is 17 * 23 - 4?", Signs(False, True, False)),
        ("Simplify 3a + 4", Signs(False, True, False)),
        ("Was sind 7×8?", Signs(False, True, False)),
        ("Which one?\n(A) this\n  b) that", Signs(False, False, True)),
        ("Which one?\n(A) this", Signs(False, False, False)),
        ("Options: this, that", Signs(False, False, True)),
    ],
)
def test_finds_signs(text: str, signs: Signs) -> None:
    """Each sign is seen where it is, and prose has none."""
    assert signs_of(view_of(text)) == signs
