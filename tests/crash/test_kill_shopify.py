"""E1, D7: what else a shop is asked to do with an order's money and goods, killed at each of its external calls."""

from typing import Any

import pytest

from tests.crash import killing
from tests.crash.killing import Case, Endings
from tests.crash.scenarios_shopify import instruction, shipment

pytestmark = pytest.mark.soak  # what matters most of a refund, a capture and a shipment is killed in each test run
MORE = {f"shopify {action}": instruction(action) for action in ("void", "cancel", "mark_paid")}
MORE["shopify parcel"] = shipment(named=True)
endings: Any = killing.endings_of(MORE)


@pytest.mark.parametrize("scenario", MORE)
def test_the_calls_of_a_quiet_run_are_those_that_are_killed(scenario: str, endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(MORE, scenario, endings)


@pytest.mark.parametrize("case", killing.cases(MORE))
def test_E1_a_kill_and_another_try_end_as_an_undisturbed_run_and_the_shop_is_asked_once(
    case: Case, endings: Endings
) -> None:
    assert killing.ends_as_undisturbed(case, endings)
    assert len(endings[case].result().state["accepted"]) == 1
