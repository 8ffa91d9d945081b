"""What a buyer scans is in Shopify's own window, or on our page, where the app's cashier is our WeChat account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.errors import KeysUnavailableError
from countersign.orders.times import timestamp
from countersign.platforms.shopify import resolver, settings
from sandbox.simulators.shopify.payments import Asked
from tests.platforms.shopify.payments.world import Checkout, app_document, checkout

QR, YUAN = "wechat_native/qr", {"currency": "CNY", "amount": "88.00"}
SHOWN = ["Modal", "Resolve"]


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, cashier=QR, test_cashier=None, modal=True) as made:
        yield made


@pytest.fixture
def paged(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch, cashier=QR, test_cashier=None) as made:
        yield made


def shown(world: Checkout, **wanted: Any) -> Asked:
    asked = world.ask(**{**YUAN, **wanted})
    assert asked.redirect_url == ""
    world.wanted(asked)
    assert (asked.state, asked.told) == ("shown", ["Modal"])
    return asked


def at_wechat(world: Checkout, asked: Asked, number: int = 0) -> str:
    return world.attempt(asked, number).status


def test_what_is_scanned_is_in_shopifys_window_and_pays_the_session(world: Checkout) -> None:
    asked = shown(world)
    attempt = world.attempt(asked)
    assert asked.arguments["action"]["qrCode"]["code"].startswith("weixin://wxpay/")
    assert asked.arguments["expiresAt"] == str(timestamp(attempt.terms.expires_at))
    assert (attempt.key.platform, attempt.money_of) == ("wechat", ("shopify", asked.shop, world.key(asked).order_id))

    world.scan(asked)

    assert (asked.told, asked.refused) == (SHOWN, [])
    assert (world.order(asked).status, world.order(asked).paid) == ("paid", 8800)


def test_the_same_request_again_makes_no_second_payment_and_is_answered_the_same(world: Checkout) -> None:
    asked = shown(world)
    rows = world.rows()
    assert world.ask(id=asked.body["id"]) is asked
    assert (asked.redirect_url, world.rows()) == ("", rows)
    world.run(60)

    assert (len(world.attempts(asked)), asked.told) == (1, ["Modal"])


def test_E1_shopify_is_told_the_same_bytes_until_it_shows_the_code(world: Checkout) -> None:
    asked = world.ask(**YUAN)
    world.wire.simulator.faults({"truncated": 2})
    world.wanted(asked)
    first = world.session(asked).arguments
    for seconds in (5, 5, 60):
        world.run(seconds)

    assert (asked.told, world.session(asked).status) == (["Modal"], "shown")
    assert json.loads(first) == asked.arguments == json.loads(world.session(asked).arguments)
    assert len(world.attempts(asked)) == 1


def test_who_pays_before_shopify_says_that_the_code_is_shown_is_resolved_at_once(world: Checkout) -> None:
    asked = world.ask(**YUAN)
    world.wire.simulator.faults({"truncated": 1})  # it is shown, and nobody here knows
    world.wanted(asked)
    assert world.session(asked).status == "deciding"
    world.scan(asked)

    assert asked.told == SHOWN


def test_a_shop_that_shows_no_code_has_the_payment_closed_before_the_session_is_rejected(world: Checkout) -> None:
    asked = world.ask(**YUAN)
    world.wire.simulator.faults({"no_modal": 1})
    world.wanted(asked)
    for seconds in (60, 60, 300):
        world.run(seconds)

    assert (asked.told, at_wechat(world, asked)) == (["Reject"], "closed")
    assert asked.arguments["reason"]["code"] == "PAYMENT_METHOD_UNSUPPORTED"


def test_a_code_that_nobody_scans_is_closed_and_the_session_rejected_once_its_time_is_over(world: Checkout) -> None:
    asked = shown(world)
    world.run(world.attempt(asked).terms.expires_at - world.now + 1)
    world.run(60)

    assert (asked.told, at_wechat(world, asked)) == (["Modal", "Reject"], "closed")


def test_a_second_session_of_the_checkout_closes_the_first_ones_code_and_is_the_one_that_counts(
    world: Checkout,
) -> None:
    first = shown(world, group="two")
    world.poll(301)  # WeChat closes nothing that is younger than five minutes
    second = shown(world, group="two")
    world.run(60)
    assert at_wechat(world, first, 1) == "closed"
    world.scan(second)
    world.run(60)

    assert (first.told, second.told) == (["Modal"], SHOWN)
    assert world.order(second).paid == 8800


@pytest.mark.parametrize(
    "wanted", [{"currency": "USD"}, {"kind": "authorization"}, {"test": True}], ids=["dollars", "held", "a test"]
)
def test_what_wechat_cannot_take_is_rejected_and_no_code_is_shown(world: Checkout, wanted: dict[str, Any]) -> None:
    asked = world.ask(**{**YUAN, **wanted})
    world.wanted(asked)
    world.run(60)
    world.run(60)

    if wanted.get("test"):  # it has a page, for no account is there that could show anything
        assert world.visit(asked)["statusCode"] == 200
        world.run(60)
    assert asked.told == ["Reject"]


def test_a_refund_goes_back_through_wechat(world: Checkout) -> None:
    asked = shown(world)
    world.scan(asked)
    back = world.ask("refund", payment=asked.body["id"], amount="10.00", currency="CNY")
    number = resolver.refund_number(world.key(back), world.session(back))
    for wait in (60, 60, 7200):
        world.run(wait)
        world.cloud.invoke("wechat_refund", {"source": "aws.scheduler"}, remaining_ms=900_000)
        world.cloud.wechat.simulator.control("/settle", {"account": "shop", "out_refund_no": number, "notify": False})
    world.run(60)

    assert back.told == ["Resolve"]
    assert world.attempt(asked).refunded == 1000


def test_the_page_of_a_session_that_has_none_is_no_address(world: Checkout) -> None:
    asked = shown(world)
    for token in ("", "0" * 64, "None"):
        asked.redirect_url = f"https://pay.example.com/shopify/payments/pay/{asked.shop}/{asked.body['id']}/{token}"
        assert world.visit(asked)["statusCode"] == 404


def test_without_the_switch_the_buyer_pays_on_our_own_page(paged: Checkout) -> None:
    asked = paged.ask(**YUAN)
    answer = paged.visit(asked)
    assert (answer["statusCode"], paged.visit(asked)["statusCode"]) == (303, 303)
    assert answer["headers"]["location"].startswith("https://pay.example.com/cashier/wechat_native/qr/pay/")
    paged.scan(asked)

    assert (asked.told, len(paged.attempts(asked))) == (["Resolve"], 1)
    assert "/resolved" in paged.visit(asked, "back")["headers"]["location"]


@pytest.mark.parametrize("wrong", [{"cashier": "hc1/main", "modal": True}, {"cashier": QR, "confirm": True}])
def test_a_switch_that_the_cashier_cannot_serve_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(KeysUnavailableError, match="payments"):
        settings.load(app_document(**wrong))
    usual = settings.load(app_document()).payments
    assert usual is not None and not usual.modal
