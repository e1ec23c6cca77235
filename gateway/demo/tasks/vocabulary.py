"""The people, firms, places and goods that the demo's prompts talk about."""

from __future__ import annotations

PEOPLE = (
    *("Dana Reyes", "Amir Haddad", "Lena Fischer", "Kofi Mensah", "Priya Nair", "Tomas Novak", "Mei Tanaka"),
    *("Olga Petrova", "Sam Whitaker", "Ines Duarte", "Jonas Berg", "Fatima Zahra", "Hugo Laurent", "Nadia Kaplan"),
    *("Owen Gallagher", "Rosa Medina", "Piotr Zielinski", "Grace Otieno"),
)

FIRMS = (
    *("Northwind", "Bluepeak", "Harborline", "Solvetta", "Kestrel Foods", "Ironbridge", "Lumen Works", "Tidewater"),
    *("Cobalt Labs", "Meadowgate", "Stonefield", "Ardent Motors", "Pinecrest", "Vela Systems", "Orchard Bank"),
)

CITIES = (
    *("Lisbon", "Oslo", "Toronto", "Nairobi", "Osaka", "Vienna", "Denver", "Krakow", "Leeds", "Porto", "Seattle"),
    *("Ghent", "Turin", "Perth", "Lyon", "Bergen"),
)

GOODS = (
    *("desk lamp", "coffee grinder", "backpack", "wireless mouse", "water bottle", "office chair", "rain jacket"),
    *("headset", "keyboard", "travel mug", "bookshelf", "phone case", "toaster", "yoga mat", "monitor stand"),
)


def domain(firm: str) -> str:
    """A mail domain for a firm, under the reserved top-level name `.example`."""
    return firm.lower().replace(" ", "-") + ".example"
