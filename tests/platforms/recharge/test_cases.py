"""Cases from the field: no topic header (R1), another version than the account says (R2), old charges (R3)."""

import base64
import hashlib
import json
import random
from dataclasses import replace
from itertools import islice, permutations
from typing import Any

import pytest

from conformance.signers import recharge as signer
from sandbox.simulators.recharge import charges, webhooks
from sandbox.simulators.recharge.charges import shown as as_version
from tests.platforms.recharge.world import DAY, NOW, SECRET, Recharge

VOLATILE = ("events", "notices", "version", "updated_at")


def steady(order: dict[str, Any]) -> dict[str, Any]:
    """Return what an order says, whatever road it came by."""
    return {name: value for name, value in order.items() if name not in VOLATILE}


def message(body: object, at: int = NOW, **headers: str) -> Any:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return webhooks.postman.Message(signer.headers(SECRET, raw, at) | headers, raw)


class TestR1:
    """Deliveries carry no topic."""

    def test_R1_what_is_meant_follows_from_the_signed_body(self, world: Recharge) -> None:
        world.subscribe_all()
        failing = world.make("charge", will="CARD_DECLINED", attempt=True)
        paying = world.make("charge", attempt=True)
        world.make("schedule", tries=0)
        ending = world.make("charge", will="CARD_DECLINED", attempt=True)
        assert not any(name.lower() == "x-recharge-topic" for one in world.posted for name in one.message(NOW).headers)
        assert set(world.deliver()) == {200}

        assert world.shown(failing["id"])["status"] == "failed"
        assert world.shown(failing["id"])["charge"]["final"] is False
        assert world.shown(paying["id"])["status"] == "paid"
        assert world.shown(ending["id"])["charge"]["error_type"] == "CLOSED_MAX_RETRIES_REACHED"
        assert world.shown(ending["id"])["charge"]["final"] is True

    def test_R1_a_header_that_lies_about_the_topic_changes_nothing(self, world: Recharge) -> None:
        world.subscribe_all()
        charge = world.make("charge", will="CARD_DECLINED", attempt=True)
        assert world.deliver(spoil="lying_topic") == [200]

        assert world.shown(charge["id"])["status"] == "failed"

    @pytest.mark.parametrize("body", [{"order": {"id": 5}}, {"subscription": {"id": 7, "status": "active"}}, {"x": 1}])
    def test_R1_what_is_about_no_charge_is_taken_and_kept_and_touches_none(
        self, world: Recharge, body: dict[str, Any]
    ) -> None:
        assert world.send(message(body))["statusCode"] == 200
        assert world.send(message(body, NOW - 5))["statusCode"] == 200

        rows = [item for item in world.cloud.table() if item["pk"]["S"].startswith("NEWS#")]
        assert len(rows) == 1
        assert not [item for item in world.cloud.table() if item["sk"]["S"] == "ORDER" or "due_at" in item]


class TestR2:
    """The account's version of the API is not the one in the body."""

    @pytest.mark.parametrize("account", ["store", "older"])
    def test_R2_the_shape_is_seen_in_each_body(
        self, world: Recharge, account: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for version in ("2021-11", "2021-01"):
            world.subscribe_all(account, version)
        charge = world.make("charge", account, will="CARD_DECLINED", attempt=True)
        seen = []
        for delivery in [*world.posted, *world.posted]:
            assert world.deliver(delivery) == [200]
            seen.append(steady(world.shown(charge["id"], account)))
            world.run("poll", 1)
            world.run("scan", 1)
            seen.append(steady(world.shown(charge["id"], account)))
        world.posted.clear()

        assert seen[1]["charge"]["shop_customer_id"] == "7711000000001"
        assert seen[1]["charge"]["attempts"] == 1
        assert seen[1]["charge"]["next_retry"] == "2026-11-23T14:00:05Z"
        assert all(one == seen[1] for one in seen[1::2])  # once Recharge was asked, whatever was told before
        assert world.emitted(charge["id"]).count("charge.failed") == 1
        assert "ApiVersionDiffers" in capsys.readouterr().out

    def test_R2_a_charge_without_a_currency_is_no_order_until_the_store_has_said_it(self, world: Recharge) -> None:
        world.subscribe_all("unknown", "2021-01")
        charge = world.make("charge", "unknown", will="CARD_DECLINED", attempt=True)
        assert world.deliver() == [200]
        assert world.store.get(world.key(charge["id"], "unknown")) is None
        (kept,) = [item for item in world.cloud.table() if "orphan" in item]
        assert "24.00" in kept["change"]["S"]

        world.run("poll", 60)
        shown = world.shown(charge["id"], "unknown")
        assert shown["amount"] == {"minor": 2400, "currency": "USD"}
        assert shown["charge"]["customer_id"] == str(charge["customer"]["id"])
        assert world.emitted(charge["id"]).count("charge.failed") == 1


class TestR3:
    """An old charge fails today, and times come in several forms."""

    def test_R3_each_failure_is_found_once_however_its_time_is_written(self, world: Recharge) -> None:
        # Over the night on which clocks go back in New York (2026-11-01 06:00 UTC), two in a second, in three forms.
        world.cloud.clock.move_to(1_793_520_000 + 4 * 3600)
        world.make("bulk", count=120, failed=40, seconds=8 * 3600, stamps=["", "+00:00", "Z"])
        client = world.cloud.module("recharge_scan").connect("store").client
        client.page_size = 25
        killed = 0
        while True:
            world.run(
                "scan", 600, remaining_ms=1000 if killed < 4 else 900_000
            )  # each run but the last ends after a page
            killed += 1
            if killed > 5:
                break
        world.run("scan", 600)

        failed = [
            item for item in world.cloud.table() if item["sk"]["S"] == "ORDER" and item["status"]["S"] == "failed"
        ]
        assert len(failed) == 40
        assert world.emitted().count("charge.failed") == 40

    def test_R3_a_charge_made_eleven_weeks_ago_that_fails_today_is_found(self, world: Recharge) -> None:
        charge = world.make("charge", will="CARD_DECLINED", notify=False)
        world.run("scan")
        world.cloud.clock.shift(77 * DAY)
        world.run("scan")
        world.make("attempt", charge_id=charge["id"])
        world.posted.clear()
        world.run("scan", 600)

        assert world.shown(charge["id"])["status"] == "failed"


class TestAnySequence:
    def told(self, world: Recharge) -> tuple[int, list[Any]]:
        """Return a charge that failed three times and then succeeded, and what was delivered of each try."""
        world.subscribe_all()
        charge = world.make("charge", will="INSUFFICIENT_FUNDS", attempt=True)
        for will in ("CARD_DECLINED", "CARD_EXPIRED"):
            world.cloud.clock.shift(DAY)
            world.make("attempt", charge_id=charge["id"], will=will)
        return charge["id"], world.posted[:]

    def test_four_deliveries_and_a_scan_end_equal_in_any_sequence_and_equal_to_the_scan_alone(
        self, world: Recharge
    ) -> None:
        number, deliveries = self.told(world)
        world.cloud.clock.shift(DAY)
        deliveries += [world.posted[-1]]  # the last one twice: a repeated delivery
        world.posted.clear()
        assert len(deliveries) == 4

        def ends(roads: tuple[int, ...]) -> dict[str, Any]:
            for item in world.cloud.table():
                if not item["pk"]["S"].startswith("ACCOUNT"):
                    world.cloud.dynamodb.delete_item(TableName="Orders", Key={"pk": item["pk"], "sk": item["sk"]})
            for road in roads:
                if road == 4:
                    world.run("scan", 10, accounts=["store"])
                else:
                    assert world.deliver(deliveries[road]) == [200]
            return steady(world.shown(number))

        alone = ends((4,))
        assert alone["charge"]["attempts"] == 3
        words = [one["error_type"] for one in alone["attempts"]]
        assert words == [None, None, "CARD_EXPIRED"]
        seen = []
        # Every sixth of the 120; test_reading.py has all of them, without a store between.
        for roads in islice(permutations(range(5)), 0, None, 6):
            end = ends(roads)
            # Only deliveries told of the earlier tries: their words and times are what the list alone cannot know.
            seen.append(end.pop("attempts"))
            assert {**end, "attempts": alone["attempts"]} == alone
            assert world.emitted(number).count("charge.failed") <= 3
        assert [one["error_type"] for one in seen[0]] == ["INSUFFICIENT_FUNDS", "CARD_DECLINED", "CARD_EXPIRED"]
        assert seen[0][2] == alone["attempts"][2]
        assert [one["at"][:10] for one in seen[0]] == ["2026-11-22", "2026-11-23", "2026-11-24"]
        assert all(one == seen[0] for one in seen)

    def test_nothing_is_told_after_success(self, world: Recharge) -> None:
        number, deliveries = self.told(world)
        world.cloud.clock.shift(DAY)
        world.make("attempt", charge_id=number, will="")
        (paid,) = world.posted[-1:]
        world.posted.clear()
        for late in (paid, *deliveries):
            assert world.deliver(late) == [200]

        assert world.shown(number)["status"] == "paid"
        assert not {"charge.failed", "charge.recovered", "order.failed"} & set(world.emitted(number))


class TestCustomer:
    """A charge has two numbers of its customer, Recharge's and the shop's: where it has one, the other is looked up."""

    @pytest.mark.parametrize("road", ["scan", "poll"])
    @pytest.mark.parametrize("lacking", ["customer_id", "shop_customer_id"])
    def test_the_number_that_a_failed_charge_lacks_is_looked_up(
        self, world: Recharge, monkeypatch: pytest.MonkeyPatch, lacking: str, road: str
    ) -> None:
        whole = charges._newer

        def without(charge: charges.Charge) -> Any:
            content = whole(charge)
            lacks = {"id": None} if lacking == "customer_id" else {"external_customer_id": {"ecommerce": None}}
            return content | {"customer": content["customer"] | lacks}

        monkeypatch.setattr(charges, "_newer", without)
        if road == "poll":
            world.subscribe_all()
        charge = world.make("charge", will="CARD_DECLINED", attempt=True, shop_customer="7711000000009")
        number = str(_ledger(world, charge["id"]).customer.id)
        if road == "poll":
            assert world.deliver() == [200]
            assert world.shown(charge["id"])["charge"][lacking] is None
        world.asked()
        world.run(road, 1)

        shown = world.shown(charge["id"])["charge"]
        assert (shown["customer_id"], shown["shop_customer_id"]) == (number, "7711000000009")
        (call,) = [call for call in world.asked() if "/customers" in call]
        assert ("external_customer_id=7711000000009" if lacking == "customer_id" else f"ids={number}") in call
        wanted = {"customer": number} if lacking == "customer_id" else {"shop_customer": "7711000000009"}
        _, content = world.api("GET", "/charges", query={"account": "recharge/store", **wanted})
        assert [row["order_id"] for row in content["charges"]] == [str(charge["id"])]


class TestUnreadable:
    """A genuine delivery is answered 200 once it is stored, whatever is in it."""

    def test_it_lies_in_quarantine_and_is_read_again_by_hand(
        self, world: Recharge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.subscribe_all()
        charge = world.make("charge", will="CARD_DECLINED", attempt=True)
        assert world.deliver(spoil="unreadable") == [200]
        (kept,) = [item for item in world.cloud.table() if item["pk"]["S"].startswith("QUARANTINE#")]
        assert kept["reason"]["S"] == "total_price is not a decimal amount"
        assert world.store.get(world.key(charge["id"])) is None

        day = {"day": "2026-11-22"}
        redriven = world.cloud.invoke("recharge_redrive", day, remaining_ms=900_000)
        assert world.store.get(world.key(charge["id"])) is None
        assert "total_price" in json.dumps(redriven)

        with monkeypatch.context() as mended:  # the reader of next week takes "much" for 24.00
            mended.setattr("countersign.platforms.recharge.messages._amount", lambda _fields, _name: "24.00")
            world.cloud.invoke("recharge_redrive", day, remaining_ms=900_000)
        assert world.shown(charge["id"])["status"] == "failed"

    def test_a_delivery_as_large_as_lambda_takes_is_read_whole(self, world: Recharge) -> None:
        charge = as_version(_ledger(world, world.make("charge", will="CARD_DECLINED", attempt=True)["id"]), "2021-11")
        lines = 4_500_000 // len(json.dumps(charge["line_items"]))
        raw = message({"charge": {**charge, "line_items": charge["line_items"] * lines}})
        assert 4_000_000 < len(raw.body) < 5_000_000
        assert world.send(raw)["statusCode"] == 200
        shown = world.shown(charge["id"])
        assert (shown["status"], len(shown["charge"]["items"])) == ("failed", 50)
        assert [event["evidence_not_kept"] for event in shown["events"]] == [None]

    @pytest.mark.parametrize("subject", ["charge", "order", "unreadable"])
    def test_of_one_that_no_row_can_hold_the_digest_is_kept_and_it_is_taken_all_the_same(
        self, world: Recharge, subject: str
    ) -> None:
        charge = as_version(_ledger(world, world.make("charge", will="CARD_DECLINED", attempt=True)["id"]), "2021-11")
        noise = base64.b64encode(random.Random(1).randbytes(3_200_000 if subject == "charge" else 450_000)).decode()
        fields = {**charge, "x": noise, **({"total_price": []} if subject == "unreadable" else {})}
        raw = message({"order" if subject == "order" else "charge": fields})

        assert world.send(raw)["statusCode"] == 200

        (kept,) = [item for item in world.cloud.table() if "not_kept" in item]
        assert int(kept["not_kept"]["N"]) == len(raw.body)
        digest = kept["digest"].get("S") or kept["digest"]["B"].hex()
        assert digest == hashlib.sha256(raw.body).hexdigest()
        if subject == "charge":
            (event,) = world.shown(charge["id"])["events"]
            assert (event["evidence_not_kept"], event["digest"]) == (len(raw.body), digest)
        if subject == "unreadable":
            redriven = world.cloud.invoke("recharge_redrive", {"day": "2026-11-22"}, remaining_ms=900_000)
            (refused,) = redriven["still_refused"]
            assert "too large to be kept" in refused["reason"]

    def test_a_large_body_that_nobody_signed_is_401_and_leaves_nothing(self, world: Recharge) -> None:
        forged = message({"charge": {"id": 1, "x": "x" * 4_000_000}})
        before = world.cloud.table()

        assert world.send(replace(forged, body=forged.body + b" "))["statusCode"] == 401
        assert world.cloud.table() == before


def _ledger(world: Recharge, number: int) -> Any:
    return world.wire.simulator._control._dunning.ledger.charges[number]  # type: ignore[attr-defined]
