"""The Admin API: what each of the product's documents is answered, by the name of its operation, and what it costs."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.simulators.shopify import orders
from sandbox.simulators.shopify.bulk import Bulks
from sandbox.simulators.shopify.till import Till

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock
    from sandbox.simulators.shopify.shops import Shop

Json = dict[str, Any]
_OPERATION = re.compile(r"\s*(?:query|mutation)\s+(\w+)")
_TERM = re.compile(r"updated_at:(>=|<=|<|>)'([^']+)'")
SIZE, RATE = 2000.0, 100.0
ORDER_COST = 30  # points of one order with its lines and movements


class Bucket:
    """A shop's points: as many as a plan has, and so many more each second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.level, self._at = SIZE, clock.now()
        self.taken = 0.0

    def take(self, points: float) -> bool:
        """Take points if they are there."""
        now = self._clock.now()
        self.level = min(SIZE, self.level + max(0.0, now - self._at) * RATE)
        self._at = now
        if points > self.level:
            return False
        self.level -= points
        self.taken += points
        return True


class Admin:
    """One shop's API."""

    def __init__(self, clock: Clock, shop: Shop, faults: Faults) -> None:
        self._shop, self._faults = shop, faults
        one = shop.installation
        self.bulks = Bulks(
            clock,
            shop,
            faults,
            matches=_matches,
            write=orders.order_node,
            address=f"{one.app.api_base}/{one.host}",
        )
        self.bucket = Bucket(clock)
        self.till = Till(clock, shop, faults)

    def answer(self, body: bytes) -> Json:
        """Answer a document."""
        wanted = json.loads(body)
        document, variables = str(wanted["query"]), wanted.get("variables") or {}
        match = _OPERATION.match(document)
        known: dict[str, Callable[[Json], Json]] = {
            "OrdersChanged": lambda given: self._orders(given, orders.order_node),
            "OrderIds": lambda given: self._orders(given, _id_node),
            "ThisShop": self._this_shop,
            "ThisInstallation": self._this_installation,
            "Subscriptions": self._subscriptions,
            "Subscribe": self._subscribe,
            "StartBulk": self.bulks.start,
            "OneBulk": self.bulks.one,
            "Bulks": self.bulks.latest,
            **self.till.operations,
        }
        name = match[1] if match else ""
        if name not in known:
            return {"errors": [{"message": f"there is no operation {name!r} here"}]}
        asked = 2 + int(variables.get("first", 1)) * (ORDER_COST if name in ("OrdersChanged", "OneOrder") else 1)
        if self._faults.take("throttled", name) is not None or not self.bucket.take(asked):
            return self._throttled(asked)
        data = known[name](variables)
        if "errors" in data:
            return data
        used = 2 + len((data.get("orders") or {}).get("nodes", ())) * (ORDER_COST if name == "OrdersChanged" else 1)
        self.bucket.level += asked - min(used, asked)
        self.bucket.taken -= asked - min(used, asked)
        extensions: Json = {"cost": self._cost(asked, min(used, asked))}
        if self._faults.take("ignore_filter", name) is not None:
            warning = {"field": "updated_at", "message": "Field is not valid"}
            extensions["search"] = [{"path": ["orders"], "query": "", "warnings": [warning]}]
        return {"data": data, "extensions": extensions}

    def _cost(self, asked: int, used: int | None) -> Json:
        state = {"maximumAvailable": SIZE, "currentlyAvailable": self.bucket.level, "restoreRate": RATE}
        return {"requestedQueryCost": asked, "actualQueryCost": used, "throttleStatus": state}

    def _throttled(self, asked: int) -> Json:
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return {"errors": [error], "extensions": {"cost": self._cost(asked, None)}}

    def _orders(self, variables: Json, write: Callable[[orders.Order], Json]) -> Json:
        chosen = [order for order in self._shop.orders.values() if _matches(order, str(variables["query"]))]
        if self._faults.take("ignore_silently", "orders") is not None:
            chosen = list(self._shop.orders.values())
        chosen.sort(key=lambda order: (int(order.updated_at), order.id))
        after = json.loads(base64.b64decode(variables["after"])) if variables.get("after") else [0, 0]
        rest = [order for order in chosen if [int(order.updated_at), order.id] > after]
        page, first = rest[: int(variables["first"])], int(variables["first"])
        place = [int(page[-1].updated_at), page[-1].id] if page else after
        cursor = base64.b64encode(json.dumps(place).encode()).decode()
        if self._faults.take("stuck_cursor", "orders") is not None:
            cursor = str(variables.get("after") or cursor)
        info = {"hasNextPage": len(rest) > first, "endCursor": cursor}
        return {"orders": {"nodes": [write(order) for order in page], "pageInfo": info}}

    def _this_shop(self, _: Json) -> Json:
        one = self._shop.installation
        gid = f"gid://shopify/Shop/{one.shop_id}"
        return {"shop": {"id": gid, "myshopifyDomain": one.host, "currencyCode": self._shop.currency}}

    def _this_installation(self, _: Json) -> Json:
        scopes = [{"handle": scope} for scope in self._shop.installation.scopes]
        return {**self._this_shop({}), "currentAppInstallation": {"accessScopes": scopes}}

    def _subscriptions(self, _: Json) -> Json:
        own = [one for one in self._shop.subscriptions if one.kind == "shop"]
        nodes = [{"id": _webhook(one.id), "topic": one.topic, "uri": one.address} for one in own]
        return {"webhookSubscriptions": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}}

    def _subscribe(self, variables: Json) -> Json:
        address = str(variables["subscription"]["uri"])
        fields = tuple(variables["subscription"].get("includeFields") or ())
        made = self._shop.subscribe(str(variables["topic"]), address, fields=fields)
        if made is None:
            said = [{"field": ["webhookSubscription"], "message": "Address for this topic has already been taken"}]
            return {"webhookSubscriptionCreate": {"webhookSubscription": None, "userErrors": said}}
        node = {"id": _webhook(made.id), "topic": made.topic, "uri": made.address}
        return {"webhookSubscriptionCreate": {"webhookSubscription": node, "userErrors": []}}


def _webhook(number: int) -> str:
    return f"gid://shopify/WebhookSubscription/{number}"


def _id_node(order: orders.Order) -> Json:
    return {"id": f"gid://shopify/Order/{order.id}", "updatedAt": orders.utc(order.updated_at)}


def _matches(order: orders.Order, query: str) -> bool:
    at = orders.utc(order.updated_at) or ""
    return all(
        {">=": at >= bound, "<=": at <= bound, "<": at < bound, ">": at > bound}[sign]
        for sign, bound in _TERM.findall(query)
    )
