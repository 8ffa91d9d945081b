"""What people and the merchant's systems do with orders, whatever platform they come from."""

import json
from collections.abc import Callable
from typing import Any

from countersign.api.requests import conflict
from countersign.errors import ConflictError, NotFoundError, RateLimitedError, StoreUnavailableError, UnprocessableError
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
from countersign.orders.sentences import said
from countersign.orders.shipments import Shipment, shipment_json
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.signing import digests, nonces
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.exceptions import DISMISSIBLE, account_of, dismiss, exception_id, read_exception_id
from countersign.store.lists import History, OrderLists
from countersign.store.present import event_json, notice_json
from countersign.store.throttle import acquire_slot, count_in_minute

EXCEPTIONS = ("review", "orphan", "needs_action", "quarantine", "failed_notice")
DECISIONS = ("accept", "refund", "dismiss")
REFRESH_PAUSE_SECONDS = 10
REFRESHES_PER_MINUTE = 60
Json = dict[str, Any]


class OrderService:
    """One caller's view of the orders: everything outside the token's accounts does not exist."""

    def __init__(
        self, store: OrderStore, lists: OrderLists, caller: Caller, now: int, wake: Callable[[OrderKey], None]
    ) -> None:
        self.store = store
        self.lists = lists
        self.caller = caller
        self.now = now
        self.wake = wake

    def order(self, key: OrderKey) -> Json:
        """Return one order with its children and events."""
        history = self._history(key)
        events = [event_json(item) for item in history.events]
        notices = [notice_json(item) for item in history.notices]
        return order_json(history.order, history.children, events, notices)

    def explanation(self, key: OrderKey) -> Json:
        """Return why the order is in its state."""
        history = self._history(key)
        return explanation(history.order, [event_json(item) for item in history.events])

    def page(self, account: str, *, status: str, transaction_id: str, cursor: str) -> Json:
        """Return a page of an account's orders, or the one that a transaction paid."""
        platform, separator, name = account.partition("/")
        if not separator:
            raise UnprocessableError("account is platform/name")
        self.caller.require_account(platform, name)
        if transaction_id:
            key = self.lists.by_transaction(platform, name, transaction_id)
            order = self.store.get(key) if key else None
            return {"orders": [order_json(order)] if order else [], "cursor": None}
        orders, following = self.lists.page(platform, name, status=status, cursor=cursor)
        return {"orders": [order_json(order) for order in orders], "cursor": following or None}

    def exceptions(self, *, account: str, kind: str, cursor: str) -> Json:
        """Return a page of what a person must look at, longest listed first: of one account and kind, or of all."""
        if kind and kind not in EXCEPTIONS:
            raise UnprocessableError(f"kind is one of {', '.join(EXCEPTIONS)}")
        if account:
            self.caller.require_account(*account.partition("/")[::2])

        def visible(platform: str, name: str) -> bool:
            return account in ("", f"{platform}/{name}") and self.caller.may_see(platform, name)

        items, following = self.lists.exceptions([kind] if kind else EXCEPTIONS, visible, cursor=cursor)
        return {"exceptions": [_exception_json(item) for item in items], "cursor": following or None}

    def dismiss(self, name: str, *, note: str) -> None:
        """Take an orphan, quarantined news or a failed notice off the list; its row stays as it is, and redrivable."""
        self.caller.require_person()
        row = read_exception_id(name)
        if not self.caller.may_see(*account_of(row)):
            raise NotFoundError("no such exception")
        client, table = self.store.client, self.store.table
        kind = dismiss(client, table, row, by=self.caller.subject, note=note, now=self.now)
        if kind not in DISMISSIBLE:
            raise ConflictError(f"{kind} is not dismissed: it ends by what is done about the order")

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
                raise RateLimitedError(f"more than {REFRESHES_PER_MINUTE} refreshes of the account in a minute")
            self._ask_now(key)
        return {"order": order_json(order), "refresh": "asked"}

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
            raise ConflictError(f"the order is {order.status}")
        if order.status != "closed":
            self._record(key, CloseRequested(self.now))
        self._ask_now(key)
        answer = {"order": order_json(order), "refresh": "asked"}
        if order.terms.closable or order.status == "closed":
            return {**answer, "close": "asked"}
        return {**answer, "close": "not_possible", "expires_at": timestamp(order.terms.expires_at)}

    def settle(self, key: OrderKey, shares: tuple[tuple[str, int], ...]) -> Json:
        """Ask for the order to be settled, as soon as its period is over; after one that failed, under a new number."""
        history = self._history(key)
        strangers = {receiver for receiver, _ in shares} - set(history.order.terms.share_receivers)
        if strangers:
            raise UnprocessableError("a share goes to a receiver that the account document does not name")
        failed = sum(1 for known in history.settlements if known.status == "failed" and known.source != "platform")
        number = f"{key.order_id[:60]}*{failed}" if failed else key.order_id
        self._record(key, SettlementRequested(number, self.now, shares))
        return self.order(key)

    def ship(self, key: OrderKey, method: str, parcels: tuple[Parcel, ...], *, complete: bool, once: str = "") -> Json:
        """Record a shipment; the platform's own worker reports it.

        Its number comes from chance, or from the caller's Idempotency-Key `once`: then the same call gives the same
        shipment, and another wish under that key is UnprocessableError.
        """
        order = self._order(key)
        if method == "express" and not all(parcel.carrier and parcel.tracking_no for parcel in parcels):
            raise UnprocessableError("carrier and tracking_no are needed for express")
        if method != "express" and len(parcels) > 1:
            raise UnprocessableError("only express has several parcels")
        described = tuple(
            parcel._replace(
                description=parcel.description or order.terms.description, contact=shipments.masked(parcel.contact)
            )
            for parcel in parcels
        )
        number = self._shipment_number(key, once)
        known = self._shipment(key, number) if once else None
        if known is None:
            self._record(key, ShipmentRequested(number, method, described, complete, self.now))
        shipment = self._shipment(key, number)
        if shipment is None:
            raise StoreUnavailableError("the shipment was recorded and cannot be read back")
        if (shipment.method, shipment.parcels, shipment.complete) != (method, described, complete):
            raise UnprocessableError("this Idempotency-Key was used for another shipment of the order")
        return shipment_json(shipment)

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
        if decision not in DECISIONS:
            raise UnprocessableError(f"decision is one of {', '.join(DECISIONS)}")
        question = next((one for one in order.review_items if one.review_id == review_id), None)
        if question is None:
            raise NotFoundError("no such open question")
        self._record(key, Resolved(review_id, decision, note, self.now, self.caller.subject, question.undone))
        return self.order(key)

    def _record(self, key: OrderKey, fact: Fact) -> None:
        outcome = self.store.record(Change(key, fact, Operator(self.caller.subject), "operator"), now=self.now)
        if outcome.outcome == "refused":
            raise conflict(outcome.reason)

    def _order(self, key: OrderKey) -> Order:
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        if order is None:
            raise NotFoundError("no such order")
        return order

    def _history(self, key: OrderKey) -> History:
        self.caller.require_account(key.platform, key.account)
        history = self.lists.history(key)
        if history is None:
            raise NotFoundError("no such order")
        return history


def _exception_json(item: Item) -> Json:
    """Return an entry of the exceptions list in the words of the contract."""
    kind = keys.exception_kind(codec.as_text(item, "exception"))
    platform, account = account_of(item)
    order_id = None if kind == "quarantine" else keys.order_key(item["pk"]["S"]).order_id
    reason = said(codec.as_reasons(item)) or codec.as_text(item, "reason") or codec.as_text(item, "status")
    if kind == "failed_notice":
        reason = f"notice {codec.as_text(item, 'name')}: {reason}"
    row: Json = {"id": exception_id(item), "kind": kind, "platform": platform, "account": account, "order_id": order_id}
    return {**row, "since": timestamp(codec.as_number(item, "listed_at")), "reason": reason}
