"""Which kind of task a request is: the families, the words clients use for them, and a guess from the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import lru_cache

from gateway.core.signs import Signs, signs_of
from gateway.core.text import View, excerpt, view_of, words_of

FAMILIES = (
    "code",
    "question_answering",
    "extraction",
    "classification",
    "summarization",
    "translation",
    "reasoning",
    "creative",
    "chat",
    "structured_output",
    "other",
)

_ALIASES: Mapping[str, str] = {
    alias: family
    for family, aliases in {
        "code": "code_generation coding programming code_completion codegen",
        "question_answering": "qa question q_a answering open_qa closed_qa trivia rag",
        "extraction": "extract information_extraction ner",
        "classification": "classify labeling labelling sentiment",
        "summarization": "summarize summarise summarisation summary",
        "translation": "translate",
        "reasoning": "math maths mathematics arithmetic logic",
        "creative": "generation text_generation creative_writing writing brainstorming",
        "chat": "conversation chitchat dialog dialogue",
        "structured_output": "json json_output structured_outputs",
        "other": "misc unknown",
    }.items()
    for alias in (family, *aliases.split())
}

# Weight of a word or a phrase for a family. Only forms that point at the task, not at the topic, weigh 2 or more.
_WORDS: Mapping[str, Mapping[float, str]] = {
    "translation": {
        4.0: "translate übersetze übersetzen übersetzt traduis traduisez traduire traduce traducir traduzca "
        "tradurre traduci traduza traduzir перевести переведи",
        1.5: "translation übersetzung traduction traducción traduzione",
    },
    "summarization": {
        4.0: "summarize summarise summarizing summarized tldr zusammenfassen zusammenfassung résume résumez "
        "résumer resumir resumen riassumi",
        3.0: "summary résumé recap",
        2.0: "fasse zusammen resume condense shorten gist résumons stichpunkte",
    },
    "classification": {
        4.0: "classify categorize categorise classifying klassifiziere klassifizieren kategorisiere classifie "
        "classifier classifiez clasifica clasificar clasifique classifica",
        2.5: "sentiment sentimiento classification klassifikation spam label kategorie catégorie categoría",
        2.0: "category categories labels stimmung ordne intent",
    },
    "extraction": {
        4.0: "extract extrahiere extrahieren extrais extraire extrayez extrae extraer extraiga estrai extraia",
        2.0: "extraction entities entitäten entités entidades pull identify",
    },
    "structured_output": {
        3.0: "json",
        2.0: "yaml xml csv schema",
    },
    "code": {
        3.0: "python javascript typescript java rust golang sql bash regex html css php kotlin swift refactor "
        "debug pytest programm codebase",
        2.0: "function code script algorithm bug compile unittest funktion fonction función código implement "
        "programa programme stacktrace exception api array string class endpoint docstring method database",
    },
    "reasoning": {
        3.0: "calculate solve prove probability calcule calcula calculer calcular berechne berechnen résous résoudre "
        "resuelve demuestra beweise löse riddle puzzle rätsel puzzles",
        2.0: "compute equation integral derivative theorem deduce evaluate gleichung équation "
        "ecuación wahrscheinlichkeit polynomial combien cuánto cuánta cuántos cuántas quanti "
        "clues clue arithmetic integers",
        1.0: "total average percent remainder sum logically twice integer triangle perimeter digits "
        "angle area divided times",
    },
    "creative": {
        3.0: "brainstorm joke limerick sonnet haiku screenplay",
        2.0: "compose invent imagine creative tagline slogan erzähle raconte invente write draft schreibe verfasse "
        "écris rédige escribe redacta poem gedicht poème poema",
        1.0: "story song lyrics novel essay blog tweet letter email headline caption brief mail courriel carta speech "
        "geschichte kurzgeschichte histoire chanson cuento canción",
    },
    "question_answering": {
        1.0: "explain define erkläre explique explica erklären expliquer explicar difference unterschied différence "
        "diferencia",
    },
    "chat": {2.0: "feeling goodnight привет"},
}

_QUESTIONS = frozenset(
    (
        "who what when where which why how whose wer was wann wo warum weshalb welche welcher welches wie qui quand "
        "où pourquoi quel quelle quels quelles comment quién qué cuándo dónde cuál cuáles cómo chi cosa quando dove "
        "perché quem onde wat waar waarom hoe кто что когда где почему как"
    )
    .encode()
    .split()
)
_GREETINGS = frozenset(
    "hi hello hey thanks thank hallo danke moin bonjour salut merci hola gracias ciao olá привет".encode().split()
)

_PHRASES: tuple[tuple[str, str, float], ...] = (
    ("tl;dr", "summarization", 4.0),
    ("key points", "summarization", 3.0),
    ("main points", "summarization", 3.0),
    ("in one sentence", "summarization", 1.5),
    ("positive or negative", "classification", 3.0),
    ("positive, negative", "classification", 3.0),
    ("into english", "translation", 2.5),
    ("into spanish", "translation", 2.5),
    ("into french", "translation", 2.5),
    ("into german", "translation", 2.5),
    ("into chinese", "translation", 2.5),
    ("into japanese", "translation", 2.5),
    ("ins deutsche", "translation", 2.5),
    ("ins englische", "translation", 2.5),
    ("unit test", "code", 3.0),
    ("come up with", "creative", 3.0),
    ("tell me about", "question_answering", 2.0),
    ("good morning", "chat", 2.0),
    ("what's up", "chat", 3.0),
    ("which category", "classification", 2.5),
    ("is the sentiment", "classification", 2.5),
    ("in this text", "extraction", 3.0),
    ("pull out", "extraction", 2.0),
    ("list all", "extraction", 2.0),
    ("find all", "extraction", 2.0),
    ("from the text", "extraction", 2.0),
    ("from the following", "extraction", 1.5),
    ("from this", "extraction", 1.5),
    ("json object", "structured_output", 2.0),
    ("valid json", "structured_output", 2.0),
    ("to json", "structured_output", 2.0),
    ("as json", "structured_output", 1.0),
    ("step by step", "reasoning", 3.0),
    ("schritt für schritt", "reasoning", 3.0),
    ("étape par étape", "reasoning", 3.0),
    ("paso a paso", "reasoning", 3.0),
    ("how many", "reasoning", 3.0),
    ("how much", "reasoning", 3.0),
    ("how long", "reasoning", 1.0),
    ("how old", "reasoning", 1.0),
    ("wie viele", "reasoning", 3.0),
    ("word problem", "reasoning", 3.0),
    ("true or false", "question_answering", 1.5),
    ("answer the question", "question_answering", 2.5),
    ("how are you", "chat", 3.0),
    ("how's it going", "chat", 3.0),
    ("wie geht", "chat", 3.0),
    ("ça va", "chat", 3.0),
    ("cómo estás", "chat", 3.0),
    ("翻译", "translation", 4.0),
    ("总结", "summarization", 4.0),
    ("要約", "summarization", 4.0),
    ("翻訳", "translation", 4.0),
)


def _keywords() -> dict[bytes, tuple[tuple[int, float], ...]]:
    table: dict[bytes, tuple[tuple[int, float], ...]] = {}
    for family, by_weight in _WORDS.items():
        for weight, words in by_weight.items():
            for word in words.split():
                key = word.encode()
                table[key] = (*table.get(key, ()), (FAMILIES.index(family), weight))
    return table


def _clues() -> dict[bytes, tuple[tuple[str, int, float], ...]]:
    table = {word: tuple(("", at, weight) for at, weight in meanings) for word, meanings in _KEYWORDS.items()}
    for phrase, family, weight in _PHRASES:
        key = max(words_of(phrase), key=len)
        table[key] = (*table.get(key, ()), (phrase, FAMILIES.index(family), weight))
    return table


_KEYWORDS = _keywords()
"""Families, by their position, and weights."""
_CLUES = _clues()
"""Keywords, and phrases by their longest word: only those whose word is there are searched for."""
_CLUE_WORDS = frozenset(_CLUES)
_FIRST_PERSON = frozenset(b"i my me you we ich mir du je moi tu yo mi \xd1\x8f".split())
TELLING = _CLUE_WORDS | _QUESTIONS | _FIRST_PERSON
"""All words that `infer` looks for anywhere in a text."""
_CODE, _QUESTION, _REASONING, _CHAT, _STRUCTURED = map(
    FAMILIES.index, ("code", "question_answering", "reasoning", "chat", "structured_output")
)


def task_word(hint: object) -> str | None:
    """A hinted task as one word of at most 64 characters, lower case with underscores; None without a hint."""
    return _as_word(hint[:64]) or None if isinstance(hint, str) else None


@lru_cache(maxsize=256)
def _as_word(hint: str) -> str:
    return "_".join(re.split(r"[\W_]+", hint.lower())).strip("_")


def family_of(word: str) -> tuple[str | None, bool]:
    """The family of a hinted word and whether the word says no more than that.

    A compound such as `email_extraction` belongs to the family of its last known part but has a meaning of its own.
    """
    if word in _ALIASES:
        return _ALIASES[word], True
    parts = reversed(word.split("_"))
    return next((_ALIASES[part] for part in parts if part in _ALIASES), None), False


def infer_task(text: str, *, has_tools: bool = False, json_asked: bool = False, multi_turn: bool = False) -> str:
    """The family, one of `FAMILIES`, that a request's own words point at; a long text is looked at by its ends only."""
    view = view_of(excerpt(text))
    telling = TELLING.intersection(view.words)
    return infer(view, telling, signs_of(view), has_tools=has_tools, json_asked=json_asked, multi_turn=multi_turn)


def infer(view: View, telling: Set[bytes], signs: Signs, *, has_tools: bool, json_asked: bool, multi_turn: bool) -> str:
    """The family that keywords (English, German, French, Spanish, some others) and the shape of the text point at.

    `telling` holds the words of the text that are among `TELLING`, and may hold others. Without evidence a first-person
    text or a dialogue is chat, anything else is other, as is a request that leaves the work to tools.
    """
    scores = [0.0] * len(FAMILIES)
    for word in _CLUE_WORDS & telling:
        for phrase, at, weight in _CLUES[word]:
            if not phrase or phrase in view.lower:
                scores[at] += weight
    asks = view.lower.rstrip().endswith(("?", "？"))
    _weigh_shape(scores, view, telling, signs, asks)
    if json_asked:
        scores[_STRUCTURED] += 2.0
    if view.digits and not signs.choices and (asks or scores[_REASONING] > 0.0):
        _weigh_numbers(scores, view.words)
    best = max(scores)
    if best >= 1.0:
        return FAMILIES[scores.index(best)]
    personal = multi_turn or not _FIRST_PERSON.isdisjoint(telling)
    return "chat" if personal and not has_tools else "other"


def _weigh_shape(scores: list[float], view: View, telling: Set[bytes], signs: Signs, asks: bool) -> None:
    words = view.words
    # An order comes first: "Summarize the function below" is no code, "Translate: who are you?" no question.
    for word in words[:3]:
        for at, weight in _KEYWORDS.get(word, ()):
            if weight >= 3.0:
                scores[at] += 2.0
    if signs.code:
        scores[_CODE] += 4.0
    if signs.math:
        scores[_REASONING] += 1.0 if signs.choices else 2.5
    if signs.choices:
        scores[_QUESTION] += 3.5
    leads = bool(words) and words[0] in _QUESTIONS
    mentions = leads or not _QUESTIONS.isdisjoint(telling)
    scores[_QUESTION] += 1.2 * asks + 1.0 * mentions + 0.5 * leads
    if not _GREETINGS.isdisjoint(words[:2]):
        scores[_CHAT] += 3.0


def _weigh_numbers(scores: list[float], words: list[bytes]) -> None:
    """Numbers point at reasoning; they are counted only where that can make a difference."""
    reasoning, scores[_REASONING] = scores[_REASONING], 0.0
    rival = max(1.0, *scores)
    if rival - 0.4 * 5 < reasoning <= rival:
        reasoning += 0.4 * min(4, sum(map(bytes.isdigit, words)))
    scores[_REASONING] = reasoning
