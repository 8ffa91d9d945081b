"""One shop: its orders, what happens to them, its subscriptions, and to whom which deliveries go."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import ControlError
from sandbox.simulators.shopify import orders, webhooks
from sandbox.simulators.shopify.orders import Movement, Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulators.shopify.accounts import Installation

Json = dict[str, Any]


@dataclass
class Subscription:
    """One subscription of a shop to a topic, by the API (`shop`), the app's configuration (`app`) or a person."""

    id: int
    topic: str
    address: str
    kind: str = "shop"
    failed: int = 0
    fields: tuple[str, ...] = ()  # what bodies have, where not all


class Shop:
    """An app's view of a shop; everything that happens moves `updated_at` and is delivered to who subscribed."""

    def __init__(self, clock: Clock, installation: Installation, postman: Postman) -> None:
        self.installation = installation
        self.orders: dict[int, Order] = {}
        self.subscriptions: list[Subscription] = []
        self.ended: list[Json] = []
        self.silent = False  # nothing is sent, and nobody is told
        self.currency = "USD"
        self._clock, self._postman = clock, postman
        first = 5_000_000_000_000 + installation.shop_id % 1000 * 1_000_000
        self._ids = itertools.count(first + 1)
        self._numbers = itertools.count(1001)

    def create(self, wanted: Json) -> Order:
        """Make an order; `pay` says by which movement it is paid (sale, authorization, none)."""
        now, minor = self._clock.now(), int(wanted.get("minor", 10_000))
        currency, shop_currency = str(wanted.get("currency", "USD")), str(wanted.get("shop_currency", ""))
        made = Order(
            next(self._ids),
            next(self._numbers),
            self.installation.shop_id,
            currency,
            shop_currency or currency,
            minor,
            int(wanted.get("shop_minor", minor)),
            now,
            now,
            test=bool(wanted.get("test")),
            digital=bool(wanted.get("digital")),
            attributes=dict(wanted.get("attributes") or {}),
        )
        places = int(wanted.get("places", 1))
        counts = [int(count) for count in wanted.get("lines") or [1] * places]
        for place in () if made.digital else range(places):
            lines = [
                {"id": next(self._ids), "line": made.id + 1 + index, "left": count}
                for index, count in enumerate(counts)
                if index % places == place
            ]
            made.to_send.append({"id": next(self._ids), "status": "OPEN", "location": 501 + place, "lines": lines})
        self.orders[made.id] = made
        topics = ["ORDERS_CREATE"]
        if (kind := str(wanted.get("pay", "sale"))) != "none":
            moved = self._move(made, kind, "success", minor, "shopify_payments")
            topics += ["ORDER_TRANSACTIONS_CREATE"] if moved else []
            topics += ["ORDERS_PAID"] if kind == "sale" else []
        self._tell(made, topics)
        return made

    def pay(self, wanted: Json) -> Order:
        """Record a movement of money in: a sale, an authorization, a capture; of all that is due unless told."""
        order = self.named(wanted)
        kind, status = str(wanted.get("kind", "sale")), str(wanted.get("status", "success"))
        due = order.outstanding or order.total
        self._move(order, kind, status, int(wanted.get("minor", due)), str(wanted.get("gateway", "manual")))
        self._touch(order)
        paid = status == "success" and not order.outstanding and kind in ("sale", "capture")
        self._tell(order, ["ORDER_TRANSACTIONS_CREATE", *["ORDERS_PAID"] * paid, "ORDERS_UPDATED"])
        return order

    def refund(self, wanted: Json) -> Order:
        """Give money back; `by_lines` takes the items off the current total too, `minor` 0 moves nothing."""
        order = self.named(wanted)
        minor = int(wanted.get("minor", order.received - order.refunded))
        parts, rest = [], minor
        for payment, left, _ in orders.refundable(order):
            if rest:
                parts.append((payment, min(rest, left)))
                rest -= min(rest, left)
        if rest:
            raise ControlError(409, "more than was taken")
        statuses = [str(wanted.get("status", "success"))]
        note, by_lines = str(wanted.get("note", "")), bool(wanted.get("by_lines", True))
        self.give_back(order, parts, statuses, note=note, by_lines=by_lines)
        return order

    def give_back(
        self,
        order: Order,
        parts: list[tuple[Movement, int]],
        statuses: list[str],
        *,
        note: str = "",
        by_lines: bool = True,
    ) -> int:
        """Record a refund of payments, each with its status (the last one's for the rest), and tell of it."""
        number = next(self._ids)
        order.refunds.append({"id": number, "at": self._clock.now(), "note": note})
        moved = []
        for place, (payment, minor) in enumerate(parts):
            left, shop_left = next((most, shop) for one, most, shop in orders.refundable(order) if one is payment)
            shop_minor = shop_left if minor == left else minor * payment.shop_amount // payment.amount
            status, at = statuses[min(place, len(statuses) - 1)], self._clock.now()
            made = Movement(
                next(self._ids), "refund", status, minor, shop_minor, payment.gateway, at, payment.id, number
            )
            order.movements.append(made)
            moved.append(made)
        if by_lines:
            gone = sum(one.amount for one in moved if one.status in ("success", "pending"))
            self._reprice(order, max(0, order.total - gone))
        self._touch(order)
        self._tell(order, ["REFUNDS_CREATE"])
        for made in moved:
            if made.status != "pending":
                self._deliver("ORDER_TRANSACTIONS_CREATE", orders.movement_body(order, made))
        self._tell(order, ["ORDERS_UPDATED"])
        return number

    def take(self, order: Order, kind: str, minor: int, parent: Movement | None, status: str = "success") -> Movement:
        """Record a movement that an app asked for, and tell of it."""
        made = self._move(order, kind, status, minor, parent.gateway if parent is not None else "manual")
        made.parent = parent.id if parent is not None else None
        self._touch(order)
        paid = status == "success" and not order.outstanding and kind in ("sale", "capture")
        self._tell(order, ["ORDER_TRANSACTIONS_CREATE", *["ORDERS_PAID"] * paid, "ORDERS_UPDATED"])
        return made

    def fulfil(self, order: Order, numbers: list[str], company: str, goods: dict[int, int]) -> Json:
        """Record what was sent, how many of each line of fulfilment orders, and tell of it."""
        number = next(self._ids)
        made = {
            "id": f"gid://shopify/Fulfillment/{number}",
            "status": "SUCCESS",
            "createdAt": orders.utc(self._clock.now()),
            "trackingInfo": [{"number": one} for one in numbers],
        }
        order.fulfillments.append(made)
        sent = order.sent.setdefault(number, {})
        for one in order.to_send:
            for line in one["lines"]:
                count = goods.get(line["id"], 0)
                line["left"] -= count
                if count:
                    sent[line["line"]] = sent.get(line["line"], 0) + count
            if any(line["id"] in goods for line in one["lines"]):
                one["status"] = "IN_PROGRESS" if any(line["left"] for line in one["lines"]) else "CLOSED"
        self._touch(order)
        body = {
            "id": number,
            "admin_graphql_api_id": made["id"],
            "order_id": order.id,
            "status": "success",
            "tracking_company": company or None,
            "tracking_numbers": numbers,
            "updated_at": orders.when(order.updated_at),
        }
        self._deliver("FULFILLMENTS_CREATE", body)
        self._tell(order, ["ORDERS_UPDATED"])
        return made

    def send(self, wanted: Json) -> Order:
        """Have staff fulfil all that is open or so many of lines (`goods`), or put what is open `on_hold`."""
        order = self.named(wanted)
        open_ = [one for one in order.to_send if one["status"] != "CLOSED"]
        if wanted.get("on_hold") or wanted.get("release"):
            for one in open_:
                one["status"] = "ON_HOLD" if wanted.get("on_hold") else "OPEN"
            return order
        named = {int(line): int(count) for line, count in (wanted.get("goods") or {}).items()}
        goods = {
            line["id"]: named.get(line["line"], 0) if named else line["left"] for one in open_ for line in one["lines"]
        }
        goods = {line: count for line, count in goods.items() if count}
        self.fulfil(order, [str(one) for one in wanted.get("numbers", ())], "UPS", goods)
        return order

    def settle(self, wanted: Json) -> Order:
        """Let what is pending end; nothing is delivered and nothing is touched where `quiet` is set."""
        order, status = self.named(wanted), str(wanted.get("status", "success"))
        for one in order.movements:
            if one.status == "pending":
                one.status, one.at = status, self._clock.now()
        if not wanted.get("quiet"):
            self._touch(order)
            self._tell(order, ["ORDER_TRANSACTIONS_CREATE", "ORDERS_UPDATED"])
        return order

    def edit(self, wanted: Json) -> Order:
        """Change what the order comes to, as an edit or an exchange does."""
        order = self.named(wanted)
        self._reprice(order, int(wanted["minor"]))
        self._touch(order)
        self._tell(order, ["ORDERS_EDITED", "ORDERS_UPDATED"])
        return order

    def cancel(self, wanted: Json) -> Order:
        """Cancel an order; what was taken stays taken."""
        order = self.named(wanted)
        order.cancelled_at = order.closed_at = self._clock.now()
        self._touch(order)
        self._tell(order, ["ORDERS_CANCELLED", "ORDERS_UPDATED"])
        return order

    def touch(self, wanted: Json) -> Order:
        """Change what nobody here keeps, archive it, or give it a word of next year."""
        order = self.named(wanted)
        order.word = str(wanted.get("word", order.word))
        if wanted.get("archive"):
            order.closed_at = self._clock.now()
        self._touch(order)
        self._tell(order, ["ORDERS_UPDATED"])
        return order

    def farewell(self) -> None:
        """Tell that the merchant removes the app; its own subscriptions end with it."""
        one = self.installation
        self._deliver("APP_UNINSTALLED", {"id": one.shop_id, "name": "Shop", "myshopify_domain": one.host})
        self.subscriptions = [one for one in self.subscriptions if one.kind != "shop"]

    def change_scopes(self, scopes: tuple[str, ...]) -> None:
        """Change what the app may do, and tell it; the body names no shop."""
        before, self.installation.scopes = self.installation.scopes, scopes
        gid = f"gid://shopify/AppInstallation/{self.installation.shop_id % 1000}"
        self._deliver("APP_SCOPES_UPDATE", {"id": gid, "previous": list(before), "current": list(scopes)})

    def named(self, wanted: Json) -> Order:
        """Find an order by its id."""
        found = self.orders.get(int(wanted["order"]))
        if found is None:
            raise ControlError(404, "there is no such order")
        return found

    def subscribe(
        self, topic: str, address: str, kind: str = "shop", fields: tuple[str, ...] = ()
    ) -> Subscription | None:
        """Subscribe an address; None where the shop's own subscription to it is there already."""
        if kind == "shop" and any(
            (one.topic, one.address, one.kind) == (topic, address, kind) for one in self.subscriptions
        ):
            return None
        made = Subscription(next(self._ids), topic, address, kind, fields=fields)
        self.subscriptions.append(made)
        return made

    def _move(
        self, order: Order, kind: str, status: str, minor: int, gateway: str, refund: int | None = None
    ) -> Movement:
        parent = next((one.id for one in order.movements if one.kind in ("sale", "authorization")), None)
        shop_minor = (
            minor * order.shop_total // order.total if order.total and order.shop_total != order.total else minor
        )
        at, parent = self._clock.now(), parent if kind in ("capture", "refund", "void") else None
        made = Movement(next(self._ids), kind, status, minor, shop_minor, gateway, at, parent, refund)
        order.movements.append(made)
        return made

    @staticmethod
    def _reprice(order: Order, minor: int) -> None:
        order.shop_total = minor * order.shop_total // order.total if order.shop_total != order.total else minor
        order.total = minor

    def _touch(self, order: Order) -> None:
        order.updated_at = max(self._clock.now(), order.updated_at + 1)

    def _tell(self, order: Order, topics: list[str]) -> None:
        for topic in topics:
            self._deliver(topic, self._body(order, topic))

    def _deliver(self, topic: str, body: Json) -> None:
        if self.silent:
            return
        for one in [one for one in self.subscriptions if one.topic == topic]:
            told = {name: body[name] for name in one.fields if name in body} if one.fields else body
            self._postman.post(
                webhooks.Delivery(self.installation, one, json.dumps(told).encode(), self._clock.now(), self._end)
            )

    def _body(self, order: Order, topic: str) -> Json:
        writers: dict[str, Callable[[], Json]] = {
            "ORDER_TRANSACTIONS_CREATE": lambda: orders.movement_body(order, order.movements[-1]),
            "REFUNDS_CREATE": lambda: orders.refund_body(order, order.refunds[-1]),
            "ORDERS_EDITED": lambda: {"order_edit": {"id": order.id + 7, "order_id": order.id}},
        }
        return writers.get(topic, lambda: orders.order_body(order))()

    def _end(self, subscription: Subscription) -> None:
        """Delete a subscription after its last failure, where it is the shop's own; an app's or a person's stays."""
        if subscription.kind == "shop" and subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.ended.append({"topic": subscription.topic, "at": self._clock.now()})
