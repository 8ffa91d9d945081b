"""What the simulator sends to a shop: the retry table, the knobs, and whether other implementations accept it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from wechatpayv3 import WeChatPay as WeChatPayV3  # type: ignore[import-untyped]
from wechatpayv3 import WeChatPayType
from wechatpy.pay import WeChatPay as WeChatPayV2  # type: ignore[import-untyped]
from wechatpy.pay.utils import calculate_signature_hmac  # type: ignore[import-untyped]
from xmltodict import parse

from sandbox.simulators.wechat import Simulator
from sandbox.simulators.wechat.ledger import Trade
from sandbox.simulators.wechat.notices import RETRIES
from tests.simulators.conftest import SUCCESS_V2, Clock, Shop


@pytest.fixture
def order(platform: Simulator, accounts: dict[str, Any]) -> dict[str, Any]:
    return known_only_to_wechat(platform, "shop", accounts)


def known_only_to_wechat(platform: Simulator, account: str, accounts: dict[str, Any]) -> dict[str, Any]:
    merchant = platform._merchants.named(account)
    assert merchant is not None
    trade = Trade(
        account, merchant.mchid, merchant.appid, "N-000001", accounts[account]["api"], "JSAPI", 8800, "",
        f"https://shop.example.com/wechat/{account}/notify", platform._clock.now(), openid="oPayer0001",
        sign_type=merchant.v2_sign_type,
    )  # fmt: skip
    platform._ledger.place(trade)
    return {"account": account, "out_trade_no": "N-000001"}


@pytest.fixture
def verifier(accounts: dict[str, Any]) -> WeChatPayV3:
    shop = accounts["shop"]
    key = shop["wechatpay_public_keys"][0]
    return WeChatPayV3(
        wechatpay_type=WeChatPayType.JSAPI, mchid=shop["mchid"], private_key=shop["merchant_private_key_pem"],
        cert_serial_no=shop["merchant_serial"], apiv3_key=shop["api_v3_keys"][0], public_key=key["pem"],
        public_key_id=key["id"], appid=shop["appid"],
    )  # fmt: skip


def wait(clock: Clock, seconds: float, shop: Shop, count: int) -> None:
    clock.time += seconds
    shop.wait_for(count)


def test_wechatpayv3_verifies_and_opens_a_payment_notice(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop
) -> None:
    platform.control("pay", order)
    heard = shop.wait_for(1)[0]

    told = verifier.callback(heard.headers, heard.body)

    assert heard.path == "/wechat/shop/notify"
    assert (told["event_type"], told["resource"]["out_trade_no"]) == ("TRANSACTION.SUCCESS", "N-000001")
    assert told["resource"]["amount"]["total"] == 8800


def test_wechatpayv3_verifies_and_opens_a_console_refund(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop
) -> None:
    platform.control("pay", order)
    platform.control("refund", order | {"amount": 100, "status": "ABNORMAL"})

    told = verifier.callback(shop.wait_for(2)[1].headers, shop.heard[1].body)

    assert told["event_type"] == "REFUND.ABNORMAL"
    assert told["resource"]["amount"]["refund"] == 100
    assert "appid" not in told["resource"]


def test_v2_notices_carry_the_algorithm_of_the_order_and_wait_for_the_exact_xml(
    platform: Simulator, accounts: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    classic = known_only_to_wechat(platform, "classic", accounts)
    shop.answer = lambda _: (200, b"success")
    shown = platform.control("pay", classic)[1]

    fields = dict(parse(shop.wait_for(1)[0].body)["xml"])
    signature = fields.pop("sign")

    assert signature == calculate_signature_hmac(fields, accounts["classic"]["api_v2_keys"][0])
    assert shown["deliveries"][0]["answer"] == "success"
    shop.answer = lambda _: (200, SUCCESS_V2)
    wait(clock, 15, shop, 2)
    wait_until_over(platform)
    clock.time += 86400
    time.sleep(0.1)
    assert len(shop.heard) == 2


def wait_until_over(platform: Simulator) -> None:
    end = time.monotonic() + 60
    while platform._postman.waiting() and time.monotonic() < end:
        time.sleep(0.005)


def test_wechatpy_parses_an_md5_notice_and_a_refund_notice(
    tmp_path: Any, clock: Clock, inbox: Any, shop: Shop, accounts: dict[str, Any]
) -> None:
    classic = accounts["classic"] | {"v2_sign_type": "MD5"}
    platform = Simulator(clock, {"classic": classic}, inbox, shop.base, tmp_path)
    platform.start()
    order = known_only_to_wechat(platform, "classic", {"classic": classic})
    shop.answer = lambda _: (200, SUCCESS_V2)
    platform.control("pay", order)
    platform.control("refund", order)
    heard = shop.wait_for(2)
    platform.stop()
    reader = WeChatPayV2(classic["appid"], classic["api_v2_keys"][0], classic["mchid"])

    paid, refunded = reader.parse_payment_result(heard[0].body), reader.parse_refund_notify_result(heard[1].body)
    reader._http.close()

    assert (paid["total_fee"], paid["time_end"][:2]) == (8800, "20")
    assert (refunded["refund_fee"], refunded["refund_request_source"]) == (8800, "VENDOR_PLATFORM")


def test_retries_follow_the_published_table_until_they_end(
    platform: Simulator, order: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    shop.answer = lambda _: (500, b"")
    start = clock.time
    platform.control("pay", order)

    for number, seconds in enumerate(RETRIES, 2):
        clock.time += seconds - 0.5
        time.sleep(0.05)
        assert len(shop.heard) == number - 1
        wait(clock, 0.5, shop, number)
        wait_until_planned(platform)
    clock.time += 7 * 86400
    time.sleep(0.1)

    assert len(shop.heard) == 16
    assert clock.time - 7 * 86400 - start == 24 * 3600 + 4 * 60


def wait_until_planned(platform: Simulator) -> None:
    """Wait until the answer to the attempt has been noted and the next attempt planned."""
    end = time.monotonic() + 60
    while platform._postman.busy() and time.monotonic() < end:
        time.sleep(0.002)


def test_status_200_with_a_failure_in_the_body_ends_a_v3_notice(
    platform: Simulator, order: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    shop.answer = lambda _: (200, b'{"code":"FAIL"}')
    platform.control("pay", order)
    clock.time += 86400
    time.sleep(0.1)

    assert len(shop.heard) == 1


def test_five_times_is_five_notices_some_with_the_same_bytes_some_sealed_anew(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop
) -> None:
    platform.control("pay", order | {"times": 5})

    heard = shop.wait_for(5)
    bodies = {one.body for one in heard}

    assert len(heard) == 5
    assert 1 < len(bodies) < 5
    assert len({one.headers["Wechatpay-Nonce"] for one in heard}) == 5
    assert all(verifier.callback(one.headers, one.body) for one in heard)


@pytest.mark.parametrize("kind", ["forge", "signtest"])
def test_a_forgery_and_a_probe_do_not_verify_and_the_real_notice_follows(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop, kind: str
) -> None:
    platform.faults({kind: True})
    platform.control("pay", order)

    bad, good = shop.wait_for(2)

    assert verifier.callback(bad.headers, bad.body) is None
    assert verifier.callback(good.headers, good.body)
    assert bad.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") == (kind == "signtest")


@pytest.mark.parametrize(
    ("kind", "pointer", "value"),
    [
        ("wrong_amount", ("amount", "total"), 8801),
        ("wrong_currency", ("amount", "currency"), "USD"),
        ("other_merchant", ("mchid",), "1900009999"),
    ],
)
def test_a_spoilt_notice_is_genuinely_signed_and_says_something_else(
    platform: Simulator,
    order: dict[str, Any],
    verifier: WeChatPayV3,
    shop: Shop,
    kind: str,
    pointer: tuple[str, ...],
    value: object,
) -> None:
    platform.faults({kind: True})
    platform.control("pay", order)

    told = verifier.callback(shop.wait_for(2)[0].headers, shop.heard[0].body)["resource"]
    for name in pointer:
        told = told[name]

    assert told == value


def test_a_stale_notice_is_301_seconds_old(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop, clock: Clock
) -> None:
    platform.faults({"stale": {"instead": True}})
    platform.control("pay", order)

    heard = shop.wait_for(1)[0]

    assert verifier.callback(heard.headers, heard.body)
    assert int(heard.headers["Wechatpay-Timestamp"]) == int(clock.time - 301)


def test_dropped_attempts_are_made_up_for_by_the_retries(
    platform: Simulator, order: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    platform.faults({"drop": {"attempts": 2}})
    platform.control("pay", order)
    wait_until_planned(platform)
    assert not shop.heard

    clock.time += 15
    time.sleep(0.1)
    wait(clock, 15, shop, 1)

    assert len(shop.heard) == 1


def test_a_lost_notice_never_comes_although_the_payment_is_there(
    platform: Simulator, order: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    shown = platform.control("pay", order | {"notify": False})[1]
    clock.time += 86400
    time.sleep(0.1)

    assert (shown["state"], shop.heard) == ("SUCCESS", [])


def test_a_delayed_notice_comes_when_sandbox_time_has_passed(
    platform: Simulator, order: dict[str, Any], shop: Shop, clock: Clock
) -> None:
    platform.faults({"delay": {"seconds": 600}})
    platform.control("pay", order | {"wait": False})
    time.sleep(0.1)
    assert not shop.heard

    wait(clock, 600, shop, 1)
    assert len(shop.heard) == 1


def test_a_reordered_payment_comes_after_its_refund(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop
) -> None:
    platform.faults({"reorder": True})
    platform.control("pay", order | {"wait": False})
    platform.control("refund", order)

    events = [json.loads(one.body)["event_type"] for one in shop.wait_for(2)]

    assert events == ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]


def test_a_duplicated_notice_comes_several_times_at_once(
    platform: Simulator, order: dict[str, Any], shop: Shop
) -> None:
    platform.faults({"duplicate": {"copies": 8}})
    platform.control("pay", order)

    assert len(shop.wait_for(8)) == 8


def test_a_seeded_probability_repeats(platform: Simulator) -> None:
    def draw() -> list[bool]:
        platform.faults({"drop": {"probability": 0.5, "seed": 3}})
        return [platform._faults.take("drop", "x") is not None for _ in range(20)]

    first = draw()

    assert first == draw()
    assert 0 < sum(first) < 20


def test_an_unknown_knob_is_refused(platform: Simulator) -> None:
    with pytest.raises(ValueError, match="unknown faults"):
        platform.faults({"forgery": True})


@pytest.mark.parametrize(("knob", "status"), [("error500", 500), ("rate_limited", 429), ("not_json", 502)])
def test_api_faults_fail_once_and_then_the_call_works(
    platform: Simulator, knob: str, status: int, accounts: dict[str, Any]
) -> None:
    query = f"appid={accounts['shop']['appid']}&secret=x&grant_type=authorization_code&js_code=1"
    platform.faults({knob: {"match": "jscode2session"}})

    first, second = (platform.handle("GET", "/sns/jscode2session", query, {}, b"")[0] for _ in range(2))

    assert (first, second) == (status, 200)


def test_a_timeout_does_the_work_and_a_hang_does_not(platform: Simulator, accounts: dict[str, Any]) -> None:
    shop = accounts["shop"]
    query = f"appid={shop['appid']}&secret={shop['mini_program_secret']}&grant_type=authorization_code&js_code="

    def log_in(code: str) -> dict[str, Any]:
        text = platform.handle("GET", "/sns/jscode2session", query + code, {}, b"")[2]
        return json.loads(text) if text else {}

    platform.faults({"timeout": {"seconds": 0.05}, "hang": {"seconds": 0.05, "match": "js_code=2"}})
    log_in("1"), log_in("2")

    assert log_in("1")["errcode"] == 40163
    assert "openid" in log_in("2")


def test_a_hand_made_notice_of_an_order_the_product_does_not_know_can_be_queried(
    platform: Simulator, verifier: WeChatPayV3, shop: Shop
) -> None:
    status, answer = platform.control("notify", {"account": "shop", "out_trade_no": "ORPHAN-1", "amount": 5})

    told = verifier.callback(shop.heard[0].headers, shop.heard[0].body)["resource"]

    assert (status, answer["status"]) == (200, 204)
    assert platform.control("ledger", {"out_trade_no": "ORPHAN-1"})[1]["transactions"][0]["state"] == "SUCCESS"
    assert told["amount"]["total"] == 5


def test_a_hand_made_lie_about_an_unpaid_order_leaves_the_ledger_true(
    platform: Simulator, order: dict[str, Any], shop: Shop
) -> None:
    platform.control("notify", order | {"spoil": "forge"})

    shown = platform.control("ledger", order)[1]["transactions"][0]

    assert (shown["state"], shown["deliveries"][0]["what"]) == ("NOTPAY", "forge")


def test_a_notice_may_be_signed_with_the_platform_certificate(
    platform: Simulator, order: dict[str, Any], shop: Shop
) -> None:
    platform.control("notify", order | {"certificate": True})

    assert len(shop.heard[0].headers["Wechatpay-Serial"]) == 40


def test_a_closed_order_can_only_be_paid_by_who_was_already_paying(platform: Simulator, order: dict[str, Any]) -> None:
    platform.control("expire", order)

    assert platform.control("pay", order) == (409, {"error": "ORDERCLOSED"})
    assert platform.control("pay", order | {"late": True})[1]["state"] == "SUCCESS"


def test_control_calls_that_cannot_be_say_why(platform: Simulator, order: dict[str, Any]) -> None:
    assert platform.control("pay", {"account": "nobody"})[0] == 404
    assert platform.control("pay", order | {"result": "MAYBE"})[0] == 400
    assert platform.control("dance", {})[0] == 404
    assert platform.control("refund", order)[0] == 409


def test_the_ledger_is_on_disk_when_the_sandbox_has_ended(
    platform: Simulator, order: dict[str, Any], tmp_path: Any
) -> None:
    platform.control("pay", order)
    platform.stop()

    left = json.loads((tmp_path / "wechat-ledger.json").read_text(encoding="utf-8"))

    assert left["transactions"][0]["deliveries"][0]["status"] == 204


def test_a_prepared_account_keeps_what_it_has_and_gains_what_it_lacks() -> None:
    mine = {"id": "PUB_KEY_ID_0100000000000000000000000001", "pem": "…"}

    prepared = Simulator.prepare_account({"mchid": "1", "wechatpay_public_keys": [mine]}, "http://here/wechat")
    again = Simulator.prepare_account(prepared, "http://elsewhere/wechat")

    assert mine in prepared["wechatpay_public_keys"]
    assert (prepared["api_base"], len(prepared["wechatpay_public_keys"])) == ("http://here/wechat", 2)
    assert again == prepared


def test_a_hand_made_refund_result_says_what_the_test_wants(
    platform: Simulator, order: dict[str, Any], verifier: WeChatPayV3, shop: Shop
) -> None:
    refund = {"out_refund_no": "R-9", "amount": 5, "status": "CLOSED"}

    platform.control("notify", order | {"refund": refund, "fields": {"user_received_account": "nobody"}})
    told = verifier.callback(shop.heard[0].headers, shop.heard[0].body)

    assert told["event_type"] == "REFUND.CLOSED"
    assert (told["resource"]["out_refund_no"], told["resource"]["amount"]["refund"]) == ("R-9", 5)
    assert told["resource"]["user_received_account"] == "nobody"
