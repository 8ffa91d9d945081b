"""E1, E5: other platforms' functions and notices, killed before and after every external call.

Whoever waited comes again, and the end is that of an undisturbed run. Each file `scenarios_<name>.py` has scenarios.
"""

from importlib import import_module
from pathlib import Path

import pytest

from tests.crash import killing
from tests.crash.killing import Case, Endings
from tests.crash.scenarios import Scenario

# These have a file of their own, so that two processes share the work.
ELSEWHERE = {"scenarios_bigcommerce", "scenarios_cashier", "scenarios_sessions"}
SCENARIOS: dict[str, Scenario] = {}
for file in sorted(Path(__file__).parent.glob("scenarios_*.py")):
    if file.stem not in ELSEWHERE:
        SCENARIOS |= import_module(f"tests.crash.{file.stem}").SCENARIOS
endings = killing.endings_of(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(scenario: str, endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(SCENARIOS, scenario, endings)


@pytest.mark.parametrize("case", killing.cases(SCENARIOS))
def test_e1_a_kill_and_another_try_end_as_an_undisturbed_run(case: Case, endings: Endings) -> None:
    assert killing.ends_as_undisturbed(case, endings)
