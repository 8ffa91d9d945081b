"""Links by which somebody pays an order: made and ended by people and by the merchant's systems."""

from typing import Any

from countersign.errors import ConflictError, NotFoundError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.store import OrderStore
from countersign.store.installs import InstallStore
from countersign.store.journal import Who
from countersign.store.payment_links import USUAL_SECONDS, PaymentLinks

Json = dict[str, Any]


class PaymentLinkService:
    """One caller's links; everything outside the token's accounts does not exist.

    An order can be paid by a link where an app is installed in its account, whose page takes the payment.
    """

    def __init__(self, store: OrderStore, expiring: str, caller: Caller, now: int, *, base_url: str) -> None:
        self.store, self.caller, self.now, self.base_url = store, caller, now, base_url
        self.links = PaymentLinks(store.client, store.table, expiring)

    def make(self, key: OrderKey, expires_in: int | None) -> Json:
        """Return a new link, which lives for seconds; the one before ends. 409 where the order cannot be paid now."""
        order = self._order(key)
        state = InstallStore(self.store.client, self.store.table, key.platform).state(key.account)
        if not state.app or state.uninstalled_at:
            raise refusal(ConflictError, because("no_link_here"))
        if not order.waits_for_payer:
            raise refusal(ConflictError, because("order_is", status=order.status))
        expires_at = self.now + (expires_in or USUAL_SECONDS)
        who = Who(self.caller.subject, self.caller.name)
        token, _ = self.links.make(key, state.app, who, expires_at=expires_at, now=self.now)
        return {
            "url": f"{self.base_url}/{key.platform}/{state.app}/pay/{token}",
            "expires_at": timestamp(expires_at),
        }

    def end(self, key: OrderKey) -> Json:
        """End the order's link; the same again, or where there is none, changes nothing."""
        self._order(key)
        return {"ended": self.links.end(key, now=self.now)}

    def _order(self, key: OrderKey) -> Order:
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        if order is None:
            raise refusal(NotFoundError, because("no_such_order"))
        return order
