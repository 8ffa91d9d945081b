"""Requests of Shopify's that are odd, repeated or incomplete: answered once and the same, with 201, 400 or 422."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from countersign.platforms.shopify import resolver
from countersign.platforms.shopify.apps import Apps
from sandbox.simulators.shopify.payments import Asked
from tests.functions.conftest import http_event
from tests.platforms.shopify.payments.world import APP, SHOP, Checkout

Json = dict[str, Any]
PAYMENT: Json = {
    "id": "S1",
    "gid": "gid://shopify/PaymentSession/S1",
    "group": "g1",
    "amount": "10.00",
    "currency": "USD",
    "test": False,
    "merchant_locale": "en",
    "payment_method": {"type": "offsite", "data": {"cancel_url": "https://vec-shop.myshopify.com/c"}},
    "proposed_at": "2026-11-20T14:00:00Z",
    "customer": None,
    "kind": "sale",
}


def post(world: Checkout, about: str, body: Json) -> tuple[int, Json]:
    event = http_event(
        "POST",
        f"/shopify/{{app}}/{about}-session",
        {"app": APP},
        headers={"shopify-shop-domain": SHOP, "shopify-api-version": "2026-10"},
        body=json.dumps(body),
    )
    answer = world.cloud.invoke(f"shopify_{about}_session", event)
    return answer["statusCode"], json.loads(answer["body"])


def taken(world: Checkout, **changes: Any) -> Asked:
    """Return a payment session that was taken, twice the same."""
    body = PAYMENT | changes
    status, answer = post(world, "payment", body)
    assert (status, post(world, "payment", body)) == (201, (201, answer))
    return Asked("payment", SHOP, body, redirect_url=answer["redirect_url"])


@pytest.mark.parametrize(
    "change",
    [
        {"proposed_at": None},
        {"test": None},
        {"merchant_locale": None},
        {"merchant_locale": "en-x-foo"},
        {"merchant_locale": "de_DE"},
        {"customer": {}},
        {"customer": {"locale": "zh-Hant-TW"}},
        {"customer": {"locale": "en-US-u-ca-gregory"}},
        {"customer": {"locale": 7}},
        {"customer": []},
        {"payment_method": None},
        {"payment_method": {"data": {"cancel_url": None}}},
        {"payment_method": {"data": {}}, "cancel_url": "https://vec-shop.myshopify.com/c"},
        {"amount": "10"},
        {"amount": "0010.000000"},
        {"amount": "18.605", "currency": "KWD"},
        {"amount": "4480.00", "currency": "JPY"},
        {"clearing": {"x": [1]}},
    ],
    ids=str,
)
def test_what_is_optional_or_written_otherwise_keeps_nobody_from_paying(world: Checkout, change: Json) -> None:
    asked = taken(world, **change)

    assert world.visit(asked)["statusCode"] == 303
    assert world.shown(asked)["status"] == "pending"
    assert world.shown(asked, "/explanation")["next"] is not None


@pytest.mark.parametrize(
    "change",
    [
        {"amount": amount}
        for amount in ("0.00", "-1.00", "1e2", "+5", " 5", "5.", ".5", "５", 5, "10.001", "99999999999999999.00", None)
    ]
    + [{"currency": "KWD", "amount": "18.6055"}, {"currency": "JPY", "amount": "4480.50"}]
    + [{"currency": currency} for currency in ("usd", "XBT", "XXX", None)]
    + [{"proposed_at": at} for at in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")]
    + [{"kind": None}, {"kind": "SALE"}, {"group": ""}, {"group": "é"}, {"id": 5}, {"test": "true"}]
    + [{"payment_method": {"data": {"cancel_url": "javascript:alert(1)"}}}],
    ids=str,
)
def test_what_cannot_be_believed_is_refused_and_nothing_is_kept(world: Checkout, change: Json) -> None:
    rows = world.rows()

    assert post(world, "payment", PAYMENT | change) == (400, {})
    assert world.rows() == rows


def test_P2_who_cancels_and_has_no_checkout_to_go_back_to_may_pay_again_and_is_not_sent_back_at_once(
    world: Checkout,
) -> None:
    asked = taken(world, payment_method={"type": "offsite", "data": {}})
    assert world.visit(asked)["statusCode"] == 303

    answer = world.visit(asked, "cancel")
    assert (answer["statusCode"], "Pay again" in answer["body"]) == (200, True)


def test_B16_what_was_taken_is_answered_the_same_also_when_the_app_takes_no_more_of_its_kind(world: Checkout) -> None:
    asked = taken(world, kind="authorization")
    world.change(kinds=["sale"])

    assert post(world, "payment", asked.body) == (201, {"redirect_url": asked.redirect_url})
    number = {"id": "S2", "gid": "gid://shopify/PaymentSession/S2"}
    assert post(world, "payment", asked.body | number) == (422, {})


def test_an_app_that_gives_nothing_back_takes_no_refund_session(world: Checkout) -> None:
    taken(world)
    world.change(kinds=["sale"])
    wanted = {"id": "R1", "gid": "gid://shopify/RefundSession/R1", "payment_id": "S1"}

    assert post(world, "refund", wanted | {"amount": "1.00", "currency": "USD"}) == (422, {})


def test_P4_a_document_that_cannot_be_read_keeps_no_other_app_from_being_ready(world: Checkout) -> None:
    world.cloud.secretsmanager.create_secret(Name="countersign/test/shopify/broken", SecretString="{")
    world.cloud.secretsmanager.create_secret(Name=f"countersign/test/shopify/{APP}2/x", SecretString="{")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)

    resolver.configure_all(Apps(), world.store, context, now=world.now, enough_ms=1)

    assert world.shopify.ready[SHOP] == {"externalHandle": "pay", "ready": True}
