"""What becomes of a session: decided once for all time, and what was overtaken is dropped."""

from dataclasses import replace

import pytest

from countersign.money import Money
from countersign.orders import sessions
from countersign.orders.changes import SessionAnswered, SessionConfirmed, SessionDecided
from countersign.orders.reasons import because
from countersign.orders.sessions import CONFIRM, PENDING, REJECT, RESOLVE, Session

DAY = 86_400
OPEN = Session("payment.1", "open", "payment", "gid", "app", Money(100, "USD"), "digest", 0, DAY)


def decided(known: Session, operation: str, arguments: str = "{}") -> Session | None:
    return sessions.decided(known, SessionDecided(known.session_id, operation, arguments, 10))


def answered(known: Session, operation: str) -> Session | None:
    return sessions.answered(known, SessionAnswered(known.session_id, operation, 20))


def after(*steps: str) -> Session:
    """Return a session after decisions; a step with a dot was taken by the platform."""
    known: Session | None = OPEN
    for step in steps:
        assert known is not None
        known = answered(known, step[:-1]) if step.endswith(".") else decided(known, step)
    assert known is not None
    return known


@pytest.mark.parametrize("first", [RESOLVE, REJECT])
@pytest.mark.parametrize("second", [RESOLVE, REJECT, PENDING, CONFIRM])
@pytest.mark.parametrize("taken", [False, True])
def test_a_final_decision_is_never_another_one(first: str, second: str, taken: bool) -> None:
    known = after(first, f"{first}.") if taken else after(first)

    assert decided(known, second, '{"other": 1}') is None


@pytest.mark.parametrize("early", [PENDING, CONFIRM])
def test_what_a_later_decision_overtook_is_dropped(early: str) -> None:
    known = after(early, RESOLVE)

    assert answered(known, early) is None
    assert getattr(answered(known, RESOLVE), "status", "") == "resolved"


def test_a_final_decision_takes_the_place_of_one_that_is_not() -> None:
    assert after(PENDING, "pending.", REJECT, "reject.").status == "rejected"
    assert after(CONFIRM, "confirm.", RESOLVE, "resolve.").status == "resolved"


def test_a_word_of_the_platforms_counts_once_and_only_where_it_was_asked() -> None:
    yes, no = (SessionConfirmed(OPEN.session_id, said, 15) for said in (True, False))
    known = sessions.confirmed(after(CONFIRM), yes)

    assert known is not None
    assert (known.status, known.confirmed) == ("confirming", True)
    assert sessions.confirmed(known, no) is None
    for other in (OPEN, after(PENDING), after(RESOLVE), after(CONFIRM, "confirm.", REJECT, "reject.")):
        assert sessions.confirmed(other, yes) is None


def test_what_needs_a_person_stays_so() -> None:
    fact = SessionAnswered(OPEN.session_id, RESOLVE, 20, problem=because("session_not_taken"))
    known = sessions.answered(after(RESOLVE), fact)

    assert known is not None
    assert known.status == "needs_action"
    assert answered(known, RESOLVE) is None
    assert decided(known, REJECT) is None


@pytest.mark.parametrize(("hold", "now", "at"), [(10 * DAY, 0, 9 * DAY), (DAY, 100, 100), (None, 0, None)])
def test_who_holds_money_is_looked_at_a_day_before_that_ends(hold: int | None, now: int, at: int | None) -> None:
    known = replace(after(RESOLVE, "resolve."), hold_ends_at=hold)

    assert sessions.due(known, 0, now) == at
