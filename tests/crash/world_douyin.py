"""One app, one Douyin and empty tables, on a clock that stands still; callbacks are carried by hand."""

from __future__ import annotations

import contextlib
import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Terms, Verified
from sandbox.events import shapes
from sandbox.simulators.douyin import Simulator
from sandbox.simulators.douyin.ledger import Trade, order_number
from tests.crash.world import ORDER_ID, PRICE, Ground, Json, Reply, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.simulators.douyin.postman import Delivery
    from sandbox.testing import LocalCloud, Run

PERIOD = 7 * 86_400  # from the payment to its settlement
KEY = OrderKey("douyin", "app", ORDER_ID)


# An app that is moving, so it has both systems' keys; and somebody who gets a share of every settlement.
DOCUMENT = json.loads((Path(__file__).parents[1] / "accounts/douyin/app.json").read_text(encoding="utf-8")) | {
    "settle": {"receivers": [{"merchant_uid": "70000000000000000022", "basis_points": 1000}]}
}


class DouyinWorld(Ground):
    """A stack, an app and its simulator."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud)
        self.app = Simulator.prepare_account(DOCUMENT, f"{self.base}/douyin")
        self.asked: set[tuple[str, str]] = set()
        # Nothing of the simulator runs by itself, so that nothing of it depends on how long a function takes.
        self.douyin = Simulator(self.stack.clock, {"app": self.app}, self, self.base, folder)
        self.posted: list[Delivery] = []
        self._platform = self.douyin._platform
        self._platform.post = self._keep  # type: ignore[method-assign]
        self.stack.put_account("douyin", "app", self.app)
        self.stack.functions["DouyinCreatePayment"].environment["PUBLIC_BASE_URL"] = self.base

    def close(self) -> None:
        super().close()
        self.douyin.stop()

    def add(self, _kind: str, entry: Json) -> None:
        """Keep under which numbers Douyin was called."""
        for name in ("out_order_no", "out_refund_no", "out_settle_no"):
            if name in entry and "query" not in entry["path"]:
                self.asked.add((entry["path"], entry[name]))

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        return self.douyin.handle(method, path.removeprefix("/douyin"), query, headers, body)

    def douyin_goes_on(self) -> None:
        """Let Douyin end the refunds and settlements whose time has come."""
        for work in self.douyin._postman.due():
            work()

    def _keep(self, delivery: Delivery) -> None:
        self.posted.append(delivery)
        delivery.first_done.set()

    # What the functions get.

    def create(self, crash: Json | None = None) -> Run:
        """Call as the merchant does: the same Idempotency-Key and the same body each time."""
        body = {"order_id": ORDER_ID, "amount": PRICE.to_json(), "description": "Milk tea"}
        event = shapes.http(
            "POST /douyin/{account}/payments",
            self.now,
            parameters={"account": "app"},
            headers={"content-type": "application/json", "idempotency-key": "cart-1"},
            body=json.dumps(body),
            claims=shapes.claims(self.now, "payments:write"),
        )
        return self.stack.run("DouyinCreatePayment", event, crash=crash)

    def callback(self, delivery: Delivery, crash: Json | None = None) -> Run:
        """Deliver what Douyin sends, signed anew each time, and tell Douyin of an answer."""
        made = delivery.callback.request(self.now, delivery.token)
        headers = {name.lower(): value for name, value in made.headers.items()}
        route = "POST /douyin/{account}/callback"
        event = shapes.http(route, self.now, parameters={"account": "app"}, headers=headers, body=made.body)
        run = self.stack.run("DouyinCallback", event, crash=crash)
        if run.answer is not None and delivery.answered is not None:
            delivery.answered(json.loads(run.answer["body"]).get("data") or {})
        return run

    def work(self, function: str, crash: Json | None = None) -> Run:
        """Let a worker's minute come."""
        return self.stack.run(function, shapes.schedule(function, self.now), crash=crash)

    def told(self, function: str, detail_type: str, crash: Json | None = None) -> Run:
        """Let a worker hear of the order from the bus."""
        detail = {"platform": KEY.platform, "account": KEY.account, "order_id": KEY.order_id}
        news = {"source": "countersign", "detail-type": detail_type, "detail": detail}
        return self.stack.run(function, news, crash=crash)

    def woken(self, crash: Json | None = None) -> Run:
        """Let the poll function get the queue's message about the order."""
        body = json.dumps({"platform": KEY.platform, "account": KEY.account, "order_id": KEY.order_id})
        return self.stack.run("DouyinPoll", {"Records": [{"body": body}]}, crash=crash)

    # What was there before.

    def opened(self, system: str, *, settle: bool = False, payer: str = "") -> Trade:
        """Record an order as if it had been created a moment ago, of which Douyin knows too.

        Where its payer is known, guaranteed payment is to be told of its states.
        """
        terms = Terms(
            PRICE,
            system,
            "mini_program",
            "terms",
            self.now,
            self.now + 1800,
            description="Milk tea",
            appid=self.app["app_id"],
            notify_base=self.base,
            settle_after=PERIOD if settle else None,
            payer=payer,
            reports_status=bool(payer),
        )
        self.recorded(Change(KEY, OrderCreated(terms), Operator("merchant"), "merchant", self.app["app_id"], system))
        return self.known_at_douyin(ORDER_ID, system)

    def known_at_douyin(self, number: str, system: str) -> Trade:
        """Let Douyin know an order, which nobody has paid yet."""
        wanted = Trade(
            account="app",
            app_id=self.app["app_id"],
            system=system,
            out_order_no=number,
            order_id=order_number(system),
            total=PRICE.minor,
            notify_url=f"{self.base}/douyin/app/callback",
            created_at=self.now,
            expires_at=self.now + 1800,
        )
        return self._platform.ledger.place(wanted)

    def paid_at_douyin(self) -> Delivery:
        """Let the payer pay; returns the callback that waits to be delivered."""
        self.happens("pay")
        return self.posted.pop()

    def happens(self, what: str, **body: Any) -> None:
        """Let something happen at Douyin."""
        wanted = {"account": "app", "out_order_no": ORDER_ID, "wait": False, **body}
        status, answer = self.douyin.control(what, wanted)
        assert status == 200, answer

    def paid(self, system: str, **wanted: Any) -> None:
        """Let the payer pay, and know it."""
        trade = self.opened(system, **wanted)
        self.paid_at_douyin()
        fact = Paid(trade.order_id, PRICE, self.now, PRICE.minor, trade.channel_no)
        self.recorded(Change(KEY, fact, Verified("KEY"), "notify", self.app["app_id"], system))

    # How it ends.

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        # How often Douyin was asked, and in how many steps its news came, are a matter of which answers were lost.
        table = [row | {"version": None} for row in self.table("OrdersTable") if not row["pk"].startswith("LIMIT#")]
        return {"table": table, "douyin": self._ledger(), "asked": sorted(self.asked), "bus": self.bus()}

    def _ledger(self) -> list[Json]:
        _, answer = self.douyin.control("ledger", {})
        kept = ("out_order_no", "order_id", "system", "state", "total", "refunds", "settlements", "fulfilled")
        # Told again under a later stamp is what a lost answer leaves of a state.
        states = [
            [state for state, _ in groupby(one["order_status"] for one in trade["told"])] for trade in answer["orders"]
        ]
        ledger = [comparable({name: trade[name] for name in kept}) for trade in answer["orders"]]
        return [{**trade, "told": told} for trade, told in zip(ledger, states, strict=True)]


@contextlib.contextmanager
def douyin_world(cloud: LocalCloud, _document: Json, folder: Path) -> Iterator[DouyinWorld]:
    made = DouyinWorld(cloud, folder)
    try:
        yield made
    finally:
        made.close()
