"""Attempts at having the platform take an order: only where every one was refused may other terms follow."""

from dataclasses import replace
from itertools import permutations

import pytest

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Operator,
    OrderCreated,
    OrderKey,
    PaymentAttempted,
    PaymentRefused,
    Prepared,
    Queried,
    Terms,
    Unpaid,
)
from countersign.orders.decide import decide
from countersign.orders.state import Order

KEY = OrderKey("acme", "shop", "A-1")
TERMS = Terms(Money(8800, "KWD"), "v1", "link", "first", 1, 7200)
OTHER = replace(TERMS, amount=Money(4400, "KWD"), digest="other")


def after(*facts: Fact) -> Order:
    """Return the order after facts, the first of which creates it."""
    order = None
    for fact in (OrderCreated(TERMS), *facts):
        trust = Operator("ben") if isinstance(fact, OrderCreated | PaymentAttempted) else Queried()
        order = decide(order, Change(KEY, fact, trust, "query")).order
    assert order is not None
    return order


def test_attempts_and_refusals_end_equal_in_any_sequence_and_however_often_they_are_told():
    facts = [PaymentRefused(1), PaymentAttempted(2), PaymentRefused(2), PaymentAttempted(3)]

    ends = {after(*sequence, *sequence) for sequence in permutations(facts)}

    assert len(ends) == 1
    assert not ends.pop().uncreated


@pytest.mark.parametrize(
    ("facts", "uncreated"),
    [
        ((), False),
        ((PaymentRefused(1),), True),
        ((PaymentRefused(1), PaymentAttempted(2)), False),
        ((PaymentAttempted(2), PaymentRefused(2)), False),
        ((PaymentAttempted(2), PaymentRefused(2), PaymentRefused(1)), True),
        ((PaymentRefused(1), Prepared()), False),
        ((PaymentRefused(1), Unpaid("NOTPAY")), False),
        ((PaymentRefused(1), Closed(9)), False),
    ],
)
def test_other_terms_follow_only_where_nothing_can_have_been_created(facts, uncreated):
    order = after(*facts)

    decision = decide(order, Change(KEY, OrderCreated(OTHER), Operator("ben"), "merchant"))

    assert order.uncreated is uncreated
    assert (decision.outcome, decision.order.terms) == (("applied", OTHER) if uncreated else ("refused", TERMS))


def test_new_terms_are_a_new_attempt():
    order = after(PaymentRefused(1), OrderCreated(OTHER))

    assert (order.terms, order.attempts, order.uncreated) == (OTHER, 2, False)
    assert after(PaymentRefused(1), OrderCreated(OTHER), PaymentRefused(2)).uncreated


def test_the_same_terms_are_no_new_order():
    order = after(PaymentRefused(1))

    assert decide(order, Change(KEY, OrderCreated(TERMS), Operator("ben"), "merchant")).outcome == "refused"
