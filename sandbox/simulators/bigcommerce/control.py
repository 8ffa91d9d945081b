"""What a person or a test makes happen in a store: orders come in, staff move and refund them, tokens end."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError
from sandbox.simulators.bigcommerce.shopfront import THEMES

if TYPE_CHECKING:
    from sandbox.simulators.bigcommerce.accounts import Store, Stores
    from sandbox.simulators.bigcommerce.api import Api
    from sandbox.simulators.bigcommerce.hooks import Hooks
    from sandbox.simulators.bigcommerce.orders import Ledger, Order

Json = dict[str, Any]


class BigcommerceControl(Control):
    """The `_control` calls of the simulator; each names a store by `account`, its hash."""

    def __init__(self, stores: Stores, ledger: Ledger, hooks: Hooks, api: Api) -> None:
        super().__init__()
        self._stores, self._ledger, self._hooks, self._api = stores, ledger, hooks, api
        self.offer(order=self.order, move=self.move, refund=self.refund, reprice=self.reprice, bulk=self.bulk)
        self.offer(revoke=self.revoke, hooks=self.hooks, switch_off=self.switch_off, ledger=self.ledger)
        self.offer(theme=self.theme)

    def order(self, body: Json) -> Json:
        """Take an order in: {"account", "total"?, "currency"?, "method"?, "notify"?, "digital"?, "customer_id"?}."""
        store, now = self._store(body), int(self._hooks.clock.now())
        more = {name: body[name] for name in ("status_id", "customer_id", "channel_id") if name in body}
        order = self._ledger.add(
            store.hash,
            str(body.get("total", "69.8400")),
            str(body.get("currency", store.currency)),
            str(body.get("method", store.method)),
            now - int(body.get("age", 0)),
            is_digital=bool(body.get("digital", False)),
            **more,
        )
        if body.get("notify", True):
            self._hooks.tell(store, order, "store/order/created")
        return dataclasses.asdict(order)

    def move(self, body: Json) -> Json:
        """Give an order another status, as staff do: {"account", "id", "status_id"}."""
        order = self._order(body)
        self._api.move(self._store(body), order, int(body["status_id"]))
        return dataclasses.asdict(order)

    def refund(self, body: Json) -> Json:
        """Record a refund in the control panel: {"account", "id", "amount", "reason"?}."""
        order = self._order(body)
        return self._api.refund(self._store(body), order, float(body["amount"]), str(body.get("reason", "")))

    def reprice(self, body: Json) -> Json:
        """Change what an order comes to: {"account", "id", "total"}."""
        order = self._order(body)
        order.total, order.modified_at = str(body["total"]), int(self._hooks.clock.now())
        return dataclasses.asdict(order)

    def bulk(self, body: Json) -> Json:
        """Make many orders at once that nobody is told of: {"account", "count", "seconds"?}."""
        store, now, count = self._store(body), int(self._hooks.clock.now()), int(body["count"])
        span = int(body.get("seconds", 30 * 86_400))
        for index in range(count):
            at = now - span + span * index // count
            self._ledger.add(store.hash, "10.0000", store.currency, "Credit card", at, status_id=11)
        return {"made": count}

    def revoke(self, body: Json) -> Json:
        """End a store's token without a word, as the removal of an app may: {"account"}; its hooks go too."""
        store = self._store(body)
        store.token = secrets.token_hex(16)
        store.hooks.clear()
        return {"revoked": store.hash}

    def hooks(self, body: Json) -> Json:
        """List a store's hooks: {"account"}."""
        blocked = {name: until for name, until in self._hooks.blocked.items() if until > self._hooks.clock.now()}
        return {"hooks": [dataclasses.asdict(one) for one in self._store(body).hooks], "blocked": blocked}

    def switch_off(self, body: Json) -> Json:
        """Switch hooks off as if two days of tries had failed: {"account", "scope"?}."""
        for hook in self._store(body).hooks:
            if body.get("scope") in (None, hook.scope):
                hook.is_active = False
        return self.hooks(body)

    def theme(self, body: Json) -> Json:
        """Give a store's pages another theme: {"account", "theme": default|no_footer|nonce|cookie_banner}."""
        if body.get("theme") not in THEMES:
            raise ControlError(400, f"theme is one of {', '.join(THEMES)}")
        store = self._store(body)
        store.theme = str(body["theme"])
        return {"theme": store.theme, "scripts": len(store.scripts)}

    def ledger(self, body: Json) -> Json:
        """List every order with what was written to it; `account` narrows it."""
        account = body.get("account")
        with self._ledger.lock:
            found = [dataclasses.asdict(one) for one in self._ledger.orders.values() if account in (None, one.store)]
        return {"orders": found}

    def _store(self, body: Json) -> Store:
        store = self._stores.all.get(str(body.get("account")))
        if store is None:
            raise ControlError(404, f"there is no store {body.get('account')!r}; there are {sorted(self._stores.all)}")
        return store

    def _order(self, body: Json) -> Order:
        order = self._ledger.find(self._store(body).hash, int(body["id"]))
        if order is None:
            raise ControlError(404, f"the store has no order {body['id']!r}")
        return order
