"""The function that sends notices, against WeChat's simulator, SES and a merchant's endpoint."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sesv2 import sesv2_backends

from countersign import accounts
from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices.outcome import Outcome
from countersign.orders.changes import Change, Closed, Operator, OrderKey, Queried, RefundDecided, RefundRequested
from countersign.runtime import webhook_http
from countersign.store import OrderStore, account_names, codec
from sandbox.events import shapes
from tests.functions.conftest import Cloud, aws, http_event

ORDER = "ORDER-0001"
BUYER, STAFF, SECOND = "oBuyer_CANARY_0001", "oStaff_CANARY_0001", "oStaff_CANARY_0002"
TEMPLATE = "TEMPLATE_of_new_orders"
MAIL = "anna.canary@example.com"
SECRET = "whsec_dGhlIGtleSBvZiB0aGUgdGVzdHMsIDI0KyBieXRlcw=="
STAFF_MESSAGE = {
    "channel": "message",
    "on": ["order.paid"],
    "to": [STAFF],
    "template_id": TEMPLATE,
    "page": "pages/order?id={order_id}",
    "data": {"character_string1": "{order_id}", "amount2": "{paid}", "time3": "{paid_at}", "thing4": "{items}"},
}
BUYER_MESSAGE = {**STAFF_MESSAGE, "to": "buyer", "data": {"phrase1": "{status_zh}", "thing2": "{description}"}}
EMAIL = {
    "channel": "email",
    "on": ["order.paid"],
    "to": [MAIL],
    "from": "shop@notices.example.com",
    "subject": "{event_zh} {order_id}",
    "text": "{items}: {paid}, {paid_at}",
}
SEND = "POST /wechat/cgi-bin/message/subscribe/send"
Json = dict[str, Any]


class Shop:
    """One account, its notices, and the worker."""

    def __init__(self, cloud: Cloud, account: str = "shop") -> None:
        self.cloud, self.account = cloud, account
        self.key = OrderKey("wechat", account, ORDER)
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.secrets = aws("secretsmanager")
        self.ses = aws("sesv2")
        self.ses.create_email_identity(EmailIdentity="notices.example.com")
        self.reset()

    def reset(self) -> None:
        """Make the function read the account's document anew."""
        self.cloud.module("notify").notices_of.platforms.clear()

    def notices(self, **notices: Json) -> None:
        name = f"countersign/test/wechat/{self.account}"
        document = json.loads(self.secrets.get_secret_value(SecretId=name)["SecretString"])
        self.secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**document, "notices": notices}))
        self.reset()

    def buy(self) -> None:
        body = {
            "order_id": ORDER,
            "amount": {"minor": 8800, "currency": "CNY"},
            "description": "奶茶",
            "payer": {"openid": BUYER},
        }
        event = http_event("POST", "/wechat/{account}/payments", {"account": self.account}, body=json.dumps(body))
        assert self.cloud.invoke("wechat_create_payment", event)["statusCode"] == 201
        wanted = {"account": self.account, "out_trade_no": ORDER, "notify": False}
        assert self.cloud.wechat.simulator.control("pay", wanted)[0] == 200
        self.cloud.clock.shift(10)
        self.cloud.invoke("wechat_poll", shapes.schedule("WechatPollEveryMinute", self.now))
        order = self.store.get(self.key)
        assert order is not None and order.status == "paid"

    @property
    def now(self) -> int:
        return int(time.time())

    def told(self, detail_type: str = "order.paid") -> Json:
        """Return what the bus tells of the order's last event that says this."""
        rows = [item for item in self.cloud.table() if {"S": detail_type} in item.get("emits", {}).get("L", [])]
        item = max(rows, key=lambda row: int(row["received_at"]["N"]))
        event_id = codec.event_id(item)
        platform, account, order_id = item["pk"]["S"].split("#")
        detail = {"id": f"{detail_type}.{event_id}", "platform": platform, "account": account, "order_id": order_id}
        more = {"version": 2, "event_id": event_id, "recorded_at": "2026-11-22T06:27:35Z"}
        return shapes.bus(detail_type, {**detail, **more}, self.now)

    def tell(self, detail_type: str = "order.paid") -> None:
        self.cloud.invoke("notify", self.told(detail_type))

    def minute(self, seconds: int = 60) -> None:
        self.cloud.clock.shift(seconds)
        self.cloud.invoke("notify", shapes.schedule("NotifyEveryMinute", self.now))

    def listed(self) -> dict[str, Json]:
        """Return the order's notices as its JSON shows them."""
        parameters = {"platform": "wechat", "account": self.account, "order_id": ORDER}
        event = http_event("GET", "/orders/{platform}/{account}/{order_id}", parameters)
        answer = self.cloud.invoke("merchant_api", event)
        assert answer["statusCode"] == 200, answer
        return {row["name"]: row for row in json.loads(answer["body"])["notices"]}

    def outcome_since(self, name: str) -> tuple[str, int]:
        row = self.listed()[name]
        return row["status"], row["attempts"]

    def exceptions(self) -> list[str]:
        answer = json.loads(self.cloud.invoke("merchant_api", http_event("GET", "/exceptions", {}))["body"])
        return [row["reason"] for row in answer["exceptions"] if row["kind"] == "failed_notice"]

    def messages(self) -> list[Json]:
        return [entry for kind, entry in self.cloud.shown if kind == "message"]

    def mails(self) -> list[Any]:
        return list(sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages)

    def faults(self, **wanted: Any) -> None:
        self.cloud.wechat.simulator.faults(wanted)

    def sends(self) -> int:
        return self.cloud.wechat.sent.count(SEND)

    def consents(self, openid: str, count: int) -> None:
        wanted = {"account": self.account, "openid": openid, "template_id": TEMPLATE, "count": count}
        assert self.cloud.wechat.simulator.control("consents", wanted)[0] == 200


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    shop = Shop(cloud)
    shop.buy()
    return shop


class TestMessages:
    def test_staff_hear_of_a_paid_order_once(self, shop):
        shop.notices(staff=STAFF_MESSAGE)

        shop.tell()
        shop.tell()
        shop.minute()

        (message,) = shop.messages()
        assert message["to"] == STAFF
        assert message["page"] == f"pages/order?id={ORDER}"
        assert message["data"] == {
            "character_string1": ORDER,
            "amount2": "¥88.00",
            "time3": "2026-11-22 14:27",
            "thing4": "奶茶",
        }
        row = shop.listed()["staff"]
        assert (row["event"], row["channel"], row["status"], row["attempts"]) == ("order.paid", "message", "sent", 1)
        assert shop.exceptions() == []

    def test_the_buyer_is_found_by_asking_wechat_and_is_kept_nowhere(self, shop, capsys):
        shop.notices(buyer=BUYER_MESSAGE, staff={**STAFF_MESSAGE, "to": [STAFF, SECOND]}, mail=EMAIL)
        shop.faults(errcode={"code": -1, "match": STAFF})

        shop.tell()
        shop.minute()

        assert sorted(message["to"] for message in shop.messages()) == sorted([BUYER, STAFF, SECOND])
        assert shop.messages()[0]["data"] == {"phrase1": "已支付", "thing2": "奶茶"}
        rows = [item for item in shop.cloud.table() if not item["sk"]["S"].startswith("EVENT#")]
        kept = json.dumps(rows, default=str) + capsys.readouterr().out
        assert not any(person in kept for person in (BUYER, STAFF, SECOND, MAIL))

    def test_a_person_without_consent_is_told_by_another_notice(self, shop):
        shop.notices(staff={**STAFF_MESSAGE, "fallback": "mail"}, mail={**EMAIL, "on": []})
        shop.consents(STAFF, 0)

        shop.tell()

        assert shop.messages() == []
        (mail,) = shop.mails()
        assert mail.subject == f"新订单 {ORDER}"
        assert shop.outcome_since("staff") == ("failed", 1)
        assert shop.listed()["staff"]["reason"].endswith("; mail takes over")
        assert shop.outcome_since("mail") == ("sent", 1)
        assert shop.exceptions() == []

    def test_without_another_notice_it_is_on_the_list_of_exceptions(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.consents(STAFF, 0)

        shop.tell()
        shop.minute(86400)

        assert shop.sends() == 1
        assert shop.exceptions() == [
            "notice staff: no consent is left: each allows one message, and people give them in the mini program"
        ]

    def test_after_two_weeks_it_leaves_the_list_and_stays_with_the_order(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.consents(STAFF, 0)
        shop.tell()

        shop.minute(14 * 86400 - 1)
        assert len(shop.exceptions()) == 1
        shop.minute(1)
        shop.minute(86400)

        assert shop.exceptions() == []
        assert (shop.outcome_since("staff"), shop.sends()) == (("failed", 1), 1)
        assert not [item for item in shop.cloud.table() if item["sk"]["S"].startswith("NOTICE#") and "due_at" in item]

    def test_no_consent_after_a_lost_answer_means_that_it_arrived(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.consents(STAFF, 1)
        shop.faults(errcode={"code": -1, "after": True})

        shop.tell()
        assert shop.outcome_since("staff") == ("pending", 1)
        shop.minute(61)

        assert len(shop.messages()) == 1
        assert shop.sends() == 2
        assert shop.outcome_since("staff") == ("sent", 2)

    def test_a_kill_before_the_answer_was_written_is_a_doubt_too(self, shop, monkeypatch):
        shop.notices(staff=STAFF_MESSAGE)
        shop.consents(STAFF, 1)
        module = shop.cloud.module("notify")
        monkeypatch.setattr(module.NoticeStore, "_write", _killed)
        with pytest.raises(KeyboardInterrupt):
            shop.tell()
        monkeypatch.undo()
        assert shop.listed()["staff"]["status"] == "sending"

        shop.minute(60)
        assert shop.sends() == 1
        shop.minute(61)

        assert (shop.sends(), len(shop.messages())) == (2, 1)
        assert shop.outcome_since("staff") == ("sent", 2)

    def test_e6_a_notice_of_which_every_run_dies_is_given_up(self, shop, monkeypatch):
        shop.notices(staff=STAFF_MESSAGE)
        deaths: list[int] = []

        def deadly(_job: object) -> None:
            deaths.append(1)
            raise KeyboardInterrupt

        monkeypatch.setattr(shop.cloud.module("notify"), "send", deadly)
        with pytest.raises(KeyboardInterrupt):
            shop.tell()
        for _ in range(4):
            with pytest.raises(KeyboardInterrupt):
                shop.minute(121)
        shop.minute(121)
        shop.minute(121)

        assert len(deaths) == 5
        assert shop.exceptions() == [
            "notice staff: given up: 5 attempts ended without a word, so it may have been sent"
        ]

    def test_a_busy_wechat_is_asked_again_by_the_ladder_and_then_no_more(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.faults(errcode={"code": -1, "count": 100})

        shop.tell()
        seen = []
        for wait in (59, 1, 299, 1, 1799, 1, 7199, 1, 86400):
            shop.minute(wait)
            seen.append(shop.sends())

        assert seen == [1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert shop.outcome_since("staff") == ("failed", 5)
        assert shop.exceptions()[0].startswith("notice staff: given up after 5 attempts: WeChat answered errcode -1")

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (40003, "the openid is not one of this mini program's"),
            (40037, "the template is not one of this mini program's"),
            (41030, "the page is not one of this mini program's"),
            (47003, "the template does not take these values"),
            (45009, "WeChat's daily limit of messages is used up"),
            (99999, "WeChat refused: errcode 99999"),
        ],
    )
    def test_a_refusal_is_final_and_said_in_words(self, shop, code, reason):
        shop.notices(staff=STAFF_MESSAGE)
        shop.faults(errcode={"code": code, "count": 100})

        shop.tell()
        shop.minute(86400)

        assert shop.sends() == 1
        assert shop.listed()["staff"]["reason"] == reason
        assert shop.exceptions() == [f"notice staff: {reason}"]

    def test_one_of_two_is_enough_and_the_other_is_named_by_number(self, shop):
        shop.notices(staff={**STAFF_MESSAGE, "to": [STAFF, SECOND]})
        shop.consents(STAFF, 0)

        shop.tell()

        assert [message["to"] for message in shop.messages()] == [SECOND]
        assert shop.outcome_since("staff") == ("sent", 1)
        assert shop.listed()["staff"]["reason"].startswith("1 of 2 did not get it: no consent")

    def test_who_has_it_gets_it_no_second_time(self, shop):
        shop.notices(staff={**STAFF_MESSAGE, "to": [STAFF, SECOND]})
        shop.faults(errcode={"code": -1, "match": SECOND})

        shop.tell()
        shop.minute(61)

        assert [message["to"] for message in shop.messages()] == [STAFF, SECOND]
        assert shop.outcome_since("staff") == ("sent", 2)

    def test_a_token_that_cannot_be_had_leaves_no_doubt(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.consents(STAFF, 0)
        shop.faults(error500={"match": "stable_token"})

        shop.tell()
        assert shop.outcome_since("staff") == ("pending", 1)
        shop.minute(61)

        assert shop.outcome_since("staff") == ("failed", 2)

    def test_an_order_that_nobody_has_paid_has_no_buyer_to_write_to(self, cloud):
        shop = Shop(cloud)
        shop.notices(buyer={**BUYER_MESSAGE, "on": ["order.closed"]})
        body = {"order_id": ORDER, "amount": {"minor": 1, "currency": "CNY"}, "description": "x"}
        event = http_event(
            "POST",
            "/wechat/{account}/payments",
            {"account": "shop"},
            body=json.dumps({**body, "payer": {"openid": BUYER}}),
        )
        assert cloud.invoke("wechat_create_payment", event)["statusCode"] == 201
        shop.store.record(Change(shop.key, Closed(shop.now), Queried(), "query"), now=shop.now)

        shop.tell("order.closed")

        assert shop.outcome_since("buyer") == ("failed", 1)
        assert "names no payer" in shop.listed()["buyer"]["reason"]


def _killed(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt


class TestMails:
    def test_an_e_mail_says_what_its_texts_say(self, shop):
        shop.notices(mail=EMAIL)

        shop.tell()
        shop.tell()

        (mail,) = shop.mails()
        assert (mail.source, mail.destinations["ToAddresses"]) == ("shop@notices.example.com", [MAIL])
        assert (mail.subject, mail.body) == (f"新订单 {ORDER}", "奶茶: ¥88.00, 2026-11-22 14:27")
        assert shop.outcome_since("mail") == ("sent", 1)

    def test_a_sender_that_ses_does_not_know_is_final_and_named_by_the_reason_only(self, shop, capsys):
        shop.notices(mail={**EMAIL, "from": "shop@elsewhere.example.com"})

        shop.tell()
        shop.minute(86400)

        assert shop.outcome_since("mail") == ("failed", 1)
        (reason,) = shop.exceptions()
        assert "SES" in reason and "elsewhere" not in reason + capsys.readouterr().out


class Endpoint(http.server.BaseHTTPRequestHandler):
    """A merchant's system that remembers what it got and answers as it is told to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    monkeypatch.setenv("TRUSTED_WEBHOOK_ORIGINS", f"http://127.0.0.1:{server.server_port}")
    webhook_http.session.cache_clear()
    threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    yield server
    server.shutdown()
    server.server_close()
    webhook_http.session.cache_clear()


def hook(endpoint: Any) -> Json:
    return {"channel": "webhook", "on": ["order.paid"], "url": endpoint.url, "secrets": [SECRET]}


class TestWebhooks:
    def test_the_merchants_system_hears_it_with_the_order_and_without_anybodys_name(self, shop, endpoint):
        shop.notices(erp=hook(endpoint))

        shop.tell()

        ((headers, body),) = endpoint.got
        told = json.loads(body)
        assert headers["webhook-id"] == told["data"]["id"] == shop.told()["detail"]["id"]
        assert (told["type"], told["data"]["version"]) == ("order.paid", 2)
        assert (told["data"]["order"]["order_id"], told["data"]["order"]["status"]) == (ORDER, "paid")
        assert "奶茶" not in body.decode() and BUYER not in body.decode()
        assert shop.outcome_since("erp") == ("sent", 1)

    def test_g2_one_id_for_all_attempts_which_go_on_for_more_than_a_day(self, shop, endpoint):
        shop.notices(erp=hook(endpoint))
        endpoint.status = 503
        shop.tell()
        began = shop.now

        while waits := [
            item["due_at"]["N"]
            for item in shop.cloud.table()
            if item["sk"]["S"].startswith("NOTICE#") and item["status"] == {"S": "pending"}
        ]:
            shop.minute(int(waits[0]) - shop.now)
        lasted = shop.now - began

        assert len(endpoint.got) == 10
        assert len({headers["webhook-id"] for headers, _ in endpoint.got}) == 1
        assert lasted > 24 * 3600
        assert shop.exceptions() == [
            "notice erp: given up after 10 attempts: the merchant's endpoint answered HTTP 503"
        ]

    def test_e15_one_that_is_gone_is_not_asked_again(self, shop, endpoint):
        shop.notices(erp=hook(endpoint))
        endpoint.status = 410

        shop.tell()
        shop.minute(86400)

        assert len(endpoint.got) == 1
        assert shop.outcome_since("erp") == ("failed", 1)

    def test_e15_an_endpoint_that_fails_does_not_hold_up_what_waits_behind_it(self, shop, endpoint):
        shop.notices(erp={**hook(endpoint), "on": ["order.paid", "refund.requested", "refund.approved"]})
        endpoint.status = 500
        for number in range(6):
            shop.cloud.clock.shift(1)
            wish = RefundRequested(f"rf{number}", Money(100, "CNY"), "", shop.now)
            shop.store.record(Change(shop.key, wish, Operator("ben"), "operator"), now=shop.now)
            shop.tell("refund.requested")
        before = len(endpoint.got)
        shop.cloud.clock.shift(600)

        shop.minute(60)

        assert len(endpoint.got) - before == 3
        shop.minute(60)
        assert len(endpoint.got) - before == 6


class TestAccounts:
    def test_a_wrong_notice_fails_alone_and_touches_no_payment(self, shop):
        shop.notices(bad={**STAFF_MESSAGE, "data": {"thing1": "{nothing}"}}, mail=EMAIL)

        shop.tell()

        assert shop.outcome_since("mail") == ("sent", 1)
        assert shop.exceptions() == [
            "notice bad: the account document: data.thing1 has a placeholder that does not exist"
        ]
        again = http_event(
            "POST",
            "/wechat/{account}/payments",
            {"account": "shop"},
            body=json.dumps(
                {
                    "order_id": "ORDER-0002",
                    "amount": {"minor": 100, "currency": "CNY"},
                    "description": "tea",
                    "payer": {"openid": BUYER},
                }
            ),
        )
        assert shop.cloud.invoke("wechat_create_payment", again)["statusCode"] == 201

    def test_nobody_is_told_of_what_nobody_asked_for(self, shop):
        shop.notices(staff={**STAFF_MESSAGE, "on": ["order.closed"]}, off={**EMAIL, "enabled": False})

        shop.tell()
        shop.minute()

        assert shop.listed() == {}
        assert shop.mails() == shop.messages() == []

    def test_a_notice_that_is_switched_off_while_it_waits_is_skipped_quietly(self, shop):
        shop.notices(staff=STAFF_MESSAGE)
        shop.faults(errcode={"code": -1})
        shop.tell()

        shop.notices(staff={**STAFF_MESSAGE, "enabled": False})
        shop.minute(61)

        assert shop.outcome_since("staff") == ("skipped", 2)
        assert (shop.sends(), shop.exceptions()) == (1, [])

    def test_a_store_of_keys_that_is_down_loses_nothing_the_bus_comes_again(self, shop, monkeypatch):
        shop.notices(mail=EMAIL)
        read = accounts._read
        monkeypatch.setattr(accounts, "_read", _down)
        with pytest.raises(Exception, match="does not answer"):
            shop.tell()

        monkeypatch.setattr(accounts, "_read", read)
        shop.tell()

        assert len(shop.mails()) == 1

    def test_times_are_told_in_the_zone_that_the_account_names(self, shop):
        name = "countersign/test/wechat/shop"
        document = json.loads(shop.secrets.get_secret_value(SecretId=name)["SecretString"])
        tokyo = json.dumps({**document, "time_zone": "Asia/Tokyo"})
        shop.secrets.put_secret_value(SecretId=name, SecretString=tokyo)
        shop.notices(mail={**EMAIL, "text": "{paid_at}"})

        shop.tell()

        assert [mail.body for mail in shop.mails()] == ["2026-11-22 15:27"]

    def test_events_of_an_account_that_is_gone_are_nobodys(self, shop):
        event = shop.told()
        event["detail"]["account"] = "gone"

        shop.cloud.invoke("notify", event)

        assert not [item for item in shop.cloud.table() if item["sk"]["S"].startswith("NOTICE#")]

    def test_a_shop_without_a_document_of_its_own_stays_an_account_however_often_it_is_told_of(self, shop):
        # As one that installed an app: its mark says that it is ours, its tokens lie elsewhere.
        account_names.unmarked.add(("wechat", "installed"))
        account_names.mark(shop.cloud.dynamodb, "Orders")
        event = shop.told()
        event["detail"]["account"] = "installed"

        for _ in range(3):
            shop.cloud.invoke("notify", event)

        assert account_names.is_remembered(shop.cloud.dynamodb, "Orders", "wechat", "installed")

    def test_the_time_that_is_left_bounds_a_run_and_the_next_one_goes_on(self, shop):
        shop.notices(staff=STAFF_MESSAGE, mail=EMAIL)

        shop.cloud.invoke("notify", shop.told(), remaining_ms=20_000)
        assert {row["status"] for row in shop.listed().values()} == {"pending"}
        shop.minute()

        assert {row["status"] for row in shop.listed().values()} == {"sent"}

    def test_a_refund_is_told_with_its_amount_and_reason(self, shop):
        text = "{event_zh} {refund_amount} {reason} {refund_status}"
        shop.notices(mail={**EMAIL, "on": ["refund.requested", "refund.approved"], "text": text})
        wish = RefundRequested("rf1", Money(1250, "CNY"), "漏了", shop.now)
        shop.store.record(Change(shop.key, wish, Operator("ben"), "operator"), now=shop.now)

        shop.tell("refund.requested")
        judged = RefundDecided("rf1", True, shop.now)
        shop.store.record(Change(shop.key, judged, Operator("anna"), "operator"), now=shop.now)
        shop.tell("refund.approved")

        assert [mail.body for mail in shop.mails()] == [
            "申请退款 ¥12.50 漏了 requested",
            "同意退款 ¥12.50 漏了 approved",
        ]

    def test_an_order_that_is_unknown_here_is_told_of_too(self, shop):
        shop.notices(mail={**EMAIL, "on": ["order.orphan"], "text": "{order_id} {paid}{reason}"})

        shop.cloud.invoke("notify", _orphan("wechat", "shop", shop.now))

        assert [mail.body for mail in shop.mails()] == ["NOBODYS-1 "]

    def test_every_platforms_accounts_have_notices_but_only_wechat_has_messages(self, shop):
        mail, message = {**EMAIL, "on": ["order.orphan"]}, {**STAFF_MESSAGE, "on": ["order.orphan"]}
        document = {"app_id": "tt1", "notices": {"mail": mail, "staff": message}}
        # An account of that name exists at WeChat too: its mini program must not be used.
        shop.secrets.create_secret(Name="countersign/test/douyin/shop", SecretString=json.dumps(document))

        shop.cloud.invoke("notify", _orphan("douyin", "shop", shop.now))

        assert len(shop.mails()) == 1
        assert shop.messages() == []
        assert shop.exceptions() == ["notice staff: the platform of this account has no such messages"]

    def test_what_nobody_can_know_is_for_a_person_and_never_repeated(self, shop, monkeypatch):
        sent: list[str] = []

        def doubtful(job: Any) -> Outcome:
            sent.append(job.event.id)
            return Outcome("unknown", "the counter does not tell", "counter")

        monkeypatch.setattr(shop.cloud.module("notify"), "send", doubtful)
        shop.notices(mail=EMAIL)

        shop.tell()
        shop.minute(86400)

        assert len(sent) == 1
        assert (shop.listed()["mail"]["status"], shop.listed()["mail"]["via"]) == ("unknown", "counter")
        assert shop.exceptions() == ["notice mail: the counter does not tell"]

    def test_the_words_of_our_own_decisions_are_for_the_explanation_and_not_for_people(self, shop):
        shop.notices(mail={**EMAIL, "text": "[{reason}]"})

        shop.tell()

        assert [mail.body for mail in shop.mails()] == ["[]"]

    @pytest.mark.parametrize(("via", "ends", "others"), [("counter", "unknown", 0), ("", "failed", 1)])
    def test_a_receipt_that_may_be_printed_is_left_to_no_fallback(self, shop, monkeypatch, via, ends, others):
        module = shop.cloud.module("notify")
        mail = module.send

        def doubtful(job: Any) -> Outcome:
            return Outcome("again", "no answer", via) if job.notice.name == "receipt" else mail(job)

        monkeypatch.setattr(module, "send", doubtful)
        receipt = {"channel": "print", "on": ["order.paid"], "fallback": "mail"}
        shop.notices(receipt=receipt, mail={**EMAIL, "on": []})

        shop.tell()
        for _ in range(4):
            shop.minute(7200)

        assert shop.outcome_since("receipt") == (ends, 5)
        assert len(shop.mails()) == others


def _orphan(platform: str, account: str, now: int) -> Json:
    order = {"platform": platform, "account": account, "order_id": "NOBODYS-1"}
    more = {"version": None, "event_id": "e1", "recorded_at": "2026-11-22T06:27:35Z"}
    return shapes.bus("order.orphan", {"id": "order.orphan.e1", **order, **more}, now)


def _down(*_arguments: object) -> str:
    raise KeysUnavailableError("Secrets Manager does not answer")
