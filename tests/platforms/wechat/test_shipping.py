"""What WeChat's shipping management is told, and what its codes mean."""

from typing import Any

import pytest

from countersign.errors import MalformedError
from countersign.orders.changes import Parcel
from countersign.orders.sentences import sentence
from countersign.orders.shipments import Shipment
from countersign.platforms.wechat import shipping
from countersign.platforms.wechat.shipping import OrderSeen
from countersign.platforms.wechat.store_orders import StoreOrder, StoreProduct

NOW = 1795328845  # 2026-11-22 14:27:25 in Beijing
PARCEL = Parcel("YTO", "YT1", "茶")


def sent(*parcels: Parcel, method: str = "express", complete: bool = True, status: str = "recorded") -> Shipment:
    return Shipment("sh1", status, method, parcels or (PARCEL,), complete)


def body(shipment: Shipment, *reported: Shipment) -> dict[str, Any]:
    return shipping.upload(shipment, reported, transaction_id="4200", openid="oPayer-1", goods="order goods", now=NOW)


def test_one_parcel_with_everything_is_unified():
    assert body(sent(PARCEL)) == {
        "order_key": {"order_number_type": 2, "transaction_id": "4200"},
        "logistics_type": 1,
        "delivery_mode": 1,
        "shipping_list": [{"item_desc": "茶", "tracking_no": "YT1", "express_company": "YTO"}],
        "upload_time": "2026-11-22T14:27:25.000+08:00",
        "payer": {"openid": "oPayer-1"},
    }


@pytest.mark.parametrize(
    ("shipment", "reported", "complete"),
    [
        (sent(PARCEL, Parcel("YTO", "YT2")), (), True),
        (sent(PARCEL, complete=False), (), False),
        (sent(Parcel("YTO", "YT2")), (sent(PARCEL, complete=False),), True),
        (sent(Parcel("YTO", "YT3")), (sent(PARCEL, Parcel("YTO", "YT2")),), True),
    ],
)
def test_parts_are_split_and_say_whether_that_is_all(shipment, reported, complete):
    told = body(shipment, *reported)

    assert (told["delivery_mode"], told["is_all_delivered"]) == (2, complete)
    assert isinstance(told["shipping_list"], list)


def test_a_correction_keeps_the_mode():
    assert body(sent(Parcel("YTO", "YT2")), sent(PARCEL))["delivery_mode"] == 1


@pytest.mark.parametrize(
    ("given", "shown"), [("茶" * 121, "茶" * 120), ("  ", "order goods"), ("", "order goods"), (" tea ", "tea")]
)
def test_a_description_is_never_empty_and_never_too_long(given, shown):
    assert body(sent(Parcel("YTO", "YT1", given)))["shipping_list"][0]["item_desc"] == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [("18912341234", "189****1234"), ("189****1234", "189****1234"), ("+86-18912341234", "+86-189****1234"),
     ("1234", "1234"), ("01012345", "****2345")],
)  # fmt: skip
def test_of_a_contact_only_the_ends_are_told(given, shown):
    item = body(sent(Parcel("SF", "SF1", "茶", given)))["shipping_list"][0]

    assert item["contact"] == {"receiver_contact": shown}


def test_a_contact_that_says_nothing_is_left_out():
    assert "contact" not in body(sent(Parcel("YTO", "YT1", "茶", "12")))["shipping_list"][0]


@pytest.mark.parametrize(
    ("shipment", "reported", "named"),
    [
        (sent(PARCEL), (), ""),
        (sent(PARCEL, complete=False), (), ""),
        (sent(Parcel(), method="pickup"), (), ""),
        (sent(Parcel("SF", "1", "", "189****1234")), (), ""),
        (sent(Parcel("sf", "1")), (), "four digits"),
        (sent(PARCEL, Parcel("SF", "1", "", "12a4")), (), "four digits"),
        (sent(Parcel(), method="local", complete=False), (), "in parts"),
        (sent(Parcel(), method="local"), (sent(PARCEL),), "another way"),
        (sent(Parcel("YTO", "YT2"), complete=False), (sent(PARCEL),), "everything"),
    ],
)
def test_what_stands_in_the_way_is_said(shipment, reported, named):
    problem = shipping.obstacle(shipment, reported)

    assert named in (sentence(problem) or "")
    assert bool(problem) == bool(named)


@pytest.mark.parametrize(
    ("shipment", "reported", "repeats"),
    [
        (sent(PARCEL), (), False),
        (sent(PARCEL), (sent(PARCEL),), True),
        (sent(PARCEL._replace(description="other words")), (sent(PARCEL),), True),
        (sent(PARCEL, complete=False), (sent(PARCEL, complete=False),), True),
        (sent(PARCEL), (sent(PARCEL, complete=False),), False),
        (sent(Parcel("YTO", "YT2")), (sent(PARCEL),), False),
        (sent(Parcel(), method="pickup"), (sent(Parcel(), method="pickup"),), True),
        (sent(Parcel(), method="pickup"), (sent(Parcel(), method="local"),), False),
    ],
)
def test_what_was_told_before_is_known(shipment, reported, repeats):
    assert shipping.repeats(shipment, reported) is repeats


@pytest.mark.parametrize(
    ("state", "numbers", "shipment", "has"),
    [
        (2, ["YT1"], sent(PARCEL), True),
        (3, ["YT1"], sent(PARCEL), True),
        (1, ["YT1"], sent(PARCEL), False),
        (5, ["YT1"], sent(PARCEL), False),
        (2, ["YT2"], sent(PARCEL), False),
        (1, ["YT1"], sent(PARCEL, complete=False), True),
        (1, [], sent(PARCEL, complete=False), False),
        (2, [], sent(Parcel(), method="pickup"), True),
        (1, [], sent(Parcel(), method="pickup"), False),
    ],
)
def test_what_wechat_has_of_a_shipment(state, numbers, shipment, has):
    parcels = [{"tracking_no": number, "express_company": "YTO"} for number in numbers]

    seen = shipping.read_order({"order": {"order_state": state, "shipping": {"shipping_list": parcels}}})

    assert seen.has(shipment) is has


def test_an_order_without_shipping_has_nothing():
    assert shipping.read_order({"order": {"order_state": 1}}) == OrderSeen(shipped=False, tracking_numbers=frozenset())


@pytest.mark.parametrize(
    "answer", [{}, {"order": []}, {"order": {"order_state": "2"}}, {"order": {"order_state": True}},
               {"order": {"order_state": 2, "shipping": {"shipping_list": {"tracking_no": "1"}}}}],
)  # fmt: skip
def test_an_answer_that_is_not_promised_is_refused(answer):
    with pytest.raises(MalformedError):
        shipping.read_order(answer)


@pytest.mark.parametrize("code", [10060003, 10060004, 10060031, 40097, 61003, 4711])
def test_a_final_code_says_what_to_do(code):
    assert not shipping.is_done(code)
    assert f"(errcode {code})" in str(sentence(shipping.problem(code)))


def store_order(status: int = 20) -> StoreOrder:
    return StoreOrder("37", status, 8800, "4200", NOW, NOW, (StoreProduct("1", "2", "茶", 3, 1900),))


@pytest.mark.parametrize(
    ("status", "shipment", "named"),
    [
        (20, sent(PARCEL), ""),
        (21, sent(PARCEL), "which goods"),
        (20, sent(PARCEL, PARCEL), "which goods"),
        (20, sent(PARCEL, complete=False), "which goods"),
        (10, sent(PARCEL), "unpaid or cancelled"),
        (200, sent(PARCEL), "unpaid or cancelled"),
        (250, sent(PARCEL), "unpaid or cancelled"),
    ],
)
def test_a_store_wants_to_know_what_lies_in_each_parcel(status, shipment, named):
    problem = shipping.store_obstacle(shipment, store_order(status))

    assert named in (sentence(problem) or "")
    assert bool(problem) == bool(named)


def test_a_store_is_told_all_goods():
    goods = [{"product_id": "1", "sku_id": "2", "product_cnt": 3}]

    assert shipping.store_delivery(sent(PARCEL), store_order()) == {
        "order_id": "37",
        "delivery_list": [{"delivery_id": "YTO", "waybill_id": "YT1", "deliver_type": 1, "product_infos": goods}],
    }
    assert shipping.store_delivery(sent(Parcel(), method="local"), store_order())["delivery_list"] == [
        {"deliver_type": 3, "product_infos": goods}
    ]
