"""Lists tell the truth: rows, sequence, times and counts are what the orders say; a word that there is not is 422."""

import json
import time
from typing import Any

import pytest
from botocore.client import BaseClient

from countersign.api.orders import OrderService, OrdersWanted
from countersign.api.overview import Overview
from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Parcel,
    Queried,
    RefundReported,
    RefundRequested,
    ShipmentRequested,
    Terms,
    Verified,
)
from countersign.orders.times import timestamp
from countersign.runtime.caller import from_claims
from countersign.store import OrderStore, account_names, credentials, keys, pulse
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.store.scans import ScanStore
from countersign.store.subscriptions import Gap, SubscriptionStore
from countersign.workers.publish import beat
from tests.functions.conftest import NOW, SCOPES, Cloud, http_event
from tests.functions.test_orders_api import call

HOUR = 3600
PERSON = {"sub": "anna", "username": "anna", "client_id": "spa", "accounts": "[*]", "scope": SCOPES}


class Shop:
    """Orders of one account, each a minute after the one before."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.now = NOW

    def say(self, number: str, fact: Any, trust: Any, account: str = "shop") -> None:
        self.now += 60
        change = Change(OrderKey("wechat", account, number), fact, trust, "notify", "1900099001", "v3")
        outcome = self.store.record(change, now=self.now)
        assert outcome.outcome == "applied", outcome

    def open(self, number: str, account: str = "shop") -> None:
        terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", self.now, self.now + 7200)
        self.say(number, OrderCreated(terms), Operator("m"), account)

    def pay(self, number: str, minor: int = 8800) -> None:
        self.open(number)
        self.say(number, Paid(f"4200-{number}", Money(minor, "CNY"), self.now), Verified("k"))

    def ship(self, number: str, *, complete: bool = True) -> None:
        parcels = (Parcel("YTO", f"YT-{number}", "tea", ""),)
        self.say(number, ShipmentRequested(f"sh-{number}", "express", parcels, complete, self.now), Operator("anna"))

    def ask(self, number: str, refund_id: str, by: str = "ben") -> None:
        self.say(number, RefundRequested(refund_id, Money(1000, "CNY"), "leaked", self.now, "merchant"), Operator(by))

    def rows(self, **query: str) -> list[Any]:
        asked = {"account": "wechat/shop", **query}
        status, answer = call(self.cloud, "GET", "/orders", queryStringParameters=asked)
        assert status == 200, answer
        return list(answer["orders"])

    def numbers(self, **query: str) -> list[str]:
        return [row["order_id"] for row in self.rows(**query)]


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    return Shop(cloud)


def test_M2_a_row_says_how_far_its_order_is_sent_and_how_many_refunds_it_has(shop):
    for number in ("SENT", "PART", "NONE"):
        shop.pay(number)
    shop.ship("SENT")
    shop.ship("PART", complete=False)
    shop.ask("SENT", "rf1")
    shop.ask("SENT", "rf2")

    rows = {row["order_id"]: row for row in shop.rows()}

    assert {number: row["shipping"] for number, row in rows.items()} == {"SENT": "sent", "PART": "part", "NONE": "none"}
    assert rows["SENT"]["refunds"] == {"requested": 2, "on_the_way": 0, "needs_action": 0, "done": 0}
    assert rows["NONE"]["refunds"]["requested"] == 0
    assert not {"events", "shipments", "notices", "settlements"} & set(rows["SENT"])
    assert rows["SENT"]["actions"]["ship"] == {
        "allowed": False,
        "code": "order_is_sent",
        "why": "everything of the order is sent",
    }


def test_M2_a_row_costs_no_read_of_its_own(shop, monkeypatch):
    calls: list[str] = []
    made = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return made(self, operation, arguments)

    def read() -> list[str]:
        calls.clear()
        assert all(row["refunds"]["requested"] == 1 for row in shop.rows(work="to_ship"))
        return sorted(calls)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    shop.pay("O-0")
    shop.ask("O-0", "rf0")
    one = read()
    for number in range(1, 9):
        shop.pay(f"O-{number}")
        shop.ask(f"O-{number}", f"rf{number}")

    assert read() == one == ["BatchGetItem", *["Query"] * 4]


def test_M2_the_newest_come_first_where_that_is_asked_for_and_pages_join(shop, monkeypatch):
    for number in range(7):
        shop.open(f"O-{number}")

    assert shop.numbers(sort="-updated") == [f"O-{number}" for number in reversed(range(7))]
    assert shop.numbers() == [f"O-{number}" for number in range(7)]

    pages, cursor = [], ""
    while True:
        query = {"account": "wechat/shop", "sort": "-updated", "limit": "3", "cursor": cursor}
        answer = call(shop.cloud, "GET", "/orders", queryStringParameters=query)[1]
        if not answer["orders"]:
            break
        pages.append([row["order_id"] for row in answer["orders"]])
        cursor = answer["cursor"]
    assert pages == [["O-6", "O-5", "O-4"], ["O-3", "O-2", "O-1"], ["O-0"]]


def test_orders_of_one_second_come_once_each_in_both_directions(shop):
    numbers = {f"S-{number}" for number in range(9)}
    for number in sorted(numbers):
        shop.now = NOW
        shop.open(number)

    for sort in ("updated", "-updated"):
        seen, cursor = [], ""
        for _ in range(5):
            query = {"account": "wechat/shop", "sort": sort, "limit": "2", "cursor": cursor}
            answer = call(shop.cloud, "GET", "/orders", queryStringParameters=query)[1]
            seen += [row["order_id"] for row in answer["orders"]]
            cursor = answer["cursor"]
        assert len(seen) == 9
        assert set(seen) == numbers


def test_a_work_list_holds_what_waits_for_whom(shop):
    shop.open("WAITS")
    shop.pay("PAID")
    shop.pay("WRONG", minor=1)
    shop.pay("SENT")
    shop.ship("SENT")

    assert shop.numbers(work="decide") == ["WRONG"]
    assert shop.numbers(work="to_ship") == ["PAID"]
    assert shop.numbers(work="waiting,done") == ["WAITS", "SENT"]
    assert shop.numbers(status="paid,review") == ["PAID", "WRONG", "SENT"]


def test_days_are_those_of_the_platforms_and_both_are_included(shop):
    shop.open("TODAY")  # 2026-11-22 in UTC+8
    shop.now += 24 * HOUR
    shop.open("TOMORROW")

    assert shop.numbers(**{"from": "2026-11-22", "to": "2026-11-22"}) == ["TODAY"]
    assert shop.numbers(**{"from": "2026-11-23"}) == ["TOMORROW"]
    assert shop.numbers(**{"to": "2026-11-22", "sort": "-updated"}) == ["TODAY"]
    assert shop.numbers(**{"to": "2026-11-21"}) == []


@pytest.mark.parametrize(
    ("query", "code", "named"),
    [
        ({"status": "paied"}, "word_is_one_of", "status"),
        ({"status": "paid,paied"}, "word_is_one_of", "status"),
        ({"work": "mine"}, "word_is_one_of", "work"),
        ({"sort": "newest"}, "word_is_one_of", "sort"),
        ({"from": "2026-13-01"}, "word_is_one_of", "from, to"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "dates_reversed", "2026-11-02"),
        ({"limit": "101"}, "parameters_do_not_fit", "query.limit"),
        ({"from": "yesterday"}, "parameters_do_not_fit", "query.from"),
    ],
)
def test_M2_a_word_that_there_is_not_is_422_and_named(cloud, query, code, named):
    status, answer = call(cloud, "GET", "/orders", queryStringParameters={"account": "wechat/shop", **query})

    assert (status, answer["code"]) == (422, code)
    assert named in json.dumps(answer["args"])


def test_M2_three_orders_to_decide_among_many_cost_eight_reads_at_most(shop):
    for number in range(40):
        shop.open(f"MANY-{number}")
    for number in range(3):
        shop.pay(f"WRONG-{number}", minor=1)
    client = Reads(shop.cloud.dynamodb)
    service = OrderService(shop.store, OrderLists(client, "Orders"), from_claims(PERSON), NOW)

    page = service.page("wechat/shop", OrdersWanted(work=("decide",), sort="-updated"))

    assert [row["order_id"] for row in page["orders"]] == ["WRONG-2", "WRONG-1", "WRONG-0"]
    assert len(client.calls) <= 8


class Reads:
    """A client that counts what is asked of it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._client, name)


def test_counts_say_how_much_waits_on_each_list_of_one_account(shop):
    shop.open("WAITS")
    shop.open("ELSEWHERE", account="other")
    shop.pay("PAID")
    shop.pay("WRONG", minor=1)
    shop.ask("PAID", "rf1")

    answer = call(shop.cloud, "GET", "/counts", queryStringParameters={"account": "wechat/shop"})[1]
    other = call(shop.cloud, "GET", "/counts", queryStringParameters={"account": "wechat/other"})[1]

    assert {one: shown["count"] for one, shown in answer["work"].items()} == {"decide": 1, "waiting": 1, "to_ship": 1}
    assert answer["refunds"]["requested"] == {"count": 1, "more": False}
    assert answer["exceptions"]["review"] == {"count": 1, "more": False}
    assert other["refunds"]["requested"]["count"] == other["exceptions"]["review"]["count"] == 0
    assert other["work"]["waiting"]["count"] == 1


def test_counts_that_the_caller_has_already_are_304_until_one_of_them_is_another(shop):
    def ask(known: str = "", account: str = "wechat/shop", **claims: str) -> Any:
        headers = {"if-none-match": known} if known else {}
        event = http_event("GET", "/counts", {}, queryStringParameters={"account": account}, headers=headers, **claims)
        return shop.cloud.invoke("orders_api", event)

    shop.open("WAITS")
    first = ask()
    tag = first["headers"]["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = ask(known)
        assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", tag)
    for known in ('"other"', tag.strip('"'), f"{tag[:-2]}"):
        assert ask(known)["statusCode"] == 200
    assert ask(tag, "wechat/other")["statusCode"] == 200
    assert ask(tag, claims={"accounts": "[wechat/other]"})["statusCode"] == 404

    shop.pay("PAID")
    fresh = ask(tag)
    assert (fresh["statusCode"], json.loads(fresh["body"])["work"]["to_ship"]["count"]) == (200, 1)
    assert fresh["headers"]["etag"] != tag


def test_what_is_more_than_anybody_counts_is_said_to_be_more(shop):
    for number in range(4):
        shop.open(f"O-{number}")
    lists = OrderLists(shop.cloud.dynamodb, "Orders")

    names = [f"wechat#shop#waiting#{number}" for number in range(4)]
    assert lists.count("by_account", names, most=4) == 4
    assert lists.count("by_account", names, most=2) == 3


@pytest.mark.parametrize(("number", "matched"), [("PAID", "order"), ("4200-PAID", "transaction"), ("rf1", "refund")])
def test_M3_a_number_leads_to_its_order_in_every_account_of_the_token(shop, number, matched):
    shop.pay("PAID")
    shop.ask("PAID", "rf1")
    account_names.unmarked.update({("wechat", "shop"), ("wechat", "other")})
    account_names.mark(shop.cloud.dynamodb, "Orders")

    for query in ({"q": number}, {"q": number, "account": "wechat/shop"}):
        answer = call(shop.cloud, "GET", "/search", queryStringParameters=query)[1]
        assert answer["found"] == [
            {"matched": matched, "order": {"platform": "wechat", "account": "shop", "order_id": "PAID"}}
        ]

    outside = {"accounts": "[wechat/other]"}
    assert call(shop.cloud, "GET", "/search", queryStringParameters={"q": number}, claims=outside)[1]["found"] == []
    named = {"q": number, "account": "wechat/shop"}
    assert call(shop.cloud, "GET", "/search", queryStringParameters=named, claims=outside)[0] == 404


def test_M3_a_refund_is_found_by_the_platforms_own_number_of_it_from_the_first_time_that_this_is_told(shop):
    shop.pay("PAID")
    shop.ask("PAID", "rf1")
    told = RefundReported("rf1", Money(1000, "CNY"), "processing", "merchant", platform_refund_id="5030-1")

    def found() -> Any:
        query = {"q": "5030-1", "account": "wechat/shop"}
        return call(shop.cloud, "GET", "/search", queryStringParameters=query)[1]["found"]

    assert found() == []
    shop.say("PAID", told, Queried("k"))
    order = {"platform": "wechat", "account": "shop", "order_id": "PAID"}
    assert found() == [{"matched": "platform_refund", "order": order}]


def test_two_refunds_that_share_a_number_of_the_platforms_are_written_in_one_transaction(shop):
    shop.pay("PAID")
    told = [
        Change(
            OrderKey("wechat", "shop", "PAID"),
            RefundReported(number, Money(1000, "CNY"), "succeeded", "console", platform_refund_id="5030-1"),
            Verified("k"),
            "notify",
            "1900099001",
            "v3",
        )
        for number in ("rf1", "rf2")
    ]

    assert shop.store.record_message(told, now=shop.now).outcome == "applied"
    assert [row["pk"]["S"] for row in shop.cloud.table() if "#platform_refund#" in row["pk"]["S"]] == [
        "ALIAS#wechat#shop#platform_refund#5030-1"
    ]


def test_accounts_are_those_that_are_used_and_that_the_token_may_see(shop):
    account_names.unmarked.update({("wechat", "shop"), ("douyin", "trade")})
    account_names.mark(shop.cloud.dynamodb, "Orders")
    account_names.forget(shop.cloud.dynamodb, "Orders", "wechat", "gone")

    everything = call(shop.cloud, "GET", "/accounts", queryStringParameters={"lang": "zh"})[1]["accounts"]
    bounded = call(shop.cloud, "GET", "/accounts", claims={"accounts": "[wechat/shop]"})[1]["accounts"]

    assert [(row["account"], row["platform_name"]) for row in everything] == [
        ("douyin/trade", "抖音"),
        ("wechat/shop", "微信"),
    ]
    assert [row["account"] for row in bounded] == ["wechat/shop"]


class TestHealth:
    def ask(self, shop: Shop, **claims: str) -> Any:
        account_names.unmarked.update({("wechat", "shop"), ("wechat", "other")})
        account_names.mark(shop.cloud.dynamodb, "Orders")
        accounts = call(shop.cloud, "GET", "/accounts", claims=claims)[1]["accounts"]
        return {row["account"]: row["health"] for row in accounts}

    def publish(self, shop: Shop, monkeypatch: Any) -> None:
        """Have the stream's function say of all events that their accounts moved."""
        monkeypatch.setattr(pulse, "_last", {})
        monkeypatch.setattr(pulse, "_heard", {})
        monkeypatch.setattr(credentials, "_noted", {})
        rows = [row for row in shop.cloud.table() if "emits" in row]
        beat(rows, set(), due=DueList(shop.cloud.dynamodb, "Orders", "sweep"), now=shop.now)

    def test_what_nobody_has_noted_of_an_account_is_null(self, shop):
        nothing = {
            "moved_at": None,
            "callback_at": None,
            "answer_at": None,
            "subscriptions": None,
            "list": None,
            "installation": None,
            "authorization": None,
            "keys": [],
            "certificates": [],
            "quarantined": {"count": 0, "more": False},
        }

        assert self.ask(shop) == {"wechat/shop": nothing, "wechat/other": nothing}

    def test_it_says_when_the_platform_last_told_something_by_itself_and_when_asked(self, shop, monkeypatch):
        shop.pay("TOLD")
        self.publish(shop, monkeypatch)
        told = self.ask(shop)["wechat/shop"]
        shop.now += 3600
        shop.open("ASKED")
        shop.say("ASKED", Paid("4200-ASKED", Money(8800, "CNY"), shop.now), Queried("k"))
        self.publish(shop, monkeypatch)
        asked = self.ask(shop)["wechat/shop"]

        assert (told["callback_at"], told["answer_at"]) == (told["moved_at"], None)
        assert asked["callback_at"] == told["callback_at"]
        assert asked["answer_at"] == asked["moved_at"] > told["moved_at"]
        assert self.ask(shop)["wechat/other"]["moved_at"] is None

    def test_it_says_which_keys_the_platform_signed_with_and_forgets_one_that_is_not_used_for_a_month(
        self, shop, monkeypatch
    ):
        shop.pay("BY-A-KEY")
        self.publish(shop, monkeypatch)
        (row,) = [one for one in shop.cloud.table() if one["pk"]["S"] == "CREDENTIALS"]
        used = self.ask(shop)["wechat/shop"]["keys"]
        first = int(row["used_at"]["N"])
        for later in (first + 3599, first + 3600):
            monkeypatch.setattr(credentials, "_noted", {})
            credentials.note_use(shop.cloud.dynamodb, "Orders", "wechat", "shop", used[0]["key"], at=later)
        moved = self.ask(shop)["wechat/shop"]["keys"]
        monkeypatch.setattr(time, "time", lambda: float(first + 3600 + 30 * 86_400))

        assert [one["used_at"] for one in used + moved] == [timestamp(first), timestamp(first + 3600)]
        assert self.ask(shop)["wechat/shop"]["keys"] == self.ask(shop)["wechat/other"]["keys"] == []

    def test_what_is_published_long_after_it_came_says_nothing_of_today(self, shop, monkeypatch):
        shop.pay("TOLD")
        shop.now += 3600
        self.publish(shop, monkeypatch)

        how = self.ask(shop)["wechat/shop"]
        assert how["moved_at"] is not None
        assert how["callback_at"] is None

    def test_roads_are_noted_once_in_a_minute_in_the_write_that_there_is_anyway(self, shop, monkeypatch):
        def heard(second: int) -> bool:
            monkeypatch.setattr(pulse, "_last", {})
            monkeypatch.setattr(pulse, "_heard", {})
            road = {pulse.CALLBACK: NOW + second}
            return pulse.beat(shop.cloud.dynamodb, "Orders", "wechat", "shop", now=NOW + second, heard=road)

        assert [heard(second) for second in (0, 1, 2, 61, 62)] == [True, False, True, True, False]
        assert pulse.told(shop.cloud.dynamodb, "Orders") == {("wechat", "shop"): (NOW + 61, NOW + 61, None)}

    def test_a_road_that_was_never_noted_is_noted_although_the_account_has_just_moved(self, shop, monkeypatch):
        client = shop.cloud.dynamodb
        monkeypatch.setattr(pulse, "_last", {})
        monkeypatch.setattr(pulse, "_heard", {})
        assert pulse.beat(client, "Orders", "wechat", "shop", now=NOW)

        calls = Reads(client)
        for _ in range(3):
            pulse.beat(calls, "Orders", "wechat", "shop", now=NOW + 1, heard={pulse.ANSWER: NOW + 1})

        assert calls.calls == ["update_item"]
        assert pulse.told(client, "Orders") == {("wechat", "shop"): (NOW + 1, None, NOW + 1)}

    def test_gaps_lists_and_what_is_quarantined_are_each_accounts_own(self, shop):
        client = shop.cloud.dynamodb
        subscriptions = SubscriptionStore(client, "Orders", "wechat")
        subscriptions.seen("shop", now=NOW)
        subscriptions.open_gap("shop", Gap(NOW - 60, NOW, "orders/paid"))
        scans = ScanStore(client, "Orders", "wechat")
        scan = scans.lease("shop", now=NOW)
        assert scan is not None
        scans.finish(scan, "2026-11-22")
        scans.note("shop", told=0, untold=2, untold_at=NOW)
        for digest in ("a" * 64, "b" * 64):
            entry = {"exception": {"S": keys.exception_shard("quarantine", digest)}, "listed_at": {"N": str(NOW)}}
            key = {"pk": {"S": f"{keys.QUARANTINE}{NOW // 86400}"}, "sk": {"S": f"wechat#shop#{digest}"}}
            client.put_item(TableName="Orders", Item=key | entry)

        how = self.ask(shop)

        assert how["wechat/shop"]["subscriptions"] == {
            "seen_at": "2026-11-22T06:27:25Z",
            "gap": {"from": "2026-11-22T06:26:25Z", "to": "2026-11-22T06:27:25Z", "cause": "orders/paid"},
        }
        assert how["wechat/shop"]["list"] == {"ended": True, "untold": 2, "untold_at": "2026-11-22T06:27:25Z"}
        assert how["wechat/shop"]["quarantined"] == {"count": 2, "more": False}
        assert how["wechat/other"]["subscriptions"] is how["wechat/other"]["list"] is None
        assert how["wechat/other"]["quarantined"] == {"count": 0, "more": False}
        assert set(self.ask(shop, accounts="[wechat/other]")) == {"wechat/other"}
        counted = OrderLists(client, "Orders").exceptions_by_account("quarantine", most=1)
        assert counted == ({("wechat", "shop"): 1}, True)


def test_M5_a_refunds_actions_are_what_the_desk_would_answer(shop):
    shop.pay("PAID")
    shop.ask("PAID", "rf1", by="anna")
    machine = {"sub": "spa", "username": ""}

    def approve(**claims: str) -> Any:
        (row,) = call(shop.cloud, "GET", "/refunds", claims=claims)[1]["refunds"]
        action = row["actions"]["approve"]
        names = {"order_id": "PAID", "refund_id": "rf1"}
        route = "/orders/{platform}/{account}/{order_id}/refunds/{refund_id}/approve"
        status, answer = call(shop.cloud, "POST", route, parameters=names, claims=claims)
        return action["allowed"], action["code"], status, answer.get("code")

    assert approve() == (False, "another_person_needed", 403, "another_person_needed")
    assert approve(**machine) == (False, "person_needed", 403, "person_needed")
    assert approve(sub="ben", scope="orders:read") == (False, "scope_missing", 403, "scope_missing")
    assert approve(sub="ben") == (True, None, 200, None)
    (row,) = call(shop.cloud, "GET", "/refunds", claims={"sub": "ben"})[1]["refunds"]
    assert row["actions"]["approve"]["code"] == row["actions"]["reject"]["code"] == "refund_is_already"


def test_a_refunds_row_says_what_of_its_order_is_paid_and_left(shop):
    shop.pay("PAID")
    shop.ask("PAID", "rf1")

    (row,) = call(shop.cloud, "GET", "/refunds", queryStringParameters={"status": "requested,approved"})[1]["refunds"]

    assert row["order"]["paid"] == {"minor": 8800, "currency": "CNY"}
    assert row["order"]["left"] == {"minor": 7800, "currency": "CNY"}


def test_an_account_is_written_with_its_platform():
    with pytest.raises(UnprocessableError):
        Overview(OrderLists(None, "Orders"), from_claims(PERSON)).counts("shop")
