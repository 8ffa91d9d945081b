"""E1, E5: BigCommerce's functions, killed before and after every external call.

Whoever waited comes again, and the end is that of an undisturbed run.
"""

import pytest

from tests.crash import killing, scenarios_bigcommerce
from tests.crash.killing import Case, Endings

SCENARIOS = scenarios_bigcommerce.SCENARIOS
endings = killing.endings_of(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(scenario: str, endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(SCENARIOS, scenario, endings)


@pytest.mark.parametrize("case", killing.cases(SCENARIOS))
def test_e1_a_kill_and_another_try_end_as_an_undisturbed_run(case: Case, endings: Endings) -> None:
    assert killing.ends_as_undisturbed(case, endings)
