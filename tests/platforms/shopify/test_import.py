"""A long history is imported from files that the shop writes: all of it, or the place stays and says why."""

import json
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench import bulk as bench
from countersign.errors import PlatformUnavailableError
from countersign.platforms.shopify import bulk, connector
from countersign.store import OrderStore
from countersign.workers import bulk as importing
from countersign.workers import scan
from tests.platforms.shopify.world import APP, SHOP, Json, Shopify

DAY = 86_400


class KilledError(BaseException):
    """The process is gone."""


@pytest.fixture
def history(world: Shopify) -> Shopify:
    """Let twelve days pass in a shop, in each of which some orders are made and one changes."""
    for _ in range(12):
        sold = [world.make("create", pay=pay) for pay in ("sale", "none", "authorization")]
        world.make("refund", order=sold[0].id, minor=3000)
        world.make("touch", order=sold[1].id, archive=True)
        world.cloud.clock.shift(DAY)
    world.posted.clear()
    return world


def begin(world: Shopify, **more: Any) -> None:
    world.run("import", accounts=[SHOP], **{"import": {}}, **more)


def work_for(world: Shopify, looks: int) -> None:
    """Let a run go on until it has looked so often whether there is time."""
    app, left = world.cloud.module("shopify_import"), iter([True] * looks)
    with ThreadPoolExecutor(1) as writers:
        work = scan.ScanWork(app.store, app.scans, app.connect, lambda: next(left, False), lambda: world.now, writers)
        importing.ImportWork(app.imports, work, app.connect, world.cloud.clock.shift).account(SHOP)


def only_begin(world: Shopify) -> None:
    """Begin an import whose file is not written before time is up."""
    begin(world, remaining_ms=59_999)
    work_for(world, 1)
    assert "number" in row(world)


def row(world: Shopify) -> Json:
    """Return what the import's row says."""
    found = next(one for one in world.cloud.table() if one["sk"]["S"] == "IMPORT")
    return {name: next(iter(value.values())) for name, value in found.items()}


def versions(world: Shopify) -> dict[str, str]:
    """Return how often each order has changed here."""
    return {one["pk"]["S"]: one["version"]["N"] for one in world.cloud.table() if one["sk"]["S"] == "ORDER"}


def all_agree(world: Shopify) -> None:
    for sold in world.shop().orders.values():
        world.agrees(sold)


def operations(world: Shopify) -> list[Any]:
    return list(world.wire.simulator.apis[APP, SHOP].bulks.all.values())


class TestWhole:
    def test_every_order_is_known_by_the_files_alone(self, history: Shopify) -> None:
        begin(history)

        all_agree(history)
        assert len(operations(history)) == 1
        assert "until" not in row(history)

    def test_the_list_goes_on_where_the_import_ended(self, history: Shopify) -> None:
        begin(history)
        history.asked()
        history.make("create")

        history.run("scan", 600)

        all_agree(history)
        assert history.asked().count("OrdersChanged") <= 2  # of both shops; the other one has nothing

    def test_it_is_the_same_as_what_the_list_says(self, history: Shopify) -> None:
        begin(history)
        before = versions(history)

        history.wire.simulator.faults({})
        history.cloud.dynamodb.delete_item(
            TableName="Orders", Key={"pk": {"S": f"SCAN#shopify#{SHOP}"}, "sk": {"S": "LIST"}}
        )
        history.run("scan")

        assert versions(history) == before

    def test_nothing_to_import_is_an_end_too(self, world: Shopify) -> None:
        begin(world)

        assert "until" not in row(world)
        assert [one.lines for one in operations(world)] == [()]

    def test_a_second_wish_while_one_is_on_its_way_changes_nothing(self, history: Shopify) -> None:
        only_begin(history)
        first = row(history)["until"]
        history.cloud.clock.shift(DAY)

        begin(history)

        assert len(operations(history)) == 1
        assert first <= row(history)["since"] == first

    def test_an_import_that_nobody_asked_for_is_none(self, history: Shopify) -> None:
        history.run("import")

        assert operations(history) == []


class TestNotWhole:
    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ("bulk_short", "it has 48 lines and 24 orders of 72 and 36"),
            ("bulk_children_first", "the bulk operation's file has a line apart from its order"),
            ("bulk_empty", "it has 0 lines and 0 orders of 72 and 36"),
            ("bulk_partial", "the platform did not finish it (internal_server_error)"),
        ],
    )
    def test_S6_the_place_stays_the_reason_is_told_and_the_next_run_heals(
        self, history: Shopify, fault: str, reason: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        history.wire.simulator.faults({fault: 1})

        begin(history)

        said = row(history)
        assert said["failed"] == reason
        assert said["since"] == "2026-09-29T14:00:05Z" or said["since"] < said["until"]
        assert "number" not in said
        assert '"ImportFailed":1' in capsys.readouterr().out.replace(" ", "")

        history.run("import", 300)

        all_agree(history)
        assert "until" not in row(history)
        assert len(operations(history)) >= 3  # in smaller parts
        capsys.readouterr()

    def test_S6_an_empty_file_that_claims_five_hundred_lines_moves_nothing(self, world: Shopify) -> None:
        world.wire.simulator.faults({"bulk_empty": 1})

        begin(world)

        assert row(world)["failed"] == "it has 0 lines and 0 orders of 500 and 0"

    def test_S6_what_a_part_of_a_file_has_is_kept_and_no_order_without_its_lines(self, history: Shopify) -> None:
        history.wire.simulator.faults({"bulk_partial": 1})

        begin(history)

        known = [one for one in history.shop().orders.values() if history.known(str(one.id))]
        assert len(known) == 18  # of 37 lines: the nineteenth order's own were cut off
        for sold in known:
            assert len(history.order(str(sold.id)).terms.lines) == 1

    def test_a_file_that_is_not_there_leaves_the_place_where_it_was(self, history: Shopify) -> None:
        only_begin(history)
        history.wire.simulator.apis[APP, SHOP].bulks.all.clear()  # a week later

        history.run("import", 8 * DAY)
        assert row(history)["failed"] == "the platform did not finish it (gone)"

        history.run("import", 300)
        all_agree(history)

    @pytest.mark.parametrize(
        "text", [b'{"id": "gid://shopify/Order/1"', b"[]\n", b"<html>", b'{"__parentId": "gid://shopify/Order/1"}']
    )
    def test_what_is_no_whole_line_is_no_order(self, text: bytes) -> None:
        with pytest.raises(PlatformUnavailableError, match="file"):
            list(bulk.roots([text]))

    def test_a_line_without_an_end_is_not_held(self) -> None:
        with pytest.raises(PlatformUnavailableError, match="without an end"):
            list(bulk.roots(b"x" * 65_536 for _ in range(1000)))


class TestOneAtATime:
    def test_another_operation_of_ours_is_waited_for(self, history: Shopify) -> None:
        history.wire.simulator.apis[APP, SHOP].bulks.start({"query": "{ products { edges { node { id } } } }"})

        begin(history)
        assert len(operations(history)) == 1
        assert "number" not in row(history)

        history.run("import", 300)
        all_agree(history)

    def test_one_that_was_begun_and_not_noted_is_found_again(
        self, history: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(importing.ImportStore, "begun", killed)
            with pytest.raises(KilledError):
                begin(history)
        assert len(operations(history)) == 1

        history.run("import", 300)

        all_agree(history)
        assert len(operations(history)) == 1

    def test_two_runs_at_once_do_not_read_the_same(self, history: Shopify) -> None:
        only_begin(history)
        imports = history.cloud.module("shopify_import").imports
        assert imports.lease(SHOP, now=history.now) is not None

        history.run("import", 30)

        assert [one for one in history.cloud.table() if one["sk"]["S"] == "ORDER"] == []


def killed(*_: Any, **__: Any) -> None:
    raise KilledError


class TestKilled:
    @pytest.mark.parametrize("after", [1, 7, 20, 35])
    def test_a_run_that_is_killed_in_the_middle_is_gone_on_with(
        self, history: Shopify, monkeypatch: pytest.MonkeyPatch, after: int
    ) -> None:
        monkeypatch.setattr(connector, "IMPORTED_AT_ONCE", 5)
        recorded, record = [], OrderStore.record_message

        def dying(self: OrderStore, *given: Any, **more: Any) -> Any:
            recorded.append(1)
            if len(recorded) == after:
                raise KilledError
            return record(self, *given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(OrderStore, "record_message", dying)
            with pytest.raises(KilledError):
                begin(history)
        assert int(row(history)["orders"]) == (after - 1) // 5 * 5

        history.run("import", 300)

        all_agree(history)
        assert len(operations(history)) == 1
        assert "until" not in row(history)

    def test_a_run_whose_time_is_up_is_gone_on_with_and_reads_no_order_twice(
        self, history: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connector, "IMPORTED_AT_ONCE", 5)
        read: list[str] = []
        told = connector.Connector._told

        def noted(self: connector.Connector, node: Json, at: int) -> Any:
            read.append(node["id"])
            return told(self, node, at)

        monkeypatch.setattr(connector.Connector, "_told", noted)
        begin(history, remaining_ms=59_999)  # no time for more than the wish
        for _ in range(6):
            work_for(history, 4)  # the file is written, and two pages are read
            history.cloud.clock.shift(300)

        all_agree(history)
        assert "until" not in row(history)
        assert len(read) == len(set(read)) == 36


def test_the_query_of_an_operation_is_one_text_with_what_shopify_needs_escaped() -> None:
    text = connector.documents.bulk_of("updated_at:>='2026-01-01T00:00:00Z'")

    assert re.search(r'orders\(query: "updated_at:>=\'2026-01-01T00:00:00Z\'"\)', text)
    assert "first:" in text  # the plain list of movements keeps its bound
    assert json.dumps(text)


def test_what_is_held_of_a_file_does_not_grow_with_it() -> None:
    def peak(orders: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in bulk.roots(bench.pieces(orders))) == orders
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(50), peak(400)

    assert many < 2 * few
    assert many < 4 * 1024 * 1024


def test_one_order_of_very_many_lines_holds_the_first_ones_only() -> None:
    root = json.dumps({"id": "gid://shopify/Order/1"}).encode()
    child = json.dumps({"id": "gid://shopify/LineItem/2", "__parentId": "gid://shopify/Order/1"}).encode()

    [found] = bulk.roots([root + b"\n", *[child + b"\n"] * 5000])

    assert found.lines == 5001
    assert len(found.node["lineItems"]["nodes"]) == 10
