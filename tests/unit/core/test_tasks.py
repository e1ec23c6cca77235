"""Task families: hinted words, and what the text alone gives away."""

from __future__ import annotations

import pytest

from gateway.core.tasks import FAMILIES, family_of, infer_task, task_word

CORPUS: dict[str, tuple[str, ...]] = {
    "code": (
        "Write a Python function that returns the n-th Fibonacci number.",
        "Why does this throw a NullPointerException?\n```java\nString s = null; s.length();\n```",
        "Schreibe eine Funktion in JavaScript, die ein Array umdreht.",
        "Écris une requête SQL qui liste les clients sans commande.",
        "Refactor this class so that it no longer needs a global variable.",
        "Escribe un script de bash que borre los archivos de más de 30 días.",
        "Fix the off-by-one bug in my loop: for (int i = 0; i <= n; i++) {",
        "How do I sort a dictionary by value in python?",
        "Kannst du diesen SQL-Befehl optimieren?",
        "Add type hints to this method and a docstring",
        "Convert this recursive implementation to an iterative one: function f(n) { return n ? f(n-1) : 0; }",
        "My React component re-renders too often, how can I memoize it in TypeScript?",
        "Explique-moi cette erreur Python : IndexError: list index out of range",
        "Write unit tests for the parser module",
    ),
    "question_answering": (
        "What is the capital of Australia?",
        "Who wrote The Magic Mountain, and when was it published?",
        "Warum ist der Himmel blau?",
        "Quelle est la différence entre un virus et une bactérie ?",
        "¿Cuándo terminó la Segunda Guerra Mundial?",
        "Which planet has the most moons?\n(A) Mars\n(B) Venus\n(C) Saturn\n(D) Earth",
        "Explain how vaccines work to a ten-year-old.",
        "Tell me about the French Revolution.",
        "Is it safe to eat raw eggs?",
        "Welche Nebenwirkungen hat Ibuprofen?",
        "Qui a peint la Joconde ?",
        "Who won the 1998 World Cup?",
        "What does photosynthesis produce?",
        "Wie heißt der längste Fluss Afrikas?",
        "¿Por qué los gatos ronronean?",
        "How does a heat pump work?",
    ),
    "extraction": (
        "Extract all email addresses from the following text: Contact ann@x.org or bob@y.org.",
        "List all people mentioned in this text: Yesterday Angela met Tom and Priya in Rome.",
        "Extrahiere das Rechnungsdatum aus diesem Schreiben: Rechnung vom 3. Mai, fällig am 17. Mai.",
        "Extrais les noms des entreprises citées : Renault et Airbus ont signé un accord.",
        "Extrae el número de pedido de este mensaje: Hola, mi pedido A-2231 no llegó.",
        "Pull the dates and amounts out of this invoice: Invoice 12 March, total 450 EUR",
        "Welche Personen werden im folgenden Text genannt? Extrahiere die Namen.",
        "Identify the medications named in the note: patient takes aspirin and metformin",
        "From the contract below, extract the parties and the notice period.",
        "Find all phone numbers in the message: call 555-1234 or 555-9876",
        "Estrai i nomi delle città dal testo: Roma, Milano e Parigi sono belle.",
    ),
    "classification": (
        "Classify this review as positive or negative: The battery died after a day.",
        "Is this message spam? Answer spam or ham: You won a prize, click here",
        "Klassifiziere die Stimmung dieses Kommentars: Das Essen war kalt und der Service langsam.",
        "Classe ce ticket dans une catégorie : facturation, livraison ou compte. Je n'ai pas reçu mon colis.",
        "Clasifica esta noticia como deportes, política o economía: El banco central sube los tipos.",
        "Determine whether the tweet is sarcastic, neutral or sincere: great, another monday",
        "Ordne das Ticket einer Kategorie zu: Rechnung, Versand, Technik.",
        "What is the sentiment of: 'I would not recommend this hotel'",
        "Label each of these comments as toxic or harmless.",
        "Categorize the expense: taxi from the airport, 34 euros",
        "¿Qué categoría tiene este correo: urgente, normal o publicidad?",
    ),
    "summarization": (
        "Summarize the meeting notes below in three bullet points: We discussed the budget and the new office.",
        "TL;DR of this article please: The city council voted on Tuesday to close the old bridge for repairs.",
        "Fasse den folgenden Bericht in zwei Sätzen zusammen: Der Umsatz stieg im dritten Quartal.",
        "Résume ce texte en une phrase : La réunion a porté sur le budget de l'année prochaine.",
        "Haz un resumen de este informe: Las ventas crecieron en todas las regiones.",
        "Give me a brief summary of the text below. The committee met...",
        "Was sind die wichtigsten Punkte dieses Artikels? Fasse sie zusammen.",
        "Condense this to 50 words: Researchers at the institute...",
        "Summarise the following email thread for my manager.",
        "What are the key points of this report?",
        "Riassumi il seguente articolo in tre frasi.",
    ),
    "translation": (
        "Translate into French: Where is the train station?",
        "Übersetze den folgenden Satz ins Englische: Der Zug hat Verspätung.",
        "Traduis en anglais : Je voudrais réserver une table pour deux personnes.",
        "Traduce al alemán: ¿Dónde está la biblioteca?",
        "请把这句话翻译成英文:今天天气很好。",
        "How do you say 'good morning' in Japanese? Translate it.",
        "Put this into Spanish: the meeting is moved to Friday",
        "Traduzca el texto al inglés: hace mucho frío",
        "Translate the paragraph to Portuguese, keeping the tone formal.",
        "Was heißt 'umbrella' auf Spanisch? Bitte übersetzen.",
        "Переведи на английский: доброе утро",
    ),
    "reasoning": (
        "A train travels 60 km in 45 minutes. How many km does it travel in 3 hours?",
        "Solve the equation 3x + 7 = 22 and explain each step.",
        "Prove that the square root of 2 is irrational.",
        "Anna hat 12 Äpfel und gibt 5 weg. Wie viele Äpfel hat sie noch?",
        "Calcule l'aire d'un triangle de base 8 et de hauteur 5.",
        "Resuelve paso a paso: si 4 obreros tardan 6 días, ¿cuántos días tardan 8?",
        "All bloops are razzies and all razzies are lazzies. Are all bloops lazzies? Think step by step.",
        "If 5 machines make 5 widgets in 5 minutes, how long do 100 machines need for 100 widgets?",
        "What is 17 * 23 - 4?",
        "Find the derivative of x^3 + 2x",
        "Berechne die Summe der ersten 50 ungeraden Zahlen.",
        "Combien de minutes y a-t-il dans 3,5 heures ?",
        "A shop sells pens at 3 for $2. What do 15 pens cost?",
        "What is the probability of rolling two sixes in a row?",
        "Löse die Gleichung x^2 - 5x + 6 = 0",
        "Tom is twice as old as Ann. In ten years the sum of their ages will be 50. How old is Tom?",
    ),
    "creative": (
        "Write a haiku about autumn rain.",
        "Write a short story about a lighthouse keeper who befriends a whale.",
        "Schreibe ein Gedicht über den Herbst.",
        "Écris une histoire pour enfants sur un dragon timide.",
        "Escribe un poema sobre el mar.",
        "Draft a friendly email inviting colleagues to a picnic.",
        "Come up with five names for a coffee shop",
        "Write a toast for my sister's wedding",
        "Raconte-moi une histoire drôle",
        "Verfasse eine Produktbeschreibung für eine Lampe",
        "Write song lyrics about a summer road trip",
        "Suggest a catchy slogan for a bakery",
        "Écris un poème d'amour",
        "Tell a joke about penguins",
    ),
    "chat": (
        "Hi there! How are you today?",
        "Hallo, wie geht es dir?",
        "I had a rough day at work and just want to talk.",
        "Merci beaucoup, tu m'as bien aidé !",
        "good morning! what's up?",
        "thanks, that was helpful",
        "Hola, ¿qué tal?",
        "I'm bored, entertain me",
        "hey, how was your weekend?",
        "I feel lonely lately",
        "Danke dir, bis morgen!",
    ),
    "structured_output": (
        "Return a JSON object with the keys name and age for: Maria is 34 years old.",
        "Convert this note to valid JSON: milk 2, eggs 12.",
        "Give me the result as JSON with fields title, year",
        "Output a JSON array of the ingredients",
        'Respond only with JSON: {"city": ..., "country": ...} for Paris',
        "Turn this table into a YAML list",
    ),
    "other": ("hurdle, wall, tomato, market, cymbal",),
}


def test_finds_the_family_of_most_prompts() -> None:
    """At least 85 % of a small corpus in several languages, and more than half of each family."""
    right = {family: [infer_task(text) == family for text in texts] for family, texts in CORPUS.items()}
    flat = [hit for hits in right.values() for hit in hits]
    assert sum(flat) / len(flat) >= 0.85
    assert all(sum(hits) / len(hits) > 0.5 for hits in right.values())


@pytest.mark.parametrize("family", sorted(CORPUS))
def test_long_texts_are_judged_by_their_ends(family: str) -> None:
    """An instruction before or after a long document counts as it does alone, at least for one of the two places."""
    text, filler = CORPUS[family][0], "lorem ipsum dolor sit amet " * 8_000
    assert family in {infer_task(f"{text}\n{filler}"), infer_task(f"{filler}\n{text}")}


def test_every_guess_is_a_family() -> None:
    """Nothing outside the list comes out, whatever goes in."""
    for text in ("", " ", "\ud800", "\x00", "?", "x" * 100_000, "𝔘𝔫𝔦", "\n" * 5_000, "1 + 1"):
        assert infer_task(text) in FAMILIES


def test_signs_beside_the_text_count() -> None:
    """A JSON response format, a dialogue and tools each change the guess where words say nothing."""
    bare = "hurdle, wall, tomato"
    assert infer_task(bare) == "other"
    assert infer_task(bare, json_asked=True) == "structured_output"
    assert infer_task(bare, multi_turn=True) == "chat"
    assert infer_task(bare, multi_turn=True, has_tools=True) == "other"


@pytest.mark.parametrize(
    ("hint", "word"),
    [
        ("Code Generation", "code_generation"),
        ("question-answering", "question_answering"),
        ("  QA ", "qa"),
        ("ticket/triage", "ticket_triage"),
        ("", None),
        (" _-", None),
        (None, None),
        (7, None),
        ("x" * 100, "x" * 64),
    ],
)
def test_hints_become_one_word(hint: object, word: str | None) -> None:
    """Spelling does not matter, length is bounded, and an empty hint is none."""
    assert task_word(hint) == word


@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("code_generation", "code"),
        ("generation", "creative"),
        ("math", "reasoning"),
        ("maths", "reasoning"),
        ("qa", "question_answering"),
        ("question_answering", "question_answering"),
        ("json", "structured_output"),
        ("summarize", "summarization"),
        *((family, family) for family in FAMILIES),
    ],
)
def test_known_words_stand_for_their_family(word: str, family: str) -> None:
    """An alias means its family and nothing more."""
    assert family_of(word) == (family, True)


def test_other_words_keep_a_meaning_of_their_own() -> None:
    """A compound leans on a family but is not it; an unheard word has none."""
    assert family_of("email_extraction") == ("extraction", False)
    assert family_of("horoscope") == (None, False)
