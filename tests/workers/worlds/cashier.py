"""The cashiers' simulator behind the contract suites: a payment at a gateway that speaks HC1, or at Stripe."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from moto import mock_aws

from tests.cashiers.world import cashiers
from tests.workers.world import ORDER, REFUND, Made, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.cashiers.world import Cashiers


class Hosted(World):
    """The cashiers' simulator: a payment at one of them."""

    platform, currency, bills = "cashier", "USD", False

    def __init__(self, hosted: Cashiers, cashier: str) -> None:
        super().__init__(hosted.cloud, f"{cashier}.main")
        self.hosted, self.document = hosted, f"{cashier}/main"
        hosted.faults(refund_pending={"count": 1000}, stripe_refund_pending={"count": 1000})
        self.is_stripe = cashier == "stripe"
        self.tries = 1 if self.is_stripe else 2  # of a call that has no answer

    def control(self, call: str, order_id: str = ORDER, **body: Any) -> Any:
        return self.hosted.make(call, self.document, reference=order_id, **body)

    def create(self, order_id: str = ORDER, minor: int = 8800) -> None:
        status, answer = self.hosted.create(order_id, self.document, amount={"minor": minor, "currency": "USD"})
        assert status == 201, answer

    def pay(self, order_id: str = ORDER) -> None:
        self.control("stripe_pay" if self.is_stripe else "pay", order_id, notify=False)

    def end_refund(self, refund_id: str = REFUND) -> None:
        if self.is_stripe:
            self.control("stripe_end_refund", status="succeeded", notify=False)
        else:
            self.hosted.make("end_refund", self.document, refund_id=refund_id, notify=False)

    def refuse_refunds(self) -> None:
        self.control("stripe_refund" if self.is_stripe else "refund", minor=8800, notify=False)  # nothing is left

    def fail(self, count: int = 1000, *, after: str = "") -> None:
        fault = {"match": "/refunds", "after": True, "count": self.tries} if after else {"count": count * self.tries}
        self.hosted.faults(error500=fault)

    def slow_down(self, count: int) -> None:
        self.hosted.faults(rate_limited={"count": count})

    def at_platform(self, order_id: str = ORDER) -> list[tuple[str, int]]:
        if self.is_stripe:
            sessions = self.hosted.make("stripe_ledger", self.document)["sessions"]
            (found,) = [one for one in sessions if one["client_reference_id"] == order_id]
            ours = [one for one in found["refunds"] if one["metadata"]]
            return [(one["metadata"]["countersign_refund"], one["amount"]) for one in ours]
        payments = self.hosted.make("ledger", self.document)["payments"]
        (found,) = [one for one in payments if one["merchant_payment_id"] == order_id]
        return [(one["merchant_refund_id"], one["amount"]["value"]) for one in found["refunds"]]

    def calls(self) -> int:
        return len(self.hosted.wire.sent)


@contextmanager
def _opened(cashier: str, request: pytest.FixtureRequest) -> Iterator[Hosted]:
    clock, folder = request.getfixturevalue("clock"), request.getfixturevalue("tmp_path")
    with mock_aws(), cashiers(clock, folder, request.getfixturevalue("monkeypatch")) as made:
        yield Hosted(made, cashier)


WORLDS = {
    "cashier-hc1": Made(Hosted, partial(_opened, "hc1")),
    "cashier-stripe": Made(Hosted, partial(_opened, "stripe")),
}
