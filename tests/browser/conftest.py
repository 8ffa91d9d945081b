"""Debian's Chromium before a whole sandbox: `make browser` runs what is here, and nothing else does.

The shop stands at its own https address, as it does in life: what a browser asks of it is fetched from the simulator,
with headers, cookies and policy. Everything else goes over the wire of this machine.
"""

import base64
import contextlib
import hashlib
import hmac
import importlib
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo_runtime import Stage
from sandbox.simulation import platforms
from sandbox.testing import Sandbox, running_sandbox

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SHOP = "https://shop.example.com"
STORE, PATIENCE = "demostore1", 60  # seconds that a browser waits: a first call starts a function
PHONE = {"width": 360, "height": 740}
# A browser asks before a page of the internet calls this machine; in life the API is no machine of the shopper's.
FLAGS = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]
WATCH = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`), true);"""
Json = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands here, and no other test: it needs what `make browser` installs."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


class World:
    """A sandbox with its accounts, and what happens in it."""

    def __init__(self, sandbox: Sandbox, accounts: dict[str, dict[str, Json]]) -> None:
        self.sandbox, self.accounts, self.stage = sandbox, accounts, Stage(sandbox)

    def happens(self, platform: str, what: str, **how: Any) -> Json:
        return self.stage.happen(platform, what, how)

    def order(self, **how: Any) -> Json:
        """Have a shopper place an order in the store."""
        return self.happens("bigcommerce", "order", **{"account": STORE, **how})

    def in_store(self, order: Json) -> Json:
        """Return an order as its store has it."""
        found = self.happens("bigcommerce", "ledger", account=order["store"])["orders"]
        return next(dict(known) for known in found if known["id"] == order["id"])

    def there(self, order: Json) -> tuple[int, list[int]]:
        """Return an order's status in its store, and what was written to it."""
        one = self.in_store(order)
        return int(one["status_id"]), list(one["puts"])

    def told(self, order: Json) -> list[Json]:
        """Return the store's deliveries about an order."""
        return list(self.in_store(order)["deliveries"])

    def payments(self, order: Json) -> list[Json]:
        """Return the payments that the cashier has of an order."""
        base = f"bc-{order['store']}-{order['id']}-"
        found = self.happens("cashier", "ledger", account="hc1/main")["payments"]
        return [one for one in found if str(one["merchant_payment_id"]).startswith(base)]

    def signed(self, store: str = STORE, locale: str = "en-US") -> str:
        """Return what BigCommerce signs about the owner of a store who opens the app."""
        app, now = self.accounts["bigcommerce"]["pay"], int(self.stage.now())
        user = {"id": 12345, "email": "owner@example.com", "locale": locale}
        claims = {"aud": app["client_id"], "iss": "bc", "iat": now, "nbf": now - 5, "exp": now + 86_400}
        claims |= {"jti": uuid.uuid4().hex, "sub": f"stores/{store}", "user": user, "owner": user, "url": "/"}
        content = ".".join(_segment(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
        digest = hmac.new(app["client_secrets"][0].encode(), content.encode(), hashlib.sha256).digest()
        return f"{content}.{_segment(digest)}"


def _segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def soon(what: Callable[[], Any], wanted: Any) -> None:
    """See something become true while functions that nobody has called yet start."""
    end = time.monotonic() + PATIENCE
    while what() != wanted and time.monotonic() < end:
        time.sleep(0.25)
    assert what() == wanted


class Shopper:
    """One browser with its cookies; `said` is everything that its console and its policies reported."""

    def __init__(self, context: Any, world: World) -> None:
        self.context, self.world, self.said, self.store = context, world, list[str](), STORE
        context.add_init_script(WATCH)
        context.on("console", lambda message: self._note(message))
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.route(f"{SHOP}/**", self._shop)

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text} {message.location}")

    def comes_from(self, order: Json) -> str:
        """Have the session of who placed an order; returns where its confirmation page is."""
        self.store = order["store"]
        self.context.add_cookies([{"name": "cart", "value": order["cart_id"], "url": SHOP}])
        return f"{SHOP}/checkout/order-confirmation/{order['id']}"

    def page(self, url: str = "", **how: Any) -> Any:
        """Open a tab."""
        tab = self.context.new_page()
        tab.set_default_timeout(PATIENCE * 1000)
        if url:
            tab.goto(url, **how)
        return tab

    def _shop(self, route: Any) -> None:
        asked = route.request
        path = asked.url.removeprefix(SHOP)
        if path.startswith("/csp-reports"):
            self.said.append(f"report: {asked.post_data}")
            route.fulfill(status=204)
        elif path.startswith(("/checkout/", "/api/storefront/")):
            route.fulfill(
                **_fetched(f"{self.world.sandbox.control_url}/bigcommerce/storefront/{self.store}{path}", asked)
            )
        else:
            text = f'<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><h1>{path}</h1>'
            route.fulfill(status=200, content_type="text/html", body=text)


def _fetched(url: str, asked: Any) -> Json:
    headers = {name: value for name, value in asked.all_headers().items() if name in ("cookie", "accept")}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as reply:  # noqa: S310
            return {"status": reply.status, "headers": dict(reply.headers), "body": reply.read()}
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, "headers": dict(error.headers), "body": error.read()}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a sandbox whose keys are known here, and wait until the store's script stands in its pages."""
    folder, accounts = tmp_path_factory.mktemp("accounts"), dict[str, dict[str, Json]]()
    for platform in platforms():
        accounts[platform] = importlib.import_module(f"sandbox.simulators.{platform}").Simulator.throwaway_accounts()
        for name, document in accounts[platform].items():
            path = folder / platform / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document), encoding="utf-8")
    with running_sandbox(accounts=folder) as sandbox:
        made = World(sandbox, accounts)
        sandbox.clock(advance=660)  # every ten minutes somebody sees that the script is there
        theme = {"account": STORE, "theme": "default"}
        soon(lambda: made.happens("bigcommerce", "theme", **theme)["scripts"], 1)
        soon(lambda: len(made.happens("bigcommerce", "hooks", account=STORE)["hooks"]), 5)
        yield made


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visits(chromium: Any, world: World) -> Iterator[Callable[..., Shopper]]:
    """Return what makes a shopper with a browser of her own; its pages are kept as pictures where SCREENSHOTS says."""
    with contextlib.ExitStack() as ends:

        def visit(**how: Any) -> Shopper:
            context = chromium.new_context(**{"locale": "en-US", "viewport": PHONE, **how})
            ends.callback(context.close)
            return Shopper(context, world)

        yield visit


def picture(page: Any, name: str) -> None:
    """Keep what a page looks like, for who wants to look: in the folder that SCREENSHOTS names."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def accessible(page: Any) -> None:
    """Fail where axe-core finds anything on a page, or it is wider than a phone."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response
    assert found["testEngine"]["name"] == "axe-core"
    told = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert not told, told
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
