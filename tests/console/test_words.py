"""Both languages say the same things, and templates say nothing that neither has."""

import re
import string
from pathlib import Path

import pytest

from countersign_console import formats, words

CONSOLE = Path(words.__file__).parent
PAGES = sorted(path.stem for path in (words.FOLDER / "en").glob("*.toml"))
CODE = [*CONSOLE.rglob("*.py"), *(CONSOLE / "templates").glob("*.html")]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_there_are_two_catalogues_of_the_same_pages() -> None:
    assert sorted(path.stem for path in (words.FOLDER / "zh").glob("*.toml")) == PAGES
    assert len(PAGES) >= 5


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_keys_and_places(page: str) -> None:
    english, chinese = words.catalogue("en", page), words.catalogue("zh", page)

    assert english.keys() == chinese.keys()
    assert {key: places(text) for key, text in english.items()} == {key: places(text) for key, text in chinese.items()}
    assert all(english.values())
    assert all(chinese.values())


@pytest.mark.parametrize("page", PAGES)
def test_chinese_is_chinese(page: str) -> None:
    same = {"base.product", "order.channel.webhook"}

    for key, text in words.catalogue("zh", page).items():
        assert key in same or re.search(r"[\u4e00-\u9fff]", text), key


def test_every_key_that_is_named_in_full_exists() -> None:
    known = {key for page in PAGES for key in words.catalogue("en", page)}
    named = set()
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"""(?:\bt|\.text|_sorry)\([^"'()]*["'](\w+(?:\.\w+)+)["'][,)]""", text))
        named |= set(re.findall(r"""["'](base\.problem\.\w+)["']""", text))

    assert len(named) > 60
    assert named - known == set()


def test_every_key_is_used() -> None:
    everything = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    unused = []
    for page in PAGES:
        for key in words.catalogue("en", page):
            stems = [key, *(f"{key[: match.end()]}" for match in re.finditer(r"\.", key))]
            if not any(
                f"'{one}'" in everything or f'"{one}"' in everything
                for one in stems
                if one.count(".") > 1 or one == key
            ):
                unused.append(key)

    # `t('today.' ~ word)` and the tables of `done(code, table)` name the rest of a key by a variable.
    assert [
        key for key in unused if not re.match(r"today\.|\w+\.done\.|base\.(ago|nobody)\.|order\.decision\.", key)
    ] == []


@pytest.mark.parametrize(
    ("header", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-US,en;q=0.9,zh;q=0.1", "en"), ("de,zh", "zh"), ("", "en"), ("fr", "en")],
)
def test_a_browser_gets_the_language_that_it_likes(header: str, language: str) -> None:
    assert words.accepted(header) == language


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (8800, "CNY", "¥88.00"),
        (1, "CNY", "¥0.01"),
        (123456789, "USD", "$1,234,567.89"),
        (500, "JPY", "JPY 500"),
        (1500, "KWD", "KWD 1.500"),
    ],
)
def test_money_is_whole_minor_units_with_its_sign(minor: int, currency: str, shown: str) -> None:
    assert formats.money({"minor": minor, "currency": currency}) == shown


def test_no_money_is_no_zero() -> None:
    assert formats.money(None) == "—"
    assert formats.money({"minor": 3000, "currency": "CNY"}, minus=True) == "−¥30.00"
    assert formats.money({"minor": 0, "currency": "CNY"}, minus=True) == "¥0.00"


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("30", 3000),
        ("30.00", 3000),
        ("¥30.5", 3050),
        ("1,234.50", 123450),
        ("1，234", 123400),
        ("007", 700),
        ("0.01", 1),
        ("30.", 3000),
    ],
)
def test_amounts_are_read_as_people_type_them(typed: str, minor: int) -> None:
    assert formats.typed(typed, "CNY") == {"minor": minor, "currency": "CNY"}


@pytest.mark.parametrize("typed", ["", "thirty", "-1", "1.234", "1e3", "٣", "1.2.3"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    from countersign.errors import MalformedError

    with pytest.raises(MalformedError):
        formats.typed(typed, "CNY")


def test_a_time_has_its_day_where_it_is_not_today() -> None:
    now = 1_796_001_700  # 2026-11-30 in Beijing

    assert formats.at("2026-11-30T01:00:00Z", "Asia/Shanghai", now) == "09:00"
    assert formats.at("2026-11-28T17:00:01Z", "Asia/Shanghai", now, seconds=True) == "11-29 01:00:01"
    assert formats.at("2025-01-02T00:00:00Z", "UTC", now) == "2025-01-02 00:00"
    assert formats.at(None, "UTC", now) == "—"
    assert formats.at("2026-11-30T01:00:00Z", "Nowhere/City", now) == "09:00"
