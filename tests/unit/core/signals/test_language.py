"""Rules of the language signal: the answer speaks the hinted language, or else the prompt's."""

from __future__ import annotations

import pytest

from gateway.core.signals.language import guess, language, named
from gateway.core.values import Hints
from tests.builders import make_request

SAMPLES = {
    "en": "The water cycle describes how water rises from the surface of the earth into the air.",
    "fr": "Le cycle de l'eau décrit comment l'eau s'évapore de la surface de la terre et retombe en pluie.",
    "de": "Der Wasserkreislauf beschreibt, wie das Wasser von der Erde verdunstet und als Regen auf sie fällt.",
    "es": "El ciclo del agua describe cómo el agua se evapora de la tierra y cae en forma de lluvia.",
    "pt": "O ciclo da água descreve como a água evapora da superfície. Você pode ver isso, mas não é sempre igual.",
    "it": "Il ciclo dell'acqua descrive come l'acqua evapora dalla superficie della terra e cade come pioggia.",
    "nl": "De waterkringloop beschrijft hoe het water van het oppervlak verdampt en als regen weer op de aarde valt.",
    "sv": "Vattnets kretslopp beskriver hur vattnet avdunstar. Det är en process som inte har någon början.",
    "pl": "Obieg wody opisuje, jak woda paruje i spada na ziemię. To jest proces, który nie ma końca, ale się zmienia.",
    "tr": "Su döngüsü, suyun nasıl buharlaştığını anlatır. Bu çok önemli bir süreç ve herkes için gerekli.",
    "id": "Siklus air menggambarkan bagaimana air menguap dari permukaan bumi dan jatuh sebagai hujan di laut.",
    "vi": "Vòng tuần hoàn của nước mô tả cách nước bốc hơi và rơi xuống như mưa. Đây là một quá trình.",
    "ru": "Круговорот воды описывает, как вода испаряется с поверхности земли.",
    "uk": "Кругообіг води описує, як вода випаровується з поверхні землі.",
    "el": "Ο κύκλος του νερού περιγράφει πώς το νερό εξατμίζεται.",
    "he": "מחזור המים מתאר כיצד מים מתאדים",
    "ar": "تصف دورة المياه كيف تتبخر المياه من سطح الأرض",
    "fa": "چرخه آب توضیح می‌دهد که چگونه آب از سطح زمین تبخیر می‌شود",
    "hi": "जल चक्र बताता है कि पानी कैसे वाष्पित होता है",
    "th": "วัฏจักรของน้ำอธิบายว่าน้ำระเหยอย่างไร",
    "zh": "水循环描述了水如何从地表蒸发并以雨的形式落下。",
    "ja": "水循環は、水がどのように地表から蒸発し、雨として再び降るかを説明します。",
    "ko": "물의 순환은 물이 어떻게 증발하고 비로 다시 내리는지를 설명합니다.",
}
NEITHER = [
    "",
    "42",
    "Paris",
    "def f(x):\n    return [i for i in x if i is not None and i in y]",
    "SELECT a FROM b WHERE c IN (1, 2) AND d = 3 ORDER BY e",
    '{"name": "x", "id": 3}',
    "||||---",
    "https://example.org/a/b?c=d&e=f",
    "😀😀😀 ∑∫ →",
]


@pytest.mark.parametrize("code", ["en", "fr", "de", "es", "pl", "tr", "vi"])
@pytest.mark.parametrize("signs", ["“{}”", "— {} …", "„{}“", "•\u00a0{}", "😀{}😀", "{} ½ ²", "（{}）", "\ud800 {}"])
def test_signs_that_are_no_letters_say_nothing(code: str, signs: str) -> None:
    """Quotation marks, dashes, emoji and half a surrogate pair touch words without becoming part of them."""
    assert guess(signs.format(SAMPLES[code])) == code
    assert guess(" ".join(signs.format(word) for word in SAMPLES[code].split())) in (code, None)


def test_few_letters_among_signs_have_no_language() -> None:
    """Six letters are the least that a script is told by where there is more than ASCII."""
    assert guess("“of to”") is None
    assert guess("“of to be the”") == "en"


@pytest.mark.parametrize(
    ("foreign", "code"), [("水循环描述了水", "en"), ("水循环描述了水如何从地表蒸发并以雨的形式落下的" * 3, "zh")]
)
def test_the_script_of_most_letters_counts(foreign: str, code: str) -> None:
    """One ideograph weighs three letters; what leads by far decides."""
    assert guess(SAMPLES["en"] + foreign) == code


def asked(prompt: object, answer: str, hints: Hints | None = None, system: str | None = None) -> float | None:
    messages: list[dict[str, object]] = [] if system is None else [{"role": "system", "content": system}]
    messages.append({"role": "user", "content": prompt})
    return language(make_request(messages=messages, hints=hints or Hints()), answer)


@pytest.mark.parametrize(("code", "text"), SAMPLES.items())
def test_a_sentence_gives_its_language_away(code: str, text: str) -> None:
    """Script first, frequent words where a script has many languages."""
    assert guess(text) == code


@pytest.mark.parametrize("text", NEITHER)
def test_code_numbers_and_single_words_have_no_language(text: str) -> None:
    """A wrong guess would punish a right answer, so too little evidence gives none."""
    assert guess(text) is None


@pytest.mark.parametrize("code", SAMPLES)
def test_the_prompts_language_is_expected(code: str) -> None:
    """1 in the same language, 0 in another."""
    other = "fr" if code != "fr" else "de"
    assert asked(SAMPLES[code], SAMPLES[code]) == 1.0
    assert asked(SAMPLES[code], SAMPLES[other]) == 0.0


@pytest.mark.parametrize("answer", NEITHER)
def test_an_answer_without_a_language_is_not_judged(answer: str) -> None:
    """Code in answer to a French question is no mistake."""
    assert asked(SAMPLES["fr"], answer) is None


def test_code_blocks_are_not_prose() -> None:
    """Words inside fences say nothing of the answer's language."""
    code = "```python\n# the loop that they have to be by the way\nx = 1\n```\n"
    assert asked(SAMPLES["de"], code + SAMPLES["de"]) == 1.0
    assert asked(SAMPLES["de"], code) is None


@pytest.mark.parametrize(
    ("hint", "code"),
    [
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("pt_BR", "pt"),
        ("German", "de"),
        (" deutsch ", "de"),
        ("python", None),
        ("", None),
        (None, None),
    ],
)
def test_a_hint_may_be_a_code_or_a_name(hint: str | None, code: str | None) -> None:
    """ISO codes with or without region, names; a programming language is none."""
    assert named(hint) == code


def test_a_hint_wins_over_the_prompt() -> None:
    """The client knows what it wants; a hint that names no spoken language leaves it to the prompt."""
    assert asked(SAMPLES["en"], SAMPLES["fr"], Hints(language="fr")) == 1.0
    assert asked(SAMPLES["en"], SAMPLES["en"], Hints(language="fr")) == 0.0
    assert asked(SAMPLES["en"], SAMPLES["fr"], Hints(language="python")) == 0.0


@pytest.mark.parametrize(
    "prompt",
    [
        "Translate this into French please: " + SAMPLES["en"],
        SAMPLES["en"] + " Answer in German.",
        "Bitte auf Englisch: " + SAMPLES["de"],
        SAMPLES["zh"] + "请翻译成英文",
    ],
)
def test_a_prompt_that_names_a_language_leaves_the_choice_open(prompt: str) -> None:
    """Which language is right is then the model's business: another one is no mistake."""
    assert asked(prompt, SAMPLES["it"]) is None


def test_other_reasons_to_change_the_language_are_no_mistakes() -> None:
    """A translation task, a standing order, or an order in one language about a long text in another."""
    assert asked(SAMPLES["en"], SAMPLES["fr"], Hints(task_type="translation")) is None
    assert asked(SAMPLES["en"], SAMPLES["fr"], system="You always answer in French.") is None
    assert asked(SAMPLES["en"] + " Summarise:\n" + SAMPLES["fr"] * 5, SAMPLES["fr"]) is None


def test_a_prompt_in_parts_is_read() -> None:
    """Text parts count, whatever stands between them."""
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    assert asked([{"type": "text", "text": SAMPLES["de"]}, image, 3, {"text": None}], SAMPLES["en"]) == 0.0
    assert asked(None, SAMPLES["en"]) is None
