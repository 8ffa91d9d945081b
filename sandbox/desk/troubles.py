"""What goes wrong: each button's calls, and the sentence that says what to look at."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.desk.hands import Bought, Hand

Json = dict[str, Any]
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
MINUTE, DAY = 60, 86_400
WAITING, PAID = "waiting", "paid"
GUESSED = "15c3d719-22ef-49a8-a811-c549786d02c3"  # a cart that is nobody's


@dataclass(frozen=True)
class Trouble:
    """One button; `needs` is how an order must be: where it is not, another one is bought first.

    What `moves_on` takes the order away from whoever pays it; what does not may come again and again.
    """

    id: str
    needs: str
    act: Callable[[Hand, Bought], None]
    moves_on: bool = True


def answers(told: Json) -> str:
    """Write what the product answered to notices."""
    return " ".join(str(one.get("status") or one.get("answer") or "none") for one in told.get("deliveries", ()))


def guarded(hand: Hand, platform: str, function: str, **which: str) -> None:
    """See that a platform tells us of things: the guard of subscriptions comes every ten minutes, and here at once."""
    what = "hooks" if platform == "bigcommerce" else "subscriptions"
    if not hand.happen(platform, what, **which)[what]:
        hand.control("/invoke", {"function": function, "event": {}})


def _wechat(hand: Hand, bought: Bought, what: str = "pay", **how: Any) -> Json:
    return hand.happen("wechat", what, account=bought.account, out_trade_no=bought.reference, **how)


def _five(hand: Hand, bought: Bought) -> None:
    hand.say("said.five", answers=answers(_wechat(hand, bought, times=5)))


def _lost(hand: Hand, bought: Bought) -> None:
    _wechat(hand, bought, notify=False)
    hand.say("said.lost")


def _amount(hand: Hand, bought: Bought) -> None:
    hand.say("said.amount", answers=answers(_wechat(hand, bought, amount=1)))


def _spoilt(kind: str) -> Callable[[Hand, Bought], None]:
    def act(hand: Hand, bought: Bought) -> None:
        told = _wechat(hand, bought, "notify", spoil=kind)
        hand.say(f"said.{kind}", status=told["status"])

    return act


def _late(hand: Hand, bought: Bought) -> None:
    """Close the order, which WeChat does five minutes after it was made at the earliest, and pay it all the same."""
    hand.api("POST", f"{bought.path}/close", repeats=True)
    hand.advance(6 * MINUTE)
    hand.until(lambda: hand.order(bought).get("status") == "closed")
    told = _wechat(hand, bought, late=True)
    hand.say("said.late", answers=answers(told))


def _console(hand: Hand, bought: Bought) -> None:
    told = _wechat(hand, bought, "refund", amount=bought.minor // 4)
    hand.say("said.console", answers=answers((told.get("refunds") or [{}])[-1]))


def ask_refund(hand: Hand, bought: Bought, minor: int, reason: str) -> str:
    """Have Ann ask for a refund; returns its number."""
    wish = {"amount": {"minor": minor, "currency": bought.currency}, "reason": reason}
    asked = hand.api("POST", f"{bought.path}/refunds", wish, by="ann")
    return str(asked.get("refund_id") or asked["refund"]["refund_id"])


def approve(hand: Hand, bought: Bought, refund_id: str) -> None:
    """Have Bob approve it: whoever asked for it may not."""
    hand.api("POST", f"{bought.path}/refunds/{refund_id}/approve", by="bob")


def _refunds(hand: Hand, bought: Bought) -> list[str]:
    return [str(one["status"]) for one in hand.order(bought).get("refunds") or ()]


def _two_people(hand: Hand, bought: Bought) -> None:
    """Refund as it should be."""
    number = ask_refund(hand, bought, bought.minor // 2, "the cup leaked")
    approve(hand, bought, number)
    hand.until(lambda: "processing" in _refunds(hand, bought))
    hand.advance(6)
    hand.say("said.two_people")


def _refund_fails(hand: Hand, bought: Bought) -> None:
    hand.control("/faults", {"wechat": {"refund_result": {"status": "ABNORMAL"}}})
    approve(hand, bought, ask_refund(hand, bought, bought.minor // 2, "the cup leaked"))
    hand.until(lambda: "processing" in _refunds(hand, bought))
    hand.advance(6)
    hand.until(lambda: "needs_action" in _refunds(hand, bought))
    hand.say("said.refund_fails")


def _bill(hand: Hand, bought: Bought) -> None:
    today = datetime.datetime.fromtimestamp(hand.now(), BEIJING)
    amounts = {bought.reference: bought.minor + 1}
    hand.happen("wechat", "bill", account=bought.account, date=f"{today:%Y-%m-%d}", amounts=amounts)
    ready = (today + datetime.timedelta(days=1)).replace(hour=10, minute=1, second=0)
    hand.advance((ready - today).total_seconds())
    path = f"/reconciliation/{bought.account}/{today:%Y-%m-%d}"
    bought.bill = path
    hand.until(lambda: differences(hand, bought), 10)
    hand.api("GET", path, fails=True)
    hand.say("said.bill")


def differences(hand: Hand, bought: Bought) -> list[Json]:
    """Return what the bill of an order's day says of it, once it was compared."""
    reports = hand.read(bought.bill).get("reports") or [{}] if bought.bill else [{}]
    return [row for row in reports[0].get("differences") or () if row.get("order_id") == bought.order_id]


def _broken(hand: Hand, bought: Bought, faults: Json, code: str) -> None:
    """Have a notice come while something is broken, mend it, and let WeChat send it again."""
    hand.control("/faults", faults)
    try:
        told = _wechat(hand, bought)
    finally:
        hand.control("/faults", method="DELETE")
    hand.advance(16)
    hand.say(code, answers=answers(told))


def _kill(hand: Hand, bought: Bought) -> None:
    crash = {"function": "wechat_notify", "call": "dynamodb.TransactWriteItems", "when": "after"}
    _broken(hand, bought, {"crash": crash}, "said.kill")


def _throttle(hand: Hand, bought: Bought) -> None:
    throttle = {"kind": "throttle", "function": "wechat_notify", "count": 40}
    _broken(hand, bought, {"dynamodb": [throttle]}, "said.throttle")


def _cashier_lost(hand: Hand, bought: Bought) -> None:
    kind = bought.account.partition(".")[0]
    name = bought.account.replace(".", "/", 1)
    what = "stripe_pay" if kind == "stripe" else "pay"
    hand.happen("cashier", what, account=name, reference=bought.reference, notify=False)
    hand.say("said.cashier_lost")


def _cashier_fails(hand: Hand, bought: Bought) -> None:
    name = bought.account.replace(".", "/", 1)
    if name.startswith("stripe/"):
        hand.happen("cashier", "stripe_expire", account=name, reference=bought.reference)
    else:
        hand.happen("cashier", "end", account=name, reference=bought.reference, status="EXPIRED")
    hand.say("said.cashier_ended")


def _cashier_refund(hand: Hand, bought: Bought) -> None:
    name, minor = bought.account.replace(".", "/", 1), bought.minor // 4
    what = "stripe_refund" if name.startswith("stripe/") else "refund"
    hand.happen("cashier", what, account=name, reference=bought.reference, minor=minor)
    hand.say("said.console_told")


def _douyin(hand: Hand, bought: Bought, what: str = "pay", **how: Any) -> Json:
    phone = bought.handed if what == "pay" else {}
    return hand.happen("douyin", what, account=bought.account, out_order_no=bought.reference, **phone, **how)


def _douyin_lost(hand: Hand, bought: Bought) -> None:
    _douyin(hand, bought, notify=False)
    hand.say("said.lost")


def _douyin_amount(hand: Hand, bought: Bought) -> None:
    hand.say("said.amount", answers=answers(_douyin(hand, bought, amount=1)))


def _douyin_forged(hand: Hand, bought: Bought) -> None:
    if bought.handed:
        hand.happen("douyin", "order", **bought.handed)
    hand.say("said.forge", status=_douyin(hand, bought, "notify", spoil="forge")["status"])


def _douyin_console(hand: Hand, bought: Bought) -> None:
    _douyin(hand, bought, "refund", amount=bought.minor // 4)
    hand.say("said.console_told")


def _shopify(hand: Hand, bought: Bought, what: str, **how: Any) -> None:
    hand.happen("shopify", what, shop=bought.account, order=int(bought.reference), **how)


def _shopify_lies(hand: Hand, bought: Bought) -> None:
    """Deliver a genuine body of an unpaid order under a topic that says paid: the topic is not signed."""
    hand.control("/faults", {"shopify": {"lying_topic": {"match": "ORDERS_UPDATED", "instead": True}}})
    _shopify(hand, bought, "touch", word="x")
    hand.say("said.lying_topic")


def _shopify_forged(hand: Hand, bought: Bought) -> None:
    hand.control("/faults", {"shopify": {"forge": {"match": "ORDERS_UPDATED", "instead": True}}})
    _shopify(hand, bought, "touch", word="x")
    hand.say("said.forged_delivery")


def _shopify_silent(hand: Hand, bought: Bought) -> None:
    hand.happen("shopify", "silence", shop=bought.account)
    _shopify(hand, bought, "pay")
    hand.happen("shopify", "silence", shop=bought.account, silent=False)
    hand.say("said.silent")


def _shopify_refund(hand: Hand, bought: Bought) -> None:
    _shopify(hand, bought, "refund", minor=bought.minor // 4)
    hand.say("said.console_told")


def _recharge_card(hand: Hand, bought: Bought) -> None:
    hand.happen("recharge", "card", account=bought.account, charge_id=int(bought.reference))
    hand.say("said.card")


def _recharge_gone(hand: Hand, bought: Bought) -> None:
    hand.happen("recharge", "unsubscribe", account=bought.account)
    hand.happen("recharge", "attempt", account=bought.account, charge_id=int(bought.reference), will="")
    hand.say("said.unsubscribed")


def _store_cancels(hand: Hand, bought: Bought) -> None:
    hand.happen("bigcommerce", "move", account=bought.account, id=int(bought.order_id), status_id=5)
    hand.say("said.store_cancels")


def _store_forged(hand: Hand, bought: Bought) -> None:
    wish: Json = {"store_hash": bought.account, "order_id": int(bought.order_id), "cart_id": GUESSED}
    app, origin = bought.handed["app"], bought.handed["origin"]
    told = hand.api("POST", f"/bigcommerce/{app}/payments", wish, origin=origin, fails=True)
    hand.say("said.guessed", status=(told.get("error") or {}).get("code", ""))


WECHAT = (
    Trouble("five", WAITING, _five),
    Trouble("lost", WAITING, _lost),
    Trouble("amount", WAITING, _amount),
    Trouble("forge", WAITING, _spoilt("forge"), moves_on=False),
    Trouble("stale", WAITING, _spoilt("stale"), moves_on=False),
    Trouble("other_merchant", WAITING, _spoilt("other_merchant"), moves_on=False),
    Trouble("late", WAITING, _late),
    Trouble("console_refund", PAID, _console),
    Trouble("two_people", PAID, _two_people),
    Trouble("refund_fails", PAID, _refund_fails),
    Trouble("bill", PAID, _bill),
    Trouble("kill", WAITING, _kill),
    Trouble("throttle", WAITING, _throttle),
)
DOUYIN = (
    Trouble("lost", WAITING, _douyin_lost),
    Trouble("amount", WAITING, _douyin_amount),
    Trouble("forge", WAITING, _douyin_forged, moves_on=False),
    Trouble("console_refund", PAID, _douyin_console),
)
SHOPIFY = (
    Trouble("lying_topic", WAITING, _shopify_lies, moves_on=False),
    Trouble("forge", WAITING, _shopify_forged, moves_on=False),
    Trouble("silent", WAITING, _shopify_silent),
    Trouble("console_refund", PAID, _shopify_refund),
)
RECHARGE = (Trouble("card", WAITING, _recharge_card, moves_on=False), Trouble("unsubscribed", WAITING, _recharge_gone))
CASHIER = (
    Trouble("lost", WAITING, _cashier_lost),
    Trouble("ended", WAITING, _cashier_fails),
    Trouble("console_refund", PAID, _cashier_refund),
)
BIGCOMMERCE = (
    Trouble("guessed", WAITING, _store_forged, moves_on=False),
    Trouble("store_cancels", WAITING, _store_cancels, moves_on=False),
)
