"""What a text holds besides prose: program code, formulas, answers to choose from."""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.core.text import View

# Each search is a mark that must be among the punctuation, a literal that must be in the text, and a pattern. Prose has
# few of the marks and fewer of the literals, so that most patterns, which are dear, are seldom searched for.
_Search = tuple[str, str, re.Pattern[str] | None]


def _search(mark: str, literal: str, pattern: str | None = None) -> _Search:
    return mark, literal, None if pattern is None else re.compile(pattern)


_CODE = (
    _search("```", "```"),
    _search("(", "def ", r"def \w+\("),
    _search("){", ")", r"\)\s?\{"),
    _search("();", "();"),
    _search("=>{", "=> {"),
    _search("</", "</"),
    _search("#", "#include"),
    _search("::", "::", r"::\w"),
    _search(">>>", ">>> "),
    _search("[]", "[python]"),
    _search('",', '", line ', r'", line \d'),
    _search("*", "* from "),
    # A call that ends a statement; underscores may be in its name.
    _search(".(", "(", r"\.\w+\([\w, ]*\)[;.\n]"),
    _search("._", "(", r"\.\w+\([\w, ]*\)[;.\n]"),
)
_LATEX = (
    _search("\\", "\\", r"\\(?:[dt]?frac|sqrt|boxed|cdot|leq?|geq?|sum|int|[\[(])"),
    _search("$", "$", r"\$[$a-z\\({]"),
    _search("^", "^", r"\^[{\d]"),
    _search("[]", "[asy]"),
)
_ARITHMETIC = (
    *(_search(sign, sign, rf"\{sign}(?:(?<=[0-9]\{sign})|(?<=[0-9] \{sign})) ?[\d(a-z]") for sign in "+*=<"),
    *(_search("", sign, rf"{sign}(?:(?<=[0-9]{sign})|(?<=[0-9] {sign})) ?[\d(a-z]") for sign in "×÷"),
    _search("-", " - ", r" - (?:(?<=[0-9] - )|(?<=[0-9][a-z] - ))\d"),
    _search("/", " / ", r" / (?<=[0-9] / )\d"),
    _search("+", " + ", r" \+ (?<=[0-9][a-z] \+ )\d"),
)
# One look at the punctuation spares most texts all of the searches.
_CODE_MARKS = re.compile(r"```|\(|\)\{|=>\{|</|#|::|>>>|\[\]|\",|\*")
_LATEX_MARKS = re.compile(r"[\\$^]|\[\]")
_OPTION = re.compile(r"\n[ \t]*+(?:\(?[a-d][).:]|\([1-4]\)) ")


class Signs(NamedTuple):
    """What a text holds besides prose."""

    code: bool
    """Program code or a stack trace."""
    math: bool
    """LaTeX or an arithmetic expression."""
    choices: bool
    """Lettered or numbered answers to choose from."""


def signs_of(view: View) -> Signs:
    """Look for code, formulas and choices."""
    text, marks = view.lower, view.marks
    return Signs(
        _CODE_MARKS.search(marks) is not None and _any(_CODE, text, marks),
        (_LATEX_MARKS.search(marks) is not None and _any(_LATEX, text, marks))
        or (view.digits > 0 and _any(_ARITHMETIC, text, marks)),
        (":" in marks and ("options:" in text or "choices:" in text))
        or (view.lines > 1 and len(_OPTION.findall(text)) > 1),
    )


def _any(searches: tuple[_Search, ...], text: str, marks: str) -> bool:
    for mark, literal, pattern in searches:
        if mark in marks and literal in text and (pattern is None or pattern.search(text)):
            return True
    return False
