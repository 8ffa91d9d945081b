"""The Storefront API: carts, and the checkout that makes an order of one."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import ControlError
from sandbox.simulators.shopify.orders import money

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulators.shopify.orders import Order
    from sandbox.simulators.shopify.shops import Shop

Json = dict[str, Any]
PRICE = 2500  # of everything, in minor units


class Carts:
    """One shop's carts, by the last part of the address of their checkout."""

    def __init__(self, shop: Shop, faults: Faults) -> None:
        self._shop, self._faults = shop, faults
        self._numbers = itertools.count(1)
        self.carts: dict[str, Json] = {}

    def answer(self, wanted: Json) -> Json:
        """Answer the one document that is known here: a cart is made, or objected to."""
        document, given = str(wanted["query"]), wanted["variables"]["input"]
        if "cartCreate" not in document:
            return {"errors": [{"message": "there is no such operation here"}]}
        if self._faults.take("throttled", "NewCart") is not None:
            return {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
        if self._faults.take("carts_busy", "NewCart") is not None:
            return _refused("SERVICE_UNAVAILABLE", ["input"], "Service is unavailable")
        if self._faults.take("cart_refused", "NewCart") is not None:
            return _refused("INVALID", ["input", "lines", "0", "merchandiseId"], "The merchandise does not exist.")
        warnings = []
        if self._faults.take("cart_warned", "NewCart") is not None:
            said = {"code": "MERCHANDISE_NOT_ENOUGH_STOCK", "target": "line", "message": "Only 1 item was added."}
            warnings.append(said)
        host = self._shop.installation.host
        name = hashlib.sha256(f"{host} {next(self._numbers)}".encode()).hexdigest()[:32]
        self.carts[name] = given
        total = {"amount": money(self._total(given), self._shop.currency), "currencyCode": self._shop.currency}
        cart = {
            "checkoutUrl": f"https://{host}/cart/c/{name}?key={name[:16]}",
            "totalQuantity": sum(line.get("quantity", 1) for line in given["lines"]),
            "cost": {"totalAmount": total},
        }
        return {"data": {"cartCreate": {"cart": cart, "userErrors": [], "warnings": warnings}}}

    def buy(self, checkout: str) -> Order:
        """Make the order that a buyer makes of a cart, named by the address of its checkout."""
        name = checkout.rpartition("/")[2].partition("?")[0]
        if name not in self.carts:
            raise ControlError(404, "there is no such cart")
        given = self.carts[name]
        attributes = {one["key"]: one["value"] for one in given.get("attributes", ())}
        wanted = {"minor": self._total(given), "currency": self._shop.currency, "attributes": attributes}
        return self._shop.create(wanted)

    @staticmethod
    def _total(given: Json) -> int:
        return sum(PRICE * int(line.get("quantity", 1)) for line in given["lines"])


def _refused(code: str, field: list[str], message: str) -> Json:
    said = [{"code": code, "field": field, "message": message}]
    return {"data": {"cartCreate": {"cart": None, "userErrors": said, "warnings": []}}}
