"""Shopify's part of the story: an order and its money, a topic that lies, and an outage that is proved healed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.demo_runtime import Stage

SHOP = "demo-shop.myshopify.com"
MINUTE, HOUR = 60, 3600
TOPICS = 9  # of the shop's subscriptions
COLD_START = 60  # real seconds
Json = dict[str, Any]


def happens(stage: Stage, what: str, **how: Any) -> Json:
    """Have something happen in the shop; returns the order's number and state there."""
    return stage.happen("shopify", what, {"shop": SHOP, **how})


def money(stage: Stage, number: int) -> tuple[Any, ...]:
    """Return the order's status, and what was paid and refunded, as the merchant API shows them."""
    order = stage.order("shopify", SHOP, str(number))
    return (order.get("status"), *((order.get(name) or {}).get("minor") for name in ("paid", "refunded")))


def refunds(stage: Stage, number: int) -> tuple[list[str], Any]:
    """Return the states of an order's refunds, and what went back."""
    order = stage.order("shopify", SHOP, str(number))
    return [str(one["status"]) for one in order.get("refunds") or []], money(stage, number)[2]


def topics(stage: Stage) -> int:
    """Count the shop's subscriptions."""
    return len(stage.happen("shopify", "subscriptions", {"shop": SHOP})["subscriptions"])


def subscribe(stage: Stage) -> None:
    """See the guard subscribe to what is told of orders."""
    stage.scene("Shopify: subscriptions to webhooks")
    stage.advance(11 * MINUTE, "every ten minutes the guard looks after the shop's subscriptions")
    end = time.monotonic() + COLD_START
    while topics(stage) != TOPICS and time.monotonic() < end:  # the first run of a function that nobody has started yet
        time.sleep(0.5)
    stage.expect_soon("subscriptions", lambda: topics(stage), TOPICS)


def bought_and_returned(stage: Stage) -> None:
    """Let an order be bought, and a part of it go back hours before the money does."""
    stage.scene("Shopify: an order, and a refund that takes its time")
    number = int(happens(stage, "create", minor=10_000)["order"])
    stage.tell("Shopify", "sells for 100.00 USD, and says so by three deliveries in any sequence")
    stage.expect_soon("paid", lambda: money(stage, number), ("paid", 10_000, 0))
    happens(stage, "refund", order=number, minor=3000, status="pending")
    stage.tell("shop", "refunds 30.00; the payment provider has not moved it yet")
    stage.expect_soon("processing, and no money back", lambda: refunds(stage, number), (["processing"], 0))
    happens(stage, "settle", order=number, quiet=True)
    stage.advance(2 * HOUR, "it moves, and nobody tells; the shop is asked")
    stage.expect_soon("refunded in part", lambda: money(stage, number), ("partially_refunded", 10_000, 3000))


def lying_topic(stage: Stage) -> None:
    """Let a delivery say in its header what its body does not."""
    stage.scene("Shopify: the topic says paid")
    stage.faults(shopify={"lying_topic": {"match": "ORDERS_CREATE", "instead": True}})
    number = int(happens(stage, "create", pay="none")["order"])
    stage.tell("somebody", "delivers the genuine body of an unpaid order under the topic orders/paid")
    stage.expect_soon("pending all the same", lambda: money(stage, number)[0], "pending")
    stage.faults(shopify={"clear": True})


def outage(stage: Stage) -> None:
    """Let Shopify delete the subscriptions; what happened meanwhile is found, and that nothing is missing is proved."""
    stage.scene("Shopify: a lost afternoon")
    happens(stage, "drop_subscriptions")
    sold = [int(happens(stage, "create", minor=1000 * n)["order"]) for n in range(1, 6)]
    stage.tell("Shopify", "was answered badly for four hours, deletes the subscriptions, and sells five times")
    stage.advance(11 * MINUTE, "the guard misses the subscriptions, makes them anew and has the gap read")
    stage.expect_soon("restored", lambda: topics(stage), TOPICS)
    stage.advance(11 * MINUTE, "the shop's orders are read")
    stage.expect_soon("all are known", lambda: [money(stage, one)[0] for one in sold], ["paid"] * 5)
    stage.advance(11 * MINUTE, "and compared with the shop's own list")
    told = lambda: [one["detail-type"] for one in stage.inbox("bus", SHOP)].count("subscription.restored")  # noqa: E731
    stage.expect_soon("0 events missing", told, 1)


def by_reference(stage: Stage, reference: str) -> list[Any]:
    """Return the statuses of the orders that have the merchant's number."""
    page = stage.call("GET", f"/orders?account=shopify/{SHOP}&reference={reference}").body
    return [one["status"] for one in page["orders"]]


def cart(stage: Stage) -> None:
    """Let the merchant's server make a cart, and a buyer pay in Shopify's own checkout."""
    stage.scene("Shopify: a cart with the merchant's own number")
    wanted = {"reference": "SO-2026-77", "lines": [{"variant_id": "43700000001", "quantity": 2}]}
    made = stage.call("POST", f"/shopify/{SHOP}/carts", wanted)
    checkout = made.body["client"]["checkoutUrl"]
    paid_at = checkout.startswith(f"https://{SHOP}/cart/")
    stage.expect("a cart, and where it is paid", (made.status, paid_at), (201, True))
    stage.expect("nobody has bought yet", by_reference(stage, "SO-2026-77"), [])
    happens(stage, "checkout", cart=checkout)
    stage.tell("buyer", "pays 50.00 USD on the shop's page; the cart's attributes come back with the order")
    stage.expect_soon("found by the merchant's number", lambda: by_reference(stage, "SO-2026-77"), ["paid"])


def history(stage: Stage) -> None:
    """Import what the shop sold before anybody listened, from a file that the shop writes."""
    stage.scene("Shopify: a long history is imported")
    happens(stage, "silence")
    happens(stage, "bulk_seconds", seconds=0)
    sold = [int(happens(stage, "create", minor=2000 * n)["order"]) for n in range(1, 4)]
    stage.tell("shop", "has sold three times, and nobody was told")
    wanted = {"function": "ShopifyImport", "event": {"accounts": [SHOP], "import": {}}}
    stage.sandbox.control("POST", "/invoke", wanted)
    stage.tell("operator", "has the shop write its history into a file, which is read line by line")
    stage.expect_soon(
        "all are known",
        lambda: [money(stage, one)[:2] for one in sold],
        [("paid", 2000), ("paid", 4000), ("paid", 6000)],
    )
    happens(stage, "bulk_seconds", seconds=20)
    happens(stage, "silence", silent=False)


SCENES = [subscribe, bought_and_returned, lying_topic, cart, history, outage]
