"""The newcomer's page in a real browser: pays, breaks something and reads why, by clicks alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.testing import running_sandbox
from tests.browser.conftest import Shopper, World, accessible, picture

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Run a sandbox that nothing has happened in yet, as a newcomer finds it."""
    with running_sandbox() as sandbox:
        yield World(sandbox, {})


def presses(page: Any, name: str) -> None:
    """Press a button, and wait until the page has done it."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('main:not([aria-busy])') && !document.getElementById('busy').textContent"
    )


def becomes(page: Any, status: str) -> None:
    """Wait until the order on the page is in a state: it is looked up again and again without a touch."""
    page.locator(f"#status[data-status={status}]").wait_for()


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")])
def test_C1_a_newcomer_pays_breaks_and_reads_why_by_clicks_alone(
    world: World, visits: Callable[..., Shopper], viewport: dict[str, int], scheme: str
) -> None:
    newcomer = visits(viewport=viewport, color_scheme=scheme)
    page = newcomer.page(f"{world.sandbox.control_url}/")
    accessible(page)

    presses(page, "Buy Oolong 乌龙茶 ¥88.00")
    becomes(page, "pending")
    assert page.get_by_role("img", name="The payer scans this code").is_visible()
    presses(page, "Pay as the payer")
    becomes(page, "paid")
    assert "paid 88.00 CNY, as the order asks" in page.locator(".timeline").inner_text()
    page.locator(".receipt pre").wait_for()  # it comes by itself, seconds later
    accessible(page)
    picture(page, f"desk-{scheme}-paid")

    presses(page, "Forged")
    assert "answered 401" in page.locator("#told").inner_text()
    becomes(page, "pending")
    presses(page, "Wrong amount")
    becomes(page, "review")
    page.get_by_text("The same as curl").click()
    assert "wechat/_control/pay" in page.locator("#curl").inner_text()
    accessible(page)
    picture(page, f"desk-{scheme}-review")
    assert newcomer.said == []


def test_a_lost_notice_is_found_when_time_passes_and_nobody_touches_the_page(
    world: World, visits: Callable[..., Shopper]
) -> None:
    newcomer = visits(viewport=DESKTOP, locale="zh-CN")
    page = newcomer.page(f"{world.sandbox.control_url}/")
    assert page.locator("html").get_attribute("lang") == "zh-CN"

    presses(page, "通知丢失")
    becomes(page, "pending")
    presses(page, "+ 10 分钟")
    becomes(page, "paid")
    accessible(page)
    assert newcomer.said == []


def test_who_has_no_scripts_buys_and_pays_all_the_same(world: World, visits: Callable[..., Shopper]) -> None:
    newcomer = visits(viewport=PHONE, java_script_enabled=False)
    page = newcomer.page(f"{world.sandbox.control_url}/")

    page.get_by_role("button", name="Buy Cup").click()
    becomes(page, "pending")
    page.get_by_role("button", name="Pay as the payer").click()
    becomes(page, "paid")


def test_signing_in_comes_back_to_the_console_with_a_code(world: World, visits: Callable[..., Shopper]) -> None:
    newcomer = visits(viewport=PHONE)
    back = f"http://127.0.0.1:{world.sandbox.port + 2}/signed-in"
    page = newcomer.page()
    page.goto(
        f"{world.sandbox.control_url}/issuer/oauth2/authorize?response_type=code&client_id=sandbox-console"
        f"&redirect_uri={back}&scope=orders:read&state=s1&code_challenge_method=S256&code_challenge={'c' * 43}"
    )
    accessible(page)
    picture(page, "sign-in")
    assert newcomer.said == []

    page.get_by_role("button", name="Ann").click()
    page.wait_for_url(f"{back}?code=**&state=s1")  # where the console refuses a state that is none of its own


def test_one_click_leads_into_the_console_as_somebody_and_another_as_somebody_else(
    world: World, visits: Callable[..., Shopper]
) -> None:
    newcomer, console = visits(viewport=DESKTOP), f"http://127.0.0.1:{world.sandbox.port + 2}/"
    newcomer.context.set_default_timeout(120_000)
    world.sandbox.api("GET", "/me", token=world.sandbox.token("orders:read"))  # what signing in asks is at work
    page = newcomer.page(f"{world.sandbox.control_url}/")
    for button, name in (("Bob, finance", "Bob"), ("Ann, shop", "Ann")):
        with page.expect_popup() as opened:
            page.get_by_role("button", name=button).click()
        opened.value.wait_for_url(console, timeout=120_000)
        opened.value.get_by_text(name).first.wait_for()
        opened.value.close()
