"""What comparing bills owes every platform: money per currency, differences as data, answers taken in."""

from typing import Any

import pytest

from countersign.errors import PlatformUnavailableError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated
from countersign.orders.reconcile import BillLine
from countersign.store import credentials
from tests.workers import nowhere
from tests.workers.world import ORDER, REFUND, World
from tests.workers.worlds.nowhere import Nowhere


def test_a_day_on_which_all_is_well_is_done_and_not_fetched_again(billing: World) -> None:
    billing.buy()
    billing.approve()
    billing.work("refund")
    billing.end_refund()
    billing.work("refund", 61)
    day = billing.next_day()

    billing.work("bill")

    report = billing.report(day)
    assert (report["status"], report["differences"]) == ("done", [])
    assert (report["bill"]["payments"], report["bill"]["refunds"]) == (1, 1)
    assert report["bill"]["paid"] == {"minor": 8800, "currency": billing.currency}
    assert report["bill"]["refunded"] == {"minor": 1000, "currency": billing.currency}
    before = billing.calls()
    billing.work("bill")
    assert billing.calls() == before


def test_a_payment_that_nobody_told_is_found_and_the_answer_is_taken_in(billing: World) -> None:
    billing.create()
    billing.pay()
    day = billing.next_day()

    billing.work("bill")

    (difference,) = billing.report(day)["differences"]
    assert (difference["what"], difference["status"]) == ("payment_missing_here", "resolved")
    assert difference["amount"] == {"minor": 8800, "currency": billing.currency}
    assert billing.order().status == "paid"


def test_each_day_it_is_noted_when_the_certificates_of_the_document_end(billing: World) -> None:
    billing.next_day()
    ends = billing.connectors("bill")(billing.account).certificate_ends()

    billing.work("bill")

    noted = credentials.noted(billing.cloud.dynamodb, "Orders", now=billing.now)
    found = noted.get((billing.platform, billing.account), [])
    assert {one.name: one.ends_at for one in found if one.ends_at is not None} == ends


def test_a_bill_that_is_not_made_yet_is_fetched_by_the_next_run(
    billing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing.buy()
    day = billing.next_day()
    connector = billing.connectors("bill")(billing.account)

    def unmade(*_: Any) -> Any:
        raise PlatformUnavailableError("the bill is not made yet")

    with monkeypatch.context() as patch:
        patch.setattr(type(connector), "bill", unmade)
        billing.work("bill")
    assert (billing.report(day)["status"], billing.report(day)["reason"]) == ("waiting", "the bill is not made yet")
    billing.work("bill")

    assert billing.report(day)["status"] == "done"


def test_a_day_without_business_is_nothing_and_has_no_currency(billing: World) -> None:
    billing.create()
    day = billing.next_day()

    billing.work("bill")

    report = billing.report(day)
    assert (report["status"], report["bill"]["currencies"], report["bill"]["paid"]) == ("nothing", [], None)


def test_money_of_different_currencies_is_never_one_sum(made_up: Nowhere) -> None:
    made_up.buy()
    dollars = [BillLine("main", f"US-{number}", f"tx-{number}", Money(500, "USD"), "at") for number in (1, 2)]
    made_up.wire.extra_lines += [*dollars, BillLine("main", "US-1", "tx-1", Money(200, "USD"), "at", "r1")]
    day = made_up.next_day()

    made_up.work("bill")

    counts = made_up.report(day)["bill"]
    assert (counts["payments"], counts["paid"], counts["refunds"], counts["refunded"]) == (3, None, 1, None)
    dinars, us = counts["currencies"]
    assert (dinars["paid"], dinars["payments"]) == ({"minor": 8800, "currency": "BHD"}, 1)
    assert (us["paid"], us["payments"]) == ({"minor": 1000, "currency": "USD"}, 2)
    assert us["refunded"] == {"minor": 200, "currency": "USD"}


@pytest.mark.parametrize(("minor", "ends"), [(8800, "resolved"), (8801, "open")])
def test_a_difference_is_settled_by_the_same_amount_and_not_by_words_about_it(
    made_up: Nowhere, minor: int, ends: str
) -> None:
    """A difference of 8.800 BHD must not be settled by 8.801 BHD, nor by 8.800 of another currency."""
    line = BillLine("main", ORDER, f"tx-{ORDER}", Money(8800, nowhere.CURRENCY), "at")
    made_up.wire.extra_lines.append(line)
    day = made_up.next_day()
    made_up.work("bill")
    (difference,) = made_up.report(day)["differences"]
    assert (difference["what"], difference["status"]) == ("payment_unknown_here", "open")

    made = OrderCreated(nowhere.terms(minor, made_up.now - 86_400))
    made_up.store.record(
        Change(made_up.key(), made, Operator("m"), "merchant", "nowhere-1", nowhere.SYSTEM), now=made_up.now
    )
    made_up.wire.trades[ORDER] = nowhere.Trade(Money(minor, nowhere.CURRENCY), paid_at=made_up.now - 86_400)
    made_up.wire.extra_lines.clear()
    made_up.work("poll", 10)
    made_up.next_day()
    made_up.work("bill")

    (difference,) = made_up.report(day)["differences"]
    assert difference["status"] == ends


def test_a_refund_that_was_made_at_the_platform_is_recorded_and_asked_about(made_up: Nowhere) -> None:
    made_up.buy()
    made_up.wire.trades[ORDER].refunds["console-1"] = (300, "succeeded", made_up.now)
    day = made_up.next_day()

    made_up.work("bill")
    assert [row["what"] for row in made_up.report(day)["differences"]] == ["refund_missing_here"]
    made_up.work("refund", 61)

    assert (made_up.refund("console-1").status, made_up.order().refunded) == ("succeeded", 300)


def test_what_the_bill_lacks_is_a_difference_with_the_platforms_answer(made_up: Nowhere) -> None:
    made_up.buy()
    made_up.approve()
    made_up.work("refund")
    made_up.wire.hidden_lines |= {f"tx-{ORDER}", REFUND}
    day = made_up.next_day()

    made_up.work("bill")

    found = {row["what"]: row["platform"] for row in made_up.report(day)["differences"]}
    assert found == {
        "payment_missing_in_bill": "paid 8.800 BHD",
        "refund_missing_in_bill": "refund 1.000 BHD processing",
    }
