"""D7: one more try of a charge moves money and has no number of its own: whenever killed, it is asked for at most once.

So it does not end as an undisturbed run where the kill falls between the note that Recharge may have been asked and
the call: then nobody asks again, and a person must look.
"""

import pytest

from tests.crash import killing
from tests.crash.killing import Case, Endings
from tests.crash.scenarios_recharge import RETRIES

endings = killing.endings_of(RETRIES)


def test_the_calls_of_a_quiet_run_are_those_that_are_killed(endings: Endings) -> None:
    assert killing.quiet_run_is_as_listed(RETRIES, "recharge retry", endings)


@pytest.mark.parametrize("case", killing.cases(RETRIES))
def test_D7_a_charge_is_asked_for_at_most_once_and_a_person_hears_where_nobody_knows(
    case: Case, endings: Endings
) -> None:
    ending = endings[case].result()
    end = {name: ending.state[name] for name in ("posts", "order", "wish")}

    assert ending.run.killed, ending.run.output
    assert killing.good(ending)
    if end["posts"]:
        assert end == {"posts": 1, "order": "paid", "wish": "succeeded"}
    else:
        assert end == {"posts": 0, "order": "failed", "wish": "needs_action"}
        (asked,) = [n for n, call in enumerate(RETRIES[case.scenario].calls, 1) if call.startswith("http.POST")]
        assert (case.number, case.when) in {(asked - 1, "after"), (asked, "before")}
