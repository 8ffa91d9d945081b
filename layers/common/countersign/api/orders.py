"""What people and the merchant's systems do with orders, whatever platform they come from."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from countersign.api.carriers import require_code
from countersign.api.overview import EXCEPTIONS, account_of, one_of
from countersign.api.people import people
from countersign.api.problems import as_problem
from countersign.api.rows import order_actions, order_row, refund_actions
from countersign.errors import (
    ConflictError,
    CountersignError,
    NotFoundError,
    RateLimitedError,
    StoreUnavailableError,
    TemporaryError,
    UnprocessableError,
    UnreadableError,
)
from countersign.money import Money
from countersign.orders import shipments
from countersign.orders.changes import (
    Change,
    CloseRequested,
    Fact,
    Operator,
    OrderKey,
    Parcel,
    Resolved,
    SettlementRequested,
    ShipmentRequested,
)
from countersign.orders.explain import explanation
from countersign.orders.present import order_json
from countersign.orders.reasons import Reason, because
from countersign.orders.refusals import refusal
from countersign.orders.reports import names
from countersign.orders.sentences import ENGLISH, said
from countersign.orders.shipments import Shipment, shipment_json
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.orders.upcoming import upcoming, upcoming_json
from countersign.orders.work import ALL_LISTS
from countersign.runtime.caller import Caller
from countersign.signing import digests, nonces
from countersign.store import OrderStore, codec, keys
from countersign.store import exceptions as entries
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.exceptions import DISMISSIBLE, dismiss, exception_id, read_exception_id
from countersign.store.lists import ALWAYS, History, OrderLists, Span
from countersign.store.present import event_json, notice_json
from countersign.store.throttle import acquire_slot, count_in_minute

STATUSES = (
    "created", "pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "closed", "failed",
    "review",
)  # fmt: skip
SORTS = ("updated", "-updated")
DECISIONS = ("accept", "refund", "dismiss")
REFRESH_PAUSE_SECONDS = 10
REFRESHES_PER_MINUTE = 60
Json = dict[str, Any]


class ShipmentOfOrder(NamedTuple):
    """One shipment of a batch."""

    key: OrderKey
    method: str
    parcels: tuple[Parcel, ...]
    complete: bool = True
    shared: bool = False


class OrdersWanted(NamedTuple):
    """Which orders of an account are wanted; what is empty bounds nothing. Dates are days of UTC+8, both included."""

    statuses: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    transaction_id: str = ""
    reference: str = ""
    first: str = ""
    last: str = ""
    sort: str = "updated"
    limit: int = 0
    cursor: str = ""


def span_of(first: str, last: str) -> Span:
    """Return the times between two days of UTC+8, in which the platforms count theirs; raises UnprocessableError."""
    if first and last and first > last:
        raise refusal(UnprocessableError, because("dates_reversed", first=first, last=last))
    try:
        begin = int(datetime.fromisoformat(f"{first}T00:00:00+08:00").timestamp()) if first else ALWAYS[0]
        end = int(datetime.fromisoformat(f"{last}T23:59:59+08:00").timestamp()) if last else ALWAYS[1]
    except ValueError:
        raise refusal(UnprocessableError, because("word_is_one_of", name="from, to", words="YYYY-MM-DD")) from None
    return max(begin, ALWAYS[0]), end


class OrderService:
    """One caller's view of the orders: everything outside the token's accounts does not exist."""

    def __init__(
        self,
        store: OrderStore,
        lists: OrderLists,
        caller: Caller,
        now: int,
        wake: Callable[[OrderKey], None] = lambda _: None,
        *,
        language: str = ENGLISH,
    ) -> None:
        self.store = store
        self.lists = lists
        self.caller = caller
        self.now = now
        self.wake = wake
        self.language = language

    def order(self, key: OrderKey) -> Json:
        """Return one order with its children and events."""
        history = self._history(key)
        events = [event_json(item, self.language) for item in history.events]
        notices = [notice_json(item) for item in history.notices]
        shown = order_json(history.order, history.children, events, notices, self.language)
        by_number = {refund.refund_id: refund_actions(refund, self.caller, self.language) for refund in history.refunds}
        shown["refunds"] = [{**row, "actions": by_number[row["refund_id"]]} for row in shown["refunds"]]
        number = history.order.instruction_id
        open_ = next((one for one in history.of("instruction") if one.instruction_id == number), None)
        actions = order_actions(history.order, self.caller, self.language, instruction=open_)
        return {**shown, "actions": actions, "people": people(self.lists, shown)}

    def explanation(self, key: OrderKey) -> Json:
        """Return why the order is in its state."""
        history = self._history(key)
        events = [event_json(item, self.language) for item in history.events]
        due = {
            (child.kind, child.number): at
            for child in history.children
            if (at := history.due.get(keys.child_sk(child.kind, child.number))) is not None
        }
        order_due = history.due.get(keys.ORDER)
        steps = upcoming(history.order, history.children, due_at=order_due, due=due, now=self.now)
        return {**explanation(history.order, events, self.language), "next": upcoming_json(steps, self.language)}

    def page(self, account: str, wanted: OrdersWanted) -> Json:
        """Return a page of an account's orders, the one that a transaction paid, or those with a reference."""
        platform, name = account_of(account, self.caller)
        one_of("status", wanted.statuses, STATUSES)
        one_of("work", wanted.work, ALL_LISTS)
        one_of("sort", [wanted.sort], SORTS)
        if wanted.transaction_id:
            key = self.lists.by_transaction(platform, name, wanted.transaction_id)
            order = self.store.get(key) if key else None
            return {"orders": [self._row(order)] if order else [], "cursor": None}
        if wanted.reference:
            return {"orders": self._with_reference(platform, name, wanted.reference), "cursor": None}
        orders, following = self.lists.page(
            platform,
            name,
            statuses=wanted.statuses,
            work=wanted.work or ALL_LISTS,
            cursor=wanted.cursor,
            span=span_of(wanted.first, wanted.last),
            newest_first=wanted.sort == "-updated",
            limit=wanted.limit,
        )
        return {"orders": [self._row(order) for order in orders], "cursor": following or None}

    def _with_reference(self, platform: str, name: str, reference: str) -> list[Json]:
        """Return the rows of orders with a reference, the latest first: one that was changed since is no more of it."""
        found = [one.key for one in self.lists.named(platform, name, reference, "reference")]
        orders = self.lists.orders(found)
        return [self._row(orders[key]) for key in found if ("reference", reference) in names(orders[key])]

    def _row(self, order: Order) -> Json:
        return order_row(order, self.caller, self.language)

    def exceptions(self, *, account: str, kind: str, cursor: str, limit: int = 0) -> Json:
        """Return a page of what a person must look at, longest listed first: of one account and kind, or of all."""
        one_of("kind", [kind] if kind else (), EXCEPTIONS)
        if account:
            self.caller.require_account(*account.partition("/")[::2])

        def visible(platform: str, name: str) -> bool:
            return account in ("", f"{platform}/{name}") and self.caller.may_see(platform, name)

        items, following = self.lists.exceptions([kind] if kind else EXCEPTIONS, visible, cursor=cursor, limit=limit)
        return {"exceptions": [_exception_json(item, self.language) for item in items], "cursor": following or None}

    def dismiss(self, name: str, *, note: str) -> None:
        """Take an orphan, quarantined news or a failed notice off the list; its row stays as it is, and redrivable."""
        self.caller.require_person()
        row = read_exception_id(name)
        if not self.caller.may_see(*entries.account_of(row)):
            raise refusal(NotFoundError, because("no_such_exception"))
        client, table = self.store.client, self.store.table
        kind = dismiss(client, table, row, by=self.caller.subject, note=note, now=self.now)
        if kind not in DISMISSIBLE:
            raise refusal(ConflictError, because("exception_ends_by_itself", kind=kind))

    def refresh(self, key: OrderKey) -> Json:
        """Have the platform asked now, by the platform's own poll function.

        The same order again within ten seconds asks nothing more: the answer to the first call is on its way. Raises
        RateLimitedError where the account's minute is used up, since each call costs a query of the platform's limit.
        """
        order = self._order(key)
        if self._first_in_a_while(key):
            client, table = self.store.client, self.store.table
            if not count_in_minute(
                client, table, key.platform, key.account, "refresh", most=REFRESHES_PER_MINUTE, now=self.now
            ):
                raise refusal(RateLimitedError, because("too_many_refreshes", most=REFRESHES_PER_MINUTE))
            self._ask_now(key)
        return {"order": order_json(order, language=self.language), "refresh": "asked"}

    def _first_in_a_while(self, key: OrderKey) -> bool:
        client, table = self.store.client, self.store.table
        return acquire_slot(client, table, key, "refresh", now=self.now, pause=REFRESH_PAUSE_SECONDS)

    def _ask_now(self, key: OrderKey) -> None:
        DueList(self.store.client, self.store.table, f"{key.platform}_poll").make_due(key, now=self.now)
        self.wake(key)

    def close(self, key: OrderKey) -> Json:
        """Ask for the order to be closed at the platform; the poll function does it as soon as the platform allows.

        Where the platform has no call for it, the answer says so: the order is watched until its time is over.
        """
        order = self._order(key)
        if order.payment is not None:
            raise refusal(ConflictError, because("order_is", status=order.status))
        if order.status != "closed":
            self._record(key, CloseRequested(self.now))
        self._ask_now(key)
        answer = {"order": order_json(order, language=self.language), "refresh": "asked"}
        if order.terms.closable or order.status == "closed":
            return {**answer, "close": "asked"}
        return {**answer, "close": "not_possible", "expires_at": timestamp(order.terms.expires_at)}

    def settle(self, key: OrderKey, shares: tuple[tuple[str, int], ...]) -> Json:
        """Ask for the order to be settled, as soon as its period is over; after one that failed, under a new number."""
        history = self._history(key)
        strangers = {receiver for receiver, _ in shares} - set(history.order.terms.share_receivers)
        if strangers:
            raise refusal(UnprocessableError, because("receiver_not_named"))
        failed = sum(1 for known in history.settlements if known.status == "failed" and known.source != "platform")
        number = f"{key.order_id[:60]}*{failed}" if failed else key.order_id
        self._record(key, SettlementRequested(number, self.now, shares))
        return self.order(key)

    def ship(
        self,
        key: OrderKey,
        method: str,
        parcels: tuple[Parcel, ...],
        *,
        complete: bool,
        shared: bool = False,
        once: str = "",
    ) -> Json:
        """Record a shipment; the platform's own worker reports it.

        Its number comes from chance, or from the caller's Idempotency-Key `once`: then the same call gives the same
        shipment, and another wish under that key is UnprocessableError.
        """
        order = self._order(key)
        if method == "express" and not all(parcel.carrier and parcel.tracking_no for parcel in parcels):
            raise refusal(UnprocessableError, because("carrier_needed"))
        if method != "express" and len(parcels) > 1:
            raise refusal(UnprocessableError, because("one_parcel_only"))
        for parcel in parcels:
            if parcel.carrier:
                require_code(key.platform, parcel.carrier)
        described = tuple(
            parcel._replace(
                description=parcel.description or order.terms.description, contact=shipments.masked(parcel.contact)
            )
            for parcel in parcels
        )
        number = self._shipment_number(key, once)
        known = self._shipment(key, number) if once else None
        if known is None:
            self._record(key, ShipmentRequested(number, method, described, complete, self.now, shared))
        shipment = self._shipment(key, number)
        if shipment is None:
            raise StoreUnavailableError("the shipment was recorded and cannot be read back")
        if (shipment.method, shipment.parcels, shipment.complete) != (method, described, complete):
            raise refusal(UnprocessableError, because("key_used_for_another_shipment"))
        return shipment_json(shipment, self.language)

    def ship_many(self, wanted: Iterable[ShipmentOfOrder], *, until: float, once: str = "") -> Json:
        """Record shipments one after the other; each line says by itself what became of it.

        `until` is when no further one is begun (`time.monotonic()`): what was not reached is 503, to be sent again.
        With an Idempotency-Key `once` the same batch again records nothing twice.
        """
        rows = []
        for number, one in enumerate(wanted):
            names = {"platform": one.key.platform, "account": one.key.account, "order_id": one.key.order_id}
            try:
                if time.monotonic() > until:
                    raise refusal(TemporaryError, because("not_reached"))
                shipment = self.ship(
                    one.key,
                    one.method,
                    one.parcels,
                    complete=one.complete,
                    shared=one.shared,
                    once=f"{once} {number}" if once else "",
                )
                rows.append({**names, "status": HTTPStatus.CREATED.value, "shipment": shipment, "problem": None})
            except CountersignError as error:
                reply = as_problem(error, self.language)
                problem = json.loads(reply.body)
                rows.append({**names, "status": reply.status, "shipment": None, "problem": problem})
        return {"results": rows}

    def _shipment_number(self, key: OrderKey, once: str) -> str:
        if not once:
            return f"sh{nonces.nonce()}"
        content = [key.platform, key.account, key.order_id, self.caller.subject, once]
        return f"sh{digests.sha256(json.dumps(content).encode())[:32]}"

    def _shipment(self, key: OrderKey, shipment_id: str) -> Shipment | None:
        return next((known for known in self.store.shipments(key) if known.shipment_id == shipment_id), None)

    def resolve(self, key: OrderKey, review_id: str, *, decision: str, note: str) -> Json:
        """Answer an open question."""
        self.caller.require_person()
        order = self._order(key)
        one_of("decision", [decision], DECISIONS)
        question = next((one for one in order.review_items if one.review_id == review_id), None)
        if question is None:
            raise refusal(NotFoundError, because("no_such_question"))
        self._record(key, Resolved(review_id, decision, note, self.now, self.caller.subject, question.undone))
        return self.order(key)

    def _record(self, key: OrderKey, fact: Fact) -> None:
        outcome = self.store.record(Change(key, fact, Operator(self.caller.subject), "operator"), now=self.now)
        if outcome.outcome == "refused":
            raise refusal(ConflictError, outcome.reason)

    def _order(self, key: OrderKey) -> Order:
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        if order is None:
            raise refusal(NotFoundError, because("no_such_order"))
        return order

    def _history(self, key: OrderKey) -> History:
        self.caller.require_account(key.platform, key.account)
        history = self.lists.history(key)
        if history is None:
            raise refusal(NotFoundError, because("no_such_order"))
        return history


def _exception_json(item: Item, language: str) -> Json:
    """Return an entry of the exceptions list in the words of the contract."""
    kind = keys.exception_kind(codec.as_text(item, "exception"))
    platform, account = entries.account_of(item)
    of_order = kind not in ("quarantine", "finding") and not entries.is_of_account(item)
    order_id = keys.order_key(item["pk"]["S"]).order_id if of_order else None
    row: Json = {"id": exception_id(item), "kind": kind, "platform": platform, "account": account, "order_id": order_id}
    if kind == "finding":
        row["orders"] = [one["S"] for one in item.get("orders", {"L": []})["L"]]
        row["due_by"] = timestamp(codec.as_number(item, "due_by"))
    return {**row, "since": timestamp(codec.as_number(item, "listed_at")), **_what_is_wrong(item, kind, language)}


def _what_is_wrong(item: Item, kind: str, language: str) -> Json:
    """Return what an entry says beside its names: in a sentence, as codes, and of how much money."""
    reasons, amount, status = codec.as_reasons(item), None, codec.as_text(item, "status") or None
    text = said(reasons, language) or codec.as_text(item, "reason") or status or ""
    try:
        if kind == "review":
            order = codec.read_order(item)
            reasons = tuple(Reason(f"question.{question.reason}") for question in order.review_items)
            text, amount = said(reasons, language), order.terms.amount.to_json()
        elif kind == "needs_action":
            child = child_of(item)
            reasons = (child.problem,) if child.problem is not None else ()
            text, amount = said(reasons, language) or child.status, _money_of(child)
    except UnreadableError:  # the list must still be readable, and the entry found
        text = status or ""
    if kind == "authorization":
        status = codec.as_text(item, "because")
        reasons = (Reason(f"access.{status}"),)
        text = said(reasons, language)
    if kind == "failed_notice":
        text = f"notice {codec.as_text(item, 'name')}: {text}"
    return {"reason": text, "reasons": [one.to_json() for one in reasons], "status": status, "amount": amount}


def _money_of(child: Any) -> Json | None:
    amount = getattr(child, "amount", None)
    return amount.to_json() if isinstance(amount, Money) else None
