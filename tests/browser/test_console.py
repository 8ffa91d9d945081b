"""The console in a browser: people sign in, ask, decide and ship, with a keyboard and without scripts too."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.testing import running_sandbox
from tests.browser.conftest import PHONE, World, soon
from tests.browser.staff import Staff, coming

READ = ("/me", "/accounts", "/orders?account=wechat/shop", "/counts?account=wechat/shop", "/refunds", "/changes")
HIDE = """Object.defineProperty(document, "hidden", {value: true});
  document.dispatchEvent(new Event("visibilitychange"));"""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Run a sandbox in which nothing has happened yet."""
    with running_sandbox() as sandbox:
        made = World(sandbox, {})
        number = paid(made)
        note = f"/orders/wechat/shop/{number}/notes"
        soon(lambda: made.stage.call("POST", note, {"note": "begin"}, headers={"idempotency-key": number}).status, 201)
        for path in READ:  # a function's first start may take longer than a page waits for it on a busy machine
            soon(lambda path=path: made.stage.call("GET", path).status, 200)
        yield made


@pytest.fixture(scope="module")
def url(world: World) -> str:
    port = int(world.sandbox.base_url.rpartition(":")[2])
    return f"http://127.0.0.1:{port + 2}"


@pytest.fixture
def staff(chromium: Any, url: str) -> Iterator[Callable[..., Staff]]:
    """Return what opens a browser for somebody who signs in."""
    with coming(chromium, url) as come:
        yield come


def paid(world: World, minor: int = 8800) -> str:
    """Have an order created and paid; returns its number."""
    number = f"C{uuid.uuid4().hex[:10].upper()}"
    body: Json = {"order_id": number, "amount": {"minor": minor, "currency": "CNY"}, "description": "Oolong tea"}
    body |= {"payer": {"openid": "oDemoPayer000000000000000001"}}
    soon(
        lambda: world.stage.call("POST", "/wechat/shop/payments", body, headers={"idempotency-key": number}).status, 201
    )
    world.happens("wechat", "pay", account="shop", out_trade_no=number)
    soon(lambda: world.stage.order("wechat", "shop", number).get("status"), "paid")
    return number


def page_of(number: str, path: str = "/order") -> str:
    return f"{path}?account=wechat%2Fshop&id={number}"


def test_who_signs_in_has_one_cookie_that_no_script_sees(world: World, staff: Callable[..., Staff]) -> None:
    paid(world)
    ann = staff("ann")

    cookies = ann.context.cookies()
    assert [(one["name"], one["httpOnly"], one["secure"], one["sameSite"], one["path"]) for one in cookies] == [
        ("__Host-cs", True, True, "Lax", "/")
    ]
    assert ann.page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    assert ann.said == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_C3_C4_two_people_two_browsers_and_a_double_click_one_decision(
    world: World, staff: Callable[..., Staff], scripts: bool
) -> None:
    number = paid(world)
    ann, bob = staff("ann"), staff("bob", java_script_enabled=scripts)

    page = ann.opens(page_of(number))
    page.get_by_text("Ask for a refund", exact=True).first.click()
    page.locator("form[action='/order/refund'] input[name=amount]").fill("30")
    page.locator("form[action='/order/refund'] button").click()
    page.get_by_role("status").filter(has_text="somebody else approves it").wait_for()
    assert page.locator("form[action='/refunds/judge']").count() == 0

    desk = bob.opens("/refunds")
    posts: list[str] = []
    desk.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    card = desk.locator("article.refund", has_text=number)
    card.get_by_role("button", name="Approve ¥30.00").dblclick()
    desk.get_by_role("status").filter(has_text="approved").wait_for()
    assert len(posts) == 1 or not scripts  # without scripts the browser may send both: the API counts one

    soon(lambda: [one["status"] for one in world.stage.order("wechat", "shop", number)["refunds"]], ["succeeded"])
    events = [one["kind"] for one in world.stage.order("wechat", "shop", number)["events"]]
    assert events.count("refund_judged") == 1


def scans(page: Any, card: Any, number: str) -> None:
    """Type as a scanner does, which nobody lifts before the page is there and its cursor stands where numbers go."""
    page.wait_for_load_state()
    card.locator("[data-scan]:focus").wait_for()
    page.keyboard.type(number)


def test_C5_a_phone_and_a_scanner_ship_without_a_tap_on_the_page(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann = staff("ann", viewport=PHONE)
    page = ann.opens("/")

    page.get_by_role("navigation").get_by_text("Ship").click()  # the only tap
    card = page.locator("details.parcel", has_text=number)
    if card.get_attribute("open") is None:
        card.locator("summary").click()
    scans(page, card, "YT2345678901234")
    card.locator("input[name=carrier][value=YTO]:checked").wait_for(state="attached")
    page.keyboard.press("Enter")

    page.locator("[data-sent]").wait_for()
    (sent,) = world.stage.order("wechat", "shop", number)["shipments"]
    assert sent["parcels"][0]["tracking_no"] == "YT2345678901234"
    assert sent["parcels"][0]["carrier"] == "YTO"
    again = paid(world)
    page.reload()
    card = page.locator("details.parcel", has_text=again)
    if card.get_attribute("open") is None:
        card.locator("summary").click()
    card.locator("[data-scan]").fill("YT2345678901234")
    card.locator("[data-scan]").press("Enter")
    page.locator("[role=alert]").filter(has_text=number).wait_for()  # it says whose number that is
    assert world.stage.order("wechat", "shop", again)["shipments"] == []


def test_C5_sf_asks_for_four_digits_of_the_receivers_phone(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    page = staff("ann", viewport=PHONE).opens(f"/ship?first={number}")
    card = page.locator("details.parcel", has_text=number)
    digits = card.locator("input[name=contact]")

    assert not digits.is_visible()
    scans(page, card, "SF1234567890123")
    digits.wait_for()
    page.keyboard.press("Enter")
    page.locator("[role=alert]").filter(has_text="four digits").wait_for()
    assert world.stage.order("wechat", "shop", number)["shipments"] == []
    card.locator("input[name=contact]").fill("5678")
    card.locator("input[name=contact]").press("Enter")
    page.locator("[data-sent]").wait_for()

    (sent,) = world.stage.order("wechat", "shop", number)["shipments"]
    assert sent["parcels"][0]["carrier"] == "SF"


def waits(world: World) -> str:
    """Have an order created that nobody paid yet; returns its number."""
    number = f"W{uuid.uuid4().hex[:10].upper()}"
    body: Json = {"order_id": number, "amount": {"minor": 8800, "currency": "CNY"}, "description": "Oolong tea"}
    body |= {"method": "native"}
    soon(
        lambda: world.stage.call("POST", "/wechat/shop/payments", body, headers={"idempotency-key": number}).status, 201
    )
    return number


@pytest.mark.parametrize(("path", "within"), [("/orders", 10_000), ("/", 15_500)])
def test_C7_a_paid_order_is_told_without_a_touch_and_moves_no_row_and_a_hidden_page_asks_nothing(
    world: World, staff: Callable[..., Staff], path: str, within: int
) -> None:
    """Milliseconds are those of the page's own clock, which stands still but where it is told to run."""
    paid(world)
    number = waits(world)
    ann = staff("ann")
    ann.page.clock.install()
    asked: list[str] = []
    ann.page.on("request", lambda request: asked.append(request.url))
    with ann.page.expect_response(lambda answer: "/news" in answer.url):
        page = ann.opens(path)
        page.clock.run_for(1000)
    page.wait_for_load_state("networkidle")
    rows = page.locator("main li")
    boxes = [row.bounding_box() for row in rows.all()]
    pointed = rows.last.bounding_box()
    at = [pointed["x"] + 20, pointed["y"] + pointed["height"] / 2]
    page.mouse.move(*at)
    under = page.evaluate_handle("(at) => document.elementFromPoint(...at)", at)
    cursor = quote(world.stage.call("GET", "/changes").body["cursor"])

    world.happens("wechat", "pay", account="shop", out_trade_no=number)
    soon(lambda: world.stage.order("wechat", "shop", number).get("status"), "paid")
    soon(lambda: number in str(world.stage.call("GET", f"/changes?after={cursor}").body), True)
    with page.expect_response(lambda answer: "/news" in answer.url and answer.status == 200):
        page.clock.run_for(within)
    told = page.locator(".new a")
    told.wait_for()

    assert [row.bounding_box() for row in rows.all()] == boxes
    assert page.evaluate("([at, under]) => document.elementFromPoint(...at) === under", [at, under])
    page.evaluate(HIDE)
    asked.clear()
    page.clock.run_for(60_000)
    assert asked == []
    told.click()
    page.locator("#rows > li", has_text=number).wait_for()


def test_without_scripts_a_person_signs_in_searches_asks_and_ships(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann = staff("ann", java_script_enabled=False)

    page = ann.opens("/orders")
    page.locator("input[name=q]").fill(number)
    page.locator("form.search button").click()
    page.get_by_role("heading", name=number).wait_for()
    page.get_by_text("Ask for a refund", exact=True).first.click()
    page.locator("form[action='/order/refund'] button").click()
    page.get_by_role("status").filter(has_text="asked for").wait_for()
    page = ann.opens(f"/ship?first={number}")
    card = page.locator("details.parcel").first
    card.locator("[data-scan]").fill("YT3456789012345")
    card.locator("button.wide").click()
    page.locator("[data-sent]").wait_for()

    shown = world.stage.order("wechat", "shop", number)
    assert [one["status"] for one in shown["refunds"]] == ["requested"]
    assert shown["shipments"][0]["parcels"][0]["carrier"] == "YTO"


def test_a_form_of_another_site_does_nothing(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann = staff("ann")
    form = f"""<form method="post" action="{ann.url}/order/note"><input name="account" value="wechat/shop">
        <input name="id" value="{number}"><input name="note" value="forged"></form>
        <script>document.forms[0].submit()</script>"""
    evil = {"status": 200, "content_type": "text/html", "body": form}
    ann.context.route("https://evil.example/**", lambda route: route.fulfill(**evil))

    with ann.page.expect_response(lambda answer: answer.url.endswith("/order/note")) as answered:
        ann.page.goto("https://evil.example/")

    assert answered.value.status == 403
    assert "forged" not in str(world.stage.order("wechat", "shop", number, "/timeline"))


def test_signing_out_is_over_for_every_tab(staff: Callable[..., Staff]) -> None:
    ann = staff("ann")
    ann.page.locator("details.me summary").click()
    ann.page.get_by_role("button", name="Sign out", exact=True).click()
    ann.page.get_by_text("You are signed out").first.wait_for()

    ann.opens("/orders")
    ann.page.locator("button[value=ann]").wait_for()  # the sign-in page
