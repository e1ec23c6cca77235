"""Short questions with one checkable answer each, on which the three local models differ clearly.

The set is made to separate models, not to grade them: out of 161 candidates it holds those the whole model answers with
a clear margin between its first and second token, so that another processor's rounding does not change the verdict. On
all 161 the three models were right 90, 43 and 2 times; nobody should read an accuracy on this set as the model's own.
"""

import re
from dataclasses import dataclass

ANSWER_TOKENS = 12
"""The `max_tokens` to ask with: a right answer needs at most ten, and a rambling model is cut off cheaply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckableQuestion:
    """A question, and the words of which any one makes an answer right."""

    text: str
    accepted: tuple[str, ...]

    def check(self, answer: str) -> bool:
        """Whether an accepted answer stands in `answer` as a whole word; case is ignored."""
        words = "|".join(re.escape(word) for word in self.accepted)
        return re.search(rf"(?<!\w)(?:{words})(?!\w)", answer, re.IGNORECASE) is not None


def _question(text: str, *accepted: str) -> CheckableQuestion:
    return CheckableQuestion(text=text, accepted=accepted)


QUESTIONS: tuple[CheckableQuestion, ...] = (
    # The model without two blocks still knows these ...
    _question("What is the capital of Greece?", "Athens"),
    _question("What is the capital of Norway?", "Oslo"),
    _question("What is the capital of Sweden?", "Stockholm"),
    _question("What is the capital of Ireland?", "Dublin"),
    _question("What is the opposite of up?", "down"),
    _question("What is the opposite of day?", "night"),
    _question("What is the opposite of north?", "south"),
    _question("What is the chemical symbol for gold?", "Au"),
    _question("What is the chemical symbol for oxygen?", "O", "O2"),
    _question("What is the longest river in Africa?", "Nile"),
    # ... and these only the whole one does.
    _question("What is the capital of Japan?", "Tokyo"),
    _question("What is the capital of Egypt?", "Cairo"),
    _question("What is the capital of Thailand?", "Bangkok"),
    _question("What is the capital of Cuba?", "Havana"),
    _question("What is the opposite of fast?", "slow"),
    _question("What is the opposite of black?", "white"),
    _question("What is the opposite of open?", "closed", "close", "shut"),
    _question("What is the opposite of strong?", "weak"),
    _question("What is the opposite of war?", "peace"),
    _question("What is the opposite of hard?", "soft", "easy"),
    _question("What is the highest mountain in the world?", "Everest"),
    _question("In which direction does the sun rise?", "east"),
    _question("What is 1 + 1?", "2", "two"),
    _question("What is 10 + 10?", "20", "twenty"),
)
