"""E1, E5: WeChat's functions, publishing and sweeping, killed before and after every external call.

Whoever waited comes again, and the end is that of an undisturbed run.
"""

import pytest

from tests.crash import killing, scenarios, wechat_ship
from tests.crash.killing import Case, Endings

SCENARIOS = {**scenarios.SCENARIOS, **wechat_ship.SCENARIOS}
endings = killing.endings_of(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(scenario: str, endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(SCENARIOS, scenario, endings)


@pytest.mark.parametrize("case", killing.cases(SCENARIOS))
def test_e1_a_kill_and_another_try_end_as_an_undisturbed_run(case: Case, endings: Endings) -> None:
    assert killing.ends_as_undisturbed(case, endings)


@pytest.mark.parametrize("scenario", wechat_ship.SCENARIOS)
def test_d7_wechat_is_told_of_a_shipment_once(scenario: str, endings: Endings) -> None:
    """A killed run ends in the same record at WeChat, so one look at the undisturbed run is one at all of them."""
    told = endings[scenario].result().state["wechat"]
    uploads = [(known["uploads"], known["corrected"]) for known in told if "uploads" in known]
    deliveries = [len(parcels) for parcels in told if isinstance(parcels, list)]

    assert (uploads, deliveries) == (([], [1]) if scenario == "ship, store" else ([(1, 0)], []))
