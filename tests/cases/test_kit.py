"""Every public name of the kit works: cases that nobody here has seen stand on them."""

import inspect
import json

import pytest

from countersign.runtime import platform_http
from tests.cases import kit

OPENID = "oDemoPayer000000000000000001"
PAID_AT = "2026-11-22T14:27:20+08:00"

# The kit's names are frozen: a name may be added, but none may go or mean something else.
MODULES = {"base64", "contextlib", "hashlib", "hmac", "importlib", "io", "json", "os", "sys", "tempfile", "time"}
TOOLS = {
    "AESGCM", "Cipher", "Path", "SimpleNamespace", "algorithms", "hashes", "modes", "padding", "serialization",
    "urlsplit",
}  # fmt: skip
VALUES = {"BASE", "DYBASE", "KEYS", "NOW", "ROOT", "VECTORS"}
SIGNATURES = {
    "shop_document": "(**changes)",
    "douyin_document": "(**changes)",
    "private": "(pem)",
    "seal_v3": "(resource, key, aad='transaction', nonce='c9EKOeyGOZab', original_type='transaction')",
    "sign_v3": "(body, at, key=None, nonce='YbGh7l7i5gxExeE8')",
    "notice_v3": "(resource, event_type, at, document, *, original_type='transaction', aad='transaction', "
    "id='5f0a1c2e-3b4d-5e6f-8a9b-0c1d2e3f4a5b', summary='支付成功')",
    "sign_v2": "(fields, key, sign_type='MD5')",
    "xml": "(fields, root='xml', plain=())",
    "notice_v2": "(fields, document, **how)",
    "seal_req_info": "(inner, key)",
    "push_request": "(message, document, at, *, as_xml=False, nonce='1320562132')",
    "ecpay": "(message, kind, document, at, *, nonce='4711', token=None)",
    "trade": "(message, kind, at, *, nonce='Fieldnonce01')",
    "world": "(now=1795328845, extra_wechat=None, extra_douyin=None)",
    "World": "(clock, adapter, dywire, shown)",
    "Scripted": "(adapter)",
}
METHODS = {
    "account": "(self, platform, name, document)",
    "invoke": "(self, function, event, **how)",
    "http": "(self, function, method, route, parameters, body=None, headers=None, query=None, claims=None)",
    "notify": "(self, account, body, headers)",
    "push": "(self, account, body, query, headers)",
    "callback": "(self, account, body, headers)",
    "create": "(self, account, body, headers=None, platform='wechat')",
    "open": "(self, platform, account, order_id, minor, *, system='v3', method='jsapi', at=None, appid='', tenant='', "
    "**terms)",
    "order": "(self, platform, account, order_id)",
    "api": "(self, method, tail, platform, account, order_id, body=None, headers=None, claims=None, **more)",
    "exceptions": "(self)",
    "run": "(self, function, seconds=0, event=None)",
    "refund": "(self, platform, account, order_id, minor=None, reason='', key=None)",
    "approve": "(self, platform, account, order_id, refund_id)",
}
MEMBERS = {"clock", "wechat", "dy", "shown", "conftest", "cloud", "store", "documents", "now"}


def test_no_public_name_is_missing_and_each_is_called_as_ever(world):
    assert MODULES | TOOLS | VALUES | SIGNATURES.keys() <= set(kit.__all__)
    assert all(hasattr(kit, name) for name in kit.__all__)
    assert {name: str(inspect.signature(getattr(kit, name))) for name in SIGNATURES} == SIGNATURES
    assert {name: str(inspect.signature(getattr(kit.World, name))) for name in METHODS} == METHODS
    assert all(hasattr(world, name) for name in MEMBERS)
    assert (world.now, kit.NOW) == (1795328845, 1795328845)
    assert (kit.BASE, kit.DYBASE) == ("http://127.0.0.1:1/wechat", "http://127.0.0.1:1/douyin")
    assert kit.VECTORS["throwaway_platform_private_keys"] is kit.KEYS
    assert (kit.ROOT / "template.yaml").exists()
    assert {"shop", "classic"} <= world.documents.keys()
    adapter = object()
    assert (kit.Scripted(adapter).adapter, kit.Scripted(adapter).hook) == (adapter, None)


def test_a_change_to_none_leaves_a_field_out_of_a_document():
    assert kit.shop_document(mchid="1", push=None).keys() == kit.shop_document().keys() - {"push"}
    assert kit.shop_document(mchid="1")["mchid"] == "1"
    assert kit.douyin_document(app_secret=None).keys() == kit.douyin_document().keys() - {"app_secret"}


def transaction(document, order_id, **changes):
    return {
        "appid": document["appid"],
        "mchid": document["mchid"],
        "out_trade_no": order_id,
        "transaction_id": f"4200{order_id}",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": PAID_AT,
        "payer": {"openid": OPENID},
        "amount": {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"},
        **changes,
    }


def told(world, platform, account, order_id):
    status, order = world.order(platform, account, order_id)
    assert status == 200, order
    return order["status"], (order.get("paid") or {}).get("minor"), (order.get("refunded") or {}).get("minor")


def test_a_payment_is_created_paid_polled_and_refunded_by_two_people(world):
    asked = {"order_id": "KIT-0001", "amount": {"minor": 8800, "currency": "CNY"}, "description": "奶茶"}
    made = world.create("shop", {**asked, "payer": {"openid": OPENID}})
    assert made["statusCode"] == 201, made["body"]
    paid = {"account": "shop", "out_trade_no": "KIT-0001", "notify": False}
    assert world.wechat.simulator.control("pay", paid)[0] == 200
    world.run("wechat_poll", 11)
    assert told(world, "wechat", "shop", "KIT-0001")[:2] == ("paid", 8800)
    assert any("KIT-0001" in path for path in world.wechat.sent)

    status, refund = world.refund("wechat", "shop", "KIT-0001", 800, reason="too sweet", key="once")
    assert (status, world.refund("wechat", "shop", "KIT-0001", 800, reason="too sweet", key="once")[1]) == (201, refund)
    assert world.approve("wechat", "shop", "KIT-0001", refund["refund_id"])[0] == 200
    world.run("wechat_refund", 1)
    settled = {"account": "shop", "out_refund_no": refund["refund_id"], "notify": False}
    assert world.wechat.simulator.control("settle", settled)[0] == 200
    world.run("wechat_refund", 3600)
    assert told(world, "wechat", "shop", "KIT-0001") == ("partially_refunded", 8800, 800)


def test_a_v3_notice_pays_an_order_that_was_opened_before(world):
    document = world.documents["shop"]
    key = world.open("wechat", "shop", "KIT-0003", 8800, appid=document["appid"], tenant=document["mchid"])
    assert key.order_id == "KIT-0003"
    assert told(world, "wechat", "shop", "KIT-0003")[0] == "pending"
    body, headers = kit.notice_v3(transaction(document, "KIT-0003"), "TRANSACTION.SUCCESS", kit.NOW, document)

    assert world.notify("shop", body + b" ", headers)["statusCode"] == 401
    assert world.notify("shop", body, headers)["statusCode"] == 204
    assert told(world, "wechat", "shop", "KIT-0003")[:2] == ("paid", 8800)
    kit.private(kit.KEYS["wechatpay_public_key"]["private_pem"]).public_key().verify(
        kit.base64.b64decode(headers["wechatpay-signature"]),
        f"{kit.NOW}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n",
        kit.padding.PKCS1v15(),
        kit.hashes.SHA256(),
    )


def test_v2_notices_pay_an_order_and_tell_of_its_refund(world):
    document = world.documents["classic"]
    world.open("wechat", "classic", "KIT-0002", 8800, system="v2", appid=document["appid"], tenant=document["mchid"])
    fields = {
        "appid": document["appid"],
        "mch_id": document["mchid"],
        "nonce_str": "a1",
        "out_trade_no": "KIT-0002",
        "transaction_id": "4200000002",
        "result_code": "SUCCESS",
        "return_code": "SUCCESS",
        "total_fee": "8800",
        "cash_fee": "8800",
        "fee_type": "CNY",
        "trade_type": "JSAPI",
        "openid": OPENID,
        "time_end": "20261122142720",
    }
    body, headers = kit.notice_v2(fields, document, plain=("total_fee",))
    assert b"<total_fee>8800</total_fee>" in body

    assert world.notify("classic", body.replace(b"8800", b"8801", 1), headers)["statusCode"] == 401
    assert world.notify("classic", body, headers)["statusCode"] == 200
    assert told(world, "wechat", "classic", "KIT-0002")[:2] == ("paid", 8800)

    refund = {"out_trade_no": "KIT-0002", "transaction_id": "4200000002", "out_refund_no": "R1", "refund_id": "5030"}
    refund |= {"total_fee": "8800", "refund_fee": "800", "settlement_refund_fee": "800", "refund_status": "SUCCESS"}
    inner = kit.xml({**refund, "success_time": "2026-11-22 14:27:24"}, root="root")
    sealed = kit.seal_req_info(inner, document["api_v2_keys"][0])
    ours = {"return_code": "SUCCESS", "appid": document["appid"], "mch_id": document["mchid"]}
    outer = {**ours, "nonce_str": "a2", "req_info": sealed}
    assert world.notify("classic", kit.xml(outer), {"content-type": "text/xml"})["statusCode"] == 200


@pytest.mark.parametrize("as_xml", [False, True])
def test_a_push_in_secure_mode_is_read_in_either_format(world, as_xml):
    world.account("wechat", "pushed", {**kit.shop_document(), "api_base": kit.BASE})
    event = {"ToUserName": "gh_1", "FromUserName": OPENID, "CreateTime": kit.NOW, "MsgType": "event", "Event": "kit"}
    message = kit.xml(event).decode() if as_xml else event
    body, query, headers = kit.push_request(message, kit.shop_document(), kit.NOW, as_xml=as_xml)

    assert world.push("pushed", body, {**query, "msg_signature": "0" * 40}, headers)["statusCode"] == 401
    assert world.push("pushed", body, query, headers)["body"] == "success"


def test_douyins_callbacks_of_both_systems_pay_their_orders(world):
    document = kit.douyin_document()
    world.open("douyin", "app", "KIT-0004", 8800, system="ecpay", tenant=document["app_id"], closable=False)
    message = {
        "appid": document["app_id"],
        "cp_orderno": "KIT-0004",
        "way": "1",
        "channel_no": "4200",
        "status": "SUCCESS",
        "total_amount": 8800,
        "paid_at": kit.NOW - 5,
        "order_id": "7000000000000000004",
    }
    body, headers = kit.ecpay(message, "payment", document, kit.NOW)
    assert world.callback("app", body.replace(b"8800", b"8801"), headers)["statusCode"] == 401
    assert world.callback("app", body, headers)["statusCode"] == 200
    assert told(world, "douyin", "app", "KIT-0004")[:2] == ("paid", 8800)
    assert world.callback("app", *kit.ecpay(message, "payment", document, kit.NOW, token="wrong"))["statusCode"] == 401

    key = world.open("douyin", "app", "KIT-0005", 8800, system="trade", tenant=document["app_id"], closable=False)
    message = {
        "app_id": document["app_id"],
        "out_order_no": "KIT-0005",
        "order_id": "7000000000000000005",
        "status": "SUCCESS",
        "total_amount": 8800,
        "event_time": (kit.NOW - 5) * 1000,
    }
    body, headers = kit.trade(message, "payment", kit.NOW)
    assert world.callback("app", body + b" ", headers)["statusCode"] == 401
    assert world.callback("app", body, headers)["statusCode"] == 200
    assert (world.store.get(key).status, told(world, "douyin", "app", "KIT-0005")[0]) == ("paid", "paid")


def test_somebody_may_answer_before_the_simulator_and_what_is_kept_can_be_seen(world):
    seen = []

    def hook(method, path, query, body):
        seen.append((method, path))
        return (500, {"content-type": "application/json"}, b"{}") if path.startswith("/v3/pay/") else None

    world.wechat.hook = hook
    asked = {"order_id": "KIT-0006", "amount": {"minor": 1, "currency": "CNY"}, "description": "tea"}
    assert world.create("shop", {**asked, "payer": {"openid": OPENID}})["statusCode"] >= 500
    assert ("POST", "/v3/pay/transactions/jsapi") in seen


def test_news_that_cannot_be_read_is_among_the_exceptions_and_http_reaches_any_route(world):
    document = world.documents["shop"]
    unreadable = transaction(document, "KIT-0007", amount={"total": "88 yuan"})
    body, headers = kit.notice_v3(unreadable, "TRANSACTION.SUCCESS", world.now, document)
    assert world.notify("shop", body, headers)["statusCode"] == 204
    [(kind, _, reason)] = world.exceptions()
    assert kind == "quarantine" and reason

    answer = world.http("orders_api", "GET", "/orders", {}, query={"account": "wechat/shop"})
    assert (answer["statusCode"], json.loads(answer["body"])["orders"]) == (200, [])
    assert world.api("GET", "/explanation", "wechat", "shop", "NOBODYS")[0] == 404


def test_nothing_of_a_world_stays_behind():
    before = dict(kit.os.environ)
    with kit.world(extra_wechat={"third": kit.shop_document(mchid="1900000999")}) as made:
        assert made.documents["third"]["mchid"] == "1900000999"
    assert dict(kit.os.environ) == before
    assert not {kit.BASE, kit.DYBASE} & set(platform_http.session().adapters)
