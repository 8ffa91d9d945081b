"""An order is found by what people call it: the shop's own number, and the merchant's reference of its cart."""

import json
from typing import Any

from tests.functions.conftest import http_event
from tests.platforms.shopify.world import ORDER, OTHER, SECRET, SHOP, Json, Shopify, order, refund, transaction


def asked(world: Shopify, route: str, **query: Any) -> Json:
    event = http_event("GET", route, {})
    event["queryStringParameters"] = query
    answer = world.cloud.invoke("orders_api", event)
    assert answer["statusCode"] == 200, answer
    content: Json = json.loads(answer["body"])
    return content


def with_reference(world: Shopify, reference: str, shop: str = SHOP) -> list[str]:
    found = asked(world, "/orders", account=f"shopify/{shop}", reference=reference)
    return [row["order_id"] for row in found["orders"]]


def searched(world: Shopify, said: str, shop: str = SHOP) -> list[tuple[str, str]]:
    found = asked(world, "/search", q=said, account=f"shopify/{shop}")["found"]
    return [(one["matched"], one["order"]["order_id"]) for one in found]


def noted(reference: str, **changes: Any) -> Json:
    return order(note_attributes=[{"name": "reference", "value": reference}], **changes)


class TestReference:
    def test_an_order_is_listed_by_the_reference_of_its_cart(self, world: Shopify) -> None:
        world.deliver(noted("SO-2026-0042"), "orders/create")

        assert with_reference(world, "SO-2026-0042") == [ORDER]
        assert with_reference(world, "SO-2026-004") == []
        assert with_reference(world, "SO-2026-0042", OTHER) == []

    def test_two_orders_of_one_reference_are_both_there_the_later_one_first(self, world: Shopify) -> None:
        world.deliver(noted("SO-1", id=5550001112224), "orders/create")
        world.deliver(noted("SO-1"), "orders/create")

        assert with_reference(world, "SO-1") == ["5550001112224", ORDER]

    def test_a_reference_that_an_edit_gives_is_found_and_one_that_it_took_away_is_not(self, world: Shopify) -> None:
        world.deliver(noted("SO-1"), "orders/create")
        world.deliver(noted("SO-2", updated_at="2026-11-20T09:16:09-05:00"))

        assert with_reference(world, "SO-2") == [ORDER]
        assert with_reference(world, "SO-1") == []

    def test_a_reference_of_any_characters_and_any_length_stops_no_delivery(self, world: Shopify) -> None:
        for number, reference in enumerate(("#A/1?ü 订单", "订" * 255, "x" * 4000), 1):
            assert world.deliver(noted(reference, id=number), "orders/create") == 200
            assert with_reference(world, reference[:255]) == [str(number)]

    def test_a_reference_that_stands_twice_stops_no_delivery(self, world: Shopify) -> None:
        twice = [{"name": "reference", "value": one} for one in ("SO-1", "#SO-1", "SO-1", "SO-2")]

        assert world.deliver(order(note_attributes=twice), "orders/create") == 200
        assert world.deliver(order(note_attributes=twice[::-1], updated_at="2026-11-20T09:16:09-05:00")) == 200

        assert with_reference(world, "SO-1") == with_reference(world, "SO-2") == [ORDER]

    def test_references_without_number_stop_no_delivery_and_the_first_ones_lead_to_the_order(
        self, world: Shopify
    ) -> None:
        many = [{"name": "reference", "value": f"SO-{number}"} for number in range(50)]
        back = [refund(transaction(7100 + n, "refund", amount="1.00"), number=8100 + n) for n in range(40)]
        told = order(note_attributes=many, refunds=back, financial_status="partially_refunded")

        assert world.deliver(told, "orders/create") == 200

        assert with_reference(world, "SO-0") == [ORDER]

    def test_an_order_that_only_the_list_tells_of_is_found_too(self, world: Shopify) -> None:
        sold = world.make("create", attributes={"reference": "SO-9", "gift": "yes"})
        world.run("scan")

        assert with_reference(world, "SO-9") == [str(sold.id)]
        assert searched(world, "yes") == []


class TestSearch:
    def test_an_order_is_found_by_the_shops_number_with_and_without_its_sign(self, world: Shopify) -> None:
        world.deliver(order(name="#1042"), "orders/create")

        assert searched(world, "#1042") == searched(world, "1042") == [("number", ORDER)]
        assert searched(world, "104") == []

    def test_an_order_is_found_by_its_reference(self, world: Shopify) -> None:
        world.deliver(noted("SO-7"), "orders/create")

        assert searched(world, "SO-7") == [("reference", ORDER)]

    def test_a_delivery_under_another_shops_name_names_nothing_there(self, world: Shopify) -> None:
        world.deliver(noted("SO-7"), "orders/create", shop=OTHER, secret=SECRET)

        assert searched(world, "SO-7", OTHER) == []
        assert with_reference(world, "SO-7", OTHER) == []
