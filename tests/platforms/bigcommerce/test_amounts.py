"""C3: an amount is the same in the store's order, at the cashier, in its notice and in the refund, in each currency.

Where a cashier can not take a currency, or not this amount of it, nobody is sent anywhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import time_machine
from moto import mock_aws

from countersign.money import Money
from countersign.orders.changes import Change, Operator, RefundDecided, RefundRequested
from tests.platforms.bigcommerce.world import Json, Shop, app_document, shop

FULFILLMENT = 11


class Row(NamedTuple):
    """An order of a store: what it says, what that is in minor units, and as Stripe writes it (None: it cannot)."""

    currency: str
    total: str
    minor: int
    at_stripe: int | None
    back: int  # minor units of a part that goes back
    back_at_stripe: int


TABLE = [
    Row("KWD", "18.6000", 18_600, 18_600, 600, 600),
    Row("BHD", "0.6", 600, 600, 10, 10),
    Row("JOD", "1.6100", 1_610, 1_610, 1_000, 1_000),
    Row("JPY", "4480.0000", 4480, 4480, 80, 80),
    Row("UGX", "5000", 5000, 500_000, 100, 10_000),
    Row("ISK", "120.0000", 120, 12_000, 20, 2_000),
    Row("KWD", "18.6050", 18_605, None, 0, 0),
    Row("BHD", "0.605", 605, None, 0, 0),
    Row("JOD", "1.6010", 1_601, None, 0, 0),
]


@pytest.fixture(params=["hc1/main", "stripe/main", "wechat_native/qr"])
def world(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with mock_aws(), shop(clock, tmp_path, monkeypatch, app_document(cashier=request.param)) as made:
        yield made


def at_cashier(world: Shop, order: Json) -> tuple[int, str, int]:
    """Return amount, currency and what went back by the cashier's own book, as it writes them."""
    reference = world.reference(order)
    if world.cashier.startswith("stripe"):
        sessions = world.hosted.make("stripe_ledger", world.cashier)["sessions"]
        one = next(one for one in sessions if one["client_reference_id"] == reference)
        return one["amount_total"], one["currency"].upper(), one["refunded"]
    payments = world.hosted.make("ledger", world.cashier)["payments"]
    one = next(one for one in payments if one["merchant_payment_id"] == reference)
    return one["amount"]["value"], one["amount"]["currency"], one["refunded_amount"]["value"]


def refund(world: Shop, order: Json, minor: int, currency: str) -> None:
    """Have two people agree on a refund, and the cashier make it."""
    key, number = world.payment(order), f"rf{order['id']}"
    asked: list[tuple[Any, str]] = [
        (RefundRequested(number, Money(minor, currency), "too small", world.now), "ben"),
        (RefundDecided(number, True, world.now), "anna"),
    ]
    for fact, who in asked:
        world.store.record(Change(key, fact, Operator(who), "operator", system="hc1"), now=world.now)
    world.hosted.work("refund", 1)
    world.hosted.deliver()


def test_C3_an_amount_is_the_same_all_the_way_or_refused_before_anybody_is_sent_away(world: Shop) -> None:
    for row in TABLE:
        order = world.make("order", total=row.total, currency=row.currency)
        status, answer = world.ask(order)
        taken = {"hc1": row.minor, "stripe": row.at_stripe, "wechat_native": None}[world.cashier.partition("/")[0]]
        if taken is None:
            assert status == 422, row
            assert "cashier_url" not in answer
            assert world.attempt(order) is None, row
            continue
        assert status == 200, (row, answer)
        world.pay(order)
        world.told(order)
        refund(world, order, row.back, row.currency)

        paid = world.attempt(order)
        assert paid is not None
        assert paid.payment is not None, row
        assert paid.payment.total == Money(row.minor, row.currency), row
        went_back = row.back if taken == row.minor else row.back_at_stripe
        assert at_cashier(world, order) == (taken, row.currency, went_back), row
        assert paid.refunded == row.back, row
        assert (world.order(order).paid, world.there(order)["puts"]) == (row.minor, [FULFILLMENT]), row
