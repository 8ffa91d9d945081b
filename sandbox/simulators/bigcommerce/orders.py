"""The orders of all stores, in the shape of the older version of the API, and what is refunded of them."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
STATUSES = (
    "Incomplete",
    "Pending",
    "Shipped",
    "Partially Shipped",
    "Refunded",
    "Cancelled",
    "Declined",
    "Awaiting Payment",
    "Awaiting Pickup",
    "Awaiting Shipment",
    "Completed",
    "Awaiting Fulfillment",
    "Manual Verification Required",
    "Disputed",
    "Partially Refunded",
)
AWAITING_PAYMENT, REFUNDED, PARTIALLY_REFUNDED = 7, 4, 14


@dataclass
class Order:
    """One order; `puts` are the statuses that were written by the API, in their sequence."""

    id: int
    store: str
    total: str
    currency: str
    method: str
    created_at: int
    modified_at: int
    status_id: int = AWAITING_PAYMENT
    customer_id: int = 0
    channel_id: int = 1
    is_digital: bool = False
    is_deleted: bool = False
    cart_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    puts: list[int] = field(default_factory=list)
    refunds: list[Json] = field(default_factory=list)
    deliveries: list[Json] = field(default_factory=list)

    def to_json(self) -> Json:
        """Return the order as the API gives it."""
        return {
            "id": self.id,
            "customer_id": self.customer_id,
            "date_created": formatdate(self.created_at, usegmt=False),
            "date_modified": formatdate(self.modified_at, usegmt=False),
            "status_id": self.status_id,
            "status": STATUSES[self.status_id],
            "total_inc_tax": self.total,
            "store_credit_amount": "0.0000",
            "gift_certificate_amount": "0.0000",
            "refunded_amount": "0.0000",
            "payment_method": self.method,
            "payment_status": "",
            "order_is_digital": self.is_digital,
            "currency_code": self.currency,
            "default_currency_code": self.currency,
            "is_deleted": self.is_deleted,
            "cart_id": self.cart_id,
            "channel_id": self.channel_id,
            "customer_locale": "en",
            "billing_address": {"first_name": "Jane", "last_name": "Doe", "email": "jane@example.com"},
        }


class Ledger:
    """All orders of all stores."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.orders: dict[tuple[str, int], Order] = {}
        self._ids = itertools.count(101)
        self._refunds: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))  # each store has its own

    def add(self, store: str, total: str, currency: str, method: str, now: int, **more: Any) -> Order:
        """Make an order."""
        with self.lock:
            order = Order(next(self._ids), store, total, currency, method, now, now, **more)
            self.orders[store, order.id] = order
            return order

    def find(self, store: str, number: int) -> Order | None:
        """Find an order of a store."""
        return self.orders.get((store, number))

    def of(self, store: str) -> list[Order]:
        """List a store's orders, oldest first."""
        with self.lock:
            return [order for (owner, _), order in sorted(self.orders.items()) if owner == store]

    def refund(self, order: Order, amount: float, reason: str, now: int) -> Json:
        """Record a refund, which moves no money: the status follows."""
        with self.lock:
            made = {
                "id": next(self._refunds[order.store]),
                "order_id": order.id,
                "total_amount": amount,
                "created": formatdate(now, usegmt=False),
                "items": [{"item_type": "ORDER", "item_id": order.id, "requested_amount": amount, "reason": reason}],
            }
            order.refunds.append(made)
            whole = sum(float(one["total_amount"]) for one in order.refunds) >= float(order.total) - 0.0001
            order.status_id = REFUNDED if whole else PARTIALLY_REFUNDED
            order.modified_at = now
            return made
