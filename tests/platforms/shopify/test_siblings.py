"""Others of the same kinds as the cases from real shops (docs/shopify.md has the list): the same mistake elsewhere."""

import json
from typing import Any

import pytest

from countersign.orders.changes import PlatformEvent
from countersign.platforms.shopify import messages
from countersign.platforms.shopify.connector import ORDER_FIELDS
from countersign.platforms.shopify.signing import VerifiedMessage
from countersign.platforms.shopify.translate import to_changes
from sandbox.simulators.shopify import orders
from tests.functions.conftest import http_event
from tests.platforms.shopify.world import APP, ORDER, SHOP, Json, Shopify, order, refund, transaction

LATER = "2026-11-21T10:00:01-05:00"
THIS, ANOTHER = {"id": f"gid://shopify/Order/{ORDER}"}, {"id": "gid://shopify/Order/5550001119999"}
REFUND = {"id": "gid://shopify/Refund/8001"}


def listed() -> Json:
    """Return the call that lists the shop's orders."""
    event = http_event("GET", "/orders", {})
    event["queryStringParameters"] = {"account": f"shopify/{SHOP}"}
    return event


def told(world: Shopify) -> int:
    """Count the deliveries that changed something."""
    return len([row for row in world.cloud.table() if row.get("via", {}).get("S") == "notify"])


class TestS1:
    def test_S1_a_body_with_all_fields_and_one_with_those_that_are_read_are_one_change(self, world: Shopify) -> None:
        """The app's own subscription sends everything, the one that was made by the API what it asks for."""
        whole = order(email="a.buyer@example.com", tags="x", customer={"id": 7}, buyer_accepts_marketing=True)
        reduced = {name: value for name, value in whole.items() if name in ORDER_FIELDS}

        world.deliver(whole)
        version = world.order().version
        world.deliver(reduced)

        assert (world.order().version, told(world)) == (version, 1)
        assert world.order().paid == 10_000

    def test_S1_an_edit_that_is_told_under_two_topics_is_one_change(self, world: Shopify) -> None:
        world.deliver(order())
        edited = order(total="120.00", total_outstanding="20.00", financial_status="partially_paid", updated_at=LATER)
        world.deliver(edited, "orders/updated")
        version = world.order().version

        world.deliver(edited, "orders/edited", headers={"X-Shopify-Webhook-Id": "another"})

        assert (world.order().version, world.order().balance_due) == (version, 2000)


class TestS2:
    def test_S2_of_a_refund_in_two_parts_only_the_one_that_moved_counts(self, world: Shopify) -> None:
        world.deliver(order())
        card = transaction(7002, "refund", "pending", amount="20.00")
        gift = transaction(7003, "refund", amount="10.00", gateway="gift_card")

        world.deliver(refund(card, gift), "refunds/create")

        assert (world.order().refunded, world.order().refundable) == (1000, 7000)
        states = {one["refund_id"]: one["status"] for one in world.shown()["refunds"]}
        assert states == {"7002": "processing", "7003": "succeeded"}

    @pytest.mark.parametrize(("ending", "paid"), [("success", 10_000), ("failure", 0)])
    def test_S2_a_payment_that_is_pending_for_hours_counts_once_it_moved(
        self, world: Shopify, ending: str, paid: int
    ) -> None:
        world.subscribe_all()
        sold = world.make("create", pay="none")
        world.make("pay", order=sold.id, status="pending")
        world.carry()
        assert (world.order(str(sold.id)).paid, world.order(str(sold.id)).status) == (0, "pending")

        world.run("scan", 60)
        world.cloud.clock.shift(6 * 3600)
        world.make("settle", order=sold.id, status=ending, quiet=True)
        world.run("poll", 1)

        world.agrees(sold)
        assert world.order(str(sold.id)).paid == paid

    @pytest.mark.parametrize("kind", ["sale", "capture", "refund", "authorization", "void", "change"])
    @pytest.mark.parametrize("said", [{"amount": "0.00"}, {"processed_at": None, "created_at": None}])
    def test_S2_a_movement_of_nothing_or_of_no_time_is_acknowledged(
        self, world: Shopify, kind: str, said: Json
    ) -> None:
        """A gift card without a rest, a trial of a subscription: the money that moved is 0.00."""
        world.deliver(order(financial_status="pending", total_outstanding="100.00"))

        assert world.deliver(transaction(7001, kind, **said), "order_transactions/create") == 200
        assert world.deliver(refund(transaction(7002, "refund", **said)), "refunds/create") == 200
        assert world.deliver(refund(transaction(7003, "sale", **said), number=8002), "refunds/create") == 200

        assert world.order().paid == 0


class TestS3:
    def test_S3_an_even_exchange_moves_nothing(self, world: Shopify) -> None:
        world.deliver(order())
        world.deliver(transaction(7001))
        lines = [{"id": 2, "title": "Cup", "quantity": 2, "current_quantity": 2, "price": "50.00"}]

        world.deliver(refund(), "refunds/create")
        world.deliver(order(refunds=[refund()], line_items=lines, updated_at=LATER))

        found = world.order()
        assert (found.status, found.paid, found.refunded, found.balance_due) == ("paid", 10_000, 0, 0)
        assert (found.review_items, world.shown()["refunds"]) == ((), [])

    def test_S3_an_exchange_that_is_to_be_paid_up_later_is_due_and_nothing_else(self, world: Shopify) -> None:
        sold = world.make("create")
        world.make("refund", order=sold.id, minor=0)
        world.make("edit", order=sold.id, minor=25_000)
        world.run("scan", 60)
        assert (world.order(str(sold.id)).status, world.order(str(sold.id)).balance_due) == ("partially_paid", 15_000)

        world.make("pay", order=sold.id, minor=15_000)
        world.run("scan", 600)

        world.agrees(sold)
        assert world.order(str(sold.id)).status == "paid"

    @pytest.mark.parametrize("job", ["scan", "poll", "import"])
    def test_S3_an_order_that_is_edited_below_what_was_paid_is_read_like_any_other(
        self, world: Shopify, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is outstanding is below zero then, for the merchant owes the buyer."""
        sold = world.make("create", currency="ISK", minor=10_000, shop_currency="GBP", shop_minor=5800)
        world.make("edit", order=sold.id, minor=6000)
        monkeypatch.setattr("time.sleep", world.cloud.clock.shift)
        if job == "poll":
            world.deliver(transaction(order_id=sold.id))  # of an order that is not known: a reason to ask

        world.run(job, 60, **({"accounts": [SHOP], "import": {}} if job == "import" else {}))

        world.agrees(sold)
        assert [one.review_id for one in world.order(str(sold.id)).review_items] == ["overpaid.4000"]

    def test_S3_what_was_paid_too_much_goes_back_and_nobody_asks_any_more(self, world: Shopify) -> None:
        sold = world.make("create")
        world.make("edit", order=sold.id, minor=6000)
        world.run("scan", 60)
        world.make("refund", order=sold.id, minor=4000, by_lines=False)

        world.run("scan", 600)

        world.agrees(sold)
        assert (world.order(str(sold.id)).overpaid, world.shown(str(sold.id))["review"]) == (0, [])


class TestS7:
    @pytest.mark.parametrize("amount", ["4400", "4400.00"])
    def test_S7_an_amount_without_decimals_is_the_same_however_it_is_written(self, world: Shopify, amount: str) -> None:
        world.deliver(order(total=amount, presentment_currency="JPY", currency="USD", shop_total="29.50"))

        assert world.shown()["amount"] == {"minor": 4400, "currency": "JPY"}

    def test_S7_an_amount_that_its_currency_cannot_have_is_never_rounded(self, world: Shopify) -> None:
        world.deliver(order(total="4400.50", presentment_currency="JPY", currency="USD", shop_total="29.50"))

        assert world.known() is None
        assert [row for row in world.cloud.table() if "exception" in row]

    def test_S7_a_refund_that_is_pending_in_two_currencies_reserves_and_moves_in_both(self, world: Shopify) -> None:
        sold = world.make("create", minor=4400, currency="ISK", shop_currency="GBP", shop_minor=2550)
        world.make("refund", order=sold.id, minor=1000, status="pending", by_lines=False)
        world.run("scan", 60)
        assert (world.order(str(sold.id)).refunded, world.shown(str(sold.id))["shop"]["refunded"]) == (0, 0)

        world.make("settle", order=sold.id)
        world.run("scan", 600)

        world.agrees(sold)
        assert world.shown(str(sold.id))["shop"]["refunded"] == sold.sum("refund", shop=True)


class TestS8:
    @pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
    def test_S8_an_order_that_was_imported_with_a_time_outside_the_calendar_spoils_no_list(
        self, world: Shopify, at: str
    ) -> None:
        world.deliver(order(id=7))

        assert world.deliver(order(created_at=at)) == 200
        assert world.deliver(transaction(order_id=7, processed_at=at)) == 200

        assert world.known() is None
        assert world.shown("7")["status"] == "paid"
        assert world.cloud.invoke("orders_api", listed())["statusCode"] == 200

    def test_S8_an_order_that_is_paid_by_hand_and_cancelled_is_known_by_the_list_alone(self, world: Shopify) -> None:
        sold = world.make("create", pay="none")
        world.make("pay", order=sold.id, minor=4000)
        world.cloud.clock.shift(86_400)
        world.make("cancel", order=sold.id)

        world.run("scan", 60)

        world.agrees(sold)
        found = world.order(str(sold.id))
        assert (found.paid, found.ended_at) == (4000, int(sold.cancelled_at or 0))

    def test_S8_the_word_paid_and_no_movement_of_money_is_taken_as_what_is_settled(self, world: Shopify) -> None:
        """Marked as paid in the admin: no transaction is ever delivered."""
        world.deliver(order(financial_status="pending", total_outstanding="100.00"))
        world.deliver(order(updated_at=LATER))

        assert (world.order().status, world.order().paid) == ("paid", 10_000)


class TestS9:
    WORDS = ("displayFulfillmentStatus", "cancelReason", "displayFinancialStatus", "sourceName")
    MOVED = ("kind", "status", "errorCode", "gateway")

    @pytest.mark.parametrize("name", [*WORDS, *MOVED])
    @pytest.mark.parametrize("job", ["scan", "poll", "import"])
    def test_S9_a_word_of_next_year_anywhere_in_an_answer_loses_no_order(
        self, world: Shopify, name: str, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sold = [world.make("create") for _ in range(3)]
        strange, write = sold[1], orders.order_node

        def of_next_year(one: orders.Order) -> Json:
            node = write(one)
            if one is strange:
                place = node if name in self.WORDS else node["transactions"][0]
                place[name] = "OF_NEXT_YEAR"
            return node

        monkeypatch.setattr(orders, "order_node", of_next_year)
        if job == "import":
            monkeypatch.setattr("time.sleep", world.cloud.clock.shift)
        if job == "poll":
            for one in sold:
                world.deliver(transaction(order_id=one.id))  # of an order that is not known: a reason to ask
        world.run(job, 60, **({"accounts": [SHOP], "import": {}} if job == "import" else {}))

        for one in sold:
            world.agrees(one)

    @pytest.mark.parametrize("word", ["Do not honor (05)", "à payer", "x" * 300, "partially/paid", "a\nb"])
    def test_S9_what_is_no_word_at_all_loses_no_order_and_is_never_one_that_is_known(
        self, world: Shopify, word: str
    ) -> None:
        back = refund(transaction(7002, "refund", amount="30.00", error_code=word))

        assert world.deliver(order(cancel_reason=word, fulfillment_status=word, refunds=[back])) == 200
        assert world.deliver(order(id=9, financial_status=word)) == 200
        assert world.deliver(transaction(7003, status=word, order_id=9)) == 200

        assert (world.order().paid, world.order().refunded) == (10_000, 3000)
        assert (world.order("9").status, world.order("9").paid) == ("pending", 0)
        assert not [row for row in world.cloud.table() if row["pk"]["S"].startswith("QUARANTINE#")]

    @pytest.mark.parametrize("body", [transaction(kind="of_next_year"), transaction(status="of_next_year")])
    def test_S9_a_movement_of_a_kind_that_nobody_knows_moves_nothing_and_is_asked_about(
        self, world: Shopify, body: Json
    ) -> None:
        world.deliver(order(financial_status="pending", total_outstanding="100.00"))

        assert world.deliver(body) == 200

        assert (world.order().paid, world.order().refunded) == (0, 0)
        assert [row for row in world.cloud.table() if row.get("due_shard", {"S": ""})["S"].startswith("shopify_poll#")]


class TestS6:
    def lines(self, world: Shopify, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a file say something else than the shop has."""
        bulks = world.wire.simulator.apis[APP, SHOP].bulks
        file = bulks.file
        monkeypatch.setattr(bulks, "file", lambda number: change(file(number)))
        monkeypatch.setattr("time.sleep", world.cloud.clock.shift)
        world.run("import", 60, accounts=[SHOP], **{"import": {}})

    def row(self, world: Shopify) -> Json:
        return next(one for one in world.cloud.table() if one["sk"]["S"] == "IMPORT")

    def test_S6_a_file_that_has_an_order_twice_is_not_taken_for_whole(
        self, world: Shopify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sold = [world.make("create") for _ in range(3)]

        self.lines(world, lambda file: file and file + b"\n".join(file.split(b"\n")[:2]) + b"\n", monkeypatch)

        assert "failed" in self.row(world)
        for one in sold:
            world.agrees(one)
        assert {world.order(str(one.id)).version for one in sold} == {1}

    def test_S6_empty_lines_between_orders_are_none(self, world: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
        sold = [world.make("create") for _ in range(3)]

        self.lines(world, lambda file: file and file.replace(b"\n", b"\n\n"), monkeypatch)

        assert "failed" not in self.row(world)
        for one in sold:
            world.agrees(one)


class TestS10:
    def test_S10_two_strangers_are_one_entry_and_both_are_left_alone(self, world: Shopify) -> None:
        for host in ("staging.example.com", "another.example.com"):
            world.ask("subscribe", topic="ORDERS_PAID", address=f"https://{host}/hook")

        for pause in (0, 600):
            world.run("guard", pause, accounts=[SHOP])

        findings = [row for row in world.cloud.table() if row["sk"]["S"].startswith("FINDING#") and "exception" in row]
        assert len(findings) == 1
        there = [one["address"] for one in world.ask("subscriptions")["subscriptions"]]
        assert sum("example.com/hook" in one for one in there) == 2

    def test_S10_our_own_address_under_another_name_of_the_app_is_left_alone_too(self, world: Shopify) -> None:
        world.ask("subscribe", topic="ORDERS_PAID", address="https://pay.example.com/shopify/other-app/webhook")
        world.run("guard", 0, accounts=[SHOP])

        there = [one["address"] for one in world.ask("subscriptions")["subscriptions"]]
        assert "https://pay.example.com/shopify/other-app/webhook" in there


class TestEvents:
    """The newer family: who subscribes writes the query, so its data has any form."""

    def order_of(self, data: Any, **variables: Any) -> str:
        body = {"topic": "Refund", "action": "create", "handle": "h", "data": data, "query_variables": variables}
        assert messages.subject(body) == "event"
        return messages.order_of(body)

    def test_S9_the_order_is_found_wherever_the_query_asks_for_it(self) -> None:
        assert self.order_of({"order": THIS}) == ORDER
        assert self.order_of({"refund": {**REFUND, "order": THIS}}) == ORDER
        assert self.order_of({"refunds": {"nodes": [{**REFUND, "order": THIS}] * 2}}) == ORDER
        assert self.order_of({"refund": REFUND}, id=THIS["id"]) == ORDER

    def test_B2_of_several_orders_only_the_one_that_it_is_about_counts(self) -> None:
        both = {"refunds": [{"order": THIS}, {"order": ANOTHER}]}

        assert self.order_of(both) == ""
        assert self.order_of({**both, "order": THIS}) == ORDER

    def test_C11_data_of_any_form_and_depth_names_an_order_or_none(self) -> None:
        deep: Any = THIS
        for _ in range(5000):
            deep = {"within": [deep]}

        for data in (None, 7, "x", [], [[[]]], {"order": 7}, {"order": {"id": {"a": 1}}}, deep):
            assert self.order_of(data) == ""
        assert self.order_of({"order": {"id": "gid://shopify/FulfillmentOrder/7"}}) == ""
        assert self.order_of({"order": {"id": "gid://shopify/Order/0"}}) == ""


class TestOtherTopics:
    @pytest.mark.parametrize(
        "body",
        [
            {"id": 9, "order_id": int(ORDER), "amount": "10.00", "currency": "USD", "payment_method": "cash"},
            {
                "id": 9,
                "admin_graphql_api_id": "gid://shopify/DraftOrder/9",
                "order_id": int(ORDER),
                "status": "completed",
            },
            {"id": 9, "admin_graphql_api_id": "gid://shopify/Return/9", "order_id": int(ORDER), "status": "open"},
        ],
    )
    def test_S9_a_body_of_a_topic_that_nobody_reads_is_a_reason_to_read_its_order(self, body: Json) -> None:
        raw = json.dumps(body).encode()
        genuine = VerifiedMessage("k", raw, body, shop=SHOP)

        told = to_changes(genuine, SHOP, ours=True)
        assert isinstance(told, tuple)
        (change,) = told

        assert isinstance(change.fact, PlatformEvent)
        assert (change.key.order_id, change.fact.word, change.fact.query) == (ORDER, "other.told", True)

    @pytest.mark.parametrize(("now", "kept"), [(None, 2), (0, 0), (1, 1)])
    def test_S1_a_line_whose_current_quantity_an_older_version_does_not_tell_has_the_one_that_was_ordered(
        self, now: int | None, kept: int
    ) -> None:
        line = {"id": 1, "title": "Mug", "quantity": 2, "current_quantity": now, "price": "50.00"}

        assert [one.quantity for one in messages.read_order(order(line_items=[line])).lines] == [kept]
