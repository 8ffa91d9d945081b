"""What a person or a test makes happen at Douyin: the payer orders and pays, users want refunds, tokens change."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError
from sandbox.simulators.douyin import callbacks, crypto
from sandbox.simulators.douyin.ledger import Refund, Settlement, Trade

if TYPE_CHECKING:
    from sandbox.simulators.douyin.accounts import App
    from sandbox.simulators.douyin.platform import Platform
    from sandbox.simulators.douyin.trade import TradeSystem

WAIT = 10.0
Json = dict[str, Any]


class DouyinControl(Control):
    """The `_control` calls of the simulator."""

    def __init__(self, platform: Platform, trade_system: TradeSystem) -> None:
        super().__init__()
        self._platform, self._trade_system = platform, trade_system
        self.offer(order=self.order, pay=self.pay, cancel=self.cancel, refund=self.refund, user_refund=self.user_refund)
        self.offer(auto_settle=self.auto_settle, token=self.token, notify=self.notify, ledger=self.ledger)
        self.offer(rate=self.rate)

    def order(self, body: Json) -> Json:
        """Let the payer's phone call tt.requestOrder: {"data", "byteAuthorization"} as the product answered them."""
        return self._shown(self._trade_system.request_order(body["data"], body["byteAuthorization"]))

    def pay(self, body: Json) -> Json:
        """Let the payer pay.

        {"account", "out_order_no"} and, as wanted: "data" and "byteAuthorization" (the phone orders first), "amount"
        (what is really paid differs from the order), "discount", "channel_no", "paid_at", "notify" (false: the callback
        is lost for good).
        """
        if body.get("data"):
            self._trade_system.request_order(body["data"], body["byteAuthorization"])
        app, trade = self._order(body)
        names = {"amount": "total", "discount": "discount", "channel_no": "channel_no", "paid_at": "paid_at"}
        changes = {attribute: body[name] for name, attribute in names.items() if body.get(name) is not None}
        self._platform.ledger.pay(trade, app.token, self._platform.clock.now(), changes)
        self._tell(app, callbacks.payment(trade, app.merchant_uid), body)
        return self._shown(trade)

    def cancel(self, body: Json) -> Json:
        """Let an unpaid order of the trade system end: {"account", "out_order_no", "word"?: TIME_OUT, USER_CANCEL}."""
        app, trade = self._order(body)
        if trade.state == "SUCCESS":
            raise ControlError(409, "the order is paid")
        trade.state = "TIMEOUT"
        if trade.system == "trade":
            word = str(body.get("word", "TIME_OUT"))
            self._tell(app, callbacks.cancelled(trade, self._platform.clock.now(), word), body)
        return self._shown(trade)

    def refund(self, body: Json) -> Json:
        """Refund from Douyin's side: {"account", "out_order_no", "amount"?, "source"?: 2 console, 4 support}."""
        app, trade = self._order(body)
        amount = int(body.get("amount") or trade.total - trade.refunded)
        number = f"CONSOLE{crypto.digits(12)}" if trade.system == "ecpay" else ""
        source = int(body.get("source", 2))
        refund_id = f"otr{crypto.digits(20)}"
        wanted = Refund(number, refund_id, amount, source, self._platform.clock.now(), trade.notify_url)
        wanted.settled = trade.settled
        self._platform.accept_refund(app, trade, wanted)
        return self._shown(trade)

    def user_refund(self, body: Json) -> Json:
        """Let the user ask for a refund: {"account", "out_order_no", "amount"?, "reason"?}."""
        app, trade = self._order(body)
        if trade.system != "trade":
            raise ControlError(409, "nobody but the developer can start a refund in guaranteed payment")
        amount = int(body.get("amount") or trade.total - trade.refunded)
        return vars(self._platform.user_refund(app, trade, amount, str(body.get("reason", "不想要了"))))

    def auto_settle(self, body: Json) -> Json:
        """Let Douyin settle an order by itself: {"account", "out_order_no"}."""
        app, trade = self._order(body)
        now = self._platform.clock.now()
        own = Settlement(
            f"AUTO{crypto.digits(12)}",
            f"N{crypto.digits(19)}",
            trade.total - trade.refunded,
            [],
            now,
            trade.notify_url,
            automatic=True,
        )
        with self._platform.ledger.lock:
            trade.settlements.append(own)
        own.status, own.ended_at = "SUCCESS", now
        self._tell(app, callbacks.settlement(trade, own, app.merchant_uid), body)
        return self._shown(trade)

    def token(self, body: Json) -> Json:
        """Let the merchant change the callback token in the console: {"account", "token"}; paid orders keep theirs."""
        app = self._app(body)
        app.token = str(body["token"])
        return {"account": app.account}

    def notify(self, body: Json) -> Json:
        """Send one hand-made payment callback and return the answer.

        {"account", "out_order_no"} and, as wanted: "spoil" (type, extra, shifted, swapped, forge, wrong_amount),
        "fields" that replace signed ones, "kind".
        """
        app, trade = self._order(body)
        made = callbacks.payment(trade, app.merchant_uid)
        made.message |= dict(body.get("fields") or {})
        if not trade.paid_at and trade.system == "ecpay":
            made.message["paid_at"] = int(self._platform.clock.now())
        delivery, spoil = self._platform.delivery(made, app), str(body.get("spoil") or "")
        message = delivery.message(self._platform.clock.now(), spoil=spoil)
        self._platform.postman.send(delivery, message, spoil or "hand-made")
        return dict(trade.deliveries[-1])

    def ledger(self, body: Json) -> Json:
        """List every order with its callbacks; `account` and `out_order_no` narrow it."""
        wanted = {name: body[name] for name in ("account", "out_order_no") if body.get(name)}
        trades = self._platform.ledger.trades()
        return {
            "orders": [self._shown(one) for one in trades if all(getattr(one, n) == v for n, v in wanted.items())],
            "tokens_given": self._trade_system.tokens_given,
        }

    def rate(self, _body: Json) -> Json:
        """Tell the most queries within any one second, for each app, since the last time this was asked."""
        return self._platform.meter.shown()

    def _tell(self, app: App, callback: callbacks.Callback, body: Json) -> None:
        if not body.get("notify", True):
            return
        delivery = self._platform.delivery(callback, app)
        self._platform.post(delivery)
        if body.get("wait", True):
            delivery.first_done.wait(WAIT)

    def _app(self, body: Json) -> App:
        app = self._platform.apps.named(str(body.get("account", "")))
        if app is None:
            raise ControlError(404, f"no account {body.get('account')!r}")
        return app

    def _order(self, body: Json) -> tuple[App, Trade]:
        app = self._app(body)
        number = str(body.get("out_order_no", ""))
        trade = self._platform.ledger.find(app.app_id, number, self._platform.clock.now())
        if trade is None:
            raise ControlError(404, f"{app.account} has no order {number!r} at Douyin")
        return app, trade

    def _shown(self, trade: Trade) -> Json:
        with self._platform.ledger.lock:
            return dataclasses.asdict(trade)
