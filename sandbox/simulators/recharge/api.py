"""The API in both versions: lists with cursors or page numbers, single things, one more try, subscriptions."""

from __future__ import annotations

import base64
import itertools
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from sandbox.simulators.recharge.accounts import Store, Subscription
from sandbox.simulators.recharge.charges import Charge, Customer, shown

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulating.simulator import Call
    from sandbox.simulators.recharge.dunning import Dunning

VERSIONS = ("2021-11", "2021-01")
SIZE, LEAK = 40, 2.0
CURSOR_SECONDS = 3600.0
MOST_PAGES = 100
MOST_OF_A_TOPIC = 10
_ONE = re.compile(r"/(charges|customers)/([0-9]+)(/process)?")
_FILTERS = {"status", "sort_by", "updated_at_min", "updated_at_max", "customer_id", "ids", "limit", "cursor", "page"}
Json = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]


class RefusedError(Exception):
    """The call is refused: a status and what is said."""

    def __init__(self, status: int, said: Any = None) -> None:
        super().__init__(str(status))
        self.status, self.said = status, said


class Bucket:
    """The leaky bucket of one token."""

    def __init__(self) -> None:
        self.level, self.at, self.most, self.refused = 0.0, 0.0, 0.0, 0

    def take(self, now: float) -> str | None:
        """Take one call in; how full it is then, or None where it would overflow."""
        self.level = max(0.0, self.level - max(0.0, now - self.at) * LEAK)
        self.at = now
        if self.level + 1 > SIZE:
            self.refused += 1
            return None
        self.level += 1
        self.most = max(self.most, self.level)
        return f"{int(self.level)}/{SIZE}"


class Api:
    """Answers calls; who calls is known by the token."""

    def __init__(self, dunning: Dunning, faults: Faults) -> None:
        self._dunning, self._faults = dunning, faults
        self._ledger, self._stores, self._clock = dunning.ledger, dunning.stores, dunning.clock
        self.buckets: dict[str, Bucket] = {}
        self.calls: dict[str, list[str]] = {}
        self._ids = itertools.count(7001)

    def answer(self, call: Call) -> tuple[Answer, Store]:
        """Answer a call; raises RefusedError."""
        store = self._stores.with_token(call.headers.get("x-recharge-access-token", ""))
        if store is None:
            raise RefusedError(401, {"errors": "bad authentication"})
        version = call.headers.get("x-recharge-version", "2021-11")
        if version not in VERSIONS:
            raise RefusedError(426, {"errors": "unknown version"})
        self.calls.setdefault(store.account, []).append(f"{call.method} {call.path}?{call.query}".rstrip("?"))
        level = self.buckets.setdefault(store.account, Bucket()).take(self._clock.now())
        if level is None:
            raise RefusedError(429, {"warning": "too many requests"})
        status, headers, content = self._route(call, store, version)
        return (status, {"X-Recharge-Limit": level, **headers}, content), store

    def _route(self, call: Call, store: Store, version: str) -> Answer:
        query = {name: values[-1] for name, values in parse_qs(call.query, keep_blank_values=True).items()}
        if match := _ONE.fullmatch(call.path):
            return 200, {}, self._one(call, store, version, match)
        if (call.method, call.path) == ("GET", "/charges"):
            return self._charges(store, query, version)
        if (call.method, call.path) == ("GET", "/customers"):
            return 200, {}, {"customers": self._customers(query, version)}
        if call.path == ("/store" if version == "2021-11" else "/shop") and call.method == "GET":
            return 200, {}, {call.path[1:]: {"id": 1, "currency": store.currency, "name": store.account}}
        if call.path == "/webhooks":
            return self._subscriptions(call, store, version)
        raise RefusedError(404, {"errors": "Not Found"})

    def _one(self, call: Call, store: Store, version: str, match: re.Match[str]) -> Json:
        kind, number, process = match[1], int(match[2]), match[3]
        with self._ledger.lock:
            if kind == "customers" and call.method == "GET" and number in self._ledger.customers:
                return {"customer": _customer(self._ledger.customers[number], version)}
            charge = self._ledger.charges.get(number) if kind == "charges" else None
            if charge is None or charge.account != store.account:
                raise RefusedError(404, {"errors": "Not Found"})
            if not process and call.method == "GET":
                return {"charge": shown(charge, version)}
        if not process or call.method != "POST":
            raise RefusedError(405)
        if charge.status not in ("error", "queued"):
            raise RefusedError(422, {"errors": {"charge": ["cannot be processed"]}})
        if not self._dunning.attempt(charge, by_hand=True):
            raise RefusedError(402, {"errors": {"payment": [charge.error]}})
        return {"charge": shown(charge, version)}

    def _charges(self, store: Store, query: Json, version: str) -> Answer:
        if set(query) - _FILTERS:
            raise RefusedError(400, {"errors": "unknown parameter"})
        limit = int(query.get("limit", 50))
        if not 1 <= limit <= 250:
            raise RefusedError(422, {"errors": {"limit": ["1 to 250"]}})
        paged = version == "2021-01" and "cursor" not in query
        if "cursor" in query:
            return self._page(store, self._read_cursor(query), limit, version)
        if paged:
            return self._numbered(store, query, limit)
        return self._page(store, {"filters": query, "offset": 0}, limit, version)

    def _read_cursor(self, query: Json) -> Json:
        if set(query) - {"cursor", "limit"}:
            raise RefusedError(422, {"errors": "filters are inside the cursor"})
        gone = self._faults.take("cursor_gone", query["cursor"]) is not None
        try:
            place: Json = json.loads(base64.urlsafe_b64decode(query["cursor"].encode()))
        except ValueError:
            raise RefusedError(422, {"errors": "no such cursor"}) from None
        if gone or self._clock.now() - place["made_at"] > CURSOR_SECONDS:
            raise RefusedError(422, {"errors": "no such cursor"})
        return place

    def _page(self, store: Store, place: Json, limit: int, version: str) -> Answer:
        """Return a page by cursor: the list is made anew each time, so rows move between pages as they do there."""
        found = self._list(store, place["filters"])
        offset = self._offset(found, place)
        page = found[offset : offset + limit]
        following = None
        if offset + limit < len(found):
            content = {
                "filters": place["filters"],
                "after": [page[-1].updated_at, page[-1].id],
                "made_at": self._clock.now(),
            }
            following = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
        charges = [shown(charge, version) for charge in page]
        return 200, {}, {"next_cursor": following, "previous_cursor": None, "charges": charges}

    @staticmethod
    def _offset(found: list[Charge], place: Json) -> int:
        if "after" not in place:
            return 0
        after = tuple(place["after"])
        rest = [index for index, charge in enumerate(found) if (charge.updated_at, charge.id) > after]
        return rest[0] if rest else len(found)

    def _numbered(self, store: Store, query: Json, limit: int) -> Answer:
        number = int(query.get("page", 1))
        if not 1 <= number <= MOST_PAGES:
            raise RefusedError(422, {"errors": {"page": ["use cursors beyond 100 pages"]}})
        found = self._list(store, query)
        page = found[(number - 1) * limit : number * limit]
        headers = {}
        if self._faults.take("no_link", "charges") is None:
            following = number * limit < len(found)
            link = urlencode({**query, "page": number + 1})
            headers["Link"] = f'<https://api.rechargeapps.com/charges?{link}>; rel="{"next" if following else "last"}"'
        return 200, headers, {"charges": [shown(charge, "2021-01") for charge in page]}

    def _list(self, store: Store, query: Json) -> list[Charge]:
        least, most = _seconds(query.get("updated_at_min")), _seconds(query.get("updated_at_max"))
        status, number = str(query.get("status", "")).lower(), int(query.get("customer_id") or 0)
        with self._ledger.lock:
            found = [
                charge
                for charge in self._ledger.of(store.account)
                if status in ("", charge.status)
                and (least is None or charge.updated_at >= least)
                and (most is None or charge.updated_at <= most)
                and number in (0, charge.customer.id)
                and not _is_dropped(charge, self._clock.now())
            ]
        if self._faults.take("unsorted", "charges") is not None:
            return sorted(found, key=lambda charge: charge.id * 7919 % 10_007)
        sort = str(query.get("sort_by", "id-desc"))
        if sort.startswith("updated_at"):
            return sorted(found, key=lambda one: (one.updated_at, one.id), reverse=sort.endswith("desc"))
        return sorted(found, key=lambda one: one.id, reverse=not sort.endswith("asc"))

    def _customers(self, query: Json, version: str) -> list[Json]:
        with self._ledger.lock:
            found = list(self._ledger.customers.values())
        if query.get("ids"):
            wanted = {int(number) for number in query["ids"].split(",")}
            found = [one for one in found if one.id in wanted]
        shop_id = query.get("external_customer_id" if version == "2021-11" else "shopify_customer_id")
        if shop_id:
            found = [one for one in found if one.shop_id == shop_id]
        return [_customer(one, version) for one in found[: int(query.get("limit", 50))]]

    def _subscriptions(self, call: Call, store: Store, version: str) -> Answer:
        if call.method == "GET":
            return 200, {}, {"webhooks": [_subscription(one) for one in store.subscriptions]}
        if call.method != "POST":
            raise RefusedError(405)
        wanted = json.loads(call.body)
        topic, address = str(wanted["topic"]), str(wanted["address"])
        if sum(one.topic == topic for one in store.subscriptions) >= MOST_OF_A_TOPIC:
            raise RefusedError(422, {"errors": {"topic": ["has 10 subscriptions already"]}})
        made = Subscription(next(self._ids), topic, address, version)
        store.subscriptions.append(made)
        return 201, {}, {"webhook": _subscription(made)}


def _is_dropped(charge: Charge, now: float) -> bool:
    """Say whether a charge left the lists: 90 days after it was processed; by its number it is found for ever."""
    return charge.processed_at is not None and now - charge.processed_at > 90 * 86_400


def _seconds(text: str | None) -> int | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _customer(customer: Customer, version: str) -> Json:
    if version == "2021-11":
        own: Json = {"external_customer_id": {"ecommerce": customer.shop_id}}
    else:
        own = {"shopify_customer_id": customer.shop_id}
    return {"id": customer.id, "email": customer.email, "hash": f"{customer.id:x}f3df9dbe", **own}


def _subscription(one: Subscription) -> Json:
    return {"id": one.id, "topic": one.topic, "address": one.address, "included_objects": [], "version": one.version}
