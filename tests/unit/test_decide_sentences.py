"""Reasons are codes with arguments: each that can be made has a sentence with exactly its placeholders."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import countersign
from countersign.api.languages import accepted
from countersign.api.problems import kind_of
from countersign.errors import CountersignError
from countersign.money import Money
from countersign.orders import sentences
from countersign.orders.reasons import MAX_CHARACTERS, Reason, because, cleaned
from countersign.orders.reconcile import DIFFERENCES
from countersign.orders.sentences import (
    LANGUAGES,
    catalogue,
    difference_meaning,
    meaning,
    platform_name,
    said,
    sentence,
)

PACKAGE = Path(countersign.__file__).parent
SOURCES = [*PACKAGE.rglob("*.py"), *(PACKAGE.parents[2] / "functions").rglob("*.py")]
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def catalogues(language: str = "") -> dict[str, str]:
    """Return every sentence: the shared ones and each platform's own."""
    suffix = f"_{language}" if language else ""
    found = dict(import_module(f"countersign.orders.sentences{suffix}").SENTENCES)
    for path in sorted((PACKAGE / "platforms").glob(f"*/sentences{suffix}.py")):
        own = import_module(f"countersign.platforms.{path.parent.name}.sentences{suffix}").SENTENCES
        assert all(code.startswith(f"{path.parent.name}.") for code in own)
        found |= own
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def made() -> tuple[tuple[str, frozenset[str], str], ...]:
    """Return every code that the sources make, the names of its arguments, and where."""
    return tuple(_made())


def _made() -> Iterator[tuple[str, frozenset[str], str]]:
    for path in SOURCES:
        tree = parsed(path)
        tables = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "because":
                where = f"{path.name}:{node.lineno}"
                assert len(node.args) == 1, where
                assert all(keyword.arg for keyword in node.keywords), where
                names = frozenset(str(keyword.arg) for keyword in node.keywords)
                for code in codes(node.args[0], tables, where):
                    yield code, names, where


def codes(argument: ast.expr, tables: dict[str, ast.expr], where: str) -> Iterator[str]:
    """Yield what the first argument of a call can be: a text, one of two, or a value of a table of the module."""
    match argument:
        case ast.Constant(value=str() as code):
            yield code
        case ast.IfExp(body=body, orelse=other):
            yield from codes(body, tables, where)
            yield from codes(other, tables, where)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[_, default]):
            yield from codes(default, tables, where)
            content = tables[table]
            assert isinstance(content, ast.Dict), where
            for value in content.values:
                yield from codes(value, tables, where)
        case _:
            pytest.fail(f"{where}: a code that nobody can read in the source")


def test_every_code_that_is_made_has_a_sentence_with_exactly_its_placeholders():
    worded = catalogues()

    assert len(made()) > 100
    assert [one for one in made() if one[0] not in worded] == []
    assert [one for one in made() if set(PLACEHOLDER.findall(worded[one[0]])) != one[1]] == []


def test_every_sentence_is_of_a_code_that_is_made():
    families = ("access.", "question.", "difference.", "trust.", "problem.")
    unused = set(catalogues()) - {code for code, _, _ in made()}

    assert {code for code in unused if not code.startswith(families) and not code.endswith(".name")} == set()


def test_every_platform_has_a_name_in_every_language():
    for path in (PACKAGE / "platforms").glob("*/sentences.py"):
        platform = path.parent.name
        assert all(platform_name(platform, language) != platform for language in LANGUAGES)
    assert platform_name("nowhere", "zh") == "nowhere"


def test_every_kind_of_error_has_a_title_and_every_title_is_of_one():
    kinds = {kind_of(error) for error in errors_of(CountersignError)}

    assert kinds == {code.removeprefix("problem.") for code in catalogues() if code.startswith("problem.")}


def errors_of(error: type[CountersignError]) -> Iterator[type[CountersignError]]:
    if error.__module__ == CountersignError.__module__:
        yield error
    for more in error.__subclasses__():
        yield from errors_of(more)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN, en;q=0.5", "zh"),
        ("en-GB, zh;q=0.9", "en"),
        ("fr, de;q=0.9", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("zh;q=x, en;q=0.1", "en"),
        ("zh;q=" + "9" * 5000, "en"),
        (";;;,,,=q", "en"),
    ],
)
def test_a_browsers_header_chooses_the_language(header, language):
    assert accepted(header) == language


def test_every_language_words_the_same_codes_with_the_same_placeholders():
    languages = LANGUAGES[1:]
    kept = (PACKAGE / "orders").glob("sentences_*.py")
    assert sorted(languages) == sorted(path.stem.removeprefix("sentences_") for path in kept)
    english = {code: set(PLACEHOLDER.findall(text)) for code, text in catalogues().items()}
    for language in languages:
        assert {code: set(PLACEHOLDER.findall(text)) for code, text in catalogues(language).items()} == english
    assert catalogue("xx") == sentences.SENTENCES


def test_every_question_difference_and_trust_has_a_meaning():
    worded = catalogues()
    anomalies = {
        node.value
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and f"question.{node.value}" in worded
    }
    asked = {code.removeprefix("question.") for code in worded if code.startswith("question.")}

    # What no source names is asked under a composed name: the number of a kind of child that another order has.
    assert asked - anomalies == {"refund_of_another_order", "settlement_of_another_order"}
    assert all(meaning(question) != question for question in asked)
    assert all(difference_meaning(what) != what for what in DIFFERENCES)
    trusts = {"verified", "queried", "bill", "operator", "hint"}
    assert {code.removeprefix("trust.") for code in worded if code.startswith("trust.")} == trusts


def test_arguments_are_put_in_as_they_are_and_what_they_hold_is_no_placeholder():
    reason = because("bill_differs", day="{what}", what="x{day}")

    assert sentence(reason) == "the bill of {what} differs: x{day}"


def test_amounts_are_texts_that_say_their_currency():
    assert because("paid", amount=Money(8800, "CNY")) == Reason("paid", (("amount", "88.00 CNY"),))
    assert because("payment_attempted", attempt=2).to_json() == {"code": "payment_attempted", "args": {"attempt": 2}}


def test_a_platforms_own_words_are_found_in_its_folder():
    reason = because("wechat.balance_too_low", code="NOTENOUGH")

    assert str(sentence(reason)).endswith("top it up, then retry (NOTENOUGH)")
    assert sentence(reason, "xx") == sentence(reason)


@pytest.mark.parametrize("code", ["of_a_later_version", "nowhere.at_all", "../../x.y", "wechat.unheard_of", "."])
def test_a_code_without_a_sentence_stands_for_itself(code):
    assert sentence(Reason(code)) == code


def test_what_must_be_done_goes_on_after_a_colon_and_other_facts_follow():
    problem = because("said_by_the_platform", text="no money")

    assert said([because("refund_refused"), problem]) == "the platform refused the refund: no money"
    assert said([because("closed"), problem]) == "closed: it can no longer be paid; no money"
    assert (said([]), sentence(None)) == ("", None)


@given(st.text(max_size=2 * MAX_CHARACTERS))
def test_what_comes_from_outside_is_one_line_of_bounded_length(text):
    line = cleaned(text)

    assert len(line) <= MAX_CHARACTERS
    assert line == cleaned(line)
    assert not any(
        character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029" for character in line
    )
    line.encode()
