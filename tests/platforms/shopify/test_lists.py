"""What is read of a shop: its list of changes, single orders, and what neither may be mistaken about."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.errors import PlatformUnavailableError
from countersign.platforms.shopify import answers, client, connector
from countersign.platforms.shopify.apps import Apps
from countersign.workers import scan
from sandbox.simulators.shopify.admin import Admin
from tests.platforms.shopify.world import (
    APP,
    OTHER,
    SHOP,
    SHOP_ID,
    Json,
    Shopify,
    documents,
    refund,
    shopify,
    transaction,
)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGE", 3)


def reader(world: Shopify, host: str = SHOP) -> connector.Connector:
    return connector.connect(host, Apps().installation(host), store=world.store)


class TestScan:
    def test_every_order_that_changed_is_known_by_the_list_alone(self, world: Shopify) -> None:
        sold = [world.make("create", pay=pay) for pay in ("sale", "none", "authorization")]
        world.make("refund", order=sold[0].id, minor=3000)
        world.make("cancel", order=sold[1].id)

        world.run("scan")

        for one in sold:
            world.agrees(one)
        assert [world.order(str(one.id)).status for one in sold] == ["partially_refunded", "closed", "authorized"]
        assert world.emitted().count("order.review") == 0

    def test_both_shops_of_an_app_are_read_each_with_its_own_token(self, world: Shopify) -> None:
        here, there = world.make("create"), world.make("create", shop=OTHER)

        world.run("scan")

        world.agrees(here)
        world.agrees(there, OTHER)
        assert world.known(str(there.id), SHOP) is None

    def test_E14_a_second_run_writes_nothing_and_orders_of_one_moment_are_all_read(self, world: Shopify) -> None:
        sold = [world.make("create") for _ in range(3 * client.PAGE)]  # the clock stands still: one moment for all
        world.run("scan")
        before = [row for row in world.rows() if "SCAN#" not in row]

        world.run("scan", 600)

        assert [row for row in world.rows() if "SCAN#" not in row] == before
        assert all(world.known(str(one.id)) for one in sold)

    def test_E14_an_order_that_changes_while_it_is_read_is_read_again(self, world: Shopify) -> None:
        sold = [world.make("create") for _ in range(client.PAGE + 1)]
        world.run("scan", remaining_ms=59_000)  # time for one page only
        world.cloud.clock.shift(1)
        world.make("edit", order=sold[0].id, minor=4000)

        world.run("scan", 600)

        for one in sold:
            world.agrees(one)

    def test_E13_a_run_that_ends_early_goes_on_where_it_was(self, world: Shopify) -> None:
        for _ in range(3):
            for _ in range(client.PAGE):
                world.make("create")
            world.cloud.clock.shift(60)
        world.run("scan", remaining_ms=59_999)
        world.asked()

        world.run("scan")

        assert world.asked().count("OrdersChanged") <= 5
        assert len([row for row in world.cloud.table() if row["sk"]["S"] == "ORDER"]) == 3 * client.PAGE

    def test_at_rest_an_hour_costs_less_than_a_twentieth_of_what_the_shop_has(self, world: Shopify) -> None:
        for _ in range(8):
            world.make("create")
            world.cloud.clock.shift(600)
        jobs = ("scan", "guard", "poll", "import")
        for job in jobs:
            world.run(job)
        bucket = world.wire.simulator.apis[APP, SHOP].bucket
        before = bucket.taken

        for _ in range(6):
            world.cloud.clock.shift(600)
            for job in jobs:  # all that ever asks by itself
                world.run(job)

        assert 0 < bucket.taken - before <= 0.05 * 3600 * 100

    def test_a_list_whose_cursor_does_not_advance_fails_the_run(self, world: Shopify) -> None:
        for _ in range(2 * client.PAGE + 1):
            world.make("create")
        world.wire.simulator.faults({"stuck_cursor": 99})

        with pytest.raises(PlatformUnavailableError, match="does not advance"):
            list(reader(world).scan("2026-01-01T00:00:00Z", everything=True, now=world.now))

    def test_a_list_that_goes_round_in_a_circle_fails_the_run(
        self, world: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.make("create")
        list_, asked = Admin._orders, itertools.count()

        def in_a_circle(self: Admin, given: Json, write: Any) -> Json:
            answer = list_(self, {**given, "after": None}, write)
            answer["orders"]["pageInfo"] = {"hasNextPage": True, "endCursor": "AB"[next(asked) % 2]}
            return answer

        monkeypatch.setattr(Admin, "_orders", in_a_circle)
        with pytest.raises(PlatformUnavailableError, match="does not advance"):
            list(reader(world).scan("2026-01-01T00:00:00Z", everything=True, now=world.now))
        with pytest.raises(PlatformUnavailableError, match="does not advance"):
            list(reader(world).changed("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"))

    @pytest.mark.parametrize("fault", ["ignore_filter", "ignore_silently"])
    def test_a_filter_that_was_ignored_fails_the_run_and_moves_nothing(self, world: Shopify, fault: str) -> None:
        world.make("create")
        world.run("scan")
        world.cloud.clock.shift(7200)
        latest = world.make("create")
        world.run("scan")
        place = [row for row in world.rows() if "SCAN#" in row]
        world.cloud.clock.shift(7200)
        world.wire.simulator.faults({fault: 9})

        world.run("scan")

        assert [row for row in world.rows() if "SCAN#" in row] == place
        world.agrees(latest)

    def test_S9_an_order_with_a_word_of_next_year_is_kept_and_all_others_with_it(self, world: Shopify) -> None:
        sold = [world.make("create") for _ in range(client.PAGE)]
        world.make("touch", order=sold[1].id, word="almost_paid")

        world.run("scan")

        for one in sold:
            world.agrees(one)

    def test_S9_a_word_of_next_year_is_recorded_once_however_often_the_list_has_it(self, world: Shopify) -> None:
        sold = world.make("create")
        world.make("touch", order=sold.id, word="ALMOST_PAID")
        world.run("scan")
        before = len(world.cloud.table()), world.order(str(sold.id)).version

        for _ in range(3):
            world.run("scan", 600)

        assert (len(world.cloud.table()), world.order(str(sold.id)).version) == before

    def test_an_order_that_cannot_be_read_is_left_out_and_counted(
        self, world: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sold = [world.make("create") for _ in range(3)]
        sold[1].currency = "nonsense"

        world.run("scan")

        assert [world.known(str(one.id)) is not None for one in sold] == [True, False, True]
        assert '"ScanUnreadable":1' in capsys.readouterr().out.replace(" ", "")

    def test_an_archived_order_that_is_paid_up_days_later_is_known_by_the_list_alone(self, world: Shopify) -> None:
        sold = world.make("create", pay="none")
        world.run("scan")
        assert world.order(str(sold.id)).status == "pending"

        world.cloud.clock.shift(86_400)
        world.make("pay", order=sold.id, minor=5000)
        world.run("scan")
        assert world.order(str(sold.id)).status == "partially_paid"

        world.cloud.clock.shift(3 * 86_400)
        world.make("pay", order=sold.id)
        world.make("touch", order=sold.id, archive=True)
        world.run("scan")

        world.agrees(sold)
        assert world.order(str(sold.id)).paid_at == world.now


class TestPoll:
    def test_S2_a_refund_whose_end_nobody_tells_is_found_by_asking(self, world: Shopify) -> None:
        world.subscribe_all()
        sold = world.make("create")
        world.make("refund", order=sold.id, minor=3000, status="pending")
        world.carry()
        assert (world.order(str(sold.id)).refunded, world.order(str(sold.id)).reserved) == (0, 3000)

        world.cloud.clock.shift(6 * 3600)
        world.make("settle", order=sold.id, quiet=True)
        world.run("poll")

        world.agrees(sold)
        assert world.order(str(sold.id)).status == "partially_refunded"

    def test_S2_a_refund_that_failed_gives_its_amount_back_once_the_shop_was_asked(self, world: Shopify) -> None:
        world.subscribe_all()
        sold = world.make("create")
        world.make("refund", order=sold.id, minor=3000, status="pending", by_lines=False)
        world.carry()

        world.make("settle", order=sold.id, status="failure", quiet=True)
        world.run("poll", 6 * 3600)

        world.agrees(sold)
        assert world.order(str(sold.id)).refundable == 10_000

    @pytest.mark.parametrize("way", ["transfer", "refund"])
    def test_S8_what_stays_undecided_is_looked_at_each_hour_then_each_day_and_not_for_ever(
        self, world: Shopify, way: str
    ) -> None:
        """A buyer's transfer that never comes, a refund that its provider forgot: nothing is written while it waits."""
        sold = world.make("create", pay="none" if way == "transfer" else "sale")
        pending: Json = {"order": sold.id, "status": "pending"}
        world.make("pay", **pending) if way == "transfer" else world.make(
            "refund", minor=3000, by_lines=False, **pending
        )
        world.run("scan", 60)
        world.run("poll", 3600)
        version, rows = world.order(str(sold.id)).version, len(world.cloud.table())

        def looks(*pauses: int) -> int:
            world.asked()
            for pause in pauses:
                world.run("poll", pause)
            return world.asked().count("OneOrder")

        assert looks(*[60] * 130) == 2
        looks(3 * 86_400)
        assert looks(*[3600] * 24) == 1
        assert (world.order(str(sold.id)).version, len(world.cloud.table())) == (version, rows)
        looks(100 * 86_400)
        assert looks(*[3600] * 48) == 0

    def test_what_is_told_of_an_order_before_the_order_is_read_at_once(self, world: Shopify) -> None:
        sold = world.make("create")
        world.deliver(transaction(7001, order_id=sold.id), "order_transactions/create")
        assert world.known(str(sold.id)) is None

        world.run("poll")

        world.agrees(sold)

    def test_B2_of_an_order_that_the_shop_does_not_know_nothing_remains_to_be_asked(self, world: Shopify) -> None:
        elsewhere = world.make("create", shop=OTHER)
        world.deliver(refund(transaction(7002, "refund", order_id=elsewhere.id), order_id=elsewhere.id))

        world.run("poll")
        world.asked()
        world.run("poll", 600)

        assert world.known(str(elsewhere.id)) is None
        assert world.asked() == []

    def test_B1_a_body_under_a_lying_topic_causes_at_most_one_question(self, world: Shopify) -> None:
        world.subscribe_all()
        sold = world.make("create", pay="none")
        world.carry()
        world.asked()
        world.posted.append(world.posted[0]) if world.posted else None

        world.run("poll", 1)

        assert len(world.asked()) <= 1
        assert world.order(str(sold.id)).status == "pending"

    def test_what_was_told_and_what_is_read_are_one_state(self, world: Shopify) -> None:
        world.subscribe_all()
        sold = world.make("create", currency="ISK", minor=4400, shop_currency="GBP", shop_minor=2550)
        world.make("refund", order=sold.id, minor=1000)
        world.carry()
        world.run("poll", 10)
        world.run("scan", 10)

        world.agrees(sold)
        shown = world.shown(str(sold.id))
        ledger = {"paid": sold.sum("sale", shop=True), "refunded": sold.sum("refund", shop=True)}
        assert shown["shop"] == {"currency": "GBP", "amount": sold.shop_total, **ledger}
        assert shown["review"] == []


class TestAnswers:
    def test_a_call_is_repeated_after_the_wait_that_the_answer_says(self, world: Shopify, waits: list[float]) -> None:
        world.make("create")
        world.wire.simulator.faults({"throttled": 2})

        world.run("scan")

        assert len(waits) == 2 and min(waits) >= 1.0
        assert [row for row in world.cloud.table() if row["sk"]["S"] == "ORDER"]

    @pytest.mark.parametrize("fault", ["revoked", "denied"])
    def test_a_token_that_is_refused_is_not_tried_again(self, world: Shopify, fault: str, waits: list[float]) -> None:
        world.wire.simulator.faults({fault: 99})

        with pytest.raises(answers.CallRefusedError) as refused:
            list(reader(world).scan("2026-01-01T00:00:00Z", everything=True, now=world.now))

        assert refused.value.whole_account
        assert waits == []

    def test_an_answer_in_another_version_than_was_asked_for_is_counted(
        self, world: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.wire.simulator.faults({"older_version": 1})

        world.run("scan")

        assert '"ApiVersionFellForward":1' in capsys.readouterr().out.replace(" ", "")

    @pytest.mark.parametrize(
        ("status", "headers", "waited"),
        [(429, {"Retry-After": "3.0"}, 3), (429, {}, 2), (429, {"Retry-After": "0"}, 1)],
    )
    def test_429_is_waited_for_in_seconds(self, status: int, headers: dict[str, str], waited: float) -> None:
        class Answer:
            status_code, content = status, b"{}"

        Answer.headers = headers  # type: ignore[attr-defined]
        with pytest.raises(answers.ThrottledError) as throttled:
            answers.read(Answer())  # type: ignore[arg-type]
        assert throttled.value.wait == waited

    @pytest.mark.parametrize(
        "cost",
        [
            None,
            {"requestedQueryCost": 1e999, "throttleStatus": {"currentlyAvailable": 1, "restoreRate": 50}},
            {"requestedQueryCost": 10**400, "throttleStatus": {"currentlyAvailable": 1, "restoreRate": 50}},
            {"requestedQueryCost": 9, "throttleStatus": {"currentlyAvailable": float("nan"), "restoreRate": 50}},
            {"requestedQueryCost": "9", "throttleStatus": {"currentlyAvailable": None, "restoreRate": 0}},
            {"requestedQueryCost": 9, "throttleStatus": {"currentlyAvailable": 100, "restoreRate": 50.0}},
        ],
    )
    def test_a_call_that_is_throttled_without_a_number_waits_a_second(self, cost: Json | None) -> None:
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]

        class Answer:
            status_code, headers = 200, {"Content-Length": ""}
            content = json.dumps({"data": None, "errors": errors, "extensions": {"cost": cost}}).encode()

        with pytest.raises(answers.ThrottledError) as throttled:
            answers.read(Answer())  # type: ignore[arg-type]
        assert throttled.value.wait == 1

    @pytest.mark.parametrize("status", [429, 430, 503])
    def test_where_no_token_is_given_just_now_it_is_asked_for_later(self, status: int) -> None:
        class Answer:
            status_code, headers, content = status, {"Content-Length": ""}, b""

        with pytest.raises(PlatformUnavailableError):
            answers.read_token(Answer())  # type: ignore[arg-type]

    @pytest.mark.parametrize("content", [b"<html>", b'{"data": nul', b"[]", b'{"data": null}', b"\xff"])
    def test_half_an_answer_is_none(self, content: bytes) -> None:
        class Answer:
            status_code, headers = 200, {"Content-Length": ""}

        Answer.content = content  # type: ignore[attr-defined]
        with pytest.raises(PlatformUnavailableError):
            answers.read(Answer())  # type: ignore[arg-type]

    def test_a_list_of_movements_that_is_cut_off_is_never_summed(self, world: Shopify) -> None:
        sold = world.make("create", pay="none", minor=100_000)
        for _ in range(answers.MOST_TRANSACTIONS + 1):
            world.make("pay", order=sold.id, minor=100)

        order = answers.read_order(_node(world, sold.id))

        assert (order.transactions, order.complete) == ((), False)
        assert order.received is not None and order.received.minor == sold.received

    @pytest.mark.parametrize("job", ["scan", "poll", "import"])
    @pytest.mark.parametrize("parts", [answers.MOST_TRANSACTIONS - 1, answers.MOST_TRANSACTIONS])
    def test_an_order_of_more_movements_than_a_list_has_is_read_once_more(
        self, world: Shopify, job: str, parts: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sold = world.make("create", pay="none", minor=10_000)
        for _ in range(parts):
            world.make("pay", order=sold.id, minor=100)
        world.make("refund", order=sold.id, minor=500, by_lines=False)
        if job == "poll":
            world.deliver(transaction(order_id=sold.id))  # of an order that is not known: a reason to ask
        monkeypatch.setattr("time.sleep", world.cloud.clock.shift)

        world.run(job, 60, **({"accounts": [SHOP], "import": {}} if job == "import" else {}))

        world.agrees(sold)
        assert len(world.order(str(sold.id)).payments) == parts
        assert "WholeOrder" in world.asked()  # a refund of 5.00 is of five payments

    def test_of_an_order_of_more_movements_than_can_be_asked_for_none_is_summed(self, world: Shopify) -> None:
        sold = world.make("create", pay="none", minor=100_000)
        for _ in range(answers.MOST_MOVEMENTS + 1):
            world.make("pay", order=sold.id, minor=100)

        world.run("scan", 60)

        found = world.order(str(sold.id))
        assert (found.paid, found.payments, found.status) == (sold.received, (), "partially_paid")


def _node(world: Shopify, number: int) -> Any:
    return json.loads(json.dumps(world.ask("order", order=number)))


class TestTokens:
    @pytest.fixture
    def own(self, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
        """Return a stack with an app of the shop's own organisation, which fetches its tokens."""
        monkeypatch.setattr(scan, "WRITERS", 1)
        found = documents(install="client_credentials", shops=[{"shop": SHOP, "shop_id": SHOP_ID}])
        with mock_aws(), shopify(clock, {APP: found[APP]}) as made:
            yield made

    def test_a_token_is_fetched_once_for_a_day_and_again_before_it_ends(self, own: Shopify) -> None:
        sold = own.make("create")
        for _ in range(3):
            own.run("scan", 3600)
        assert own.asked().count("Token") == 1
        own.agrees(sold)

        own.run("scan", 22 * 3600)
        assert own.asked().count("Token") == 1

    def test_a_token_that_was_taken_away_is_replaced_once(self, own: Shopify) -> None:
        own.run("scan")
        own.shop().installation.token = "shpat_of_somebody_else"
        sold = own.make("create")
        own.asked()

        own.run("scan", 600)

        assert own.asked().count("Token") == 1
        own.agrees(sold)

    def test_an_app_that_is_given_no_token_is_said_to_be_refused(
        self, own: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own.shop().installation.app.secret = "another"

        own.run("scan")

        assert "it gives the app no token for this shop" in capsys.readouterr().out
