"""API v2 of the simulator, called with wechatpy and with documents of our own making."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
import xmltodict
from wechatpy.exceptions import WeChatPayException  # type: ignore[import-untyped]
from wechatpy.pay import WeChatPay  # type: ignore[import-untyped]
from wechatpy.pay.utils import calculate_signature_hmac  # type: ignore[import-untyped]

from sandbox.simulators.wechat import Simulator, crypto, xml
from sandbox.simulators.wechat.ledger import BEIJING

if TYPE_CHECKING:
    from collections.abc import Iterator

# wechatpy would put the second of each call into it, which makes other terms.
START = datetime.datetime.now(tz=BEIJING)
NOTIFY = "https://shop.example.com/wechat/classic/notify"


@pytest.fixture
def client(api: str, accounts: dict[str, dict[str, Any]]) -> Iterator[WeChatPay]:
    classic = accounts["classic"]
    made = WeChatPay(classic["appid"], classic["api_v2_keys"][0], classic["mchid"])
    made.API_BASE_URL = f"{api}/"
    yield made
    made._http.close()


def create(client: WeChatPay, number: str = "V2-0001", **changes: Any) -> dict[str, Any]:
    wanted = {
        "trade_type": "JSAPI",
        "body": "测试商品-奶茶",
        "out_trade_no": number,
        "total_fee": 8800,
        "notify_url": NOTIFY,
        "user_id": "oPayer0001",
        "client_ip": "203.0.113.7",
        "time_start": START,
        "time_expire": START + datetime.timedelta(hours=2),
    }
    return dict(client.order.create(**wanted | changes))


def call(platform: Simulator, account: dict[str, Any], path: str, changes: dict[str, str]) -> dict[str, str]:
    """Call with any fields; the last one may be the signature."""
    fields = {
        "appid": account["appid"],
        "mch_id": account["mchid"],
        "nonce_str": "n" * 16,
        "sign_type": "HMAC-SHA256",
        "body": "奶茶",
        "out_trade_no": "V2-0002",
        "total_fee": "100",
        "spbill_create_ip": "203.0.113.7",
        "notify_url": NOTIFY,
        "trade_type": "JSAPI",
        "openid": "oPayer0001",
    } | changes
    fields = {name: value for name, value in fields.items() if value != ""}
    signature = calculate_signature_hmac({n: v for n, v in fields.items() if n != "sign"}, account["api_v2_keys"][0])
    body = xml.write({"sign": signature} | fields)
    answer = xmltodict.parse(platform.handle("POST", path, "", {}, body)[2])["xml"]
    return dict(answer)


@pytest.mark.parametrize("name", ["v2-sign-official-md5", "v2-sign-official-hmac", "v2-sign-ascii-order"])
def test_the_published_samples_get_the_published_signatures(vectors: dict[str, Any], name: str) -> None:
    vector = next(vector for vector in vectors["vectors"] if vector["name"] == name)
    given = vector["inputs"]

    signature = crypto.sign_v2(given["params"], given["api_v2_key"], given["sign_type"])

    assert signature == vector["expect"]["sign"]


def test_wechatpy_creates_an_order(client: WeChatPay) -> None:
    answer = create(client)

    assert answer["prepay_id"].startswith("wx")
    assert client.check_signature(answer)


def test_the_same_call_again_hands_out_a_fresh_prepay_id_and_other_terms_are_refused(client: WeChatPay) -> None:
    first, second = create(client), create(client)

    assert first["prepay_id"] != second["prepay_id"]
    with pytest.raises(WeChatPayException, match="OUT_TRADE_NO_USED"):
        create(client, total_fee=1)


def test_native_and_h5_orders_hand_out_their_urls(client: WeChatPay) -> None:
    scene = {"h5_info": {"type": "Wap", "wap_url": "https://shop.example.com", "wap_name": "shop"}}

    native = create(client, trade_type="NATIVE", product_id="P1", user_id=None)
    h5 = create(client, "V2-0003", trade_type="MWEB", scene_info=scene, user_id=None)

    assert native["code_url"].startswith("weixin://")
    assert h5["mweb_url"].startswith("https://wx.tenpay.com/")


def test_an_order_is_queried_paid_and_queried_again(client: WeChatPay, platform: Simulator) -> None:
    create(client)
    before = client.order.query(out_trade_no="V2-0001")
    platform.control("pay", {"account": "classic", "out_trade_no": "V2-0001", "coupon": 800})
    after = client.order.query(out_trade_no="V2-0001")

    assert before["trade_state"] == "NOTPAY"
    assert (after["trade_state"], after["total_fee"], after["cash_fee"], after["coupon_fee"]) == (
        "SUCCESS", "8800", "8000", "800",
    )  # fmt: skip
    with pytest.raises(WeChatPayException, match="ORDERPAID"):
        client.order.close("V2-0001")


def test_an_unpaid_order_is_closed_once(client: WeChatPay) -> None:
    create(client)
    client.order.close("V2-0001")

    assert client.order.query(out_trade_no="V2-0001")["trade_state"] == "CLOSED"
    with pytest.raises(WeChatPayException, match="ORDERCLOSED"):
        client.order.close("V2-0001")
    with pytest.raises(WeChatPayException, match="ORDERNOTEXIST"):
        client.order.query(out_trade_no="V2-NEVER")


def test_a_refund_is_accepted_and_later_succeeds(client: WeChatPay, platform: Simulator, clock: Any, shop: Any) -> None:
    create(client)
    platform.control("pay", {"account": "classic", "out_trade_no": "V2-0001"})

    accepted = client.refund.apply(8800, 800, "R-1", out_trade_no="V2-0001")
    before = client.refund.query(out_refund_no="R-1")["refund_status_0"]
    clock.time += 6
    heard = shop.wait_for(2)[-1]

    assert accepted["refund_id"].startswith("5030")
    assert (before, client.refund.query(out_refund_no="R-1")["refund_status_0"]) == ("PROCESSING", "SUCCESS")
    told = client.parse_refund_notify_result(heard.body)
    assert (told["refund_status"], told["out_refund_no"], told["refund_fee"]) == ("SUCCESS", "R-1", 800)


def test_the_same_refund_number_with_another_amount_is_a_mismatch(client: WeChatPay, platform: Simulator) -> None:
    create(client)
    platform.control("pay", {"account": "classic", "out_trade_no": "V2-0001", "notify": False})
    client.refund.apply(8800, 800, "R-1", out_trade_no="V2-0001")

    with pytest.raises(WeChatPayException, match="REFUND_FEE_MISMATCH"):
        client.refund.apply(8800, 801, "R-1", out_trade_no="V2-0001")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sign": "0" * 64}, "签名错误"),
        ({"sign_type": "SHA1"}, "sign_type参数错误"),
        ({"mch_id": "1900000999"}, "mch_id参数错误"),
        ({"appid": "wx0000000000000000"}, "appid与mch_id不匹配"),
        ({"nonce_str": ""}, "缺少参数nonce_str"),
        ({"total_fee": "1.0"}, "total_fee参数格式错误"),
        ({"total_fee": "1e2"}, "total_fee参数格式错误"),
        ({"total_fee": "0"}, "total_fee参数格式错误"),
        ({"out_trade_no": "short"}, "out_trade_no参数格式错误"),
        ({"body": "字" * 43}, "body参数格式错误"),
        ({"spbill_create_ip": "not an address"}, "spbill_create_ip参数格式错误"),
        ({"notify_url": NOTIFY + "?a=1"}, "notify_url参数格式错误"),
        ({"notify_url": "http://shop.example.com/"}, "notify_url参数格式错误"),
        ({"openid": ""}, "JSAPI支付必须传openid"),
        ({"trade_type": "NATIVE", "product_id": ""}, "NATIVE支付必须传product_id"),
        ({"trade_type": "MWEB", "scene_info": "{"}, "scene_info参数格式错误"),
        ({"fee_type": "USD"}, "fee_type参数格式错误"),
        ({"time_expire": "2026-11-22"}, "time_expire参数格式错误"),
        ({"time_expire": "20200101000000"}, "time_expire时间过短，刷卡至少1分钟，其他5分钟"),
    ],
)
def test_what_the_platform_would_not_take_fails_without_a_signature(
    platform: Simulator, accounts: dict[str, Any], changes: dict[str, str], word: str
) -> None:
    assert call(platform, accounts["classic"], "/pay/unifiedorder", changes) == {
        "return_code": "FAIL",
        "return_msg": word,
    }


@pytest.mark.parametrize(
    ("method", "body", "word"),
    [
        ("GET", b"", "REQUIRE_POST_METHOD"),
        ("POST", b"", "POST_DATA_EMPTY"),
        ("POST", "<xml><a>字</a></xml>".encode("gbk"), "NOT_UTF8"),
        ("POST", b"<xml><a>1</a>", "XML_FORMAT_ERROR"),
        ("POST", b"<xml><a>1</a><a>2</a></xml>", "XML_FORMAT_ERROR"),
        ("POST", b"<!DOCTYPE xml><xml><a>1</a></xml>", "XML_FORMAT_ERROR"),
    ],
)
def test_what_is_not_a_flat_document_is_refused(platform: Simulator, method: str, body: bytes, word: str) -> None:
    answer = xmltodict.parse(platform.handle(method, "/pay/unifiedorder", "", {}, body)[2])["xml"]

    assert answer == {"return_code": "FAIL", "return_msg": word}


def test_answers_are_signed_with_the_algorithm_of_the_request(platform: Simulator, accounts: dict[str, Any]) -> None:
    answer = call(platform, accounts["classic"], "/pay/unifiedorder", {})
    signature = answer.pop("sign")

    assert signature == calculate_signature_hmac(answer, accounts["classic"]["api_v2_keys"][0])
