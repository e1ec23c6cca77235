"""Words that give a language away: its frequent words, its names, and stems that mean one is being asked for."""

from __future__ import annotations

# Frequent words. Left out are single letters and words of programming languages (for, in, is, not, from, as, do,
# where): code would pass for prose.
_FREQUENT = {
    "en": "the of to that it you are was be have on at which they we can will your there their would what how should "
    "but these those been has had who why when does did about into than then them because between please "
    "write explain give using following example also may most other such each many",
    "fr": "le la les des du un une est et que qui dans pour pas sur avec ce cette sont vous nous il elle je ne plus "
    "comme mais ou où au aux par leur ses son sa être avoir fait peut comment pourquoi quel quelle bien aussi c'est "
    "deux très entre donc même",
    "de": "der die das und ist nicht ein eine einen einem einer zu den dem des von mit für auf im sich auch es sie ich "
    "wir er wie was dass werden wird bei aus nach oder sind kann zum zur über haben hat als nur noch aber wenn durch "
    "warum bitte diese dieser mehr sehr",
    "es": "el la los las de que un una es por con para se del al lo como más pero sus su le ya este esta sí "
    "porque qué cuál cómo son entre cuando muy sin sobre también hay fue ser tiene puede me mi desde está todo",
    "pt": "de que em um uma é por com para não se da dos das na nos nas ao mais mas seu sua ou como "
    "você são também quando muito sem sobre há foi ser tem pode qual porque está isso ele ela entre pela pelo",
    "it": "il lo la gli le di che un una è per con non si del della dei delle nel nella al alla da sono come più "
    "ma anche questo questa perché cosa quando molto essere ha può tra suo sua loro ci dal dalla sulla ogni",
    "nl": "de het een van niet dat te op met voor zijn aan er om ook als maar bij door naar je ik wij ze hij "
    "deze dit wat hoe waarom kan worden wordt heeft hebben uit over nog wel dan of meer geen",
    "sv": "och att det som ett på är av för med den till inte om har de jag kan man vi du ska från eller men hur "
    "vad när där var så mycket också vid efter alla detta denna blir finns mellan",
    "pl": "na że się nie to jest jak co ale po przez dla od są być może oraz czy ich tego które który która "
    "tym jego ma tak także lub gdy już bardzo można przy między dlaczego",
    "tr": "ve bir bu da de için ile çok daha olarak gibi ne var olan kadar ama değil mi her veya sonra nasıl neden "
    "olduğu ise şey tarafından arasında göre bunu ben sen",
    "id": "yang dan di ini itu dengan untuk dari dalam pada adalah tidak akan atau juga ke karena oleh bisa dapat saya "
    "anda mereka kami bagaimana apa ada sebagai lebih sudah seperti tersebut antara",
    "vi": "là và của có không được cho một các trong người này với để những khi đến tôi bạn như về từ làm gì thì cũng "
    "đã sẽ nhưng hay nhiều rất vào ra",
}  # fmt: skip


def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code, words in _FREQUENT.items():
        for word in dict.fromkeys(words.split()):
            found.setdefault(word, []).append(code)
    return {word: tuple(codes) for word, codes in found.items()}


LATIN = _by_word()
"""Languages in Latin script by their frequent words, lower case."""

_CALLED = {
    "en": "english englisch anglais inglés", "fr": "french français", "de": "german deutsch", "es": "spanish español",
    "pt": "portuguese português", "it": "italian italiano", "nl": "dutch nederlands", "sv": "swedish svenska",
    "pl": "polish polski", "tr": "turkish türkçe", "id": "indonesian", "vi": "vietnamese", "ru": "russian русский",
    "uk": "ukrainian українська", "el": "greek", "he": "hebrew", "ar": "arabic", "fa": "persian farsi", "hi": "hindi",
    "th": "thai", "zh": "chinese mandarin 中文", "ja": "japanese 日本語", "ko": "korean 한국어",
}  # fmt: skip
NAMES: dict[str, str] = {name: code for code, names in _CALLED.items() for name in (code, *names.split())}
"""ISO 639-1 codes by code and by name, lower case."""

MENTIONS: tuple[str, ...] = (
    "translat", "english", "french", "spanish", "german", "italian", "portugu", "dutch", "swedish", "polish", "turkish",
    "indones", "vietnam", "russia", "ukrain", "greek", "hebrew", "arabic", "persian", "farsi", "hindi", " thai",
    "chinese", "mandarin", "japan", "korea", "anglais", "français", "espagnol", "allemand", "traduc", "tradui", "tradu",
    "deutsch", "englisch", "französisch", "spanisch", "übersetz", "inglés", "español", "francés", "alemán", "inglese",
    "inglês", "francese", "vertaal", "engels", "översätt", "engelska", "angielsk", "przetłumacz", "ingilizce", "çevir",
    "terjemah", "tiếng anh", "dịch ", "русск", "английск", "перевед", "перевод", "англійськ", "переклад",
    "英文", "英语", "英語", "中文", "汉语", "日语", "日本語", "日文", "法语", "翻译", "翻譯", "翻訳", "訳して",
    "영어", "한국어", "일본어", "번역",
    "الإنجليزية", "العربية", "ترجم", "अंग्रेज़ी", "हिंदी", "अनुवाद",
)  # fmt: skip
"""Lower-case stems in a prompt that mean an answer in another language may be wanted."""
