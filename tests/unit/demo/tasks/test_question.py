"""Rules of a question as a request."""

from __future__ import annotations

from gateway.demo.tasks.classification import LabelSolution
from gateway.demo.tasks.question import Question

SOLUTION = LabelSolution(label="yes", labels=("yes", "no"))


def test_a_body_holds_the_model_the_prompt_and_the_extras() -> None:
    """The prompt is a single user turn, and extras become fields of the body."""
    question = Question(id=0, task="any", prompt="Yes or no?", solution=SOLUTION, extras={"temperature": 0})
    assert question.body("swift") == {
        "model": "swift",
        "messages": [{"role": "user", "content": "Yes or no?"}],
        "temperature": 0,
    }


def test_changing_a_body_leaves_the_question_alone() -> None:
    """Every body is a new one: a client may add to it."""
    question = Question(id=0, task="any", prompt="Yes or no?", solution=SOLUTION)
    question.body("swift")["messages"] = []
    assert question.body("swift")["messages"] == [{"role": "user", "content": "Yes or no?"}]
