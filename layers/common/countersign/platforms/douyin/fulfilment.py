"""Tell Douyin what was sent (trade system), and what state an order is in (guaranteed payment)."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import ContentionError, CountersignError
from countersign.orders.changes import Change, OrderKey, Queried, ShipmentReported
from countersign.orders.schedule import retry_refund_at
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.platforms.douyin import connector, order_sync
from countersign.platforms.douyin.client import CallRefusedError, UnknownNumberError
from countersign.platforms.douyin.connector import Reach
from countersign.store import OrderStore, Outcome, codec, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import LEASE_SECONDS, DueList
from countersign.store.order_sync import OrderSyncStore

# Douyin says -1 to a payer whom it does not know as well, and that does not pass: some two days of trying.
MOST_TELLINGS = 14
REFUSED = (
    "Douyin refused to hear of the shipment (code {}): look at the order in Douyin's console; if the code is about the "
    "state, fulfil in the account document holds the wrong word"
)
UNTOLD = (
    "guaranteed payment hears of goods only by order sync, and this order has none: payer.openid was missing when it "
    "was created, or the account has no app_secret or order_sync is false. Tell Douyin by the app's own back end"
)

ReachFor = Callable[[str], Reach]
Report = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class ShipWork:
    """One run: the store, the due list, and how to reach an app's Douyin."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    report: Report
    count: Callable[[str], None]
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment what is due and tell Douyin; False where somebody else does it.

        Raises a CountersignError after putting the item back for a later time.
        """
        key = keys.order_key(item["pk"]["S"])
        if not self.due.lease(item, now=self.now):
            return False
        looks, leased = codec.as_number(item, "attempts") or 0, self.now + LEASE_SECONDS
        try:
            if item["sk"]["S"] == keys.SYNC:
                self._tell(key)
            else:
                self._ship(key, child_of(item).shipment_id)
        except CountersignError:
            if item["sk"]["S"] == keys.SYNC and looks + 1 >= MOST_TELLINGS:
                self.count("OrderSyncGivenUp")
                self.due.complete(item, leased=leased)  # the order's next change begins anew
            else:
                self.due.reschedule(item, at=retry_refund_at(looks, self.now), leased=leased)
            raise
        # What changed meanwhile has put the item on the list again: then this changes nothing.
        self.due.complete(item, leased=leased)
        return True

    def _tell(self, key: OrderKey) -> None:
        """Tell Douyin of the order's present state, unless that is what it was told last."""
        order = self.store.get(key)
        if order is None:
            return
        state = order_sync.state_of(order, self.store.refunds(key), self.store.shipments(key))
        syncs = OrderSyncStore(self.store.client, self.store.table)
        told = syncs.read(key)
        if state is None or told.state == str(state.code):
            return
        # The stamp is fixed before Douyin hears of it: after any doubt the state is told again under a later one.
        stamp = syncs.begin(key, told, now=self.now)
        if stamp is None:
            raise ContentionError("somebody else tells Douyin of the order")
        connector.order_sync(self.reach(key.account), self.store).push(order, state, stamp)
        syncs.end(key, stamp, str(state.code))
        self.count("OrderSynced")

    def _ship(self, key: OrderKey, shipment_id: str) -> None:
        order = self.store.get(key)
        shipments = {shipment.shipment_id: shipment for shipment in self.store.shipments(key)}
        shipment = shipments.get(shipment_id)
        if order is None or shipment is None or shipment.status != "recorded":
            return
        status, problem = "reported", ""
        try:
            if order.terms.system == "trade":
                self._fulfil(order, shipment)
            elif order.terms.reports_status:
                self._tell(key)
            else:
                status, problem = "needs_action", UNTOLD
        except (CallRefusedError, UnknownNumberError) as error:
            status, problem = "needs_action", REFUSED.format(error.code)
        fact = ShipmentReported(shipment_id, status, problem, self.now)
        change = Change(key, fact, Queried(), "ship", order.terms.appid, order.terms.system)
        self.report(self.store.record(change, now=self.now))

    def _fulfil(self, order: Order, shipment: Shipment) -> None:
        """Tell the trade system; after any doubt it is told the same again, which changes nothing there."""
        reach = self.reach(order.key.account)
        words = reach.settings.fulfil
        reach.client.fulfil(order.key.order_id, words.whole if shipment.complete else words.part)
