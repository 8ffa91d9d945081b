"""What a delivery costs in the table, and how large one may be."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from bench.units import Meter, _template
from countersign.orders.changes import OrderKey
from countersign.store import OrderStore
from tests.platforms.shopify.world import ORDER, SHOP, Json, Shopify, money, order


def spent(world: Shopify, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> tuple[int, float]:
    """Return the units (write, read) of the table that `work` costs."""
    meter = Meter(world.cloud.dynamodb, _template().resources("AWS::DynamoDB::Table")["OrdersTable"])
    app = world.cloud.module("shopify_webhook")
    with monkeypatch.context() as patch:
        patch.setattr(app.store, "client", meter)
        work()
    writes = sum(units for name, units in meter.units.items() if name.startswith("write"))
    return writes, sum(meter.units.values()) - writes


def large(size: int, **changes: Any) -> Json:
    """Return the body of an order of about so many bytes, as full of other numbers as a shop's orders are."""
    body = order(note_attributes=[{"name": "reference", "value": "SO-2026-000123"}], **changes)
    length = len(json.dumps(body))
    while length < size:
        number = len(body["line_items"]) + 1
        some = hashlib.sha256(str(number).encode()).hexdigest()
        line = {"id": int(some[:12], 16), "title": f"Mug {some[:8]}", "sku": some[8:20], "quantity": 1}
        line |= {"variant_id": int(some[20:32], 16), "price": "10.00", "price_set": money("10.00", "USD")}
        body["line_items"].append(line | {"properties": [], "vendor": "Vendor", "taxable": True, "grams": 200})
        length += len(json.dumps(body["line_items"][-1])) + 2
    return body


def test_an_order_of_six_kilobytes_costs_sixteen_units_at_most(world: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deliver(order(id=99))  # the first one marks the account
    body = large(6000)

    writes, reads = spent(world, lambda: world.deliver(body, "orders/create"), monkeypatch)

    assert world.order().status == "paid"
    assert writes + reads <= 16
    again, _ = spent(world, lambda: world.deliver(body, "orders/create"), monkeypatch)
    assert again == 0


class TestAnUpdateThatChangesNothing:
    """Of what is kept here: a tag, an address, a note of the staff."""

    @pytest.fixture
    def told(self, world: Shopify) -> Shopify:
        world.deliver(large(6000), "orders/create")
        return world

    @staticmethod
    def tagged(second: int, **changes: Any) -> Json:
        return large(6000, tags=f"tag-{second}", updated_at=f"2026-11-20T10:15:{second:02}-05:00", **changes)

    def test_it_writes_no_event_row_and_costs_two_units(self, told: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
        before = len(told.cloud.table())

        for second in (1, 2):
            writes, _ = spent(told, lambda at=second: told.deliver(self.tagged(at)), monkeypatch)
            assert writes <= 2

        assert len(told.cloud.table()) == before
        newest = told.order().newest
        assert newest is not None and newest.version == 1_795_187_702

    def test_so_it_is_with_an_order_of_which_money_went_back(self, world: Shopify) -> None:
        sold = world.make("create")
        world.make("refund", order=sold.id, minor=3000)
        world.run("scan", 60)
        before = len(world.cloud.table())
        world.make("touch", order=sold.id)

        world.run("scan", 600)

        assert len(world.cloud.table()) == before
        newest = world.order(str(sold.id)).newest
        assert newest is not None and newest.version == int(sold.updated_at)

    def test_told_again_or_too_late_it_writes_nothing_at_all(self, told: Shopify) -> None:
        told.deliver(self.tagged(2))
        before = told.rows()

        for second in (2, 1):
            assert told.deliver(self.tagged(second)) == 200

        assert told.rows() == before

    def test_it_does_not_look_like_silence_to_who_reads_the_list(self, world: Shopify) -> None:
        world.subscribe_all("app")
        sold = world.make("create")
        world.carry()
        world.run("scan", 600)
        world.make("touch", order=sold.id)
        world.carry()

        world.run("scan", 600)

        row = next(row for row in world.cloud.table() if row["pk"]["S"].startswith("SCAN#") and "done" in row)
        assert "untold" not in row
        newest = world.order(str(sold.id)).newest
        assert newest is not None and newest.version == int(sold.updated_at)

    def test_it_never_undoes_what_was_told_at_the_same_moment(
        self, told: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between reading and writing a note of the moment, the order changes: then it is decided anew."""
        store, moved = told.cloud.module("shopify_webhook").store, OrderStore._moved
        cancelled = self.tagged(3, cancelled_at="2026-11-20T10:15:03-05:00", financial_status="paid")

        def beaten(self: OrderStore, *given: Any) -> bool:
            monkeypatch.setattr(OrderStore, "_moved", moved)
            told.deliver(cancelled)
            return moved(self, *given)

        monkeypatch.setattr(OrderStore, "_moved", beaten)
        assert told.deliver(self.tagged(4)) == 200  # says that it is not cancelled (any more), and is newer

        order_now = store.get(OrderKey("shopify", SHOP, ORDER))
        assert order_now.newest.version == 1_795_187_704
        assert order_now.ended_at is None

    def test_a_change_that_is_decided_at_the_same_moment_does_not_undo_it(
        self, told: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, write = told.cloud.module("shopify_webhook").store, OrderStore._write

        def beaten(self: OrderStore, writes: Any) -> None:
            monkeypatch.setattr(OrderStore, "_write", write)
            told.deliver(TestAnUpdateThatChangesNothing.tagged(9))
            write(self, writes)

        monkeypatch.setattr(OrderStore, "_write", beaten)
        told.deliver(self.tagged(5, fulfillment_status="partial"))  # older than what is noted meanwhile

        order_now = store.get(OrderKey("shopify", SHOP, ORDER))
        assert order_now.newest.version == 1_795_187_709

    def test_a_word_of_next_year_is_kept_as_evidence_all_the_same(self, told: Shopify) -> None:
        events = len([row for row in told.cloud.table() if row["sk"]["S"].startswith("EVENT#")])

        told.deliver(self.tagged(7, financial_status="almost_paid"))

        assert len([row for row in told.cloud.table() if row["sk"]["S"].startswith("EVENT#")]) == events + 1


@pytest.mark.parametrize("size", [256 * 1024, 1024 * 1024])
def test_a_body_of_a_quarter_and_of_a_whole_megabyte_is_taken(world: Shopify, size: int) -> None:
    body = large(size)

    assert world.deliver(body, "orders/create") == 200
    assert world.order().status == "paid"
    assert world.deliver({**body, "updated_at": "2026-11-20T10:15:09-05:00"}) == 200
