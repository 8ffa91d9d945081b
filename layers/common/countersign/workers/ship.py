"""Tell a platform what was sent: an order's shipments in the sequence in which they were recorded, each once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from countersign import texts
from countersign.errors import CountersignError
from countersign.orders.changes import Change, Queried, ShipmentReported
from countersign.orders.reasons import because
from countersign.orders.shipments import Shipment, retry_shipment_at
from countersign.orders.state import Order
from countersign.platforms.port import Shipped, Ships, is_final
from countersign.runtime import callbacks
from countersign.runtime.telemetry import seconds
from countersign.store import OrderStore, children, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.loop import Job

PAUSE_SECONDS = 10  # until a shipment is looked at again that waits for an earlier one
LEASE_SECONDS = 90  # longer than a run, and no step of the schedule: what was recorded meanwhile must differ from it

Connect = Callable[[str], Ships]


@dataclass(frozen=True, slots=True)
class ShipJob:
    """The job at one moment: `connect` gives how an account's platform is told."""

    store: OrderStore
    connect: Connect
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Tell of a shipment, or look at one that waits for a person; return when it is due again."""
        key, shipment_id = keys.order_key(item["pk"]["S"]), children.child_of(item).shipment_id
        order = self.store.get(key)
        shipments = in_sequence(self.store.shipments(key))
        place = next((place for place, known in enumerate(shipments) if known.shipment_id == shipment_id), None)
        if order is None or place is None:
            return None
        shipment, earlier = shipments[place], shipments[:place]
        if shipment.status not in ("recorded", "needs_action"):
            return None
        if shipment.status == "recorded" and any(known.status == "recorded" for known in earlier):
            return self.now + PAUSE_SECONDS
        connector = self.connect(key.account)
        try:
            shipped = connector.ship(order, shipment, earlier, attempts=attempts, now=self.now)
        except CountersignError as error:
            if not is_final(error):
                raise
            shipped = Shipped("needs_action", because("said_by_the_platform", text=str(error)))
        if not shipped.status or shipped.status == shipment.status:
            return shipped.again
        if shipped.status == "reported" and shipment.complete:
            # Once the platform has the whole order, no earlier shipment waits for a person any more.
            for known in earlier:
                if known.status == "needs_action":
                    self._record(order, known, Shipped("superseded", known.problem), connector)
        self._record(order, shipment, shipped, connector)
        return None

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to tell the platform again after an attempt of which nothing is known."""
        return retry_shipment_at(attempts, self.now)

    def _record(self, order: Order, shipment: Shipment, shipped: Shipped, connector: Ships) -> None:
        fact = ShipmentReported(shipment.shipment_id, shipped.status, shipped.problem, self.now)
        change = Change(order.key, fact, Queried(), "ship", connector.tenant, order.terms.system)
        callbacks.report(self.store.record(change, now=self.now))


def in_sequence(shipments: tuple[Shipment, ...]) -> tuple[Shipment, ...]:
    """Return shipments as they were recorded, without blanks around numbers and carriers: people paste and scan those.

    Of one second, what completes the order comes last.
    """
    trimmed = (
        replace(
            known,
            parcels=tuple(
                parcel._replace(carrier=texts.trimmed(parcel.carrier), tracking_no=texts.trimmed(parcel.tracking_no))
                for parcel in known.parcels
            ),
        )
        for known in shipments
    )
    return tuple(sorted(trimmed, key=lambda known: (known.requested_at, known.complete)))


def pending_age(item: Item, now: int) -> int:
    """Return for how long the platform was to be told: being put back for later makes no shipment younger."""
    if not item["sk"]["S"].startswith(keys.SHIPMENT):
        return 0
    shipment = children.child_of(item)
    return now - shipment.requested_at if shipment.status == "recorded" else 0


def run(
    event: dict[str, Any],
    context: Any,
    *,
    store: OrderStore,
    due: DueList,
    connect: Connect,
    enough_ms: int,
    beside: Callable[[Job, int], Job] = lambda job, _: job,
) -> None:
    """Work on each due shipment while there is time.

    `beside` makes one job of the shipments' and of another one whose rows stand on the same list.
    """

    def job(now: int) -> Job:
        return beside(ShipJob(store, connect, now), now)

    pending = loop.run(
        event,
        context,
        due,
        job,
        kind=keys.SHIPMENT,
        enough_ms=enough_ms,
        worked="ShipWorked",
        failed="ShipCallFailed",
        age=pending_age,
        lease=LEASE_SECONDS,
    )
    seconds("ShipPendingSeconds", pending)
