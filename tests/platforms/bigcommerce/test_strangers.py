"""Who has no proof of an order learns nothing of it and leaves nothing: here, at the cashier, in the store."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.functions.conftest import http_event
from tests.platforms.bigcommerce.world import APP, ORIGIN, OTHER, Shop

NOT_FOUND = {"error": {"code": "not_found"}}
GUESSED = "15c3d719-22ef-49a8-a811-c549786d02c3"


def refused(world: Shop, order: Any, **how: Any) -> tuple[int, Any]:
    """Ask, and see that nothing was left anywhere; returns what was answered."""
    before, calls = world.rows(), list(world.hosted.wire.sent)
    answer = world.ask(order, **how)
    assert world.rows() == before
    assert world.hosted.wire.sent == calls
    assert world.there(order)["puts"] == []
    return answer


def test_every_call_without_proof_is_answered_the_same(world: Shop) -> None:
    order = world.make("order")
    other = world.make("order")
    closed = world.make("order")
    world.make("move", id=closed["id"], status_id=5)

    answers = [
        refused(world, order, cart_id=GUESSED),
        refused(world, order, cart_id=other["cart_id"]),
        refused(world, order, order_id=999_999),
        refused(world, order, store_hash=OTHER),
        refused(world, order, origin="https://shop.example.com.evil.example"),
        refused(world, order, customer_jwt="a.b.c"),
        refused(world, closed, cart_id=GUESSED),
    ]

    assert answers == [(404, NOT_FOUND)] * len(answers)


def test_every_refusal_after_the_order_was_read_costs_the_same(world: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long an answer takes is what is called for it: the same calls in the same sequence, whatever the reason."""
    calls: list[str] = []
    call: Any = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    fine, card, old, closed = (
        world.make("order", **how) for how in ({}, {"method": "Credit card"}, {"age": 90_000}, {"status_id": 5})
    )
    world.ask(fine, cart_id=GUESSED)  # accounts are read and kept

    def cost(order: Any, **how: Any) -> list[str]:
        calls.clear()
        world.wire.sent.clear()
        assert world.ask(order, **how)[0] in (404, 409)
        return [*calls, *(line.split(" ")[0] for line in world.wire.sent)]

    costs = [
        cost(fine, cart_id=GUESSED),
        cost(fine, customer_jwt="a.b.c"),
        cost(fine, order_id=999_999),
        cost(card),
        cost(old),
        cost(closed),
        cost(closed, cart_id=GUESSED),
    ]

    assert costs == [costs[0]] * len(costs)
    assert costs[0][-1] == "GET"


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": True},
        {"order_id": 0},
        {"order_id": 1.0},
        {"order_id": "1 OR 1=1"},
        {"order_id": None},
        {"store_hash": "../x"},
        {"cart_id": ""},
        {"cart_id": None},
        {"cart_id": 7},
        {"customer_jwt": ""},
    ],
)
def test_what_no_page_asks_is_refused_before_the_store_is_asked(world: Shop, changes: dict[str, Any]) -> None:
    order = world.make("order")

    assert refused(world, order, **changes) == (400, {"error": {"code": "invalid_request"}})
    assert world.wire.sent == []


def test_an_amount_that_a_page_names_is_ignored(world: Shop) -> None:
    order = world.make("order")

    assert world.ask(order, amount=1, currency="IDR", total="0.01")[0] == 200
    assert world.hosted.order(world.reference(order)).terms.amount.minor == 6984


def test_ten_refusals_about_an_order_end_its_answers_for_an_hour(world: Shop) -> None:
    order = world.make("order")
    for number in range(10):
        world.ask(order, cart_id=GUESSED, ip=f"203.0.113.{number}")
    asked = len(world.wire.sent)

    assert world.ask(order) == (404, NOT_FOUND)
    assert len(world.wire.sent) == asked

    world.cloud.clock.shift(3600)
    assert world.ask(order)[0] == 200


def test_an_address_that_calls_too_often_is_told_so(world: Shop) -> None:
    order = world.make("order")
    statuses = [world.ask(order, order_id=900_000 + number)[0] for number in range(31)]

    assert statuses == [404] * 30 + [429]
    assert world.ask(order, ip="203.0.113.77")[0] == 200


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"method": "Credit card"}, "wrong_payment_method"),
        ({"age": 90_000}, "order_too_old"),
        ({"age": -400}, "order_from_the_future"),
        ({"status_id": 12}, "order_not_payable"),
        ({"total": "0.0000"}, "nothing_due"),
        ({"currency": "XAU"}, "currency_not_supported"),
    ],
)
def test_an_order_that_may_not_be_paid_is_refused_with_the_reason(
    world: Shop, order: dict[str, Any], code: str
) -> None:
    made = world.make("order", **order)

    assert refused(world, made) == (409, {"error": {"code": code}})


def test_case_C3_an_amount_that_cannot_be_said_exactly_is_refused_before_anybody_is_sent_anywhere(world: Shop) -> None:
    order = world.make("order", total="18.6055", currency="KWD")

    assert refused(world, order) == (422, {"error": {"code": "amount_not_representable"}})


def test_an_order_that_is_paid_already_says_so_and_names_no_cashier(world: Shop) -> None:
    order = world.make("order", status_id=11)
    status, answer = world.ask(order)

    assert (status, answer["status"]) == (200, "PAID")
    assert "cashier_url" not in answer


@pytest.mark.parametrize("path", ["payments", "payments/status"])
def test_only_a_stores_own_pages_may_ask_from_a_browser(world: Shop, path: str) -> None:
    function = "bigcommerce_create_payment" if path == "payments" else "bigcommerce_payment_status"

    def preflight(origin: str) -> dict[str, str]:
        event = http_event("OPTIONS", f"/bigcommerce/{{app}}/{path}", {"app": APP}, headers={"origin": origin})
        answer = world.cloud.invoke(function, event)
        assert answer["statusCode"] == 204
        headers: dict[str, str] = answer["headers"]
        return headers

    assert preflight(ORIGIN)["access-control-allow-origin"] == ORIGIN
    assert preflight(ORIGIN)["access-control-allow-methods"] == "GET, POST"
    for foreign in ("https://evil.example", "\ud800", "é", "x" * 3000):
        assert "access-control-allow-origin" not in preflight(foreign)


def test_a_refusal_can_be_read_by_the_stores_page_and_is_kept_by_nobody(world: Shop) -> None:
    order = world.make("order")
    body = json.dumps({"store_hash": order["store"], "order_id": order["id"], "cart_id": GUESSED})
    event = http_event("POST", "/bigcommerce/{app}/payments", {"app": APP}, headers={"origin": ORIGIN}, body=body)
    headers = world.cloud.invoke("bigcommerce_create_payment", event)["headers"]

    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "origin"


def test_the_token_of_one_app_is_none_at_another(world: Shop) -> None:
    _, answer = world.start()

    assert world.status(answer["status_token"], app="nobody")[0] in (401, 404)
