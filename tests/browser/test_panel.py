"""Pages of ours that a merchant or a shopper with a link sees, in a real browser: accessible, and nothing reported."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from sandbox.simulators.bigcommerce.accounts import SCOPES
from tests.browser.conftest import STORE, Shopper, World, accessible, picture, soon

LOCALES = ["en-US", "zh-CN"]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_apps_page_shows_the_store_and_looks_again_when_asked(
    world: World, visits: Callable[..., Shopper], locale: str
) -> None:
    shopper = visits(locale=locale, viewport={"width": 1024, "height": 800})
    query = urlencode({"signed_payload_jwt": world.signed(locale=locale)})
    page = shopper.page(f"{world.sandbox.base_url}/bigcommerce/pay/load?{query}")

    assert "hc1/main" in page.locator("body").inner_text()
    accessible(page)
    picture(page, f"panel-{locale}")
    page.get_by_role("button").first.click()
    page.wait_for_url("**/bigcommerce/pay/page")
    assert "hc1/main" in page.locator("body").inner_text()
    accessible(page)
    page.set_viewport_size({"width": 360, "height": 740})
    accessible(page)
    picture(page, f"panel-{locale}-phone")
    assert shopper.said == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_after_an_installation_and_the_one_for_a_stranger_are_accessible(
    world: World, visits: Callable[..., Shopper], locale: str
) -> None:
    shopper = visits(locale=locale)
    base = f"{world.sandbox.base_url}/bigcommerce/pay"
    query = urlencode({"code": "c1", "scope": SCOPES, "context": "stores/demostore2"})
    page = shopper.page()
    assert page.goto(f"{base}/auth?{query}").status == 200
    accessible(page)
    picture(page, f"installed-{locale}")
    assert shopper.said == []
    assert page.goto(f"{base}/load?signed_payload_jwt=a.b.c").status in (400, 401)
    accessible(page)
    picture(page, f"refused-{locale}")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_button_of_a_payment_link_leads_to_the_cashier(
    world: World, visits: Callable[..., Shopper], locale: str
) -> None:
    order, shopper = world.order(), visits(locale=locale)
    path = f"/orders/bigcommerce/{STORE}/{order['id']}"
    soon(lambda: bool(world.told(order)), True)
    world.stage.advance(61, "the delivery said that there is an order; it is read")
    soon(lambda: world.stage.order("bigcommerce", STORE, str(order["id"])).get("status"), "pending")
    answer = world.stage.call("POST", f"{path}/payment-link", {}, headers={"token": world.stage.token("payments:link")})
    assert answer.status == 201, answer
    page = shopper.page(answer.body["url"])
    assert str(order["id"]) in page.locator("main").inner_text()
    accessible(page)
    picture(page, f"link-{locale}")
    assert world.payments(order) == []  # who only looks creates nothing

    page.get_by_role("button").click()
    page.wait_for_url("**/cashier/hc1/pay/*")
    page.get_by_role("button", name="Pay").click()
    soon(lambda: world.there(order), (11, [11]))
    assert page.goto(answer.body["url"]).status == 200
    accessible(page)
    picture(page, f"link-{locale}-paid")
    assert shopper.said == []
    assert page.goto(f"{answer.body['url'][:-4]}0000").status == 404
    accessible(page)
