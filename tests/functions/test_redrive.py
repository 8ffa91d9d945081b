"""Quarantined news after a fix, and stored events once more: by an operator's hand only (properties A18, D10, E6)."""

import datetime
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from countersign.errors import ConflictError, MalformedError, NotFoundError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms
from countersign.orders.state import Order
from countersign.store import OrderStore, codec, evidence, orphans
from countersign.store.quarantine import quarantine
from tests.functions.conftest import NOW, ROOT, Cloud, aws, excepted
from tests.functions.test_douyin import Douyin, douyin  # noqa: F401 - the fixture

DAY = 86_400
V3, V2, OLD, TRADE = "paid-v3", "paid-v2", "paid-ecpay", "paid-trade"
READS = {V3: "transaction_v3", V2: "transaction_v2", OLD: "ecpay_payment", TRADE: "trade_payment"}
REFUSAL = MalformedError("a field is not what the platform promises")
ASKED = {"day": f"{datetime.datetime.fromtimestamp(NOW, datetime.UTC):%Y-%m-%d}"}
Json = dict[str, Any]


class Desk:
    """One platform's callback, an operator at its redrive function, and a reader that can be broken and mended."""

    def __init__(self, cloud: Cloud, platform: str, callback: str) -> None:
        self.cloud, self.platform, self.callback = cloud, platform, callback
        self.store = OrderStore(cloud.dynamodb, "Orders")
        self.index = json.loads((ROOT / "events" / platform / "index.json").read_text(encoding="utf-8"))
        self.messages = importlib.import_module(f"countersign.platforms.{platform}.messages")
        self.module = cloud.module(f"{platform}_redrive")

    def key(self, case: str) -> OrderKey:
        order = self.index[f"{self.callback}.{case}.json"]["order"]
        return OrderKey(self.platform, order["account"], order["order_id"])

    def open(self, case: str) -> OrderKey:
        order, key = self.index[f"{self.callback}.{case}.json"]["order"], self.key(case)
        terms = Terms(Money(order["minor"], "CNY"), order["system"], "jsapi", "d", NOW, NOW + 7200)
        self.store.record(Change(key, OrderCreated(terms), Operator("m"), "merchant", "", order["system"]), now=NOW)
        self.store.record(Change(key, Prepared(), Queried(), "query"), now=NOW)
        return key

    def event(self, case: str) -> Json:
        path = ROOT / "events" / self.platform / f"{self.callback}.{case}.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def send(self, case: str, **changes: Any) -> None:
        answer = self.cloud.invoke(self.callback, self.event(case) | changes)
        assert answer["statusCode"] in (200, 204), answer

    @contextmanager
    def broken(self, name: str, error: Exception = REFUSAL) -> Iterator[None]:
        """Let a reader refuse what it should take."""

        def refuse(*_: Any) -> Any:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.messages, name, refuse)
            yield

    def quarantined(self, case: str, **changes: Any) -> Json:
        """Bring a case while its reader is broken; return the row that keeps it."""
        known = {row["sk"]["S"] for row in self.rows()}
        with self.broken(READS[case]):
            self.send(case, **changes)
        (row,) = [row for row in self.rows() if row["sk"]["S"] not in known]
        return row

    def rows(self) -> list[Json]:
        return [row for row in self.cloud.table() if row["pk"]["S"].startswith("QUARANTINE#")]

    def redrive(self, event: Json | None = None, **more: Any) -> Json:
        remaining = more.pop("remaining_ms", 300_000)
        answer: Json = self.cloud.invoke(f"{self.platform}_redrive", (event or ASKED) | more, remaining_ms=remaining)
        return answer

    def order(self, case: str) -> Order:
        order = self.store.get(self.key(case))
        assert order is not None
        return order

    def events(self, case: str, kind: str = "paid") -> list[Json]:
        pk = f"{self.platform}#{self.key(case).account}#"
        rows = [row for row in self.cloud.table() if row["sk"]["S"].startswith(f"EVENT#{kind}.")]
        return [row for row in rows if row["pk"]["S"].startswith(pk)]

    def put_account(self, name: str, **changes: Any) -> None:
        """Change an account's document; containers started later see it."""
        secrets = aws("secretsmanager")
        secret = f"countersign/test/{self.platform}/{name}"
        document = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
        secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(document | changes))
        self.module.accounts._entries.clear()

    def change_row(self, row: Json, **attributes: Any) -> None:
        self.cloud.dynamodb.put_item(TableName="Orders", Item=row | attributes)


@pytest.fixture
def wechat(cloud: Cloud) -> Iterator[Desk]:
    desk = Desk(cloud, "wechat", "wechat_notify")
    desk.module.accounts._entries.clear()
    yield desk
    desk.module.accounts._entries.clear()


@pytest.fixture
def app(douyin: Douyin) -> Iterator[Desk]:  # noqa: F811 - the fixture
    document = json.loads((ROOT / "tests/accounts/douyin/app.json").read_text(encoding="utf-8"))
    douyin.put_account("app", document)
    desk = Desk(douyin.cloud, "douyin", "douyin_callback")
    desk.module.accounts._entries.clear()
    yield desk
    desk.module.accounts._entries.clear()


def untouched(desk: Desk) -> list[str]:
    return sorted(map(str, desk.cloud.table()))


class TestRedriving:
    @pytest.mark.parametrize("case", [V3, V2])
    def test_what_a_reader_refused_is_taken_after_the_fix(self, wechat: Desk, case: str) -> None:
        wechat.open(case)
        row = wechat.quarantined(case)
        assert (excepted(row), row["source"]["S"], row["trust"]["S"]) == ("quarantine", "notify", "verified")
        assert wechat.order(case).status == "pending"
        wechat.cloud.clock.shift(600)

        answer = wechat.redrive()

        assert answer == {"looked_at": 1, "redriven": 1, "still_refused": []}
        assert wechat.order(case).status == "paid"
        (event,) = wechat.events(case)
        assert (event["via"]["S"], event["trust"]["S"], event["key_id"]) == ("notify", "verified", row["key_id"])
        assert (event["received_at"]["N"], event["redriven_at"]["N"]) == (str(NOW), str(NOW + 600))
        kept = evidence.read(wechat.store.client, wechat.store.table, event)
        assert (event["digest"]["B"].hex(), kept) == (row["digest"]["S"], codec.decompress(row["raw"]["B"]))
        (after,) = wechat.rows()
        assert "exception" not in after
        assert (after["redriven_at"]["N"], after["outcome"]["S"]) == (str(NOW + 600), "applied")
        assert after["event_id"]["S"] == codec.event_id(event)

    @pytest.mark.parametrize("case", [OLD, TRADE])
    def test_the_same_for_both_systems_of_douyin(self, app: Desk, case: str) -> None:
        app.open(case)
        row = app.quarantined(case)
        assert (row["source"]["S"], row["trust"]["S"]) == ("callback", "verified")
        app.cloud.clock.shift(5 * DAY)  # by now its signature is older than news may be; it was not when it came

        assert app.redrive() == {"looked_at": 1, "redriven": 1, "still_refused": []}

        assert app.order(case).status == "paid"
        (event,) = app.events(case)
        assert (event["via"]["S"], event["trust"]["S"], event["key_id"]) == ("notify", "verified", row["key_id"])

    def test_E6_a_second_time_finds_nothing_and_a_lost_mark_is_a_duplicate(self, wechat: Desk) -> None:
        wechat.open(V3)
        row = wechat.quarantined(V3)
        wechat.redrive()
        once, version = wechat.events(V3), wechat.order(V3).version

        assert wechat.redrive() == {"looked_at": 0, "redriven": 0, "still_refused": []}
        wechat.change_row(row)  # a run that died between the order and the mark
        assert wechat.redrive()["redriven"] == 1

        assert wechat.events(V3) == once
        assert wechat.order(V3).version == version
        assert [(kept["outcome"]["S"], "exception" in kept) for kept in wechat.rows()] == [("duplicate", False)]

    def test_after_the_platform_sent_it_again_it_is_a_duplicate(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        wechat.send(V3)
        once = wechat.events(V3)

        assert wechat.redrive()["redriven"] == 1

        assert (wechat.order(V3).status, wechat.events(V3)) == ("paid", once)
        assert "redriven_at" not in once[0]

    def test_a_delivery_after_the_redrive_is_a_duplicate(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        wechat.redrive()
        version = wechat.order(V3).version

        wechat.send(V3)

        assert len(wechat.events(V3)) == 1
        assert wechat.order(V3).version == version

    def test_what_is_still_refused_stays_as_it_was(self, wechat: Desk) -> None:
        wechat.open(V3)
        row = wechat.quarantined(V3)
        before = untouched(wechat)

        with wechat.broken(READS[V3]):
            answer = wechat.redrive()

        refused = {"digest": row["digest"]["S"], "reason": "a field is not what the platform promises"}
        assert answer == {"looked_at": 1, "redriven": 0, "still_refused": [refused]}
        assert untouched(wechat) == before

    def test_a_dry_run_tells_and_writes_nothing(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        before = untouched(wechat)

        answer = wechat.redrive(dry_run=True)

        assert answer == {"looked_at": 1, "redriven": 1, "still_refused": [], "dry_run": True}
        assert untouched(wechat) == before

    def test_before_its_order_it_is_kept_as_an_orphan_and_attached_later(self, wechat: Desk) -> None:
        wechat.quarantined(V3)
        wechat.cloud.clock.shift(60)
        assert wechat.redrive()["redriven"] == 1
        assert wechat.rows()[0]["outcome"]["S"] == "orphan"

        wechat.open(V3)
        orphans.attach(wechat.store, wechat.key(V3), now=NOW + 120)

        assert wechat.order(V3).status == "paid"
        (event,) = wechat.events(V3)
        assert (event["received_at"]["N"], event["redriven_at"]["N"]) == (str(NOW), str(NOW + 60))


class TestTrust:
    def test_a_row_whose_bytes_were_changed_is_refused(self, wechat: Desk) -> None:
        wechat.open(V2)
        row = wechat.quarantined(V2)
        raw = codec.decompress(row["raw"]["B"]).replace(b"8800", b"8801")
        wechat.change_row(row, raw={"B": codec.compress(raw)})

        ((refused),) = wechat.redrive()["still_refused"]

        assert "digest differs" in refused["reason"]
        assert wechat.order(V2).status == "pending"

    def test_a_row_that_was_made_to_fit_its_digest_is_refused_by_the_sign_inside(self, wechat: Desk) -> None:
        wechat.open(V2)
        raw = wechat.event(V2)["body"].replace("8800", "8801").encode()
        planted = {"platform": "wechat", "account": "classic", "key_id": "api_v2_keys[0]", "reason": "-"}
        quarantine(wechat.cloud.dynamodb, "Orders", raw=raw, now=NOW, **planted)

        (refused,) = wechat.redrive()["still_refused"]

        assert "sign does not fit" in refused["reason"]
        assert wechat.order(V2).status == "pending"

    def test_a_message_for_another_merchant_is_refused(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        wechat.put_account("shop", mchid="1900099009")

        (refused,) = wechat.redrive()["still_refused"]

        assert refused["reason"] == "the message is for another merchant"
        assert wechat.order(V3).status == "pending"

    def test_a_message_for_another_app_is_refused(self, app: Desk) -> None:
        app.open(TRADE)
        app.quarantined(TRADE)
        app.put_account("app", app_id="tt0000000000000009")

        (refused,) = app.redrive()["still_refused"]

        assert refused["reason"] == "the message is for another app"

    def test_a_row_moved_to_another_account_is_refused(self, wechat: Desk) -> None:
        row = wechat.quarantined(V3)
        wechat.change_row(row, account={"S": "wechat/classic"})

        (refused,) = wechat.redrive()["still_refused"]

        assert "another account" in refused["reason"]

    def test_what_no_key_of_today_opens_stays_with_the_reason(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        wechat.put_account("shop", api_v3_keys=["a-key-that-came-later-of-32-char"])

        (refused,) = wechat.redrive()["still_refused"]

        assert "no api_v3_keys opens" in refused["reason"]
        assert "exception" in wechat.rows()[0]

    @pytest.mark.parametrize(
        ("case", "changes", "reason"),
        [
            (OLD, {"tokens": ["another-token"]}, "no token of the account"),
            (TRADE, {"platform_public_keys": []}, "no keys of the trade system"),
        ],
    )
    def test_dropping_the_keys_of_a_system_ends_it_here_too(
        self, app: Desk, case: str, changes: Json, reason: str
    ) -> None:
        app.open(case)
        app.quarantined(case)
        app.put_account("app", **changes)

        (refused,) = app.redrive()["still_refused"]

        assert reason in refused["reason"]

    def test_an_account_that_is_gone_is_told_and_the_others_go_on(self, wechat: Desk) -> None:
        wechat.open(V2)
        wechat.quarantined(V2)
        gone = {"platform": "wechat", "account": "gone", "key_id": "k", "reason": "-"}
        quarantine(wechat.cloud.dynamodb, "Orders", raw=b"<xml>", now=NOW, **gone)

        answer = wechat.redrive()

        assert (answer["looked_at"], answer["redriven"]) == (2, 1)
        assert answer["still_refused"][0]["reason"] == "no such account"

    def test_an_unsigned_refund_notice_stays_a_hint(self, wechat: Desk) -> None:
        hint = "refund-v2-hint"
        key = wechat.open(hint)
        with wechat.broken("refund_v2"):
            wechat.send(hint)
        assert wechat.rows()[0]["trust"]["S"] == "hint"

        assert wechat.redrive()["redriven"] == 1

        (event,) = wechat.events(hint, "refund")
        assert (event["trust"]["S"], event["decision"]["S"]) == ("hint", "unchanged")
        assert event["due_shard"]["S"].startswith("wechat_poll#")
        order = wechat.store.get(key)
        assert order is not None
        assert order.refunded == 0

    @pytest.mark.parametrize("unknown", [False, True])
    def test_a_callback_that_was_too_old_when_it_came_stays_a_reason_to_ask(self, app: Desk, unknown: bool) -> None:
        app.open(TRADE)
        app.cloud.clock.shift(3 * DAY)
        row = app.quarantined(TRADE)
        assert row["trust"]["S"] == "hint"
        if unknown:  # a row of before the mark
            del row["trust"], row["source"]
            app.cloud.dynamodb.put_item(TableName="Orders", Item=row)

        assert app.redrive({"from": ASKED["day"], "to": "2026-12-31"})["redriven"] == 1

        (event,) = app.events(TRADE)
        assert (event["via"]["S"], event["trust"]["S"]) == ("stale", "hint")
        assert app.order(TRADE).status == "pending"


class TestRuns:
    def test_E6_a_poison_row_does_not_stop_the_others(self, wechat: Desk) -> None:
        wechat.open(V3)
        wechat.open(V2)
        poison = wechat.quarantined(V3)
        wechat.quarantined(V2)
        wechat.change_row(poison, raw={"B": b"not packed"})

        answer = wechat.redrive()

        assert (answer["looked_at"], answer["redriven"]) == (2, 1)
        assert answer["still_refused"][0]["digest"] == poison["digest"]["S"]
        assert wechat.order(V2).status == "paid"

    def test_E6_a_reader_that_breaks_is_told_without_what_it_read(self, wechat: Desk, capsys: Any) -> None:
        wechat.open(V2)
        wechat.quarantined(V3)
        wechat.quarantined(V2)

        with wechat.broken(READS[V3], KeyError("oThrow4wayOpenid")):
            answer = wechat.redrive()

        assert answer["redriven"] == 1
        assert [one["reason"] for one in answer["still_refused"]] == ["reading failed: KeyError"]
        assert "oThrow4way" not in capsys.readouterr().out

    def test_it_stops_before_the_deadline_and_says_where_to_go_on(
        self, wechat: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for case in (V2, V3):
            wechat.open(case)
            wechat.quarantined(case)
        assert wechat.redrive(remaining_ms=9_999) == {
            "looked_at": 0,
            "redriven": 0,
            "still_refused": [],
            "continue": {"from": ASKED["day"], "to": ASKED["day"]},
        }
        monkeypatch.setattr("countersign.workers.redrive.MAX_ROWS", 1)
        with wechat.broken(READS[V2]):  # it is the first, and stays
            first = wechat.redrive(dry_run=False)
        assert (first["looked_at"], first["redriven"]) == (1, 0)

        second = wechat.redrive(first["continue"])

        assert (second["looked_at"], second["redriven"]) == (1, 1)
        assert "continue" not in second
        assert (wechat.order(V2).status, wechat.order(V3).status) == ("pending", "paid")

    def test_days_accounts_and_digests_narrow_it(self, wechat: Desk) -> None:
        first = wechat.quarantined(V3)
        wechat.quarantined(V2)
        wechat.cloud.clock.shift(DAY)
        later = {"platform": "wechat", "account": "shop", "key_id": "k", "reason": "-"}
        quarantine(wechat.cloud.dynamodb, "Orders", raw=b"{}", now=NOW + DAY, **later)
        tomorrow = str(datetime.date.fromisoformat(ASKED["day"]) + datetime.timedelta(days=1))

        def looked_at(event: Json) -> Any:
            return wechat.redrive(event, dry_run=True)["looked_at"]

        assert looked_at({"day": tomorrow}) == 1
        assert looked_at({"from": ASKED["day"], "to": tomorrow}) == 3
        assert looked_at({"from": ASKED["day"], "to": tomorrow, "account": "shop"}) == 2
        assert looked_at({**ASKED, "account": "classic"}) == 1
        assert looked_at({**ASKED, "digest": first["digest"]["S"]}) == 1
        assert looked_at({"day": "2026-01-01"}) == 0

    def test_one_platform_does_not_touch_anothers_rows(self, wechat: Desk) -> None:
        other = {"platform": "douyin", "account": "app", "key_id": "k", "reason": "-"}
        quarantine(wechat.cloud.dynamodb, "Orders", raw=b"{}", now=NOW, **other)

        assert wechat.redrive()["looked_at"] == 0

    def test_what_came_by_a_door_that_nothing_reads_stays(self, wechat: Desk) -> None:
        row = wechat.quarantined(V3)
        wechat.change_row(row, source={"S": "pigeon"})

        (refused,) = wechat.redrive()["still_refused"]

        assert refused["reason"] == "nothing here reads what came by that door"

    def test_bytes_that_were_kept_anew_meanwhile_stay_on_the_list(self, wechat: Desk) -> None:
        wechat.open(V3)
        row = wechat.quarantined(V3)
        module = wechat.module
        notice = module.READERS["notify"]

        def slow(kept: Any) -> Change:
            wechat.change_row(row, updated_at={"N": str(NOW + 1)})
            return notice(kept)  # type: ignore[no-any-return]

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(module.READERS, "notify", slow)
            wechat.redrive()

        assert "exception" in wechat.rows()[0]
        assert wechat.order(V3).status == "paid"

    @pytest.mark.parametrize(
        "event",
        [
            {},
            {"day": "yesterday"},
            {"day": "2026-02-30"},
            {"day": "2026-11-22", "from": "2026-11-22", "to": "2026-11-22"},
            {"from": "2026-11-22"},
            {"from": "2026-11-22", "to": "2026-11-21"},
            {"day": "2026-11-22", "dryrun": True},
            {"day": "2026-11-22", "dry_run": "yes"},
            {"day": "2026-11-22", "account": "Shop#1"},
            {"day": "2026-11-22", "digest": "abc"},
            {"day": "2026-11-22", "after": "x"},
            {"replay": {"account": "shop", "order_id": "O"}},
            {"replay": {"account": "shop", "order_id": "O", "event_id": ""}},
            {"replay": {"account": "shop", "order_id": "O", "event_id": "e"}, "dry_run": True},
        ],
    )
    def test_an_event_that_says_anything_else_does_nothing(self, wechat: Desk, event: Json) -> None:
        wechat.open(V3)
        wechat.quarantined(V3)
        before = untouched(wechat)

        with pytest.raises(MalformedError):
            wechat.cloud.invoke("wechat_redrive", event)
        assert untouched(wechat) == before


class TestReplaying:
    def replay(self, desk: Desk, case: str, event_id: str) -> Json:
        key = desk.key(case)
        wanted = {"account": key.account, "order_id": key.order_id, "event_id": event_id}
        answer: Json = desk.cloud.invoke(f"{desk.platform}_redrive", {"replay": wanted})
        return answer

    @pytest.mark.parametrize("days", [90, 400])
    def test_A18_D10_however_old_it_is_marked_and_changes_nothing(self, wechat: Desk, days: int) -> None:
        wechat.open(V3)
        wechat.send(V3)
        (before,) = wechat.events(V3)
        order = wechat.order(V3)
        wechat.cloud.clock.shift(days * DAY)

        answers = [self.replay(wechat, V3, codec.event_id(before)) for _ in range(2)]

        assert [(one["outcome"], one["status"]) for one in answers] == [("unchanged", "paid")] * 2
        (after,) = wechat.events(V3)
        assert after.pop("replayed_at") == {"N": str(NOW + days * DAY)}
        assert after == before
        assert wechat.order(V3) == order

    def test_A18_for_douyin_as_well(self, app: Desk) -> None:
        app.open(TRADE)
        app.send(TRADE)
        (before,) = app.events(TRADE)
        app.cloud.clock.shift(90 * DAY)

        assert self.replay(app, TRADE, codec.event_id(before))["outcome"] == "unchanged"

        assert app.events(TRADE) == [{**before, "replayed_at": {"N": str(NOW + 90 * DAY)}}]

    def test_an_order_that_lost_its_payment_gets_it_back_and_the_bus_hears_of_it(self, wechat: Desk) -> None:
        key = wechat.open(V3)
        lost = next(row for row in wechat.cloud.table() if row["sk"]["S"] == "ORDER")
        wechat.send(V3)
        (before,) = wechat.events(V3)
        wechat.cloud.dynamodb.put_item(TableName="Orders", Item=lost)  # an older state came back
        wechat.cloud.clock.shift(90 * DAY)
        now = NOW + 90 * DAY

        answer = self.replay(wechat, V3, codec.event_id(before))

        assert (answer["outcome"], answer["status"]) == ("applied", "paid")
        order = wechat.store.get(key)
        assert order is not None
        assert (order.status, order.version) == ("paid", int(lost["version"]["N"]) + 1)
        (after,) = wechat.events(V3)
        assert after["emits"] == {"L": [{"S": "order.paid"}]}
        assert (after["replayed_at"]["N"], after["received_at"]) == (str(now), before["received_at"])
        assert (after["raw"], after["digest"]) == (before["raw"], before["digest"])
        assert (int(after["due_at"]["N"]), after["due_shard"]["S"][:6]) == (now + 60, "sweep#")
        assert self.replay(wechat, V3, codec.event_id(before))["outcome"] == "unchanged"

    def test_an_orphan_whose_order_came_is_attached(self, wechat: Desk) -> None:
        wechat.send(V3)
        (orphan,) = wechat.events(V3)
        assert self.replay(wechat, V3, codec.event_id(orphan))["outcome"] == "orphan"
        wechat.open(V3)

        assert self.replay(wechat, V3, codec.event_id(orphan))["outcome"] == "applied"

        (after,) = wechat.events(V3)
        assert "orphan" not in after
        assert (after["decision"]["S"], after["due_shard"]["S"][:6]) == ("applied", "sweep#")
        assert after["attached_at"] == {"N": str(NOW)}
        assert wechat.order(V3).status == "paid"

    def test_only_what_the_platform_signed_is_replayed(self, wechat: Desk) -> None:
        wechat.open(V3)
        rows = [row for row in wechat.cloud.table() if row["sk"]["S"].startswith("EVENT#")]
        assert {row["trust"]["S"] for row in rows} == {"operator", "queried"}
        before = untouched(wechat)

        for row in rows:
            with pytest.raises(ConflictError):
                self.replay(wechat, V3, codec.event_id(row))
        assert untouched(wechat) == before

    def test_a_note_of_our_own_about_an_event_is_not_the_event(self, wechat: Desk) -> None:
        wechat.send(V3)
        (orphan,) = wechat.events(V3)
        assert orphans.raise_alarm(wechat.store, orphan, now=NOW + 900)

        with pytest.raises(ConflictError):
            self.replay(wechat, V3, f"orphan.store.{codec.event_id(orphan)}")

    def test_an_event_that_is_not_there_is_not_found(self, wechat: Desk) -> None:
        wechat.open(V3)

        with pytest.raises(NotFoundError):
            self.replay(wechat, V3, "paid.notify.none")
