"""The daily bill against WeChat's simulator: what differs is found, asked about, kept and settled."""

import csv
import datetime
import io
import json
from typing import Any

import pytest

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Queried,
    RefundReported,
    RefundRequested,
    Terms,
    Verified,
)
from countersign.store import account_names, codec
from countersign.store.cursors import write_cursor
from countersign.store.reconciliation import Day, ReconciliationStore
from sandbox.events import shapes
from tests.functions.conftest import Bus, Cloud, http_event
from tests.functions.test_refund_work import Shop

BEIJING = datetime.timezone(datetime.timedelta(hours=8))
TEN = 10 * 3600


class Books:
    """A shop with three orders of one day, and the bill of that day the next morning."""

    def __init__(self, cloud: Cloud, account: str) -> None:
        self.cloud, self.account = cloud, account
        self.shops = {name: Shop(cloud, account, name) for name in ("ORDER-0001", "ORDER-0002", "ORDER-0003")}
        for shop in self.shops.values():
            shop.buy()
        self.day = f"{datetime.datetime.fromtimestamp(shop.now, BEIJING):%Y-%m-%d}"

    def morning(self, days: int = 1, hour: int = TEN) -> None:
        start = datetime.datetime.fromisoformat(f"{self.day}T00:00:00+08:00")
        self.cloud.clock.move_to(start + datetime.timedelta(days=days, seconds=hour))

    def compare(self, **wanted: str) -> None:
        event = {"compare": wanted} if wanted else shapes.schedule("WechatBillFromTenInBeijing", 0)
        self.cloud.invoke("wechat_bill", event, remaining_ms=900_000)

    def report(self, day: str = "", account: str = "", **members: Any) -> tuple[int, Any]:
        names = {"account": account or self.account, "date": day or self.day}
        event = http_event("GET", "/reconciliation/{account}/{date}", names, **members)
        answer = self.cloud.invoke("merchant_api", event)
        is_json = "json" in answer["headers"]["Content-Type"]
        return answer["statusCode"], json.loads(answer["body"]) if is_json else answer

    def found(self, day: str = "") -> list[tuple[str, str, str]]:
        status, content = self.report(day)
        assert status == 200, content
        return [(row["what"], row["order_id"], row["status"]) for row in content["reports"][0]["differences"]]

    def told(self) -> list[str]:
        return [
            codec.event_id(row)
            for row in self.cloud.table()
            if "emits" in row and row["emits"]["L"][0]["S"] == "reconciliation.difference"
        ]

    def spoil(self, **planted: Any) -> None:
        wanted = {"account": self.account, "date": self.day, **planted}
        assert self.cloud.wechat.simulator.control("bill", wanted)[0] == 200


@pytest.fixture(params=["shop", "classic"])
def books(request: pytest.FixtureRequest, cloud: Cloud) -> Books:
    return Books(cloud, request.param)


@pytest.fixture
def v3(cloud: Cloud) -> Books:
    return Books(cloud, "shop")


def test_a_planted_payment_is_found_asked_about_and_told_once(books):
    books.spoil(more={"STRANGER-01": 500})
    books.morning()

    books.compare()
    books.compare(account=books.account, date=books.day)

    assert books.found() == [("payment_unknown_here", "STRANGER-01", "open")]
    (row,) = books.report()[1]["reports"][0]["differences"]
    assert row["bill"].startswith("5.00 CNY at ")
    assert (row["ours"], row["platform"]) == ("no such order", "knows no such number")
    assert len(books.told()) == 1


def test_another_amount_in_the_bill_is_a_difference_and_moves_nothing(v3):
    v3.spoil(amounts={"ORDER-0002": 8801})
    v3.morning()

    v3.compare()

    assert v3.found() == [("payment_amount", "ORDER-0002", "open")]
    (row,) = v3.report()[1]["reports"][0]["differences"]
    assert (row["bill"][:9], row["ours"], row["platform"]) == ("88.01 CNY", "paid, paid 88.00 CNY", "paid 88.00 CNY")
    assert v3.shops["ORDER-0002"].order().status == "paid"


def test_a_payment_that_the_bill_lacks_is_settled_by_the_next_bill_that_has_it(v3):
    v3.spoil(without=["ORDER-0003"])
    v3.morning()
    v3.compare()
    assert v3.found() == [("payment_missing_in_bill", "ORDER-0003", "open")]
    number = v3.shops["ORDER-0003"].order().payments[0].transaction_id

    trade = v3.cloud.wechat.simulator._ledger.find("1900099001", "ORDER-0003")
    trade.paid_at += 86400  # the bill of the next day has it
    v3.morning(2)
    v3.compare()

    assert v3.found() == [("payment_missing_in_bill", "ORDER-0003", "resolved")]
    (row,) = v3.report()[1]["reports"][0]["differences"]
    assert row["subject"] == number
    assert row["resolution"].startswith("in the bill of ")


def test_a_payment_in_the_mini_store_is_not_looked_for_in_the_merchants_bill(v3):
    key = OrderKey("wechat", "shop", "3705115058471208928")
    store, now = v3.shops["ORDER-0001"].store, v3.shops["ORDER-0001"].now
    terms = Terms(Money(4400, "CNY"), "store", "store", "d", now, now + 7200, external=True)
    for fact in (OrderCreated(terms), Paid("42000", Money(4400, "CNY"), now)):
        store.record(Change(key, fact, Queried(), "query", "", "store"), now=now)
    v3.morning()

    v3.compare()

    assert store.get(key).status == "paid"
    assert v3.found() == []


def test_a_refund_made_elsewhere_is_recorded_as_taken_and_asked_about(books):
    shop = books.shops["ORDER-0001"]
    shop.wechat("refund", amount=300, out_refund_no="CONSOLE-1", notify=False)
    books.morning()

    books.compare()

    assert books.found() == [("refund_missing_here", "ORDER-0001", "resolved")]
    refund = shop.refund("CONSOLE-1")
    assert (refund.status, refund.source, refund.amount.minor) == ("processing", "console", 300)
    assert shop.order().refunded == 0
    shop.work(61)
    assert (shop.refund("CONSOLE-1").status, shop.order().refunded) == ("succeeded", 300)


def refunded(shop: Shop, minor: int = 1000) -> None:
    shop.approved("rf1", minor)
    shop.work()
    shop.settle()
    shop.work(61)
    assert shop.refund().status == "succeeded"


def test_our_refunds_are_compared_too(books):
    refunded(books.shops["ORDER-0001"])
    books.morning()
    books.compare()

    assert books.found() == []
    assert books.report()[1]["reports"][0]["bill"]["refunded"] == {"minor": 1000, "currency": "CNY"}


def test_a_refund_that_the_bill_lacks_or_has_with_another_amount_is_a_difference(v3):
    refunded(v3.shops["ORDER-0001"])
    v3.spoil(without=["rf1"])
    v3.morning()
    v3.compare()
    assert v3.found() == [("refund_missing_in_bill", "ORDER-0001", "open")]

    v3.spoil(amounts={"rf1": 999})
    v3.compare(account="shop", date=v3.day)
    assert sorted(v3.found()) == [
        ("refund_amount", "ORDER-0001", "open"),
        ("refund_missing_in_bill", "ORDER-0001", "resolved"),
    ]


def test_running_again_settles_what_is_no_longer_found_and_opens_it_again(v3):
    v3.spoil(amounts={"ORDER-0002": 1})
    v3.morning()
    v3.compare()
    v3.spoil()
    v3.compare(account="shop", date=v3.day)
    assert v3.found() == [("payment_amount", "ORDER-0002", "resolved")]

    v3.spoil(amounts={"ORDER-0002": 1})
    v3.compare(account="shop", date=v3.day)

    assert v3.found() == [("payment_amount", "ORDER-0002", "open")]
    assert len(v3.told()) == 1


def test_before_ten_the_bill_of_the_day_before_yesterday_is_the_latest(v3):
    v3.morning(hour=TEN - 1)
    v3.compare()

    assert v3.report()[0] == 404


def test_a_bill_that_is_not_made_yet_is_asked_for_again(books):
    books.morning()
    books.cloud.wechat.simulator.faults({"bill_creating": {"match": books.account}})
    books.compare()
    (report,) = books.report()[1]["reports"]
    assert report["status"] == "waiting"

    books.compare()

    assert books.report()[1]["reports"][0]["status"] == "done"


@pytest.mark.parametrize("fault", ["truncated", "error500", "not_json", "forged_response", "unsigned_response"])
def test_a_bill_that_cannot_be_believed_is_not_used(v3, fault):
    v3.morning()
    v3.cloud.wechat.simulator.faults({fault: {"match": "/v3/bill", "count": 1}})
    v3.compare()
    assert v3.report()[1]["reports"][0]["status"] == "waiting"
    assert v3.found() == []

    v3.compare()

    assert v3.report()[1]["reports"][0]["status"] == "done"


def test_another_file_than_was_announced_is_refused(v3, monkeypatch):
    v3.morning()
    offer = v3.cloud.wechat.simulator._v3._bills.offer
    monkeypatch.setattr(v3.cloud.wechat.simulator._v3._bills, "offer", lambda *given: (offer(*given)[0], "0" * 40))

    v3.compare()

    report = v3.report()[1]["reports"][0]
    assert (report["status"], "announced" in report["reason"]) == ("waiting", True)


@pytest.mark.parametrize("account", ["shop", "classic"])
def test_a_day_without_business_has_no_bill_and_is_done(cloud, account):
    books = Books.__new__(Books)
    books.cloud, books.account, books.shops = cloud, account, {}
    books.day = "2026-11-20"
    books.morning()

    books.compare()

    assert books.report()[1]["reports"][0]["status"] == "nothing"


def test_a_day_that_was_missed_is_made_up_for(v3):
    v3.morning()
    v3.compare()
    third = str(datetime.date.fromisoformat(v3.day) + datetime.timedelta(days=2))

    v3.morning(4)
    v3.compare()

    assert v3.report(third)[1]["reports"][0]["status"] == "nothing"


def test_one_account_that_cannot_be_compared_does_not_stop_the_others(cloud):
    for account in ("shop", "classic"):
        books = Books(cloud, account)
    books.morning()
    cloud.wechat.simulator.faults({"error500": {"match": "/v3/bill", "count": 10}})

    books.compare()

    assert books.report(account="classic")[1]["reports"][0]["status"] == "done"
    assert books.report(account="shop")[1]["reports"][0]["status"] == "waiting"


def test_two_runs_do_not_compare_one_day_together(v3):
    v3.morning()
    rows = ReconciliationStore(v3.cloud.dynamodb, "Orders")
    assert rows.begin(Day("wechat", "shop", v3.day), now=v3.shops["ORDER-0001"].now)

    v3.compare()

    assert [line for line in v3.cloud.wechat.sent if "tradebill" in line] == []


def test_reports_are_bounded_by_the_tokens_accounts(v3):
    v3.morning()
    v3.compare()
    other = {"sub": "eve", "accounts": "[wechat/classic]"}

    assert v3.report(claims=other)[0] == 404
    assert v3.report(queryStringParameters={"platform": "wechat"})[0] == 200
    assert v3.report(queryStringParameters={"platform": "douyin"})[0] == 404
    assert v3.report(day="2026-13-99")[0] == 404
    assert v3.report(day="yesterday")[0] == 400


def test_G6_the_csv_holds_no_formulas(v3):
    numbers = ["-2+3|cmd_x", "@SUM*1*-_|"]
    v3.spoil(more=dict.fromkeys(numbers, 500))
    v3.morning()
    v3.compare()

    answer = v3.report(queryStringParameters={"format": "csv"})[1]

    rows = list(csv.DictReader(io.StringIO(answer["body"].removeprefix("\ufeff"))))
    assert sorted(row["order_id"] for row in rows) == sorted(f"'{number}" for number in numbers)
    assert {row["platform"] for row in rows} == {"wechat"}
    assert answer["headers"]["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["headers"]["content-disposition"]
    by_header = v3.report(headers={"accept": "text/csv"})[1]
    assert by_header["body"] == answer["body"]


def test_a_refund_told_by_the_bill_is_one_refund_with_its_notice(v3):
    shop = v3.shops["ORDER-0001"]
    shop.wechat("refund", amount=300, out_refund_no="CONSOLE-1", notify=False)
    v3.morning()
    v3.compare()

    done = RefundReported("CONSOLE-1", Money(300, "CNY"), "succeeded", total=Money(8800, "CNY"), at=shop.now)
    shop.store.record(Change(shop.key, done, Verified("k"), "notify", "1900099001", "v3"), now=shop.now)

    assert shop.order().refunded == 300
    asked = RefundRequested("rf9", Money(8501, "CNY"), "", shop.now)
    assert shop.store.record(Change(shop.key, asked, Operator("ben"), "operator"), now=shop.now).outcome == "refused"


def test_a_flood_of_differences_is_bounded_and_counted(v3, monkeypatch):
    monkeypatch.setattr("countersign.workers.reconcile.MAX_KEPT", 2)
    monkeypatch.setattr("countersign.workers.reconcile.MAX_ASKED", 1)
    v3.spoil(more={f"STRANGER-{number}": 100 for number in range(5)})
    v3.morning()

    v3.compare()

    (report,) = v3.report()[1]["reports"]
    assert (len(report["differences"]), report["bill"]["differences"]) == (2, 5)
    assert sorted(row["platform"] for row in report["differences"]) == [
        "knows no such number",
        "not asked: too many differences",
    ]
    assert len([line for line in v3.cloud.wechat.sent if "STRANGER" in line]) == 1


def test_an_earlier_difference_that_became_known_is_settled(v3):
    v3.spoil(more={"STRANGER-9": 100})
    v3.morning()
    v3.compare()
    number = v3.report()[1]["reports"][0]["differences"][0]["subject"]
    key = OrderKey("wechat", "shop", "STRANGER-9")
    store = v3.shops["ORDER-0001"].store
    now = v3.shops["ORDER-0001"].now
    terms = Terms(Money(100, "CNY"), "v3", "jsapi", "d", now, now + 7200)
    store.record(Change(key, OrderCreated(terms), Operator("m"), "merchant", "1900099001", "v3"), now=now)
    paid = Paid(number, Money(100, "CNY"), now - 86400)
    store.record(Change(key, paid, Verified("k"), "notify", "1900099001", "v3"), now=now)

    v3.morning(2)
    v3.compare()

    assert v3.found() == [("payment_unknown_here", "STRANGER-9", "resolved")]


def test_a_range_says_for_each_day_whether_it_was_compared_and_how_much_differs(v3):
    v3.spoil(more={"STRANGER-01": 500})
    v3.morning()
    v3.compare()

    def days(first: str, last: str, account: str = "wechat/shop") -> tuple[int, Any]:
        query = {"account": account, "from": first, "to": last}
        answer = v3.cloud.invoke("merchant_api", http_event("GET", "/reconciliation", {}, queryStringParameters=query))
        return answer["statusCode"], json.loads(answer["body"])

    status, found = days(v3.day, v3.day)
    (day,) = found["days"]
    assert (status, day["date"], day["status"]) == (200, v3.day, "done")
    assert day["differences"] == {"open": 1, "resolved": 0}
    assert days("2026-01-01", "2026-02-01")[1]["code"] == "too_many_days"
    assert days("2026-01-02", "2026-01-01")[1]["code"] == "dates_reversed"
    assert days(v3.day, v3.day, "douyin/shop")[1]["days"] == []


class TestLines:
    def ask(self, books: Books, day: str = "", account: str = "shop", **query: str) -> tuple[int, Any]:
        route, names = "GET /reconciliation/{account}/{date}/lines", {"account": account, "date": day or books.day}
        asked = {"platform": "wechat", **query}
        claims = {"accounts": asked.pop("sees", "[*]")}
        event = http_event(*route.split(" "), names, queryStringParameters=asked, claims=claims)
        answer = books.cloud.invoke("merchant_api", event)
        return answer["statusCode"], json.loads(answer["body"])

    def pages(self, books: Books, **query: str) -> list[list[str]]:
        found: list[list[str]] = []
        cursor = ""
        while True:
            status, page = self.ask(books, cursor=cursor, **query)
            assert status == 200, page
            if page["cursor"] == cursor:
                assert page["lines"] == []
                return found
            cursor = page["cursor"]
            found.append([line["order_id"] for line in page["lines"]])

    def test_pages_of_a_days_lines_join_to_its_report(self, v3):
        v3.spoil(more={f"STRANGER-{number}": 500 for number in range(5)}, without=["ORDER-0003"])
        v3.morning()
        v3.compare()
        whole = v3.report()[1]["reports"][0]["differences"]

        pages = self.pages(v3, limit="2")

        assert [len(page) for page in pages] == [2, 2, 2]
        assert [number for page in pages for number in page] == [line["order_id"] for line in whole]
        assert self.ask(v3)[1]["lines"] == whole

    def test_open_and_resolved_ones_are_lists_of_their_own_in_the_callers_language(self, v3):
        v3.spoil(more={"STRANGER-1": 500})
        v3.shops["ORDER-0001"].wechat("refund", amount=300, out_refund_no="CONSOLE-1", notify=False)
        v3.morning()
        v3.compare()

        def said(**query: str) -> list[tuple[str, str]]:
            return [(line["order_id"], line["status"]) for line in self.ask(v3, **query)[1]["lines"]]

        assert said(status="open") == [("STRANGER-1", "open")]
        assert said(status="resolved") == [("ORDER-0001", "resolved")]
        assert len(said(status="open,resolved")) == len(said()) == 2
        assert self.pages(v3, status="resolved", limit="1") == [["ORDER-0001"]]
        (english,), (chinese,) = (self.ask(v3, status="open", lang=lang)[1]["lines"] for lang in ("en", "zh"))
        assert english["meaning"].isascii()
        assert not chinese["meaning"].isascii()

    def test_what_there_is_not_is_said_by_its_code(self, v3):
        assert self.ask(v3)[1]["code"] == "no_such_report"
        v3.morning()
        v3.compare()

        assert self.ask(v3)[1]["lines"] == []
        assert self.ask(v3, platform="douyin")[1]["code"] == "no_such_report"
        assert self.ask(v3, sees="[wechat/classic]")[1]["code"] == "no_such_account"
        status, problem = self.ask(v3, status="opened")
        assert (status, problem["code"], problem["args"]["name"]) == (422, "word_is_one_of", "status")
        assert self.ask(v3, platform="")[0] == 422
        assert self.ask(v3, day="yesterday")[0] == 400
        for place in ("", "zzz", "douyin#DIFF#payment_amount#1", "wechat#DIFF#\u00e9", "wechat#SUMMARY"):
            cursor = write_cursor((0, place)) if place else "nonsense"
            assert self.ask(v3, cursor=cursor)[0] == 400


class TestPeople:
    """What people decide about a comparison."""

    def ask(self, books: Books, what: str, day: str = "", claims: dict[str, str] | None = None, **body: str) -> Any:
        names = {"account": "shop", "date": day or books.day}
        if what == "resolve":
            what = "differences/{difference_id}/resolve"
            names["difference_id"] = body.pop("name")
        members = {"body": json.dumps({"platform": "wechat", **body}), "claims": claims or {}}
        event = http_event("POST", f"/reconciliation/{{account}}/{{date}}/{what}", names, **members)
        answer = books.cloud.invoke("decisions_api", event)
        return answer["statusCode"], json.loads(answer["body"])

    def stranger(self, books: Books) -> str:
        # A container that is warm from another test marked the account then, in another table.
        account_names.unmarked.add(("wechat", "shop"))
        account_names.mark(books.cloud.dynamodb, "Orders")
        books.spoil(more={"STRANGER-1": 500})
        books.morning()
        books.compare()
        (line,) = books.report()[1]["reports"][0]["differences"]
        return str(line["id"])

    def test_a_day_is_compared_again_when_somebody_asks(self, v3, monkeypatch):
        bus = Bus()
        monkeypatch.setattr(v3.cloud.module("decisions_api"), "events", bus)
        self.stranger(v3)
        v3.spoil()

        asked = {"account": "wechat/shop", "date": v3.day, "compare": "asked"}
        assert self.ask(v3, "compare") == (202, asked)
        (entry,) = bus.entries
        assert entry["DetailType"] == "bill.due"
        told = {"source": entry["Source"], "detail-type": "bill.due", "detail": json.loads(entry["Detail"])}
        v3.cloud.invoke("wechat_bill", told, remaining_ms=900_000)

        assert v3.found() == [("payment_unknown_here", "STRANGER-1", "resolved")]

    def test_where_the_bus_loses_the_wish_the_next_run_compares(self, v3, monkeypatch):
        monkeypatch.setattr(v3.cloud.module("decisions_api"), "events", Bus(failed=1))
        self.stranger(v3)
        v3.spoil()

        assert self.ask(v3, "compare")[0] == 202
        v3.compare()

        assert v3.found() == [("payment_unknown_here", "STRANGER-1", "resolved")]

    def test_what_a_person_has_explained_is_not_opened_again(self, v3):
        name = self.stranger(v3)

        status, line = self.ask(v3, "resolve", name=name, note="sold at the counter")
        assert (status, line["status"], line["note"]) == (200, "resolved", "sold at the counter")
        assert line["resolved_by"] == "anna"
        assert self.ask(v3, "resolve", name=name, note="sold at the counter")[0] == 200
        status, problem = self.ask(v3, "resolve", name=name, note="something else")
        assert (status, problem["code"]) == (409, "difference_resolved")

        v3.compare(account="shop", date=v3.day)
        assert v3.found() == [("payment_unknown_here", "STRANGER-1", "resolved")]
        assert v3.report()[1]["reports"][0]["bill"]["resolved"] == 1

    def test_who_explained_is_named_beside_the_lines_the_report_and_in_the_csv(self, v3):
        name = self.stranger(v3)
        assert v3.report()[1]["people"] == {}
        anna = {"sub": "anna", "name": "=Anna & Co"}
        assert self.ask(v3, "resolve", name=name, note="sold at the counter", claims=anna)[0] == 200

        wanted = {"anna": "=Anna & Co"}
        assert v3.report()[1]["people"] == wanted
        assert TestLines().ask(v3)[1]["people"] == wanted
        answer = v3.report(queryStringParameters={"format": "csv"})[1]
        (row,) = csv.DictReader(io.StringIO(answer["body"].removeprefix("\ufeff")))
        assert (row["resolved_by"], row["resolved_by_name"]) == ("anna", "'=Anna & Co")

    def test_what_cannot_be_asked_is_refused_by_its_code(self, v3):
        name = self.stranger(v3)
        blind = {"accounts": "[wechat/classic]"}

        def code(what: str, **wanted: Any) -> tuple[int, str]:
            status, problem = self.ask(v3, what, **wanted)
            return status, problem["code"]

        today = (datetime.date.fromisoformat(v3.day) + datetime.timedelta(days=1)).isoformat()
        assert code("compare", day=today) == (422, "no_bill_yet")
        assert code("compare", platform="shopify") == (422, "no_bills")
        assert code("compare", claims=blind) == (404, "no_such_account")
        assert code("compare", platform="douyin") == (404, "no_such_account")
        assert code("resolve", name=name, note="x", claims=blind) == (404, "no_such_account")
        assert code("resolve", name=name, note="x", claims={"username": ""}) == (403, "person_needed")
        for other in ("payment_amount.1", "SUMMARY", "nothing", f"{name}1", "\u00e9"):
            assert code("resolve", name=other, note="x") == (404, "no_such_difference")
        assert [self.ask(v3, "compare")[0] for _ in range(6)] == [202] * 5 + [429]
        assert v3.found() == [("payment_unknown_here", "STRANGER-1", "open")]

    def test_who_decided_is_in_the_accounts_activity(self, v3):
        name = self.stranger(v3)
        self.ask(v3, "compare")
        self.ask(v3, "resolve", name=name, note="sold at the counter")

        event = http_event("GET", "/activity", {}, queryStringParameters={"account": "wechat/shop"})
        found = json.loads(v3.cloud.invoke("merchant_api", event)["body"])["activity"]

        # Both in one second: then their order is no order.
        assert {row["what"] for row in found} == {"difference_resolved", "bill_comparison_asked"}


def test_B13_the_csv_begins_with_a_byte_order_mark(v3):
    v3.morning()
    v3.compare()

    _, answer = v3.report(queryStringParameters={"format": "csv"})

    assert answer["body"].startswith("\ufeffplatform,")
