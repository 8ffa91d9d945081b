"""What is refused, with which status, and that nothing at all is written for it."""

import base64
import gzip
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import INDEX, NOON, Json, Shop, sample

NOTICES = sorted(name for name in INDEX if name.startswith("wechat_notify."))
GENUINE = "wechat_notify.paid-v3.json"
SIGNED_HEADERS = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial")


def create_for(shop: Shop, name: str) -> None:
    """Create the order that a sample event is about, after the events that come before it."""
    order = INDEX[name].get("order")
    if order:
        assert shop.create(order["order_id"], order["account"], order["minor"]).status in (200, 201, 409)
    for earlier in INDEX[name].get("after", []):
        create_for(shop, earlier)
        assert shop.send(sample(earlier)).status == INDEX[earlier]["status"]


@pytest.mark.parametrize("name", NOTICES)
def test_each_sample_notice_over_http(shop: Shop, name: str) -> None:
    expected = INDEX[name]
    create_for(shop, name)
    before, asked = shop.tables(), shop.calls_of_wechat()

    answer = shop.send(sample(name))

    assert answer.status == expected["status"], answer.body
    assert shop.calls_of_wechat() == asked  # nothing on this path calls a platform
    if answer.status >= 400:
        assert shop.tables() == before
    if expected.get("becomes"):
        assert shop.order(expected["order"]["order_id"], expected["order"]["account"])["status"] == expected["becomes"]


# What the simulator signs with its own keys, spoilt in one way each.
@pytest.mark.parametrize(
    ("account", "spoil", "status"),
    [
        ("shop", "forge", 401),
        ("shop", "stale", 401),
        ("shop", "other_merchant", 401),
        ("shop", "signtest", 401),
        ("classic", "forge", 401),
        ("classic", "other_merchant", 401),
    ],
)
def test_a_spoilt_notice_of_a_waiting_order_is_refused(shop: Shop, account: str, spoil: str, status: int) -> None:
    order_id = f"{account}-{spoil}"
    shop.create(order_id, account)
    before, asked = shop.tables(), shop.calls_of_wechat()

    wanted = {"account": account, "out_trade_no": order_id, "spoil": spoil}
    told = shop.sandbox.control("POST", "/wechat/_control/notify", wanted)

    assert told["status"] == status
    assert shop.tables() == before
    assert shop.calls_of_wechat() == asked
    assert shop.order(order_id, account)["status"] == "pending"


@pytest.mark.parametrize("account", ["shop", "classic"])
@pytest.mark.parametrize(
    ("spoil", "parameters", "reason"),
    [
        ("wrong_amount", {"amount": 8801}, "amount_mismatch"),
        ("wrong_amount", {"amount": 880_000}, "amount_mismatch"),
        ("wrong_currency", {"currency": "USD"}, "currency_mismatch"),
    ],
)
def test_genuine_money_that_does_not_fit_is_kept_and_asked_about(
    shop: Shop, account: str, spoil: str, parameters: Json, reason: str, eventually: Callable[..., Any]
) -> None:
    order_id = f"{account}-{spoil}-{next(iter(parameters.values()))}"
    shop.create(order_id, account)

    wanted = {"account": account, "out_trade_no": order_id, "spoil": spoil, "parameters": parameters}
    told = shop.sandbox.control("POST", "/wechat/_control/notify", wanted)

    assert told["status"] == (204 if account == "shop" else 200)
    order = shop.order(order_id, account)
    assert order["status"] == "review"
    assert order["paid"] is None
    assert [question["reason"] for question in order["review"]] == [reason]
    assert [name.split(".review.")[0] for name in eventually(lambda: shop.bus(order_id))] == ["order"]
    rows = shop.sandbox.api("GET", "/exceptions", token=shop.token).json()["exceptions"]
    assert {"review"} == {row["kind"] for row in rows if row["order_id"] == order_id}


@pytest.mark.parametrize("account", ["shop", "classic"])
@pytest.mark.parametrize("amount", [1, 8799, 8801])
def test_b10_another_amount_really_paid_is_a_question(shop: Shop, account: str, amount: int) -> None:
    order_id = f"{account}-paid-{amount}"
    shop.create(order_id, account)

    trade = shop.pay(order_id, account, amount=amount)

    assert trade["deliveries"][0]["status"] in (200, 204)
    order = shop.order(order_id, account)
    assert (order["status"], order["paid"]) == ("review", None)
    assert [question["reason"] for question in order["review"]] == ["amount_mismatch"]


DOCTYPE = b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><return_code>&a;</return_code></xml>'
SPOILT: dict[str, tuple[Callable[[Json, bytes], tuple[Json, bytes]], int]] = {
    "body of 100 KB": (lambda headers, _: (headers, b"{" + b" " * 100_000 + b"}"), 413),
    "gzip": (lambda headers, body: ({**headers, "content-encoding": "gzip"}, gzip.compress(body)), 415),
    "empty body": (lambda headers, _: (headers, b""), 401),
    "one bit of the body": (lambda headers, body: (headers, body[:-1] + bytes([body[-1] ^ 1])), 401),
    "invalid UTF-8": (lambda headers, body: (headers, b"\xff\xfe" + body), 401),
    "signature of another body": (lambda headers, body: (headers, body.replace(b'"id":"', b'"id":"x')), 401),
    "signature is not base64": (lambda headers, body: ({**headers, "wechatpay-signature": "!!!"}, body), 401),
    "no headers at all": (lambda _, body: ({"content-type": "application/json"}, body), 401),
    **{
        f"without {name}": (
            lambda headers, body, name=name: ({key: headers[key] for key in headers if key != name}, body),
            401,
        )
        for name in SIGNED_HEADERS
    },
    **{
        f"timestamp {value!r}": (
            lambda headers, body, value=value: ({**headers, "wechatpay-timestamp": value}, body),
            401,
        )
        for value in (str(NOON - 301), str(NOON + 301), "nan", "inf", "-1", f"{NOON}.9", f"{NOON}000", "")
    },
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_request_is_refused_without_a_trace(shop: Shop, what: str) -> None:
    create_for(shop, GENUINE)
    spoil, status = SPOILT[what]
    event = sample(GENUINE)
    headers, body = spoil(
        {name: value for name, value in event["headers"].items() if name.startswith(("wechatpay", "content-type"))},
        event["body"].encode(),
    )
    before = shop.tables()

    answer = shop.sandbox.api("POST", "/wechat/shop/notify", body, headers)

    assert answer.status == status, answer.body
    assert shop.tables() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (DOCTYPE, 400),
        (b"<xml>" * 50_000, 413),
        (b"<xml>" + b"<a>" * 10_000 + b"</a>" * 100 + b"</xml>", 400),
        (b"<xml><a>1</a><a>2</a></xml>", 400),
        ("<?xml version='1.0' encoding='UTF-16'?><xml><a>1</a></xml>".encode("utf-16"), 400),
        (b"<xml><return_code>SUCCESS</return_code></xml>", 401),
        (b"not xml", 400),
    ],
)
def test_hostile_xml_is_refused_without_a_trace(shop: Shop, body: bytes, status: int) -> None:
    before = shop.tables()

    answer = shop.sandbox.api("POST", "/wechat/classic/notify", body, {"content-type": "text/xml"})

    assert answer.status == status
    assert b"<return_code><![CDATA[FAIL]]>" in answer.body
    assert shop.tables() == before


@pytest.mark.parametrize("account", ["nobody", "Shop", "shop%2Fx", "a" * 49, "..%2Fclassic", "shop%00"])
def test_unknown_accounts_are_not_found(shop: Shop, account: str) -> None:
    before = shop.tables()

    assert shop.sandbox.api("POST", f"/wechat/{account}/notify", b"{}", {}).status == 404
    assert shop.tables() == before


def test_b6_a_notice_sent_to_another_account_is_refused(shop: Shop) -> None:
    create_for(shop, GENUINE)
    event = sample(GENUINE)
    before = shop.tables()
    headers = {name: value for name, value in event["headers"].items() if name.startswith("wechatpay")}

    assert shop.sandbox.api("POST", "/wechat/classic/notify", event["body"].encode(), headers).status == 401
    assert shop.tables() == before


def test_f1_forgeries_between_genuine_notices_cost_nothing(shop: Shop) -> None:
    genuine, forged = 100, 1000
    event = sample(GENUINE)
    plain = {name: value for name, value in event["headers"].items() if name.startswith(("wechatpay", "content-type"))}
    shop.send(event)  # keys are loaded, the event is known: from here on it is a duplicate
    shop.tables()
    asked = shop.calls_of_wechat()
    shop.sandbox.control("POST", "/faults", {"record": True})

    def send(number: int) -> int:
        if number % 11 == 0:
            name = f"f1-genuine-{number}"
            wanted = {"account": "shop", "out_trade_no": name, "amount": 1}
            return int(shop.sandbox.control("POST", "/wechat/_control/notify", wanted)["status"])
        dice = random.Random(number)
        headers = {**plain, "wechatpay-nonce": f"{number:032d}"}
        headers["wechatpay-signature"] = base64.b64encode(dice.randbytes(256)).decode()
        return shop.sandbox.api("POST", "/wechat/shop/notify", event["body"].encode(), headers).status

    with ThreadPoolExecutor(8) as threads:
        statuses = Counter(threads.map(send, range(genuine + forged)))

    assert statuses == {204: genuine, 401: forged}
    made = [call for call in shop.sandbox.control("GET", "/calls") if call["function"] == "WechatNotify"]
    calls = Counter(call["call"] for call in made)
    # One read and one write for each genuine notice; each new environment reads the keys once, and marks the account's
    # name once, with the first genuine notice that it records.
    loaded, marked = calls.pop("secretsmanager.GetSecretValue", 0), calls.pop("dynamodb.PutItem", 0)
    assert marked <= loaded <= 8
    assert calls == {"dynamodb.BatchGetItem": genuine, "dynamodb.TransactWriteItems": genuine}
    assert shop.calls_of_wechat() == asked
