"""A merchant with a browser, who installs an app: the visits to our pages and to Shopify's, in process."""

import json
from urllib.parse import urlsplit

from tests.functions.conftest import Event, http_event
from tests.platforms.shopify.world import APP, SHOP, Json, Shopify, documents

PAGE = "https://pay.example.com"
NUMBER = "70000000001"  # the simulator's first shop


def only_app(**changes: object) -> dict[str, Json]:
    """Return the document of an app that is installed by OAuth."""
    app = documents()[APP] | {"install": "oauth", "allowed_shops": [SHOP]}
    return {APP: app | changes}


def visit(world: Shopify, page: str, query: str, cookies: tuple[str, ...] = (), app: str = APP) -> Event:
    """Have a browser open one of our pages; returns the answer."""
    event = http_event("GET", f"/shopify/{{app}}/{page}", {"app": app}, headers={"accept-language": "en-GB,en"})
    event["rawQueryString"] = query
    event["cookies"] = list(cookies)
    answer: Event = world.cloud.invoke(f"shopify_{page}", event)
    return answer


def opened(world: Shopify, shop: str = SHOP) -> Event:
    """Have a merchant open the app's link at Shopify, which leads to us; returns our answer."""
    return visit(world, "install", world.ask("install_link", shop=shop, app=APP)["query"])


def agreed(world: Shopify, answer: Event) -> tuple[str, tuple[str, ...]]:
    """Have the merchant agree on Shopify's page; returns the query with which it leads back, and the cookies."""
    there = urlsplit(answer["headers"]["location"])
    status, headers, _ = world.wire.simulator.handle("GET", there.path.removeprefix("/shopify"), there.query, {}, b"")
    assert status == 302
    back = urlsplit(headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{PAGE}/shopify/{APP}/authorized"
    return back.query, tuple(cookie.split(";")[0] for cookie in answer["cookies"])


def install(world: Shopify, shop: str = SHOP) -> Event:
    """Install the app in a shop; returns the page that the merchant sees."""
    return visit(world, "authorized", *agreed(world, opened(world, shop)))


def grants(world: Shopify) -> list[Event]:
    """Return the rows of installations."""
    return [row for row in world.cloud.table() if row["sk"]["S"].startswith("GRANT#")]


def accounts(world: Shopify) -> list[Json]:
    """Return the accounts as the API lists them."""
    answer = world.cloud.invoke("accounts_api", http_event("GET", "/accounts", {}))
    assert answer["statusCode"] == 200, answer
    listed: list[Json] = json.loads(answer["body"])["accounts"]
    return listed
