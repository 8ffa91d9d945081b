"""Douyin's answers to what workers ask, as changes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    OrderKey,
    Queried,
    RefundAudited,
    RefundReported,
    RefundStarted,
    SettlementReported,
    is_unmatched,
)
from countersign.orders.reasons import because
from countersign.orders.reconcile import BillLine
from countersign.orders.refunds import Refund
from countersign.orders.schedule import AFTER_EXPIRY
from countersign.orders.settlements import Settlement
from countersign.orders.state import Order
from countersign.platforms.douyin import bills, translate
from countersign.platforms.douyin.client import CallRefusedError, Client, UnknownNumberError
from countersign.platforms.douyin.order_sync import OrderSync
from countersign.platforms.douyin.order_sync import fetch_token as fetch_app_token
from countersign.platforms.douyin.settings import Settings
from countersign.platforms.port import Changes, RefundRefusedError
from countersign.runtime import platform_http
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.rate_limit import RateLimiter
from countersign.store.tokens import Fetch, SharedToken

SIGNED_ORDER_LIVES = 3600  # what `tt.requestOrder` takes: until then the payer's phone may still make the order
# Six below the 30 queries that Douyin allows an app in a second: who was held up between getting a slot and using it
# comes in a burst with the others, so six callers at once stay under it over any second.
QUERIES_PER_SECOND = 24


@dataclass(frozen=True, slots=True)
class Connector:
    """An app's Douyin: its keys, the client that uses them, and the store of the tokens that all processes share."""

    account: str
    settings: Settings
    client: Client
    store: OrderStore
    refund_pause: int = 0

    @property
    def tenant(self) -> str:
        """Return the app's id."""
        return self.settings.app_id

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what Douyin says about an order; one that it does not know and nobody can make any more is over.

        It is the payer's phone that makes an order there, so one that is unknown may still come to be.
        """
        answer = self._query(order.key, order.terms.system, now)
        if answer or order.payment is not None or order.closed_at is not None:
            return answer
        ends = max(order.terms.expires_at, order.terms.created_at + SIGNED_ORDER_LIVES)
        return (self._change(order, Closed(now), "query"),) if now >= ends + AFTER_EXPIRY else ()

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what Douyin says about an order that is not known here; by its own number the trade system alone."""
        if not is_unmatched(change.key):
            return self._query(change.key, change.system or self.settings.system, now)
        number = dict(change.aliases).get("transaction", "")
        payment = self.client.query_platform_number(number) if number and change.system == "trade" else None
        return (translate.payment_to_change(payment, self._source("trade"), now=now),) if payment else ()

    def query_child(self, change: Change, system: str) -> Changes:
        """Return what Douyin says about the refund or the settlements of which `change` tells."""
        match change.fact:
            case RefundReported() | RefundStarted() as told:
                answer = self._query_refund(change.key, told.refund_id, told.platform_refund_id, system)
                return (answer,) if answer else ()
            case SettlementReported():
                return self._query_settlements(change.key, system)
        return ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what Douyin says about a refund under the number of its latest attempt."""
        number = translate.refund_number(refund.refund_id, refund.attempt)
        platform_id = refund.platform_refund_id if refund.attempt == 0 else ""
        return self._query_refund(order.key, number, platform_id, order.terms.system)

    def close(self, order: Order, *, now: int) -> Change | None:
        """Nothing closes an order at Douyin but time."""
        return None

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Return the order's settlements, once it may be settled: settled money is refunded from elsewhere."""
        payment, after = order.payment, order.terms.settle_after
        early = payment is not None and after is not None and now < payment.paid_at + after
        return () if early or order.settled else self.query_settlements(order)

    def refund(self, order: Order, refund: Refund) -> Change:
        """Ask for a refund. Douyin only accepts it: a callback or a query tells whether the money went back."""
        try:
            platform_id = self.client.refund(
                order.key.order_id,
                translate.refund_number(refund.refund_id, refund.attempt),
                refund.amount.minor,
                system=order.terms.system,
                reason=refund.reason,
                settled=order.settled > 0,
                notify_url=self.notify_url(order.terms.notify_base),
            )
        except (CallRefusedError, UnknownNumberError) as error:
            said = f"{error.code}: {error.hint}" if error.hint else error.code
            raise RefundRefusedError(because("douyin.refund_refused", code=said)) from error
        fact = RefundReported(refund.refund_id, refund.amount, "processing", platform_refund_id=platform_id)
        return self._change(order, fact, "refund")

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Tell Douyin what the refund desk decided, or ask what Douyin made of its silence."""
        if refund.status == "requested":
            return self._audited(order, refund)
        agreed, answer = refund.status == "approved", Changes()
        try:
            self.client.audit(refund.platform_refund_id, agree=agreed, reason=refund.note)
        except (
            CallRefusedError,
            UnknownNumberError,
        ):  # it is decided already: by the deadline, or by a call without answer
            answer = self._audited(order, refund)
        return (*answer, self._change(order, RefundAudited(refund.refund_id, agreed), "refund"))

    @property
    def receivers(self) -> tuple[tuple[str, int], ...]:
        """Return who gets a part of each settlement by the account document: (merchant_uid, basis points)."""
        return tuple((one.merchant_uid, one.basis_points) for one in self.settings.settle.receivers)

    def query_settlements(self, order: Order) -> Changes:
        """Return what Douyin says about an order's settlements."""
        return self._query_settlements(order.key, order.terms.system)

    def settle(self, order: Order, settlement: Settlement) -> str:
        """Ask for a settlement and return Douyin's number of it: accepted, not settled."""
        return self.client.settle(
            order.key.order_id,
            settlement.settlement_id,
            system=order.terms.system,
            shares=settlement.shares,
            notify_url=self.notify_url(order.terms.notify_base),
        )

    def certificate_ends(self) -> Mapping[str, int]:
        """Return nothing: Douyin's keys are no certificates and do not end."""
        return {}

    def latest_day(self, now: int) -> date:
        """Return the latest day that has a bill, in Beijing."""
        return bills.latest_day(now)

    def span(self, day: date) -> tuple[int, int]:
        """Return the first second of a day in Beijing, and of the next one."""
        return bills.span(day)

    @contextmanager
    def bill(self, day: date, folder: Path) -> Iterator[Iterator[BillLine]]:
        """Fetch a day's tables of payments and refunds, see that they are whole, and read them."""
        for kind in (bills.PAYMENT, bills.REFUND):
            with (folder / kind).open("w+b") as file:
                self.client.bill(kind, day, file)
        for _ in self._lines(folder):
            pass
        yield self._lines(folder)

    def order_sync(self) -> OrderSync:
        """Return how to tell Douyin of orders: guaranteed payment wants another token, one for all as well."""
        session = platform_http.session()

        def fetch() -> tuple[str, int]:
            return fetch_app_token(session, self.settings)

        return OrderSync(session, self.settings, _token(self.store, self.settings, fetch, "APP").get)

    def notify_url(self, base: str) -> str:
        """Return the address of our callbacks."""
        return f"{base}/douyin/{self.account}/callback"

    def _lines(self, folder: Path) -> Iterator[BillLine]:
        with ExitStack() as files:
            tables = []
            for kind in (bills.PAYMENT, bills.REFUND):
                path = folder / kind
                if path.stat().st_size:
                    text = files.enter_context(path.open(encoding="utf-8", newline=""))
                    tables.append(bills.read(text, kind, self.account))
            yield from chain(*tables)

    def _query(self, key: OrderKey, system: str, now: int) -> Changes:
        payment = self.client.query(key.order_id, system=system)
        return (translate.payment_to_change(payment, self._source(system), now=now),) if payment else ()

    def _audited(self, order: Order, refund: Refund) -> Changes:
        answer = self._query_refund(order.key, refund.refund_id, refund.platform_refund_id, order.terms.system)
        return (answer,) if answer else ()

    def _query_refund(self, key: OrderKey, number: str, platform_refund_id: str, system: str) -> Change | None:
        """Return what Douyin says about a refund; None where it does not know it, or waits for us itself."""
        answer = self.client.query_refund(number, platform_refund_id, system=system)
        if answer is None or translate.waits_for_us(answer):
            return None
        return translate.refund_to_change(answer, self._source(system), key)

    def _query_settlements(self, key: OrderKey, system: str) -> Changes:
        found = self.client.settlements(key.order_id, system=system)
        return tuple(translate.settlement_to_change(one, self._source(system), key) for one in found)

    def _source(self, system: str) -> translate.Source:
        return translate.Source(self.settings, self.account, system, "query", Queried())

    def _change(self, order: Order, fact: Fact, via: str) -> Change:
        return Change(order.key, fact, Queried(), via, self.tenant, order.terms.system)


def connect(name: str, settings: Settings, *, store: OrderStore) -> Connector:
    """Return an app's connector: one token and one rate limit for all processes, both kept in `store`'s table."""
    session = platform_http.session()

    def fetch() -> tuple[str, int]:
        from countersign.platforms.douyin.api_trade import fetch_token

        return fetch_token(session, settings)

    token = _token(store, settings, fetch, "CLIENT")
    limiter = RateLimiter(store.client, store.table, "douyin", settings.app_id, per_second=QUERIES_PER_SECOND)
    client = Client(session, settings, now=_now, nonce=nonces.nonce, token=token.get, pace=limiter.wait)
    return Connector(name, settings, client, store)


def _token(store: OrderStore, settings: Settings, fetch: Fetch, kind: str) -> SharedToken:
    app = settings.app_id
    return SharedToken(store.client, store.table, platform="douyin", app=app, fetch=fetch, now=_now, kind=kind)


def _now() -> int:
    return int(time.time())
