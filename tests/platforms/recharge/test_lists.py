"""Lists of charges: cursors that expire, pages that move, two runs at once; and what the merchant looks through."""

import csv
import io
import json
from typing import Any

import pytest

from countersign.errors import PlatformUnavailableError
from countersign.store.scans import ScanStore
from sandbox.simulators.recharge.api import Api
from tests.platforms.recharge.world import DAY, NOW, Recharge


def failures(world: Recharge) -> int:
    rows = world.cloud.table()
    return len([item for item in rows if item["sk"]["S"] == "ORDER" and item["status"]["S"] == "failed"])


def lists(world: Recharge) -> list[str]:
    return [call for call in world.asked() if call.startswith("GET /charges?")]


class TestScan:
    def test_with_a_cursor_only_cursor_and_limit_go_out(self, world: Recharge) -> None:
        world.make("bulk", count=60, failed=30)
        world.cloud.module("recharge_scan").connect("store").client.page_size = 25
        world.run("scan", accounts=["store"])

        calls = lists(world)
        assert calls[0].startswith("GET /charges?limit=25&sort_by=updated_at-asc&updated_at_min=2026-08-24T")
        assert [call.partition("?")[2].split("=")[0] for call in calls[1:]] == ["limit", "limit"]
        assert all("updated_at" not in call and "cursor=" in call for call in calls[1:])
        assert failures(world) == 30

    def test_the_first_list_is_of_everything_and_later_ones_of_failures_with_a_day_of_overlap(
        self, world: Recharge
    ) -> None:
        world.make("bulk", count=10, failed=2)
        world.run("scan", accounts=["store"])
        assert "status=" not in lists(world)[0]
        world.run("scan", 600, accounts=["store"])

        (call,) = lists(world)
        assert call.startswith(
            "GET /charges?limit=250&status=error&sort_by=updated_at-asc&updated_at_min=2026-11-21T11"
        )

    def test_by_page_number_in_the_older_version(self, world: Recharge) -> None:
        world.make("bulk", "older", count=60, failed=30)
        world.cloud.module("recharge_scan").connect("older").client.page_size = 25
        world.run("scan", accounts=["older"])

        assert [call.partition("page=")[2].partition("&")[0] for call in lists(world)] == ["1", "2", "3"]
        assert failures(world) == 30

    @pytest.mark.parametrize("knob", ["cursor_gone", "truncated", "unavailable", "not_json", "rate_limited"])
    def test_E14_whatever_happens_to_a_page_nothing_is_lost_and_nothing_told_twice(
        self, world: Recharge, knob: str
    ) -> None:
        world.make("bulk", count=60, failed=30)
        client = world.cloud.module("recharge_scan").connect("store").client
        client.page_size = 25
        client._sleep = client._bucket._sleep = lambda _seconds: None
        world.wire.simulator.faults({knob: {"count": 1, "match": "cursor" if knob != "cursor_gone" else ""}})
        world.run("scan", accounts=["store"])

        assert failures(world) == 30
        assert world.emitted().count("charge.failed") == 30

    def test_E14_a_list_that_goes_round_in_a_circle_ends(
        self, world: Recharge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.make("bulk", count=10, failed=2)
        following = iter("AB" * 10)
        monkeypatch.setattr(Api, "_read_cursor", lambda *_: {"filters": {}})
        monkeypatch.setattr(
            Api, "_page", lambda *_: (200, {}, {"next_cursor": next(following), "previous_cursor": None, "charges": []})
        )

        with pytest.raises(PlatformUnavailableError, match="circle"):
            list(world.cloud.module("recharge_scan").connect("store").client.charges(since="2026-01-01T00:00:00"))

    def test_E14_a_list_that_comes_in_no_sequence_is_read_to_its_end_before_its_place_is_noted(
        self, world: Recharge
    ) -> None:
        world.make("bulk", count=60, failed=30)
        world.wire.simulator.faults({"unsorted": 1})
        world.run("scan", accounts=["store"])

        assert failures(world) == 30
        scans = ScanStore(world.cloud.dynamodb, "Orders", "recharge")
        found = scans.lease("store", now=world.now)
        assert found is not None
        assert (found.done, found.reached) == ("2026-11-22T13:36:05", "")

    def test_E14_what_changes_while_it_is_read_is_found(self, world: Recharge) -> None:
        world.make("bulk", count=60, failed=30)
        client = world.cloud.module("recharge_scan").connect("store").client
        client.page_size = 25
        pages = client.charges

        def moving(**wanted: Any) -> Any:
            for index, page in enumerate(pages(**wanted)):
                yield page
                if index == 0:  # one that was read already fails again, and one that was not succeeds
                    numbers = [one["id"] for one in page.charges if one["status"] == "error"]
                    world.make("attempt", charge_id=numbers[0])

        client.charges = moving
        world.run("scan", accounts=["store"])
        del client.charges
        world.run("scan", 600, accounts=["store"])

        assert world.emitted().count("charge.failed") == 31

    def test_E13_two_runs_at_once_do_the_work_once(self, world: Recharge, capsys: pytest.CaptureFixture[str]) -> None:
        world.make("bulk", count=10, failed=2)
        scans = ScanStore(world.cloud.dynamodb, "Orders", "recharge")
        assert scans.lease("store", now=NOW) is not None
        world.run("scan", accounts=["store"])
        assert lists(world) == []
        assert "ScanBusy" in capsys.readouterr().out

        world.run("scan", 61, accounts=["store"])  # the other one died
        assert failures(world) == 2

    def test_E13_a_schedule_that_does_not_fire_for_days_leaves_no_gap(self, world: Recharge) -> None:
        world.run("scan", accounts=["store"])
        world.make("charge", will="CARD_DECLINED", attempt=True)
        world.run("scan", 9 * DAY, accounts=["store"])

        assert failures(world) == 1

    def test_one_unreadable_charge_does_not_cost_its_page(
        self, world: Recharge, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.make("bulk", count=10, failed=10)
        ledger = world.wire.simulator._control._dunning.ledger  # type: ignore[attr-defined]
        next(iter(ledger.charges.values())).attempts = "many"
        world.run("scan", accounts=["store"])

        assert failures(world) == 9
        assert '"ScanUnreadable":1' in capsys.readouterr().out

    def test_a_customer_who_cannot_be_read_does_not_cost_the_page_of_charges(
        self, world: Recharge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.make("bulk", "older", count=3, failed=3)
        client = world.cloud.module("recharge_scan").connect("older").client
        monkeypatch.setattr(type(client), "customers", lambda *_, **__: [{"id": "no number"}])
        world.run("scan", accounts=["older"])

        assert failures(world) == 3

    def test_a_refused_token_is_said_once_and_not_repeated(
        self, world: Recharge, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.wire.simulator.faults({"no_scope": 5})
        world.run("scan", accounts=["store"])

        assert len(lists(world)) == 1
        assert "lacks a scope" in capsys.readouterr().out

    def test_a_thousand_failures_take_four_pages(self, world: Recharge) -> None:
        world.run("scan", accounts=["store"])
        world.asked()
        world.make("bulk", count=1500, failed=1000, seconds=3600)
        page = world.cloud.module("recharge_scan").scan.ScanWork.record
        recorded: list[int] = []
        world.cloud.module("recharge_scan").scan.ScanWork.record = lambda _self, one, *_: recorded.append(
            len(one.messages)
        )
        try:
            world.run("scan", 600, accounts=["store"])
        finally:
            world.cloud.module("recharge_scan").scan.ScanWork.record = page

        assert recorded == [250, 250, 250, 250]
        assert len(world.asked()) <= 4 + 2


class TestSecondPass:
    def test_a_failure_is_read_by_its_number_after_its_next_try_until_it_is_over(self, world: Recharge) -> None:
        world.make("schedule", tries=1)
        charge = world.make("charge", will="CARD_DECLINED", attempt=True)
        world.run("scan", accounts=["store"])
        world.run("poll", DAY - 60)
        assert not [call for call in world.asked() if f"/charges/{charge['id']}" in call]
        world.run("poll", 3700)
        assert f"GET /charges/{charge['id']}" in world.asked()

        world.make("attempt", charge_id=charge["id"])
        world.run("poll", DAY)
        assert world.shown(charge["id"])["charge"]["final"] is True
        world.asked()
        for _ in range(5):
            world.run("poll", DAY)
        assert world.asked() == []

    def test_reading_the_same_again_leaves_no_row(self, world: Recharge) -> None:
        world.make("charge", will="CARD_DECLINED", attempt=True)
        world.run("scan", accounts=["store"])
        rows = len(world.cloud.table())
        for _ in range(3):
            world.run("poll", DAY + 4000)

        assert len(world.cloud.table()) == rows

    def test_a_charge_that_was_deleted_is_closed(self, world: Recharge) -> None:
        charge = world.make("charge", will="CARD_DECLINED", attempt=True)
        world.run("scan", accounts=["store"])
        world.make("delete", charge_id=charge["id"])
        world.posted.clear()
        world.run("poll", DAY + 4000)

        assert world.shown(charge["id"])["status"] == "closed"

    def test_refunds_of_a_charge_are_in_its_totals(self, world: Recharge) -> None:
        charge = world.make("charge", attempt=True)
        world.subscribe_all()
        world.make("refund", charge_id=charge["id"], amount=1000)
        assert world.deliver() == [200]
        assert (world.shown(charge["id"])["status"], world.shown(charge["id"])["refunded"]["minor"]) == (
            "partially_refunded",
            1000,
        )
        world.make("refund", charge_id=charge["id"])
        world.cloud.clock.shift(1)
        assert world.deliver() == [200]
        assert world.shown(charge["id"])["status"] == "refunded"


class TestCharges:
    @pytest.fixture
    def charges(self, world: Recharge) -> list[int]:
        numbers = []
        world.subscribe_all()
        for index, will in enumerate(("CARD_DECLINED", "INSUFFICIENT_FUNDS", "ERROR_OF_NEXT_YEAR", "")):
            made = world.make(
                "charge",
                will=will,
                attempt=True,
                email=f"c{index}@example.com",
                shop_customer=f"77{index}",
                note="=1+1",
            )
            numbers.append(int(made["id"]))
            assert world.deliver() == [200]
            world.cloud.clock.shift(DAY)
        return numbers

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ({}, [0, 1, 2, 3]),
            ({"status": "failed"}, [0, 1, 2]),
            ({"status": "paid"}, [3]),
            ({"group": "customer_must_act"}, [0]),
            ({"group": "unknown"}, [2]),
            ({"shop_customer": "771"}, [1]),
            ({"sort": "-updated_at"}, [3, 2, 1, 0]),
            ({"from": "2026-11-23", "to": "2026-11-24"}, [1, 2]),
            ({"from": "2026-11-24T14:00:05Z"}, [2, 3]),
            ({"limit": "2"}, [0, 1]),
        ],
    )
    def test_they_are_looked_through(
        self, world: Recharge, charges: list[int], query: dict[str, str], wanted: list[int]
    ) -> None:
        status, content = world.api("GET", "/charges", query={"account": "recharge/store", **query})

        assert status == 200
        assert [int(row["order_id"]) for row in content["charges"]] == [charges[index] for index in wanted]

    def test_by_recharges_own_number_of_the_customer(self, world: Recharge, charges: list[int]) -> None:
        customer = world.shown(charges[1])["charge"]["customer_id"]
        _, content = world.api("GET", "/charges", query={"account": "recharge/store", "customer": customer})

        assert [int(row["order_id"]) for row in content["charges"]] == [charges[1]]

    @pytest.mark.parametrize("sort", ["updated_at", "-updated_at"])
    def test_page_after_page(self, world: Recharge, charges: list[int], sort: str) -> None:
        found: list[int] = []
        cursor = ""
        for _ in range(5):
            query = {"account": "recharge/store", "limit": "1", "sort": sort, "cursor": cursor}
            _, content = world.api("GET", "/charges", query={name: value for name, value in query.items() if value})
            found += [int(row["order_id"]) for row in content["charges"]]
            cursor = content["cursor"]

        assert found == (charges if sort == "updated_at" else charges[::-1])

    def test_as_csv_that_no_spreadsheet_takes_for_formulas(self, world: Recharge, charges: list[int]) -> None:
        status, text = world.api("GET", "/charges", query={"account": "recharge/store", "format": "csv"})

        assert text.startswith("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert status == 200
        assert [row["charge_id"] for row in rows] == [str(number) for number in charges]
        assert rows[0]["note"] == "'=1+1"
        assert (rows[0]["amount"], rows[0]["currency"], rows[0]["group"]) == ("2400", "USD", "customer_must_act")

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({"account": "store"}, 422),
            ({"account": "recharge/store", "group": "odd"}, 422),
            ({"account": "recharge/store", "sort": "amount"}, 422),
            ({"account": "recharge/store", "status": "paied"}, 422),
            ({"account": "recharge/store", "groups": "unknown"}, 422),
            ({"account": "recharge/store", "from": "yesterday"}, 422),
            ({"account": "recharge/store", "limit": "0"}, 422),
            ({"account": "recharge/store", "cursor": "x"}, 400),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, world: Recharge, query: dict[str, str], status: int) -> None:
        found, content = world.api("GET", "/charges", query=query)

        assert found == status
        assert json.dumps(content)
