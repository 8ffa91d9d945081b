"""The shipping worker against WeChat's simulator: each shipment is told once, whatever the answers."""

import json
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Parcel,
    Queried,
    ShipmentRequested,
    Terms,
)
from countersign.orders.sentences import sentence
from countersign.orders.shipments import Shipment
from countersign.store import OrderStore, keys
from sandbox.events import shapes
from sandbox.simulators.wechat import Simulator
from sandbox.simulators.wechat.accounts import Merchants
from tests.functions.conftest import ROOT, Cloud, aws, excepted
from tests.functions.test_refund_work import Shop

UPLOAD = "POST /wechat/wxa/sec/order/upload_shipping_info"
GET_ORDER = "POST /wechat/wxa/sec/order/get_order"
SEND = "POST /wechat/channels/ec/order/delivery/send"
DAY = 86400
YTO = Parcel("YTO", "YT1000000000001", "两杯茶")


class Dock(Shop):
    """One order, shipments of it, and a worker that is run by hand."""

    def ship(self, shipment_id: str = "sh1", *parcels: Parcel, method: str = "express", complete: bool = True) -> None:
        asked = ShipmentRequested(shipment_id, method, parcels or (YTO,), complete, self.now)
        assert self.tell(asked) == "applied"

    def work(self, seconds: int = 0) -> None:
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("wechat_ship", shapes.schedule("WechatShipEveryMinute", self.now))

    def shipment(self, shipment_id: str = "sh1") -> Shipment:
        return next(known for known in self.store.shipments(self.key) if known.shipment_id == shipment_id)

    @property
    def uploads(self) -> int:
        return self.cloud.wechat.sent.count(UPLOAD)

    def at_wechat(self) -> Any:
        """Return what WeChat's shipping management has, or None."""
        order = self.order()
        assert order.payment is not None
        return self.wechat("shipping", transaction_id=order.payment.transaction_id)["shipping"]

    def upload_fault(self, name: str = "errcode", **parameters: Any) -> None:
        self.faults(**{name: {"match": "upload_shipping_info", "count": 1, **parameters}})


@pytest.fixture(params=["shop", "classic"])
def each(request: pytest.FixtureRequest, cloud: Cloud) -> Dock:
    dock = Dock(cloud, request.param)
    dock.buy()
    return dock


@pytest.fixture
def dock(cloud: Cloud) -> Dock:
    dock = Dock(cloud, "shop")
    dock.buy()
    return dock


def add_account(cloud: Cloud, name: str, **changes: Any) -> None:
    """Put another merchant into the stack and into WeChat."""
    document = json.loads((ROOT / "tests/accounts/wechat/shop.json").read_text()) | changes
    prepared = Simulator.prepare_account(document, "http://127.0.0.1:1/wechat")
    secrets = aws("secretsmanager")
    secrets.create_secret(Name=f"countersign/test/wechat/{name}", SecretString=json.dumps(prepared))
    cloud.wechat.simulator._merchants._by_account.update(Merchants({name: prepared})._by_account)


def test_a_parcel_is_told_once_with_what_wechat_wants(each):
    each.ship()

    each.work()
    each.work(3600)

    assert (each.shipment().status, each.shipment().problem) == ("reported", None)
    assert each.shipment().reported_at == each.now - 3600
    told = each.at_wechat()
    assert told["parcels"] == [{"tracking_no": "YT1000000000001", "express_company": "YTO", "item_desc": "两杯茶"}]
    assert (told["logistics_type"], told["delivery_mode"], told["delivered"], told["uploads"]) == (1, 1, True, 1)
    assert told["upload_time"].endswith(".000+08:00")
    assert each.uploads == 1
    assert GET_ORDER not in each.cloud.wechat.sent


def test_the_bus_brings_one_orders_shipments(dock):
    dock.ship()
    other = Dock(dock.cloud, "shop", "ORDER-0002")
    other.buy()
    other.ship("sh2", Parcel("YTO", "YT1000000000002", "两杯茶"))
    detail = {"platform": "wechat", "account": "shop", "order_id": dock.key.order_id}

    dock.cloud.invoke("wechat_ship", {"source": "countersign", "detail-type": "shipment.created", "detail": detail})

    assert (dock.shipment().status, other.shipment("sh2").status) == ("reported", "recorded")


def test_what_was_told_is_on_the_bus_for_the_buyers_notice(dock):
    dock.ship()

    dock.work()

    emitted = [row["emits"]["L"] for row in dock.cloud.table() if "emits" in row]
    assert [{"S": "shipment.reported"}] in emitted


def test_the_payer_is_asked_for_and_never_kept(dock):
    dock.ship()

    dock.work()

    assert dock.uploads == 1
    assert "oPayer-1" not in json.dumps(dock.cloud.table(), default=repr)


@pytest.mark.parametrize(("method", "kind"), [("local", 2), ("virtual", 3), ("pickup", 4)])
def test_what_no_carrier_brings_has_no_number(dock, method, kind):
    dock.ship("sh1", Parcel(description="奶茶"), method=method)

    dock.work()

    assert dock.shipment().status == "reported"
    assert (dock.at_wechat()["logistics_type"], dock.at_wechat()["parcels"]) == (kind, [{"item_desc": "奶茶"}])


def test_several_parcels_and_parts_are_split_until_everything_is_sent(dock):
    dock.ship("sh1", YTO, complete=False)
    dock.work()
    assert (dock.at_wechat()["delivery_mode"], dock.at_wechat()["delivered"]) == (2, False)

    dock.ship("sh2", Parcel("ZTO", "Z1", "杯"), Parcel("ZTO", "Z2", "盖"))
    dock.work(60)

    told = dock.at_wechat()
    assert [parcel["tracking_no"] for parcel in told["parcels"]] == ["YT1000000000001", "Z1", "Z2"]
    assert (told["delivered"], told["corrected"]) == (True, 0)
    assert [dock.shipment(number).status for number in ("sh1", "sh2")] == ["reported", "reported"]


def test_shipments_of_an_order_are_told_in_their_sequence_and_not_in_one_second(dock):
    dock.ship("sh2", YTO, complete=False)
    dock.cloud.clock.shift(1)
    dock.ship("sh1", Parcel("ZTO", "Z1", "杯"))

    dock.work()
    assert (dock.shipment("sh2").status, dock.shipment("sh1").status) == ("reported", "recorded")
    dock.work(10)
    dock.work(10)

    assert dock.shipment("sh1").status == "reported"
    assert dock.at_wechat()["delivered"]


def test_of_one_second_the_part_that_completes_the_order_comes_last(dock):
    dock.ship("sh1", YTO)
    dock.ship("sh2", Parcel("ZTO", "Z1", "杯"), complete=False)

    dock.work()
    assert (dock.shipment("sh1").status, dock.shipment("sh2").status) == ("recorded", "reported")
    dock.work(60)

    assert (dock.at_wechat()["delivered"], dock.at_wechat()["corrected"]) == (True, 0)
    assert len(dock.at_wechat()["parcels"]) == 2


def test_two_uploads_of_an_order_do_not_travel_together(dock):
    module = dock.cloud.module("wechat_ship")
    dock.ship("sh1", YTO, complete=False)
    dock.work()
    dock.ship("sh2", Parcel("ZTO", "Z1", "杯"))

    dock.work(5)
    assert dock.shipment("sh2").status == "recorded"
    dock.work(15)

    assert dock.shipment("sh2").status == "reported"
    assert module.due.owner == "wechat_ship"


def test_the_same_parcels_again_do_not_use_up_the_chance_to_correct_them(dock):
    dock.ship("sh1")
    dock.work()
    dock.ship("sh2")

    dock.work(60)

    assert dock.shipment("sh2").status == "reported"
    assert (dock.uploads, dock.at_wechat()["corrected"]) == (1, 0)


@pytest.mark.parametrize("blank", [" ", "\n", "\t\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\ufeff"])
def test_blanks_around_a_number_make_no_other_parcel_of_it(dock, blank):
    dock.ship("sh1", Parcel(f"YTO{blank}", f"{blank}YT1000000000001{blank}", "tea"))
    dock.work()
    dock.ship("sh2", Parcel(f"{blank}YTO", "YT1000000000001", "tea"))
    dock.work(20)

    assert (dock.shipment("sh1").status, dock.shipment("sh2").status) == ("reported", "reported")
    told = dock.at_wechat()
    assert (told["uploads"], told["corrected"]) == (1, False)
    assert [(one["express_company"], one["tracking_no"]) for one in told["parcels"]] == [("YTO", "YT1000000000001")]


def test_a_row_with_blanks_is_found_at_wechat_after_a_doubt(dock):
    dock.upload_fault("error500", after=True)
    dock.ship("sh1", Parcel(" YTO", "YT1000000000001\u3000", "tea"))
    dock.work()
    dock.work(60)

    assert (dock.shipment().status, dock.at_wechat()["uploads"]) == ("reported", 1)


def test_another_parcel_after_the_last_one_is_the_merchants_correction_and_there_is_one(dock):
    for number, tracking in enumerate(("YT1", "YT2", "YT3")):
        dock.ship(f"sh{number}", Parcel("YTO", tracking, "茶"))
        dock.work(60)

    assert [dock.shipment(f"sh{number}").status for number in range(3)] == ["reported", "reported", "needs_action"]
    assert "one chance" in str(sentence(dock.shipment("sh2").problem))
    assert [parcel["tracking_no"] for parcel in dock.at_wechat()["parcels"]] == ["YT2"]


@pytest.mark.parametrize("contact", ["", "12"])
def test_sf_without_a_contact_needs_a_person_and_wechat_is_not_called(dock, contact):
    dock.ship("sh1", Parcel("SF", "SF1", "茶", contact))
    before = len(dock.cloud.wechat.sent)

    dock.work()

    assert dock.shipment().status == "needs_action"
    assert "four digits" in str(sentence(dock.shipment().problem))
    assert len(dock.cloud.wechat.sent) == before
    dock.ship("sh2", Parcel("SF", "SF1", "茶", "18912341234"))
    dock.work(60)
    assert dock.at_wechat()["parcels"][0]["contact"] == {"receiver_contact": "189****1234"}
    assert dock.at_wechat()["delivery_mode"] == 1


FAULTS = ["error500", "not_json", "truncated", "rate_limited", "busy"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [False, True])
def test_D7_after_any_doubt_wechat_is_asked_and_told_no_second_time(each, fault, after):
    each.ship()
    if fault == "busy":
        each.upload_fault(code=-1, after=after)
    else:
        each.upload_fault(fault, after=after)
    each.work()
    assert each.shipment().status == "recorded"

    for _ in range(5):
        each.work(60)

    assert each.shipment().status == "reported"
    assert GET_ORDER in each.cloud.wechat.sent
    assert (each.at_wechat()["uploads"], each.at_wechat()["corrected"]) == (1, 0)


@pytest.mark.parametrize("fault", ["error500", "truncated"])
def test_E9_what_is_asked_after_a_doubt_may_fail_too(dock, fault):
    dock.ship()
    dock.upload_fault(code=-1, after=True)
    dock.work()
    dock.faults(**{fault: {"match": "get_order", "count": 2}})

    for _ in range(6):
        dock.work(60)

    assert dock.shipment().status == "reported"
    assert dock.at_wechat()["uploads"] == 1


def test_E9_an_unknown_outcome_is_repeated_ever_more_slowly_and_never_given_up_by_guess(dock):
    dock.faults(errcode={"match": "upload_shipping_info", "count": 1000, "code": -1})
    dock.ship()
    dock.work()
    for _ in range(24 * 4):
        dock.work(1800)

    assert 8 <= dock.uploads <= 16
    assert dock.shipment().status == "recorded"


def test_a_payment_that_wechat_does_not_know_yet_is_told_within_a_minute_and_a_half(dock):
    dock.faults(shipping_lag={"seconds": 45, "count": 1000})
    dock.ship()

    dock.work()
    assert dock.shipment().status == "recorded"
    for _ in range(8):
        dock.work(10)

    assert dock.shipment().status == "reported"
    assert dock.at_wechat()["uploads"] == 1


def test_a_payment_that_wechat_does_not_know_for_a_day_needs_a_person(dock):
    dock.faults(shipping_lag={"seconds": 100 * DAY, "count": 1000})
    dock.ship()
    for _ in range(60):
        dock.work(1800)

    assert dock.shipment().status == "needs_action"
    assert "does not find the payment" in str(sentence(dock.shipment().problem))
    assert 6 <= dock.uploads <= 12


@pytest.mark.parametrize("code", [10060002, 10060023])
def test_what_wechat_has_already_is_done(dock, code):
    dock.ship()
    dock.upload_fault(code=code)

    dock.work()

    assert dock.shipment().status == "reported"
    assert dock.uploads == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [(10060003, "used up"), (10060004, "refunded"), (10060005, "correct it"), (10060006, "Only express"),
     (10060007, "correct it"), (10060008, "description"), (10060009, "too long"), (10060031, "not this payer's"),
     (268485226, "tracking number"), (268485227, "carrier"), (47001, "correct it"), (40097, "carrier's code"),
     (61003, "Another platform"), (99999, "console")],
)  # fmt: skip
def test_a_refusal_needs_a_person_and_says_what_to_do(dock, code, advice):
    dock.ship()
    dock.upload_fault(code=code)

    dock.work()
    dock.work(5 * 3600)

    assert dock.shipment().status == "needs_action"
    assert advice in str(sentence(dock.shipment().problem))
    assert f"(errcode {code})" in str(sentence(dock.shipment().problem))
    assert dock.uploads == 1


@pytest.mark.parametrize("code", [40013, 40125, 40164, 48001])
def test_what_one_person_can_put_right_for_all_is_waited_for_a_day(dock, code):
    dock.ship()
    dock.faults(errcode={"match": "upload_shipping_info", "count": 3, "code": code})
    dock.work()
    assert dock.shipment().status == "recorded"

    for _ in range(10):
        dock.work(120)

    assert dock.shipment().status == "reported"


def test_and_then_it_is_said_of_each_shipment(dock):
    dock.ship()
    dock.faults(errcode={"match": "upload_shipping_info", "count": 1000, "code": 40164})
    for _ in range(60):
        dock.work(1800)

    assert dock.shipment().status == "needs_action"
    assert "listed addresses" in str(sentence(dock.shipment().problem))


def test_a_token_that_wechat_ended_is_replaced(dock):
    dock.ship("sh1", YTO, complete=False)
    dock.work()
    dock.wechat("revoke_tokens")
    dock.ship("sh2", Parcel("YTO", "YT2", "茶"))

    dock.work(60)

    assert dock.shipment("sh2").status == "reported"


def test_parcels_that_somebody_told_wechat_otherwise_are_not_replaced_by_a_repeat(dock):
    dock.ship()
    dock.upload_fault(code=-1)
    dock.work()
    order = dock.order()
    assert order.payment is not None
    dock.wechat("console_shipping", transaction_id=order.payment.transaction_id, tracking_no="CONSOLE-1")

    dock.work(60)

    assert dock.shipment().status == "needs_action"
    assert "other parcels" in str(sentence(dock.shipment().problem))
    assert dock.at_wechat()["corrected"] == 0


def test_a_refunded_order_is_not_shipped(dock):
    dock.ship()
    dock.wechat("refund", notify=False)

    dock.work()

    assert dock.shipment().status == "needs_action"
    assert "refunded" in str(sentence(dock.shipment().problem))


def test_a_payment_that_wechat_does_not_show_needs_a_person(cloud):
    stranger = Dock(cloud, "shop", "UNKNOWN-1")
    terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", stranger.now, stranger.now + 7200)
    stranger.store.record(
        Change(stranger.key, OrderCreated(terms), Operator("m"), "merchant", "", "v3"), now=stranger.now
    )
    paid = Paid("4200000000000000000000000009", Money(8800, "CNY"), stranger.now)
    stranger.store.record(Change(stranger.key, paid, Queried(), "query", "1900099001", "v3"), now=stranger.now)
    stranger.ship()

    stranger.work()

    assert stranger.shipment().status == "needs_action"
    assert "does not show this order as paid" in str(sentence(stranger.shipment().problem))


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (("express", True), ("pickup", True), "another way"),
        (None, ("local", False), "in parts"),
    ],
)
def test_what_would_use_up_the_chance_or_cannot_be_said_needs_a_person(dock, first, second, problem):
    if first:
        dock.ship("sh0", method=first[0], complete=first[1])
        dock.work()
    dock.ship("sh1", Parcel(description="茶"), method=second[0], complete=second[1])

    dock.work(60)

    assert dock.shipment().status == "needs_action"
    assert problem in str(sentence(dock.shipment().problem))
    assert dock.uploads == (1 if first else 0)


def test_a_payment_outside_the_mini_program_is_nobodys_to_tell(cloud):
    dock = Dock(cloud, "shop", "NATIVE-0001")
    terms = Terms(Money(8800, "CNY"), "v3", "native", "d", dock.now, dock.now + 7200)
    dock.store.record(Change(dock.key, OrderCreated(terms), Operator("m"), "merchant", "", "v3"), now=dock.now)
    paid = Paid("4200000000000000000000000008", Money(8800, "CNY"), dock.now)
    dock.store.record(Change(dock.key, paid, Queried(), "query", "1900099001", "v3"), now=dock.now)
    dock.ship()

    dock.work()

    assert dock.shipment().status == "reported"
    assert cloud.wechat.sent == []


def test_an_account_without_its_apps_secret_is_told_so(cloud):
    add_account(cloud, "nosecret", mchid="1900099011", appid="wxa1b2c3d4e5f60711", mini_program_secret=None)
    dock = Dock(cloud, "nosecret")
    dock.buy()
    dock.ship()

    dock.work()

    assert dock.shipment().status == "needs_action"
    assert "mini_program_secret" in str(sentence(dock.shipment().problem))


def test_two_runs_do_not_tell_of_one_shipment(dock):
    dock.ship()
    module = dock.cloud.module("wechat_ship")
    (item,) = list(module.due.due(dock.now))

    dock.work()

    assert not module.due.lease(item, now=dock.now)
    assert dock.uploads == 1


def test_little_time_left_starts_nothing(dock):
    dock.ship()

    dock.cloud.invoke("wechat_ship", shapes.schedule("WechatShipEveryMinute", dock.now), remaining_ms=30_000)

    assert (dock.shipment().status, dock.uploads) == ("recorded", 0)


def exceptions(cloud: Cloud) -> list[str]:
    """Return which list each exception is on."""
    return [excepted(row) for row in cloud.table() if "exception" in row]


def test_what_is_recorded_anew_takes_the_first_try_off_the_list_of_exceptions(dock):
    dock.ship("sh1", Parcel("SF", "SF1", "茶"))
    dock.work()
    assert exceptions(dock.cloud) == ["needs_action"]

    dock.ship("sh2", Parcel("SF", "SF1", "茶", "189****1234"))
    dock.work(60)

    assert [dock.shipment(number).status for number in ("sh1", "sh2")] == ["superseded", "reported"]
    assert "four digits" in str(sentence(dock.shipment("sh1").problem))
    assert exceptions(dock.cloud) == []


def test_a_part_does_not_stand_for_another_part(dock):
    dock.ship("sh1", Parcel("SF", "SF1", "茶"), complete=False)
    dock.work()

    dock.ship("sh2", YTO, complete=False)
    dock.work(60)

    assert [dock.shipment(number).status for number in ("sh1", "sh2")] == ["needs_action", "reported"]


@pytest.mark.parametrize(("number", "status"), [("YT1000000000001", "reported"), ("CONSOLE-1", "superseded")])
def test_what_a_person_shipped_in_the_console_is_found_within_a_day(dock, number, status):
    dock.upload_fault(code=40097)
    dock.ship()
    dock.work()
    assert dock.shipment().status == "needs_action"
    order = dock.order()
    assert order.payment is not None
    dock.wechat("console_shipping", transaction_id=order.payment.transaction_id, tracking_no=number)

    dock.work(DAY)

    assert dock.shipment().status == status
    assert exceptions(dock.cloud) == []
    assert (dock.uploads, dock.at_wechat()["corrected"]) == (1, 0)


def test_about_one_that_waits_for_a_person_wechat_is_asked_daily_for_a_month_and_told_nothing(dock):
    dock.upload_fault(code=40097)
    dock.faults(errcode={"match": "get_order", "count": 3, "code": 48001})
    dock.ship("sh1", Parcel("SF", "SF1", "茶"))
    for _ in range(80):
        dock.work(DAY // 2)

    assert dock.cloud.wechat.sent.count(GET_ORDER) == 29
    assert (dock.shipment().status, dock.uploads) == ("needs_action", 0)


# The mini store's own orders.


class Stall(Dock):
    """One paid order of a mini store."""

    def __init__(self, cloud: Cloud) -> None:
        add_account(
            cloud,
            "boutique",
            mchid="1900099012",
            appid="wxa1b2c3d4e5f60712",
            store={"appid": "wxa1b2c3d4e5f60713", "secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f1"},
        )
        super().__init__(cloud, "boutique", "")
        order_id = self.wechat("store_order", products=[{"title": "茶", "sku_cnt": 2, "sale_price": 1900}])["order_id"]
        self.key = OrderKey("wechat", "boutique", order_id)
        shown = self.wechat("store_pay", order_id=order_id)
        terms = Terms(Money(3800, "CNY"), "store", "store", "d", self.now, self.now + 7200, description="茶")
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.store.record(Change(self.key, OrderCreated(terms), Queried(), "query", "", "store"), now=self.now)
        paid = Paid(shown["transaction_id"], Money(3800, "CNY"), self.now)
        self.store.record(Change(self.key, paid, Queried(), "query", "", "store"), now=self.now)

    def at_store(self) -> Any:
        return self.wechat("store_show", order_id=self.key.order_id)

    def cancel(self) -> None:
        self.wechat("store_cancel", order_id=self.key.order_id)

    @property
    def sends(self) -> int:
        return self.cloud.wechat.sent.count(SEND)


@pytest.fixture
def stall(cloud: Cloud) -> Stall:
    return Stall(cloud)


@pytest.mark.parametrize(
    ("method", "parcel", "delivery"),
    [
        ("express", YTO, {"deliver_type": 1, "delivery_id": "YTO", "waybill_id": "YT1000000000001"}),
        ("virtual", Parcel(), {"deliver_type": 3}),
    ],
)
def test_a_store_order_is_sent_with_all_its_goods(stall, method, parcel, delivery):
    stall.ship("sh1", parcel, method=method)

    stall.work()
    stall.work(3600)

    goods = [{"product_id": "10001", "sku_id": "20001", "product_cnt": 2}]
    assert stall.shipment().status == "reported"
    assert stall.at_store()["deliveries"] == [{**delivery, "product_infos": goods}]
    assert (stall.sends, stall.uploads) == (1, 0)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [False, True])
def test_D7_a_store_order_is_sent_once_whatever_was_answered(stall, fault, after):
    stall.ship()
    wanted = {"match": "delivery/send", "count": 1, "after": after}
    stall.faults(**({"errcode": {**wanted, "code": -1}} if fault == "busy" else {fault: wanted}))
    stall.work()
    assert stall.shipment().status == "recorded"

    for _ in range(4):
        stall.work(60)

    assert stall.shipment().status == "reported"
    assert len(stall.at_store()["deliveries"]) == 1


def test_a_store_order_that_was_sent_already_is_done(stall):
    stall.ship()
    stall.faults(errcode={"match": "delivery/send", "count": 1, "code": 100003, "after": True})

    stall.work()

    assert (stall.shipment().status, stall.sends) == ("reported", 1)


def test_a_store_order_that_cannot_be_sent_needs_a_person(stall):
    stall.ship()
    stall.cancel()

    stall.work()

    assert (stall.shipment().status, stall.sends) == ("needs_action", 0)
    assert "unpaid or cancelled" in str(sentence(stall.shipment().problem))


def test_a_store_that_refuses_needs_a_person(stall):
    stall.ship()
    stall.faults(errcode={"match": "delivery/send", "count": 1, "code": 100999})

    stall.work()

    assert stall.shipment().status == "needs_action"
    assert "(errcode 100999)" in str(sentence(stall.shipment().problem))


@pytest.mark.parametrize(("parcels", "complete"), [((YTO, YTO), True), ((YTO,), False)])
def test_a_store_order_in_parts_needs_a_person(stall, parcels, complete):
    stall.ship("sh1", *parcels, complete=complete)

    stall.work()

    assert (stall.shipment().status, stall.sends) == ("needs_action", 0)
    assert "which goods" in str(sentence(stall.shipment().problem))
    stall.ship("sh2")
    stall.work(60)
    assert (stall.shipment("sh2").status, stall.sends) == ("reported", 1)


@pytest.mark.parametrize(("number", "status"), [("YT1000000000001", "reported"), ("CONSOLE-1", "superseded")])
def test_a_store_order_that_a_person_sent_in_the_console_is_found_within_a_day(stall, number, status):
    stall.ship("sh1", complete=False)
    stall.work()
    assert stall.shipment().status == "needs_action"
    order = stall.cloud.wechat.simulator._store_orders._orders[int(stall.key.order_id)]
    order.deliveries, order.status = [{"deliver_type": 1, "delivery_id": "YTO", "waybill_id": number}], 30

    stall.work(DAY)

    assert (stall.shipment().status, stall.sends) == (status, 0)


def test_an_order_of_a_store_that_the_account_does_not_name_needs_a_person(cloud):
    dock = Dock(cloud, "classic", "3705115058471208929")
    terms = Terms(Money(3800, "CNY"), "store", "store", "d", dock.now, dock.now + 7200)
    dock.store.record(Change(dock.key, OrderCreated(terms), Queried(), "query", "", "store"), now=dock.now)
    paid = Paid("4200000000000000000000000007", Money(3800, "CNY"), dock.now)
    dock.store.record(Change(dock.key, paid, Queried(), "query", "", "store"), now=dock.now)
    dock.ship()

    dock.work()

    assert "names no mini store" in str(sentence(dock.shipment().problem))
    assert [excepted(row) for row in cloud.table() if row["sk"]["S"].startswith(keys.SHIPMENT)] == ["needs_action"]
