"""S4: a renewal ends the token that it was asked for with; whenever its process is killed, the shop stays let in."""

import pytest

from tests.crash import killing
from tests.crash.killing import Case, Endings
from tests.crash.renewals_shopify import RENEWALS
from tests.crash.world_shopify import SHOP

endings = killing.endings_of(RENEWALS)


def test_the_calls_of_a_quiet_renewal_are_those_that_are_killed(endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(RENEWALS, "shopify renewal", endings)


@pytest.mark.parametrize("case", killing.cases(RENEWALS))
def test_S4_a_shop_stays_let_in_and_is_read_whenever_a_renewal_is_killed(case: Case, endings: Endings) -> None:
    ending, quiet = endings[case].result(), endings["shopify renewal"].result()

    assert ending.run.killed, ending.run.output
    assert killing.good(ending)
    assert quiet.state["renewals"] == 1
    # One answer may have died with the process: then it is asked for once more, with the same token.
    assert ending.state["renewals"] in (1, 2)
    assert ending.state | {"renewals": 1} == quiet.state
    assert ending.state["let_in"]
    assert [pk.split("#")[1] for pk in ending.state["orders"]] == [SHOP]
