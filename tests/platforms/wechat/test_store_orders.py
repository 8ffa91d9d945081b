"""The mini store's word about an order."""

import copy
from typing import Any

import pytest

from countersign.errors import MalformedError
from countersign.platforms.wechat import store_orders
from countersign.platforms.wechat.store_orders import StoreOrder, StoreProduct

ANSWER: dict[str, Any] = {
    "errcode": 0,
    "errmsg": "ok",
    "order": {
        "order_id": "3704612354559743232",
        "create_time": 1795328000,
        "status": 20,
        "openid": "oBuyer-1",
        "order_detail": {
            "product_infos": [
                {"product_id": "10000061", "sku_id": "518", "title": "一罐茶", "sku_cnt": 2, "sale_price": 4000}
            ],
            "price_info": {"product_price": 8000, "order_price": 8800, "freight": 800},
            "pay_info": {"pay_time": 1795328100, "transaction_id": "4200000000202611220000000001"},
            "delivery_info": {"delivery_product_info": [{"waybill_id": "SF1", "delivery_id": "SF"}]},
        },
    },
}


def answer(path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(ANSWER)
    place: Any = changed
    *parents, last = path.split("/")
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    return changed


def test_a_paid_order_is_read_and_nothing_personal_is_kept():
    order = store_orders.read(ANSWER)

    assert order == StoreOrder(
        "3704612354559743232",
        20,
        8800,
        "4200000000202611220000000001",
        1795328100,
        1795328000,
        (StoreProduct("10000061", "518", "一罐茶", 2, 4000),),
        ("SF1",),
    )
    assert "oBuyer" not in repr(order)


def test_numbers_of_nineteen_digits_stay_what_they_are():
    assert store_orders.read(answer("order/order_id", 3704612354559743232)) == store_orders.read(ANSWER)


def test_an_unpaid_order_has_neither_payment_nor_parcels():
    unpaid = answer("order/order_detail/pay_info", {})
    del unpaid["order"]["order_detail"]["delivery_info"]

    order = store_orders.read(unpaid)

    assert (order.transaction_id, order.pay_time, order.waybills) == ("", None, ())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order", None),
        ("order/order_id", ""),
        ("order/order_id", "37 or 1=1"),
        ("order/order_id", True),
        ("order/status", "20"),
        ("order/create_time", None),
        ("order/order_detail", []),
        ("order/order_detail/price_info", {}),
        ("order/order_detail/price_info", {"order_price": -1}),
        ("order/order_detail/price_info", {"order_price": 88.0}),
        ("order/order_detail/product_infos", {}),
        ("order/order_detail/product_infos", [1]),
        ("order/order_detail/product_infos/0/sku_cnt", True),
        ("order/order_detail/product_infos/0/title", 5),
        ("order/order_detail/pay_info/transaction_id", "4" * 65),
        ("order/order_detail/pay_info/pay_time", "now"),
    ],
)
def test_what_is_not_promised_is_refused(path: str, value: Any):
    with pytest.raises(MalformedError):
        store_orders.read(answer(path, value))
