"""What a shop's order says about an instruction, and of which payments money goes back."""

from dataclasses import replace
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import PlatformEvent, RefundReported
from countersign.orders.instructions import Instruction, InstructionRefusedError
from countersign.platforms.port import RefundRefusedError
from countersign.platforms.shopify import instructions, translate
from countersign.platforms.shopify.answers import Refundable
from countersign.platforms.shopify.connector import split
from countersign.platforms.shopify.instructions import Markable
from countersign.platforms.shopify.messages import Amount, Order, Transaction, mark_of, note_of

MARKABLE = Markable(can=True, manual=True)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def moved(number: str, kind: str, minor: int, parent: str = "", status: str = "success", **more: str) -> Transaction:
    return Transaction(number, "1", kind, status, Amount(usd(minor)), parent_id=parent, at=1, **more)


def order(*transactions: Transaction, complete: bool = True, due: int = 0) -> Order:
    return Order(
        "1", "#1", 1, 1, Amount(usd(10_000)), outstanding=Amount(usd(due)), transactions=transactions, complete=complete
    )


def wish(action: str, minor: int | None = None, **more: Any) -> Instruction:
    status = str(more.pop("status", "requested"))
    return Instruction("in1", action, status, usd(minor) if minor is not None else None, **more)


def refusal(instruction: Instruction, found: Order, markable: Markable = MARKABLE) -> str:
    with pytest.raises(InstructionRefusedError) as refused:
        instructions.prospect(instruction, found, markable, limits={})
    return refused.value.problem.code


HELD = (moved("1", "authorization", 6000), moved("2", "authorization", 4000))


def test_of_several_authorizations_one_must_be_named() -> None:
    assert refusal(wish("capture"), order(*HELD)) == "shopify.several_authorizations"
    assert refusal(wish("capture", transaction_id="9"), order(*HELD)) == "nothing_authorized"

    named = instructions.prospect(wish("capture", transaction_id="2"), order(*HELD), MARKABLE, limits={})
    assert (named.subject, named.amount, named.seen) == ("2", usd(4000), ("2",))


def test_what_is_left_of_an_authorization_is_less_its_captures_that_may_still_succeed() -> None:
    taken = (moved("3", "capture", 1000, "1"), moved("4", "capture", 500, "1", "pending"))
    failed = moved("5", "capture", 700, "1", "failure")

    (hold,) = instructions.holds(order(HELD[0], *taken, failed))

    assert hold.left == usd(4500)
    assert refusal(wish("capture", 4501), order(HELD[0], *taken, failed)) == "more_than_authorized"
    assert refusal(wish("void"), order(HELD[0], moved("6", "void", 6000, "1"))) == "nothing_authorized"


@pytest.mark.parametrize(("minor", "repeatable"), [(None, True), (6000, True), (2000, False)])
def test_only_a_capture_of_all_that_is_left_may_be_asked_for_again(minor: int | None, repeatable: bool) -> None:
    asked = wish("capture", minor, status="processing", seen=("1",))

    assert instructions.prospect(asked, order(HELD[0]), MARKABLE, limits={}).repeatable is repeatable


def test_a_capture_of_another_amount_that_staff_made_meanwhile_is_not_taken_for_ours() -> None:
    asked = wish("capture", 2000, status="processing", seen=("1",))
    found = order(HELD[0], moved("3", "capture", 1000, "1"))

    assert instructions.prospect(asked, found, MARKABLE, limits={}).outcome == ""
    found = order(HELD[0], moved("3", "capture", 1000, "1"), moved("4", "capture", 2000, "1"))
    assert instructions.prospect(asked, found, MARKABLE, limits={}).outcome == "succeeded"


def test_a_list_that_is_cut_off_tells_nothing() -> None:
    assert refusal(wish("void"), order(*HELD, complete=False)) == "shopify.too_many_transactions"


def test_two_persons_are_needed_above_the_limit_of_the_orders_own_currency() -> None:
    found = order(due=5000)
    for limits, needed in (({}, True), ({"USD": 4999}, True), ({"USD": 5000}, False), ({"EUR": 9999}, True)):
        seen = instructions.prospect(wish("mark_paid", 5000), found, MARKABLE, limits=limits)
        assert seen.needs_second is needed
    for markable in (Markable(can=False, manual=True), Markable(can=True, manual=False)):
        assert refusal(wish("mark_paid", 5000), found, markable) == "shopify.not_markable"
    assert refusal(wish("mark_paid", 4000), found) == "another_balance"


def test_a_refund_takes_payments_in_the_sequence_in_which_they_are_suggested() -> None:
    card, gift = Refundable("1", "card", usd(7000)), Refundable("2", "gift_card", usd(3000))

    assert split(usd(5000), (gift, card)) == ((gift, usd(3000)), (card, usd(2000)))
    assert split(usd(3000), (gift, card)) == ((gift, usd(3000)),)
    for amount in (usd(10_001), Money(1, "EUR")):
        with pytest.raises(RefundRefusedError) as refused:
            split(amount, (gift, card))
        assert refused.value.problem.code == "shopify.nothing_to_refund"


def test_the_note_of_a_refund_names_it_and_no_other_note_does() -> None:
    assert mark_of({"note": note_of("rf1")}) == "rf1"
    for note in ("countersign", "countersign rf1 and more", "Countersign rf1", "rf1", None, "countersign " + "r" * 65):
        assert mark_of({"note": note}) == ""


def back(number: str, status: str, refund: str = "9") -> Transaction:
    return moved(number, "refund", 1000, "1", status, refund_id=refund, mark="rf1")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("success", "success"), "succeeded"),
        (("success", "pending"), "processing"),
        (("success", "word_of_next_year"), "processing"),
        (("failure", "error"), "failed"),
        (("success", "failure"), "needs_action"),
    ],
)
def test_S2_a_refund_of_several_payments_is_over_when_each_is(statuses: tuple[str, str], expected: str) -> None:
    parts = tuple(back(str(number), status) for number, status in enumerate(statuses, 5))

    (fact,) = translate.refund_facts(parts, asks=False)

    assert isinstance(fact, RefundReported)
    assert (fact.refund_id, fact.amount, fact.status, fact.parts) == ("rf1", usd(2000), expected, ("5", "6"))
    assert (fact.at is not None) is (expected == "succeeded")


def test_of_two_refunds_of_one_number_the_first_is_ours_and_the_other_is_told_by_itself() -> None:
    found = order(back("5", "success", "8"), back("6", "success", "12"))

    facts = [fact for fact in translate.read_facts(found, read_at=1) if isinstance(fact, RefundReported)]

    assert [(fact.refund_id, fact.platform_refund_id) for fact in facts] == [("rf1", "8"), ("6", "12")]


def test_a_part_in_two_currencies_that_is_told_in_one_has_the_order_read() -> None:
    half = Transaction("5", "1", "refund", "success", None, refund_id="9", mark="rf1")

    (told,) = translate.refund_facts((half,), asks=True)

    assert isinstance(told, PlatformEvent)


@pytest.mark.parametrize("named", [True, False])
def test_a_movement_may_be_ours_where_a_list_does_not_say_of_which_refund_it_is(named: bool) -> None:
    found = replace(order(replace(back("5", "success"), mark="", refund_id="")), names_refunds=named)

    (fact,) = (fact for fact in translate.read_facts(found, read_at=1) if isinstance(fact, RefundReported))

    assert fact.may_be_part is not named
