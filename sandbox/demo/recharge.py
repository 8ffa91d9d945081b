"""Recharge's part of the story: a subscription charge fails, is known, explained, told, and tried again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.demo_runtime import Stage

ACCOUNT, OLDER = "subscriptions", "older"
MINUTE, HOUR, DAY = 60, 3600, 86_400
COLD_START = 60  # real seconds
Json = dict[str, Any]


def charge(stage: Stage, account: str = ACCOUNT, **how: Any) -> Json:
    """Have Recharge take a charge; returns what it is there."""
    return stage.happen("recharge", "charge", {"account": account, "attempt": True, **how})


def shown(stage: Stage, number: int, account: str = ACCOUNT) -> Json:
    """Return the charge as the merchant API shows it; empty where it is not known."""
    return stage.order("recharge", account, str(number))


def detail(stage: Stage, number: int, *names: str, account: str = ACCOUNT) -> tuple[Any, ...]:
    """Return the status of a charge and some of what is told about it."""
    order = shown(stage, number, account)
    told = order.get("charge") or {}
    return (order.get("status"), *(told.get(name) for name in names))


def subscribe(stage: Stage) -> None:
    """See the guard subscribe to what is told of charges."""
    stage.scene("Recharge: subscriptions to webhooks")
    stage.advance(HOUR, "every hour the guard looks after the subscriptions to webhooks")

    def topics() -> int:
        return len(stage.happen("recharge", "subscriptions", {"account": ACCOUNT})["subscriptions"])

    end = time.monotonic() + COLD_START
    while topics() != 7 and time.monotonic() < end:  # the first run of a function that nobody has started yet
        time.sleep(0.5)
    stage.expect_soon("subscriptions", topics, 7)


def fails_and_recovers(stage: Stage) -> None:
    """Let a card be declined; the customer renews it, and the next try succeeds."""
    stage.scene("Recharge: a charge fails, and recovers")
    made = charge(stage, will="CARD_DECLINED", note="Llamar antes", title="Monthly beans")
    number = int(made["id"])
    stage.tell("Recharge", f"cannot take {made['minor'] / 100:.2f} USD for Monthly beans, and delivers it")
    stage.expect_soon("known", lambda: detail(stage, number, "group", "attempts"), ("failed", "customer_must_act", 1))
    stage.expect(
        "with the note", detail(stage, number, "note", "shop_customer_id")[1:], ("Llamar antes", "7711000000001")
    )
    listed = stage.call("GET", f"/charges?account=recharge/{ACCOUNT}&status=failed&group=customer_must_act")
    stage.expect("listed", [row["order_id"] for row in listed.body["charges"]], [str(number)])

    def found() -> bool:
        asked = stage.call("POST", "/lookup", {"account": f"recharge/{ACCOUNT}", "value": "Ana@example.com"})
        return str(number) in [row["order"]["order_id"] for row in asked.body.get("found", [])]

    stage.expect_soon("found by the customer's e-mail address, which nobody kept", found, True)

    stage.happen("recharge", "card", {"account": ACCOUNT, "charge_id": number})
    stage.tell("customer", "renews the card in the portal")
    stage.advance(DAY + MINUTE, "the next day Recharge tries again by itself")
    stage.expect_soon("recovered", lambda: detail(stage, number, "error"), ("paid", None))
    order = shown(stage, number)
    of_the_shop = ((order.get("part_of") or {}).get("order_id"), (order.get("charge") or {}).get("external_order_id"))
    stage.expect("a part of the shop's order", of_the_shop[0] == of_the_shop[1] is not None, True)


def nobody_told(stage: Stage) -> None:
    """Every delivery is lost; the list of failed charges has it."""
    stage.scene("Recharge: nobody told")
    stage.faults(recharge={"drop": {"match": "charge/"}})
    made = charge(stage, will="VARIANT_DOES_NOT_EXIST")
    stage.tell("Recharge", "fails a charge for a product that is gone, and its delivery is lost")
    stage.advance(11 * MINUTE, "every ten minutes the list of failed charges is read from where it was left")
    found = lambda: detail(stage, int(made["id"]), "group")  # noqa: E731 - one look
    stage.expect_soon("found by the list", found, ("failed", "merchant_must_act"))
    stage.faults(recharge={"clear": True})


def tried_again(stage: Stage) -> None:
    """Somebody has a charge tried again; the answer is lost, and reading tells what became of it."""
    stage.scene("Recharge: tried again, once")
    made = charge(stage, will="INSUFFICIENT_FUNDS")
    number = int(made["id"])
    stage.expect_soon("known", lambda: detail(stage, number, "group"), ("failed", "will_be_retried"))
    stage.happen("recharge", "will", {"account": ACCOUNT, "charge_id": number, "will": ""})
    stage.faults(recharge={"error500": {"match": "process", "after": True}})
    asked = stage.call("POST", f"/charges/{ACCOUNT}/{number}/retry")
    stage.tell("anna", "asks for the charge to be tried again, now that the customer has money")
    stage.expect("recorded first", (asked.status, asked.body["retry"]["status"]), (202, "requested"))
    stage.advance(2 * MINUTE, "Recharge takes it and its answer is lost: from then on the charge is only read")
    stage.expect_soon("paid", lambda: detail(stage, number, "attempts"), ("paid", 2))
    by_hand = stage.happen("recharge", "ledger", {"account": ACCOUNT, "charge_id": number})["charges"][0]
    stage.expect("asked for once", by_hand["processed_by_hand"], 1)


def deliveries_end(stage: Stage) -> None:
    """Recharge ends the subscriptions after 48 hours; they are made anew, and the gap is read."""
    stage.scene("Recharge: deliveries end, and come back")
    stage.happen("recharge", "unsubscribe", {"account": ACCOUNT})
    made = charge(stage, will="CARD_EXPIRED")
    stage.tell("Recharge", "was answered badly for 48 hours, deletes the subscriptions and tells nobody of a failure")
    stage.advance(HOUR, "the guard misses the subscriptions, makes them anew and has the gap read")
    stage.advance(11 * MINUTE, "the list is read")
    stage.expect_soon(
        "nothing is lost", lambda: detail(stage, int(made["id"]), "group"), ("failed", "customer_must_act")
    )
    ended = stage.happen("recharge", "subscriptions", {"account": ACCOUNT})
    stage.expect("restored", (len(ended["subscriptions"]), len(ended["ended"])), (7, 7))


SCENES = [subscribe, fails_and_recovers, nobody_told, tried_again, deliveries_end]
