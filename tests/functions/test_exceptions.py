"""The exceptions list: in pages, by account and kind, and taken off it by a person where nothing remains to be done."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from countersign.orders.changes import Change, OrderKey, Unrecognised, Verified
from countersign.store import OrderStore
from countersign.store.quarantine import Quarantine, quarantine
from tests.functions.conftest import NOW, Cloud, http_event

DISMISS = "/exceptions/{exception_id}/dismiss"
DAY = 86400


def listed(cloud: Cloud, claims: dict[str, str] | None = None, **query: str) -> Any:
    event = http_event("GET", "/exceptions", {}, queryStringParameters=query, claims=claims or {})
    answer = cloud.invoke("merchant_api", event)
    return answer["statusCode"], json.loads(answer["body"])


def dismiss(cloud: Cloud, name: str, note: str = "looked at it", claims: dict[str, str] | None = None) -> int:
    body = json.dumps({"note": note})
    event = http_event("POST", DISMISS, {"exception_id": name}, body=body, claims=claims or {})
    return int(cloud.invoke("merchant_api", event)["statusCode"])


def unreadable(cloud: Cloud, account: str, raw: bytes, now: int = NOW) -> str:
    names = {"platform": "wechat", "account": account, "key_id": "k", "reason": "no total"}
    return quarantine(cloud.dynamodb, "Orders", **names, raw=raw, now=now)


def orphan(cloud: Cloud, order_id: str) -> None:
    store = OrderStore(cloud.dynamodb, "Orders")
    key = OrderKey("wechat", "shop", order_id)
    store.record(Change(key, Unrecognised("event_type", "X"), Verified("k"), "notify"), now=NOW)
    for _ in range(16):
        cloud.clock.shift(60)
        cloud.invoke("wechat_poll", {"source": "aws.scheduler"})


def test_a_page_has_its_cursor_and_the_next_one_follows_it(cloud):
    for number in range(7):
        unreadable(cloud, "shop", b"%d" % number, NOW + number)

    pages, cursor = [], ""
    while True:
        status, answer = listed(cloud, cursor=cursor, limit="3")
        assert status == 200
        pages.append([row["since"] for row in answer["exceptions"]])
        if not answer["exceptions"]:
            break
        cursor = answer["cursor"]

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    times = [at for page in pages for at in page]
    assert times == sorted(times)


def test_the_list_is_bounded_by_account_and_kind(cloud):
    unreadable(cloud, "shop", b"1")
    unreadable(cloud, "other", b"2")
    orphan(cloud, "ORPHAN-1")

    assert {row["account"] for row in listed(cloud, account="wechat/other")[1]["exceptions"]} == {"other"}
    (row,) = listed(cloud, kind="orphan")[1]["exceptions"]
    assert (row["kind"], row["order_id"]) == ("orphan", "ORPHAN-1")
    assert listed(cloud, kind="orphan", account="wechat/other")[1]["exceptions"] == []
    assert len(listed(cloud)[1]["exceptions"]) == 3


def test_a_kind_that_does_not_exist_is_422_and_names_those_that_do(cloud):
    status, answer = listed(cloud, kind="orphans")

    assert status == 422
    assert "quarantine" in answer["detail"]


def test_an_account_outside_the_token_is_404(cloud):
    assert listed(cloud, account="wechat/other", claims={"accounts": "[wechat/shop]"})[0] == 404


def test_quarantined_news_that_a_person_dismisses_leaves_the_list_and_stays_redrivable(cloud):
    unreadable(cloud, "shop", b"news")
    (row,) = listed(cloud)[1]["exceptions"]

    assert dismiss(cloud, row["id"]) == 200

    assert listed(cloud)[1]["exceptions"] == []
    (kept,) = Quarantine(cloud.dynamodb, "Orders", "wechat").rows(_day(NOW))
    assert (kept["dismissed_by"]["S"], kept["dismissed_note"]["S"]) == ("anna", "looked at it")
    # The same bytes again are the same row: what was looked at does not come back.
    assert unreadable(cloud, "shop", b"news", NOW + 60) == "known"
    assert listed(cloud)[1]["exceptions"] == []
    assert dismiss(cloud, row["id"]) == 404


def test_an_orphan_that_was_dismissed_rings_no_second_time_and_is_still_asked_about(cloud):
    orphan(cloud, "ORPHAN-1")
    (row,) = listed(cloud)[1]["exceptions"]

    assert dismiss(cloud, row["id"]) == 200
    cloud.clock.shift(3600)
    cloud.wechat.sent.clear()
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    assert cloud.wechat.sent
    assert listed(cloud)[1]["exceptions"] == []


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "m2m", "client_id": "m2m", "username": ""}, 403),
        ({"accounts": "[wechat/other]"}, 404),
    ],
)
def test_a_machine_and_a_stranger_dismiss_nothing(cloud, claims, status):
    unreadable(cloud, "shop", b"news")
    (row,) = listed(cloud)[1]["exceptions"]

    assert dismiss(cloud, row["id"], claims=claims) == status
    assert len(listed(cloud)[1]["exceptions"]) == 1


def test_a_dismissal_says_why(cloud):
    unreadable(cloud, "shop", b"news")
    (row,) = listed(cloud)[1]["exceptions"]

    assert dismiss(cloud, row["id"], note="") == 400
    assert dismiss(cloud, row["id"], note="a\u0000b") == 400


@pytest.mark.parametrize(
    "name",
    ["x", "e30", "WyJhIl0", "WyJhIiwiYiJd", "WyJRVUFSQU5USU5FIzEiLCJ4Il0", "W251bGwsbnVsbF0", "é", "%00", "A" * 2000],
)
def test_a_made_up_name_of_an_exception_is_404_and_writes_nothing(cloud, name):
    before = cloud.table()

    assert dismiss(cloud, name) == 404
    assert cloud.table() == before


def _day(now: int) -> date:
    return datetime.fromtimestamp(now, UTC).date()
