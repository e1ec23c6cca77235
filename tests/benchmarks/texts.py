"""The material of requests and replies: sentences in three languages, pieces of code, records."""

from __future__ import annotations

TOPICS = (
    *(
        "a lighthouse",
        "tidal power",
        "sourdough bread",
        "the history of printing",
        "migrating birds",
        "public libraries",
    ),
    *("bridge inspections", "urban gardens", "paper recycling", "night trains", "glacier measurements", "beekeeping"),
    *("coffee roasting", "railway signalling", "stained glass", "coral reefs", "weather balloons", "clock making"),
)

SENTENCES = (
    "The first thing to look at is the purpose, because most of the later choices follow from it.",
    "In practice the answer depends on the season, the budget and the people who will look after it.",
    "A careful survey at the beginning usually costs less than a single repair at the end.",
    "Records from the last century show a slow change that nobody noticed at the time.",
    "Small teams tend to agree quickly, whereas large ones need a written plan and a fixed date.",
    "Water finds every weakness, so the joints deserve more attention than the surfaces.",
    "Visitors often ask about the cost, but the running expenses matter more than the purchase.",
    "There are two schools of thought, and both of them have good evidence on their side.",
    "When the temperature drops below zero the material contracts and the measurements drift.",
    "It helps to compare three or four examples before settling on a general rule.",
    "The older method is slower, yet it is easier to explain and easier to check.",
    "Several towns have tried it, with results that range from modest to remarkable.",
    "An early report counted 412 cases in nine districts, of which 57 were confirmed.",
    "Because the supply is uncertain, a reserve of about ten percent is generally advised.",
    "Good lighting changes how a place is used far more than new furniture does.",
    "The second step is to write down what is known and to mark what is only assumed.",
    "Local volunteers keep most of the equipment running, and they train each other.",
    "If the numbers disagree, the instruments should be calibrated before anything is rebuilt.",
    "Noise, light and traffic all play a part, although their effects are hard to separate.",
    "A simple table with dates, places and amounts answers most of the questions that follow.",
    "The committee met four times and recommended a trial period of eighteen months.",
    "Much of the energy is lost during storage, so shorter routes are preferred where possible.",
    "Teachers reported that pupils remembered the experiment long after the lecture was forgotten.",
    "Nobody expected the repair to last, but it has now been in place for thirty years.",
    "What looks like a technical question is often a question of responsibility.",
    "The price fell by a third within five years and has been stable since then.",
    "Maps from that period are unreliable, especially along the coast and near the border.",
    "With a little patience the same result can be reached without any special tools.",
    "For a household of four the difference amounts to roughly 120 units a year.",
    "Regular maintenance is dull work, and it is the reason why the system still exists.",
    "Some critics point out that the benefits are unevenly shared between the regions.",
    "The final section lists the open points, together with the names of those who follow them up.",
)

GERMAN = (
    "Die Brücke wurde im vergangenen Jahr gründlich geprüft, weil sich an zwei Pfeilern feine Risse gezeigt hatten.",
    "Der Bericht nennt drei mögliche Ursachen, von denen nur eine durch Messungen bestätigt ist.",
    "Für die Anwohner bedeutet das, dass der Verkehr bis zum Herbst umgeleitet wird.",
    "Ein Teil der Kosten wird vom Land übernommen, der Rest muss aus dem Haushalt der Stadt kommen.",
    "Wenn das Wetter mitspielt, können die Arbeiten schon im September abgeschlossen werden.",
    "Die Bibliothek bleibt an Werktagen geöffnet, nur der Lesesaal ist vorübergehend geschlossen.",
    "Viele Besucher fragen nach den alten Karten, die nach dem Umbau wieder gezeigt werden sollen.",
    "Am Ende entscheidet der Ausschuss, ob der Versuch um ein weiteres Jahr verlängert wird.",
)

FRENCH = (
    "Le phare se trouve à l'extrémité de la presqu'île, et on y accède par un sentier étroit.",
    "Les mesures effectuées au printemps montrent une baisse légère mais régulière du niveau de l'eau.",
    "Pour les habitants, la question principale est de savoir qui paiera l'entretien du bâtiment.",
    "Une première étude avait été publiée il y a dix ans, sans que ses conseils soient suivis.",
    "Les bénévoles de l'association accueillent chaque été plusieurs milliers de visiteurs.",
    "Il faut aussi tenir compte du vent, qui rend les travaux difficiles pendant une partie de l'année.",
    "La commune a choisi une solution simple, moins coûteuse que celle qui était prévue au départ.",
    "À la fin de la saison, le conseil se réunira pour décider de la suite du projet.",
)

CODE = (
    "def merge(left: list[int], right: list[int]) -> list[int]:\n    merged = []\n    while left and right:\n"
    "        source = left if left[0] <= right[0] else right\n        merged.append(source.pop(0))\n"
    "    return merged + left + right\n",
    "class Ledger:\n    def __init__(self) -> None:\n        self.entries: dict[str, float] = {}\n\n"
    "    def book(self, account: str, amount: float) -> None:\n"
    "        self.entries[account] = self.entries.get(account, 0.0) + amount\n",
    "SELECT c.name, COUNT(o.id) AS orders, SUM(o.total) AS spent\nFROM customers c\nLEFT JOIN orders o "
    "ON o.customer_id = c.id\nWHERE o.created_at >= '2024-01-01'\nGROUP BY c.name\nHAVING COUNT(o.id) > 3;\n",
    "function debounce(run, waitMs) {\n  let timer = null;\n  return (...given) => {\n    clearTimeout(timer);\n"
    "    timer = setTimeout(() => run(...given), waitMs);\n  };\n}\n",
    "async def fetch_all(urls: list[str]) -> list[bytes]:\n    async with Session() as session:\n"
    "        return [await session.read(url) for url in urls]  # one after the other\n",
    "fn longest<'a>(words: &'a [String]) -> Option<&'a String> {\n    words.iter().max_by_key(|word| word.len())\n}\n",
)

RECORDS = (
    '{"order": 48213, "customer": "Nadia Brandt", "items": [{"sku": "A-17", "count": 3}], "total": 59.70}',
    '{"order": 48214, "customer": "Tom Okafor", "items": [{"sku": "C-02", "count": 1}], "total": 12.49}',
    "2024-03-18 07:41:09 WARN  pump-4 pressure 2.1 bar below the limit of 2.4 bar, valve opened",
    "2024-03-18 07:44:52 INFO  pump-4 pressure 2.6 bar, valve closed after 223 seconds",
    "Invoice 2291, 14 May: 6 hours of repair at 48.00, one gasket at 7.35, travel 19.00, sum 314.35 before tax.",
    "Meeting on Thursday at 10:30 in room 204 with Ms Lindqvist (roads) and Mr Adeyemi (finance); bring the plans.",
)

INSTRUCTIONS = {
    "question": "Why does {topic} matter to a town of this size, and what should be decided first? Explain briefly.",
    "code": "Find the bug in the following code, explain it, and write a corrected version with a short test.",
    "summary": "Summarize the following report on {topic} in five sentences for a reader who has little time.",
    "extraction": "Extract all names, dates and amounts below and answer with a JSON object, nothing else.",
    "classification": "Classify this note about {topic} as complaint, request or praise; answer with one word.",
    "chat": "Thanks, that helps. And how would you explain {topic} to a ten-year-old?",
    "german": "Fasse den folgenden Text in drei Sätzen zusammen und nenne die offenen Fragen.",
    "french": "Résume le texte suivant en trois phrases et propose un titre court.",
    "translation": "Translate the following text into English, and keep the tone.",
    "reasoning": "Solve step by step: if {number} litres are lost each hour, how much is missing after three days?",
}
"""What each kind of request asks for; {topic} and {number} vary."""

SYSTEM = "You are a helpful assistant of the city administration. Answer accurately and say when you are not sure."
