"""The merchant API reads what callers send as strictly as callbacks are read, and keeps to the platforms' limits."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import MalformedError
from countersign.store import dynamo
from countersign.store.cursors import read_cursor, write_cursor
from tests.functions.conftest import Bus, Cloud, http_event
from tests.functions.test_create_payment import create, pay
from tests.functions.test_orders_api import ORDER, call

AMOUNT = '"currency":"CNY"'


@pytest.fixture
def paid(cloud: Cloud) -> Cloud:
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    return cloud


def ask_for_refund(cloud: Cloud, body: bytes) -> tuple[int, Any]:
    encoded = base64.b64encode(body).decode()
    status, answer = call(cloud, "POST", f"{ORDER}/refunds", body=encoded, isBase64Encoded=True)
    return status, answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"amount":{"minor":1,"minor":900,"currency":"CNY"}}', 400),
        (b'{"reason":"a","reason":"b"}', 400),
        (b"[" * 5000, 400),
        (b'{"amount":' * 40 + b"1" + b"}" * 40, 400),
        (b'{"amount":{"minor":' + b"9" * 5000 + b"," + AMOUNT.encode() + b"}}", 400),
        (b'{"amount":{"minor":1e400,"currency":"CNY"}}', 400),
        (b'{"amount":{"minor":NaN,"currency":"CNY"}}', 400),
        (b'{"reason":"\xff"}', 400),
        (b'\xef\xbb\xbf{"reason":"a"}', 400),
        (b'{"reason":"\\ud800"}', 400),
        (b'{"reason":"a\\u0000"}', 400),
        (b'{"reason":"a\\u0001"}', 400),
        (b'{"reason":"a\\nb"}', 400),
        (b'{"reason":"a\\u0085b"}', 400),
        (b'{"reason":"a\\u2028b"}', 400),
        (b'{"reason":"a\\uffffb"}', 400),
        (b'{"reason":"' + b"x" * 70_000 + b'"}', 413),
    ],
)
def test_C6_C8_a_body_that_two_readers_could_read_apart_is_refused_and_nothing_is_written(paid, body, status):
    before = paid.table()

    assert ask_for_refund(paid, body)[0] == status
    assert paid.table() == before


def test_the_harmless_twin_of_each_is_taken(paid):
    status, answer = ask_for_refund(paid, '{"amount":{"minor":1,"currency":"CNY"},"reason":"漏发 \\u0041"}'.encode())

    assert (status, answer["amount"]["minor"], answer["reason"]) == (201, 1, "漏发 A")


@pytest.mark.parametrize("route", [f"{ORDER}/refunds", f"{ORDER}/shipments", f"{ORDER}/settlements"])
@pytest.mark.parametrize("body", ["%%%", "e30", "e30=\n=", "e\u00e930="])
def test_a_body_that_is_no_base64_is_400_on_every_route(cloud, route, body):
    assert call(cloud, "POST", route, body=body, isBase64Encoded=True)[0] == 400


def test_a_compressed_body_is_415(cloud):
    assert call(cloud, "POST", f"{ORDER}/refunds", body="{}", headers={"content-encoding": "gzip"})[0] == 415


@pytest.mark.parametrize("query", ["account=wechat%2Fshop&account=wechat%2Fother", "cursor=&cursor=", "a=%ff"])
def test_a_query_that_names_a_parameter_twice_or_is_no_text_is_400(cloud, query):
    members = {"rawQueryString": query, "queryStringParameters": {"account": "wechat/shop"}}

    assert call(cloud, "GET", "/orders", **members)[0] == 400


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (f"{ORDER}/refunds", {"reason": "leaked\u0001"}),
        (f"{ORDER}/shipments", {"carrier": "SF\u0000", "tracking_no": "1"}),
        (f"{ORDER}/shipments", {"carrier": "SF", "tracking_no": "1\u0007"}),
        (f"{ORDER}/shipments", {"carrier": "SF", "tracking_no": "1", "description": "a\u000bb"}),
        (f"{ORDER}/shipments", {"parcels": [{"carrier": "SF", "tracking_no": "1\u009f"}]}),
        (f"{ORDER}/review/x/resolve", {"decision": "dismiss", "note": "a\u0000"}),
        (f"{ORDER}/refunds/x/resolve", {"outcome": "given_up", "note": "a\u0000"}),
    ],
)
def test_a_control_character_is_refused_when_it_is_given_wherever_a_person_can_write(paid, route, body):
    parameters = {"review_id": "x", "refund_id": "x"}
    route = route.replace("/review/x/", "/review/{review_id}/").replace("/refunds/x/", "/refunds/{refund_id}/")

    assert call(paid, "POST", route, body=json.dumps(body), parameters=parameters)[0] == 400


def test_a_note_may_have_several_lines(paid):
    body = json.dumps({"decision": "dismiss", "note": "first\nsecond"})

    # 404: the note was read, and there is no such question.
    route = f"{ORDER}/review/{{review_id}}/resolve"
    assert call(paid, "POST", route, body=body, parameters={"review_id": "x"})[0] == 404


# Cursors


def crafted(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        crafted(b"5"),
        crafted(b"null"),
        crafted(b'"x"'),
        crafted(b"{}"),
        crafted(b"[]"),
        crafted(b'[1,"x",2]'),
        crafted(b'[true,"x"]'),
        crafted(b'[-1,"x"]'),
        crafted(b'[1.5,"x"]'),
        crafted(b"[1" + b"0" * 300 + b',"x"]'),
        crafted(b'[9007199254740993,"x"]'),
        crafted(b'[1,"\\ud800"]'),
        crafted(b"[" * 200),
        crafted(b'[1,"\xff"]'),
        "é",
        "%00",
        "!!!!",
        "a",
    ],
)
@pytest.mark.parametrize("route", ["/orders", "/refunds"])
def test_a_crafted_cursor_is_400(cloud, route, cursor):
    status, answer = call(cloud, "GET", route, queryStringParameters={"account": "wechat/shop", "cursor": cursor})

    assert status == 400
    assert "cursor" in answer["detail"]


@given(st.binary(max_size=64))
def test_no_text_makes_reading_a_cursor_fail_in_another_way(content):
    for cursor in (crafted(content), content.decode("latin-1")):
        try:
            at, name = read_cursor(cursor)
        except MalformedError:
            continue
        assert read_cursor(write_cursor((at, name))) == (at, name)


@given(st.integers(0, 2**53), st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
def test_a_cursor_of_ours_is_read_as_it_was_written(at, name):
    assert read_cursor(write_cursor((at, name))) == (at, name)


@pytest.mark.parametrize(
    "where",
    [
        {"pathParameters": {"platform": "wechat", "account": "shop", "order_id": "\ud800"}},
        {"queryStringParameters": {"status": "\udfff"}},
    ],
)
def test_a_parameter_that_is_no_text_is_a_mistake_of_the_callers(paid, where):
    names = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}

    assert paid.invoke("orders_api", http_event("GET", ORDER, names))["statusCode"] == 200
    assert paid.invoke("orders_api", {**http_event("GET", ORDER, names), **where})["statusCode"] == 400


FORMS = (
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "Multipart/Form-Data",
)


LONG = "单" * 128  # a character of Chinese is nine in a key
BESIDE = base64.urlsafe_b64encode(json.dumps(["wechat#shop#1", "x" * 1100]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("method", "route", "names"),
    [
        ("GET", "/orders/{platform}/{account}/{order_id}", {"order_id": LONG, "account": LONG}),
        ("POST", "/orders/{platform}/{account}/{order_id}/refresh", {"order_id": LONG, "account": LONG}),
        ("POST", "/orders/{platform}/{account}/{order_id}/refunds/{refund_id}/approve", {"refund_id": LONG}),
        ("POST", "/exceptions/{exception_id}/dismiss", {"exception_id": BESIDE}),
    ],
)
def test_a_name_that_no_key_can_hold_is_of_nothing_there_is(paid, monkeypatch, method, route, names):
    asked: list[tuple[int, int]] = []
    sent = dynamo.call

    def watched(operation: Any, **arguments: Any) -> Any:
        for table in arguments.get("RequestItems", {}).values():
            asked.extend((len(key["pk"]["S"]), len(key["sk"]["S"])) for key in table["Keys"])
        partition = arguments.get("ExpressionAttributeValues", {}).get(":pk", {"S": ""})
        asked.append((len(partition["S"]), 0))
        return sent(operation, **arguments)

    monkeypatch.setattr(dynamo, "call", watched)
    known = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    body = json.dumps({"note": "seen"}) if "dismiss" in route else ""

    event = http_event(method, route, {**known, **names}, body=body)

    assert paid.invoke("merchant_api", event)["statusCode"] == 404
    assert all(pk <= 2048 and sk <= 1024 for pk, sk in asked)


@pytest.mark.parametrize("content_type", [*FORMS, "multipart/form-data-x"])
def test_a_form_is_refused_before_the_router_reads_it(paid, content_type):
    names = {"platform": "wechat", "account": "shop", "order_id": "ORDER-0001"}
    asked = {"body": '{"reason": "leaked"}', "headers": {"content-type": content_type}}

    answer = paid.invoke("merchant_api", http_event("POST", f"{ORDER}/refunds", names, **asked))

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (415, "body_is_json")


# Refresh


@pytest.fixture
def bus(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Bus:
    fake = Bus()
    monkeypatch.setattr(cloud.module("decisions_api"), "events", fake)
    return fake


def refresh(cloud: Cloud, order_id: str = "ORDER-0001") -> Any:
    parameters = {"platform": "wechat", "account": "shop", "order_id": order_id}
    return cloud.invoke("merchant_api", http_event("POST", f"{ORDER}/refresh", parameters))


def test_a_refresh_wakes_the_poll_of_the_platform_by_the_bus(cloud, bus):
    create(cloud)
    pay(cloud)
    assert refresh(cloud)["statusCode"] == 202
    entry = bus.entries[0]
    assert (entry["Source"], entry["EventBusName"]) == ("countersign.work", "countersign-test")

    cloud.invoke("wechat_poll", {"source": entry["Source"], "detail": json.loads(entry["Detail"])})

    assert call(cloud, "GET", ORDER)[1]["status"] == "paid"


def test_an_entry_that_the_bus_lost_costs_a_minute(cloud, bus):
    bus.failed = 1
    create(cloud)
    pay(cloud)
    assert refresh(cloud)["statusCode"] == 202

    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    assert call(cloud, "GET", ORDER)[1]["status"] == "paid"


def test_the_same_order_again_within_ten_seconds_is_202_and_asks_nothing(cloud, bus):
    create(cloud)

    answers = [refresh(cloud)["statusCode"] for _ in range(40)]

    assert answers == [202] * 40
    assert len(bus.entries) == 1
    cloud.clock.shift(10)
    assert refresh(cloud)["statusCode"] == 202
    assert len(bus.entries) == 2


def test_above_sixty_in_a_minute_an_account_is_told_to_come_later(cloud, bus):
    for number in range(61):
        create(cloud, order_id=f"ORDER-{number:04d}")

    answers = [refresh(cloud, f"ORDER-{number:04d}") for number in range(61)]

    assert [answer["statusCode"] for answer in answers] == [202] * 60 + [429]
    assert int(answers[-1]["headers"]["retry-after"]) > 0
    cloud.clock.shift(60)
    assert refresh(cloud, "ORDER-0060")["statusCode"] == 202
