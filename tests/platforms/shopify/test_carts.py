"""A cart with the merchant's reference: made once for a key, refused in Shopify's words, and found on the order."""

import json
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.functions.conftest import http_event
from tests.platforms.shopify.world import OTHER, SHOP, STOREFRONT_TOKEN, Json, Shopify, documents, shopify

LINES = [{"variant_id": "43700000001", "quantity": 2}]


def body(**changes: Any) -> Json:
    return {"reference": "SO-2026-77", "lines": LINES} | changes


def inputs(world: Shopify) -> list[Json]:
    """Return what Shopify was asked to make carts of since this was asked last."""
    found = [one["variables"]["input"] for one in world.wire.sent if "cartCreate" in str(one.get("query"))]
    world.wire.sent.clear()
    return found


def test_a_cart_is_answered_with_the_address_of_its_checkout(world: Shopify) -> None:
    made = world.cart(body())

    assert made["status"] == 201
    assert made["client"]["checkoutUrl"].startswith(f"https://{SHOP}/cart/c/")
    assert made["cart"] == {"total_quantity": 2, "total": {"minor": 5000, "currency": "USD"}}
    assert (made["reference"], made["warnings"]) == ("SO-2026-77", [])


def test_the_order_that_becomes_of_it_is_found_by_the_reference(world: Shopify) -> None:
    world.subscribe_all()
    made = world.cart(body())
    sold = world.ask("checkout", cart=made["client"]["checkoutUrl"])
    world.carry()

    event = http_event("GET", "/orders", {})
    event["queryStringParameters"] = {"account": f"shopify/{SHOP}", "reference": "SO-2026-77"}
    [found] = json.loads(world.cloud.invoke("orders_api", event)["body"])["orders"]
    assert (found["order_id"], found["status"]) == (str(sold["order"]), "paid")


def test_everything_that_a_caller_says_reaches_shopify_in_its_own_words(world: Shopify) -> None:
    world.cart(
        body(
            lines=[
                {
                    "variant_id": "gid://shopify/ProductVariant/43",
                    "selling_plan_id": "7",
                    "attributes": {"engrave": "A"},
                }
            ],
            buyer={"email": "a@example.com", "country_code": "CH"},
            note="ring twice",
            discount_codes=["TEN"],
            attributes={"table": "12"},
        )
    )

    [given] = inputs(world)
    assert given == {
        "lines": [
            {
                "merchandiseId": "gid://shopify/ProductVariant/43",
                "quantity": 1,
                "sellingPlanId": "gid://shopify/SellingPlan/7",
                "attributes": [{"key": "engrave", "value": "A"}],
            }
        ],
        "attributes": [{"key": "reference", "value": "SO-2026-77"}, {"key": "table", "value": "12"}],
        "note": "ring twice",
        "discountCodes": ["TEN"],
        "buyerIdentity": {"email": "a@example.com", "countryCode": "CH"},
    }


class TestAsking:
    def test_the_same_key_makes_one_cart_and_another_body_under_it_is_refused(self, world: Shopify) -> None:
        key = {"idempotency-key": "k-1"}
        first, second = world.cart(body(), headers=key), world.cart(body(), headers=key)
        other = world.cart(body(reference="SO-3"), headers=key)

        assert first == second
        assert len(inputs(world)) == 1
        assert other["status"] == 422

    def test_a_refused_cart_is_not_remembered(self, world: Shopify) -> None:
        world.wire.simulator.faults({"cart_refused": 1})
        key = {"idempotency-key": "k-2"}

        assert world.cart(body(), headers=key)["status"] == 422
        assert world.cart(body(), headers=key)["status"] == 201

    def test_a_token_without_the_scope_makes_none(self, world: Shopify) -> None:
        assert world.cart(body(), scope="orders:read")["status"] == 403
        assert inputs(world) == []

    @pytest.mark.parametrize("shop", [OTHER, "nobody.myshopify.com"])
    def test_a_shop_outside_the_token_and_one_that_is_not_there_are_alike(self, world: Shopify, shop: str) -> None:
        assert world.cart(body(), shop=shop, accounts=f"[shopify/{SHOP} shopify/nobody.myshopify.com]")["status"] == 404
        assert inputs(world) == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"lines": []},
            {"lines": LINES * 251},
            {"lines": [{"variant_id": "43", "quantity": 0}]},
            {"lines": [{"variant_id": "gid://shopify/Product/43"}]},
            {"lines": [{"variant_id": "43\n"}]},
            {"reference": ""},
            {"reference": "a\nb"},
            {"attributes": {"reference": "another"}},
            {"buyer": {"phone": "12"}},
            {"client_ip": "localhost"},
            {"unknown": 1},
        ],
    )
    def test_what_no_shop_would_take_is_refused_before_it_is_asked(self, world: Shopify, wrong: Json) -> None:
        assert world.cart(body(**wrong))["status"] == 400
        assert inputs(world) == []


class TestAnswers:
    def test_what_shopify_objects_to_is_422_in_its_words(self, world: Shopify) -> None:
        world.wire.simulator.faults({"cart_refused": 1})

        refused = world.cart(body())

        assert refused["status"] == 422
        assert "lines.0.merchandiseId INVALID: The merchandise does not exist." in refused["detail"]

    def test_a_warning_comes_with_the_cart(self, world: Shopify) -> None:
        world.wire.simulator.faults({"cart_warned": 1})

        made = world.cart(body())

        assert made["status"] == 201
        assert [one["code"] for one in made["warnings"]] == ["MERCHANDISE_NOT_ENOUGH_STOCK"]

    def test_a_shop_without_room_is_asked_once_more_and_never_sooner_than_after_a_second(
        self, world: Shopify, waits: list[float]
    ) -> None:
        world.wire.simulator.faults({"throttled": 1})
        assert world.cart(body())["status"] == 201
        assert len(waits) == 1 and waits[0] >= 1

        world.wire.simulator.faults({"throttled": 2})
        assert world.cart(body())["status"] == 429

    def test_a_shop_that_makes_none_just_now_is_asked_again_later(self, world: Shopify) -> None:
        world.wire.simulator.faults({"carts_busy": 1})

        assert world.cart(body())["status"] == 502

    def test_a_shop_without_its_token_says_what_is_missing(self, clock: time_machine.Traveller) -> None:
        with mock_aws(), shopify(clock, documents(storefront_private_token="")) as world:
            refused = world.cart(body())

        assert (refused["status"], refused["code"]) == (422, "shopify.no_storefront_token")


def test_the_token_and_the_buyer_stand_in_no_log(world: Shopify, capsys: pytest.CaptureFixture[str]) -> None:
    made = world.cart(body(buyer={"email": "a.buyer@example.com"}, client_ip="203.0.113.77"))

    said = capsys.readouterr().out
    for secret in (STOREFRONT_TOKEN, "a.buyer@example.com", made["client"]["checkoutUrl"]):
        assert secret not in said
