"""What several of these tests need: callbacks signed at any time, orders by the handful, and the table as it is."""

import json
from collections.abc import Iterable
from typing import Any

from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Queried, Terms, Trust, Verified
from countersign.store import OrderStore
from tests.functions.conftest import Cloud
from tests.platforms.wechat.support import MCHID, TRANSACTION, envelope, signature_headers

Event = dict[str, Any]
PRICE = Money(8800, "CNY")
SCHEDULE = {"source": "aws.scheduler"}


def key(order_id: str) -> OrderKey:
    return OrderKey("wechat", "shop", order_id)


def notify_event(body: bytes, headers: dict[str, str] | None = None) -> Event:
    """Return a callback as API Gateway hands it over."""
    return {
        "version": "2.0",
        "routeKey": "POST /wechat/{account}/notify",
        "rawPath": "/wechat/shop/notify",
        "rawQueryString": "",
        "headers": headers or {},
        "pathParameters": {"account": "shop"},
        "requestContext": {
            "http": {"method": "POST", "path": "/wechat/shop/notify", "sourceIp": "203.0.113.9"},
            "domainName": "pay.example.com",
            "stage": "$default",
            "requestId": "id",
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def paid_notice(order_id: str, at: int, **changes: Any) -> Event:
    """Return WeChat's genuine notice of a payment, signed at this time."""
    body = envelope({**TRANSACTION, "out_trade_no": order_id, **changes})
    return notify_event(body, signature_headers(body, at=at))


def open_order(store: OrderStore, order_id: str, now: int) -> None:
    """Put an order on record as a create call does."""
    terms = Terms(PRICE, "v3", "jsapi", "digest", now, now + 7200)
    opened = Change(key(order_id), OrderCreated(terms), Operator("merchant"), "merchant", MCHID, "v3")
    assert store.record(opened, now=now).outcome == "applied"


def paid(order_id: str, at: int, trust: Trust | None = None, via: str = "notify", **changes: Any) -> Change:
    """Return the news that an order is paid."""
    fact = Paid(**{"transaction_id": f"4200{order_id}", "total": PRICE, "paid_at": at, "payer_paid": 8800, **changes})
    return Change(key(order_id), fact, trust or Verified("PUB_KEY_ID_1"), via, MCHID, "v3")


def queried(order_id: str, at: int, **changes: Any) -> Change:
    """Return the same by the answer of a query."""
    return paid(order_id, at, Queried("PUB_KEY_ID_1"), "query", **changes)


def emitted(rows: Iterable[Event]) -> list[str]:
    """Return what event rows say on the bus."""
    return sorted(word["S"] for row in rows for word in row.get("emits", {}).get("L", []))


def frozen(rows: Iterable[Event]) -> list[str]:
    """Return rows in a form that can be compared."""
    return sorted(json.dumps(row, sort_keys=True, default=repr) for row in rows)


def table_of(cloud: Cloud) -> list[str]:
    """Return the whole orders table in a form that can be compared."""
    return frozen(cloud.table())
