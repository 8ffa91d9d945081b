"""Every sentence is there in both languages, with the same arguments, and is said somewhere."""

import re
import string

import pytest

from countersign.store.record import BEGAN_TO_WAIT
from countersign_cli import texts
from countersign_cli.examining import stack
from countersign_cli.main import COMMANDS, cli
from tests.infra.reading import ROOT

SOURCES = sorted((ROOT / "cli" / "countersign_cli").rglob("*.py"))


def arguments(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", texts.SENTENCES)
def test_both_languages_say_a_sentence_with_the_same_arguments(code: str) -> None:
    english, chinese = texts.SENTENCES[code]

    assert english
    assert chinese
    assert arguments(english) == arguments(chinese)


def test_each_code_that_is_said_has_a_sentence_and_each_sentence_is_said() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if path.name != "texts.py")
    said = set(re.findall(r'(?:StopError\(\w+|StopError\(4|\.text|\.note|texts\.text),?\(?\s*"([a-z_0-9.]+)"', source))
    said |= set(re.findall(r'"((?:doctor|hint|gateway)[._][a-z_0-9]+)"', source))
    made = ("column.", "state.", "decision.", "step.", "advice.")

    assert {code for code in said if not code.endswith((".", "_"))} <= texts.SENTENCES.keys()
    quoted = set(re.findall(r"""["']([a-z_0-9.]+)["']""", source))
    assert {code for code in texts.SENTENCES if not code.startswith(made)} <= quoted


def test_columns_have_names() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

    assert {f"column.{name}" for name in re.findall(r'Column\(\s*"(\w+)"', source)} <= texts.SENTENCES.keys()


def test_the_language_is_the_locales() -> None:
    assert texts.of_environment({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert texts.of_environment({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert texts.of_environment({}) == "en"


def test_each_command_that_help_names_is_there_and_says_what_it_does() -> None:
    import click

    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help


def test_the_owners_of_due_work_are_those_of_the_functions() -> None:
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("functions/*/app.py")]
    named = {name for source in sources for name in re.findall(r'DueList\.from_environment\("(\w+)"\)', source)}
    by_name = sum("DueList.from_environment(" in source for source in sources)
    by_text = sum(bool(re.search(r'DueList\.from_environment\("', source)) for source in sources)

    assert by_name - by_text == 2  # notify and shopify_resolve, whose names stand in the layer
    assert set(stack.OWNERS) == named | {"notify", "shopify_resolve"}


def test_an_event_began_to_wait_when_the_sweep_says_so() -> None:
    assert stack.WRITTEN == BEGAN_TO_WAIT
