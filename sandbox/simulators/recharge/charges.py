"""Charges, customers and what each version of the API says of them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
CLOSED = "CLOSED_MAX_RETRIES_REACHED"


@dataclass
class Customer:
    """One customer, with the number that the shop has for him, if he was synchronised."""

    id: int
    email: str
    shop_id: str | None


@dataclass
class Charge:
    """One charge; times are epoch seconds, money is minor units of a currency with two decimals."""

    id: int
    account: str
    customer: Customer
    minor: int
    currency: str
    created_at: int
    updated_at: int
    scheduled_at: int
    status: str = "queued"
    title: str = "Monthly beans"
    note: str | None = None
    attempts: int = 0
    error: str | None = None
    error_type: str | None = None
    last_attempt: int | None = None
    retry_at: int | None = None
    processed_at: int | None = None
    order_id: str | None = None
    transaction_id: str | None = None
    refunded: int = 0
    will: str = ""  # the error of the next try; empty where it will succeed
    processed_by_hand: int = 0  # how often the API was asked to process it
    stamp: str = ""  # how times are written: "" without zone, "+00:00", "Z"
    deliveries: list[Json] = field(default_factory=list)


class Ledger:
    """All charges of all stores; callers hold `lock` while they look or change."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.charges: dict[int, Charge] = {}
        self.customers: dict[int, Customer] = {}
        self._numbers = itertools.count(990_300_001)
        self._people = itertools.count(66_003_001)
        self.events = itertools.count(1)

    def customer(self, email: str, shop_id: str | None) -> Customer:
        """Find a customer by his address, or make him."""
        with self.lock:
            known = next((one for one in self.customers.values() if one.email == email), None)
            if known is None:
                known = Customer(next(self._people), email, shop_id)
                self.customers[known.id] = known
            return known

    def add(self, account: str, customer: Customer, minor: int, currency: str, now: int, **more: Any) -> Charge:
        """Make a charge."""
        with self.lock:
            number = int(more.pop("id", 0)) or next(self._numbers)
            times = {"created_at": now, "updated_at": now, "scheduled_at": now} | more
            charge = Charge(number, account, customer, minor, currency, **times)
            self.charges[number] = charge
            return charge

    def of(self, account: str) -> list[Charge]:
        """Return a store's charges."""
        with self.lock:
            return [charge for charge in self.charges.values() if charge.account == account]


def decimal(minor: int) -> str:
    """Return an amount in major units."""
    return f"{minor // 100}.{minor % 100:02d}"


def stamp(seconds: int | None, form: str = "") -> str | None:
    """Return a time as Recharge writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + form


def shown(charge: Charge, version: str) -> Json:
    """Return a charge as a version of the API shows it."""
    return _newer(charge) if version == "2021-11" else _older(charge)


def _common(charge: Charge) -> Json:
    address = {"address1": "12 Example St", "address2": None, "city": "Austin", "first_name": "Ana", "last_name": "N"}
    return {
        "id": charge.id,
        "address_id": 990_000_001,
        "analytics_data": {"utm_params": []},
        "billing_address": address,
        "client_details": {"browser_ip": None, "user_agent": None},
        "created_at": stamp(charge.created_at, charge.stamp),
        "updated_at": stamp(charge.updated_at, charge.stamp),
        "processed_at": stamp(charge.processed_at, charge.stamp),
        "retry_date": stamp(charge.retry_at, charge.stamp),
        "error": charge.error,
        "error_type": charge.error_type,
        "note": charge.note,
        "shipping_address": address,
        "shipping_lines": [],
        "tags": "Subscription",
        "tax_lines": [],
        "subtotal_price": decimal(charge.minor),
        "total_price": decimal(charge.minor),
        "total_line_items_price": decimal(charge.minor),
        "total_discounts": "0.00",
        "total_tax": "0.00",
        "total_refunds": decimal(charge.refunded) if charge.refunded else None,
    }


def _newer(charge: Charge) -> Json:
    line = {
        "purchase_item_id": 501,
        "purchase_item_type": "subscription",
        "external_product_id": {"ecommerce": "6800000000501"},
        "external_variant_id": {"ecommerce": "40100000000501"},
        "images": {},
        "properties": [],
        "quantity": 1,
        "sku": "RC-501",
        "title": charge.title,
        "total_price": decimal(charge.minor),
        "unit_price": decimal(charge.minor),
        "variant_title": None,
    }
    return _common(charge) | {
        "charge_attempts": charge.attempts,
        "currency": charge.currency,
        "customer": {
            "id": charge.customer.id,
            "email": charge.customer.email,
            "external_customer_id": {"ecommerce": charge.customer.shop_id},
            "hash": f"{charge.customer.id:x}f3df9dbe",
        },
        "discounts": [],
        "external_order_id": {"ecommerce": charge.order_id},
        "external_transaction_id": {"payment_processor": charge.transaction_id},
        "has_uncommitted_changes": False,
        "last_charge_attempt": stamp(charge.last_attempt, charge.stamp),
        "line_items": [line],
        "order_attributes": [],
        "payment_processor": "shopify_payments",
        "scheduled_at": (stamp(charge.scheduled_at) or "")[:10],
        "status": charge.status,
        "type": "recurring",
    }


def _older(charge: Charge) -> Json:
    line = {
        "subscription_id": 501,
        "shopify_product_id": "6800000000501",
        "shopify_variant_id": "40100000000501",
        "images": {},
        "price": decimal(charge.minor),
        "properties": [],
        "quantity": 1,
        "sku": "RC-501",
        "title": charge.title,
        "variant_title": "",
    }
    return _common(charge) | {
        "customer_id": charge.customer.id,
        "customer_hash": f"{charge.customer.id:x}f3df9dbe",
        "email": charge.customer.email,
        "discount_codes": [],
        "has_uncommited_changes": False,
        "last_charge_attempt_date": stamp(charge.last_attempt, charge.stamp),
        "line_items": [line],
        "note": charge.note or "",
        "note_attributes": [],
        "number_times_tried": charge.attempts,
        "processor_name": "stripe",
        "scheduled_at": f"{(stamp(charge.scheduled_at) or '')[:10]}T00:00:00",
        "shopify_order_id": charge.order_id,
        "status": charge.status.upper(),
        "transaction_id": charge.transaction_id,
        "type": "RECURRING",
    }
