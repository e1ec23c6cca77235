"""Rules of the refusal signal: refusals are found in many languages, answers that sound alike are not."""

from __future__ import annotations

import pytest

from gateway.core.signals.refusal import refusal

REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, but I can’t help with that.",
    "As an AI language model, I cannot provide medical advice.",
    "Unfortunately, I'm unable to help with this.",
    "I apologize, but I won't create that content.",
    "I must respectfully decline to answer.",
    "**I can't help with that.**",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "Je ne suis pas en mesure de répondre à cette question.",
    "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
    "Ich kann diese Anfrage leider nicht beantworten.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Desculpe, mas não posso ajudar com isso.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Het spijt me, maar ik kan je hier niet mee helpen.",
    "Przykro mi, ale nie mogę pomóc w tej sprawie.",
    "Tyvärr, jag kan inte hjälpa till med det.",
    "Üzgünüm, ancak bu konuda yardımcı olamam.",
    "Извините, но я не могу помочь с этим запросом.",
    "Вибачте, але я не можу допомогти з цим.",
    "Xin lỗi, tôi không thể giúp bạn với yêu cầu này.",
    "Maaf, saya tidak dapat membantu dengan permintaan itu.",
    "عذراً، لا أستطيع مساعدتك في هذا الطلب.",
    "متأسفم، نمی‌توانم در این مورد کمک کنم.",
    "क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।",
    "很抱歉，我无法提供这方面的帮助。",
    "對不起，我無法協助這個要求。",
    "申し訳ありませんが、そのご要望にはお応えできません。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
]
ANSWERS = [
    "I can't help but admire the structure of this code.",
    "You can't assign to a tuple in Python.",
    "The function cannot return None.",
    "\"I'm sorry, I can't help you,\" she said.",
    "Here is the email:\n\nI'm sorry, but I can't provide a refund.",
    "Sorry to hear that! Try restarting.",
    '{"reply": "I cannot help with that"}',
    "A triangle cannot have two right angles.",
    "The team was unable to provide an estimate, the report says.",
    "Une fonction ne peut pas renvoyer deux types.",
    "Das geht nicht, weil die Datei fehlt.",
    "这个函数不能返回空值。",
    "このファイルは削除できません。原因は権限です。",
    "이 함수는 값을 반환할 수 없습니다.",
    "Пользователь не может войти, потому что пароль неверен.",
    "42",
]


OPENINGS = ["", "Well — ", "“Hm”… ", "Привет! ", "好的。", "¡Hola! ", "# ", "> **"]


@pytest.mark.parametrize("opening", OPENINGS[:2] + OPENINGS[-2:])
@pytest.mark.parametrize("text", REFUSALS)
def test_signs_before_a_refusal_do_not_hide_it(opening: str, text: str) -> None:
    """What is not ASCII before it changes neither an ASCII refusal nor another."""
    assert refusal(opening + text) == 0.0


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("text", ANSWERS)
def test_signs_before_an_answer_make_it_no_refusal(opening: str, text: str) -> None:
    """Neither quotation marks nor another language."""
    assert refusal(opening + text) == 1.0


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_found(text: str) -> None:
    """Declining in the opening words is worth 0, in any of eighteen languages."""
    assert refusal(text) == 0.0


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_not_taken_for_a_refusal(text: str) -> None:
    """What cannot be done by others, quoted refusals and drafted ones are answers."""
    assert refusal(text) == 1.0


def test_a_long_text_that_opens_like_a_refusal_is_half_an_answer() -> None:
    """Over 600 characters it usually helps in another way."""
    assert refusal("I can't help with the lock, but " + "here is what you can do. " * 40) == 0.5


def test_only_the_opening_counts() -> None:
    """A refusal says so at once; the same words later are part of an answer."""
    assert refusal("Water boils at 100 degrees. " * 10 + "\nI can't help with that.") == 1.0


def test_the_provider_may_say_it_itself() -> None:
    """OpenAI's refusal field and a content filter are refusals whatever the text is."""
    assert refusal("", said="I won't do that.") == 0.0
    assert refusal("Sure, first", filtered=True) == 0.0
    assert refusal("Sure.", said="  ") == 1.0
    assert refusal("") is None
