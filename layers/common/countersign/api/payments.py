"""Create a payment: its order is recorded, then the platform is asked, then what front ends pass on is answered.

What needs no platform is checked before anything is recorded, so a refusal of ours does not spend the order number.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from countersign.accounts import Accounts
from countersign.api import created_lookups as lookups
from countersign.api.scopes import WRITE, require
from countersign.errors import (
    ConflictError,
    ContentionError,
    RateLimitedError,
    StoreUnavailableError,
    UnprocessableError,
)
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.orders.changes import (
    Change,
    CloseRequested,
    Fact,
    Operator,
    OrderCreated,
    OrderKey,
    PaymentAttempted,
    PaymentRefused,
    Prepared,
    Queried,
    Replaced,
    Terms,
)
from countersign.orders.present import order_json
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.schedule import POLL_DELAYS, must_close
from countersign.orders.state import Order
from countersign.platforms.payment import Call, NewPayment
from countersign.runtime import caller
from countersign.runtime.entrypoint import mark_accounts
from countersign.runtime.idempotency import once
from countersign.runtime.telemetry import count
from countersign.store import OrderStore, Outcome, orphans
from countersign.store.due import DueList

SHORT_DELAYS = tuple(seconds for seconds in POLL_DELAYS if seconds < 60)  # below the schedule's minute: queue messages
MAX_ROUNDS = 8  # of callers that try one order number at the same moment
Json = dict[str, Any]
Wake = Callable[[OrderKey], None]


def handle(
    request: HttpRequest,
    now: int,
    *,
    accounts: Accounts,
    store: OrderStore,
    queue: Any,
    read: Callable[[Call, bytes, OrderStore], NewPayment],
    polled: str = "POLL_QUEUE_URL",
) -> HttpReply:
    """Check the caller, read the body, create once for each Idempotency-Key: 201, or 200 for an order of before.

    `polled` is the variable with the queue of who asks about the account's orders.
    """
    platform, name = accounts.platform, request.path_parameters["account"]
    bearer = caller.from_claims(request.claims)
    require(bearer, WRITE)
    bearer.require_account(platform, name)
    base_url = os.environ.get("PUBLIC_BASE_URL") or f"https://{request.domain}"
    call = Call(platform, name, accounts.load(name), bearer.subject, base_url, request.source_ip, now)
    payment = read(call, request.body, store)
    marks = lookups.prepare(payment.lookup, platform, name)
    wake = waking(queue, os.environ[polled])

    def action() -> tuple[int, Json]:
        status, content = create(call, payment, store=store, wake=wake)
        lookups.keep(store, OrderKey(platform, name, payment.order_id), marks)
        return status, content

    status, content = once(
        action,
        request,
        account=name,
        subject=bearer.subject,
        lifetime=payment.replay_seconds,
        personal=("lookup",),
    )
    count("PaymentPrepared")
    # Also where the order is one of before: whoever created it may have ended before the mark.
    mark_accounts(store.client, store.table)
    return json_reply(status, content)


def create(call: Call, payment: NewPayment, *, store: OrderStore, wake: Wake) -> tuple[int, Json]:
    """Return status and body of the answer: 201 for a new order, 200 for the same order again.

    Raises ConflictError (other terms, paid, closed or replaced already), UnprocessableError (something is missing, or
    the platform refused) or PlatformUnavailableError (outcome unknown: call again with the same body).
    """
    return _Creation(call, payment, store).run(wake)


class _Creation:
    """One call on its way."""

    def __init__(self, call: Call, payment: NewPayment, store: OrderStore) -> None:
        self._call = call
        self._payment = payment
        self._store = store
        self._key = OrderKey(call.platform, call.account, payment.order_id)
        self._terms = payment.terms()

    def run(self, wake: Wake) -> tuple[int, Json]:
        order, attempt, is_new = self._begin()
        try:
            prepared = self._payment.prepare(order)
        except ConflictError:
            # The platform knows more about the order than we do.
            DueList(self._store.client, self._store.table, f"{self._key.platform}_poll").make_due(
                self._key, now=self._call.now
            )
            raise
        except (UnprocessableError, RateLimitedError) as error:
            if attempt:
                refused = PaymentRefused(attempt, because("said_by_the_platform", text=str(error)))
                self._record(self._key, refused, Queried(), via="query", system=order.terms.system)
            raise
        taken = Prepared(prepared.order_id, prepared.handle)
        order = self._record(self._key, taken, Queried(), via="query", system=order.terms.system).order or order
        if orphans.attach(self._store, self._key, now=self._call.now):
            order = self._store.get(self._key) or order
        wake(self._key)
        return 201 if is_new else 200, {"order": order_json(order), "client": dict(prepared.client)}

    def _begin(self) -> tuple[Order, int, bool]:
        """Record the order, or this attempt at a known one; return it, the attempt's number and whether it is new.

        The number is 0 where the platform has the order already: then no refusal says that it does not.
        """
        for _ in range(MAX_ROUNDS):
            order = self._store.get(self._key)
            if order is None or (order.uncreated and order.terms.digest != self._terms.digest):
                terms = self._replacing()
                system = terms.system
                outcome = self._record(self._key, OrderCreated(terms), self._by, system=system)
                if outcome.outcome == "applied" and outcome.order is not None:
                    return outcome.order, outcome.order.attempts, order is None
                if outcome.outcome == "refused" and outcome.order is None:
                    raise refusal(ConflictError, outcome.reason)  # another order took the place at this very moment
                if outcome.order is None:
                    raise StoreUnavailableError("the order was recorded and cannot be read back")
                # A create of the same number at the same moment was first: then its terms count.
                continue
            self._require_same_terms(order)
            if order.prepared:
                return order, 0, False
            outcome = self._record(self._key, PaymentAttempted(order.attempts + 1), self._by)
            if outcome.outcome == "applied" and outcome.order is not None:
                return outcome.order, outcome.order.attempts, False
        raise ContentionError("others create the same order at this moment")

    def _require_same_terms(self, order: Order) -> None:
        if order.status not in ("created", "pending", "failed"):
            raise refusal(ConflictError, because("new_order_id_needed", status=order.status))
        if order.terms.digest != self._terms.digest:
            compared = self._payment.compared.items()
            other = [name for name, of in compared if of(order.terms) != of(self._terms)]
            fields = ", ".join(other) or self._payment.not_kept
            raise refusal(ConflictError, because("other_terms", status=order.status, fields=fields))

    def _replacing(self) -> Terms:
        """Ask about the order to be replaced, and have it closed, so that only the new one can be paid."""
        if not self._payment.replaces:
            return self._terms
        connector = self._payment.connector
        old = self._store.get(OrderKey(self._key.platform, self._key.account, self._payment.replaces))
        if old is None:
            raise refusal(UnprocessableError, because("replaces_nothing"))
        for change in connector.query_order(old, now=self._call.now):
            old = self._store.record(change, now=self._call.now).order or old
        if old.payment is not None:
            raise refusal(ConflictError, because("order_to_replace_is", status=old.status))
        outcome = self._record(old.key, Replaced(self._key.order_id, self._call.now), self._by)
        if outcome.outcome == "refused":  # by another order, which is paid or still may be: the answer names it
            raise refusal(ConflictError, outcome.reason)
        if old.terms.closable:
            old = self._record(old.key, CloseRequested(self._call.now), self._by).order or old
            # An order that the platform does not close yet is closed by the poll function, as asked.
            closed = connector.close(old, now=self._call.now) if must_close(old, self._call.now) else None
            if closed is not None:
                self._store.record(closed, now=self._call.now)
        return self._terms

    @property
    def _by(self) -> Operator:
        return Operator(self._call.subject)

    def _record(
        self, key: OrderKey, fact: Fact, trust: Operator | Queried, *, via: str = "merchant", system: str = ""
    ) -> Outcome:
        change = Change(key, fact, trust, via, self._payment.connector.tenant, system)
        return self._store.record(change, now=self._call.now)


def waking(queue: Any, url: str) -> Wake:
    """Return how to be woken at the times that the schedule is too coarse for; the due list covers a lost message."""

    def wake(key: OrderKey) -> None:
        message = json.dumps({"platform": key.platform, "account": key.account, "order_id": key.order_id})
        entries = [{"Id": str(seconds), "MessageBody": message, "DelaySeconds": seconds} for seconds in SHORT_DELAYS]
        queue.send_message_batch(QueueUrl=url, Entries=entries)

    return wake


def waking_each(queue: Any, urls: Mapping[str, str]) -> Wake:
    """Return how to be woken where payments of one function are of several platforms, each with its own queue."""

    def wake(key: OrderKey) -> None:
        waking(queue, urls[key.platform])(key)

    return wake
