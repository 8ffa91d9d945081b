"""BigCommerce's part of the story: a store's order is paid at a cashier that the store does not know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sandbox.demo.cashier import browse

if TYPE_CHECKING:
    from sandbox.demo_runtime import Answer, Stage

APP, STORE, BY_STRIPE, BY_CODE = "pay", "demostore1", "demostore2", "demostore3"
ORIGIN = "https://shop.example.com"
MINUTE = 60
COLD_START = 60  # real seconds
Json = dict[str, Any]


def happens(stage: Stage, what: str, store: str = STORE, **how: Any) -> Json:
    """Have something happen in a store."""
    return stage.happen("bigcommerce", what, {"account": store, **how})


def ask(stage: Stage, order: Json, **changes: Any) -> Answer:
    """Ask for an order's payment as the script on its confirmation page does."""
    wish = {"store_hash": order["store"], "order_id": order["id"], "cart_id": order["cart_id"], **changes}
    return stage.call("POST", f"/bigcommerce/{APP}/payments", wish, headers={"origin": ORIGIN})


def there(stage: Stage, order: Json) -> tuple[int, list[int]]:
    """Return an order's status in the store, and each status that was written to it."""
    found = happens(stage, "ledger", order["store"])["orders"]
    one = next(known for known in found if known["id"] == order["id"])
    return int(one["status_id"]), list(one["puts"])


def status(stage: Stage, order: Json) -> str:
    """Return an order's status as the merchant API shows it."""
    return str(stage.order("bigcommerce", order["store"], str(order["id"])).get("status"))


def hooks(stage: Stage) -> int:
    """Count the hooks of a store that deliver."""
    return sum(bool(hook["is_active"]) for hook in happens(stage, "hooks")["hooks"])


def subscribe(stage: Stage) -> None:
    """See the guard make the hooks, and switch on what BigCommerce switched off."""
    stage.scene("BigCommerce: hooks")
    stage.advance(11 * MINUTE, "every ten minutes the guard looks after the store's hooks")
    end = time.monotonic() + COLD_START
    while hooks(stage) != 5 and time.monotonic() < end:  # the first run of a function that nobody has started yet
        time.sleep(0.5)
    stage.expect_soon("hooks", lambda: hooks(stage), 5)


def paid(stage: Stage) -> None:
    """Let shoppers of three stores pay: at an HC1 cashier, at Stripe and by a QR code on our own page."""
    stage.scene("BigCommerce: a cashier that the store does not know")
    for store, cashier in ((STORE, "an HC1 cashier"), (BY_STRIPE, "Stripe"), (BY_CODE, "our page with a QR code")):
        _pays(stage, store, cashier)


def _pays(stage: Stage, store: str, cashier: str) -> None:
    order = happens(stage, "order", store)
    answer = ask(stage, order)
    stage.expect("the page is told where to go", (answer.status, answer.body.get("status")), (200, "CREATED"))
    again = ask(stage, order)
    stage.tell("shopper", f"pays order {order['id']} of {store} at {cashier}")
    if store == BY_CODE:  # each tab has a page of its own: of the same payment
        pages = [browse(one.body["cashier_url"]) for one in (answer, again)]
        stage.expect("both tabs show the code", ["<svg" in page for page in pages], [True, True])
        stage.happen("wechat", "pay", {"account": "shop", "out_trade_no": f"bc-{store}-{order['id']}-1"})
    else:
        stage.expect("a second tab goes there too", again.body["cashier_url"], answer.body["cashier_url"])
        browse(answer.body["cashier_url"], "do=pay")
    stage.expect_soon("the store is told once", lambda: there(stage, order), (11, [11]))
    stage.expect_soon("paid", lambda: status(stage, order), "paid")


def told_of(stage: Stage) -> None:
    """Let an order be known by its delivery alone, and by the list where no delivery came; hooks end and come back."""
    stage.scene("BigCommerce: what the store tells, and what it does not")
    order = happens(stage, "order")
    stage.advance(MINUTE, "the delivery said that there is an order; it is read")
    stage.expect_soon("it waits for its payment", lambda: status(stage, order), "pending")
    happens(stage, "switch_off")
    silent = happens(stage, "order")
    stage.tell("store", "switched its hooks off, and says nothing of the next order")
    stage.advance(11 * MINUTE, "the list is read, and the guard switches them on again")
    stage.expect_soon("found all the same", lambda: status(stage, silent), "pending")
    stage.expect_soon("hooks", lambda: hooks(stage), 5)


def late_notification(stage: Stage) -> None:
    """Lose the notification: the page asks what became of its order, and the cashier is asked for it."""
    stage.scene("BigCommerce: the shopper is back before the notification")
    order = happens(stage, "order")
    answer = ask(stage, order).body
    stage.faults(cashier={"drop": 1})
    browse(answer["cashier_url"], "do=pay")
    stage.advance(10, "she is back on the confirmation page")

    def page() -> str:
        bearer = {"authorization": f"Bearer {answer['status_token']}", "origin": ORIGIN}
        return str(stage.call("GET", f"/bigcommerce/{APP}/payments/status", headers=bearer).body.get("status"))

    stage.expect_soon("the page says", page, "PAID")
    stage.expect_soon("the store is told", lambda: there(stage, order), (11, [11]))
    stage.faults(cashier={"clear": True})


def strangers(stage: Stage) -> None:
    """Let somebody guess: every answer is the same, and nothing comes of it."""
    stage.scene("BigCommerce: who has no proof")
    order = happens(stage, "order")
    guessed = ask(stage, order, cart_id="15c3d719-22ef-49a8-a811-c549786d02c3")
    stage.expect("a guessed cart", (guessed.status, guessed.body), (404, {"error": {"code": "not_found"}}))
    other = ask(stage, order, order_id=999_999)
    stage.expect("an order that is none looks alike", (other.status, other.body), (guessed.status, guessed.body))


def cancelled(stage: Stage) -> None:
    """Let the store cancel an order while its shopper is at the cashier, and pays all the same."""
    stage.scene("BigCommerce: paid after the store cancelled it")
    order = happens(stage, "order")
    url = ask(stage, order).body["cashier_url"]
    happens(stage, "move", id=order["id"], status_id=5)
    stage.tell("store", f"cancels order {order['id']}")
    browse(url, "do=pay")
    reference = f"bc-{STORE}-{order['id']}-1"

    def wishes() -> list[str]:
        attempt = stage.order("cashier", "hc1.main", reference)
        return [str(one["status"]) for one in attempt.get("refunds") or []]

    stage.expect_soon("its refund is asked for", wishes, ["requested"])
    stage.expect("and the order stays cancelled", there(stage, order), (5, []))


SCENES = [subscribe, paid, told_of, late_notification, strangers, cancelled]
