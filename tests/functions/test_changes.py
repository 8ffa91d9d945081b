"""Changes are told once and none is left out; while nothing moves a look costs one query."""

import base64
import json
from typing import Any

import pytest
from botocore.client import BaseClient

from countersign.api import changes
from countersign.store import pulse
from countersign.store.due import DueList
from countersign.workers.publish import beat as beat_accounts
from countersign.workers.publish import publish
from tests.functions.conftest import Cloud, http_event
from tests.functions.test_lists import Shop

Json = dict[str, Any]


class Screen:
    """Somebody who has the list of orders open."""

    def __init__(self, cloud: Cloud, **claims: str) -> None:
        self.cloud, self.claims, self.cursor = cloud, claims, ""

    def look(self, **query: str) -> list[Json]:
        asked = {"after": self.cursor, **query}
        event = http_event("GET", "/changes", {}, queryStringParameters=asked, claims=self.claims)
        answer = self.cloud.invoke("merchant_api", event)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        assert answer["statusCode"] in (200, 204), answer
        self.cursor = headers["x-next-cursor"]
        if answer["statusCode"] == 204:
            assert not answer.get("body")
            return []
        content = json.loads(answer["body"])
        assert content["cursor"] == self.cursor
        return list(content["changes"])

    def numbers(self, **query: str) -> list[str]:
        return [row["order"]["order_id"] for row in self.look(**query)]


@pytest.fixture
def shop(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(pulse, "_last", {})
    return Shop(cloud)


def beat(shop: Shop, account: str = "shop") -> None:
    """Let what was recorded be published, as far as the pulse goes."""
    shop.cloud.clock.move_to(shop.now)
    pulse.beat(shop.cloud.dynamodb, "Orders", "wechat", account, now=shop.now)


def test_a_change_is_told_once_with_its_version_and_work_list(shop):
    screen = Screen(shop.cloud)
    assert screen.look() == []
    shop.pay("O-1")
    beat(shop)

    (row,) = screen.look()

    assert row["order"] == {"platform": "wechat", "account": "shop", "order_id": "O-1"}
    assert (row["version"], row["status"], row["work"]) == (2, "paid", "to_ship")
    for _ in range(3):
        assert screen.look() == []
        shop.cloud.clock.shift(5)
    shop.now += 20
    shop.ship("O-1")
    beat(shop)
    assert [(row["version"], row["work"]) for row in screen.look()] == [(3, "done")]


def test_what_is_published_within_two_seconds_of_a_beat_is_found_although_it_has_none(shop):
    screen = Screen(shop.cloud)
    screen.look()
    shop.pay("O-1")
    beat(shop)
    assert screen.numbers() == ["O-1"]

    shop.now -= 59  # a second later
    shop.ship("O-1")
    assert not pulse.beat(shop.cloud.dynamodb, "Orders", "wechat", "shop", now=shop.now)
    shop.cloud.clock.move_to(shop.now + 5)

    (row,) = screen.look()
    assert (row["order"]["order_id"], row["version"]) == ("O-1", 3)
    assert screen.look() == []


def test_nothing_costs_one_query_however_many_orders_and_accounts_there_are(shop, monkeypatch):
    for number in range(6):
        shop.pay(f"O-{number}")
    beat(shop)
    screen = Screen(shop.cloud)
    screen.look()
    shop.cloud.clock.shift(60)
    screen.look()
    calls: list[str] = []
    made = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return made(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)

    assert screen.look() == []
    assert calls == ["Query"]


def test_many_changes_come_in_several_answers_and_each_once(shop, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 3)
    screen = Screen(shop.cloud)
    screen.look()
    wanted = []
    for number in range(8):
        shop.pay(f"O-{number}")
        wanted.append(f"O-{number}")
    beat(shop)

    seen: list[str] = []
    while found := screen.numbers():
        assert len(found) <= 3
        seen += found

    assert seen == wanted


def test_many_changes_of_one_second_are_told_once_each(shop, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 3)
    screen = Screen(shop.cloud)
    screen.look()
    at = shop.now
    for number in range(8):
        shop.now = at
        shop.open(f"S-{number}")
    beat(shop)

    seen: list[str] = []
    while found := screen.numbers():
        seen += found

    assert sorted(seen) == [f"S-{number}" for number in range(8)]


def test_more_changes_of_one_second_than_a_cursor_has_marks_for_come_to_an_end(shop, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 3)
    monkeypatch.setattr(changes, "MARKS", 4)
    screen = Screen(shop.cloud)
    screen.look()
    at = shop.now
    for number in range(14):
        shop.now = at
        shop.open(f"S-{number}")
    beat(shop)

    looks = [screen.numbers() for _ in range(8)]

    assert sorted(number for look in looks for number in look) == sorted(f"S-{number}" for number in range(14))
    assert looks[-1] == []


def test_only_the_tokens_accounts_are_told_of(shop):
    both, one = Screen(shop.cloud), Screen(shop.cloud, accounts="[wechat/classic]")
    both.look()
    one.look()
    shop.open("MINE", "classic")
    shop.open("OTHERS", "shop")
    beat(shop, "classic")
    beat(shop, "shop")

    assert one.numbers() == ["MINE"]
    assert sorted(both.numbers()) == ["MINE", "OTHERS"]
    both.cursor = one.cursor
    event = http_event("GET", "/changes", {}, queryStringParameters={"account": "wechat/shop"}, claims=one.claims)
    assert shop.cloud.invoke("merchant_api", event)["statusCode"] == 404


NOT_OURS = [b"5", b"null", b"[1]", b'[-1,""]', b'[true,""]', b"[" * 300, b'[1e400,""]', b"[" + b"9" * 400 + b',""]']


@pytest.mark.parametrize("raw", NOT_OURS)
def test_a_cursor_that_is_not_ours_is_a_mistake_of_the_callers(shop, raw):
    cursor = base64.urlsafe_b64encode(raw).decode()
    event = http_event("GET", "/changes", {}, queryStringParameters={"after": cursor})

    assert shop.cloud.invoke("merchant_api", event)["statusCode"] == 400


class TestPulse:
    def test_it_is_written_at_most_once_in_two_seconds_by_all_containers_together(self, shop, monkeypatch):
        client, now = shop.cloud.dynamodb, shop.now
        written = []
        for second in range(10):
            monkeypatch.setattr(pulse, "_last", {})  # another container
            written.append(pulse.beat(client, "Orders", "wechat", "shop", now=now + second))

        assert written == [True, False] * 5
        assert pulse.beats(client, "Orders") == {("wechat", "shop"): now + 8}

    def test_a_clock_that_was_set_back_does_not_stop_it(self, shop, monkeypatch):
        client, now = shop.cloud.dynamodb, shop.now
        pulse.beat(client, "Orders", "wechat", "shop", now=now + 10_000)
        monkeypatch.setattr(pulse, "_last", {})

        assert pulse.beat(client, "Orders", "wechat", "shop", now=now)

    def test_names_with_delimiters_stay_apart(self, shop):
        pulse.beat(shop.cloud.dynamodb, "Orders", "shop#x", "a/b", now=5)

        assert pulse.beats(shop.cloud.dynamodb, "Orders") == {("shop#x", "a/b"): 5}


def test_publishing_an_event_moves_its_account(shop):
    shop.pay("O-1")
    (item,) = [row for row in shop.cloud.table() if "emits" in row]
    due = DueList(shop.cloud.dynamodb, "Orders", "sweep")

    told: set[tuple[str, str]] = set()
    beat_accounts([item, {}, {"pk": {"S": "x"}}, item], told, due=due, now=shop.now)
    assert publish(item, events=shop.cloud.events, due=due, now=shop.now) == 1

    assert told == {("wechat", "shop")}
    assert pulse.beats(shop.cloud.dynamodb, "Orders") == {("wechat", "shop"): shop.now}
