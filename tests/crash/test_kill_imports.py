"""E1, S6: a history that is imported while processes are killed is imported once, whole, and from one file."""

import pytest

from tests.crash import killing
from tests.crash.imports_shopify import IMPORTS
from tests.crash.killing import Case, Endings

endings = killing.endings_of(IMPORTS)


def test_the_calls_of_a_quiet_import_are_those_that_are_killed(endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(IMPORTS, "shopify import", endings)


@pytest.mark.parametrize("case", killing.cases(IMPORTS))
def test_e1_an_import_that_is_killed_ends_as_an_undisturbed_one(case: Case, endings: Endings) -> None:
    ending, quiet = endings[case].result(), endings["shopify import"].result()

    assert ending.run.killed, ending.run.output
    assert killing.good(ending)
    assert ending.state == quiet.state
    assert quiet.state["files"] == 1  # one that was begun and not noted is found again
    assert len(quiet.state["orders"]) == 1
