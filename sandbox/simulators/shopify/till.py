"""What apps have a shop do with money: refunds, by the payments that they go back of, each under its key once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.simulators.shopify import orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock
    from sandbox.simulators.shopify.orders import Movement, Order
    from sandbox.simulators.shopify.shops import Shop

Json = dict[str, Any]
KEY_SECONDS = 86_400  # for which a key is remembered
MOST_MOVEMENTS = 151  # of an order that is asked for with all of them
CANCEL_SECONDS = 3  # until an order is cancelled


class ObjectionError(Exception):
    """The shop does not do it; what it says is a userError."""


def gid(kind: str, number: int | None) -> str:
    """Write an id as the Admin API does."""
    return f"gid://shopify/{kind}/{number}"


def digits(text: object) -> int:
    """Read such an id."""
    return int(str(text).rpartition("/")[2])


def minor(text: object, currency: str) -> int:
    """Read an amount in minor units."""
    whole, _, fraction = str(text).partition(".")
    decimals = orders.DECIMALS.get(currency, 2)
    if fraction[decimals:].strip("0"):
        raise ObjectionError("Amount has too many decimals")
    return int(whole + fraction[:decimals].ljust(decimals, "0"))


class Till:
    """One shop's mutations of money."""

    def __init__(self, clock: Clock, shop: Shop, faults: Faults) -> None:
        self._clock, self._shop, self._faults = clock, shop, faults
        self._keys: dict[str, tuple[float, str, Json]] = {}
        self.accepted: list[str] = []  # the names of the mutations that did something
        self.operations: dict[str, Callable[[Json], Json]] = {
            "OneOrder": lambda given: {"order": self._node(given)},
            "WholeOrder": lambda given: {"order": self._whole(given)},
            "Refundable": lambda given: {"order": self._refundable(given)},
            "MakeRefund": self._refund,
            "Instructable": lambda given: {"order": self._instructable(given)},
            "CaptureOrder": self._tried("orderCapture", self._capture, transaction=None),
            "VoidTransaction": self._tried("transactionVoid", self._void, transaction=None),
            "CancelOrder": self._tried("orderCancel", self._cancel, errors="orderCancelUserErrors", job=None),
            "MarkAsPaid": self._tried("orderMarkAsPaid", self._mark, order=None),
        }
        self.operations |= {
            "Fulfillable": self._fulfillable,
            "GoodsToSend": self._goods_to_send,
            "GoodsSent": self._goods_sent,
            "Fulfil": self._tried("fulfillmentCreate", self._fulfil, fulfillment=None),
        }
        self._cancelling: dict[int, float] = {}

    def _found(self, number: object) -> Order:
        found = self._shop.orders.get(digits(number))
        if found is None:
            raise ObjectionError("Order does not exist")
        return found

    def _node(self, variables: Json) -> Json | None:
        self._end_cancellations()
        order = self._shop.orders.get(digits(variables["id"]))
        return order_with_refunds(order) if order is not None else None

    def _whole(self, variables: Json) -> Json | None:
        node = self._node(variables)
        if node is None:
            return None
        order = self._found(variables["id"])
        told = {name: value for name, value in node.items() if name not in ("transactions", "refunds")}
        return told | {"movements": [orders.movement_node(order, one) for one in order.movements[:MOST_MOVEMENTS]]}

    def _refundable(self, variables: Json) -> Json | None:
        node = self._node(variables)
        if node is None:
            return None
        order = self._found(variables["id"])
        suggested = [
            {
                "gateway": one.gateway,
                "amountSet": orders.bag(order, left, shop_left),
                "maximumRefundableSet": orders.bag(order, left, shop_left),
                "parentTransaction": {"id": gid("OrderTransaction", one.id)},
            }
            for one, left, shop_left in orders.refundable(order)
        ]
        return node | {"suggestedRefund": {"suggestedTransactions": suggested}}

    def _tried(self, name: str, act: Callable[[Json], Json], *, errors: str = "userErrors", **nothing: Any) -> Any:
        """Answer a mutation: what it did, or what the shop objects to."""

        def tried(variables: Json) -> Json:
            self._end_cancellations()
            try:
                if self._faults.take("money_refused", name) is not None:
                    raise ObjectionError("The shop does not do that")
                done = act(variables)
            except ObjectionError as objection:
                said = [{"field": ["id"], "message": str(objection), "code": "INVALID"}]
                return {name: {**nothing, errors: said}}
            self.accepted.append(name)
            return {name: {**done, errors: []}}

        return tried

    def _instructable(self, variables: Json) -> Json | None:
        node = self._node(variables)
        if node is None:
            return None
        order = self._found(variables["id"])
        gateways = [
            {"kind": one.kind.upper(), "status": one.status.upper(), "manualPaymentGateway": one.gateway == "manual"}
            for one in order.movements[: orders.MOST_MOVEMENTS]
        ]
        return node | {"canMarkAsPaid": self._can_mark(order), "gateways": gateways}

    @staticmethod
    def _can_mark(order: Order) -> bool:
        return order.outstanding > 0 and order.cancelled_at is None

    def _hold(self, number: object) -> tuple[Order, Movement, int]:
        for order in self._shop.orders.values():
            for one in order.movements:
                if (one.id, one.kind, one.status) == (digits(number), "authorization", "success"):
                    gone = [child for child in order.movements if child.parent == one.id and child.status == "success"]
                    taken = sum(child.amount for child in gone if child.kind == "capture")
                    left = 0 if any(child.kind == "void" for child in gone) else one.amount - taken
                    return order, one, left
        raise ObjectionError("Transaction does not exist")

    def _capture(self, variables: Json) -> Json:
        wanted = variables["input"]
        order, hold, left = self._hold(wanted["parentTransactionId"])
        amount = minor(wanted["amount"], order.currency)
        if wanted.get("currency") != order.currency or digits(wanted["id"]) != order.id:
            raise ObjectionError("Currency must be the presentment currency of the order")
        if not 0 < amount <= left:
            raise ObjectionError("Amount is more than what is left of the authorization")
        fault = self._faults.take("capture_status", "CaptureOrder") or {}
        made = self._shop.take(order, "capture", amount, hold, status=str(fault.get("status", "success")))
        return {"transaction": {"id": gid("OrderTransaction", made.id)}}

    def _void(self, variables: Json) -> Json:
        order, hold, left = self._hold(variables["id"])
        if not left:
            raise ObjectionError("Authorization cannot be voided")
        made = self._shop.take(order, "void", left, hold)
        return {"transaction": {"id": gid("OrderTransaction", made.id)}}

    def _cancel(self, variables: Json) -> Json:
        order = self._found(variables["id"])
        if order.cancelled_at is not None or order.id in self._cancelling:
            raise ObjectionError("Order is cancelled already")
        self._cancelling[order.id] = self._clock.now() + CANCEL_SECONDS
        return {"job": {"id": gid("Job", order.id)}}

    def _end_cancellations(self) -> None:
        """Do what was accepted some seconds ago: Shopify cancels orders later; what is held is let go."""
        for number in [number for number, at in self._cancelling.items() if at <= self._clock.now()]:
            del self._cancelling[number]
            order = self._shop.orders[number]
            for hold in [one for one in order.movements if one.kind == "authorization"]:
                _, _, left = self._hold(hold.id)
                if left:
                    self._shop.take(order, "void", left, hold)
            self._shop.cancel({"order": number})

    def _mark(self, variables: Json) -> Json:
        order = self._found(variables["input"]["id"])
        if not self._can_mark(order):
            raise ObjectionError("Order cannot be marked as paid")
        parent = next((one for one in order.movements if one.status == "pending"), None)
        self._shop.take(order, "sale", order.outstanding, parent)
        return {"order": {"id": gid("Order", order.id)}}

    def _fulfillable(self, variables: Json) -> Json:
        order = self._shop.orders.get(digits(variables["id"]))
        if order is None:
            return {"order": None}
        node = orders.order_node(order)
        told = {name: node[name] for name in ("id", "displayFulfillmentStatus")}
        waiting = {"nodes": [_fulfillment_order(one) for one in order.to_send], "pageInfo": {"hasNextPage": False}}
        return {"order": told | {"fulfillmentOrders": waiting, "fulfillments": order.fulfillments}}

    def _goods_to_send(self, variables: Json) -> Json:
        nodes = [
            {
                "id": gid("FulfillmentOrderLineItem", line["id"]),
                "remainingQuantity": line["left"],
                **_line(line["line"]),
            }
            for order in self._shop.orders.values()
            for one in order.to_send
            if one["id"] == digits(variables["id"])
            for line in one["lines"]
        ]
        return {"fulfillmentOrder": {"lineItems": _page(nodes)}}

    def _goods_sent(self, variables: Json) -> Json:
        number = digits(variables["id"])
        sent = next(order.sent[number] for order in self._shop.orders.values() if number in order.sent)
        nodes = [{"quantity": count, **_line(line)} for line, count in sent.items()]
        return {"fulfillment": {"fulfillmentLineItems": _page(nodes)}}

    def _fulfil(self, variables: Json) -> Json:
        wanted = variables["fulfillment"]
        groups = {
            digits(one["fulfillmentOrderId"]): {
                digits(line["id"]): int(line["quantity"]) for line in one.get("fulfillmentOrderLineItems") or []
            }
            for one in wanted["lineItemsByFulfillmentOrder"]
        }
        named = [(order, one) for order in self._shop.orders.values() for one in order.to_send if one["id"] in groups]
        if len(named) != len(groups) or any(one["status"] not in ("OPEN", "IN_PROGRESS") for _, one in named):
            raise ObjectionError("Fulfillment order is not open")
        if len({one["location"] for _, one in named}) != 1:
            raise ObjectionError("All fulfillment orders must be at the same location")
        goods: dict[int, int] = {}
        for _, one in named:
            left = {line["id"]: line["left"] for line in one["lines"]}
            chosen = groups[one["id"]] or left
            if any(not 0 < count <= left.get(line, 0) for line, count in chosen.items() if groups[one["id"]]):
                raise ObjectionError("Invalid fulfillment order line item quantity requested.")
            goods |= chosen
        tracking = wanted.get("trackingInfo") or {}
        company = str(tracking.get("company") or "")
        made = self._shop.fulfil(named[0][0], tracking.get("numbers") or [], company, goods)
        return {"fulfillment": {"id": made["id"]}}

    def _refund(self, variables: Json) -> Json:
        """Make a refund; the same call under its key gives the same one, another call under it is an error."""
        wanted, key, now = variables["input"], str(variables["key"]), self._clock.now()
        known = self._keys.get(key)
        if known is not None and now - known[0] < KEY_SECONDS:
            if known[1] != json.dumps(wanted, sort_keys=True):
                error = {"message": "Key used", "extensions": {"code": "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"}}
                return {"errors": [error]}
            return known[2]
        try:
            order, number = self._made(wanted)
        except ObjectionError as objection:
            said = [{"field": ["transactions"], "message": str(objection)}]
            return {"refundCreate": {"refund": None, "userErrors": said}}
        refund = next(one for one in order.refunds if one["id"] == number)
        told = [orders.movement_node(order, one) for one in order.movements if one.refund == number]
        node = refund_node(order, refund) | {"transactions": {"nodes": told}}
        answer = {"refundCreate": {"refund": node, "userErrors": []}}
        self._keys[key] = now, json.dumps(wanted, sort_keys=True), answer
        return answer

    def _made(self, wanted: Json) -> tuple[Order, int]:
        order = self._found(wanted["orderId"])
        if self._faults.take("refund_refused", "MakeRefund") is not None:
            raise ObjectionError("Refund is refused by the shop")
        if wanted.get("currency") != order.currency:
            raise ObjectionError("Currency must be the presentment currency of the order")
        left = {one.id: (one, most) for one, most, _ in orders.refundable(order)}
        parts: list[tuple[Movement, int]] = []
        for one in wanted["transactions"]:
            parent, most = left.get(digits(one["parentId"]), (None, 0))
            amount = minor(one["amount"], order.currency)
            if parent is None or parent.gateway != one["gateway"] or not 0 < amount <= most:
                raise ObjectionError("Refund amount exceeds the amount available to refund")
            left[parent.id] = parent, most - amount
            parts.append((parent, amount))
        fault = self._faults.take("refund_status", "MakeRefund") or {}
        statuses = list(fault.get("statuses") or [fault.get("status", "success")])
        number = self._shop.give_back(order, parts, statuses, note=str(wanted.get("note") or ""))
        self.accepted.append("refund")
        return order, number


def order_with_refunds(order: Order) -> Json:
    """Write an order that is asked for by itself: its refunds are told with it, as in no list."""
    return orders.order_node(order) | {"refunds": [refund_node(order, one) for one in order.refunds]}


def refund_node(order: Order, refund: Json) -> Json:
    """Write a refund as the Admin API tells it with its order."""
    movements = [{"id": gid("OrderTransaction", one.id)} for one in order.movements if one.refund == refund["id"]]
    return {
        "id": gid("Refund", refund["id"]),
        "note": refund.get("note") or None,
        "transactions": {"nodes": movements},
    }


def _line(number: int) -> Json:
    return {"lineItem": {"id": gid("LineItem", number)}}


def _page(nodes: list[Json]) -> Json:
    return {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}


def _fulfillment_order(one: Json) -> Json:
    is_open = one["status"] in ("OPEN", "IN_PROGRESS")
    actions = [{"action": "CREATE_FULFILLMENT"}] if is_open else [{"action": "RELEASE_HOLD"}]
    return {
        "id": gid("FulfillmentOrder", one["id"]),
        "status": one["status"],
        "supportedActions": actions if one["status"] != "CLOSED" else [],
        "assignedLocation": {"location": {"id": gid("Location", one["location"])}},
    }
