"""Tell a shop what was sent: a fulfilment of each parcel that says what is in it, else of all that is open."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.fields import mapping, mappings
from countersign.orders.changes import Parcel
from countersign.orders.reasons import because
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.platforms.port import Shipped
from countersign.platforms.shopify import answers, connector, messages
from countersign.platforms.shopify.apps import Installation
from countersign.platforms.shopify.client import Client
from countersign.platforms.shopify.connector import Connector
from countersign.platforms.shopify.documents import MOST_FULFILLMENTS
from countersign.store import OrderStore

NOT_REQUIRED = "fulfillment_not_required"
_OPEN = frozenset({"open", "in_progress"})
_OVER = frozenset({"closed", "cancelled", "incomplete"})
_GONE = frozenset({"cancelled", "error", "failure"})  # of a fulfilment: what it says was not sent
SKEW = 60  # seconds by which the shop's clock may be behind

Goods = Counter[str]  # how many of each line of the order


class Fulfilled(NamedTuple):
    """A fulfilment that the shop has; its number, when it was made (epoch seconds) and its parcels' numbers."""

    id: str
    at: int
    numbers: frozenset[str]


class Line(NamedTuple):
    """A line of a fulfilment order: its own number, the order's line, and how many are left to send."""

    id: str
    line: str
    left: int


class Call(NamedTuple):
    """A fulfilment to make, at one place: (line, how many) by fulfilment order, in parcels of one number."""

    goods: Mapping[str, tuple[tuple[str, int], ...]]
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be sent of an order: fulfilment orders by where they are, and those that nobody here may fulfil.

    `over` are those of which nothing is to be sent any more, `held` those with a state that a person must change.
    """

    status: str
    open: Mapping[str, tuple[str, ...]]
    held: Mapping[str, str]
    over: tuple[str, ...]
    fulfilled: tuple[Fulfilled, ...]

    @property
    def numbers(self) -> frozenset[str]:
        """Return the numbers of parcels that the shop knows already."""
        return frozenset[str]().union(*(one.numbers for one in self.fulfilled))

    def has(self, parcels: Iterable[Parcel]) -> bool:
        """Tell whether the shop knows of parcels: of such without a number, where nothing is left to send."""
        wanted = {parcel.tracking_no for parcel in parcels if parcel.tracking_no}
        return wanted <= self.numbers if wanted else not self.open and not self.held

    @property
    def is_held(self) -> Shipped:
        """Return what a shipment waits for of which something is held there."""
        return Shipped("needs_action", because("shopify.held", words=", ".join(sorted(set(self.held.values())))))


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
        """Make a fulfilment of each parcel at each place that its goods are at; what the shop has is read first.

        Parcels that do not say what is in them are one fulfilment of all that is left, with the last shipment. What
        waits for a person is over once nothing is left to send there.
        """
        number = order.key.order_id
        seen = self._read(number)
        if seen is None:
            return Shipped() if shipment.status == "needs_action" else Shipped("needs_action", because("no_such_order"))
        if not seen.open and not seen.held:
            return _as_there(seen, shipment)
        if shipment.status == "needs_action":
            return Shipped()
        if not shipment.complete and not all(parcel.goods for parcel in shipment.parcels):
            return Shipped("needs_action", because("shopify.part_without_goods"))
        told = self._tell_parcels(number, seen, shipment, earlier)
        if not shipment.complete or told.status == "needs_action":
            return told
        if told.status:
            seen = self._read(number)
        return self._tell_rest(number, seen, shipment, earlier) if seen is not None else told

    def _tell_parcels(self, number: str, seen: Seen, shipment: Shipment, earlier: tuple[Shipment, ...]) -> Shipped:
        """Tell of the parcels that say what is in them; nothing is said where there are none."""
        client = self.connector.client
        planned = plan(client, seen, shipment, earlier)
        if isinstance(planned, Shipped):
            return planned
        for call in planned:
            said = client.fulfil(call.goods, call.parcels)
            if said and self._is_to_do(number, call, shipment, earlier):
                return Shipped("needs_action", because("said_by_the_platform", text=said))
        return Shipped("reported")

    def _is_to_do(self, number: str, call: Call, shipment: Shipment, earlier: tuple[Shipment, ...]) -> bool:
        """Tell whether what the shop objected to was not done by a call either of which no answer came."""
        seen = self._read(number)
        planned = plan(self.connector.client, seen, shipment, earlier) if seen is not None else ()
        return not isinstance(planned, Shipped) and call in planned

    def _tell_rest(self, number: str, seen: Seen, shipment: Shipment, earlier: tuple[Shipment, ...]) -> Shipped:
        """Tell of the parcels that do not say what is in them, those of earlier parts among them, as all the rest."""
        untold = [one for one in (*earlier, shipment) if one.status != "reported"]
        parcels = [parcel for one in untold for parcel in one.parcels if not parcel.goods]
        if not parcels and seen.open:
            return Shipped("needs_action", because("shopify.more_to_send"))
        for fulfillment_orders in seen.open.values():
            said = self.connector.client.fulfil(dict.fromkeys(fulfillment_orders, ()), parcels)
            if said and not self._is_closed(number, fulfillment_orders):
                return Shipped("needs_action", because("said_by_the_platform", text=said))
        return seen.is_held if seen.held else Shipped("reported")

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
    held, over = {}, []
    for one in answers.nodes(connection):
        status, number = messages.word(one, "status"), messages.digits(one.get("id"))
        place = messages.digits(mapping(mapping(one, "assignedLocation"), "location").get("id"))
        actions = {messages.word(action, "action") for action in mappings(one, "supportedActions")}
        if status in _OVER:
            over.append(number)
        elif status in _OPEN and "create_fulfillment" in actions and number:
            open_[place] = (*open_.get(place, ()), number)
        else:
            held[number] = status
    fulfillments = mappings(node, "fulfillments")
    if len(fulfillments) > MOST_FULFILLMENTS:
        raise MalformedError("there are too many fulfilments")
    fulfilled = tuple(_fulfilled(one) for one in fulfillments if messages.word(one, "status") not in _GONE)
    return Seen(messages.word(node, "displayFulfillmentStatus"), open_, held, tuple(filter(None, over)), fulfilled)


def _fulfilled(node: Mapping[str, Any]) -> Fulfilled:
    numbers = (messages.line_text(info, "number") for info in mappings(node, "trackingInfo"))
    at = messages.moment(node, "createdAt")
    return Fulfilled(messages.digits(node.get("id")), at or 0, frozenset(filter(None, numbers)))


def plan(client: Client, seen: Seen, shipment: Shipment, earlier: Iterable[Shipment]) -> tuple[Call, ...] | Shipped:
    """Return the fulfilments that are to be made of the parcels that say what is in them, or what comes in their place.

    What the shop has of a parcel is known by its number; of one without a number, by what was fulfilled without one
    since the shipment was recorded. Of what it sent by itself nothing is sent again.
    """
    boxes = _boxes(shipment)
    if not boxes:
        return Shipped()
    there = _there(client, seen, shipment, boxes, earlier)
    lines = {number: list(_to_send(client, number)) for group in seen.open.values() for number in group}
    calls: list[Call] = []
    missing = Goods()
    for number, parcels in boxes.items():
        left = _goods(parcels) - there[number]
        for group in seen.open.values():
            taken = {order: some for order in group if (some := _take(left, lines[order]))}
            if taken:
                calls.append(Call(taken, parcels))
        missing += left
    if missing and (problem := _against(client, seen, missing, lines)) is not None:
        return problem
    if calls or any(there.values()):
        return tuple(calls)
    return Shipped("superseded", because("shopify.goods_sent_there"))


def _against(client: Client, seen: Seen, missing: Goods, lines: Mapping[str, Sequence[Line]]) -> Shipped | None:
    """Return why goods cannot be sent that are nowhere open; None where the shop sent them by itself."""
    held = [one for number in seen.held for one in _to_send(client, number)]
    if any(one.left and one.line in missing for one in held):
        return seen.is_held
    known = {one.line for group in (*lines.values(), held) for one in group}
    known |= {one.line for number in seen.over for one in _to_send(client, number)}
    if unknown := sorted({*missing} - known):
        return Shipped("needs_action", because("shopify.no_such_goods", line_id=unknown[0]))
    return None


def _boxes(shipment: Shipment) -> dict[str, tuple[Parcel, ...]]:
    """Return the parcels that say what is in them by their numbers, as they are told of."""
    found: dict[str, tuple[Parcel, ...]] = {}
    for parcel in shipment.parcels:
        if parcel.goods:
            found[parcel.tracking_no] = (*found.get(parcel.tracking_no, ()), parcel)
    return found


def _goods(parcels: Iterable[Parcel]) -> Goods:
    found = Goods()
    for line, quantity in (one for parcel in parcels for one in parcel.goods):
        found[messages.digits(line) or line] += quantity
    return found


def _there(
    client: Client, seen: Seen, shipment: Shipment, boxes: Iterable[str], earlier: Iterable[Shipment]
) -> dict[str, Goods]:
    """Return what the shop has as sent of this shipment, by the number that it was sent under."""
    found = {number: Goods() for number in boxes}
    for one in seen.fulfilled:
        number = next((number for number in found if number in one.numbers), None)
        if number is None and not one.numbers and "" in found and one.at >= shipment.requested_at - SKEW:
            number = ""
        if number is not None:
            for node in client.sent(one.id):
                found[number][_line_of(node)] += _quantity(node, "quantity")
    for before in earlier:
        if before.status == "reported":
            for number, parcels in _boxes(before).items():
                found[number] = found.get(number, Goods()) - _goods(parcels)
    return found


def _to_send(client: Client, fulfillment_order: str) -> Iterator[Line]:
    for node in client.to_send(fulfillment_order):
        yield Line(messages.digits(node.get("id")), _line_of(node), _quantity(node, "remainingQuantity"))


def _take(left: Goods, lines: list[Line]) -> tuple[tuple[str, int], ...]:
    """Take of the lines of a fulfilment order what is left to send of a parcel, off both."""
    taken = []
    for place, one in enumerate(lines):
        quantity = min(left[one.line], one.left)
        if quantity > 0:
            taken.append((one.id, quantity))
            left[one.line] -= quantity
            lines[place] = one._replace(left=one.left - quantity)
    return tuple(taken)


def _line_of(node: Mapping[str, Any]) -> str:
    return messages.digits(mapping(node, "lineItem").get("id"))


def _quantity(node: Mapping[str, Any], name: str) -> int:
    value = node.get(name)
    return value if type(value) is int and value > 0 else 0


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
