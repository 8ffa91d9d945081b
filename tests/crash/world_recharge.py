"""One store, one Recharge and empty tables, on a clock that stands still; nothing is delivered, only asked about."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countersign.orders.changes import Change, Operator, OrderKey, RetryRequested
from sandbox.events import shapes
from sandbox.simulators.recharge import Simulator
from tests.crash.world import Ground, Inbox, Json, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.testing import LocalCloud, Run

DOCUMENT = json.loads((Path(__file__).parents[1] / "accounts/recharge/store.json").read_text(encoding="utf-8"))


class RechargeWorld(Ground):
    """A stack, a store and its simulator."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        super().__init__(cloud)
        self.document = Simulator.prepare_account(DOCUMENT, f"{self.base}/recharge")
        # Nothing of the simulator runs by itself, so that nothing of it depends on how long a function takes.
        self.recharge = Simulator(self.stack.clock, {"store": self.document}, Inbox(), self.base, folder)
        self.stack.put_account("recharge", "store", self.document)
        self.posts = 0  # how often a charge was to be tried again
        self.known: OrderKey | None = None

    def close(self) -> None:
        super().close()
        self.recharge.stop()

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        self.posts += path.endswith("/process")
        return self.recharge.handle(method, path.removeprefix("/recharge"), query, headers, body)

    def happens(self, what: str, **body: Any) -> Json:
        """Let something happen at Recharge, of which nobody is told."""
        status, answer = self.recharge.control(what, {"account": "store", **body})
        assert status == 200, answer
        return answer

    def work(self, function: str, crash: Json | None = None) -> Run:
        """Let a worker's turn come."""
        return self.stack.run(function, shapes.schedule(function, self.now), crash=crash)

    def told(self, function: str, detail_type: str, key: OrderKey, crash: Json | None = None) -> Run:
        """Let a worker hear of a charge from the bus."""
        detail = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        news = {"source": "countersign", "detail-type": detail_type, "detail": detail}
        return self.stack.run(function, news, crash=crash)

    def failed(self) -> OrderKey:
        """Have a charge that failed at Recharge and that nobody here knows."""
        charge = self.happens("charge", will="CARD_DECLINED", attempt=True)
        return OrderKey("recharge", "store", str(charge["id"]))

    def wished(self) -> OrderKey:
        """Have a known charge that failed and that somebody wants tried again; it will succeed then."""
        key = self.known = self.failed()
        assert self.work("RechargeScan").status == 0
        self.happens("will", charge_id=int(key.order_id), will="")
        self.recorded(Change(key, RetryRequested("1", self.now), Operator("ben"), "operator"))
        return key

    def state(self) -> Json:
        """Return everything that must not depend on a crash."""
        # In how many steps its news came is a matter of which answers were lost.
        table = [row | {"version": None} for row in self.table("OrdersTable")]
        return {"table": table, "bus": self.bus(), "posts": self.posts, **self._wish()}

    def _wish(self) -> Json:
        """Return the states of the charge and of the wish to try it again, if there is one."""
        found = self._store.retry(self.known, "1") if self.known is not None else None
        return {"order": found.order.status, "wish": found.child.status} if found is not None else {}


@contextlib.contextmanager
def recharge_world(cloud: LocalCloud, _document: Json, folder: Path) -> Iterator[RechargeWorld]:
    made = RechargeWorld(cloud, folder)
    try:
        yield made
    finally:
        made.close()
