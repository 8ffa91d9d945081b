"""What the console says, in the reader's language: one file a page and language, with the same keys and places in each.

`words/en/orders.toml` holds `orders.…`. What an order, a refusal or a bill says comes from the API in that language.
"""

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
FOLDER = Path(__file__).parent / "words"


@cache
def catalogue(language: str, page: str) -> dict[str, str]:
    """Return a page's sentences by their keys, of which `.` joins the levels."""
    with (FOLDER / language / f"{page}.toml").open("rb") as file:
        return dict(_flat(tomllib.load(file), f"{page}."))


def _flat(table: dict[str, object], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, str(value))]
    return found


def knows(language: str, key: str) -> bool:
    """Tell whether there is a sentence for a key, where a code of the API may be newer than the console."""
    return key in catalogue(language, key.partition(".")[0])


def text(language: str, key: str, **places: object) -> str:
    """Return a sentence; a key that there is not is a mistake of ours, and KeyError."""
    sentence = catalogue(language, key.partition(".")[0])[key]
    return sentence.format(**places) if places else sentence


def accepted(header: str) -> str:
    """Return the language that a browser likes better; English where it names Chinese nowhere."""
    for one in header.split(",")[:20]:
        language = one.strip().lower().partition(";")[0].partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
