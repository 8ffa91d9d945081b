"""An order's story: one sequence of events, notices, notes and looks; what people add is recorded under their names."""

import base64
import json
from typing import Any

import pytest

from countersign.errors import StoreUnavailableError
from countersign.orders.changes import OrderKey
from countersign.store import evidence, journal
from tests.functions.conftest import FOLDER, NOW, Cloud
from tests.functions.test_create_payment import create
from tests.functions.test_notices import EMAIL, Shop
from tests.functions.test_orders_api import ORDER, call

SEEING = {"scope": "orders:read evidence:read", "sub": "olga", "name": "Olga O."}
Json = dict[str, Any]


@pytest.fixture
def told(cloud: Cloud) -> Cloud:
    """Return a cloud with an order that WeChat told of, with its bytes."""
    create(cloud, order_id="EV-paid-v3")
    cloud.invoke("wechat_notify", json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text()))
    return cloud


def story(cloud: Cloud, order_id: str = "EV-paid-v3", **query: str) -> tuple[list[Json], str]:
    status, answer = call(cloud, "GET", f"{ORDER}/timeline", order_id, queryStringParameters=query)
    assert status == 200, answer
    return answer["timeline"], answer["cursor"]


def activity(cloud: Cloud, **query: str) -> tuple[list[Json], str]:
    asked = {"account": "wechat/shop", **query}
    status, answer = call(cloud, "GET", "/activity", queryStringParameters=asked)
    assert status == 200, answer
    return answer["activity"], answer["cursor"]


def paid_event(cloud: Cloud) -> str:
    (found,) = [row["event_id"] for row in story(cloud)[0] if row.get("kind") == "paid"]
    return str(found)


def look(cloud: Cloud, event_id: str, **claims: str) -> tuple[int, Json]:
    route = f"{ORDER}/events/{{event_id}}/evidence"
    status, answer = call(cloud, "POST", route, "EV-paid-v3", parameters={"event_id": event_id}, claims=claims)
    return status, answer


def note(cloud: Cloud, text: str, order_id: str = "EV-paid-v3", once: str = "", **claims: str) -> tuple[int, Json]:
    headers = {"idempotency-key": once} if once else {}
    body = json.dumps({"note": text}, ensure_ascii=False)
    status, answer = call(cloud, "POST", f"{ORDER}/notes", order_id, body=body, headers=headers, claims=claims)
    return status, answer


class TestTimeline:
    def test_everything_about_an_order_is_one_sequence_in_both_directions(self, told):
        told.clock.shift(60)
        assert note(told, "付款人来电\n问何时发货", name="Anna A.")[0] == 201
        told.clock.shift(60)
        assert look(told, paid_event(told), **SEEING)[0] == 200

        newest, _ = story(told)
        oldest, _ = story(told, sort="at")

        assert [(row["type"], row.get("kind")) for row in oldest] == [
            ("event", "opened"),
            ("event", "prepared"),
            ("event", "paid"),
            ("note", None),
            ("look", None),
        ]
        assert newest == oldest[::-1]
        assert (newest[1]["note"], newest[1]["by"]) == ("付款人来电\n问何时发货", {"id": "anna", "name": "Anna A."})
        assert newest[0]["by"] == {"id": "olga", "name": "Olga O."}
        assert newest[0]["at"] > newest[1]["at"] > newest[2]["at"]

    @pytest.mark.parametrize("sort", ["at", "-at"])
    def test_its_pages_join_although_much_stands_at_one_second(self, told, sort):
        for number in range(7):
            assert note(told, f"note {number}")[0] == 201
        whole = story(told, sort=sort)[0]
        assert len(whole) == 10

        pages, cursor = [], ""
        while True:
            page, following = story(told, sort=sort, limit="3", cursor=cursor)
            if following == cursor:
                break
            pages += page
            cursor = following

        assert pages == whole

    def test_notices_stand_in_it_and_its_words_are_in_the_callers_language(self, cloud):
        shop = Shop(cloud)
        shop.notices(mail=EMAIL)
        shop.buy()
        shop.tell()

        (notice,) = [row for row in story(cloud, "ORDER-0001", lang="zh")[0] if row["type"] == "notice"]

        assert (notice["name"], notice["status"], len(notice["notice_id"])) == ("mail", "sent", 32)
        said = [row["reason"] for row in story(cloud, "ORDER-0001", lang="zh")[0] if row["type"] == "event"]
        assert "已支付 88.00 CNY，与订单金额一致" in said

    @pytest.mark.parametrize("query", [{"sort": "odd"}, {"limit": "0"}, {"limit": "101"}, {"of": "x"}])
    def test_what_it_does_not_know_is_refused(self, told, query):
        assert call(told, "GET", f"{ORDER}/timeline", "EV-paid-v3", queryStringParameters=query)[0] == 422

    def test_outside_the_tokens_accounts_there_is_none(self, told):
        outside = {"claims": {"accounts": "[wechat/other]"}}
        assert call(told, "GET", f"{ORDER}/timeline", "EV-paid-v3", **outside)[0] == 404
        assert note(told, "x", accounts="[wechat/other]")[0] == 404
        assert look(told, paid_event(told), **SEEING, accounts="[wechat/other]")[0] == 404


class TestNotes:
    def test_the_same_call_again_is_the_same_note_and_another_one_is_refused(self, told):
        first, again = note(told, "called back", once="k1"), note(told, "called back", once="k1")
        other = note(told, "did not call back", once="k1")

        assert first == again
        assert (other[0], other[1]["code"]) == (422, "key_used_for_another_note")
        assert [row["type"] for row in story(told)[0]].count("note") == 1

    def test_a_machine_writes_none(self, told):
        status, answer = note(told, "x", sub="machine", client_id="machine", username="")

        assert (status, answer["code"]) == (403, "person_needed")
        assert [row["type"] for row in story(told)[0]].count("note") == 0

    @pytest.mark.parametrize("text", ["", "x" * 2001, "a\u0007b"])
    def test_what_is_no_note_is_refused(self, told, text):
        assert note(told, text)[0] == 400

    def test_no_order_no_note(self, cloud):
        assert note(cloud, "x", "NOBODY-1")[0] == 404


class TestEvidence:
    def test_the_bytes_are_shown_as_they_came_and_the_look_is_recorded(self, told):
        sent = json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text())["body"]
        event_id = paid_event(told)
        [digest] = [row["digest"] for row in story(told)[0] if row.get("event_id") == event_id]

        status, answer = look(told, event_id, **SEEING)

        assert status == 200
        raw = base64.b64decode(answer["base64"])
        assert raw in (sent.encode(), base64.b64decode(sent) if not sent.startswith("{") else b"")
        assert (answer["text"], answer["digest"], answer["intact"]) == (raw.decode(), digest, True)
        assert [row["event_id"] for row in story(told)[0] if row["type"] == "look"] == [event_id]
        (deed,) = activity(told, person="olga")[0]
        assert (deed["what"], deed["order_id"], deed["subject"]) == ("evidence_seen", "EV-paid-v3", event_id)

    def test_without_its_scope_nothing_is_shown_or_recorded(self, told):
        status, answer = look(told, paid_event(told))

        assert (status, answer["code"], answer["args"]) == (403, "scope_missing", {"scope": "evidence:read"})
        assert [row for row in story(told)[0] if row["type"] == "look"] == []

    def test_what_cannot_be_recorded_is_not_shown(self, told, monkeypatch):
        def down(*_arguments: object, **_options: object) -> None:
            raise StoreUnavailableError("DynamoDB does not answer")

        monkeypatch.setattr(journal, "add_look", down)
        status, answer = look(told, paid_event(told), **SEEING)

        assert status == 503
        assert "base64" not in answer

    def test_an_event_without_bytes_or_whose_bytes_were_erased_says_so(self, told):
        event_id = paid_event(told)
        (opened,) = [row["event_id"] for row in story(told)[0] if row.get("kind") == "opened"]
        key = OrderKey("wechat", "shop", "EV-paid-v3")

        codes = [look(told, opened, **SEEING)[1]["code"], look(told, "paid.notify.0", **SEEING)[1]["code"]]
        assert evidence.erase(told.dynamodb, "Orders", key, event_id, now=NOW)
        codes.append(look(told, event_id, **SEEING)[1]["code"])

        assert codes == ["no_evidence", "no_such_event", "evidence_erased"]
        assert [row for row in story(told)[0] if row["type"] == "look"] == []

    def test_what_is_too_large_to_show_says_how_large_it_is(self, told, monkeypatch):
        event_id = paid_event(told)
        monkeypatch.setattr("countersign.api.story.MOST_AS_TEXT", 10)
        assert look(told, event_id, **SEEING)[1]["text"] is None
        monkeypatch.setattr("countersign.api.story.MOST_SHOWN", 10)

        status, answer = look(told, event_id, **SEEING)

        assert (status, answer["code"]) == (413, "evidence_too_large")
        assert answer["args"]["bytes"] > 10
        assert [row["type"] for row in story(told)[0]].count("look") == 1


class TestNoticesAgain:
    @pytest.fixture
    def shop(self, cloud: Cloud) -> Shop:
        shop = Shop(cloud)
        shop.notices(mail=EMAIL)
        shop.buy()
        shop.tell()
        return shop

    def again(self, shop: Shop, body: Json | None = None, **claims: str) -> tuple[int, Json]:
        number = shop.listed()["mail"]["notice_id"]
        members: Json = {} if body is None else {"body": json.dumps(body)}
        route = f"{ORDER}/notices/{{notice_id}}/again"
        status, answer = call(shop.cloud, "POST", route, parameters={"notice_id": number}, claims=claims, **members)
        return status, answer

    def test_a_notice_that_was_sent_is_sent_once_more_by_the_next_run(self, shop):
        assert len(shop.mails()) == 1

        status, answer = self.again(shop)

        assert (status, answer["status"]) == (202, "pending")
        assert self.again(shop)[1]["code"] == "notice_under_way"
        shop.minute()
        shop.minute()
        assert (len(shop.mails()), shop.listed()["mail"]["status"]) == (2, "sent")
        assert [deed["what"] for deed in activity(shop.cloud)[0]] == ["notice_again"]

    def test_of_one_that_may_have_been_sent_somebody_must_have_looked(self, shop, monkeypatch):
        row = next(item for item in shop.cloud.table() if item["sk"]["S"].startswith("NOTICE#"))
        shop.cloud.dynamodb.put_item(TableName="Orders", Item={**row, "status": {"S": "unknown"}})

        assert self.again(shop)[1]["code"] == "notice_perhaps_sent"
        assert self.again(shop, {"seen": "not printed"})[0] == 202
        shop.minute()
        assert len(shop.mails()) == 2

    def test_one_that_failed_leaves_the_exceptions_when_it_is_sent_again(self, shop, monkeypatch):
        row = next(item for item in shop.cloud.table() if item["sk"]["S"].startswith("NOTICE#"))
        failed = {"status": {"S": "failed"}, "exception": {"S": "failed_notice#0"}, "listed_at": {"N": str(NOW)}}
        shop.cloud.dynamodb.put_item(TableName="Orders", Item={**row, **failed})
        assert len(shop.exceptions()) == 1

        assert self.again(shop)[0] == 202

        assert shop.exceptions() == []

    def test_it_needs_the_scope_of_shipping_and_a_notice_that_there_is(self, shop):
        assert self.again(shop, scope="orders:read")[1]["code"] == "scope_missing"
        route = f"{ORDER}/notices/{{notice_id}}/again"
        assert call(shop.cloud, "POST", route, parameters={"notice_id": "0" * 32})[1]["code"] == "no_such_notice"


class TestActivity:
    def test_who_decides_is_in_the_accounts_activity_newest_first(self, told):
        amount = {"amount": {"minor": 100, "currency": "CNY"}, "reason": "leaked"}
        ben = {"claims": {"sub": "ben", "name": "Ben"}, "body": json.dumps(amount)}
        asked = call(told, "POST", f"{ORDER}/refunds", "EV-paid-v3", **ben)
        told.clock.shift(5)
        number, route = {"refund_id": asked[1]["refund_id"]}, f"{ORDER}/refunds/{{refund_id}}/approve"
        assert call(told, "POST", route, "EV-paid-v3", parameters=number)[0] == 200
        own = {"parameters": number, "claims": {"sub": "ben"}}
        assert call(told, "POST", route, "EV-paid-v3", **own)[0] == 403

        deeds, _ = activity(told)

        assert [(deed["what"], deed["by"]["id"], deed["by"]["name"], deed["subject"]) for deed in deeds] == [
            ("refund_approved", "anna", None, number["refund_id"]),
            ("refund_asked", "ben", "Ben", None),
        ]
        assert [deed["what"] for deed in activity(told, person="ben")[0]] == ["refund_asked"]

    def test_who_asked_and_who_approved_are_named_beside_an_order_and_a_refund(self, told):
        ben, anna = {"sub": "ben", "name": "Ben & Son"}, {"sub": "anna", "name": "Anna"}
        assert call(told, "GET", ORDER, "EV-paid-v3")[1]["people"] == {}
        amount = json.dumps({"amount": {"minor": 100, "currency": "CNY"}})
        asked = call(told, "POST", f"{ORDER}/refunds", "EV-paid-v3", claims=ben, body=amount)[1]
        number, route = {"refund_id": asked["refund_id"]}, f"{ORDER}/refunds/{{refund_id}}/approve"
        assert call(told, "POST", route, "EV-paid-v3", parameters=number, claims=anna)[0] == 200
        ben["name"] = "Benjamin"  # who is called otherwise by now, and did something since
        note(told, "x", **ben)

        wanted = {"ben": "Benjamin", "anna": "Anna"}
        assert call(told, "GET", ORDER, "EV-paid-v3")[1]["people"] == wanted
        (refund,) = call(told, "GET", "/refunds")[1]["refunds"]
        assert (refund["requested_by"], refund["judged_by"]) == ("ben", "anna")
        assert call(told, "GET", "/refunds")[1]["people"] == wanted
        assert call(told, "GET", f"{ORDER}/timeline", "EV-paid-v3")[1]["people"] == wanted
        # The names stand among the deeds, and are none.
        assert {deed["what"] for deed in activity(told)[0]} == {"refund_asked", "refund_approved", "noted"}

    def test_its_pages_join_and_days_bound_it(self, told):
        for number in range(5):
            note(told, f"note {number}")
            told.clock.shift(1)
        told.clock.shift(86400)
        note(told, "the next day")

        seen, cursor = [], ""
        while True:
            page, following = activity(told, limit="2", cursor=cursor)
            if following == cursor:
                break
            seen += page
            cursor = following
        assert [deed["what"] for deed in seen] == ["noted"] * 6
        assert sorted((deed["at"] for deed in seen), reverse=True) == [deed["at"] for deed in seen]
        assert len(activity(told, **{"from": "2026-11-23", "to": "2026-11-23"})[0]) == 1
        assert len(activity(told, to="2026-11-22")[0]) == 5

    def test_a_cursor_of_another_list_or_of_nobodys_breaks_nothing(self, told):
        note(told, "x")
        long = base64.urlsafe_b64encode(json.dumps([NOW, "9" * 300]).encode()).decode()

        assert activity(told, cursor=long)[0] in ([], activity(told)[0])
        asked = {"account": "wechat/other"}
        assert (
            call(told, "GET", "/activity", queryStringParameters=asked, claims={"accounts": "[wechat/shop]"})[0] == 404
        )

    def test_what_was_decided_stays_decided_although_it_cannot_be_recorded(self, told, monkeypatch):
        def down(*_arguments: object, **_options: object) -> None:
            raise StoreUnavailableError("DynamoDB does not answer")

        monkeypatch.setattr(journal, "add_deed", down)

        assert note(told, "kept")[0] == 201
        assert [row["note"] for row in story(told)[0] if row["type"] == "note"] == ["kept"]
