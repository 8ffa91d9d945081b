"""The API: orders of the older version, refunds, hooks and scripts of the newer one, the login, a store's front."""

from __future__ import annotations

import itertools
import json
import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sandbox.simulators.bigcommerce import shopfront
from sandbox.simulators.bigcommerce.accounts import SCOPES, Hook, Store, Stores
from sandbox.simulators.bigcommerce.orders import STATUSES, Ledger, Order

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulating.simulator import Call, Reply
    from sandbox.simulators.bigcommerce.hooks import Hooks

QUOTA, WINDOW = 150, 30  # of a store on the smallest plan, for all of its apps together
MOST_HOOKS = 10
_STORE = re.compile(r"/stores/([a-z0-9]+)(/.*)")
_ORDER = re.compile(r"/v2/orders/([0-9]+)")
_REFUNDS = re.compile(r"/v3/orders/([0-9]+)/payment_actions/(refund_quotes|refunds)")
_HOOK = re.compile(r"/v3/hooks/([0-9]+)")
_SCRIPT = re.compile(r"/v3/content/scripts/([0-9a-f-]{36})")
_FRONT = re.compile(r"/storefront/([a-z0-9]+)/api/storefront/orders?/([0-9]+)")
_FILTERS = {"min_date_modified", "status_id", "payment_method", "min_id", "sort", "page", "limit"}
_NOT_FOUND = [{"status": 404, "message": "The requested resource was not found."}]
Json = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]


class Api:
    """Answers calls; whose they are is known by the token."""

    def __init__(self, stores: Stores, ledger: Ledger, hooks: Hooks, faults: Faults) -> None:
        self._stores, self._ledger, self._hooks, self._faults = stores, ledger, hooks, faults
        self._ids = itertools.count(20_001)

    def answer(self, call: Call) -> tuple[Answer, str | None]:
        """Answer a call, and say which store's it was."""
        if (call.method, call.path) == ("POST", "/oauth2/token"):
            return self._grant(json.loads(call.body)), None
        if match := _FRONT.fullmatch(call.path):
            return self._front(match[1], int(match[2]), call), match[1]
        match = _STORE.fullmatch(call.path)
        store = self._stores.all.get(match[1]) if match else None
        if match is None:
            return (404, {}, None), None
        if store is None or not store.token or call.headers.get("x-auth-token") != store.token:
            return (401, {}, {"status": 401, "title": "X-Auth-Token is invalid", "type": "about:blank"}), match[1]
        quota = self._quota(store)
        if quota is not None:
            return quota, store.hash
        status, content = self._route(call, store, match[2])
        return (status, self._limits(store), content), store.hash

    def page(self, call: Call) -> Reply | None:
        """Return the page of an order for whoever placed it; None where the call is for no page."""
        if not (match := shopfront.PATH.fullmatch(call.path)):
            return None
        store, order = self._stores.all.get(match[1]), self._ledger.find(match[1], int(match[2]))
        if store is None or order is None or not _is_hers(order, call):
            return 404, {"Content-Type": "text/html"}, b"<h1>Not found</h1>"
        return shopfront.page(store, order)

    def _quota(self, store: Store) -> Answer | None:
        window = int(self._hooks.clock.now()) // WINDOW
        if store.window != window:
            store.window, store.used = window, 0
        store.used += 1
        return (429, self._limits(store), {"status": 429, "title": "Too many requests"}) if store.used > QUOTA else None

    def _limits(self, store: Store) -> dict[str, str]:
        left = max(0, QUOTA - store.used)
        reset = int((store.window + 1) * WINDOW - self._hooks.clock.now()) * 1000
        return {
            "X-Rate-Limit-Time-Window-Ms": str(WINDOW * 1000),
            "X-Rate-Limit-Time-Reset-Ms": str(max(reset, 0)),
            "X-Rate-Limit-Requests-Quota": str(QUOTA),
            "X-Rate-Limit-Requests-Left": str(left),
        }

    def _route(self, call: Call, store: Store, path: str) -> tuple[int, Any]:
        body = json.loads(call.body) if call.body else {}
        if path == "/v2/store":
            return 200, self._store(store)
        if path == "/v2/orders":
            return self._list(store, {name: values[-1] for name, values in parse_qs(call.query).items()})
        if match := _ORDER.fullmatch(path):
            return self._order(call.method, store, int(match[1]), body)
        if match := _REFUNDS.fullmatch(path):
            return self._refunds(call.method, store, int(match[1]), match[2], body)
        if path == "/v3/hooks":
            return self._subscriptions(call.method, store, body)
        if (match := _HOOK.fullmatch(path)) and call.method == "PUT":
            hook = next(one for one in store.hooks if one.id == int(match[1]))
            hook.is_active = bool(body.get("is_active"))
            return 200, {"data": _hook(hook, store), "meta": {}}
        if path.startswith("/v3/content/scripts"):
            return self._scripts(call.method, store, path, body)
        if path == "/v3/channels":
            return 200, {"data": [{"id": 1, "type": "storefront", "status": "active"}], "meta": {}}
        return 404, _NOT_FOUND

    def _store(self, store: Store) -> Json:
        return {
            "id": store.hash,
            "domain": store.domain,
            "secure_url": f"https://{store.domain}",
            "currency": store.currency,
            "status": "live",
            "default_channel_id": 1,
            "features": {"checkout_type": "optimized"},
        }

    def _list(self, store: Store, query: Json) -> tuple[int, Any]:
        """List orders; a filter that is not known, or is to be ignored, filters nothing and says nothing."""
        found = self._ledger.of(store.hash)
        ignored = self._faults.take("ignore_filter", "orders") is not None
        since = query.get("min_date_modified")
        if since and not ignored and not set(query) - _FILTERS:
            least = datetime.fromisoformat(since).timestamp()
            found = [order for order in found if order.modified_at >= least]
        if str(query.get("sort", "")).startswith("date_modified") and not ignored:
            found.sort(key=lambda order: (order.modified_at, order.id))
        page, limit = int(query.get("page", 1)), min(int(query.get("limit", 50)), 250)
        if self._faults.take("ignore_page", "orders") is not None:
            page = 1
        rows = found[(page - 1) * limit : page * limit]
        return (200, [order.to_json() for order in rows]) if rows else (204, None)

    def _order(self, method: str, store: Store, number: int, body: Json) -> tuple[int, Any]:
        order = self._ledger.find(store.hash, number)
        if order is None:
            return 404, _NOT_FOUND
        if method == "GET":
            found = order.to_json()
            if (wanted := self._faults.take("moved_meanwhile", str(number))) is not None:
                # Staff, or a timer of the store, are faster than who has just read it.
                self.move(store, order, int(wanted.get("status_id", 5)))
            return 200, found
        unknown = set(body) - {"status_id", "payment_provider_id"}
        if method != "PUT" or unknown:
            return 400, [{"status": 400, "message": f"not to be written: {sorted(unknown)}"}]
        order.puts.append(int(body["status_id"]))
        self.move(store, order, int(body["status_id"]))
        return 200, order.to_json()

    def move(self, store: Store, order: Order, status_id: int) -> None:
        """Give an order another status, and tell of it; the same status again is told of too."""
        with self._ledger.lock:
            before, order.status_id = order.status_id, status_id
            order.modified_at = int(self._hooks.clock.now())
        status = {"previous_status_id": before, "new_status_id": status_id}
        self._hooks.tell(store, order, "store/order/statusUpdated", status=status)

    def refund(self, store: Store, order: Order, amount: float, reason: str) -> Json:
        """Record a refund, and tell of it twice, as BigCommerce does."""
        before = order.status_id
        made = self._ledger.refund(order, amount, reason, int(self._hooks.clock.now()))
        status = {"previous_status_id": before, "new_status_id": order.status_id}
        self._hooks.tell(store, order, "store/order/refund/created", refund={"refund_id": made["id"]})
        self._hooks.tell(store, order, "store/order/statusUpdated", status=status)
        return made

    def _refunds(self, method: str, store: Store, number: int, what: str, body: Json) -> tuple[int, Any]:
        order = self._ledger.find(store.hash, number)
        if order is None:
            return 404, {"status": 404, "title": "not found", "type": "about:blank"}
        if method == "GET":
            return 200, {"data": order.refunds, "meta": {}}
        item = body["items"][0]
        amount = float(item["amount"])
        left = float(order.total) - sum(float(one["total_amount"]) for one in order.refunds)
        if amount > left + 0.0001 or round(amount, 2) != amount:
            return 422, {"status": 422, "title": "invalid", "type": "about:blank", "errors": {"amount": "too much"}}
        if what == "refund_quotes":
            offered = {"provider_id": "custom", "amount": amount, "offline": True, "offline_provider": True}
            return 201, {"data": {"order_id": number, "refund_methods": [[offered]]}, "meta": {}}
        if not body["payments"][0].get("offline"):
            return 422, {"status": 422, "title": "invalid", "type": "about:blank", "errors": {"payments": "offline"}}
        return 201, {"data": self.refund(store, order, amount, str(item.get("reason", ""))), "meta": {}}

    def _subscriptions(self, method: str, store: Store, body: Json) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"data": [_hook(hook, store) for hook in store.hooks], "meta": {}}
        scope, to = str(body["scope"]), str(body["destination"])
        if any((hook.scope, hook.destination) == (scope, to) for hook in store.hooks) or len(store.hooks) > MOST_HOOKS:
            return 422, {"status": 422, "title": "exists", "type": "about:blank", "errors": {"destination": "exists"}}
        store.hooks.append(Hook(next(self._ids), scope, to, body.get("headers"), bool(body.get("is_active", True))))
        return 200, {"data": _hook(store.hooks[-1], store), "meta": {}}

    def _scripts(self, method: str, store: Store, path: str, body: Json) -> tuple[int, Any]:
        match = _SCRIPT.fullmatch(path)
        known = next((one for one in store.scripts if match and one["uuid"] == match[1]), None)
        if match and known is None:
            return 404, {"status": 404, "title": "not found", "type": "about:blank"}
        if method == "GET":
            return 200, {"data": known or store.scripts, "meta": {}}
        if method == "DELETE" and known is not None:
            store.scripts.remove(known)
            return 204, None
        if known is None:
            known = {"uuid": str(uuid.uuid4()), "api_client_id": store.client_id}
            store.scripts.append(known)
        known |= body
        return 200, {"data": known, "meta": {}}

    def _grant(self, wanted: Json) -> Answer:
        store_hash = str(wanted.get("context", "")).removeprefix("stores/")
        store = self._stores.grant(store_hash, str(wanted.get("client_id")), str(wanted.get("client_secret")))
        if store is None or not wanted.get("code"):
            return 400, {}, {"error": "invalid_grant"}
        user = {"id": 24654, "username": "m@example.com", "email": "m@example.com"}
        owner = {"id": 12345, "username": "o@example.com", "email": "owner@example.com"}
        said = {"access_token": store.token, "scope": wanted.get("scope", SCOPES), "user": user, "owner": owner}
        return 200, {}, {**said, "context": f"stores/{store.hash}", "account_uuid": str(uuid.uuid4())}

    def _front(self, store_hash: str, number: int, call: Call) -> Answer:
        """Answer a shopper's page about its own order: the session is in the cookie, which names the cart here."""
        order = self._ledger.find(store_hash, number)
        if order is None or not _is_hers(order, call):
            return 401, {}, {"title": "Checkout not found", "status": 401}
        said: Json = {
            "orderId": order.id,
            "cartId": order.cart_id,
            "status": STATUSES[order.status_id].upper().replace(" ", "_"),
            "orderAmount": float(order.total),
            "currency": {"code": order.currency},
            "customerId": order.customer_id,
            "payments": [{"description": order.method, "amount": float(order.total)}],
        }
        return 200, {}, said


def _is_hers(order: Order, call: Call) -> bool:
    """Tell whether a browser has the session of who placed an order: here its cookie names the cart."""
    return f"cart={order.cart_id}" in call.headers.get("cookie", "")


def _hook(hook: Hook, store: Store) -> Json:
    return {
        "id": hook.id,
        "client_id": store.client_id,
        "store_hash": store.hash,
        "scope": hook.scope,
        "destination": hook.destination,
        "headers": hook.headers,
        "is_active": hook.is_active,
    }
