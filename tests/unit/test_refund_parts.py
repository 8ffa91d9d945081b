"""What a platform makes of a refund of ours counts once, in whatever sequence its movements are told."""

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from countersign.money import Money
from countersign.orders import children
from countersign.orders.changes import (
    Change,
    Operator,
    OrderKey,
    OrderReported,
    Paid,
    Queried,
    RefundDecided,
    RefundRefused,
    RefundReported,
    RefundRequested,
    RefundResolved,
    Report,
    Terms,
)
from countersign.orders.decide import decide
from countersign.orders.decision import Number, View
from countersign.orders.reasons import because
from countersign.platforms.shopify import translate
from countersign.platforms.shopify.messages import Amount, Transaction

if TYPE_CHECKING:
    from countersign.orders.state import Order

KEY, T0 = OrderKey("acme", "shop", "1"), 1_795_328_845
USD = "USD"


def money(minor: int) -> Money:
    return Money(minor, USD)


class Record:
    """One order of 100.00 that was paid, and its refunds."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.refunds: dict[Number, Any] = {}
        self.asked = False
        terms = Terms(money(10_000), "", "web", "d", T0, T0, pays="parts", includes_refunds=True, external=True)
        self.take(OrderReported(terms, Report(T0, T0, received=10_000)))
        self.take(Paid("t1", money(10_000), T0))

    def take(self, fact: Any, by: str = "") -> str:
        trust = Operator(by) if by else Queried()
        change = Change(KEY, fact, trust, "query", external=True)
        view = View({one: self.refunds[one] for one in children.touched(change) if one in self.refunds})
        decision = decide(self.order, change, view=view)
        self.asked |= decision.query_now
        if decision.outcome == "applied":
            self.order = decision.order
            self.refunds |= {(child.kind, child.number): child for child in decision.children}
        return decision.outcome

    def approved(self, minor: int = 5000) -> None:
        self.take(RefundRequested("rf1", money(minor), "", T0), "ben")
        self.take(RefundDecided("rf1", True, T0), "anna")

    @property
    def sums(self) -> tuple[int, int]:
        assert self.order is not None
        return self.order.refunded, self.order.reserved


def movement(number: str, minor: int, refund: str = "R1") -> RefundReported:
    """Return one of the movements, as it is told by itself."""
    return RefundReported(number, money(minor), "succeeded", platform_refund_id=refund, at=T0 + 9)


WHOLE = RefundReported(
    "rf1", money(5000), "succeeded", platform_refund_id="R1", at=T0 + 9, parts=("m1", "m2"), shop_amount=None
)


@pytest.mark.parametrize("facts", tuple(permutations((WHOLE, movement("m1", 3000), movement("m2", 2000)))))
def test_D6_a_refund_and_its_movements_in_any_sequence_count_once(facts: tuple[RefundReported, ...]) -> None:
    record = Record()
    record.approved()

    for fact in facts:
        record.take(fact)
        record.take(fact)  # and twice

    assert record.sums == (5000, 5000)
    assert record.refunds["refund", "rf1"].status == "succeeded"
    assert all(one.part_of == "rf1" for (_, number), one in record.refunds.items() if number != "rf1")


def test_a_movement_that_may_be_ours_is_asked_about_and_one_of_the_shops_own_counts() -> None:
    record = Record()
    nameless = RefundReported("m9", money(2000), "succeeded", at=T0 + 9, may_be_part=True)
    record.approved()
    assert record.take(nameless) == "unchanged"
    assert (record.asked, record.sums) == (True, (0, 5000))

    record.take(movement("m9", 2000, "R2"))  # the reading says whose it is

    assert record.sums == (2000, 7000)


def test_a_refund_that_was_given_up_and_made_all_the_same_takes_its_movements_in() -> None:
    record = Record()
    record.approved()
    record.take(RefundRefused("rf1", 0, because("said_by_the_platform", text="no")))
    record.take(RefundResolved("rf1", "given_up", "", T0), "anna")
    record.take(movement("m1", 3000))
    record.take(movement("m2", 2000))
    assert record.sums == (5000, 10_000)

    record.take(WHOLE)

    assert record.sums == (5000, 5000)


def test_a_second_refund_of_the_same_name_is_a_question_and_changes_nothing() -> None:
    record = Record()
    record.approved()
    record.take(WHOLE)
    again = RefundReported("rf1", money(5000), "succeeded", platform_refund_id="R2", at=T0 + 9, parts=("m3",))

    record.take(again)

    assert record.order is not None
    assert [one.reason for one in record.order.review_items] == ["refunded_twice"]
    assert record.sums == (5000, 5000)


@pytest.mark.parametrize(("told_by_itself", "open_whose"), [(True, True), (False, False)])
def test_only_a_movement_that_is_told_by_itself_leaves_open_whose_it_is(told_by_itself: bool, open_whose: bool) -> None:
    movement = Transaction("9", "1", "refund", "success", Amount(money(594)), at=T0)

    (fact,) = translate._transaction_facts(movement, asks=told_by_itself)

    assert isinstance(fact, RefundReported)
    assert fact.may_be_part is open_whose


@pytest.mark.parametrize("may_be_part", [True, False])
def test_a_part_that_a_list_names_has_the_order_read_for_the_shops_currency_and_a_reading_is_not_repeated(
    may_be_part: bool,
) -> None:
    record = Record()
    record.approved()
    record.take(WHOLE)
    record.asked = False
    books = Money(2800, "EUR")

    told = RefundReported("m1", money(3000), "succeeded", at=T0 + 9, shop_amount=books, may_be_part=may_be_part)

    assert record.take(told) == "unchanged"
    assert record.asked is may_be_part
