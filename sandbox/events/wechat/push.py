"""What mini programs and mini stores push, and the check of the URL that comes before."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from sandbox.events import shapes
from sandbox.events.shared import Case, Event
from sandbox.events.wechat.maker import OPENID, Maker, number, transaction_id
from sandbox.simulators.wechat import pushes

PUSH = "/wechat/{account}/push"
STORE_ORDER = 3705115058471208928
LEGACY = (
    "<xml>\n<ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\n<CreateTime>{at}</CreateTime>\n"
    "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[merchant_order]]></Event>\n"
    "<OrderId><![CDATA[test_order_id]]></OrderId>\n<OrderStatus>2</OrderStatus>\n</xml>"
)


def _message(maker: Maker, event: str, **fields: Any) -> dict[str, Any]:
    head = {"ToUserName": "gh_0123456789ab", "FromUserName": OPENID, "CreateTime": maker.now - 2}
    return {**head, "MsgType": "event", "Event": event, **fields}


def _store(maker: Maker, event: str, **info: Any) -> dict[str, Any]:
    return _message(maker, f"channels_ec_order_{event}", order_info={"order_id": STORE_ORDER, **info})


def _managed(maker: Maker, event: str, **fields: Any) -> dict[str, Any]:
    payment = {
        "transaction_id": transaction_id("paid-v3"),
        "merchant_id": maker.documents["shop"]["mchid"],
        "sub_merchant_id": "",
        "merchant_trade_no": number("paid-v3"),
        "pay_time": maker.now - 20,
    }
    return _message(maker, f"trade_manage_{event}", **payment, **fields)


def _query(maker: Maker, case: str, token: str, *parts: str, age: int = 0) -> dict[str, str]:
    timestamp, nonce = str(maker.now - age), str(int(maker.text(case, 8).encode().hex(), 16))[:10]
    signed = {"signature": pushes.signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    if parts:
        signed["encrypt_type"] = "aes"
        signed["msg_signature"] = pushes.signature(token, timestamp, nonce, *parts)
    return signed


def _sealed(
    maker: Maker,
    case: str,
    message: dict[str, Any] | str,
    *,
    app: str = "",
    age: int = 0,
    appid: str = "",
    aes_key: str = "",
    form: str = "json",
    swap: tuple[str, str] = ("", ""),
) -> Event:
    """Return a push of secure mode, to the mini program or the mini `store`; `swap` changes it after signing."""
    owner = maker.documents["shop"]["store"] if app == "store" else maker.documents["shop"]
    push = owner["push"]
    content = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    random = maker.text(f"{case} random", 16).encode()
    text = pushes.seal(content.encode(), aes_key or push["encoding_aes_keys"][0], appid or owner["appid"], random)
    query = _query(maker, case, push["token"], text, age=age) | {"openid": OPENID}
    sent = text.replace(*swap, 1) if swap[0] else text
    if form == "xml":
        body = f"<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{sent}]]></Encrypt></xml>"
    else:
        body = json.dumps({"ToUserName": "gh_0123456789ab", "Encrypt": sent}, separators=(",", ":"))
    return _post(maker, "shop", query, body, form)


def _plain(maker: Maker, case: str, account: str, message: dict[str, Any]) -> Event:
    query = _query(maker, case, maker.documents[account]["push"]["token"]) | {"openid": OPENID}
    return _post(maker, account, query, json.dumps(message, ensure_ascii=False, separators=(",", ":")), "json")


def _post(maker: Maker, account: str, query: dict[str, str], body: str, form: str) -> Event:
    headers = {"Content-Type": "text/xml" if form == "xml" else "application/json", "User-Agent": "Mozilla/4.0"}
    parameters = {"account": account}
    return shapes.http(
        f"POST {PUSH}", maker.now, parameters=parameters, query=urlencode(query), headers=headers, body=body
    )


def _check(maker: Maker, case: str, token: str) -> Event:
    query = urlencode(_query(maker, case, token) | {"echostr": "4375120948345356249"})
    return shapes.http(f"GET {PUSH}", maker.now, parameters={"account": "shop"}, query=query)


def cases(maker: Maker) -> dict[str, Case]:
    """Return the pushes' cases."""
    token = maker.documents["shop"]["push"]["token"]
    paid, after = maker.order("paid-v3"), ("wechat_notify.paid-v3",)
    hint = maker.order("push-hint", account="classic")
    new = _store(maker, "new")
    settled = {"confirm_receive_method": 1, "confirm_receive_time": maker.now - 9, "settlement_time": maker.now - 3}
    tampered = _sealed(maker, "tampered", new)["body"].split('"Encrypt":"')[1][:4]
    owner = {"merchant_id": maker.documents["classic"]["mchid"], "merchant_trade_no": number("push-hint")}
    hinted = _managed(maker, "remind_shipping") | owner
    made = {
        "url-check": Case(_check(maker, "url-check", token), 200, "the check of the URL, echoed"),
        "url-check-forged": Case(
            _check(maker, "url-check-forged", "another token"), 401, "the check of somebody who has no token",
        ),
        "store-paid": Case(
            _sealed(maker, "store-paid", _store(maker, "pay", pay_time=maker.now - 3), app="store"), 200,
            "an order of the mini store was paid: kept, and the store is asked",
        ),
        "merchant-order-xml": Case(
            _sealed(maker, "merchant-order-xml", LEGACY.format(at=maker.now - 2), form="xml"), 200,
            "an event of the discontinued mini store, in XML",
        ),
        "remind-shipping": Case(
            _sealed(maker, "remind-shipping", _managed(maker, "remind_shipping", msg="请尽快发货")), 200,
            "WeChat urges to ship: the bus tells it", paid, "paid", after=after,
        ),
        "settlement": Case(
            _sealed(maker, "settlement", _managed(maker, "order_settlement", **settled)), 200,
            "the money is the merchant's: evidence on the order", paid, "paid", after=after,
        ),
        "access-api": Case(
            _sealed(maker, "access-api", _message(maker, "trade_manage_remind_access_api", msg="请接入")), 200,
            "about no order: kept among the exceptions",
        ),
        "customer-message": Case(
            _sealed(maker, "customer-message", _message(maker, "") | {"MsgType": "text", "Content": "你好"}), 200,
            "what a person writes to the shop is not kept",
        ),
        "plain-hint": Case(
            _plain(maker, "plain-hint", "classic", hinted), 200,
            "nothing signs it: WeChat is asked about the order", hint, "pending",
        ),
        "plain-where-sealed": Case(_plain(maker, "plain-where-sealed", "shop", new), 401, "not sealed as it should be"),
        "tampered": Case(
            _sealed(maker, "tampered", new, swap=(tampered, tampered.swapcase())), 401,
            "some letters differ from what was signed",
        ),
        "other-app": Case(
            _sealed(maker, "other-app", new, appid="wx9999999999999999"), 401, "sealed for another app",
        ),
        "other-key": Case(
            _sealed(maker, "other-key", new, aes_key="Y2hhbmdlZEtleUNoYW5nZWRLZXlDaGFuZ2VkS2V5MTI"), 401,
            "genuine, but sealed with a key that is not configured",
        ),
        "stale": Case(_sealed(maker, "stale", new, age=4 * 3600 + 1), 401, "signed more than four hours ago"),
        "duplicate-json-key": Case(
            _sealed(maker, "duplicate-json-key", '{"MsgType":"event","MsgType":"text"}'), 400,
            "sealed, but one name twice in the JSON",
        ),
    }  # fmt: skip
    return {f"wechat_push.{name}": case for name, case in made.items()}
