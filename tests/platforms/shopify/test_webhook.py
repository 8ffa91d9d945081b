"""What a delivery does: whose it is, what it says of an order's money, and what nobody can make it say."""

import base64
import itertools
import json
import os
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.errors import MalformedError
from countersign.store import codec, evidence, keys
from tests.platforms.shopify.world import (
    ADMIN_SECRET,
    APP,
    NOW,
    ORDER,
    OTHER,
    OTHER_ID,
    SHOP,
    SHOP_ID,
    Json,
    Shopify,
    documents,
    money,
    order,
    refund,
    shopify,
    transaction,
)


def news(world: Shopify) -> list[Json]:
    return [row for row in world.cloud.table() if row["pk"]["S"].startswith("NEWS#")]


def due(world: Shopify) -> list[Json]:
    return [row for row in world.cloud.table() if row.get("due_shard", {"S": ""})["S"].startswith("shopify_poll#")]


class TestWhoseItIs:
    def test_B1_a_body_under_another_topic_says_what_its_bytes_say(self, world: Shopify) -> None:
        pending = order(financial_status="pending", total_outstanding="100.00")

        assert world.deliver(pending, "orders/paid") == 200
        assert world.order().status == "pending"
        assert world.deliver(pending, "app/uninstalled") == 200
        assert world.order().version == 1

    def test_B2_a_body_of_one_shop_under_the_name_of_another_changes_nothing_there(self, world: Shopify) -> None:
        assert world.deliver(order(), "orders/paid", shop=OTHER) == 200

        assert world.known(shop=OTHER) is None and world.known() is None
        assert [row["pk"]["S"] for row in news(world)] == ["NEWS#shopify#~app"]
        assert not due(world)

    def test_B2_a_body_that_names_no_shop_is_only_a_reason_to_ask_the_shop_of_its_header(self, world: Shopify) -> None:
        world.deliver(order())

        assert world.deliver(refund(transaction(7002, "refund")), "refunds/create", shop=OTHER) == 200
        assert world.deliver(transaction(7003), "order_transactions/create", shop=OTHER) == 200

        assert world.known(shop=OTHER) is None
        assert (world.order().status, world.order().refunded) == ("paid", 0)
        assert {keys.order_key(row["pk"]["S"]).account for row in due(world)} == {OTHER}
        assert not [row for row in world.cloud.table() if "exception" in row]

    def test_F2_what_names_no_shop_has_the_shop_asked_sixty_times_a_minute_at_most(self, world: Shopify) -> None:
        world.deliver(order())
        for number in range(70):
            answer = world.deliver(refund(transaction(7100 + number, "refund"), number=8100 + number), shop=OTHER)
            assert answer == 200

        assert len(due(world)) == 60
        assert world.deliver(refund(transaction(7002, "refund"), number=8002)) == 200
        assert world.order().refunded == 10_000

    @pytest.mark.parametrize(
        "host",
        [
            "",
            "evil.example",
            "vec-shop.myshopify.com.evil.example",
            "vec_shop.myshopify.com",
            "vec-shop.myshopify.com\n",
        ],
    )
    def test_G3_what_is_no_name_of_a_shop_is_refused_before_anything_is_looked_up(
        self, world: Shopify, host: str
    ) -> None:
        assert world.deliver(order(), shop=host) == 400
        assert world.rows() == []

    def test_G3_a_shop_where_the_app_is_not_installed_is_acknowledged_and_nothing_is_kept(self, world: Shopify) -> None:
        assert world.deliver(order(), shop="stranger.myshopify.com") == 200
        assert world.rows() == []

    def test_the_name_of_a_shop_counts_in_any_case(self, world: Shopify) -> None:
        assert world.deliver(order(), shop="Vec-Shop.MyShopify.com") == 200
        assert world.order().status == "paid"

    def test_a_webhook_that_a_person_made_is_signed_with_another_key(self, world: Shopify) -> None:
        assert world.deliver(order(), secret=ADMIN_SECRET) == 200

        [event] = [row for row in world.cloud.table() if row["sk"]["S"].startswith("EVENT#")]
        assert event["key_id"]["S"] == "admin_webhook_secrets[0]"

    def test_a_delivery_of_the_newer_family_is_taken_only_where_the_account_says_so(self, world: Shopify) -> None:
        headers = {"Shopify-Hmac-Sha256": "x", "X-Shopify-Hmac-Sha256": "y"}

        assert world.deliver(order(), headers=headers) == 401

    @pytest.mark.parametrize("name", ["X-Shopify-Topic", "X-Shopify-Webhook-Id", "X-Shopify-API-Version"])
    def test_a_header_that_shopify_always_sends_must_be_there(self, world: Shopify, name: str) -> None:
        assert world.deliver(order(), headers={name: ""}) == 400
        assert world.rows() == []


class TestTold:
    def test_A17_told_again_under_other_ids_changes_nothing(self, world: Shopify) -> None:
        world.deliver(order())
        before = world.rows()

        assert (
            world.deliver(order(), headers={"X-Shopify-Webhook-Id": "b", "X-Shopify-Event-Id": "b"}, now=NOW + 60)
            == 200
        )
        assert world.rows() == before

    def test_the_same_order_laid_out_otherwise_is_the_same_news(self, world: Shopify) -> None:
        world.deliver(order())
        version = world.order().version

        assert world.deliver(json.dumps(order(), indent=2).replace("\n", "\r\n").encode()) == 200
        assert world.order().version == version

    def test_an_older_version_never_overwrites_a_newer_one_whatever_their_offsets(self, world: Shopify) -> None:
        world.deliver(order(total="120.00", updated_at="2026-11-20T15:15:09Z"))

        world.deliver(order(total="90.00", updated_at="2026-11-20T16:15:08+01:00"))

        assert world.order().terms.amount.minor == 12_000

    def test_what_cannot_be_read_is_kept_and_acknowledged_and_asked_about(self, world: Shopify) -> None:
        world.deliver(order())

        assert (
            world.deliver(order(current_total_price_set={"presentment_money": {"amount": "x", "currency_code": "USD"}}))
            == 200
        )

        assert [row["reason"]["S"] for row in world.cloud.table() if row["pk"]["S"].startswith("QUARANTINE#")] == [
            "amount is not a decimal amount"
        ]
        assert [row["pk"]["S"] for row in due(world)] == [f"shopify#{SHOP}#{ORDER}"]

    def test_what_was_kept_is_read_again_after_a_fix(self, world: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("countersign.platforms.shopify.messages.read_order", _unreadable)
            assert world.deliver(order()) == 200
        assert world.known() is None

        answer = world.cloud.invoke("shopify_redrive", {"day": "2026-11-22"}, remaining_ms=900_000)

        assert (answer["looked_at"], answer["redriven"]) == (1, 1)
        assert world.order().status == "paid"

    def test_an_order_of_a_megabyte_that_hardly_compresses_is_taken(self, world: Shopify) -> None:
        note = base64.b64encode(os.urandom(600_000)).decode()

        body = json.dumps(order(note=note)).encode()

        assert world.deliver(body) == 200
        assert world.order().status == "paid"
        [event] = [row for row in world.cloud.table() if row["sk"]["S"].startswith("EVENT#")]
        assert evidence.read(world.store.client, world.store.table, event) == body
        key, event_id = world.order().key, event["sk"]["S"].removeprefix("EVENT#")
        assert evidence.erase(world.store.client, world.store.table, key, event_id, now=NOW)
        assert not [row for row in world.cloud.table() if "raw" in row]

    def test_a_megabyte_that_cannot_be_read_is_acknowledged_too(self, world: Shopify) -> None:
        note = base64.b64encode(os.urandom(600_000)).decode()

        assert world.deliver(order(note=note, updated_at="?")) == 200
        assert world.deliver({"note": note}) == 200

    def test_what_is_about_no_order_is_kept_as_evidence(self, world: Shopify) -> None:
        world.deliver({"id": 70011223344, "myshopify_domain": SHOP}, "app/uninstalled")
        world.deliver({"shop_id": 70011223344, "shop_domain": SHOP}, "shop/redact")
        world.deliver({"previous": [], "current": ["read_orders"]}, "app/scopes_update")

        assert {row["word"]["S"] for row in news(world)} == {"shop", "scopes"}


class TestErasure:
    def raw(self, world: Shopify) -> list[Json]:
        return [row for row in world.cloud.table() if "raw" in row]

    def gone(self, world: Shopify, shop: str = SHOP_ID, **named: Any) -> None:
        """Let a merchant remove the app, and Shopify want everything of the shop erased two days later."""
        world.ask("uninstall")
        for body in (one.body for one in world.posted):
            world.deliver(body, "app/uninstalled")
        world.run("guard")
        world.run("guard", 301)  # a token of a document is over when it was refused twice
        world.deliver({"shop_id": int(shop), "shop_domain": SHOP}, "shop/redact", **named)
        world.run("guard", 2 * 86_400)

    def test_H4_a_customers_orders_lose_their_bytes_and_keep_their_amounts(self, world: Shopify) -> None:
        world.deliver(order(email="zoe@example.com"))
        world.deliver(order(id=99, email="zoe@example.com"))
        wish = {"shop_id": 70011223344, "shop_domain": SHOP, "customer": {"email": "zoe@example.com"}}

        assert world.deliver({**wish, "orders_to_redact": [int(ORDER)]}, "customers/redact") == 200
        assert world.deliver({**wish, "orders_to_redact": [int(ORDER)]}, "customers/redact") == 200
        assert "zoe" not in str([row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")])
        world.run("guard")

        assert {row["pk"]["S"] for row in self.raw(world)} == {f"shopify#{SHOP}#99"}
        assert (world.order().status, world.order().paid) == ("paid", 10_000)
        [event] = [one for one in world.shown()["events"] if one["kind"] == "order"]
        assert event["digest"]
        [audit] = [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]
        assert int(audit["done_at"]["N"]) == world.now and audit["erased"]["N"] == "1"

    def test_H4_a_customer_of_very_many_orders_is_forgotten_in_all_of_them(self, world: Shopify) -> None:
        for number in (1, 1000, 2500):
            world.deliver(order(id=number, email="zoe@example.com"))
        wish = {"shop_id": 70011223344, "shop_domain": SHOP, "customer": {"email": "zoe@example.com"}}

        for _ in range(2):
            world.deliver({**wish, "orders_to_redact": list(range(1, 2501))}, "customers/redact")
        world.run("guard")

        assert self.raw(world) == []
        rows = [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]
        assert len(rows) == 3 and all("done_at" in row for row in rows)

    def test_H4_a_wish_that_says_nothing_of_the_customer_is_about_the_orders_that_it_names(
        self, world: Shopify
    ) -> None:
        for number in (1, 2):
            world.deliver(order(id=number))
        wish = {"shop_id": 70011223344, "shop_domain": SHOP}

        world.deliver({**wish, "orders_to_redact": [1]}, "customers/redact")
        world.deliver({**wish, "orders_to_redact": []}, "customers/redact")
        world.run("guard")

        assert {row["pk"]["S"] for row in self.raw(world)} == {f"shopify#{SHOP}#2"}

    def test_H4_a_shop_that_went_loses_the_bytes_of_all_its_orders_and_no_other_shops(self, world: Shopify) -> None:
        for number in (1, 2, 3):
            world.deliver(order(id=number))
        world.deliver(order(id=4, order_status_url=f"https://x/{OTHER_ID}/orders/1"), shop=OTHER)

        self.gone(world)

        assert {row["pk"]["S"] for row in self.raw(world)} == {f"shopify#{OTHER}#4"}

    def test_a_row_that_cannot_be_read_is_no_reason_to_keep_anybodys_bytes(self, world: Shopify) -> None:
        for number in (1, 2, 3):
            world.deliver(order(id=number))
        rows = {(one["pk"]["S"], one["sk"]["S"]): one for one in world.cloud.table()}
        broken = rows[f"shopify#{SHOP}#2", "ORDER"]
        world.cloud.dynamodb.put_item(TableName="Orders", Item={**broken, "facts": {"S": "{"}})

        self.gone(world)

        assert self.raw(world) == []
        [audit] = [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]
        assert int(audit["done_at"]["N"]) == world.now and audit["erased"]["N"] == "3"

    def test_what_could_not_be_read_of_a_customers_order_loses_its_bytes_too(self, world: Shopify) -> None:
        for number in (int(ORDER), 99):
            world.deliver(order(id=number, created_at="yesterday", email="zoe@example.com"))
        assert len(self.raw(world)) == 2
        wish = {"shop_id": 70011223344, "shop_domain": SHOP, "customer": {"email": "zoe@example.com"}}

        world.deliver({**wish, "orders_to_redact": [int(ORDER)]}, "customers/redact")
        world.run("guard")

        [left] = self.raw(world)
        assert codec.decompress(left["raw"]["B"]).startswith(b'{"id":99,')
        [erased] = [row for row in world.cloud.table() if "erased_at" in row]
        assert erased["digest"]["S"]

    def test_a_shop_that_went_loses_what_it_said_of_itself_and_what_nobody_could_read(self, world: Shopify) -> None:
        world.deliver(order(created_at="yesterday"))
        world.deliver({"id": 70011223344, "myshopify_domain": SHOP, "email": "owner@example.com"}, "app/uninstalled")
        world.deliver({"id": int(OTHER_ID), "myshopify_domain": OTHER}, "app/uninstalled", shop=OTHER)
        assert len(self.raw(world)) == 3

        self.gone(world)

        assert [row["pk"]["S"] for row in self.raw(world)] == [f"NEWS#shopify#{OTHER}"]

    def test_S5_a_shop_that_goes_a_second_time_is_erased_a_second_time(self, world: Shopify) -> None:
        """Shopify says the same each time, byte by byte."""
        installed = world.shop().installation
        token = installed.token
        world.deliver({"shop_id": int(SHOP_ID), "shop_domain": SHOP}, "shop/redact")  # too late: the app is there again
        world.run("guard")
        for number in (1, 2):
            world.deliver(order(id=number))
            assert self.raw(world)

            self.gone(world)

            assert self.raw(world) == []
            installed.installed, installed.token = True, token
            world.run("guard", accounts=[SHOP], again=True)

        [audit] = [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]
        assert int(audit["done_before"]["N"]) < int(audit["done_at"]["N"])

    def test_S5_a_wish_that_is_older_than_the_installation_since_erases_nothing(self, world: Shopify) -> None:
        world.deliver(order())
        before = self.raw(world)

        world.deliver({"shop_id": 70011223344, "shop_domain": SHOP}, "shop/redact")
        world.asked()
        world.run("guard", 60)
        world.run("guard", 600)

        assert world.asked().count("ThisInstallation") == 1
        assert self.raw(world) == before
        [audit] = [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]
        assert (audit["refused"]["S"], "erased" in audit) == ("connected", False)

    def test_S5_a_wish_waits_while_the_shop_does_not_say_whether_the_app_is_there(self, world: Shopify) -> None:
        world.deliver(order())
        before = self.raw(world)
        world.wire.simulator.faults({"throttled": 1000})

        world.deliver({"shop_id": 70011223344, "shop_domain": SHOP}, "shop/redact")
        world.run("guard", 60)
        assert self.raw(world) == before

        world.run("guard", 7 * 86_400)  # Shopify wants it done within thirty days
        assert self.raw(world) == []

    def test_B2_one_shops_wish_under_anothers_name_erases_nothing(self, world: Shopify) -> None:
        world.deliver(order())

        assert world.deliver({"shop_id": int(OTHER_ID), "shop_domain": OTHER}, "shop/redact", shop=SHOP) == 200
        world.run("guard")

        assert any(row["pk"]["S"] == f"shopify#{SHOP}#{ORDER}" for row in self.raw(world))

    @pytest.mark.parametrize("named", [None, "", "x"])
    def test_B2_a_wish_that_names_no_shop_erases_nothing_of_one_whose_number_is_not_known(
        self, world: Shopify, named: str | None
    ) -> None:
        host = "young-shop.myshopify.com"
        document = json.dumps({"shop": host, "access_token": "shpat_token_of_the_young_shop"})
        world.cloud.secretsmanager.create_secret(Name=f"countersign/test/shopify/{APP}/{host}", SecretString=document)

        assert world.deliver({"shop_id": named, "shop_domain": host}, "shop/redact", shop=host) == 200

        assert not [row for row in world.cloud.table() if row["pk"]["S"].startswith("ERASURE#")]


class TestBus:
    def put(self, world: Shopify, payload: Json, topic: str = "orders/paid") -> None:
        metadata = {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": SHOP, "X-Shopify-API-Version": "2026-10"}
        detail = {"payload": payload, "metadata": metadata}
        world.cloud.invoke("shopify_events", {"source": "aws.partner/shopify.com/1/bus", "detail": detail})

    @pytest.mark.parametrize("note", ["half a smile \ud83d", ["["] * 2])
    def test_C11_what_cannot_be_read_is_kept_as_it_is_of_a_delivery(self, world: Shopify, note: Any) -> None:
        deep: Any = note
        for _ in range(40 * isinstance(note, list)):
            deep = [deep]

        self.put(world, order(note=deep))

        assert world.known() is None
        assert [row["key_id"]["S"] for row in world.cloud.table() if "exception" in row] == ["eventbridge"]

    def test_a_customers_orders_lose_their_bytes_by_this_way_too(self, world: Shopify) -> None:
        self.put(world, order(email="zoe@example.com"))
        wish = {"shop_id": int(SHOP_ID), "shop_domain": SHOP, "customer": {"email": "zoe@example.com"}}

        self.put(world, {**wish, "orders_to_redact": [int(ORDER)]}, "customers/redact")
        world.run("guard")

        assert world.order().paid == 10_000
        assert not [row for row in world.cloud.table() if "raw" in row]


def _unreadable(_fields: Any) -> str:
    raise MalformedError("not yet")


class TestMoney:
    def test_a_gift_card_and_a_card_pay_in_parts(self, world: Shopify) -> None:
        world.deliver(order(financial_status="partially_paid", total_outstanding="60.00"))
        world.deliver(transaction(7001, amount="40.00", gateway="gift_card"))
        assert (world.order().status, world.order().balance_due) == ("partially_paid", 6000)

        world.deliver(transaction(7002, amount="60.00"))

        assert (world.order().status, world.order().paid) == ("paid", 10_000)
        assert world.shown()["paid_at"] == "2026-11-20T14:15:06Z"

    def test_an_authorization_is_no_payment_and_captures_are(self, world: Shopify) -> None:
        world.deliver(order(financial_status="authorized", total_outstanding="100.00"))
        world.deliver(transaction(7001, "authorization"))
        assert (world.order().status, world.order().authorized, world.order().paid) == ("authorized", 10_000, 0)

        world.deliver(transaction(7002, "capture", amount="30.00", parent_id=7001))
        world.deliver(transaction(7003, "capture", "failure", amount="70.00", parent_id=7001))

        assert (world.order().status, world.order().paid) == ("partially_paid", 3000)

    @pytest.mark.parametrize(("word", "status"), [("voided", "failed"), ("expired", "failed"), ("pending", "pending")])
    def test_an_authorization_that_is_let_go_or_expires_took_nothing(
        self, world: Shopify, word: str, status: str
    ) -> None:
        world.deliver(order(financial_status="authorized", total_outstanding="100.00"))

        world.deliver(order(financial_status=word, updated_at="2026-11-28T09:15:09-05:00"))

        assert (world.order().status, world.order().paid, world.order().authorized) == (status, 0, 0)

    @pytest.mark.parametrize("word", [None, "", "paid_somehow"])
    def test_a_state_that_is_not_told_or_not_known_is_never_taken_for_paid(
        self, world: Shopify, word: str | None
    ) -> None:
        world.deliver(order(financial_status=word))

        assert (world.order().status, world.order().paid) == ("pending", 0)

    def test_paid_is_not_believed_without_what_is_outstanding(self, world: Shopify) -> None:
        world.deliver(order(total_outstanding=None))

        assert world.order().paid == 0
        assert due(world)  # but the shop is asked

    def test_S2_a_refund_that_has_not_moved_yet_is_processing_and_moves_nothing(self, world: Shopify) -> None:
        world.deliver(order())
        world.deliver(refund(transaction(7002, "refund", "pending", amount="30.00", parent_id=7001)), "refunds/create")

        shown = world.shown()
        assert (shown["refunded"]["minor"], world.order().refundable) == (0, 7000)
        assert [(one["status"], one["amount"]["minor"]) for one in shown["refunds"]] == [("processing", 3000)]

        world.deliver(transaction(7002, "refund", amount="30.00", parent_id=7001), "order_transactions/create")

        shown = world.shown()
        assert (shown["refunded"]["minor"], shown["status"]) == (3000, "partially_refunded")
        assert [one["status"] for one in shown["refunds"]] == ["succeeded"]
        assert [one["platform_refund_id"] for one in shown["refunds"]] == ["8001"]

    def test_S2_a_refund_that_fails_reserves_its_amount_until_the_shop_was_asked(self, world: Shopify) -> None:
        world.deliver(order())
        world.deliver(refund(transaction(7002, "refund", "pending", amount="30.00")), "refunds/create")

        world.deliver(transaction(7002, "refund", "failure", amount="30.00"))

        assert (world.order().refunded, world.order().refundable) == (0, 7000)

    @pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
    def test_S3_an_exchange_for_something_dearer_takes_the_difference_and_refunds_nothing(
        self, world: Shopify, sequence: tuple[int, ...]
    ) -> None:
        world.deliver(order())
        world.deliver(transaction(7001))
        later = [
            (transaction(7002, amount="150.00", processed_at="2026-11-23T09:00:00-05:00"), "order_transactions/create"),
            (refund(), "refunds/create"),
            (order(total="250.00", updated_at="2026-11-23T09:00:01-05:00"), "orders/updated"),
        ]

        for place in sequence:
            assert world.deliver(*later[place]) == 200

        found = world.order()
        assert (found.status, found.paid, found.refunded, found.balance_due) == ("paid", 25_000, 0, 0)
        assert found.review_items == ()

    @pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
    def test_S3_an_exchange_for_something_cheaper_gives_the_difference_back(
        self, world: Shopify, sequence: tuple[int, ...]
    ) -> None:
        back = transaction(7002, "refund", amount="40.00", parent_id=7001)
        later = [
            (back, "order_transactions/create"),
            (refund(back), "refunds/create"),
            (
                order(
                    total="60.00",
                    financial_status="partially_refunded",
                    refunds=[refund(back)],
                    updated_at="2026-11-23T09:00:01-05:00",
                ),
                "orders/updated",
            ),
        ]
        world.deliver(order())
        world.deliver(transaction(7001))

        for place in sequence:
            assert world.deliver(*later[place]) == 200

        found = world.order()
        assert (found.status, found.paid, found.refunded) == ("partially_refunded", 10_000, 4000)
        assert (found.balance_due, found.overpaid, found.review_items) == (0, 0, ())

    def test_S7_an_order_is_kept_in_the_buyers_currency_and_the_shops_beside_it(self, world: Shopify) -> None:
        world.deliver(order(total="4400", presentment_currency="ISK", currency="GBP", shop_total="25.50"))

        shown = world.shown()
        assert (shown["amount"], shown["paid"]) == ({"minor": 4400, "currency": "ISK"},) * 2
        assert shown["shop"] == {"currency": "GBP", "amount": 2550, "paid": 0, "refunded": 0}

    def test_S7_a_movement_that_is_told_in_the_shops_currency_is_not_counted_but_asked_about(
        self, world: Shopify
    ) -> None:
        world.deliver(order(total="4400", presentment_currency="ISK", currency="GBP", shop_total="25.50"))
        unsettled = money("0", "ISK", "0.00", "GBP")

        world.deliver(transaction(7002, "refund", amount="10.00", currency="GBP", total_unsettled_set=unsettled))

        assert (world.order().refunded, world.order().review_items) == (0, ())
        assert due(world)

    def test_S7_a_refund_in_another_currency_than_the_orders_is_a_question_and_in_no_sum(self, world: Shopify) -> None:
        world.deliver(order(total="4400", presentment_currency="ISK", currency="GBP", shop_total="25.50"))

        world.deliver(transaction(7002, "refund", amount="10.00", currency="GBP"))

        assert (world.order().refunded, world.order().reserved) == (0, 0)
        assert [item.review_id for item in world.order().review_items] == ["refund_currency_mismatch.7002"]

    def test_S7_what_is_due_only_before_rounding_is_not_taken_for_paid(self, world: Shopify) -> None:
        told = order(
            total="56000",
            presentment_currency="ISK",
            currency="GBP",
            shop_total="0.01",
            financial_status="partially_paid",
            total_outstanding="0.00",
        )

        world.deliver(told)

        assert (world.order().paid, world.order().status) == (0, "pending")
        assert due(world)

    def test_S7_three_decimals_are_exact(self, world: Shopify) -> None:
        world.deliver(order(total="18.600", presentment_currency="KWD", currency="USD", shop_total="60.45"))
        world.deliver(transaction(7001, amount="18.6", currency="KWD"))

        assert (world.order().paid, world.order().terms.amount.minor) == (18_600, 18_600)

    def test_S8_halves_that_are_recorded_by_hand_and_paid_up_days_later(self, world: Shopify) -> None:
        world.deliver(order(financial_status="pending", total_outstanding="100.00"))
        world.deliver(transaction(7001, amount="50.00", gateway="manual"))
        world.deliver(
            order(financial_status="partially_paid", total_outstanding="50.00", updated_at="2026-11-22T10:00:00-05:00")
        )
        assert (world.order().status, world.order().paid) == ("partially_paid", 5000)

        world.deliver(
            transaction(7002, amount="50.00", gateway="manual", processed_at="2026-11-24T10:00:00-05:00")
        )  # no orders/paid ever comes

        assert world.order().status == "paid"
        assert world.shown()["paid_at"] == "2026-11-24T15:00:00Z"

    def test_S9_a_word_of_next_year_leaves_everything_else_of_the_order_readable(self, world: Shopify) -> None:
        world.deliver(order(fulfillment_status="not_required_any_more", cancel_reason="robots"))

        assert world.order().status == "paid"

    def test_an_order_of_test_mode_says_so(self, world: Shopify) -> None:
        world.deliver(order(test=True))

        assert world.shown()["test"] is True

    def test_a_parcel_is_kept_and_moves_no_money(self, world: Shopify) -> None:
        world.deliver(order())
        parcel = {
            "id": 6001,
            "admin_graphql_api_id": "gid://shopify/Fulfillment/6001",
            "order_id": int(ORDER),
            "status": "success",
            "updated_at": "2026-11-21T12:00:01-05:00",
            "tracking_company": "UPS",
            "tracking_number": "1Z999",
        }

        assert world.deliver(parcel, "fulfillments/create") == 200

        assert world.order().status == "paid"
        assert "signal" in [event["kind"] for event in world.shown()["events"]]

    @pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
    def test_a_dispute_is_a_child_of_its_order_and_moves_no_money(
        self, world: Shopify, sequence: tuple[int, ...]
    ) -> None:
        told = {"id": 4001, "order_id": int(ORDER), "type": "chargeback", "amount": "100.00", "currency": "USD"}
        told |= {"reason": "fraudulent", "initiated_at": "2026-11-21T10:00:00-05:00"}
        told |= {"evidence_due_by": "2026-11-30T10:00:00-05:00", "finalized_on": None}
        bodies = [
            told | {"status": "needs_response"},
            told | {"status": "under_review"},
            told | {"status": "lost", "finalized_on": "2026-12-05T10:00:00-05:00"},
        ]
        world.deliver(order())

        for place in sequence:
            assert world.deliver(bodies[place], "disputes/update") == 200

        [dispute] = world.shown()["disputes"]
        assert (dispute["status"], dispute["open"], dispute["amount"]["minor"]) == ("lost", False, 10_000)
        assert (world.order().status, world.order().refunded) == ("paid", 0)
        emitted = world.emitted()
        assert (emitted.count("dispute.opened"), emitted.count("dispute.closed")) == (1, 1)

    def test_more_refunds_than_one_message_may_hold_are_read_from_the_shop(self, world: Shopify) -> None:
        back = [refund(transaction(7100 + n, "refund", amount="1.00"), number=8100 + n) for n in range(40)]

        assert world.deliver(order(financial_status="partially_refunded", refunds=back)) == 200

        assert world.order().status == "partially_refunded"
        assert due(world)

    def test_what_the_buyer_is_called_is_in_no_row_but_the_evidence(self, world: Shopify) -> None:
        world.deliver(order(email="zoe@example.com", customer={"first_name": "Zoe"}, note="ring twice"))

        kept = [{**row, "raw": None} for row in world.cloud.table()]
        assert not [row for row in kept if "zoe" in str(row).lower() or "ring twice" in str(row)]


def test_a_shop_of_the_apps_list_that_was_renamed_is_known_by_its_number(
    clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {"shop": SHOP, "shop_id": SHOP_ID, "access_token": "shpat_token_of_the_list_1"}
    with mock_aws(), shopify(clock, {APP: documents(shops=[listed])[APP]}) as world:
        assert world.deliver(order(), "orders/paid", shop="new-name.myshopify.com") == 200
        assert world.deliver(order(id=7, order_status_url="https://s.example/1/o"), shop="x.myshopify.com") == 200

        assert world.order().status == "paid"
        assert world.known("7") is None
    assert "ShopRenamed" in capsys.readouterr().out


class TestRenamed:
    """A shop with a document of its own, or where somebody installed the app, under a name that it has not here."""

    NEW = "new-name.myshopify.com"

    def test_it_is_known_by_its_number_once_it_was_read(
        self, world: Shopify, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.run("scan")

        assert world.deliver(order(), "orders/paid", shop=self.NEW) == 200

        assert world.order().status == "paid"
        assert world.known(shop=self.NEW) is None
        assert "ShopRenamed" in capsys.readouterr().out

    def test_the_number_of_another_shop_or_none_is_nobodys_new_name(self, world: Shopify) -> None:
        world.run("scan")
        before = world.rows()

        for body in (order(order_status_url="https://s.example/1/o"), transaction(), order(order_status_url=None)):
            assert world.deliver(body, shop=self.NEW) == 200

        assert world.rows() == before

    def test_a_wish_to_forget_under_the_new_name_erases_what_is_kept_under_the_old_one(self, world: Shopify) -> None:
        world.run("scan")
        world.deliver(order(email="zoe@example.com"))

        world.ask("uninstall")
        world.deliver({"shop_id": int(SHOP_ID), "shop_domain": self.NEW}, "shop/redact", shop=self.NEW)
        world.run("guard")

        assert not [row for row in world.cloud.table() if "raw" in row]
