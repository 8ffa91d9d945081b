"""Message push: what mini programs and mini stores tell becomes orders, evidence or an exception, and nothing leaks."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from countersign.errors import PlatformUnavailableError
from countersign.money import Money
from countersign.orders.changes import Change, Hint, Line, OrderKey, PlatformEvent
from countersign.orders.sentences import sentence
from countersign.orders.state import Order
from countersign.platforms.wechat import connector, settings
from countersign.store import OrderStore
from sandbox.simulators.wechat import pushes
from tests.functions.conftest import FOLDER, NOW, Cloud, excepted, http_event
from tests.functions.test_create_payment import create, pay

ROUTE = "/wechat/{account}/push"
PARTY = "oPusherOfTheMessage0000000001"
DOCUMENTS = {
    name: json.loads((FOLDER.parents[1] / f"tests/accounts/wechat/{name}.json").read_text())
    for name in ("shop", "classic")
}
Json = dict[str, Any]


def message(event: str, at: int = NOW, **fields: Any) -> Json:
    """Return an event as WeChat words it."""
    head = {"ToUserName": "gh_0123456789ab", "FromUserName": PARTY, "CreateTime": at}
    return {**head, "MsgType": "event", "Event": event, **fields}


def store_event(event: str, order_id: str, at: int = NOW, **info: Any) -> Json:
    """Return an event of the mini store."""
    return message(f"channels_ec_order_{event}", at, order_info={"order_id": int(order_id), **info})


def push(
    cloud: Cloud,
    content: Json,
    *,
    account: str = "shop",
    app: str = "store",
    at: int | None = None,
    url: str = "",
    **way: str,
) -> Json:
    """Push a message to the function as the platform does."""
    document = DOCUMENTS[account]
    owner = document["store"] if app == "store" else document
    own = owner["push"]
    keys = own.get("encoding_aes_keys", [""])
    chosen = {"appid": owner["appid"], "mode": own["mode"], "token": own["token"], "aes_key": keys[0], **way}
    query, request = pushes.compose(content, pushes.Way(**chosen), NOW if at is None else at)
    event = http_event(
        "POST",
        ROUTE,
        {"account": url or account},
        body=request.body.decode(),
        headers={"content-type": request.headers["Content-Type"]},
    )
    event |= {"rawQueryString": urlencode(query), "queryStringParameters": query}
    answer: Json = cloud.invoke("wechat_push", event)
    return answer


def poll(cloud: Cloud, seconds: int = 0) -> None:
    """Let some time pass, then the minute's look."""
    cloud.clock.shift(seconds)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})


def control(cloud: Cloud, name: str, **body: Any) -> Json:
    """Make something happen at the platform."""
    status, answer = cloud.wechat.simulator.control(name, {"account": "shop", **body})
    assert status == 200, answer
    return answer


def order(cloud: Cloud, order_id: str, account: str = "shop") -> Order | None:
    """Return an order as it is stored."""
    return OrderStore(cloud.dynamodb, "Orders").get(OrderKey("wechat", account, order_id))


def known(cloud: Cloud, order_id: str, account: str = "shop") -> Order:
    """Return an order that must be there."""
    found = order(cloud, order_id, account)
    assert found is not None
    return found


def asked(cloud: Cloud) -> int:
    """Count the questions to the store."""
    return sum("/channels/ec/order/get" in sent for sent in cloud.wechat.sent)


def events(cloud: Cloud, order_id: str) -> list[Json]:
    """Return an order's events."""
    pk = f"wechat#shop#{order_id}"
    return [item for item in cloud.table() if item["pk"]["S"] == pk and item["sk"]["S"].startswith("EVENT#")]


def emitted(cloud: Cloud) -> list[str]:
    """Return what the bus is to hear."""
    return [word["S"] for item in cloud.table() for word in item.get("emits", {"L": []})["L"]]


class TestStoreOrders:
    def test_a_new_order_is_fetched_and_recorded_with_its_goods(self, cloud: Cloud) -> None:
        made = control(cloud, "store_order", products=[{"title": "茶", "sku_cnt": 2, "sale_price": 1900}], freight=600)
        answer = push(cloud, store_event("new", made["order_id"]))
        assert (answer["statusCode"], answer["body"]) == (200, "success")
        assert order(cloud, made["order_id"]) is None

        poll(cloud)

        found = known(cloud, made["order_id"])
        assert (found.status, found.terms.system, found.terms.method) == ("pending", "store", "store")
        assert found.terms.amount == Money(4400, "CNY")
        assert found.terms.lines == (Line("茶", 2, 1900),)
        assert {item["decision"]["S"] for item in events(cloud, made["order_id"])} == {"applied", "unchanged"}

    def test_a_paid_order_that_nobody_knew_is_paid_after_one_question(self, cloud: Cloud) -> None:
        made = control(cloud, "store_order")
        paid = control(cloud, "store_pay", order_id=made["order_id"])
        push(cloud, store_event("pay", made["order_id"], pay_time=NOW))

        poll(cloud)
        poll(cloud, 60)
        poll(cloud, 3600)

        found = known(cloud, made["order_id"])
        assert (found.status, found.payment.transaction_id) == ("paid", paid["transaction_id"])  # type: ignore[union-attr]
        assert asked(cloud) == 1
        assert emitted(cloud).count("order.paid") == 1
        assert "order.orphan" not in emitted(cloud)

    def test_each_event_of_a_known_order_has_the_store_asked_once(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        poll(cloud)
        control(cloud, "store_pay", order_id=order_id)
        before = asked(cloud)

        push(cloud, store_event("pay", order_id, NOW + 5, pay_time=NOW + 5))
        poll(cloud, 1)

        assert asked(cloud) == before + 1
        assert known(cloud, order_id).status == "paid"

    def test_D1_the_same_event_again_asks_nothing(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        for _ in range(3):  # sealed anew each time
            assert push(cloud, store_event("new", order_id))["body"] == "success"
        poll(cloud)
        before = cloud.table()
        cloud.wechat.sent.clear()

        assert push(cloud, store_event("new", order_id), at=NOW + 60)["body"] == "success"
        poll(cloud, 1)

        assert asked(cloud) == 0
        assert sorted(map(str, cloud.table())) == sorted(map(str, before))

    def test_a_cancelled_order_is_closed(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        poll(cloud)
        control(cloud, "store_cancel", order_id=order_id)

        push(cloud, store_event("cancel", order_id, cancel_type=1))
        poll(cloud, 1)

        assert known(cloud, order_id).status == "closed"

    def test_events_in_any_sequence_end_in_the_same_order(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        control(cloud, "store_pay", order_id=order_id)
        for event in ("confirm", "deliver", "pay", "new"):
            push(cloud, store_event(event, order_id))
        poll(cloud)
        poll(cloud, 60)

        assert known(cloud, order_id).status == "paid"
        assert not [item for item in cloud.table() if "orphan" in item]

    def test_an_unpaid_order_is_never_closed_from_here_and_looked_at_hourly(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        poll(cloud)
        for rung in (10, 20, 90, 480, 1200):
            poll(cloud, rung)
        cloud.wechat.sent.clear()

        for _ in range(30):
            poll(cloud, 3600)

        assert known(cloud, order_id).status == "pending"
        assert len(cloud.wechat.sent) - sum("stable_token" in sent for sent in cloud.wechat.sent) == asked(cloud) == 30
        control(cloud, "store_cancel", order_id=order_id)
        poll(cloud, 3600)
        assert known(cloud, order_id).status == "closed"

    def test_closing_it_is_refused(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        poll(cloud)
        parameters = {"platform": "wechat", "account": "shop", "order_id": order_id}
        event = http_event("POST", "/orders/{platform}/{account}/{order_id}/close", parameters)

        answer = cloud.invoke("merchant_api", event)

        assert answer["statusCode"] == 409
        assert "closed there" in answer["body"]

    def test_an_order_unknown_to_the_store_stays_an_orphan_and_rings_after_fifteen_minutes(self, cloud: Cloud) -> None:
        push(cloud, store_event("new", "3705115058471299999"))
        poll(cloud)
        poll(cloud, 60)
        assert "order.orphan" not in emitted(cloud)

        poll(cloud, 900)

        assert emitted(cloud).count("order.orphan") == 1
        assert [excepted(item) for item in cloud.table() if "exception" in item] == ["orphan"]

    @pytest.mark.parametrize(
        "fault", [{"errcode": {"count": 1, "code": -1}}, {"error500": 1}, {"not_json": 1}, {"truncated": 1}]
    )
    def test_E9_an_answer_that_is_no_answer_is_asked_for_again(self, cloud: Cloud, fault: Json) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        cloud.wechat.simulator.faults(fault)
        poll(cloud)
        assert order(cloud, order_id) is None

        poll(cloud, 60)

        assert known(cloud, order_id).status == "pending"

    def test_an_ended_token_is_replaced(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        poll(cloud)
        control(cloud, "revoke_tokens")
        control(cloud, "store_pay", order_id=order_id)

        poll(cloud, 10)

        assert known(cloud, order_id).status == "paid"

    def test_what_the_store_refuses_to_tell_rings_and_is_not_asked_for_ever(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        push(cloud, store_event("new", order_id))
        cloud.wechat.simulator.faults({"errcode": {"code": 48001, "count": 100}})
        for seconds in (0, 60, 60, 60, 720):
            poll(cloud, seconds)

        assert asked(cloud) == 3
        assert "order.orphan" in emitted(cloud)

    def test_a_refund_of_it_is_a_matter_of_the_stores_console(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        control(cloud, "store_pay", order_id=order_id)
        push(cloud, store_event("pay", order_id))
        poll(cloud)
        parameters = {"platform": "wechat", "account": "shop", "order_id": order_id}
        route = "/orders/{platform}/{account}/{order_id}/refunds"
        body = json.dumps({"reason": "cold"})
        made = cloud.invoke("merchant_api", http_event("POST", route, parameters, claims={"sub": "ben"}, body=body))
        refund = json.loads(made["body"])["refund_id"]
        parameters["refund_id"] = refund
        cloud.invoke("merchant_api", http_event("POST", f"{route}/{{refund_id}}/approve", parameters))
        cloud.wechat.sent.clear()

        cloud.invoke("wechat_refund", {"source": "aws.scheduler"})

        child = OrderStore(cloud.dynamodb, "Orders").refund(OrderKey("wechat", "shop", order_id), refund)
        assert child is not None
        assert (child[1].status, cloud.wechat.sent) == ("needs_action", [])
        assert "platform's console" in str(sentence(child[1].problem))


class TestShippingManagement:
    def managed(self, event: str, number: str = "ORDER-0001", account: str = "shop", **fields: Any) -> Json:
        payment = {"merchant_id": DOCUMENTS[account]["mchid"], "sub_merchant_id": "", "merchant_trade_no": number}
        return message(f"trade_manage_{event}", **payment, transaction_id="42", pay_time=NOW, **fields)

    def test_a_reminder_goes_to_the_bus_and_asks_nobody(self, cloud: Cloud) -> None:
        create(cloud)
        pay(cloud)
        poll(cloud, 10)
        cloud.wechat.sent.clear()

        answer = push(cloud, self.managed("remind_shipping", msg="请尽快发货"), app="")
        poll(cloud, 60)

        assert answer["body"] == "success"
        assert emitted(cloud).count("shipment.overdue") == 1
        assert cloud.wechat.sent == []

    def test_a_settlement_is_evidence_and_asks_nobody(self, cloud: Cloud) -> None:
        create(cloud)
        pay(cloud)
        poll(cloud, 10)
        before, cloud.wechat.sent[:] = known(cloud, "ORDER-0001"), []

        push(cloud, self.managed("order_settlement", estimated_settlement_time=NOW + 900), app="")
        push(cloud, self.managed("order_settlement", settlement_time=NOW + 800), app="")
        poll(cloud, 60)

        assert known(cloud, "ORDER-0001") == before
        assert len([item for item in events(cloud, "ORDER-0001") if item["kind"]["S"] == "signal"]) == 2
        assert cloud.wechat.sent == []

    def test_C13_an_event_about_no_order_is_evidence_and_nobodys_work(
        self, cloud: Cloud, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = self.managed("order_settlement") | {"merchant_id": "1900099009"}
        for content in (message("wxa_media_check", trace_id="1"), message("something_of_next_year"), other):
            assert push(cloud, content, app="")["body"] == "success"
            assert push(cloud, content, app="")["body"] == "success"  # sealed anew, and says the same

        rows = [item for item in cloud.table() if item["pk"]["S"].startswith("NEWS#")]
        words = sorted(row["word"]["S"] for row in rows)
        assert words == ["something_of_next_year", "trade_manage_order_settlement", "wxa_media_check"]
        assert not [item for item in cloud.table() if "exception" in item or "due_at" in item]
        counted = capsys.readouterr().out
        assert "AccountNews" in counted
        assert "Quarantined" not in counted

    def test_what_wechat_wants_of_the_merchant_is_an_exception_that_says_it(self, cloud: Cloud) -> None:
        assert push(cloud, message("trade_manage_remind_access_api", msg="请接入"), app="")["body"] == "success"

        shown = json.loads(cloud.invoke("merchant_api", http_event("GET", "/exceptions", {}))["body"])["exceptions"]
        assert [row["reason"].split()[:3] for row in shown] == [["WeChat", "asks", "the"]]

    def test_what_was_kept_is_read_again_by_hand(self, cloud: Cloud) -> None:
        push(cloud, store_event("new", "3705115058471299999") | {"CreateTime": "soon"})
        push(cloud, message("trade_manage_remind_access_api"), app="")
        day = f"{datetime.fromtimestamp(NOW, UTC):%Y-%m-%d}"

        answer = cloud.invoke("wechat_redrive", {"day": day})

        reasons = sorted(row["reason"] for row in answer["still_refused"])
        assert answer["looked_at"] == 2
        assert [reason.split()[0] for reason in reasons] == ["CreateTime", "WeChat"]

    def test_what_people_write_is_not_kept(self, cloud: Cloud) -> None:
        for kind in ("text", "image", "miniprogrampage"):
            assert push(cloud, message("") | {"MsgType": kind, "Content": "你好"}, app="")["body"] == "success"
        push(cloud, message("subscribe_msg_sent_event"), app="")

        assert cloud.table() == []


class TestHints:
    """The account `classic` has its messages pushed in clear: nothing they say is believed."""

    def hint(self, number: str = "ORDER-0001", at: int = NOW) -> Json:
        owner = {"merchant_id": DOCUMENTS["classic"]["mchid"], "merchant_trade_no": number}
        return message("trade_manage_remind_shipping", at, **owner)

    def send(self, cloud: Cloud, content: Json) -> Json:
        return push(cloud, content, account="classic", app="", aes_key="")

    def test_a_hint_has_the_platform_asked_and_changes_nothing(self, cloud: Cloud) -> None:
        create(cloud, "classic")
        pay(cloud, account="classic")
        assert self.send(cloud, self.hint())["body"] == "success"
        assert known(cloud, "ORDER-0001", "classic").status == "pending"
        assert "shipment.overdue" not in emitted(cloud)

        poll(cloud)

        assert known(cloud, "ORDER-0001", "classic").status == "paid"
        assert not [item for item in cloud.table() if "raw" in item and item["sk"]["S"].startswith("EVENT#signal")]

    def test_a_hint_about_an_order_that_nobody_knows_is_forgotten(self, cloud: Cloud) -> None:
        self.send(cloud, self.hint("NOBODYS-0001"))
        poll(cloud)
        cloud.wechat.sent.clear()
        for _ in range(3):
            poll(cloud, 600)

        assert cloud.wechat.sent == []
        assert emitted(cloud) == []

    def test_a_hint_that_cannot_be_asked_about_is_forgotten(self, cloud: Cloud) -> None:
        self.send(cloud, self.hint("A"))  # too short for the platform's own query
        for _ in range(3):
            poll(cloud, 60)

        assert not [item for item in cloud.table() if "due_at" in item]

    def test_a_hint_about_a_store_order_brings_it_in(self, cloud: Cloud) -> None:
        order_id = control(cloud, "store_order")["order_id"]
        store = DOCUMENTS["shop"]["store"]
        cloud.add_account("open-store", "shop", store={**store, "push": {**store["push"], "mode": "plain"}})

        answer = push(cloud, store_event("new", order_id), mode="plain", url="open-store")
        poll(cloud)

        assert answer["body"] == "success"
        assert known(cloud, order_id, "open-store").terms.system == "store"
        assert not [item for item in cloud.table() if "raw" in item]

    def test_F2_hints_are_limited_and_what_is_signed_is_not(self, cloud: Cloud) -> None:
        answers = [self.send(cloud, self.hint(f"NOBODYS-{number:04}"))["statusCode"] for number in range(62)]

        assert (answers.count(200), answers[60:]) == (60, [429, 429])
        assert push(cloud, store_event("new", "3705115058471299999"))["statusCode"] == 200

    def test_what_nobody_signed_never_fills_the_exceptions(self, cloud: Cloud) -> None:
        answers = [
            self.send(cloud, content)["statusCode"]
            for content in (
                message("something_of_next_year"),
                message("channels_ec_order_new", order_info={"order_id": "~"}),
                self.hint() | {"merchant_id": "1900099009"},
            )
        ]

        assert answers == [200, 400, 200]
        assert cloud.table() == []


def test_F1_a_forged_message_writes_and_asks_nothing(cloud: Cloud) -> None:
    forged = push(cloud, store_event("new", "3705115058471299999"), token="another token")

    assert (forged["statusCode"], forged["body"]) == (401, "InvalidSignatureError")
    assert (cloud.table(), cloud.wechat.sent) == ([], [])


def test_A16_a_replay_hours_later_is_acknowledged_and_changes_nothing(cloud: Cloud) -> None:
    content = store_event("new", "3705115058471299999")
    push(cloud, content)
    before = cloud.table()
    cloud.clock.shift(4 * 3600)

    assert push(cloud, content)["body"] == "success"
    assert sorted(map(str, cloud.table())) == sorted(map(str, before))
    cloud.clock.shift(1)
    assert push(cloud, content)["statusCode"] == 401


@pytest.mark.parametrize("body", ["", "{", "[]", "<xml>", "x" * 70_000])
def test_a_body_that_is_none_is_never_a_500(cloud: Cloud, body: str) -> None:
    query = {"timestamp": str(NOW), "nonce": "1", "signature": "x", "msg_signature": "x"}
    event = http_event("POST", ROUTE, {"account": "shop"}, body=body)

    for given in ({}, {"queryStringParameters": query}, {"queryStringParameters": {**query, "nonce": "1,1"}}):
        assert cloud.invoke("wechat_push", event | given)["statusCode"] in (400, 401, 413)


def test_an_account_without_push_is_404_as_an_unknown_one_and_rings_no_alarm_about_keys(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.add_account("without-push", "shop", push=None, store=None)
    cloud.add_account("broken-push", "shop", push={"token": "t", "encoding_aes_keys": [""]}, store=None)

    assert push(cloud, store_event("new", "1"), url="without-push")["statusCode"] == 404
    assert "KeysUnavailable" not in capsys.readouterr().out
    assert push(cloud, store_event("new", "1"), url="broken-push")["statusCode"] == 503
    event = http_event("GET", ROUTE, {"account": "nobody"})
    assert cloud.invoke("wechat_push", event)["statusCode"] == 404


def test_the_check_of_the_url_is_echoed_as_plain_text(cloud: Cloud) -> None:
    answer = cloud.invoke("wechat_push", json.loads((FOLDER / "wechat_push.url-check.json").read_text()))

    assert (answer["statusCode"], answer["body"]) == (200, "4375120948345356249")
    assert answer["headers"]["content-type"] == "text/plain"


def test_H1_no_person_comes_out_in_a_log_or_stays_in_the_table(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    made = control(cloud, "store_order", openid=PARTY)
    for mode in ("secure", "compatible"):
        push(cloud, store_event("new", made["order_id"]), mode=mode)
        push(cloud, message("something_of_next_year", note=PARTY), app="", mode=mode)
        push(cloud, store_event("new", made["order_id"]), mode=mode, token=PARTY)
        push(cloud, store_event("new", made["order_id"]), mode=mode, appid="wx9999999999999999")
    push(cloud, message("debug_demo"), account="classic", app="", aes_key="")
    poll(cloud)

    assert known(cloud, made["order_id"])
    written = capsys.readouterr().out
    assert written
    for hidden in (PARTY, "王小明", "13800138000", DOCUMENTS["shop"]["push"]["token"]):
        assert hidden not in written
        assert hidden not in str(cloud.table())


def test_E9_an_answer_about_another_order_is_not_believed() -> None:
    told = {"order_id": "43", "status": 10, "create_time": NOW, "order_detail": {"price_info": {"order_price": 1}}}
    mini_store: Any = Answering({"errcode": 0, "order": told})
    unused: Any = None
    reach = connector.Connector("shop", settings.load(DOCUMENTS["shop"]), unused, lambda: mini_store)

    with pytest.raises(PlatformUnavailableError, match="another order"):
        reach.import_order(STORE_NEWS, now=NOW)


STORE_NEWS = Change(OrderKey("wechat", "shop", "42"), PlatformEvent("order"), Hint(), "push", system="store")


class Answering:
    """A mini store that answers one thing."""

    def __init__(self, answer: Json) -> None:
        self.answer = answer

    def call(self, path: str, body: Json) -> Json:
        assert (path, body) == ("/channels/ec/order/get", {"order_id": "42"})
        return self.answer


@pytest.mark.parametrize(
    ("status", "price", "reason"), [(20, 1, "transaction_id"), (10, "1", "order_price"), (10, None, "order_price")]
)
def test_E9_an_answer_of_the_store_that_cannot_be_read_leaves_the_order_as_it_is(
    status: int, price: Any, reason: str
) -> None:
    told = {
        "order_id": "42",
        "status": status,
        "create_time": NOW,
        "order_detail": {"price_info": {"order_price": price}},
    }
    mini_store: Any = Answering({"errcode": 0, "order": told})
    unused: Any = None
    reach = connector.Connector("shop", settings.load(DOCUMENTS["shop"]), unused, lambda: mini_store)

    with pytest.raises(PlatformUnavailableError, match=reason):
        reach.import_order(STORE_NEWS, now=NOW)


def test_an_account_without_a_store_has_nobody_to_ask() -> None:
    unused: Any = None
    without = settings.load({**DOCUMENTS["shop"], "store": None})

    reach = connector.Connector("shop", without, unused, lambda: pytest.fail("asked"))

    assert reach.import_order(STORE_NEWS, now=NOW) == ()
