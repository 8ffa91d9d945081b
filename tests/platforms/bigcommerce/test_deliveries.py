"""Deliveries, the poll, the list and the guard: how an order of a store becomes known, and what is never believed."""

import json
import re
import time
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from countersign.errors import PlatformUnavailableError
from countersign.orders.changes import OrderKey
from tests.functions.conftest import http_event
from tests.platforms.bigcommerce.world import OTHER, STORE, Shop, shop, store_document

ALARMS = Path("alarms.yaml").read_text(encoding="utf-8")


def test_an_order_of_our_method_is_known_from_its_delivery_and_no_payment_is_made(world: Shop) -> None:
    world.hook()
    order = world.make("order")

    assert world.deliver() == [200]
    world.run("poll")

    assert world.order(order).status == "pending"
    assert world.hosted.wire.sent == []


def test_a_store_whose_document_somebody_wrote_by_hand_is_an_account_once_an_order_is_known(world: Shop) -> None:
    world.hook()
    world.make("order")
    assert world.deliver() == [200]

    answer = world.cloud.invoke("accounts_api", http_event("GET", "/accounts", {}))
    assert f"bigcommerce/{STORE}" in [row["account"] for row in json.loads(answer["body"])["accounts"]]


def test_an_order_that_another_method_pays_is_not_ours(world: Shop) -> None:
    world.hook()
    order = world.make("order", method="Credit card")
    world.deliver()
    world.run("poll")
    world.run("poll", 3600)

    assert world.known(order) is None


@pytest.mark.parametrize("spoil", ["forge", "stale"])
def test_a_delivery_that_is_not_genuine_is_refused_and_leaves_nothing(world: Shop, spoil: str) -> None:
    world.hook()
    world.make("order")
    before = world.rows()

    assert world.deliver(spoil=spoil) == [401]
    assert world.rows() == before


def test_a_delivery_that_cannot_be_read_is_kept_and_acknowledged(world: Shop) -> None:
    world.hook()
    world.make("order")

    assert world.deliver(spoil="unreadable") == [200]
    assert any("QUARANTINE" in row for row in world.rows())


def test_the_hooks_own_header_is_enough_until_a_signed_delivery_was_seen(world: Shop) -> None:
    world.hook()
    world.make("order")
    [delivery] = world.posted
    assert world.deliver(delivery, spoil="unsigned") == [200]
    assert world.deliver(delivery) == [200]

    assert world.deliver(delivery, spoil="unsigned") == [401]


def test_a_wrong_signature_is_not_made_good_by_the_right_header(world: Shop) -> None:
    world.hook()
    world.make("order")
    [delivery] = world.posted
    message = delivery.message(time.time(), spoil="forge")
    assert "x-bc-hook-token" in message.headers

    assert world.send(message)["statusCode"] == 401


def test_a_delivery_of_a_store_that_is_not_installed_is_acknowledged_and_nothing_is_kept(world: Shop) -> None:
    world.hook()
    world.make("order")
    [delivery] = world.posted
    delivery.body = delivery.body.replace(STORE.encode(), b"nobody001")
    before = world.rows()

    assert world.deliver(delivery) == [200]
    assert world.rows() == before


def test_B8_what_one_stores_hook_brings_says_nothing_of_another_store(
    clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = {name: store_document(name) for name in (STORE, OTHER)}
    with mock_aws(), shop(clock, tmp_path, monkeypatch, None, stores) as world:
        world.hook()
        order = world.make("order")
        [delivery] = world.posted
        assert world.deliver(delivery, spoil="unsigned") == [200]
        delivery.body = delivery.body.replace(STORE.encode(), OTHER.encode())
        before = world.rows()

        assert world.deliver(delivery, spoil="unsigned") == [401]
        assert world.rows() == before
        # Signed, it is of the other store and of nobody else: there such an order is asked for.
        assert world.deliver(delivery) == [200]
        world.run("poll")
        assert world.store.get(OrderKey("bigcommerce", OTHER, str(order["id"]))) is None
        assert f"GET /stores/{OTHER}/v2/orders/{order['id']}" in world.wire.sent


def test_A17_the_same_delivery_under_another_id_is_the_same_news(world: Shop) -> None:
    world.hook()
    world.make("order")
    [delivery] = world.posted
    world.deliver(delivery)
    before = world.rows()
    delivery.message_id = "msg_another"

    assert world.deliver(delivery) == [200]
    assert world.rows() == before


def test_the_clock_of_a_script_that_never_ran_ends_with_a_question(world: Shop) -> None:
    world.hook()
    order = world.make("order")
    world.deliver()
    world.run("poll")
    world.run("poll", 600)
    assert world.order(order).review_items == ()

    world.run("poll", 1300)

    assert [one.reason for one in world.order(order).review_items] == ["payment_never_begun"]
    world.run("poll", 3600)
    assert len(world.order(order).anomalies) == 1


def test_an_order_that_a_page_asked_for_never_raises_that_question(world: Shop) -> None:
    order, _ = world.start()
    for _ in range(4):
        world.run("poll", 1300)

    assert world.order(order).review_items == ()


def test_case_B3_a_filter_that_is_ignored_stops_the_list_after_one_page(world: Shop) -> None:
    world.run("scan")
    world.make("bulk", count=1000)
    world.wire.sent.clear()
    world.faults(ignore_filter={"count": 10})
    scans = world.cloud.module("bigcommerce_scan").scans
    place = scans.state(STORE)

    world.run("scan", 600)

    assert world.wire.sent == [f"GET /stores/{STORE}/v2/orders"]
    assert scans.state(STORE) == place


def test_case_B3_who_reads_the_list_is_told_that_its_rows_were_not_asked_for(world: Shop) -> None:
    world.make("bulk", count=10)
    world.faults(ignore_filter={"count": 1})
    connector = world.cloud.module("bigcommerce_scan").connect(STORE)

    with pytest.raises(PlatformUnavailableError, match="not asked for"):
        list(connector.scan(connector.place(world.now - 60), everything=False, now=world.now))


def test_case_B3_a_pages_number_that_is_ignored_stops_the_list_after_two_calls(world: Shop) -> None:
    world.make("bulk", count=600)
    world.faults(ignore_page={"count": 10})
    connector = world.cloud.module("bigcommerce_scan").connect(STORE)
    world.wire.sent.clear()

    with pytest.raises(PlatformUnavailableError, match="same page"):
        list(connector.scan(connector.place(0), everything=False, now=world.now))
    assert len(world.wire.sent) == 2


def test_what_no_delivery_told_of_is_found_by_the_list(world: Shop) -> None:
    order = world.make("order", notify=False)
    world.make("order", method="Credit card", notify=False)

    world.run("scan")

    assert world.order(order).status == "pending"
    assert len([row for row in world.rows() if "'ORDER'" in row]) == 1


def test_an_empty_list_is_none(world: Shop) -> None:
    world.run("scan")
    assert world.wire.sent == [f"GET /stores/{STORE}/v2/orders"]


def test_hooks_that_are_missing_are_made_and_those_that_were_switched_off_switched_on(world: Shop) -> None:
    world.hook()
    hooks = world.make("hooks")["hooks"]
    assert {one["destination"] for one in hooks} == {"https://pay.example.com/bigcommerce/app/webhook"}
    assert all(one["headers"] == {"x-bc-hook-token": f"hook-token-of-{STORE}-0123456789"} for one in hooks)

    world.make("switch_off")
    world.hook()

    again = world.make("hooks")["hooks"]
    assert [one["id"] for one in again] == [one["id"] for one in hooks]
    assert all(one["is_active"] for one in again)


def test_a_store_that_slows_us_down_is_not_called_again_before_its_window(world: Shop) -> None:
    order, _ = world.start()
    world.pay(order)
    for _ in range(160):
        world.wire.simulator.handle("GET", f"/stores/{STORE}/v2/store", "", {"x-auth-token": f"token-of-{STORE}"}, b"")
    world.wire.sent.clear()

    world.told(order)

    assert world.wire.sent == [f"GET /stores/{STORE}/v2/orders/{order['id']}"]
    world.run("sync", 40)
    assert world.there(order)["puts"] == [11]


class TestTheShareOfDeliveriesThatAreTaken:
    """F4: BigCommerce stops to deliver to a domain that takes fewer than nine of ten."""

    def metrics(self, capsys: pytest.CaptureFixture[str], name: str) -> int:
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
        return int(sum(json.loads(line).get(name, 0) for line in lines))

    def test_f4_each_answer_that_is_no_success_counts_and_no_other(
        self, world: Shop, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.hook()
        for _ in range(10):
            world.make("order")
        deliveries = list(world.posted)
        world.posted.clear()
        capsys.readouterr()
        statuses = [*world.deliver(*deliveries[:9]), *world.deliver(deliveries[9], spoil="forge")]

        refused = [status for status in statuses if not 200 <= status < 300]
        assert len(statuses) == 10 and len(refused) == 1
        assert self.metrics(capsys, "BigcommerceRefused") == len(refused)

    @pytest.mark.parametrize(
        ("calls", "refused", "errors", "throttled", "rings"),
        [(1000, 31, 0, 0, True), (1000, 30, 0, 0, False), (1000, 0, 20, 11, True), (100, 10, 0, 0, True),
         (19, 19, 0, 0, False), (0, 0, 0, 40, True), (0, 0, 0, 0, False)],
    )  # fmt: skip
    def test_f4_the_alarm_rings_below_97_of_100(
        self, calls: int, refused: int, errors: int, throttled: int, rings: bool
    ) -> None:
        alarm = ALARMS.partition("  BigcommerceSuccessAlarm:")[2].partition("\n\n")[0]
        [text] = re.findall(r"Expression: (.+)", alarm)
        assert "ComparisonOperator: LessThanThreshold" in alarm
        known = {"calls": calls, "refused": refused, "errors": errors, "throttled": throttled}

        def choose(condition: bool, then: float, otherwise: float) -> float:
            return then if condition else otherwise

        # CloudWatch works out both branches, and gives nothing for a division by zero.
        names = {"IF": choose, "FILL": lambda value, _: value, **known}
        share = eval(text, {"__builtins__": {}}, names) if calls + throttled else 100  # noqa: S307 - our own template
        assert (share < float(re.findall(r"Threshold: (\d+)", alarm)[0])) is rings
