"""A mini store's orders over HTTP: pushed by the simulated store, fetched by the poll, and paid."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Shop, sample


def at_the_store(shop: Shop, name: str, **wanted: Any) -> dict[str, Any]:
    """Make something happen at the store."""
    return dict(shop.sandbox.control("POST", f"/wechat/_control/{name}", {"account": "shop", **wanted}))


def taken(shop: Shop) -> int:
    """Count the pushes that the product acknowledged."""
    return sum(push["acknowledged"] for push in at_the_store(shop, "pushes")["pushes"])


def status(shop: Shop, order_id: str) -> str:
    """Return an order's status, nothing while it is unknown."""
    answer = shop.sandbox.api("GET", f"/orders/wechat/shop/{order_id}", token=shop.token)
    return str(answer.json()["status"]) if answer.status == 200 else ""


def test_a_store_order_is_pushed_fetched_and_paid(shop: Shop, eventually: Callable[..., Any]) -> None:
    before = taken(shop)
    order_id = at_the_store(shop, "store_order")["order_id"]
    eventually(lambda: taken(shop) == before + 1)

    shop.sandbox.clock(advance=61)
    eventually(lambda: status(shop, order_id) == "pending")
    paid = at_the_store(shop, "store_pay", order_id=order_id)
    eventually(lambda: taken(shop) == before + 2)
    shop.sandbox.clock(advance=61)
    eventually(lambda: status(shop, order_id) == "paid")

    order = shop.order(order_id)
    assert order["amount"] == order["paid"] == {"minor": paid["amount"], "currency": "CNY"}
    assert (order["system"], order["transaction_id"]) == ("store", paid["transaction_id"])
    assert len(eventually(lambda: shop.bus(order_id))) >= 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"form": "json"},
        {"form": "xml"},
        {"form": "json", "mode": "compatible"},
        {"form": "xml", "mode": "compatible"},
    ],
)
def test_every_form_of_a_push_is_taken(shop: Shop, wanted: dict[str, str]) -> None:
    order_id = f"push-{'-'.join(wanted.values())}"
    shop.create(order_id)
    shop.pay(order_id)
    fields = {"merchant_id": "1900099001", "merchant_trade_no": order_id, "sub_merchant_id": ""}

    push = at_the_store(shop, "push", event="trade_manage_remind_shipping", fields=fields, **wanted)

    assert (push["attempts"][0]["status"], push["attempts"][0]["answer"]) == (200, "success")
    signals = [event for event in shop.order(order_id)["events"] if event["kind"] == "signal"]
    assert [(event["via"], event["trust"], event["key_id"]) for event in signals] == [("push", "verified", "push.0")]


@pytest.mark.parametrize("spoil", ["forge", "other_app", "other_key", "stale"])
def test_f1_a_spoilt_push_is_refused_and_writes_nothing(shop: Shop, spoil: str) -> None:
    before = shop.tables()

    push = at_the_store(
        shop, "push", event="channels_ec_order_new", fields={"order_info": {"order_id": 1}}, spoil=spoil
    )

    assert push["attempts"][0]["status"] == 401
    assert shop.tables() == before


def test_the_check_of_the_url_is_echoed(shop: Shop) -> None:
    event = sample("wechat_push.url-check.json")

    answer = shop.sandbox.api("GET", f"{event['rawPath']}?{event['rawQueryString']}")

    assert (answer.status, answer.body) == (200, b"4375120948345356249")
