"""What a stranger, a machine's token or a slip of the pen can do: nothing that lasts. Each has a harmless twin."""

import base64
import json
from types import SimpleNamespace

import pytest

from countersign.runtime.caller import from_claims
from tests.cases import kit

ORDER = "FIELD-SEC01"
NAMES = {"platform": "wechat", "account": "classic", "order_id": ORDER}


@pytest.fixture
def order(world):
    """Return a paid order of the v2 account, 88.00."""
    document = world.documents["classic"]
    ours = {"appid": document["appid"], "mch_id": document["mchid"]}
    world.open("wechat", "classic", ORDER, 8800, system="v2", appid=ours["appid"], tenant=ours["mch_id"])
    amounts = {"total_fee": "8800", "cash_fee": "8800", "fee_type": "CNY"}
    words = {"return_code": "SUCCESS", "result_code": "SUCCESS", "trade_type": "JSAPI", "nonce_str": "n"}
    numbers = {"out_trade_no": ORDER, "transaction_id": "4200000001", "time_end": "20261122142720", "openid": "oField1"}
    body, headers = kit.notice_v2({**ours, **amounts, **words, **numbers}, document)
    assert world.notify("classic", body, headers)["statusCode"] == 200
    return ORDER


def refunds(world, body, **claims):
    route = "/orders/{platform}/{account}/{order_id}/refunds"
    answer = world.http("orders_api", "POST", route, NAMES, body, claims={"sub": "ben", **claims})
    return answer["statusCode"]


def test_made_up_names_never_keep_a_genuine_callback_out(world):
    document = world.documents["shop"]
    asked = {"order_id": "FIELD-SEC02", "amount": {"minor": 8800, "currency": "CNY"}, "description": "奶茶"}
    assert world.create("shop", {**asked, "payer": {"openid": "oField1"}})["statusCode"] == 201  # marks the name
    for number in range(31):
        last = world.notify(f"nobody-{number}", b"{}", {})
    assert last["statusCode"] == 429
    resource = {
        "appid": document["appid"],
        "mchid": document["mchid"],
        "out_trade_no": "FIELD-SEC02",
        "transaction_id": "4200000002",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "",
        "bank_type": "OTHERS",
        "success_time": "2026-11-22T14:27:20+08:00",
        "payer": {"openid": "oField1"},
        "amount": {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"},
    }

    answer = world.notify("shop", *kit.notice_v3(resource, "TRANSACTION.SUCCESS", kit.NOW, document))

    assert answer["statusCode"] == 204


@pytest.mark.parametrize("raw", [b"5", b"null", b"[1" + b"0" * 300 + b',"x"]', b"[" * 300, b'["a","b"]'])
@pytest.mark.parametrize(("path", "query"), [("/orders", {"account": "wechat/shop"}), ("/refunds", {})])
def test_a_cursor_that_is_not_ours_is_a_mistake_of_the_callers(world, path, query, raw):
    assert world.http("orders_api", "GET", path, {}, query=query or {"status": ""})["statusCode"] == 200
    cursor = base64.urlsafe_b64encode(raw).decode()

    answer = world.http("orders_api", "GET", path, {}, query={**query, "cursor": cursor})

    assert answer["statusCode"] == 400
    assert "DynamoDB" not in answer["body"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":{"minor":1,"minor":900,"currency":"CNY"}}',
        b"[" * 20_000,
        b'{"amount":{"minor":' + b"9" * 5000 + b',"currency":"CNY"}}',
        b'{"reason":"\xff"}',
        b'{"amount":{"minor":1,"currency":"CNY"},"reason":"a\\u0000"}',
        b'{"amount":{"minor":1,"currency":"CNY"},"reason":"leaked\\u0001"}',
    ],
)
def test_the_merchant_api_reads_as_strictly_as_the_callbacks(world, order, body):
    assert refunds(world, b'{"amount":{"minor":1,"currency":"CNY"},"reason":"too sweet"}') == 201

    assert refunds(world, body) == 400


MACHINES = {
    "Cognito": {"sub": "4q1machine", "client_id": "4q1machine"},
    "Okta": {"sub": "0oa1machine", "cid": "0oa1machine", "scp": "[refunds:approve]"},
    "Auth0": {"sub": "abc123@clients", "azp": "abc123", "gty": "client-credentials"},
    "Auth0 in the form of RFC 9068": {"sub": "abc123@clients", "client_id": "abc123"},
    "Keycloak": {"sub": "7f0c-account", "azp": "back", "client_id": "back", "preferred_username": "service-account-b"},
    "Entra ID": {"sub": "oid-1", "oid": "oid-1", "azp": "app-1", "appid": "app-1", "idtyp": "app"},
}


@pytest.mark.parametrize("vendor", MACHINES)
def test_a_machines_token_never_counts_as_a_person(vendor):
    assert from_claims({"sub": "9b1c", "username": "carla", "client_id": "spa", "accounts": "*"}).is_person

    assert not from_claims({**MACHINES[vendor], "accounts": "*"}).is_person


def test_the_same_order_is_asked_about_once_in_ten_seconds(world, order, monkeypatch):
    told = []

    def put_events(*, Entries):  # noqa: N803 - the client's own name
        told.extend(Entries)
        return {"FailedEntryCount": 0}

    monkeypatch.setattr(world.cloud.module("decisions_api"), "events", SimpleNamespace(put_events=put_events))
    statuses = {world.api("POST", "/refresh", *NAMES.values())[0] for _ in range(10)}

    assert (statuses, len(told)) == ({202}, 1)

    world.clock.shift(11)
    assert world.api("POST", "/refresh", *NAMES.values())[0] == 202
    assert len(told) == 2


def test_an_accounts_orders_are_asked_about_sixty_times_a_minute(world):
    numbers = [f"FIELD-RF-{number:03d}" for number in range(61)]
    for number in numbers:
        world.open("wechat", "shop", number, 8800)
    route = "/orders/{platform}/{account}/{order_id}/refresh"
    names = [{"platform": "wechat", "account": "shop", "order_id": number} for number in numbers]

    answers = [world.http("orders_api", "POST", route, name) for name in names]

    assert [answer["statusCode"] for answer in answers] == [202] * 60 + [429]
    assert "retry-after" in {name.lower() for name in answers[-1].get("headers") or answers[-1]["multiValueHeaders"]}


def test_a_share_of_a_settlement_goes_to_nobody_whom_the_account_does_not_name(world):
    document = kit.douyin_document()
    terms = {"closable": False, "settle_after": 7 * 86400}
    world.open("douyin", "app", ORDER, 8800, system="ecpay", tenant=document["app_id"], **terms)
    message = {"appid": document["app_id"], "cp_orderno": ORDER, "way": "1", "channel_no": "4200", "status": "SUCCESS"}
    message |= {"total_amount": 8800, "paid_at": kit.NOW - 5, "order_id": "7000000000000000004"}
    assert world.callback("app", *kit.ecpay(message, "payment", document, kit.NOW))["statusCode"] == 200
    share = {"merchant_uid": "70000000attacker", "amount": {"minor": 2000, "currency": "CNY"}}

    assert world.api("POST", "/settlements", "douyin", "app", ORDER, {"shares": [share]})[0] == 422
    assert world.api("POST", "/settlements", "douyin", "app", ORDER, {"shares": []})[0] == 202


def test_a_push_to_an_account_that_has_none_is_not_found_and_rings_nothing(capsys):
    with kit.world(extra_wechat={"plain": kit.shop_document(push=None, store=None)}) as world:
        answer = world.push("plain", b"{}", {"signature": "00", "timestamp": str(kit.NOW), "nonce": "1"}, {})

    assert answer["statusCode"] == 404
    counted = {name for line in capsys.readouterr().out.splitlines() for name in json.loads(line)}
    assert "KeysUnavailableError" not in counted
