"""A part of the demo: what people here have a shop do with an order's money and goods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.demo.shopify import SHOP, happens, money, refunds

if TYPE_CHECKING:
    from sandbox.demo_runtime import Answer, Stage

MINUTE = 60
Json = dict[str, Any]


def _call(stage: Stage, number: int, what: str, body: Json, by: str = "anna") -> Answer:
    scopes = ("orders:read", "orders:ship", "payments:write", "refunds:request", "refunds:approve")
    token = stage.token(*scopes, subject=by)
    return stage.call("POST", f"/orders/shopify/{SHOP}/{number}/{what}", body, headers={"token": token})


def _instruction(stage: Stage, number: int) -> object:
    """Return the state of the order's last instruction."""
    found = stage.order("shopify", SHOP, str(number)).get("instructions") or [{}]
    return found[-1].get("status")


def _shop(stage: Stage, number: int) -> Json:
    """Return the order as the shop has it."""
    return stage.happen("shopify", "order", {"shop": SHOP, "order": number})


def _back(stage: Stage, number: int) -> list[tuple[str, str]]:
    """Return the movements of money back in the shop's ledger: gateway and amount."""
    moved = [one for one in _shop(stage, number)["transactions"] if one["kind"] == "REFUND"]
    return [(one["gateway"], one["amountSet"]["presentmentMoney"]["amount"]) for one in moved]


def gift_card_and_card(stage: Stage) -> None:
    """Give back what two payments brought, by a call whose answer is lost."""
    stage.scene("Shopify: a refund of a gift card and a card, whose answer is lost")
    number = int(happens(stage, "create", minor=10_000, pay="none")["order"])
    for gateway, minor in (("gift_card", 3000), ("shopify_payments", 7000)):
        happens(stage, "pay", order=number, gateway=gateway, minor=minor)
    stage.expect_soon("paid by both", lambda: money(stage, number), ("paid", 10_000, 0))
    stage.faults(shopify={"error500": {"match": "refundCreate(", "after": True, "count": 1}})
    wish = {"amount": {"minor": 5000, "currency": "USD"}, "reason": "one of two cups leaked"}
    asked = _call(stage, number, "refunds", wish, by="ben")
    stage.tell("ben", "asks for 50.00 USD back; anna approves it")
    path = f"refunds/{asked.body['refund_id']}/approve"
    stage.expect("approved", _call(stage, number, path, {}).status, 200)
    stage.expect_soon(
        "the shop has given it back",
        lambda: _back(stage, number),
        [("gift_card", "30.00"), ("shopify_payments", "20.00")],
    )
    stage.advance(3 * MINUTE, "no answer came; the shop is read before anything is asked again")
    stage.expect_soon("one refund", lambda: refunds(stage, number), (["succeeded"], 5000))
    stage.expect("made once", len(_back(stage, number)), 2)
    stage.faults(shopify={"clear": True})


def held_and_taken(stage: Stage) -> None:
    """Take what is held, and send the goods."""
    stage.scene("Shopify: what is held is taken, and the goods are sent")
    number = int(happens(stage, "create", minor=6000, pay="authorization")["order"])
    stage.expect_soon("held", lambda: money(stage, number)[0], "authorized")
    stage.expect("to be taken", _call(stage, number, "capture", {}).status, 202)
    stage.expect_soon("taken", lambda: (_instruction(stage, number), money(stage, number)[0]), ("succeeded", "paid"))
    parcel = {"carrier": "UPS", "tracking_no": f"1Z{number}"}
    stage.expect("sent", _call(stage, number, "shipments", parcel).status, 201)
    stage.expect_soon("the shop knows", lambda: _shop(stage, number)["displayFulfillmentStatus"], "FULFILLED")


def bank_deposit(stage: Stage) -> None:
    """Mark as paid what came to the bank: two people say so."""
    stage.scene("Shopify: a bank deposit")
    number = int(happens(stage, "create", minor=4000, pay="none")["order"])
    happens(stage, "pay", order=number, status="pending", gateway="manual", minor=4000)
    stage.expect_soon("waits for the deposit", lambda: money(stage, number)[0], "pending")
    seen = {"amount": {"minor": 4000, "currency": "USD"}}
    stage.expect("anna saw it on the statement", _call(stage, number, "mark-paid", seen).status, 202)
    stage.expect_soon("a second person is needed", lambda: _instruction(stage, number), "unconfirmed")
    stage.expect("anna is no second person", _call(stage, number, "mark-paid", seen).status, 409)
    stage.expect("ben saw it too", _call(stage, number, "mark-paid", seen, by="ben").status, 202)
    stage.expect_soon("paid", lambda: (_instruction(stage, number), money(stage, number)[0]), ("succeeded", "paid"))


def cancelled(stage: Stage) -> None:
    """Cancel an order: what was held for it is let go."""
    stage.scene("Shopify: an order is cancelled")
    number = int(happens(stage, "create", minor=2000, pay="authorization")["order"])
    stage.expect_soon("held", lambda: money(stage, number)[0], "authorized")
    stage.expect("to be cancelled", _call(stage, number, "cancel", {"reason": "customer", "restock": True}).status, 202)
    stage.expect_soon("the shop was asked", lambda: _instruction(stage, number), "processing")
    stage.advance(MINUTE, "Shopify cancels it some seconds later")
    stage.expect_soon("closed", lambda: (_instruction(stage, number), money(stage, number)[0]), ("succeeded", "closed"))


SCENES = [gift_card_and_card, held_and_taken, bank_deposit, cancelled]
