"""Tell a shop what was sent: a fulfilment of all that is open, with the parcels' numbers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.fields import mapping, mappings
from countersign.orders.changes import Parcel
from countersign.orders.reasons import because
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.platforms.port import Shipped
from countersign.platforms.shopify import answers, connector, messages
from countersign.platforms.shopify.apps import Installation
from countersign.platforms.shopify.connector import Connector
from countersign.store import OrderStore

NOT_REQUIRED = "fulfillment_not_required"
_OPEN = frozenset({"open", "in_progress"})
_OVER = frozenset({"closed", "cancelled", "incomplete"})
_GONE = frozenset({"cancelled", "error", "failure"})  # of a fulfilment: what it says was not sent


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be sent of an order: fulfilment orders by where they are, and those that nobody here may fulfil.

    `numbers` are those of parcels that the shop knows already.
    """

    status: str
    open: Mapping[str, tuple[str, ...]]
    held: tuple[str, ...]
    numbers: frozenset[str]

    def has(self, parcels: Iterable[Parcel]) -> bool:
        """Tell whether the shop knows of parcels: of such without a number, where nothing is left to send."""
        wanted = {parcel.tracking_no for parcel in parcels if parcel.tracking_no}
        return wanted <= self.numbers if wanted else not self.open and not self.held


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """A shop's Shopify as the shipping worker needs it."""

    connector: Connector

    @property
    def tenant(self) -> str:
        """Return the shop's name."""
        return self.connector.tenant

    def ship(
        self, order: Order, shipment: Shipment, earlier: tuple[Shipment, ...], *, attempts: int, now: int
    ) -> Shipped:
        """Make a fulfilment of all that is open, at each place one; what the shop has already is read first.

        A shipment of a part names no goods, so the shop is told of its parcels with the last one. What waits for a
        person is over once nothing is left to send there.
        """
        number = order.key.order_id
        seen = self._read(number)
        if seen is None:
            return Shipped() if shipment.status == "needs_action" else Shipped("needs_action", because("no_such_order"))
        if not seen.open and not seen.held:
            return _as_there(seen, shipment)
        if shipment.status == "needs_action":
            return Shipped()
        if not shipment.complete:
            return Shipped("needs_action", because("shopify.part_without_goods"))
        parcels = [parcel for one in (*earlier, shipment) if one.status != "reported" for parcel in one.parcels]
        for fulfillment_orders in seen.open.values():
            said = self.connector.client.fulfil(fulfillment_orders, parcels)
            if said and not self._is_closed(number, fulfillment_orders):
                return Shipped("needs_action", because("said_by_the_platform", text=said))
        if seen.held:
            return Shipped("needs_action", because("shopify.held", words=", ".join(sorted(set(seen.held)))))
        return Shipped("reported")

    def _is_closed(self, number: str, fulfillment_orders: tuple[str, ...]) -> bool:
        """Tell whether what the shop objected to was done all the same, by a call of which no answer came."""
        seen = self._read(number)
        return seen is not None and not {one for group in seen.open.values() for one in group} & {*fulfillment_orders}

    def _read(self, number: str) -> Seen | None:
        node = self.connector.client.fulfillable(number)
        try:
            return read(node) if node is not None else None
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None


def read(node: Mapping[str, Any]) -> Seen:
    """Return what an order says of what is to be sent; MalformedError names what cannot be read."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/FulfillmentOrder
    connection = answers.member(node, "fulfillmentOrders")
    if mapping(connection, "pageInfo").get("hasNextPage"):
        raise MalformedError("there are too many fulfilment orders")
    open_: dict[str, tuple[str, ...]] = {}
    held = []
    for one in answers.nodes(connection):
        status, number = messages.word(one, "status"), messages.digits(one.get("id"))
        place = messages.digits(mapping(mapping(one, "assignedLocation"), "location").get("id"))
        actions = {messages.word(action, "action") for action in mappings(one, "supportedActions")}
        if status in _OVER:
            continue
        if status in _OPEN and "create_fulfillment" in actions and number:
            open_[place] = (*open_.get(place, ()), number)
        else:
            held.append(status)
    numbers = [
        messages.line_text(info, "number")
        for fulfillment in mappings(node, "fulfillments")
        if messages.word(fulfillment, "status") not in _GONE
        for info in mappings(fulfillment, "trackingInfo")
    ]
    return Seen(messages.word(node, "displayFulfillmentStatus"), open_, tuple(held), frozenset(filter(None, numbers)))


def _as_there(seen: Seen, shipment: Shipment) -> Shipped:
    if seen.status == NOT_REQUIRED:
        return Shipped("superseded", because("shopify.nothing_to_send"))
    if seen.has(shipment.parcels):
        return Shipped("reported")
    return Shipped("superseded", because("shopify.sent_there"))


def connect(
    name: str, installation: Installation, *, store: OrderStore, sleep: Callable[[float], None] | None = None
) -> Fulfilment:
    """Return how a shop is told."""
    return Fulfilment(connector.connect(name, installation, store=store, sleep=sleep))
