"""What the simulated provider answers: a chat completion of about 4 KB, or its event stream, with usage."""

from __future__ import annotations

import orjson

from tests.benchmarks import texts
from tests.benchmarks.prompts import prose

ENDING = "That is all there is to say about it."
"""The last words of every whole reply: a reply without them was cut."""
USAGE = {"prompt_tokens": 430, "completion_tokens": 600, "total_tokens": 1030}
SIZE = 4096
VARIETY = 16
"""Different replies, so that scoring does not see one text over and over."""
DONE = b"data: [DONE]\n\n"
STAMP_DIGITS = 20

_FIXED: dict[str, object] = {
    "id": "chatcmpl-%016x",
    "created": 1_700_000_000,
    "model": "m1",
    "system_fingerprint": "fp_benchmark",
}


def whole_replies() -> list[bytes]:
    """Bodies of about 4 KB as templates (`%`) of one integer, the id, which is never the same twice."""
    return [_whole(number) for number in range(VARIETY)]


def _whole(number: int) -> bytes:
    text = f"{prose(texts.SENTENCES, number * 5 + 1, SIZE - 380)} {ENDING}"
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return orjson.dumps({**_FIXED, "object": "chat.completion", "choices": [choice], "usage": USAGE})


def frames(count: int, *, usage: bool, stamped: bool = False) -> list[bytes]:
    """The frames of a stream as templates of the id, up to [DONE]: `count` with text, the finish reason, the usage.

    With `stamped`, a frame with text takes a second integer: the moment of sending in ns, which the text carries along.
    """
    words = prose(texts.SENTENCES, count, count * 72).split(" ")
    share = max(1, len(words) // count)
    pieces = [" " + " ".join(words[n * share : n * share + share] or ["so"]) for n in range(count)]
    if stamped:
        pieces = [f"{piece} @%0{STAMP_DIGITS}d@" for piece in pieces]
    deltas: list[dict[str, object]] = [{"content": piece} for piece in pieces]
    deltas[0] = {"role": "assistant", **deltas[0]}
    found = [_frame([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]) for delta in deltas]
    found.append(_frame([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]))
    if usage:
        found.append(_frame([], usage=USAGE))
    return found


def _frame(choices: list[dict[str, object]], **more: object) -> bytes:
    content = {**_FIXED, "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: %b\n\n" % orjson.dumps(content)
