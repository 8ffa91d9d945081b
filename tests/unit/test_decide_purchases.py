"""Orders of one purchase: which may replace which, and what two paid ones are asked."""

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.money import Money
from countersign.orders import purchases
from countersign.orders.changes import (
    Change,
    Closed,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Queried,
    Replaced,
    Terms,
    Verified,
)
from countersign.orders.decide import decide
from countersign.orders.decision import Decision, View
from countersign.orders.sentences import sentence

if TYPE_CHECKING:
    from countersign.orders.state import Order

T0 = 1_795_328_845


def key(number: str) -> OrderKey:
    return OrderKey("wechat", "shop", number)


def created(number: str, replaces: str = "", at: int = T0) -> Change:
    terms = Terms(Money(8800, "CNY"), "v3", "native", "d", at, at + 7200, replaces=replaces)
    return Change(key(number), OrderCreated(terms), Operator("m"), "merchant")


def paid(number: str, at: int, transaction: str = "") -> Change:
    fact = Paid(transaction or f"t-{number}", Money(8800, "CNY"), at)
    return Change(key(number), fact, Verified("k"), "notify", "", "v3")


def closed(number: str) -> Change:
    return Change(key(number), Closed(T0 + 5), Queried(), "query")


class Shop:
    """Every order, as the store would keep them: what lies beside is read as `wanted` says and written too."""

    def __init__(self) -> None:
        self.orders: dict[OrderKey, Order] = {}

    def take(self, *changes: Change) -> Decision:
        for change in changes:
            decision = self._take(change)
        return decision

    def _take(self, change: Change) -> Decision:
        order = self.orders.get(change.key)
        known: dict[OrderKey, Order | None] = {}
        while more := purchases.wanted(change, order, known):
            known |= {one: self.orders.get(one) for one in more}
        others = {one: other for one, other in known.items() if other is not None}
        decision = decide(order, change, "", View(orders=others))
        for about, one in [(change, decision), *decision.beside]:
            if one.outcome == "applied" and one.order is not None:
                self.orders[about.key] = one.order
        return decision

    def questions(self, number: str) -> list[str]:
        return [question.review_id for question in self.orders[key(number)].review_items]


def test_a_new_order_marks_the_one_that_it_replaces():
    shop = Shop()

    decision = shop.take(created("A"), created("B", "A"))

    assert decision.outcome == "applied"
    assert shop.orders[key("A")].replacements == ("B",)


@pytest.mark.parametrize("end", [None, paid("B", T0 + 60)])
def test_a_second_replacement_is_refused_while_the_newest_is_open_or_paid(end):
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), *filter(None, [end]))

    decision = shop.take(created("C", "A", T0 + 2))

    assert decision.outcome == "refused"
    assert "order B" in str(sentence(decision.reason))
    assert key("C") not in shop.orders


def test_a_replacement_that_ended_lets_the_chain_go_on():
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), closed("B"))

    assert shop.take(created("C", "A", T0 + 2)).outcome == "applied"
    assert shop.orders[key("A")].replacements == ("B", "C")
    refused = shop.take(created("D", "B", T0 + 3))
    assert refused.outcome == "refused"
    assert "order C" in str(sentence(refused.reason))


def test_the_newest_is_found_over_the_whole_chain():
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), created("C", "B", T0 + 2))

    refused = shop.take(created("D", "A", T0 + 3))

    assert refused.outcome == "refused"
    assert "order C" in str(sentence(refused.reason))


def test_nothing_replaces_an_order_of_a_purchase_that_is_paid_anywhere():
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), closed("B"), paid("A", T0 + 9))

    assert shop.take(created("C", "A", T0 + 2)).outcome == "refused"
    assert shop.take(created("C", "B", T0 + 2)).outcome == "refused"


def test_of_two_replacements_at_once_the_second_is_refused():
    shop = Shop()
    shop.take(created("A"))
    wish = [Change(key("A"), Replaced(number, T0 + 1), Operator("m"), "merchant") for number in ("B", "C")]

    assert [shop.take(one).outcome for one in wish] == ["applied", "refused"]
    assert shop.take(wish[0]).outcome == "unchanged"


@pytest.mark.parametrize("sequence", list(permutations([paid("A", T0 + 10), paid("B", T0 + 20), paid("C", T0 + 30)])))
def test_of_paid_orders_of_one_purchase_those_paid_later_are_questions_whatever_came_first(sequence):
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), created("C", "B", T0 + 2))

    for change in sequence:
        shop.take(change)

    assert shop.questions("A") == []
    assert shop.questions("B") == ["double_payment.A"]
    assert shop.questions("C") == ["double_payment.A", "double_payment.B"]


def test_the_question_goes_where_an_earlier_payment_turns_up():
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), paid("A", T0 + 50), paid("B", T0 + 40))
    assert (shop.questions("A"), shop.questions("B")) == (["double_payment.B"], [])

    shop.take(paid("A", T0 + 30, "earlier"))

    assert shop.questions("A") == ["second_payment.t-A"]
    assert shop.questions("B") == ["double_payment.A"]


def test_the_order_that_gets_the_question_tells_it():
    shop = Shop()
    shop.take(created("A"), created("B", "A", T0 + 1), paid("B", T0 + 90))

    decision = shop.take(paid("A", T0 + 60))

    assert "order.review" not in decision.emits
    ((about, beside),) = decision.beside
    assert (about.key, beside.emits) == (key("B"), ("order.review",))


CHAINS = [created(number, replaces, T0 + at) for at, (number, replaces) in enumerate(["BA", "CA", "CB", "DC", "DA"])]
NEWS = st.sampled_from(
    [
        *(paid(number, T0 + 60 + at, f"t{at}{number}") for number in "ABCD" for at in (1, 2)),
        *(closed(number) for number in "ABCD"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*CHAINS, closed("B"), closed("C")]), max_size=8),
    st.lists(NEWS, max_size=10),
    st.randoms(use_true_random=False),
)
def test_one_order_of_a_purchase_waits_to_be_paid_and_payments_in_any_sequence_end_equal(chain, news, random):
    shop, other = Shop(), Shop()
    shop.take(created("A"))
    for change in chain:
        # What is to be replaced exists, or the merchant is told so before anything is recorded.
        if not isinstance(change.fact, OrderCreated) or key(change.fact.terms.replaces) in shop.orders:
            shop.take(change)
    waiting = [one for one in shop.orders.values() if not one.replaced_by and one.status == "created"]
    assert len(waiting) <= 1

    other.orders = dict(shop.orders)
    shop.take(created("A"), *news)
    random.shuffle(news)
    other.take(created("A"), *news, *news)

    assert [shop.questions(one.order_id) for one in shop.orders] == [
        other.questions(one.order_id) for one in shop.orders
    ]
    assert [one.status for one in shop.orders.values()] == [one.status for one in other.orders.values()]
