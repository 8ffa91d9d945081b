"""What is about a shop and about no order: on the list of exceptions, once, with its date, until it is seen to."""

import json
from typing import Any

import pytest

from tests.functions.conftest import http_event
from tests.platforms.shopify.world import OTHER, SHOP, SHOP_ID, Json, Shopify

REQUEST = {
    "shop_id": int(SHOP_ID),
    "shop_domain": SHOP,
    "orders_requested": [5550001112223, 5550001112224],
    "customer": {"id": 7, "email": "a.buyer@example.com", "phone": "+15550001"},
    "data_request": {"id": 9999},
}


def entries(world: Shopify) -> list[Json]:
    event = http_event("GET", "/exceptions", {})
    event["queryStringParameters"] = {"kind": "finding"}
    answer = world.cloud.invoke("orders_api", event)
    assert answer["statusCode"] == 200, answer
    found: list[Json] = json.loads(answer["body"])["exceptions"]
    return found


def dismiss(world: Shopify, entry: Json) -> int:
    event = http_event(
        "POST", "/exceptions/{exception_id}/dismiss", {"exception_id": entry["id"]}, body=json.dumps({"note": "done"})
    )
    status: int = world.cloud.invoke("decisions_api", event)["statusCode"]
    return status


class TestDataRequest:
    def test_it_is_an_exception_with_its_orders_and_its_date(self, world: Shopify) -> None:
        for _ in range(2):
            assert world.deliver(REQUEST, "customers/data_request") == 200

        [entry] = entries(world)
        assert entry["orders"] == ["5550001112223", "5550001112224"]
        assert entry["due_by"] == "2026-12-22T14:00:05Z"
        assert (entry["order_id"], entry["account"]) == (None, SHOP)
        assert entry["reason"] == "a customer wants to know what is kept of 2 orders: answer within 30 days"
        assert "buyer" not in json.dumps(entry)

    def test_who_answered_it_takes_it_off_and_it_does_not_come_back(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        [entry] = entries(world)

        assert dismiss(world, entry) == 200
        world.deliver(REQUEST, "customers/data_request")

        assert entries(world) == []

    def test_who_asks_is_kept_until_it_is_answered_and_nowhere_else(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        [held] = [row for row in world.cloud.table() if "raw" in row]
        assert held["sk"]["S"].startswith("FINDING#")

        assert dismiss(world, *entries(world)) == 200

        assert not [row for row in world.cloud.table() if "raw" in row]

    @pytest.mark.parametrize("named", [[5550001112224], []])
    def test_a_wish_to_be_forgotten_takes_the_question_along(self, world: Shopify, named: list[int]) -> None:
        world.deliver(REQUEST, "customers/data_request")
        wish = {name: value for name, value in REQUEST.items() if name not in ("data_request", "orders_requested")}

        world.deliver({**wish, "orders_to_redact": named} if named else {"shop_id": int(SHOP_ID), "shop_domain": SHOP})
        world.run("guard")

        assert not [row for row in world.cloud.table() if "raw" in row]
        assert len(entries(world)) == 1  # somebody must answer it all the same

    @pytest.mark.parametrize("changes", [{"shop_id": 1}, {"shop_id": None}])
    def test_one_that_names_another_shop_asks_nobody_anything(self, world: Shopify, changes: Json) -> None:
        assert world.deliver(REQUEST | changes, "customers/data_request") == 200

        assert entries(world) == []

    def test_another_shops_caller_does_not_see_it(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        event = http_event("GET", "/exceptions", {}, claims={"accounts": f"[shopify/{OTHER}]"})

        assert json.loads(world.cloud.invoke("orders_api", event)["body"])["exceptions"] == []


class TestAnotherInstallation:
    def guarded(self, world: Shopify, *pauses: int, **more: Any) -> None:
        for pause in pauses:
            world.run("guard", pause, accounts=[SHOP], **more)

    def test_S10_it_is_said_once_and_nobody_fights(self, world: Shopify) -> None:
        world.ask("subscribe", topic="ORDERS_PAID", address="https://staging.example.com/hook")

        self.guarded(world, 0, 600, 600)

        [entry] = entries(world)
        assert entry["reasons"] == [{"code": "subscriptions_of_others", "args": {"addresses": 1}}]
        assert "staging.example.com" not in json.dumps(entry)
        there = world.ask("subscriptions")["subscriptions"]
        assert len([one for one in there if "staging" in one["address"]]) == 1

    def test_S10_once_the_other_is_gone_so_is_the_entry_and_it_may_come_again(self, world: Shopify) -> None:
        world.ask("subscribe", topic="ORDERS_PAID", address="https://staging.example.com/hook")
        self.guarded(world, 0)
        shop = world.shop()
        strangers = [one for one in shop.subscriptions if "staging" in one.address]
        for one in strangers:
            shop.subscriptions.remove(one)

        self.guarded(world, 600)
        assert entries(world) == []

        shop.subscriptions += strangers
        self.guarded(world, 600)
        assert len(entries(world)) == 1
