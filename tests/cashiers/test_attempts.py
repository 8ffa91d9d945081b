"""One open attempt for each order of a shop."""

import json
from typing import Any

import pytest

from countersign.cashiers import attempts
from countersign.money import Money
from countersign.orders.changes import OrderKey
from tests.cashiers.world import Cashiers

BASE = "bc-g5cd38wq1-10401"
WHOLE = OrderKey("bigcommerce", "g5cd38wq1", "10401")
PRICE = Money(8800, "USD")
EXPIRES = 1800
ACCOUNTS = ["hc1/main", "stripe/main"]


class Shopper:
    """A shopper who comes to pay one order of a shop, however often."""

    def __init__(self, world: Cashiers, account: str) -> None:
        self.world, self.account = world, account

    def comes(self, amount: Money = PRICE) -> tuple[str, int, Any]:
        """Come to pay; returns the attempt's reference, the answer's status and the page."""
        found = attempts.current(
            self.world.store,
            WHOLE,
            amount,
            cashier=self.account.replace("/", "."),
            next_key=lambda number: self.world.key(f"{BASE}-{number}", self.account),
            now=self.world.now,
        )
        if found.is_paid:
            return found.key.order_id, 0, None
        changes: dict[str, Any] = {"amount": amount.to_json()}
        replaces = found.order.terms.replaces if found.order else found.before.key.order_id if found.before else ""
        if replaces:
            changes["replaces"] = replaces
        status, answer = self.world.create(found.key.order_id, self.account, **changes)
        return str(found.number), status, (answer.get("client") or {}).get("cashier_url")

    def pays(self, number: int = 1, *, notify: bool = True) -> None:
        call = "stripe_pay" if self.account.startswith("stripe") else "pay"
        self.world.make(call, self.account, reference=f"{BASE}-{number}", notify=notify)
        self.world.deliver()

    def at_the_cashier(self) -> list[str]:
        """Return the states of the payments that the cashier has."""
        if self.account.startswith("stripe"):
            return [one["status"] for one in self.world.make("stripe_ledger", self.account)["sessions"]]
        return [one["status"] for one in self.world.make("ledger", self.account)["payments"]]


@pytest.fixture(params=ACCOUNTS)
def shopper(request: pytest.FixtureRequest, world: Cashiers) -> Shopper:
    return Shopper(world, request.param)


def test_five_tabs_and_three_reloads_are_one_payment_and_one_page(shopper: Shopper) -> None:
    seen = [shopper.comes() for _ in range(8)]

    assert {(number, page) for number, _, page in seen} == {("1", seen[0][2])}
    assert [status for _, status, _ in seen] == [201, *[200] * 7]
    assert len(shopper.at_the_cashier()) == 1


def test_an_order_that_is_paid_gets_no_other_attempt(shopper: Shopper) -> None:
    shopper.comes()
    shopper.pays()

    assert shopper.comes() == (f"{BASE}-1", 0, None)
    assert len(shopper.at_the_cashier()) == 1


def test_another_amount_ends_the_attempt_before_the_next_begins(shopper: Shopper) -> None:
    shopper.comes()
    number, status, _ = shopper.comes(Money(9900, "USD"))

    assert (number, status) == ("2", 201)
    assert shopper.at_the_cashier()[0] in ("CANCELLED", "expired")
    assert shopper.world.order(f"{BASE}-1", shopper.account).status == "closed"


def test_what_was_paid_unheard_is_found_before_another_attempt_is_made(shopper: Shopper) -> None:
    shopper.comes()
    shopper.pays(notify=False)
    _, status, _ = shopper.comes(Money(9900, "USD"))

    assert status == 409
    assert len(shopper.at_the_cashier()) == 1
    assert shopper.world.order(f"{BASE}-1", shopper.account).status == "paid"


def test_after_its_time_an_attempt_is_over_and_the_next_one_begins(shopper: Shopper) -> None:
    shopper.comes()
    shopper.world.cloud.clock.shift(EXPIRES + 1)
    number, status, _ = shopper.comes()

    assert (number, status) == ("2", 201)
    shopper.pays(2)
    assert shopper.comes() == (f"{BASE}-2", 0, None)


def test_what_cannot_be_ended_lets_no_other_attempt_begin(shopper: Shopper) -> None:
    """The shopper is at it: by a card that the bank asks about, or by a bank debit that takes three days."""
    shopper.comes()
    call = "stripe_debit" if shopper.account.startswith("stripe") else "process"
    shopper.world.make(call, shopper.account, reference=f"{BASE}-1", notify=False)
    _, status, _ = shopper.comes(Money(9900, "USD"))

    assert status == 409
    assert len(shopper.at_the_cashier()) == 1
    assert json.dumps(shopper.at_the_cashier()) in ('["PROCESSING"]', '["complete"]')
