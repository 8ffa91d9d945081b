"""The page with the QR code in a real browser: a shopper pays by it, on a phone, in her language."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import SHOP, Shopper, World, accessible, picture

WORDS = {"en-US": ("en", "Time left", "Paid."), "zh-CN": ("zh-CN", "剩余时间", "支付成功")}
MOST_BYTES = 40 * 1024


def create(world: World, reference: str, **changes: Any) -> str:
    """Have the cashier take a payment; returns where its page is."""
    body = {
        "order_id": reference,
        "amount": {"minor": 8800, "currency": "CNY"},
        "description": "Order 10401",
        "return_url": f"{SHOP}/thanks",
        "cancel_url": f"{SHOP}/cart",
    } | changes
    answer = world.stage.call("POST", "/cashier/wechat_native/qr/payments", body)
    assert answer.status == 201, answer
    return str(answer.body["client"]["cashier_url"])


@pytest.mark.parametrize("locale", WORDS)
def test_a_shopper_pays_by_the_code_and_is_taken_back(
    world: World, visits: Callable[..., Shopper], locale: str
) -> None:
    lang, left, paid = WORDS[locale]
    shopper, reference = visits(locale=locale), f"browser-{lang}"
    page = shopper.page()
    reply = page.goto(create(world, reference))

    assert len(reply.body()) <= MOST_BYTES
    assert page.locator("html").get_attribute("lang") == lang
    code = page.get_by_role("img").bounding_box()
    assert code["width"] >= 240 and abs(code["width"] - code["height"]) < 1  # a camera reads it
    page.get_by_text(left).wait_for()
    first = page.locator("#left").inner_text()
    page.wait_for_function("before => document.getElementById('left').textContent !== before", arg=first)
    picture(page, f"cashier-{lang}")
    reports = list(shopper.said)
    accessible(page)

    world.happens("wechat", "pay", account="shop", out_trade_no=reference)
    page.get_by_role("status").get_by_text(paid).wait_for()
    assert not page.get_by_role("img").is_visible()
    picture(page, f"cashier-{lang}-paid")
    page.wait_for_url(f"{SHOP}/thanks")
    assert reports == []
    assert shopper.said == reports


def test_who_reloads_without_a_script_reads_the_same(world: World, visits: Callable[..., Shopper]) -> None:
    shopper = visits(java_script_enabled=False)
    url = create(world, "browser-plain")
    page = shopper.page(url)
    assert page.get_by_role("img").is_visible()
    assert "Reload this page" in page.locator("#reload").inner_text()

    world.happens("wechat", "pay", account="shop", out_trade_no="browser-plain")
    end = 60
    while "Paid" not in page.get_by_role("status").inner_text() and end:
        page.wait_for_timeout(250)
        page.reload()
        end -= 1
    assert "Paid" in page.get_by_role("status").inner_text()
    assert page.get_by_role("link").get_attribute("href") == f"{SHOP}/thanks"


def test_a_page_that_is_over_shows_no_code_and_leads_back(world: World, visits: Callable[..., Shopper]) -> None:
    shopper = visits()
    url = create(world, "browser-over")
    world.stage.advance(2 * 3600 + 600, "nobody pays; the page tells for an hour what became of it")
    page = shopper.page(url)
    for _ in range(240):  # the order is closed by whoever polls
        if "over" in page.get_by_role("status").inner_text():
            break
        page.wait_for_timeout(250)
        page.reload()

    assert page.get_by_role("img").count() == 0
    assert page.get_by_role("link").get_attribute("href") == f"{SHOP}/cart"
    accessible(page)
    picture(page, "cashier-over")
    assert shopper.said == []


def test_a_page_that_never_was_says_so_in_words(world: World, visits: Callable[..., Shopper]) -> None:
    page = visits(locale="zh-CN").page()
    address = f"{world.sandbox.base_url}/cashier/wechat_native/qr/pay/{'0' * 64}"

    assert page.goto(address).status == 404
    assert "失效" in page.locator("main").inner_text()
    accessible(page)
