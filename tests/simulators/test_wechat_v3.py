"""API v3 of the simulator, called with wechatpayv3 and with signed requests that other packages made."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType  # type: ignore[import-untyped]
from wechatpayv3.utils import build_authorization, load_private_key  # type: ignore[import-untyped]

from sandbox.simulators.wechat import Simulator

NOON = 1_795_328_845.0
NOTIFY = "https://shop.example.com/wechat/shop/notify"


@pytest.fixture
def client(api: str, accounts: dict[str, dict[str, Any]]) -> WeChatPay:
    shop = accounts["shop"]
    key = shop["wechatpay_public_keys"][0]
    made = WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=shop["mchid"],
        private_key=shop["merchant_private_key_pem"],
        cert_serial_no=shop["merchant_serial"],
        apiv3_key=shop["api_v3_keys"][0],
        appid=shop["appid"],
        notify_url=NOTIFY,
        public_key=key["pem"],
        public_key_id=key["id"],
    )
    made._core._gate_way = api
    return made


def create(client: WeChatPay, number: str = "V3-0001", **changes: Any) -> tuple[int, dict[str, Any]]:
    wanted = {
        "description": "测试商品-奶茶",
        "out_trade_no": number,
        "amount": {"total": 8800, "currency": "CNY"},
        "payer": {"openid": "oPayer0001"},
        "pay_type": WeChatPayType.JSAPI,
    }
    status, text = client.pay(**wanted | changes)
    return status, json.loads(text)


def call(
    platform: Simulator,
    account: dict[str, Any],
    body: dict[str, Any] | str,
    *,
    path: str = "/v3/pay/transactions/jsapi",
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Call as a product does that writes its own JSON, signed by wechatpayv3."""
    text = body if isinstance(body, str) else json.dumps(body)
    authorization = build_authorization(
        f"/wechat{path}", "POST", account["mchid"], account["merchant_serial"],
        load_private_key(account["merchant_private_key_pem"]), data=text,
    )  # fmt: skip
    sent = {"Authorization": authorization, "Content-Type": "application/json", "Accept": "application/json"}
    status, answered, answer = platform.handle(
        "POST", path, "", sent | {"User-Agent": "test"} | (headers or {}), text.encode()
    )
    return status, json.loads(answer), answered


def order(account: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "appid": account["appid"],
        "mchid": account["mchid"],
        "description": "奶茶",
        "out_trade_no": "V3-0002",
        "notify_url": NOTIFY,
        "amount": {"total": 100, "currency": "CNY"},
        "payer": {"openid": "oPayer0001"},
    } | changes


def test_wechatpayv3_creates_an_order_and_accepts_the_signed_answer(client: WeChatPay) -> None:
    status, answer = create(client)

    assert status == 200
    assert answer["prepay_id"].startswith("wx")


def test_the_same_call_again_hands_out_a_fresh_prepay_id(client: WeChatPay) -> None:
    first, second = create(client)[1], create(client)[1]

    assert first["prepay_id"] != second["prepay_id"]


def test_other_terms_under_the_same_number_are_refused(client: WeChatPay) -> None:
    create(client)

    assert create(client, amount={"total": 1, "currency": "CNY"}) == (
        403,
        {"code": "OUT_TRADE_NO_USED", "message": "商户订单号重复"},
    )


@pytest.mark.parametrize(
    ("kind", "word", "extra"),
    [
        (WeChatPayType.NATIVE, "code_url", {}),
        (WeChatPayType.H5, "h5_url", {"scene_info": {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}}),
    ],
)
def test_native_and_h5_orders_hand_out_their_urls(
    client: WeChatPay, kind: WeChatPayType, word: str, extra: dict[str, Any]
) -> None:
    assert list(create(client, pay_type=kind, payer=None, **extra)[1]) == [word]


def test_an_unpaid_order_can_be_queried_closed_and_is_then_closed(client: WeChatPay) -> None:
    create(client)

    before = json.loads(client.query(out_trade_no="V3-0001")[1])
    closed = client.close("V3-0001")[0]
    after = json.loads(client.query(out_trade_no="V3-0001")[1])

    assert (before["trade_state"], closed, after["trade_state"]) == ("NOTPAY", 204, "CLOSED")
    assert create(client)[1]["code"] == "ORDER_CLOSED"


def test_a_paid_order_is_found_by_both_numbers(client: WeChatPay, platform: Simulator) -> None:
    create(client)
    paid = platform.control("pay", {"account": "shop", "out_trade_no": "V3-0001"})[1]

    by_ours = json.loads(client.query(out_trade_no="V3-0001")[1])
    by_theirs = json.loads(client.query(transaction_id=paid["transaction_id"])[1])

    assert by_ours == by_theirs
    assert by_ours["trade_state"] == "SUCCESS"
    assert by_ours["amount"] == {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"}
    assert create(client)[1]["code"] == "ORDERPAID"
    assert client.close("V3-0001")[0] == 400


def test_an_unknown_order_is_404_and_closing_it_proves_nothing(client: WeChatPay) -> None:
    assert json.loads(client.query(out_trade_no="V3-NEVER")[1])["code"] == "ORDER_NOT_EXIST"
    assert client.close("V3-NEVER")[0] == 204


def test_order_numbers_with_delimiters_travel_encoded(client: WeChatPay, platform: Simulator) -> None:
    create(client, "A|b*-_1")
    account = platform._merchants.named("shop")
    assert account is not None

    status, text = client._core.request(f"/v3/pay/transactions/out-trade-no/A%7Cb%2A-_1?mchid={account.mchid}")

    assert (status, json.loads(text)["out_trade_no"]) == (200, "A|b*-_1")


def test_a_refund_is_accepted_then_succeeds_and_is_one_refund_however_often_asked(
    client: WeChatPay, platform: Simulator, clock: Any, shop: Any
) -> None:
    create(client)
    platform.control("pay", {"account": "shop", "out_trade_no": "V3-0001"})
    amount = {"refund": 800, "total": 8800, "currency": "CNY"}
    wanted = {"out_refund_no": "R-1", "out_trade_no": "V3-0001", "amount": amount}

    first, again = (json.loads(client.refund(**wanted)[1]) for _ in range(2))
    mismatch = json.loads(client.refund(**wanted | {"amount": amount | {"refund": 1}})[1])
    clock.time += 6
    shop.wait_for(2)

    assert first == again
    assert (first["status"], mismatch["code"]) == ("PROCESSING", "INVALID_REQUEST")
    assert json.loads(client.query_refund("R-1")[1])["status"] == "SUCCESS"
    assert json.loads(client.query(out_trade_no="V3-0001")[1])["trade_state"] == "REFUND"


def test_refunds_never_exceed_the_payment_and_wait_a_minute_between_two(
    client: WeChatPay, platform: Simulator, clock: Any
) -> None:
    create(client)
    platform.control("pay", {"account": "shop", "out_trade_no": "V3-0001"})

    def refund(number: str, amount: int) -> str:
        wanted = {"refund": amount, "total": 8800, "currency": "CNY"}
        answer = json.loads(client.refund(out_refund_no=number, out_trade_no="V3-0001", amount=wanted)[1])
        return str(answer.get("code") or answer["status"])

    assert refund("R-1", 8000) == "PROCESSING"
    assert refund("R-2", 100) == "FREQUENCY_LIMITED"
    clock.time += 61
    assert refund("R-2", 801) == "INVALID_REQUEST"
    assert refund("R-2", 800) == "PROCESSING"


def test_an_unpaid_order_cannot_be_refunded(client: WeChatPay) -> None:
    create(client)
    amount = {"refund": 1, "total": 8800, "currency": "CNY"}

    status, text = client.refund(out_refund_no="R-1", out_trade_no="V3-0001", amount=amount)

    assert (status, json.loads(text)["code"]) == (404, "RESOURCE_NOT_EXISTS")


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        ({"amount": {"total": 1.0}}, 400, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": "100"}}, 400, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": True}}, 400, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 0}}, 400, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 1, "currency": "USD"}}, 400, "PARAM_ERROR", "/amount/currency"),
        ({"amount": None}, 400, "PARAM_ERROR", "/amount/total"),
        ({"out_trade_no": "short"}, 400, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": "no spaces allowed"}, 400, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": "x" * 33}, 400, "PARAM_ERROR", "/out_trade_no"),
        ({"description": ""}, 400, "PARAM_ERROR", "/description"),
        ({"description": "字" * 128}, 400, "PARAM_ERROR", "/description"),
        ({"notify_url": "http://shop.example.com/notify"}, 400, "PARAM_ERROR", "/notify_url"),
        ({"notify_url": NOTIFY + "?a=1"}, 400, "PARAM_ERROR", "/notify_url"),
        ({"payer": {}}, 400, "PARAM_ERROR", "/payer/openid"),
        ({"payer": "oPayer"}, 400, "PARAM_ERROR", "/payer/openid"),
        ({"attach": "a" * 129}, 400, "PARAM_ERROR", "/attach"),
        ({"time_expire": "2026-11-22 16:03:05"}, 400, "PARAM_ERROR", "/time_expire"),
        ({"time_expire": "2020-01-01T00:00:00+08:00"}, 400, "PARAM_ERROR", "/time_expire"),
        ({"support_fapiao": "yes"}, 400, "PARAM_ERROR", "/support_fapiao"),
        ({"mchid": "1900000000"}, 400, "PARAM_ERROR", "/mchid"),
        ({"appid": "wx0000000000000000"}, 400, "APPID_MCHID_NOT_MATCH", None),
    ],
)
def test_a_field_the_platform_would_not_take_is_refused(
    platform: Simulator, accounts: dict[str, Any], change: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    answered, answer, _ = call(platform, accounts["shop"], order(accounts["shop"], **change))

    assert (answered, answer["code"]) == (status, code)
    assert answer.get("detail", {}).get("field") == pointer


def test_a_body_that_differs_from_the_signed_one_is_401_with_what_was_verified(
    platform: Simulator, accounts: dict[str, Any]
) -> None:
    shop = accounts["shop"]
    text = json.dumps(order(shop))
    authorization = build_authorization(
        "/wechat/v3/pay/transactions/jsapi", "POST", shop["mchid"], shop["merchant_serial"],
        load_private_key(shop["merchant_private_key_pem"]), data=text,
    )  # fmt: skip
    headers = {"Authorization": authorization, "Content-Type": "application/json", "Accept": "*/*", "User-Agent": "t"}

    status, _, answer = platform.handle(
        "POST", "/v3/pay/transactions/jsapi", "", headers, text.replace("100", "101").encode()
    )

    shown = json.loads(answer)
    assert (status, shown["code"]) == (401, "SIGN_ERROR")
    assert shown["detail"]["sign_information"]["url"] == "/wechat/v3/pay/transactions/jsapi"


@pytest.mark.parametrize(("shift", "status"), [(-301, 401), (301, 401), (-299, 200), (299, 200)])
def test_a_request_is_fresh_for_five_minutes_both_ways(
    platform: Simulator, accounts: dict[str, Any], clock: Any, shift: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON)
    clock.time = NOON - shift

    assert call(platform, accounts["shop"], order(accounts["shop"]))[0] == status


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"mchid": "1900000999"}, 401, "SIGN_ERROR"),
        ({"merchant_serial": "0" * 40}, 500, "SYSTEM_ERROR"),
        ({"mchid": "1900000202"}, 500, "SYSTEM_ERROR"),
    ],
)
def test_a_wrong_pair_of_merchant_and_serial_is_not_let_in(
    platform: Simulator, accounts: dict[str, Any], change: dict[str, str], status: int, code: str
) -> None:
    answered, answer, _ = call(platform, accounts["shop"] | change, order(accounts["shop"]))

    assert (answered, answer["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"User-Agent": ""}, 400), ({"Accept": "text/html"}, 400), ({"Content-Type": "text/plain"}, 415)],
)
def test_headers_the_platform_wants_must_be_there(
    platform: Simulator, accounts: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    assert call(platform, accounts["shop"], order(accounts["shop"]), headers=headers)[0] == status


def test_without_a_wechatpay_serial_the_old_certificate_signs_the_answer(
    platform: Simulator, accounts: dict[str, Any]
) -> None:
    shop = accounts["shop"]
    key_id = shop["wechatpay_public_keys"][0]["id"]

    bare = call(platform, shop, order(shop))[2]
    asked = call(platform, shop, order(shop), headers={"Wechatpay-Serial": key_id})[2]

    assert len(bare["Wechatpay-Serial"]) == 40
    assert asked["Wechatpay-Serial"] == key_id
    assert asked["Request-ID"]


@pytest.mark.parametrize(
    "name",
    [
        "v3-auth-get-query-with-mchid",
        "v3-auth-post-jsapi-unicode",
        "v3-auth-post-refund-ascii",
        "v3-auth-post-close-204",
    ],
)
def test_a_request_signed_by_another_implementation_passes_and_one_changed_byte_does_not(
    vectors: dict[str, Any], name: str, tmp_path: Any, clock: Any, inbox: Any
) -> None:
    vector = next(vector for vector in vectors["vectors"] if vector["name"] == name)
    given, raw = vector["inputs"], vector["raw_request"]
    document = {
        "mchid": given["mchid"],
        "appid": "wxa1b2c3d4e5f60718",
        "merchant_serial": given["serial_no"],
        "merchant_private_key_pem": given["private_key_pem"],
    }
    clock.time = float(given["timestamp"])
    platform = Simulator(clock, {"shop": document}, inbox, "http://127.0.0.1:1", tmp_path)
    path, _, query = given["url_path_and_query"].partition("?")
    headers = raw["headers"] | {"User-Agent": "other"}
    broken = headers["Authorization"].replace('nonce_str="', 'nonce_str="A')

    status = platform.handle(given["method"], path, query, headers, given["body"].encode())[0]
    refused = platform.handle(
        given["method"], path, query, headers | {"Authorization": broken}, given["body"].encode()
    )[0]

    assert status != 401
    assert refused == 401


def test_a_login_code_is_exchanged_once_for_an_openid(platform: Simulator, accounts: dict[str, Any]) -> None:
    shop = accounts["shop"]
    query = f"appid={shop['appid']}&secret={shop['mini_program_secret']}&grant_type=authorization_code&js_code=0a1"

    first, again = (json.loads(platform.handle("GET", "/sns/jscode2session", query, {}, b"")[2]) for _ in range(2))
    wrong = platform.handle("GET", "/sns/jscode2session", query.replace("secret=", "secret=x"), {}, b"")[2]

    assert first["openid"].startswith("o")
    assert (again["errcode"], json.loads(wrong)["errcode"]) == (40163, 40125)


def test_the_inbox_holds_no_secret_and_nothing_personal(
    client: WeChatPay, platform: Simulator, accounts: dict[str, Any], inbox: Any
) -> None:
    create(client)
    shop = accounts["shop"]
    query = f"appid={shop['appid']}&secret={shop['mini_program_secret']}&grant_type=authorization_code&js_code=0a1"
    platform.handle("GET", "/sns/jscode2session", query, {}, b"")

    text = json.dumps(inbox.entries)

    assert '"out_trade_no": "V3-0001"' in text
    assert not [word for word in ("oPayer0001", shop["mini_program_secret"], "signature", "0a1") if word in text]


def test_a_service_provider_creates_queries_and_closes_for_its_sub_merchant(
    tmp_path: Any, clock: Any, inbox: Any, accounts: dict[str, Any]
) -> None:
    provider = accounts["shop"] | {"sub_mchid": "1900000303"}
    platform = Simulator(clock, {"shop": provider}, inbox, "http://127.0.0.1:1", tmp_path)
    root = "/v3/pay/partner/transactions"
    wanted = order(provider) | {"sp_appid": provider["appid"], "sp_mchid": provider["mchid"], "sub_mchid": "1900000303"}
    wanted |= {"payer": {"sp_openid": "oPayer0001"}}

    made = call(platform, provider, wanted, path=f"{root}/jsapi")[1]
    stranger = call(platform, provider, wanted | {"sub_mchid": "1900000304"}, path=f"{root}/jsapi")[1]
    platform.control("pay", {"account": "shop", "out_trade_no": "V3-0002", "notify": False})
    shown = platform._v3._show(platform._ledger.find(provider["mchid"], "V3-0002"))[1]

    assert made["prepay_id"].startswith("wx")
    assert stranger["code"] == "NO_AUTH"
    assert shown is not None
    assert (shown["sp_mchid"], shown["sub_mchid"], "mchid" in shown) == (provider["mchid"], "1900000303", False)
    assert shown["payer"] == {"sp_openid": "oPayer0001"}
