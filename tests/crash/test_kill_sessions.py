"""E1, D8: a payments app resolves and captures, killed before and after every external call.

Whoever waited comes again, and the end is that of an undisturbed run.
"""

from typing import Any

import pytest

from tests.crash import killing, scenarios_sessions
from tests.crash.killing import Case, Endings

# These two in each test run: the others go the same way.
SCENARIOS = {
    name: one for name, one in scenarios_sessions.SCENARIOS.items() if name.endswith((", resolve", ", capture"))
}
endings: Any = killing.endings_of(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(scenario: str, endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(SCENARIOS, scenario, endings)


@pytest.mark.parametrize("case", killing.cases(SCENARIOS))
def test_E1_a_kill_and_another_try_end_as_an_undisturbed_run_and_shopify_takes_each_answer_once(
    case: Case, endings: Endings
) -> None:
    assert killing.ends_as_undisturbed(case, endings)
    assert all(len(one["told"]) == len(set(one["told"])) for one in endings[case].result().state["shopify"])
