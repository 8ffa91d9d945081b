"""Tell Douyin what was sent (trade system), and what state an order is in (guaranteed payment)."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import ContentionError, CountersignError
from countersign.orders.reasons import because
from countersign.orders.schedule import retry_refund_at
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.platforms.douyin import connector, order_sync
from countersign.platforms.douyin.client import CallRefusedError, UnknownNumberError
from countersign.platforms.douyin.connector import Connector
from countersign.platforms.douyin.settings import Settings
from countersign.platforms.port import Shipped
from countersign.runtime.telemetry import count, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.order_sync import OrderSyncStore
from countersign.workers.loop import Job

# Douyin says -1 to a payer whom it does not know as well, and that does not pass: some two days of trying.
MAX_SYNC_ATTEMPTS = 14


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """An app's Douyin as the shipping worker needs it."""

    connector: Connector
    store: OrderStore

    @property
    def tenant(self) -> str:
        """Return the app's id."""
        return self.connector.tenant

    def ship(
        self, order: Order, shipment: Shipment, earlier: tuple[Shipment, ...], *, attempts: int, now: int
    ) -> Shipped:
        """Tell the order's own system; what waits for a person is not asked about, as Douyin does not tell.

        After any doubt it is told the same again, which changes nothing there.
        """
        if shipment.status == "needs_action":
            return Shipped()
        try:
            if order.terms.system == "trade":
                words = self.connector.settings.fulfil
                self.connector.client.fulfil(order.key.order_id, words.whole if shipment.complete else words.part)
            elif order.terms.reports_status:
                self.sync(order, now=now)
            else:
                return Shipped("needs_action", because("douyin.no_order_sync"))
        except (CallRefusedError, UnknownNumberError) as error:
            return Shipped("needs_action", because("douyin.shipment_refused", code=error.code))
        return Shipped("reported")

    def sync(self, order: Order, *, now: int) -> None:
        """Tell Douyin of the order's present state, unless that is what it was told last."""
        key = order.key
        state = order_sync.state_of(order, self.store.refunds(key), self.store.shipments(key))
        syncs = OrderSyncStore(self.store.client, self.store.table)
        told = syncs.read(key)
        if state is None or told.state == str(state.code):
            return
        # The stamp is fixed before Douyin hears of it: after any doubt the state is told again under a later one.
        stamp = syncs.begin(key, told, now=now)
        if stamp is None:
            raise ContentionError("somebody else tells Douyin of the order")
        self.connector.order_sync().push(order, state, stamp)
        syncs.end(key, stamp, str(state.code))
        count("OrderSynced")


@dataclass(frozen=True, slots=True)
class SyncJob:
    """Tells the states of orders at one moment; shipments, on the same list, are another job's."""

    store: OrderStore
    connect: Callable[[str], Fulfilment]
    shipments: Job
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Tell of the order's state as it is now; its next change puts it on the list again."""
        if item["sk"]["S"] != keys.SYNC:
            return self.shipments.process(item, attempts)
        seconds("DueOverdueSeconds", self.now - (codec.as_number(item, "due_at") or self.now))
        key = keys.order_key(item["pk"]["S"])
        order = self.store.get(key)
        if order is not None:
            self.connect(key.account).sync(order, now=self.now)
        return None

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to tell the state again; None once it was tried for days, until the order's next change."""
        if item["sk"]["S"] != keys.SYNC:
            return self.shipments.retry_at(item, attempts, error)
        if attempts + 1 >= MAX_SYNC_ATTEMPTS:
            count("OrderSyncGivenUp")
            return None
        return retry_refund_at(attempts, self.now)


def connect(name: str, settings: Settings, *, store: OrderStore) -> Fulfilment:
    """Return how an app's Douyin is told; `store` holds what it was told last and the tokens."""
    return Fulfilment(connector.connect(name, settings, store=store), store)
