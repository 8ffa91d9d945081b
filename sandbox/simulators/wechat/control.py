"""What a person or a test makes happen at WeChat: the payer pays, the console refunds, time runs out."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError
from sandbox.simulators.wechat import crypto
from sandbox.simulators.wechat.bills import Bills, Planted
from sandbox.simulators.wechat.ledger import Ledger, Refund, Trade
from sandbox.simulators.wechat.notices import SPOILING, Notice, NoticeDelivery, Spoiling

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulators.wechat.accounts import Merchant, Merchants

WAIT = 10.0
PAYMENT_ENDS = ("SUCCESS", "USERPAYING", "PAYERROR")
REFUND_ENDS = ("SUCCESS", "ABNORMAL", "CLOSED")
Json = dict[str, Any]


class WechatControl(Control):
    """The `_control` calls of the simulator."""

    def __init__(self, clock: Clock, merchants: Merchants, ledger: Ledger, postman: Postman, bills: Bills) -> None:
        super().__init__()
        self._clock, self._merchants, self._ledger, self._postman = clock, merchants, ledger, postman
        self._bills = bills
        self.offer(pay=self.pay, refund=self.refund, settle=self.settle, bill=self.bill)
        self.offer(expire=self.expire, ledger=self.ledger, notify=self.notify)

    def offer_by_account(self, calls: dict[str, Callable[[Merchant, Json], Json]]) -> None:
        """Add calls of one account."""
        self.offer(**{name: functools.partial(self._of_account, work) for name, work in calls.items()})

    def _of_account(self, work: Callable[[Merchant, Json], Json], body: Json) -> Json:
        return work(self._merchant(body), body)

    def pay(self, body: Json) -> Json:
        """Let the payer pay.

        {"account", "out_trade_no"} and, as wanted: "amount" (what is really paid differs from the order), "currency",
        "coupon" (fen paid by a coupon), "openid", "transaction_id", "success_time" (unix), "late" (the payer was on the
        password page when the order was closed), "result" ("USERPAYING", "PAYERROR": no payment after all), "notify"
        (false: the notice is lost), "times" (that many notices), "concurrent" (all at once), "wait" (false: do not wait
        for the first answers).
        """
        merchant, trade = self._order(body)
        result = body.get("result", "SUCCESS")
        if result not in PAYMENT_ENDS:
            raise ControlError(400, f"result must be one of {PAYMENT_ENDS}")
        if result != "SUCCESS":
            with self._ledger.lock:
                if trade.state not in ("NOTPAY", "USERPAYING", "PAYERROR"):
                    raise ControlError(409, f"the order is {trade.state}")
                trade.state = result
            return self._shown(trade)
        names = {"amount": ("total", int), "coupon": ("coupon", int), "success_time": ("paid_at", float)}
        names |= {name: (name, str) for name in ("currency", "openid", "transaction_id")}
        changes = {names[name][0]: names[name][1](body[name]) for name in names if body.get(name) is not None}
        self._ledger.pay(trade, self._clock.now(), late=bool(body.get("late")), changes=changes)
        if body.get("notify", True):
            delivery = NoticeDelivery(Notice(merchant, trade), trade.notify_url, trade.deliveries)
            delivery.copies, delivery.concurrent = int(body.get("times", 1)), bool(body.get("concurrent"))
            self._send(delivery, body)
        return self._shown(trade)

    def refund(self, body: Json) -> Json:
        """Refund in the merchant's console.

        {"account", "out_trade_no"} and, as wanted: "amount", "status" (SUCCESS, ABNORMAL, CLOSED), "out_refund_no",
        "notify" (false: the notice is lost), "wait".
        """
        merchant, trade = self._order(body)
        status = body.get("status", "SUCCESS")
        if status not in REFUND_ENDS:
            raise ControlError(400, f"status must be one of {REFUND_ENDS}")
        now = self._clock.now()
        amount = int(body.get("amount") or trade.total - trade.refunded)
        number = str(body.get("out_refund_no") or f"CONSOLE{crypto.nonce(20)}")
        wanted = Refund(number, "", amount, "VENDOR_PLATFORM", now, trade.notify_url)
        refund = self._ledger.refund(trade, wanted, trade.total)
        self.settle_refund(merchant, trade, refund, status, body)
        return self._shown(trade)

    def settle(self, body: Json) -> Json:
        """End a refund on its way, or help an abnormal one as staff does in the console.

        {"account", "out_refund_no"} and, as wanted: "status" (SUCCESS, ABNORMAL, CLOSED), "notify", "wait".
        """
        merchant = self._merchant(body)
        found = self._ledger.find_refund(merchant.mchid, str(body.get("out_refund_no", "")))
        status = body.get("status", "SUCCESS")
        if found is None or status not in REFUND_ENDS:
            raise ControlError(404, f"no such refund, or status is not one of {REFUND_ENDS}")
        self.settle_refund(merchant, *found, status, body)
        return self._shown(found[0])

    def bill(self, body: Json) -> Json:
        """Spoil the bill of a day.

        {"account", "date"} and, as wanted: "without" (order or refund numbers whose rows are left out), "amounts" (fen
        by order or refund number), "more" (fen by numbers of orders that never were); none of them mends it again.
        """
        planted = Planted(set(body.get("without", ())), dict(body.get("amounts", {})), dict(body.get("more", {})))
        self._bills.plant(self._merchant(body), str(body["date"]), planted)
        return {"planted": True}

    def settle_refund(self, merchant: Merchant, trade: Trade, refund: Refund, status: str, body: Json) -> None:
        """End a refund and announce it."""
        self._ledger.settle_refund(refund, status, self._clock.now())
        if body.get("notify", True):
            self._send(NoticeDelivery(Notice(merchant, trade, refund), refund.notify_url, refund.deliveries), body)

    def expire(self, body: Json) -> Json:
        """Let an unpaid order run out at WeChat's side: {"account", "out_trade_no"}."""
        _, trade = self._order(body)
        self._ledger.close(trade.mchid, trade.out_trade_no, self._clock.now())
        return self._shown(trade)

    def ledger(self, body: Json) -> Json:
        """List every transaction with its notices and what was answered; `account` and `out_trade_no` narrow it."""
        wanted = {name: body[name] for name in ("account", "out_trade_no") if body.get(name)}
        trades = [
            trade for trade in self._ledger.trades() if all(getattr(trade, name) == wanted[name] for name in wanted)
        ]
        return {"transactions": [self._shown(trade) for trade in trades]}

    def notify(self, body: Json) -> Json:
        """Send one hand-made notice and return the answer.

        {"account"} and: "out_trade_no" of a known order, or of one that WeChat has and the product has not ("amount",
        "api" then); "refund" (an object of a refund's fields) for a refund result; "spoil" (forge, wrong_amount,
        wrong_currency, other_merchant, stale, signtest) with "parameters"; "fields" that replace signed fields;
        "event_type"; "certificate" (sign with the platform certificate).
        """
        merchant = self._merchant(body)
        number = str(body.get("out_trade_no", ""))
        known = self._ledger.find(merchant.mchid, number)
        trade = self._pretended(known) if known else self._stranger(merchant, number, body)
        refund = self._hand_made_refund(trade, body) if body.get("refund") is not None else None
        kind = str(body.get("spoil", ""))
        if kind and kind not in SPOILING:
            raise ControlError(400, f"spoil must be one of {SPOILING}")
        spoiling = Spoiling(
            kind, dict(body.get("parameters") or {}), dict(body.get("fields") or {}), str(body.get("event_type", ""))
        )
        notice = Notice(merchant, trade, refund)
        message = notice.message(
            self._clock.now(), fresh=True, spoiling=spoiling, certificate=bool(body.get("certificate"))
        )
        delivery = NoticeDelivery(notice, str(body.get("notify_url") or trade.notify_url))
        self._postman.send(delivery, message, kind or "hand-made")
        if known is not None:
            known.deliveries.extend(delivery.attempts)
        return delivery.attempts[0]

    def _stranger(self, merchant: Merchant, out_trade_no: str, body: Json) -> Trade:
        """Make an order that only WeChat knows; queries find it afterwards."""
        now = self._clock.now()
        trade = Trade(
            account=merchant.account,
            mchid=merchant.mchid,
            appid=merchant.appid,
            out_trade_no=out_trade_no,
            api=str(body.get("api") or ("v3" if merchant.api_v3_key else "v2")),
            trade_type="JSAPI",
            total=int(body.get("amount", 1)),
            terms="",
            notify_url=f"https://sandbox.invalid/wechat/{merchant.account}/notify",
            created_at=now,
            openid="oPayer" + crypto.nonce(22),
            sub_mchid=merchant.sub_mchid,
            sign_type=merchant.v2_sign_type,
        )
        self._ledger.place(trade)
        self._ledger.pay(trade, now, changes={})
        return trade

    def _pretended(self, known: Trade) -> Trade:
        """Copy an order and, where it is unpaid, say that it is paid: the ledger keeps the truth."""
        trade = dataclasses.replace(known, deliveries=[], openid=known.openid)
        if not trade.paid:
            now = self._clock.now()
            trade.state, trade.paid_at, trade.transaction_id = "SUCCESS", now, self._ledger.number("4200", now)
        return trade

    def _hand_made_refund(self, trade: Trade, body: Json) -> Refund:
        given = {"out_refund_no": f"HAND{crypto.nonce(20)}", "amount": trade.total, "status": "SUCCESS"} | body[
            "refund"
        ]
        known = {name: given[name] for name in given if name in {field.name for field in dataclasses.fields(Refund)}}
        now = self._clock.now()
        defaults = {
            "refund_id": f"5030{crypto.digits(24)}",
            "source": "API",
            "created_at": now,
            "notify_url": trade.notify_url,
            "success_at": now if given["status"] == "SUCCESS" else None,
        }
        return Refund(**(defaults | known))

    def _merchant(self, body: Json) -> Merchant:
        merchant = self._merchants.named(str(body.get("account", "")))
        if merchant is None:
            raise ControlError(404, f"no account {body.get('account')!r}")
        return merchant

    def _order(self, body: Json) -> tuple[Merchant, Trade]:
        merchant = self._merchant(body)
        trade = self._ledger.find(merchant.mchid, str(body.get("out_trade_no", "")))
        if trade is None:
            raise ControlError(404, f"{merchant.account} has no order {body.get('out_trade_no')!r} at WeChat")
        return merchant, trade

    def _send(self, delivery: NoticeDelivery, body: Json) -> None:
        wait = float(body.get("wait_seconds", WAIT)) if body.get("wait", True) else 0.0
        self._postman.post(delivery, wait=wait)

    def _shown(self, trade: Trade) -> Json:
        with self._ledger.lock:
            shown = {
                item.name: getattr(trade, item.name)
                for item in dataclasses.fields(trade)
                if item.name not in ("terms", "openid", "refunds", "deliveries")
            }
            shown["deliveries"] = list(trade.deliveries)
            shown["refunds"] = [vars(refund) | {"deliveries": list(refund.deliveries)} for refund in trade.refunds]
            return shown
