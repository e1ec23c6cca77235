"""How long a client's regular expression can take at most, so that none of them can stop the gateway.

Python's engine backtracks. Without a repeated group that itself holds a choice, the paths it can try are at most the
product of the choices: n + 1 for every open-ended repeat over n characters, 2 for every optional piece or alternative,
n + 1 again for where the match begins. A repeated group with a choice inside, (a+)+, can double the paths with every
character and is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

_MAX_PATTERN = 400
# Back references cost more than is counted here; the others mean something else in a Python to come, which warns.
_ODD = re.compile(r"\\[1-9]|\[\^?\[|--|&&|~~|\|\|")
_TOKEN = re.compile(
    r"(?P<escape>\\.)"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<open>\((?:\?(?::|=|!|<=|<!|P<\w+>))?)"
    r"|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?"
    r"|(?P<bar>\|)"
    r"|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """An upper bound of a pattern's search, as a function of the text's length."""

    degree: int
    """Open-ended choices."""
    options: int
    """Two-way choices."""
    pattern: re.Pattern[str]

    def matches(self, text: str) -> bool:
        """Whether the pattern is found anywhere in `text`."""
        return self.pattern.search(text) is not None

    def steps(self, n: int) -> float:
        """Steps at most over a text of `n` characters; inf where that is more than a float holds."""
        bits = self.degree * math.log2(n + 1) + self.options + math.log2(len(self.pattern.pattern) + 1)
        return math.inf if bits > 60 else 2.0**bits


@lru_cache(maxsize=256)
def effort(pattern: str) -> Effort | None:
    """The bound for `pattern`; None if it has none that is useful, is too long, or is no regular expression here."""
    if len(pattern) > _MAX_PATTERN or _ODD.search(pattern):
        return None
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    counted = _count(pattern)
    if counted is None:
        return None
    degree, options = counted
    # Behind a bar, a pattern that begins with ^ may still match anywhere.
    anchored = pattern.startswith(("^", "\\A")) and "|" not in pattern
    return Effort(degree=degree + (not anchored), options=options, pattern=compiled)


def _count(pattern: str) -> tuple[int, int] | None:
    """Open-ended and two-way choices, or None for a choice inside a repeat."""
    degree = options = 0
    # For every open group, the number of choices when it began; the last closed one may be repeated next.
    began: list[int] = []
    closed: int | None = None
    for token in _TOKEN.finditer(pattern):
        kind, word = token.lastgroup, token[0]
        before, closed = closed, None
        if kind == "open":
            if pattern.startswith("?", token.end()):
                return None  # inline flags, conditionals, atomic groups: nobody needs them here
            began.append(degree + options)
        elif kind == "close":
            closed = began.pop() if began else 0
        elif kind == "bar":
            options += 1
        elif kind == "repeat":
            if word.startswith("?"):
                options += 1
                continue
            if before is not None and degree + options > before:
                return None
            # An exact count repeats, but leaves nothing to choose.
            degree += not re.fullmatch(r"\{\d+\}[?+]?", word)
    return degree, options
