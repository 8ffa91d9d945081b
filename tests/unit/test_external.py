"""Orders that were made in the platform's own shop: looked at until the platform says what became of them."""

import pytest

from countersign.money import Money
from countersign.orders.changes import Change, Closed, CloseRequested, Operator, OrderKey, Paid, Queried, Terms
from countersign.orders.decide import decide
from countersign.orders.schedule import AFTER_EXPIRY, HOURLY, LAST_QUERY, must_close, next_poll
from countersign.orders.state import Order

T0 = 1_795_328_845
KEY = OrderKey("wechat", "shop", "3705115058471208928")
END = T0 + 7200


def order(*, external: bool = True) -> Order:
    return Order(KEY, Terms(Money(1, "CNY"), "store", "store", "d", T0, END, external=external))


def after(fact: Closed | Paid) -> Order:
    decided = decide(order(), Change(KEY, fact, Queried(), "query", "1900099001", "store")).order
    assert decided is not None
    return decided


def test_they_are_looked_at_on_the_ladder_and_then_hourly_past_their_expiry():
    now, looks = T0, []
    while now < T0 + 6 * HOURLY:
        now = next_poll(order(), now)
        looks.append(now - T0)

    assert looks == [10, 30, 120, 600, 1800, *(HOURLY * hour for hour in range(1, 7))]


@pytest.mark.parametrize("now", [END, END + AFTER_EXPIRY, END + 90 * 86400])
def test_they_are_never_closed_from_here(now):
    assert not must_close(order(), now)
    assert must_close(order(external=False), max(now, END + AFTER_EXPIRY))


def test_a_wish_to_close_them_is_refused():
    wish = Change(KEY, CloseRequested(T0 + 300), Operator("anna"), "operator")

    assert decide(order(), wish).outcome == "refused"
    assert decide(order(external=False), wish).outcome == "applied"


def test_what_the_platform_says_ends_the_looking():
    closed, paid = after(Closed(T0 + 60)), after(Paid("42", Money(1, "CNY"), T0 + 60))

    assert next_poll(closed, T0 + 60) == T0 + 60 + LAST_QUERY
    assert next_poll(closed, T0 + 60 + LAST_QUERY) is None
    assert next_poll(paid, T0 + 60) is None


def test_an_order_is_closed_no_sooner_than_its_platform_allows():
    terms = Terms(Money(1, "CNY"), "v3", "native", "d", T0, END, closable_after=300)
    wish = Change(KEY, CloseRequested(T0 + 20), Operator("anna"), "operator")
    asked = decide(Order(KEY, terms), wish).order
    at_once = decide(order(external=False), wish).order
    assert asked is not None
    assert at_once is not None

    assert [must_close(asked, T0 + seconds) for seconds in (20, 299, 300)] == [False, False, True]
    assert next_poll(asked, T0 + 150) == T0 + 300
    assert must_close(at_once, T0 + 20)
