"""The refund desk, for all platforms: one person or system asks, another person decides, a worker carries it out."""

import json
from typing import Any

from countersign.api.overview import account_of, one_of
from countersign.api.people import people
from countersign.api.rows import refund_actions
from countersign.errors import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderKey,
    RefundDecided,
    RefundFact,
    RefundRequested,
    RefundResolved,
    RefundRetried,
)
from countersign.orders.reasons import because
from countersign.orders.refunds import REFUND_RANK, Refund, refund_json
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH
from countersign.orders.state import Order
from countersign.runtime.caller import Caller
from countersign.signing import digests, nonces
from countersign.store import OrderStore
from countersign.store.lists import OrderLists

STATUSES = tuple(REFUND_RANK)
Json = dict[str, Any]


class RefundService:
    """One caller at the desk: everything outside the token's accounts does not exist."""

    def __init__(
        self, store: OrderStore, lists: OrderLists, caller: Caller, now: int, *, language: str = ENGLISH
    ) -> None:
        self.store = store
        self.lists = lists
        self.caller = caller
        self.now = now
        self.language = language

    def request(
        self, key: OrderKey, amount: Money | None, *, reason: str, source: str = "merchant", once: str = ""
    ) -> Json:
        """Record the wish for a refund, of everything that is left where no amount is given.

        Its number is what the platform will see. It comes from chance, or from the caller's Idempotency-Key `once`:
        then the same call, however much later, gives the same refund, and another wish under that key is
        UnprocessableError.
        """
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        if order is None:
            raise refusal(NotFoundError, because("no_such_order"))
        refund_id = self._number(key, once)
        known = self.store.refund(key, refund_id) if once else None
        if known is None:
            wanted = amount or Money(order.refundable, order.terms.amount.currency)
            self._record(key, RefundRequested(refund_id, wanted, reason, self.now, source))
        refund = self._find(key, refund_id)
        if (amount or refund.amount, reason, source) != (refund.amount, refund.reason, refund.source):
            raise refusal(UnprocessableError, because("key_used_for_another_refund"))
        return self._row(key, refund)

    def judge(self, key: OrderKey, refund_id: str, *, approved: bool, amount: Money | None = None) -> Json:
        """Approve or reject a refund; `amount` is what the person saw, if they say so."""
        refund = self._for_a_person(key, refund_id)
        if amount is not None and amount != refund.amount:
            raise refusal(ConflictError, because("another_amount", amount=refund.amount))
        return self._recorded(key, RefundDecided(refund_id, approved, self.now))

    def retry(self, key: OrderKey, refund_id: str) -> Json:
        """Have the platform asked again, under the same number, now that what it refused for is mended."""
        refund = self._for_a_person(key, refund_id)
        return self._recorded(key, RefundRetried(refund_id, refund.attempt, self.now))

    def resolve(self, key: OrderKey, refund_id: str, *, outcome: str, note: str) -> Json:
        """Record what a person did about a refund that the platform could not make."""
        self._for_a_person(key, refund_id)
        return self._recorded(key, RefundResolved(refund_id, outcome, note, self.now))

    def page(self, *, statuses: tuple[str, ...], account: str, cursor: str, limit: int = 0) -> Json:
        """Return a page of refunds, each with its order's amounts and what the caller may do about it."""
        one_of("status", statuses, STATUSES)
        if account:
            account_of(account, self.caller)

        def visible(key: OrderKey) -> bool:
            return account in ("", f"{key.platform}/{key.account}") and self.caller.may_see(key.platform, key.account)

        rows, following = self.lists.refunds(statuses or STATUSES, visible, cursor=cursor, limit=limit)
        orders = self.lists.orders({key for key, _ in rows})
        shown = [{**self._row(key, refund), "order": _amounts(orders.get(key))} for key, refund in rows]
        return {"refunds": shown, "cursor": following or None, "people": people(self.lists, *shown)}

    def _row(self, key: OrderKey, refund: Refund) -> Json:
        names = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
        actions = refund_actions(refund, self.caller, self.language)
        return {**names, **refund_json(refund, self.language), "actions": actions}

    def _number(self, key: OrderKey, once: str) -> str:
        if not once:
            return f"rf{nonces.nonce()}"
        content = [key.platform, key.account, key.order_id, self.caller.subject, once]
        return f"rf{digests.sha256(json.dumps(content).encode())[:32]}"

    def _for_a_person(self, key: OrderKey, refund_id: str) -> Refund:
        self.caller.require_person()
        self.caller.require_account(key.platform, key.account)
        refund = self._find(key, refund_id)
        if refund.requested_by == self.caller.subject:
            raise refusal(ForbiddenError, because("another_person_needed"))
        return refund

    def _find(self, key: OrderKey, refund_id: str) -> Refund:
        found = self.store.refund(key, refund_id)
        if found is None:
            raise refusal(NotFoundError, because("no_such_refund"))
        refund: Refund = found.child
        return refund

    def _recorded(self, key: OrderKey, fact: RefundFact) -> Json:
        self._record(key, fact)
        return self._row(key, self._find(key, fact.refund_id))

    def _record(self, key: OrderKey, fact: RefundFact) -> None:
        outcome = self.store.record(Change(key, fact, Operator(self.caller.subject), "operator"), now=self.now)
        if outcome.outcome == "refused":
            raise refusal(ConflictError, outcome.reason)


def _amounts(order: Order | None) -> Json | None:
    """Return what of its order a refund is judged by: what was paid, and what is left to refund."""
    if order is None:
        return None
    currency = order.terms.amount.currency
    paid, left = Money(order.paid, currency), Money(order.refundable, currency)
    return {"status": order.status, "paid": paid.to_json(), "left": left.to_json()}
