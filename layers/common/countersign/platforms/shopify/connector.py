"""Shopify's answers to what workers ask, as changes."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.money import Money
from countersign.orders.changes import Change, OrderKey, Queried, RefundReported
from countersign.orders.instructions import Instruction, InstructionRefusedError, Prospect
from countersign.orders.reasons import because
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import (
    Changes,
    Import,
    ImportPage,
    RefundRefusedError,
    Scanned,
)
from countersign.platforms.shopify import answers, bulk, documents, instructions, messages, translate
from countersign.platforms.shopify.answers import CallRefusedError, KeyUsedError, Refundable
from countersign.platforms.shopify.apps import Installation
from countersign.platforms.shopify.client import Client, Page
from countersign.platforms.shopify.installation import access_token, clock
from countersign.runtime import platform_http
from countersign.store import OrderStore
from countersign.store.installed import note_number

# What is told of orders; each is one subscription of the shop.
TOPICS = (
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_PAID",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "REFUNDS_CREATE",
    "ORDER_TRANSACTIONS_CREATE",
    "APP_UNINSTALLED",
    "APP_SCOPES_UPDATE",
)
# All that is read of an order's body; among them what tells versions apart, and what binds a body to its shop.
ORDER_FIELDS = (
    "id",
    "admin_graphql_api_id",
    "name",
    "created_at",
    "updated_at",
    "cancelled_at",
    "cancel_reason",
    "currency",
    "presentment_currency",
    "current_total_price",
    "current_total_price_set",
    "total_price",
    "total_price_set",
    "total_outstanding",
    "financial_status",
    "fulfillment_status",
    "payment_gateway_names",
    "note_attributes",
    "order_status_url",
    "source_name",
    "test",
    "line_items",
    "refunds",
)
WHOLE_ORDERS = frozenset({"ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "ORDERS_CANCELLED"})
LISTED_DAYS = 60  # how far back orders are listed without the scope read_all_orders
ALL_ORDERS = "read_all_orders"
FIRST_DAY = "2006-01-01T00:00:00Z"
KEY_PATIENCE = 3600  # seconds from a decision in which a call under another split may still become a refund
IMPORTED_AT_ONCE = 100
OVERLAP_SECONDS = 300  # of the list: its index follows some seconds later


@dataclass(frozen=True, slots=True)
class Connector:
    """A shop's Shopify: its keys, its client, and the clock that says when a reading begins."""

    installation: Installation
    client: Client
    clock: Callable[[], int]

    @property
    def tenant(self) -> str:
        """Return the shop's name."""
        return self.installation.shop.shop

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what the shop says about an order that is recorded here; nothing where it knows it no more."""
        return self._query(order.key.order_id, now)

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what the shop says about an order that is not recorded here, its beginning first."""
        return self._query(change.key.order_id, now)

    def query_child(self, change: Change, system: str) -> Changes:
        """Return nothing: reading an order reads all of its movements."""
        return ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what the shop says about one movement of money back."""
        told = self._query(order.key.order_id, self.clock())
        return next((one for one in told if _is_about(one, refund.refund_id)), None)

    @property
    def refund_pause(self) -> int:
        """Return 0: the shop says each time what can still go back."""
        return 0

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Return nothing: what can go back of which payment is asked when the refund is made."""
        return ()

    def refund(self, order: Order, refund: Refund) -> Change:
        """Make a refund of the payments that the shop suggests, in the currency that the buyer was charged in.

        The shop is read first: it has the refund where an answer was lost, however long ago. Its idempotency key comes
        from our number and try, which are recorded by then, so that two runs at once make one.

        Raises RefundRefusedError where the shop has not so much to give back, or objects.
        """
        try:
            return self._refund(order, refund)
        except CallRefusedError as error:
            said = because("said_by_the_platform", text=str(error))
            raise RefundRefusedError(said, whole_account=error.whole_account) from error

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Do nothing: buyers ask Shopify for no refunds that it would ask us about."""
        return ()

    def _refund(self, order: Order, refund: Refund) -> Change:
        number = order.key.order_id
        node = self.client.refundable(number)
        if node is None:
            raise RefundRefusedError(because("no_such_order"))
        made = next((one for one in self._changes(node, self.clock()) if _is_about(one, refund.refund_id)), None)
        if made is not None:
            return made
        try:
            # One that answers a question about a payment goes back of that payment.
            payments = [one for one in answers.read_refundable(node) if refund.transaction_id in ("", one.parent_id)]
            parts = split(refund.amount, payments)
            key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tenant}/{number}/{refund.refund_id}/{refund.attempt}"))
            payload = self.client.refund(number, parts, note=messages.note_of(refund.refund_id), key=key)
            facts = translate.refund_facts(answers.read_refund(payload, number), asks=False)
        except KeyUsedError:
            if self.clock() - refund.judged_at < KEY_PATIENCE:
                raise
            raise RefundRefusedError(because("shopify.refund_unclear")) from None
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None
        if not facts:
            raise PlatformUnavailableError("Shopify's refund moves no money (yet)")
        return translate.told(order.key, facts, Queried(), via="query")[0]

    def prospect(self, order: Order, instruction: Instruction) -> tuple[Changes, Prospect]:
        """Read the order, and return what it says and what that means for an instruction."""
        node = self.client.instructable(order.key.order_id)
        if node is None:
            raise InstructionRefusedError(because("no_such_order"))
        try:
            read = answers.read_order(node)
            markable = answers.read_markable(node)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None
        limits = self.installation.app.mark_paid_limits
        told = self._changes(node, self.clock())
        try:
            return told, instructions.prospect(instruction, read, markable, limits=limits)
        except InstructionRefusedError as error:  # what the order says is worth knowing all the same
            return told, Prospect("failed", error.problem)

    def instruct(self, order: Order, instruction: Instruction, prospect: Prospect) -> None:
        """Have an instruction done; raises InstructionRefusedError with what the shop objects to."""
        number, amount = order.key.order_id, prospect.amount
        match instruction.action:
            case "capture" if amount is not None:
                said = self.client.capture(number, prospect.subject, amount)
            case "void":
                said = self.client.void(prospect.subject)
            case "cancel":
                said = self.client.cancel(
                    number,
                    reason=instruction.reason,
                    restock=instruction.restock,
                    notify=instruction.notify,
                    note=instruction.note,
                )
            case _:
                said = self.client.mark_paid(number)
        if said:
            raise InstructionRefusedError(because("said_by_the_platform", text=said))

    def close(self, order: Order, *, now: int) -> Change | None:
        """Do nothing: an order ends in its shop only."""
        return None

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics to subscribe to by the API: none where the app's configuration or a person does that."""
        return TOPICS if self.installation.app.subscriptions == "shop" else ()

    def subscribed(self) -> frozenset[tuple[str, str]]:
        """Return (topic, address) of every subscription that the shop's list has."""
        found = ((one.get("topic"), one.get("uri")) for one in self.client.subscriptions())
        return frozenset((topic, to) for topic, to in found if isinstance(topic, str) and isinstance(to, str))

    def subscribe(self, topic: str, address: str) -> None:
        """Subscribe an address to a topic; one that is there already is as good."""
        said = self.client.subscribe(topic, address, ORDER_FIELDS if topic in WHOLE_ORDERS else ())
        if said and (topic, address) not in self.subscribed():
            raise CallRefusedError(200, "it makes no subscription to this address")

    @property
    def overlap(self) -> int:
        """Return the seconds by which a list begins before the place where the last one ended."""
        return OVERLAP_SECONDS

    def beginning(self, now: int) -> str:
        """Return the place from which everything that can be listed lies ahead."""
        everything = ALL_ORDERS in self.installation.shop.scopes
        return FIRST_DAY if everything else self.place(now - LISTED_DAYS * 86400)

    def place(self, at: int) -> str:
        """Return a moment as Shopify writes times."""
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def earlier(self, place: str, seconds: int) -> str:
        """Return the place that many seconds before one."""
        return self.place(self.moment(place) - seconds)

    def moment(self, place: str) -> int:
        """Return a place as epoch seconds."""
        return messages.moment({"place": place}, "place") or 0

    def scan(self, since: str, *, everything: bool, now: int) -> Iterator[Scanned]:
        """Yield the orders that changed from a place on, page by page; archived and cancelled ones are among them.

        Raises PlatformUnavailableError for a page of orders that were not asked for: then a filter was ignored, and to
        go on would read the shop's oldest orders for ever.
        """
        reached = since
        for page in self.client.orders(f"updated_at:>='{since}'"):
            read_at = max(now, self.clock())
            scanned = self._scanned(page, since, reached, read_at)
            reached = scanned.place or reached
            yield scanned

    def changed(self, since: str, until: str) -> Iterator[tuple[str, int]]:
        """Yield (number, when it changed last) of each order that changed last in an interval, both ends included."""
        for page in self.client.orders(f"updated_at:>='{since}' updated_at:<='{until}'", ids_only=True):
            for node in page.orders:
                number, at = messages.digits(node.get("id")), messages.moment(node, "updatedAt")
                if number and at is not None:
                    yield number, at

    def start_import(self, since: str, until: str) -> Import | None:
        """Have a file of what changed last in an interval written; one that was begun and not noted is found again."""
        query = documents.bulk_of(f"updated_at:>='{since}' updated_at:<='{until}'")
        for known in self.client.bulks():
            found = _import(known)
            if known.get("query") == query and found.state in ("running", "done"):
                return found
            if found.state == "running":
                return None
        started = self.client.start_bulk(query)
        return _import(started) if started is not None else None

    def import_state(self, number: str) -> Import:
        """Return how a bulk operation stands; its file is there for a week."""
        found = self.client.bulk(number)
        return _import(found) if found is not None else Import(number, "gone", reason="gone")

    def imported(self, address: str, *, begun_at: int, skip: int, whole: bool) -> Iterator[ImportPage]:
        """Yield the orders of a bulk operation's file, a hundred at a time."""
        nodes: list[Mapping[str, Any]] = []
        lines = orders = 0
        with self.client.bulk_file(address) as pieces:
            for root in bulk.roots(pieces, whole=whole):
                lines, orders = root.lines, orders + 1
                if orders > skip:
                    nodes.append(root.node)
                if len(nodes) == IMPORTED_AT_ONCE:
                    yield ImportPage(self._readable(nodes, begun_at), lines, orders)
                    nodes = []
        yield ImportPage(self._readable(nodes, begun_at), lines, orders)

    def _readable(self, nodes: list[Mapping[str, Any]], read_at: int) -> Scanned:
        told: list[Changes] = []
        unreadable = 0
        for node in nodes:
            try:
                told += self._told(self.client.whole(node), read_at)
            except MalformedError:
                unreadable += 1
        return Scanned(tuple(told), "", "", unreadable)

    def _scanned(self, page: Page, since: str, reached: str, read_at: int) -> Scanned:
        told: list[Changes] = []
        times: list[int] = []
        unreadable, least = 0, self.moment(since)
        for node in page.orders:
            try:
                at = messages.moment(node, "updatedAt")
                if at is not None:
                    times.append(at)
                told += self._told(node, read_at)
            except MalformedError:
                unreadable += 1
        if any(at < least for at in times):
            raise PlatformUnavailableError("Shopify's list has orders that were not asked for")
        sorted_ = times == sorted(times) and (not times or times[0] >= self.moment(reached))
        latest = self.place(max(times)) if times else ""
        return Scanned(tuple(told), latest if sorted_ else "", latest, unreadable)

    def _query(self, number: str, now: int) -> Changes:
        node = self.client.order(number)
        if node is None:
            return ()
        return self._changes(node, now)

    def _changes(self, node: Mapping[str, Any], read_at: int) -> Changes:
        try:
            return tuple(change for message in self._told(node, read_at) for change in message)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None

    def _told(self, node: Mapping[str, Any], read_at: int) -> list[Changes]:
        """Return what is read of an order, as messages of no more facts than one may have."""
        facts = translate.read_facts(answers.read_order(node), read_at=read_at)
        key = OrderKey(translate.PLATFORM, self.tenant, messages.digits(node.get("id")))
        changes = translate.told(key, facts, Queried(), via="query")
        most = translate.MOST_FACTS
        return [changes[first : first + most] for first in range(0, len(changes), most)]


# https://shopify.dev/docs/api/admin-graphql/2026-10/enums/BulkOperationStatus
_ENDED = {"completed": "done", "failed": "failed", "canceled": "failed", "expired": "failed"}


def _import(fields: Mapping[str, Any]) -> Import:
    """Return what is said of a bulk operation; what failed may have a file of a part."""
    status = messages.word(fields, "status")
    state = _ENDED.get(status, "running")
    address = fields.get("url" if state == "done" else "partialDataUrl")
    reason = messages.word(fields, "errorCode") or status
    return Import(
        str(fields.get("id", "")),
        state,
        _count(fields, "objectCount"),
        _count(fields, "rootObjectCount"),
        address if isinstance(address, str) else "",
        reason,
    )


def _count(fields: Mapping[str, Any], name: str) -> int:
    """Return a count, which Shopify writes as text; -1, which no file has, where it is none."""
    said = str(fields.get(name) or "0")
    return int(said) if said.isdecimal() else -1


def split(amount: Money, payments: Sequence[Refundable]) -> tuple[tuple[Refundable, Money], ...]:
    """Return how much of an amount goes back of which payment, in the sequence in which they are given.

    Raises RefundRefusedError where they have less, or are in another currency: nothing is ever converted.
    """
    parts: list[tuple[Refundable, Money]] = []
    rest = amount.minor
    for payment in payments:
        if payment.most.currency == amount.currency and rest and payment.most.minor:
            part = min(rest, payment.most.minor)
            parts.append((payment, Money(part, amount.currency)))
            rest -= part
    if rest:
        left = Money(amount.minor - rest, amount.currency)
        raise RefundRefusedError(because("shopify.nothing_to_refund", amount=amount, left=left))
    return tuple(parts)


def _is_about(change: Change, refund_id: str) -> bool:
    return isinstance(change.fact, RefundReported) and change.fact.refund_id == refund_id


def connect(
    _name: str, installation: Installation, *, store: OrderStore, sleep: Callable[[float], None] | None = None
) -> Connector:
    """Return a shop's connector; `sleep` waits between calls that are repeated, by the clock unless told."""
    session, app, shop = platform_http.session(), installation.app, installation.shop
    if shop.shop_id and shop.shop not in app.shops:
        note_number(store.client, store.table, translate.PLATFORM, installation.name, shop.shop, shop.shop_id)
    token = access_token(session, installation, store)
    return Connector(installation, Client(session, app, shop, token=token, sleep=sleep or time.sleep), clock)
