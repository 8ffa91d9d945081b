"""A lost afternoon is found, read and proved: for subscriptions that a call can make, and for those that none lists."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from moto import mock_aws

from countersign.platforms.shopify import connector, messages
from countersign.workers import publish, scan
from tests.functions.conftest import http_event
from tests.platforms.shopify.world import ADDRESS, APP, SHOP, Json, Shopify, documents, order, shopify

HOUR = 3600


@pytest.fixture
def one_shop(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    """Return one stack whose only shop is of the kind that the test names by `kind_of`."""
    monkeypatch.setattr(scan, "WRITERS", 1)
    with mock_aws(), shopify(clock, _only(SHOP, "shop")) as made:
        yield made


@pytest.fixture(params=["app", "admin"])
def silent(
    request: pytest.FixtureRequest, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shopify]:
    """Return one stack whose shop's subscriptions are in no list."""
    monkeypatch.setattr(scan, "WRITERS", 1)
    with mock_aws(), shopify(clock, _only(SHOP, request.param)) as made:
        made.subscribe_all(request.param)
        yield made


def _only(host: str, kind: str) -> dict[str, Json]:
    found = documents(subscriptions=kind)
    return {APP: found[APP], f"{APP}/{host}": found[f"{APP}/{host}"]}


def told(world: Shopify, kind: str) -> list[Json]:
    return [row for row in world.cloud.table() if row.get("kind", {}).get("S") == kind]


def proof(world: Shopify) -> dict[str, int]:
    [row] = told(world, "subscription.restored")
    [entry] = publish.entries(row, "bus")
    detail = json.loads(entry["Detail"])
    at = {name: int(datetime.fromisoformat(detail["interval"][name]).timestamp()) for name in ("from", "to")}
    return at | {"missing": detail["missing"]}


def looked_after(world: Shopify, *seconds: int) -> None:
    """Let the schedules pass: each time the list is read and the subscriptions are looked after."""
    for pause in seconds:
        world.run("scan", pause)
        world.run("guard", 1)


class TestSubscriptionsOfTheShop:
    def test_the_first_run_subscribes_to_everything_and_tells_nobody(self, one_shop: Shopify) -> None:
        one_shop.run("guard")

        there = one_shop.ask("subscriptions")["subscriptions"]
        assert {(one["topic"], one["address"]) for one in there} == {(topic, ADDRESS) for topic in connector.TOPICS}
        one_shop.asked()
        one_shop.run("guard", 600)
        assert "Subscribe" not in one_shop.asked()
        assert one_shop.emitted() == []

    def test_bodies_have_what_is_read_of_them_and_nothing_of_the_buyer(self, one_shop: Shopify) -> None:
        one_shop.run("guard")
        sold = one_shop.make("create", attributes={"reference": "SO-5"})
        one_shop.make("refund", order=sold.id, minor=1000)
        bodies = [json.loads(one.body) for one in one_shop.posted if one.subscription.topic in connector.WHOLE_ORDERS]

        assert set(one_shop.carry()) == {200}

        assert {name for body in bodies for name in body} <= set(connector.ORDER_FIELDS)
        one_shop.agrees(sold)
        assert dict(one_shop.order(str(sold.id)).terms.metadata)["reference"] == "SO-5"

    def test_everything_that_is_read_of_an_order_is_among_the_fields(self) -> None:
        seen: set[str] = set()

        class Noting(dict[str, object]):
            def get(self, name: str, default: object = None) -> object:
                seen.add(name)
                return super().get(name, default)

            def __getitem__(self, name: str) -> object:
                seen.add(name)
                return super().__getitem__(name)

        messages.read_order(Noting(order()))
        messages.subject(Noting(order()))

        assert seen <= set(connector.ORDER_FIELDS)
        assert "order_status_url" in connector.ORDER_FIELDS

    def test_E11_an_outage_longer_than_the_ladder_is_healed_and_proved(
        self, one_shop: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked_after(one_shop, 0)
        first = [one_shop.make("create", pay="none") for _ in range(4)]
        assert set(one_shop.carry()) == {200}
        began = one_shop.now
        changed = [one_shop.make("pay", order=one.id) for one in first]
        for one in first[:2]:  # some twice
            one_shop.cloud.clock.shift(60)
            one_shop.make("refund", order=one.id, minor=1000)
        for delivery in one_shop.posted:  # answered 500, eight times more, for four hours
            for attempt in range(len(delivery.retries) + 1):
                delivery.tries = attempt
                assert not delivery.takes(500, b"")
        one_shop.posted.clear()
        assert sum(delivery.retries) == 4 * HOUR
        assert {one["topic"] for one in one_shop.ask("subscriptions")["ended"]} >= {"ORDERS_UPDATED", "ORDERS_PAID"}
        one_shop.cloud.clock.shift(5 * HOUR)
        new = [one_shop.make("create") for _ in range(2)]

        one_shop.run("guard")
        assert len(told(one_shop, "subscription.missing")) == 1
        assert told(one_shop, "subscription.restored") == []
        looked_after(one_shop, 600, 600)

        for sold in (*changed, *new):
            one_shop.agrees(sold)
        found = proof(one_shop)
        assert found["missing"] == 0
        assert found["from"] <= began and found["to"] >= began + 5 * HOUR
        assert "0 events missing" in capsys.readouterr().out
        looked_after(one_shop, 600, 600)
        assert len(told(one_shop, "subscription.missing")) == len(told(one_shop, "subscription.restored")) == 1

    def test_a_gap_is_not_proved_closed_while_the_shop_has_what_is_not_known_here(
        self, one_shop: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked_after(one_shop, 0)
        one_shop.ask("drop_subscriptions")
        sold = one_shop.make("create")
        one_shop.run("guard", 600)
        with monkeypatch.context() as patch:  # a reader that loses an order on its way
            patch.setattr(connector.Connector, "_told", lambda *_: [])
            one_shop.run("scan", 600)
        one_shop.run("guard", 1)
        assert told(one_shop, "subscription.restored") == []

        looked_after(one_shop, 600, 600)

        one_shop.agrees(sold)
        assert proof(one_shop)["missing"] == 0

    def test_one_cause_is_found_once_whichever_of_the_two_workers_comes_first(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        one_shop.ask("drop_subscriptions")
        for _ in range(3):
            one_shop.make("create")

        looked_after(one_shop, 600, 600, 600, 600)  # the list is read before the subscriptions are missed

        assert len(told(one_shop, "subscription.missing")) == len(told(one_shop, "subscription.restored")) == 1
        assert proof(one_shop)["missing"] == 0

    def test_S10_an_address_of_somebody_else_is_left_alone_and_named(
        self, one_shop: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        one_shop.ask("subscribe", topic="ORDERS_PAID", address="https://other.example.com/hook")

        looked_after(one_shop, 0, 600, 600)

        there = {one["address"] for one in one_shop.ask("subscriptions")["subscriptions"]}
        assert there == {ADDRESS, "https://other.example.com/hook"}
        assert "SubscriptionsOfOthers" in capsys.readouterr().out

    def test_an_interval_that_a_person_wants_is_read_and_proved(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        since = one_shop.now
        sold = one_shop.make("create")

        one_shop.run("guard", 600, accounts=[SHOP], restore={"from": since - 60, "to": since + 60})
        looked_after(one_shop, 600)

        one_shop.agrees(sold)
        assert proof(one_shop) == {"from": since - 60, "to": since + 60, "missing": 0}


class TestAPersonAsks:
    def asks(self, world: Shopify, since: int, until: int, account: str = SHOP, **claims: str) -> Json:
        at = [datetime.fromtimestamp(one, UTC).isoformat() for one in (since, until)]
        event = http_event(
            "POST",
            "/accounts/{platform}/{account}/restore",
            {"platform": "shopify", "account": account},
            body=json.dumps({"from": at[0], "to": at[1]}),
            claims={"scope": "operate", **claims},
        )
        answer = world.cloud.invoke("decisions_api", event)
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def test_an_interval_is_read_and_proved_by_the_guards_next_run(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        since = one_shop.now
        sold = one_shop.make("create")
        assert set(one_shop.carry()) == {200}
        one_shop.cloud.clock.shift(60)

        asked = self.asks(one_shop, since - 60, since + 60)
        assert (asked["status"], asked["restore"]) == (202, "asked")
        looked_after(one_shop, 600, 600)

        one_shop.agrees(sold)
        assert proof(one_shop) == {"from": since - 60, "to": since + 60, "missing": 0}
        looked_after(one_shop, 600, 600)
        assert len(told(one_shop, "subscription.restored")) == 1
        assert [row["what"]["S"] for row in one_shop.cloud.table() if "what" in row] == ["restore_asked"]

    def test_two_wishes_before_the_next_run_are_one_of_both_times(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        now = one_shop.now

        self.asks(one_shop, now - 500, now - 400)
        self.asks(one_shop, now - 300, now - 200)
        looked_after(one_shop, 600, 600)

        assert proof(one_shop) == {"from": now - 500, "to": now - 200, "missing": 0}

    def test_a_wish_waits_for_a_gap_that_is_open_and_takes_nothing_from_it(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        one_shop.ask("drop_subscriptions")
        one_shop.make("create")
        one_shop.run("guard", 600)
        self.asks(one_shop, one_shop.now - 60, one_shop.now)

        looked_after(one_shop, 600, 600, 600, 600)

        assert sorted(row["topics"]["S"] for row in told(one_shop, "subscription.restored"))[1] == "asked"

    @pytest.mark.parametrize(("since", "until"), [(10, 0), (0, 0), (-60, 3600), (-400 * 86_400, 0)])
    def test_a_time_that_is_none_is_refused(self, one_shop: Shopify, since: int, until: int) -> None:
        looked_after(one_shop, 0)

        refused = self.asks(one_shop, one_shop.now + since, one_shop.now + until)

        assert (refused["status"], refused["code"]) == (422, "interval_is_none")

    def test_machines_strangers_and_other_scopes_may_not(self, one_shop: Shopify) -> None:
        looked_after(one_shop, 0)
        now = one_shop.now
        before = one_shop.rows()

        assert self.asks(one_shop, now - 60, now, sub="spa", username="")["status"] == 403
        assert self.asks(one_shop, now - 60, now, scope="orders:read payments:write")["status"] == 403
        assert self.asks(one_shop, now - 60, now, accounts="[shopify/other.myshopify.com]")["status"] == 404
        assert self.asks(one_shop, now - 60, now, account="nobody.myshopify.com")["status"] == 409
        assert one_shop.rows() == before


class TestSubscriptionsThatNoCallLists:
    def test_S1_nothing_is_created_however_empty_the_list_is(self, silent: Shopify) -> None:
        looked_after(silent, 0, 600, 600)

        assert "Subscribe" not in silent.asked()
        assert silent.emitted() == []

    def test_S1_an_order_that_is_told_by_two_kinds_changes_once_and_that_is_said(
        self, silent: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        silent.ask("subscribe", topic="ORDERS_CREATE", address=ADDRESS, kind="shop")
        sold = silent.make("create", pay="none")
        assert silent.carry() == [200, 200]

        looked_after(silent, 0)

        assert silent.order(str(sold.id)).status == "pending"
        assert len([row for row in silent.cloud.table() if row.get("via", {}).get("S") == "notify"]) == 1
        assert "SubscriptionsDoubled" in capsys.readouterr().out

    def test_S1_a_silent_sender_is_found_by_the_list_and_the_time_is_proved_read(self, silent: Shopify) -> None:
        looked_after(silent, 0)
        silent.make("create")
        silent.carry()
        looked_after(silent, 600)
        assert told(silent, "subscription.missing") == []

        silent.ask("silence", silent=True)
        began = silent.now
        sold = [silent.make("create") for _ in range(5)]
        looked_after(silent, 600, 600)

        for one in sold:
            silent.agrees(one)
        assert len(told(silent, "subscription.missing")) == 1
        assert told(silent, "subscription.restored") == []  # nothing is told yet

        silent.ask("silence", silent=False)
        silent.make("edit", order=sold[0].id, minor=11_000)
        assert set(silent.carry()) == {200}
        looked_after(silent, 600, 600)

        found = proof(silent)
        assert found["missing"] == 0
        assert found["from"] <= began <= found["to"]
        assert len(told(silent, "subscription.missing")) == 1

    def test_a_shop_where_nothing_changes_is_quiet_and_not_silent(self, silent: Shopify) -> None:
        looked_after(silent, 0, 24 * HOUR, 24 * HOUR)

        assert silent.emitted() == []

    def test_E13_schedules_that_fire_twice_or_not_at_all_leave_no_gap(self, silent: Shopify) -> None:
        looked_after(silent, 0)
        sold = silent.make("create")
        silent.posted.clear()
        silent.run("scan", 7 * HOUR)
        before = [row for row in silent.rows() if "SCAN#" not in row]
        silent.run("scan")

        silent.agrees(sold)
        assert [row for row in silent.rows() if "SCAN#" not in row] == before

    def test_what_is_told_names_no_address_and_no_person(self, silent: Shopify) -> None:
        silent.ask("silence", silent=True)
        looked_after(silent, 0)
        silent.make("create")
        looked_after(silent, 600, 600)

        [row] = told(silent, "subscription.missing")
        assert "https://" not in json.dumps(row)
