"""The mini store's orders: made and paid inside WeChat; the merchant hears of them by pushes and asks for the rest."""

from __future__ import annotations

import itertools
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.simulators.wechat.errcodes import MiniProgramError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.wechat.accounts import Merchant

TO_PAY, TO_SHIP, SHIPPED, DONE, UNPAID_CANCELLED = 10, 20, 30, 100, 250
Json = dict[str, Any]


@dataclass
class StoreOrder:
    """One order of a mini store."""

    order_id: int
    account: str
    openid: str
    products: list[Json]
    freight: int
    created_at: float
    status: int = TO_PAY
    transaction_id: str = ""
    paid_at: float | None = None
    deliveries: list[Json] = field(default_factory=list)
    calls: int = 0

    @property
    def amount(self) -> int:
        """What the buyer pays, in fen."""
        return sum(int(product["sale_price"]) * int(product["sku_cnt"]) for product in self.products) + self.freight


class StoreOrders:
    """All mini-store orders; `told` is called with what the store would push."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[int, StoreOrder] = {}
        self._numbers = itertools.count(3_705_115_058_471_208_929 + secrets.randbelow(10**9))
        self.told: Callable[[Merchant, str, StoreOrder, Json], None] = lambda *_: None

    def make(self, merchant: Merchant, body: Json, now: float) -> StoreOrder:
        """Let somebody order.

        {"account"} and, as wanted: "products" [{title, sku_cnt, sale_price}], "freight" (fen), "openid", "order_id".
        """
        products = body.get("products") or [{"title": "奶茶 Milk tea", "sku_cnt": 2, "sale_price": 1900}]
        numbered = [
            {"product_id": str(10_000 + place), "sku_id": str(20_000 + place), **product}
            for place, product in enumerate(products, 1)
        ]
        openid = str(body.get("openid") or f"oStore{secrets.token_hex(11)}")
        with self._lock:
            number = int(body.get("order_id") or next(self._numbers))
            order = StoreOrder(number, merchant.account, openid, numbered, int(body.get("freight", 0)), now)
            self._orders[number] = order
        self.told(merchant, "channels_ec_order_new", order, {})
        return order

    def pay(self, merchant: Merchant, body: Json, now: float) -> StoreOrder:
        """Let the buyer pay: {"account", "order_id"}."""
        order = self._find(merchant, body.get("order_id"))
        order.status, order.paid_at = TO_SHIP, now
        order.transaction_id = f"4200{secrets.randbelow(10**24):024}"
        self.told(merchant, "channels_ec_order_pay", order, {"pay_time": int(now)})
        return order

    def cancel(self, merchant: Merchant, body: Json, _: float) -> StoreOrder:
        """Let the buyer give up an unpaid order: {"account", "order_id"}."""
        order = self._find(merchant, body.get("order_id"))
        order.status = UNPAID_CANCELLED
        self.told(merchant, "channels_ec_order_cancel", order, {"cancel_type": 1})
        return order

    def get(self, merchant: Merchant, wanted: Json, _: float) -> Json:
        """Answer `/channels/ec/order/get`."""
        order = self._found(merchant, wanted)
        order.calls += 1
        price = order.amount - order.freight
        pay = {"pay_time": int(order.paid_at), "transaction_id": order.transaction_id} if order.paid_at else {}
        return {
            "order": {
                "order_id": str(order.order_id),
                "create_time": int(order.created_at),
                "update_time": int(order.paid_at or order.created_at),
                "status": order.status,
                "openid": order.openid,
                "order_detail": {
                    "product_infos": order.products,
                    "price_info": {"product_price": price, "order_price": order.amount, "freight": order.freight},
                    "pay_info": {"payment_method": 1, **pay},
                    "delivery_info": {
                        "address_info": {
                            "user_name": "王小明",
                            "tel_number": "13800138000",
                            "detail_info": "长安街1号",
                        },
                        "delivery_product_info": order.deliveries,
                    },
                },
            }
        }

    def deliver(self, merchant: Merchant, wanted: Json, _: float) -> Json:
        """Answer `/channels/ec/order/delivery/send`."""
        order = self._found(merchant, wanted)
        deliveries = wanted.get("delivery_list")
        if not isinstance(deliveries, list) or not deliveries:
            raise MiniProgramError(47001, "data format error")
        if order.status != TO_SHIP:
            raise MiniProgramError(100003, "order status does not allow it")
        for delivery in deliveries:
            wanted_products = [
                (str(one["product_id"]), str(one["sku_id"])) for one in delivery.get("product_infos", [])
            ]
            known = [(product["product_id"], product["sku_id"]) for product in order.products]
            if not wanted_products or any(product not in known for product in wanted_products):
                raise MiniProgramError(40097, "invalid args: product_infos")
            if delivery.get("deliver_type") == 1 and not (delivery.get("delivery_id") and delivery.get("waybill_id")):
                raise MiniProgramError(40097, "invalid args: waybill_id")
        order.deliveries += deliveries
        order.status = SHIPPED
        self.told(merchant, "channels_ec_order_deliver", order, {"finish_delivery": 1})
        return {}

    def numbered(self, merchant: Merchant, body: Json, _: float) -> StoreOrder:
        """Show an order: {"account", "order_id"}."""
        return self._find(merchant, body.get("order_id"))

    @staticmethod
    def shown(order: StoreOrder) -> Json:
        """Return an order for a control call's answer."""
        return {
            "order_id": str(order.order_id),
            "status": order.status,
            "amount": order.amount,
            "transaction_id": order.transaction_id,
            "deliveries": order.deliveries,
        }

    def _find(self, merchant: Merchant, number: object) -> StoreOrder:
        order = self._orders.get(int(str(number))) if str(number).isdigit() else None
        if order is None or order.account != merchant.account:
            raise KeyError("there is no such store order")
        return order

    def _found(self, merchant: Merchant, wanted: Json) -> StoreOrder:
        try:
            return self._find(merchant, wanted.get("order_id"))
        except KeyError:
            raise MiniProgramError(100002, "order not exist") from None
