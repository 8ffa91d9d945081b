"""A shopper walks through the store in a real browser: from the thank-you page to the cashier, and back as paid."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.simulators.bigcommerce.shopfront import THEMES
from tests.browser.conftest import STORE, Shopper, World, accessible, picture, soon

FULFILLMENT = 11
LATE = 20  # seconds that the notification takes


def box(page: Any) -> Any:
    """Return where the script speaks on the page."""
    return page.locator("#countersign-pay [role=status]")


@pytest.mark.parametrize("theme", THEMES)
def test_a_shopper_pays_and_comes_back_although_the_notification_is_late(
    world: World, visits: Callable[..., Shopper], theme: str
) -> None:
    world.happens("bigcommerce", "theme", account=STORE, theme=theme)
    order, shopper = world.order(), visits()
    page = shopper.page(shopper.comes_from(order))
    page.wait_for_url("**/cashier/hc1/pay/*")  # nobody pressed anything

    world.stage.faults(cashier={"delay": {"seconds": LATE, "count": 1}})
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(f"**/order-confirmation/{order['id']}*")
    box(page).get_by_text("Waiting for your payment").wait_for()
    picture(page, f"shop-{theme}-waits")
    box(page).get_by_text("has arrived").wait_for()  # the page's question had the cashier asked
    picture(page, f"shop-{theme}-paid")

    assert "hc_payment" not in page.url
    soon(lambda: world.there(order), (FULFILLMENT, [FULFILLMENT]))
    world.stage.advance(LATE, "the notification comes")
    page.reload()
    box(page).get_by_text("has arrived").wait_for()
    assert world.there(order) == (FULFILLMENT, [FULFILLMENT])
    assert len(world.payments(order)) == 1
    assert shopper.said == []
    accessible(page)


def test_B5_five_tabs_and_three_reloads_are_one_payment_and_all_say_paid(
    world: World, visits: Callable[..., Shopper]
) -> None:
    world.happens("bigcommerce", "theme", account=STORE, theme="default")
    order, shopper = world.order(), visits()
    url = shopper.comes_from(order)
    # The cashier takes the payment and its answer is slow: tabs ask meanwhile, and again after a refusal.
    world.stage.faults(cashier={"timeout": {"match": "POST /hc1/v1/payments", "seconds": 60, "count": 1}})
    tabs = [shopper.page(url, wait_until="commit") for _ in range(5)]
    for tab in tabs[:3]:
        tab.reload(wait_until="commit")
    for tab in tabs[3:]:
        tab.wait_for_url("**/cashier/hc1/pay/*")
    for tab in tabs[:3]:  # a reload asks before it sends anybody away
        tab.get_by_role("button", name="Pay now").click()
        tab.wait_for_url("**/cashier/hc1/pay/*")

    assert len({tab.url for tab in tabs}) == 1
    tabs[0].get_by_role("button", name="Pay").click()
    soon(lambda: world.payments(order)[0]["status"], "SUCCEEDED")

    # The cashier's page sends its own tab on, to a shop that is not there: what it is sent to would break off the next.
    def left() -> bool:
        tabs[0].wait_for_timeout(100)  # what happens in a tab is heard while the browser is asked, not while we sleep
        return "/cashier/hc1/pay/" not in tabs[0].url

    soon(left, True)
    for tab in tabs:  # they come back, one with the cashier's word in its address
        tab.goto(f"{url}?hc_payment=1" if tab is tabs[0] else url)
    for tab in tabs:
        box(tab).get_by_text("has arrived").wait_for()
    soon(lambda: world.there(order), (FULFILLMENT, [FULFILLMENT]))
    [payment] = world.payments(order)
    assert payment["status"] == "SUCCEEDED"
    assert [one for one in shopper.said if "status of 50" not in one] == []  # what was not there yet was asked again
