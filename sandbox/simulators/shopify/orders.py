"""The shops' ledgers: orders with every movement of their money, and the two forms in which Shopify tells of them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
MOST_MOVEMENTS = 51  # that are asked for with an order: a longer list is cut off without a word
DECIMALS = {"JPY": 0, "ISK": 0, "KRW": 0, "KWD": 3, "BHD": 3, "JOD": 3}


@dataclass
class Movement:
    """One transaction; `amount` and `shop_amount` are minor units of the order's two currencies."""

    id: int
    kind: str
    status: str
    amount: int
    shop_amount: int
    gateway: str
    at: float
    parent: int | None = None
    refund: int | None = None


@dataclass
class Order:
    """One order; totals are minor units, the current one as the buyer is charged it."""

    id: int
    number: int
    shop_id: int
    currency: str
    shop_currency: str
    total: int
    shop_total: int
    created_at: float
    updated_at: float
    title: str = "Mug"
    test: bool = False
    cancelled_at: float | None = None
    closed_at: float | None = None
    fulfilled: bool = False
    digital: bool = False  # nothing of it is to be sent
    to_send: list[Json] = field(default_factory=list)  # fulfilment orders: id, status, location, lines (id, line, left)
    fulfillments: list[Json] = field(default_factory=list)  # as the Admin API tells them
    sent: dict[int, dict[int, int]] = field(default_factory=dict)  # of each fulfilment: how many of each line
    word: str = ""  # a financial status of next year, in the place of the true one
    attributes: dict[str, str] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    refunds: list[Json] = field(default_factory=list)  # id, at

    def sum(self, *kinds: str, shop: bool = False, status: str = "success") -> int:
        """Add up the movements of some kinds."""
        chosen = [one for one in self.movements if one.kind in kinds and one.status == status]
        return sum(one.shop_amount if shop else one.amount for one in chosen)

    @property
    def received(self) -> int:
        """What was taken, before refunds."""
        return self.sum("sale", "capture")

    @property
    def refunded(self) -> int:
        """What went back."""
        return self.sum("refund")

    @property
    def outstanding(self) -> int:
        """What is still to be paid."""
        return max(0, self.total - (self.received - self.refunded))

    @property
    def capturable(self) -> int:
        """What is held, and was not taken yet."""
        return max(0, self.sum("authorization") - self.sum("capture") - self.sum("void"))

    @property
    def fulfillment_status(self) -> str:
        """How far it is sent, as the Admin API words it."""
        if self.digital:
            return "FULFILLMENT_NOT_REQUIRED"
        closed = [one["status"] == "CLOSED" for one in self.to_send]
        if self.fulfilled or (closed and all(closed)):
            return "FULFILLED"
        return "PARTIALLY_FULFILLED" if any(closed) or self.fulfillments else "UNFULFILLED"

    @property
    def financial_status(self) -> str:
        """The state as Shopify words it."""
        if self.word:
            return self.word
        if self.received and self.refunded >= self.received:
            return "refunded"
        if self.refunded:
            return "partially_refunded"
        if self.received and self.outstanding:
            return "partially_paid"
        if self.received or not self.total:
            return "paid"
        if self.capturable:
            return "authorized"
        return "voided" if self.sum("void") or self.cancelled_at is not None else "pending"


def money(minor: int, currency: str) -> str:
    """Write minor units as the decimal text of an amount."""
    digits = DECIMALS.get(currency, 2)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def when(at: float | None, offset: int = -5) -> str | None:
    """Write a moment with the shop's offset, as webhooks do."""
    if at is None:
        return None
    zone = datetime.timezone(datetime.timedelta(hours=offset))
    return datetime.datetime.fromtimestamp(int(at), zone).isoformat()


def utc(at: float | None) -> str | None:
    """Write a moment as the Admin API does."""
    if at is None:
        return None
    return f"{datetime.datetime.fromtimestamp(int(at), datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def both(order: Order, charged: int, shop: int) -> Json:
    """Write an amount in both currencies, as webhooks do."""
    return {
        "shop_money": {"amount": money(shop, order.shop_currency), "currency_code": order.shop_currency},
        "presentment_money": {"amount": money(charged, order.currency), "currency_code": order.currency},
    }


def bag(order: Order, charged: int, shop: int) -> Json:
    """Write an amount in both currencies, as the Admin API does."""
    return {
        "shopMoney": {"amount": money(shop, order.shop_currency), "currencyCode": order.shop_currency},
        "presentmentMoney": {"amount": money(charged, order.currency), "currencyCode": order.currency},
    }


def order_body(order: Order) -> Json:
    """Write an order as a webhook tells it."""
    shop_due = max(0, order.shop_total - (order.sum("sale", "capture", shop=True) - order.sum("refund", shop=True)))
    return {
        "id": order.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order.id}",
        "name": f"#{order.number}",
        "order_number": order.number,
        "phone": "+8613800138000",
        "created_at": when(order.created_at),
        "updated_at": when(order.updated_at),
        "processed_at": when(order.created_at),
        "cancelled_at": when(order.cancelled_at),
        "cancel_reason": "customer" if order.cancelled_at is not None else None,
        "closed_at": when(order.closed_at),
        "currency": order.shop_currency,
        "presentment_currency": order.currency,
        "current_total_price": money(order.shop_total, order.shop_currency),
        "current_total_price_set": both(order, order.total, order.shop_total),
        "total_price": money(order.shop_total, order.shop_currency),
        "total_outstanding": money(shop_due if order.outstanding else 0, order.shop_currency),
        "financial_status": order.financial_status,
        "fulfillment_status": {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}.get(
            order.fulfillment_status
        ),
        "payment_gateway_names": list(dict.fromkeys(one.gateway for one in order.movements)),
        "note_attributes": [{"name": name, "value": value} for name, value in order.attributes.items()],
        "order_status_url": f"https://shop.example.com/{order.shop_id}/orders/{order.id:x}/authenticate?key=k",
        "source_name": "web",
        "test": order.test,
        "line_items": [
            {
                "id": order.id + 1,
                "title": order.title,
                "quantity": 1,
                "current_quantity": 1,
                "price": money(order.shop_total, order.shop_currency),
                "price_set": both(order, order.total, order.shop_total),
            }
        ],
        "refunds": [refund_body(order, refund) for refund in order.refunds],
    }


def refund_body(order: Order, refund: Json) -> Json:
    """Write a refund as a webhook tells it."""
    return {
        "id": refund["id"],
        "admin_graphql_api_id": f"gid://shopify/Refund/{refund['id']}",
        "order_id": order.id,
        "created_at": when(refund["at"]),
        "note": refund.get("note") or None,
        "refund_line_items": [],
        "transactions": [movement_body(order, one) for one in order.movements if one.refund == refund["id"]],
    }


def movement_body(order: Order, one: Movement) -> Json:
    """Write a movement of money as a webhook tells it."""
    none = {"amount": "0.0", "currency": order.currency}
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{one.id}",
        "order_id": order.id,
        "kind": one.kind,
        "status": one.status,
        "amount": money(one.amount, order.currency),
        "currency": order.currency,
        "gateway": one.gateway,
        "parent_id": one.parent,
        "created_at": when(one.at),
        "processed_at": when(one.at),
        "test": order.test,
        "error_code": None,
        "total_unsettled_set": {"presentment_money": none, "shop_money": {**none, "currency": order.shop_currency}},
    }


def order_node(order: Order) -> Json:
    """Write an order as the Admin API tells it."""
    shop_received = order.sum("sale", "capture", shop=True)
    # Below zero where the merchant owes: https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
    due = order.total - (order.received - order.refunded)
    shop_due = order.shop_total - (shop_received - order.sum("refund", shop=True))
    return {
        "id": f"gid://shopify/Order/{order.id}",
        "name": f"#{order.number}",
        "createdAt": utc(order.created_at),
        "updatedAt": utc(order.updated_at),
        "cancelledAt": utc(order.cancelled_at),
        "cancelReason": "CUSTOMER" if order.cancelled_at is not None else None,
        "test": order.test,
        "sourceName": "web",
        "displayFinancialStatus": order.financial_status.upper(),
        "displayFulfillmentStatus": order.fulfillment_status,
        "paymentGatewayNames": list(dict.fromkeys(one.gateway for one in order.movements)),
        "customAttributes": [{"key": name, "value": value} for name, value in order.attributes.items()],
        "currentTotalPriceSet": bag(order, order.total, order.shop_total),
        "totalReceivedSet": bag(order, order.received, shop_received),
        "totalOutstandingSet": bag(order, due, shop_due),
        "totalCapturableSet": bag(order, order.capturable, order.capturable),
        "lineItems": {
            "nodes": [
                {
                    "title": order.title,
                    "currentQuantity": 1,
                    "originalUnitPriceSet": bag(order, order.total, order.shop_total),
                }
            ]
        },
        "transactions": [movement_node(order, one) for one in order.movements[:MOST_MOVEMENTS]],
    }


def movement_node(order: Order, one: Movement) -> Json:
    """Write a movement of money as the Admin API tells it."""
    return {
        "id": f"gid://shopify/OrderTransaction/{one.id}",
        "kind": one.kind.upper(),
        "status": one.status.upper(),
        "gateway": one.gateway,
        "processedAt": utc(one.at),
        "createdAt": utc(one.at),
        "errorCode": None,
        "test": order.test,
        "amountSet": bag(order, one.amount, one.shop_amount),
        "parentTransaction": {"id": f"gid://shopify/OrderTransaction/{one.parent}"} if one.parent else None,
    }


def refundable(order: Order) -> list[tuple[Movement, int, int]]:
    """Return each payment of which money can go back, and how much of it in both currencies; gift cards come first."""
    found = []
    for one in order.movements:
        if one.kind not in ("sale", "capture") or one.status != "success":
            continue
        back = [back for back in order.movements if back.kind == "refund" and back.parent == one.id]
        gone = [back for back in back if back.status in ("success", "pending")]
        left = one.amount - sum(back.amount for back in gone)
        if left > 0:
            found.append((one, left, max(0, one.shop_amount - sum(back.shop_amount for back in gone))))
    return sorted(found, key=lambda entry: entry[0].gateway != "gift_card")
