"""Shopify's second app, which shops install: the way in, tokens that are renewed, and a merchant who leaves."""

from __future__ import annotations

import http.cookiejar
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.demo_runtime import Stage

APP, SHOP = "visiting", "new-shop.myshopify.com"
MINUTE = 60
COLD_START = 60  # real seconds


def visit(stage: Stage) -> tuple[int, str]:
    """Have the merchant open the app's link in a browser; returns status and text of the page at the end of the way."""
    query = stage.happen("shopify", "install_link", {"app": APP, "shop": SHOP})["query"]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    try:
        with browser.open(f"{stage.sandbox.base_url}/shopify/{APP}/install?{query}", timeout=COLD_START) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def sells(stage: Stage, **how: Any) -> int:
    """Have an order made in the shop; returns its number."""
    return int(stage.happen("shopify", "create", {"app": APP, "shop": SHOP, **how})["order"])


def status(stage: Stage, number: int) -> Any:
    """Return an order's status, as the merchant API shows it."""
    return stage.order("shopify", SHOP, str(number)).get("status")


def authorization(stage: Stage) -> Any:
    """Return why the shop lets the app in no more; None where it does."""
    listed = stage.call("GET", "/accounts").body["accounts"]
    health: dict[str, Any] = next((one["health"] for one in listed if one["account"] == f"shopify/{SHOP}"), {})
    return (health.get("authorization") or {}).get("because")


def asked(stage: Stage) -> int:
    """Count how often the shop was asked for tokens."""
    return len(stage.inbox("shopify", f"{SHOP}/admin/oauth/access_token"))


def soon(look: Callable[[], bool]) -> None:
    """Wait for functions that nobody has started yet."""
    end = time.monotonic() + COLD_START
    while not look() and time.monotonic() < end:
        time.sleep(0.5)


def installed(stage: Stage) -> None:
    """Install the app."""
    stage.scene("Shopify: a merchant installs the app")
    stage.tell("merchant", "opens the app's link, agrees on the shop's page, and is led back")
    code, page = visit(stage)
    stage.expect("the page says that it works", (code, f"installed in {SHOP}" in page), (200, True))
    number = sells(stage)
    stage.expect_soon("an order is known by its delivery", lambda: status(stage, number), "paid")


def renewed(stage: Stage) -> None:
    """Lose the answer of a renewal."""
    stage.scene("Shopify: the answer of a renewal is lost")
    stage.faults(shopify={"error500": {"match": f"{SHOP}/admin/oauth/access_token", "after": True}})
    stage.happen("shopify", "silence", {"app": APP, "shop": SHOP})
    number = sells(stage)
    before = asked(stage)
    stage.advance(2 * 60 * MINUTE, "the token is over, Shopify renews it, and its answer does not arrive")
    soon(lambda: asked(stage) > before)
    stage.expect_soon("it was asked for", lambda: asked(stage) > before, True)
    stage.advance(11 * MINUTE, "it is asked for again with the same refresh token")
    soon(lambda: status(stage, number) == "paid")
    stage.expect_soon("the order is read", lambda: (status(stage, number), authorization(stage)), ("paid", None))
    stage.faults(shopify={"clear": True})
    stage.happen("shopify", "silence", {"app": APP, "shop": SHOP, "silent": False})


def left(stage: Stage) -> None:
    """Remove the app, and install it again."""
    stage.scene("Shopify: a merchant removes the app, and comes back")
    stage.happen("shopify", "uninstall", {"app": APP, "shop": SHOP})
    stage.advance(11 * MINUTE, "the shop is asked whether it is true, once")
    soon(lambda: authorization(stage) == "uninstalled")
    stage.expect_soon("somebody must install it again", lambda: authorization(stage), "uninstalled")
    code, _ = visit(stage)
    stage.expect("it is installed again", (code, authorization(stage)), (200, None))


SCENES = [installed, renewed, left]
