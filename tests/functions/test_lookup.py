"""Orders found by what a customer says: kept as HMACs only, for people only, a few times a minute, and erasable."""

import json
from typing import Any

import pytest

from countersign.runtime import lookup_keys
from countersign.signing.lookups import fingerprints, normalised
from countersign.store import account_names
from tests.functions.conftest import Cloud, http_event
from tests.functions.test_create_payment import BODY
from tests.functions.test_create_payment import create as create_payment
from tests.functions.test_orders_api import call

PHONE, TABLE = "13800138000", "table 7"
KEY, NEXT_KEY = "k" * 32, "n" * 32
ALICE = {"sub": "alice", "name": "Alice"}
Json = dict[str, Any]


@pytest.fixture
def keyed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(lookup_keys, "_kept", [])
    put_keys(cloud, KEY)
    return cloud


def put_keys(cloud: Cloud, *keys: str) -> None:
    lookup_keys._kept.clear()
    name, content = "countersign/test/lookup/keys", json.dumps({"keys": keys})
    try:
        cloud.secretsmanager.create_secret(Name=name, SecretString=content)
    except cloud.secretsmanager.exceptions.ResourceExistsException:
        cloud.secretsmanager.put_secret_value(SecretId=name, SecretString=content)


def create(cloud: Cloud, number: str, lookup: list[str], account: str = "shop") -> tuple[int, Json]:
    body = json.dumps({**BODY, "order_id": number, "lookup": lookup}, ensure_ascii=False)
    event = http_event("POST", "/wechat/{account}/payments", {"account": account}, body=body)
    answer = cloud.invoke("wechat_create_payment", event)
    return answer["statusCode"], json.loads(answer["body"])


def look_up(cloud: Cloud, value: str, account: str = "wechat/shop", **claims: str) -> tuple[int, Json]:
    body = json.dumps({"account": account, "value": value}, ensure_ascii=False)
    status, answer = call(cloud, "POST", "/lookup", body=body, claims={**ALICE, **claims})
    return status, answer


def found(cloud: Cloud, value: str, **more: str) -> list[str]:
    status, answer = look_up(cloud, value, **more)
    assert status == 200, answer
    assert {row["matched"] for row in answer["found"]} <= {"lookup"}
    return [row["order"]["order_id"] for row in answer["found"]]


@pytest.mark.parametrize(
    "said",
    [PHONE, "138 0013 8000", "+86 138-0013-8000", "008613800138000", "１３８００１３８０００", "(+86)13800138000"],
)
def test_M3_one_order_is_found_however_the_number_is_written(keyed, said):
    assert create(keyed, "ORDER-PHONE", [PHONE, TABLE])[0] == 201
    assert create(keyed, "ORDER-OTHER", ["13900139000"])[0] == 201

    assert found(keyed, said) == ["ORDER-PHONE"]
    assert found(keyed, "TABLE７") == ["ORDER-PHONE"]
    assert found(keyed, "13800138001") == []


def test_M3_what_was_said_is_in_no_row_log_answer_or_event(keyed, capsys):
    told: list[Any] = []
    status, answer = create(keyed, "ORDER-PHONE", [PHONE])
    assert status == 201
    assert found(keyed, PHONE) == ["ORDER-PHONE"]
    told += [answer, look_up(keyed, PHONE), create(keyed, "ORDER-PHONE", [PHONE])]
    told += [create(keyed, "ORDER-2", ["x" * 65, PHONE]), look_up(keyed, PHONE, sub="m", client_id="m", username="")]

    rows = list(keyed.table()) + keyed.dynamodb.scan(TableName="Idempotency")["Items"]
    logged = capsys.readouterr()

    assert any(row["pk"]["S"].startswith("LOOKUP#") for row in rows if "pk" in row)
    for text in (json.dumps(rows, default=str), json.dumps(told), logged.out, logged.err):
        assert PHONE not in text


def test_M3_the_digest_of_a_body_that_is_kept_to_replay_answers_says_nothing_of_what_was_said(keyed):
    first = create_payment(keyed, key="k-1", lookup=[PHONE])
    rows = keyed.dynamodb.scan(TableName="Idempotency")["Items"]

    assert first[0] == 201
    assert create_payment(keyed, key="k-1", lookup=["13900139000"]) == first
    assert create_payment(keyed, key="k-1") == first
    assert create_payment(keyed, key="k-1", lookup=[PHONE], description="other")[0] == 422
    assert keyed.dynamodb.scan(TableName="Idempotency")["Items"] == rows


def test_who_looks_is_in_the_activity_and_what_for_is_not(keyed):
    create(keyed, "ORDER-PHONE", [PHONE])
    found(keyed, PHONE)

    asked = {"account": "wechat/shop", "person": "alice"}
    (deed,) = call(keyed, "GET", "/activity", queryStringParameters=asked)[1]["activity"]

    assert (deed["what"], deed["by"], deed["order_id"], deed["subject"]) == (
        "looked_up",
        {"id": "alice", "name": "Alice"},
        None,
        None,
    )


def test_machines_strangers_and_the_impatient_find_nothing(keyed):
    create(keyed, "ORDER-PHONE", [PHONE])

    assert look_up(keyed, PHONE, sub="m", client_id="m", username="")[1]["code"] == "person_needed"
    assert look_up(keyed, PHONE, accounts="[wechat/other]")[1]["code"] == "no_such_account"
    assert look_up(keyed, PHONE, scope="orders:ship")[1]["code"] == "scope_missing"
    assert look_up(keyed, " - ")[1]["code"] == "lookup_is_empty"
    statuses = [look_up(keyed, PHONE)[0] for _ in range(31)]
    assert (set(statuses[:30]), statuses[30]) == ({200}, 429)
    keyed.clock.shift(60)
    assert look_up(keyed, PHONE)[0] == 200


def test_another_account_finds_nothing_by_the_same_value(keyed):
    create(keyed, "ORDER-PHONE", [PHONE])

    assert found(keyed, PHONE, account="wechat/classic") == []
    assert fingerprints([b"k" * 32], "wechat", "shop", PHONE) != fingerprints([b"k" * 32], "wechat", "classic", PHONE)


def test_only_the_newest_twenty_are_shown_newest_first(keyed):
    for number in range(22):
        assert create(keyed, f"ORDER-{number:02}", [TABLE])[0] == 201
        keyed.clock.shift(1)

    assert found(keyed, TABLE) == [f"ORDER-{number:02}" for number in range(21, 1, -1)]


def test_the_same_order_again_is_found_once(keyed):
    create(keyed, "ORDER-PHONE", [PHONE])
    keyed.clock.shift(5)
    assert create(keyed, "ORDER-PHONE", [PHONE])[0] == 200

    assert found(keyed, PHONE) == ["ORDER-PHONE"]


def test_what_is_erased_is_found_no_more_although_the_order_is_created_again(keyed):
    create(keyed, "ORDER-PHONE", [PHONE, TABLE])
    body = json.dumps({"account": "wechat/shop", "value": f"+86{PHONE}"})

    assert call(keyed, "POST", "/lookup/erase", body=body) == (200, {"erased": 1})
    assert call(keyed, "POST", "/lookup/erase", body=body) == (200, {"erased": 0})

    create(keyed, "ORDER-PHONE", [PHONE, TABLE])
    assert found(keyed, PHONE) == []
    assert found(keyed, TABLE) == ["ORDER-PHONE"]
    rows = [row for row in keyed.table() if "erased_at" in row]
    assert len(rows) == 1
    assert "ORDER-PHONE" not in json.dumps(rows)


def test_a_new_key_in_front_finds_what_the_previous_one_stored_until_that_is_taken_out(keyed):
    create(keyed, "ORDER-1", [PHONE])
    put_keys(keyed, NEXT_KEY, KEY)
    keyed.clock.shift(1)
    create(keyed, "ORDER-2", [PHONE])

    assert found(keyed, PHONE) == ["ORDER-2", "ORDER-1"]
    put_keys(keyed, NEXT_KEY)
    assert found(keyed, PHONE) == ["ORDER-2"]


def test_without_keys_a_lookup_is_refused_before_anything_is_recorded(cloud, monkeypatch):
    monkeypatch.setattr(lookup_keys, "_kept", [])
    account_names.unmarked.clear()

    status, answer = create(cloud, "ORDER-PHONE", [PHONE])

    assert (status, answer["code"]) == (422, "lookup_is_off")
    assert [row for row in cloud.table() if row["sk"]["S"] == "ORDER"] == []
    assert look_up(cloud, PHONE)[1]["code"] == "lookup_is_off"


@pytest.mark.parametrize("content", ["[]", "{}", '{"keys": []}', '{"keys": ["short"]}', '{"keys": [1]}', "x"])
def test_keys_that_are_none_are_not_used(keyed, content):
    lookup_keys._kept.clear()
    keyed.secretsmanager.put_secret_value(SecretId="countersign/test/lookup/keys", SecretString=content)

    assert look_up(keyed, PHONE)[0] == 503


@pytest.mark.parametrize("lookup", [["1"] * 6, [""], ["x" * 65], "13800138000", [1]])
def test_what_is_no_lookup_is_named_and_not_repeated(keyed, lookup):
    status, answer = create(keyed, "ORDER-PHONE", lookup)

    assert (status, "lookup" in answer["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("said", "compared"),
    [
        ("0086 13800138000", PHONE),
        ("+86138001380001", "+86138001380001"),
        ("+852 2345 6789", "+85223456789"),
        ("008600138000", "008600138000"),
        ("Table 7", "table7"),
        ("\u3000桌\u30007号 ", "桌7号"),
        (" -() ", ""),
    ],
)
def test_only_how_it_is_written_is_taken_away(said, compared):
    assert normalised(said) == compared
