"""What a stranger, or who captured one message, can have us do: a bounded amount, and never against the genuine."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from countersign import accounts
from countersign.accounts import UNKNOWN_PER_MINUTE, Accounts
from countersign.errors import KeysUnavailableError, NotFoundError
from countersign.platforms.wechat import settings, v2, xml, xml_writer
from countersign.store import news, quarantine
from tests.functions.conftest import NOW, Cloud
from tests.functions.test_create_payment import create, order
from tests.functions.test_douyin import Douyin, douyin  # noqa: F401 - the fixture
from tests.infra.reading import ROOT
from tests.platforms.wechat.support import TRANSACTION, notice_v3
from tests.platforms.wechat.support import settings as wechat_account
from tests.properties.support import Event, notify_event, paid_notice

VARIANTS = 40


def event(platform: str, name: str) -> Event:
    found: Event = json.loads((ROOT / "events" / platform / name).read_text(encoding="utf-8"))
    return found


def rows(cloud: Cloud, prefix: str) -> list[Event]:
    return [item for item in cloud.table() if item["pk"]["S"].startswith(prefix)]


def guess(cloud: Cloud, number: int) -> int:
    guessed = {**notify_event(b"{}"), "pathParameters": {"account": f"nobody-{number}"}}
    return int(cloud.invoke("wechat_notify", guessed)["statusCode"])


@pytest.fixture
def fresh(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return what makes a container new, and gives the names that it then looks up in Secrets Manager."""
    real = accounts.aws.client

    def start() -> list[str]:
        asked: list[str] = []

        class Client:
            def get_secret_value(self, **wanted: Any) -> Any:
                asked.append(wanted["SecretId"].rpartition("/")[2])
                return real("secretsmanager").get_secret_value(**wanted)

        monkeypatch.setattr(
            accounts.aws, "client", lambda service: Client() if service == "secretsmanager" else real(service)
        )
        for function in ("wechat_notify", "wechat_create_payment"):
            monkeypatch.setattr(cloud.module(function), "accounts", Accounts("wechat", settings.load))
        return asked

    return start


class TestNames:
    def test_F1_names_that_strangers_make_up_never_refuse_a_genuine_callback(
        self, cloud: Cloud, fresh: Callable[[], list[str]]
    ) -> None:
        fresh()
        create(cloud, order_id="GENUINE-1")
        asked = fresh()

        statuses = [guess(cloud, number) for number in range(UNKNOWN_PER_MINUTE + 70)]

        assert statuses == [404] * UNKNOWN_PER_MINUTE + [429] * 70
        assert len(asked) == UNKNOWN_PER_MINUTE
        assert cloud.invoke("wechat_notify", paid_notice("GENUINE-1", NOW))["statusCode"] == 204
        assert order(cloud, "GENUINE-1").status == "paid"
        assert asked.count("shop") == 1

    def test_a_name_that_was_guessed_before_it_existed_is_found_once_it_is_used(
        self, cloud: Cloud, fresh: Callable[[], list[str]]
    ) -> None:
        asked = fresh()
        body = notify_event(b"<xml></xml>") | {"pathParameters": {"account": "nobody-7"}}
        assert cloud.invoke("wechat_notify", body)["statusCode"] == 404
        cloud.add_account("nobody-7", "shop")
        assert cloud.invoke("wechat_notify", body)["statusCode"] == 404
        assert asked == ["nobody-7"]

        assert create(cloud, account="nobody-7", order_id="NEW-0001")[0] == 201

        assert cloud.invoke("wechat_notify", body)["statusCode"] == 401  # it is read, and was not signed

    def test_the_name_of_an_account_that_is_gone_costs_no_more_than_any_other(
        self, cloud: Cloud, fresh: Callable[[], list[str]]
    ) -> None:
        fresh()
        cloud.add_account("closing", "shop")
        create(cloud, account="closing", order_id="LAST-1")
        cloud.secretsmanager.delete_secret(SecretId="countersign/test/wechat/closing", ForceDeleteWithoutRecovery=True)
        asked = fresh()
        body = notify_event(b"<xml></xml>") | {"pathParameters": {"account": "closing"}}

        assert {cloud.invoke("wechat_notify", body)["statusCode"] for _ in range(20)} == {404}
        assert len(asked) == 2

    def test_who_is_refused_leaves_no_mark(self, cloud: Cloud, fresh: Callable[[], list[str]]) -> None:
        fresh()
        for body in (b"{}", b"<xml></xml>", b""):
            assert cloud.invoke("wechat_notify", notify_event(body))["statusCode"] in (400, 401)

        assert rows(cloud, "ACCOUNTS") == []

    def test_a_published_key_is_refused_where_payments_are_real(self, cloud: Cloud) -> None:
        cloud.add_account("copied", "shop", api_base="")

        with pytest.raises(KeysUnavailableError, match=r"everybody knows it"):
            Accounts("wechat", settings.load).load("copied")
        with pytest.raises(NotFoundError):
            Accounts("wechat", settings.load).load("Copied")


class TestOneCapturedMessage:
    def test_an_unreadable_refund_notice_that_nobody_signed_is_kept_within_its_limits(self, cloud: Cloud) -> None:
        base = event("wechat", "wechat_notify.refund-v2-hint.json")
        cloud.clock.move_to(NOW)
        sealed = re.search(r"req_info><!\[CDATA\[(.*?)\]\]", base["body"])
        assert sealed is not None
        raw = base64.b64decode(sealed[1])
        blocks = [raw[start : start + 16] for start in range(0, len(raw), 16)]
        answers: list[int] = []
        for number in range(VARIANTS):  # moved and doubled blocks, without any key
            at = 1 + number % (len(blocks) - 2)
            changed = b"".join([*blocks[: at + 1], *[blocks[at]] * (1 + number // len(blocks)), *blocks[at + 1 :]])
            body = base["body"].replace(sealed[1], base64.b64encode(changed).decode())
            body = re.sub(r"<nonce_str>.*?</nonce_str>", f"<nonce_str>x{number}</nonce_str>", body)
            answers.append(cloud.invoke("wechat_notify", {**base, "body": body})["statusCode"])

        assert set(answers) <= {200, 401, 429}
        assert 1 <= len(rows(cloud, "QUARANTINE#")) <= quarantine.HINTS_PER_DAY

    def test_a_signed_notice_is_one_row_however_it_is_laid_out(self, cloud: Cloud) -> None:
        base = event("wechat", "wechat_notify.paid-v2.json")
        cloud.clock.move_to(NOW)
        document = json.loads((ROOT / "tests/accounts/wechat/classic.json").read_text())
        key = settings.load(document).api_v2_keys[0]
        fields = dict(xml.read(base["body"].encode())) | {"total_fee": "1.5"}
        fields["sign"] = v2.sign(fields, key, "HMAC-SHA256")
        captured = xml_writer.write(fields).decode()

        for number in range(VARIANTS):
            body = captured.replace("</xml>", f"{' ' * number}<e{number}></e{number}></xml>")
            assert cloud.invoke("wechat_notify", {**base, "body": body})["statusCode"] == 200

        assert len(rows(cloud, "QUARANTINE#")) == 1

    def test_a_message_of_guaranteed_payment_is_one_row_whatever_type_is_written_on_it(
        self,
        douyin: Douyin,  # noqa: F811
    ) -> None:
        document = json.loads((ROOT / "tests/accounts/douyin/app.json").read_text())
        douyin.put_account("app", document)
        base = event("douyin", "douyin_callback.paid-ecpay.json")
        douyin.cloud.clock.move_to(NOW)
        message = json.dumps({"status": "SUCCESS", "withdraw_at": NOW, "order_id": "W7056505317450090001"})
        parts = [document["tokens"][0], str(NOW), "797", message]
        outer = {"timestamp": str(NOW), "nonce": "797", "msg": message}
        outer["msg_signature"] = hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()

        for number in range(VARIANTS):
            body = json.dumps({**outer, "type": f"withdraw{number}"})
            sent = {**base, "body": body, "isBase64Encoded": False}
            assert douyin.cloud.invoke("douyin_callback", sent)["statusCode"] == 200

        assert len(rows(douyin.cloud, "NEWS#")) == 1
        assert not [item for item in douyin.cloud.table() if item["sk"]["S"].startswith("EVENT#")]


def v3_event(resource: dict[str, Any], event_type: str = "TRANSACTION.SUCCESS") -> Event:
    request = notice_v3(resource, event_type)
    return notify_event(request.body, dict(request.headers))


class TestLimitsOfADay:
    def test_more_news_is_acknowledged_and_counted_and_nobody_is_asked(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(news, "NEWS_PER_DAY", 2)
        shared = {"mchid": wechat_account().mchid, "transaction_id": "4200", "out_order_no": "PS-1"}
        told = []
        for number in range(4):
            answer = cloud.invoke("wechat_notify", v3_event({**shared, "order_id": f"3000{number}"}))
            assert answer["statusCode"] == 204
            told.append("EvidenceLimited" in capsys.readouterr().out)

        assert len(rows(cloud, "NEWS#")) == 2
        assert told == [False, True, True, True]

    def test_more_that_cannot_be_read_is_sent_again_and_hints_take_none_of_its_room(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quarantine, "PER_DAY", 2)
        unreadable = [{**TRANSACTION, "amount": {"total": f"{number}"}} for number in range(3)]

        answers = [cloud.invoke("wechat_notify", v3_event(resource))["statusCode"] for resource in unreadable]

        assert answers == [204, 204, 503]
        assert cloud.invoke("wechat_notify", v3_event(unreadable[0]))["statusCode"] == 204  # it is kept already
        assert len(rows(cloud, "QUARANTINE#")) == 2


def test_what_is_quarantined_about_a_known_order_has_the_platform_asked_at_once(cloud: Cloud) -> None:
    create(cloud, order_id="T-0001")
    [before] = [item for item in cloud.table() if item["sk"]["S"] == "ORDER"]
    assert int(before["due_at"]["N"]) > NOW

    answer = cloud.invoke("wechat_notify", v3_event({**TRANSACTION, "amount": {"total": "8800"}}))

    assert answer["statusCode"] == 204
    [after] = [item for item in cloud.table() if item["sk"]["S"] == "ORDER"]
    assert (after["due_at"]["N"], after["due_shard"]["S"].partition("#")[0]) == (str(NOW), "wechat_poll")
