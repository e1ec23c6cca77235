"""Requests as clients send them: a few hundred different chat bodies of one size, of ten kinds, in three languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import orjson

from tests.benchmarks import texts

COUNT = 320
"""Different bodies in a set: enough that no cache of answers, features or branches knows them all by heart."""

_MATERIAL: Mapping[str, Sequence[str]] = {
    "code": texts.CODE,
    "extraction": texts.RECORDS,
    "german": texts.GERMAN,
    "french": texts.FRENCH,
    "translation": (*texts.FRENCH, *texts.GERMAN),
}
"""What is not named here asks about English prose."""


def bodies(
    *, model: str = "auto", size: int = 2048, stream: bool = False, count: int = COUNT, usage: bool = False
) -> list[bytes]:
    """`count` encoded bodies of about `size` bytes each; `usage` asks a stream for its token counts."""
    kinds = cycle(texts.INSTRUCTIONS)
    return [_body(next(kinds), number, model=model, size=size, stream=stream, usage=usage) for number in range(count)]


def _body(kind: str, number: int, *, model: str, size: int, stream: bool, usage: bool) -> bytes:
    body: dict[str, object] = {"model": model, "messages": [], "temperature": 0.2 + number % 5 / 10}
    if stream:
        body["stream"] = True
    if stream and usage:
        body["stream_options"] = {"include_usage": True}
    room = size - len(orjson.dumps(body))
    body["messages"] = _messages(kind, number, room)
    return orjson.dumps(body)


def _messages(kind: str, number: int, room: int) -> list[dict[str, str]]:
    topic = texts.TOPICS[number % len(texts.TOPICS)]
    question = texts.INSTRUCTIONS[kind].format(topic=topic, number=17 + number)
    messages = [{"role": "system", "content": texts.SYSTEM}] if number % 3 == 0 else []
    if kind == "chat":
        first = {"role": "user", "content": f"Tell me about {topic}."}
        answer = {"role": "assistant", "content": prose(_MATERIAL.get(kind, texts.SENTENCES), number, room - 500)}
        return [*messages, first, answer, {"role": "user", "content": question}]
    left = room - len(orjson.dumps(messages)) - len(question) - 40
    return [*messages, {"role": "user", "content": f"{question}\n\n{_fill(kind, number, left)}"}]


def _fill(kind: str, number: int, room: int) -> str:
    material = _MATERIAL.get(kind, texts.SENTENCES)
    return prose(material, number, room, between="\n" if kind in {"code", "extraction"} else " ")


def prose(sentences: Sequence[str], seed: int, room: int, *, between: str = " ") -> str:
    """Sentences in an order that `seed` decides, cut so that their JSON takes at most `room` bytes."""
    # A stride without a common divisor visits every sentence; the number keeps two rounds from being equal.
    stride = next(step for step in range(1 + seed % 23, 999) if step == 1 or len(sentences) % step)
    chosen: list[str] = []
    used = 0
    position = seed
    while used < room:
        sentence = sentences[position % len(sentences)]
        if position % 7 == 3:
            sentence = f"({position % 90 + 10}) {sentence}"
        chosen.append(sentence)
        used += len(orjson.dumps(sentence)) - 2 + len(between)
        position += stride
    text = between.join(chosen)
    excess = len(orjson.dumps(text)) - 2 - room
    return text[: len(text) - excess] if excess > 0 else text
