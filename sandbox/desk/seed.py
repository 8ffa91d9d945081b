"""`make run SEED=1`: thirty orders in all states, made by the desk's own clicks, so that no list is empty.

The clock is left alone: where it jumps, every schedule is due, and dozens of functions start at once. What platforms
take seconds for (a refund, an order that ran out) is there seconds later.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from sandbox.desk import troubles
from sandbox.desk.counters import GOODS
from sandbox.desk.hands import ClickError, Hand

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.desk.desk import Desk
    from sandbox.desk.hands import Bought

AT_ONCE = 3  # counters; each makes its orders one after another, or every function would start several times
SHOP, CLASSIC, TRADE, GUARANTEED = "wechat-shop", "wechat-classic", "douyin-trade", "douyin-guaranteed"
SHOPIFY, RECHARGE = "shopify-demo-shop.myshopify.com", "recharge-subscriptions"
STORE, BY_CODE = "bigcommerce-demostore1", "bigcommerce-demostore3"
HC1, STRIPE = "cashier-hc1-main", "cashier-stripe-main"
OOLONG, CUP = GOODS


def sow(desk: Desk) -> str:
    """Make the orders; returns what became of that, in one line."""
    began, problems = time.monotonic(), list[str]()
    counters = list(dict.fromkeys(at for at, _ in PLANS))

    def at_one(counter: str) -> list[str]:
        return [problem for at, deed in PLANS if at == counter and (problem := _one(desk, at, deed))]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(at_one, counters):
            problems += found
    made = len(PLANS) - len(problems)
    return "\n".join([f"{made} orders are there, in {time.monotonic() - began:.1f} s", *problems])


def _one(desk: Desk, at: str, deed: Callable[[Hand, Bought], None]) -> str:
    """Buy something at a counter and let something happen to it; returns what was wrong, or nothing."""
    counter, hand = desk.counters.get(at), Hand(desk.wire)
    if counter is None:
        return f"{at}: there is no such account"
    kind = deed.func if isinstance(deed, partial) else deed
    try:
        bought = desk.buy(hand, counter, CUP if kind in (_waits, _ships) else OOLONG)
        if kind in PAID_FIRST:
            counter.pay(hand, bought)
            bought.is_left = True
        if kind in KNOWN_FIRST:
            hand.until(lambda: hand.order(bought).get("status") == "paid")
        deed(hand, bought)
    except ClickError as refused:
        return f"{at}: {refused}"
    return ""


def _waits(hand: Hand, bought: Bought) -> None:
    """Leave it."""


def _paid(hand: Hand, bought: Bought) -> None:
    """Leave it paid."""


def _lost(hand: Hand, bought: Bought) -> None:
    bought.is_left = True
    hand.happen("wechat", "pay", account=bought.account, out_trade_no=bought.reference, notify=False)


def _review(hand: Hand, bought: Bought) -> None:
    bought.is_left = True
    hand.happen("wechat", "pay", account=bought.account, out_trade_no=bought.reference, amount=1)


def _runs_out(hand: Hand, bought: Bought) -> None:
    hand.happen("wechat", "expire", account=bought.account, out_trade_no=bought.reference)


def _ships(hand: Hand, bought: Bought, *, carrier: str = "YTO") -> None:
    """Send it; SF wants four digits of a phone, without which somebody must act."""
    wish = {"carrier": carrier, "tracking_no": f"{carrier}{bought.order_id.removeprefix('DESK-'):0>12}"}
    hand.api("POST", f"{bought.path}/shipments", wish, by="ann")


def _asks(hand: Hand, bought: Bought) -> None:
    troubles.ask_refund(hand, bought, bought.minor // 4, "杯子漏水 the cup leaked")


def _goes_back(hand: Hand, bought: Bought, *, part: int) -> None:
    troubles.approve(hand, bought, troubles.ask_refund(hand, bought, bought.minor // part, "不想要了 changed mind"))


def _cannot_go_back(hand: Hand, bought: Bought) -> None:
    number = troubles.ask_refund(hand, bought, bought.minor // 2, "换货 exchange")
    hand.control("/faults", {"wechat": {"refund_result": {"status": "ABNORMAL", "match": number}}})
    troubles.approve(hand, bought, number)


def _console(hand: Hand, bought: Bought) -> None:
    hand.happen("wechat", "refund", account=bought.account, out_trade_no=bought.reference, amount=bought.minor // 4)


def _user_asks(hand: Hand, bought: Bought) -> None:
    hand.happen("douyin", "user_refund", account=bought.account, out_order_no=bought.reference, reason="不想要了")


def _shop_refunds(hand: Hand, bought: Bought) -> None:
    hand.happen("shopify", "refund", shop=bought.account, order=int(bought.reference), minor=bought.minor // 4)


def _declined(hand: Hand, bought: Bought) -> None:
    hand.happen("cashier", "end", account="hc1/main", reference=bought.reference, status="FAILED", code="declined")


KNOWN_FIRST = (_ships, _asks, _goes_back, _cannot_go_back)
PAID_FIRST = (*KNOWN_FIRST, _paid, _console, _user_asks, _shop_refunds)
PLANS: tuple[tuple[str, Callable[[Hand, Bought], None]], ...] = (
    (SHOPIFY, _paid),
    (RECHARGE, _waits),  # a charge that failed
    (STORE, _paid),
    (SHOP, _paid),
    (SHOP, _lost),
    (SHOP, _runs_out),
    (SHOP, _runs_out),
    (SHOP, _review),
    (SHOP, _ships),
    (SHOP, _ships),
    (SHOP, partial(_ships, carrier="SF")),
    (SHOP, _asks),
    (SHOP, _asks),
    (SHOP, partial(_goes_back, part=2)),
    (SHOP, partial(_goes_back, part=1)),
    (SHOP, _cannot_go_back),
    (CLASSIC, _paid),
    (CLASSIC, _console),
    (CLASSIC, _review),
    (TRADE, _paid),
    (TRADE, _user_asks),
    (GUARANTEED, _paid),
    (HC1, _declined),
    (STRIPE, _paid),
    (RECHARGE, _paid),
    (SHOPIFY, _shop_refunds),
    (SHOP, _waits),
    (SHOP, _paid),
    (CLASSIC, _waits),
    (BY_CODE, _waits),
)
