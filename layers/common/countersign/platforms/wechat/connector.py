"""WeChat's answers to what workers ask, as changes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.orders.changes import Change, Closed, OrderKey, Queried, RefundReported, is_unmatched
from countersign.orders.reconcile import BillLine
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import Changes, RefundRefusedError
from countersign.platforms.wechat import apps, bills, refunds, store_changes, store_orders, translate
from countersign.platforms.wechat.client import (
    CallRefusedError,
    Client,
    NoBillError,
    OrderStateError,
    RefundRequest,
    UnknownNumberError,
)
from countersign.platforms.wechat.miniprogram import MiniProgram, MiniProgramRefusedError
from countersign.platforms.wechat.settings import Settings, certificate_ends
from countersign.platforms.wechat.store_orders import StoreOrder
from countersign.runtime import platform_http
from countersign.signing import nonces
from countersign.store import OrderStore


@dataclass(frozen=True, slots=True)
class Connector:
    """An account's WeChat: its keys, the client that uses them, and its mini store for who asks about its orders."""

    account: str
    settings: Settings
    client: Client
    mini_store: Callable[[], MiniProgram] | None = None
    refund_pause: int = refunds.PAUSE_SECONDS

    @property
    def tenant(self) -> str:
        """Return the merchant number."""
        return self.settings.mchid

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what WeChat, or the mini store that made the order, says about it."""
        return self._query(order.key, order.terms.system, now)

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what WeChat says about an order that is not known here; a mini store's from its beginning on.

        WeChat cannot be asked by its own numbers, so what names no order of the merchant's stays unknown.
        """
        if is_unmatched(change.key):
            return ()
        if change.system != store_changes.SYSTEM:
            return self._query(change.key, change.system or self.settings.api, now)
        order = self._store_order(change.key)
        if order is None:
            return ()
        return (store_changes.opened(order, self.settings, change.key), *self._store_changes(change.key, order, now))

    def query_child(self, change: Change, system: str) -> Changes:
        """Return what WeChat says about the refund that `change` names, by the API version that told of it."""
        if not isinstance(change.fact, RefundReported):
            return ()
        answer = self._query_refund(change.key, change.fact.refund_id, change.system or system)
        return (answer,) if answer else ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what WeChat says about a refund."""
        return self._query_refund(order.key, refund.refund_id, _system(order, refund))

    def close(self, order: Order, *, now: int) -> Change | None:
        """Close an order and return what WeChat says about it then.

        The answer to the close alone proves nothing: WeChat gives it for a wrong number too, and a payer who is at it
        may pay until that moment. Raises ConflictError where WeChat refuses to close.
        """
        self.client.close(order.key.order_id, system=order.terms.system)
        answer = self._query(order.key, order.terms.system, now)
        # WeChat knows of no such order: nothing is left that could be paid.
        return next(iter(answer), Change(order.key, Closed(now), Queried(), "query", self.tenant, order.terms.system))

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Nothing is needed."""
        return ()

    def refund(self, order: Order, refund: Refund) -> Change:
        """Make a refund of the payment that it names, by the API version which that payment came by."""
        totals = (claim.total for claim in order.claims if claim.transaction_id == refund.transaction_id)
        base, system = order.terms.notify_base, _system(order, refund)
        request = RefundRequest(
            refund_id=refund.refund_id,
            transaction_id=refund.transaction_id,
            amount=refund.amount,
            total=next(totals, order.terms.amount),
            reason=refund.reason,
            notify_url=f"{base}/wechat/{self.account}/notify" if base else "",
        )
        try:
            answer = self.client.refund(request, system=system)
        except (CallRefusedError, UnknownNumberError, OrderStateError) as error:
            whole_account = error.code in refunds.OF_THE_ACCOUNT
            raise RefundRefusedError(refunds.problem(error.code, error.hint), whole_account=whole_account) from error
        trust = Queried(answer.key_id)
        return translate.refund_to_change(
            answer.message, self.settings, self.account, system=system, via="refund", trust=trust
        )

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Nothing: a payer of WeChat asks the merchant for money back, and not WeChat."""
        return ()

    def certificate_ends(self) -> Mapping[str, int]:
        """Return when the merchant's certificate and WeChat's end; one that cannot be read is the lint's matter."""
        return certificate_ends(self.settings)

    def latest_day(self, now: int) -> date:
        """Return the latest day that has a bill, in Beijing."""
        return bills.latest_day(now)

    def span(self, day: date) -> tuple[int, int]:
        """Return the first second of a day in Beijing, and of the next one."""
        return bills.span(day)

    @contextmanager
    def bill(self, day: date, folder: Path) -> Iterator[Iterator[BillLine]]:
        """Fetch and read a day's bill."""
        with Path(folder, "bill").open("w+b") as file:
            try:
                self.client.bill(day, file)
            except NoBillError:
                yield iter(())
                return
            yield bills.read(file, self.account)

    def _query(self, key: OrderKey, system: str, now: int) -> Changes:
        if system == store_changes.SYSTEM:
            order = self._store_order(key)
            return self._store_changes(key, order, now) if order else ()
        answer = self.client.query(key.order_id, system=system)
        if answer is None:
            return ()
        trust = Queried(answer.key_id)
        return (
            translate.transaction_to_change(
                answer.message, self.settings, key.account, system=system, via="query", trust=trust, now=now
            ),
        )

    def _query_refund(self, key: OrderKey, refund_id: str, system: str) -> Change | None:
        answer = self.client.query_refund(refund_id, system=system)
        if answer is None:
            return None
        trust = Queried(answer.key_id)
        return translate.refund_to_change(
            answer.message, self.settings, key.account, system=answer.system, via="query", trust=trust
        )

    def _store_order(self, key: OrderKey) -> StoreOrder | None:
        """Return what the account's mini store says about an order, or None where it knows none, or there is no store.

        Raises MiniProgramRefusedError, or PlatformUnavailableError where the answer is missing or cannot be believed.
        """
        if self.settings.store is None or self.mini_store is None:
            return None
        try:
            answer = self.mini_store().call(self.settings.store.order_path, {"order_id": key.order_id})
            order = store_orders.read(answer)
        except MiniProgramRefusedError as error:
            if error.code in store_changes.ORDER_UNKNOWN:
                return None
            raise
        except MalformedError as error:
            raise PlatformUnavailableError(f"the store's answer cannot be read: {error}") from None
        if order.order_id != key.order_id:
            raise PlatformUnavailableError("the store's answer is about another order")
        return order

    def _store_changes(self, key: OrderKey, order: StoreOrder, now: int) -> Changes:
        try:
            return store_changes.changes(order, self.settings, key, now=now)
        except MalformedError as error:
            raise PlatformUnavailableError(f"the store's answer cannot be read: {error}") from None


def connect(name: str, settings: Settings, *, store: OrderStore) -> Connector:
    """Return an account's connector; `store` holds the tokens that all processes share."""

    def now() -> int:
        return int(time.time())

    def certified() -> Any:
        key = settings.merchant_private_key_pem
        return platform_http.certified_session(settings.merchant_cert_pem, key.reveal() if key else "")

    session = platform_http.session()
    client = Client(session, settings, now=now, nonce=nonces.nonce, certified=certified)
    return Connector(name, settings, client, lambda: apps.mini_store(settings, store, now=now))


def _system(order: Order, refund: Refund) -> str:
    """Return the API version that the refunded payment came by."""
    paid_by = (claim.system for claim in order.claims if claim.transaction_id == refund.transaction_id)
    return next(filter(None, paid_by), order.terms.system)
