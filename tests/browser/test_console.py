"""The console in a browser: people sign in, ask, decide and ship; no page is too wide, and axe finds nothing."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.testing import running_sandbox
from tests.browser.conftest import PATIENCE, PHONE, WATCH, World, accessible, picture, soon

WIDE, NARROW = {"width": 1200, "height": 900}, {"width": 320, "height": 700}
PAGES = ("/", "/orders", "/order", "/order/timeline", "/refunds", "/ship", "/ship/many", "/search?q=nothing")
READ = ("/me", "/accounts", "/orders?account=wechat/shop", "/counts?account=wechat/shop", "/refunds", "/changes")
TARGETS = (
    "button, nav a, .tabs a, a.button, a.row, summary, select, "
    "input:not([type=hidden]):not([type=radio]):not([type=checkbox])"
)
TRIES = 5
HIDE = """Object.defineProperty(document, "hidden", {value: true});
  document.dispatchEvent(new Event("visibilitychange"));"""
Json = dict[str, Any]


class Staff:
    """Somebody of the shop at a browser of their own; `said` is what its console and its policies reported."""

    def __init__(self, context: Any, url: str) -> None:
        self.context, self.url, self.said = context, url, list[str]()
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WATCH)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page = context.new_page()

    def _note(self, message: Any) -> None:
        # That a busy machine gave no answer in time is no mistake of a page: what it does then is tested without one.
        if message.type == "error" and "status of 503" not in message.text:
            self.said.append(message.text)

    def opens(self, path: str) -> Any:
        for _ in range(TRIES):
            answer = self.page.goto(self.url + path)
            if answer.status < 500:  # a function may take longer to start than its gateway waits
                break
        return self.page

    def signs_in(self, who: str) -> "Staff":
        self.opens("/")
        self.page.locator(f"button[value={who}]").click()
        self.page.locator("details.me").wait_for()
        self.page.wait_for_load_state()
        return self


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
    with contextlib.ExitStack() as ends:

        def come(who: str, **how: Any) -> Staff:
            context = chromium.new_context(**{"locale": "en-US", "viewport": WIDE, **how})
            ends.callback(context.close)
            return Staff(context, url).signs_in(who)

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_axe_finds_nothing_and_no_policy_is_broken(
    world: World, staff: Callable[..., Staff], locale: str, scheme: str
) -> None:
    number = paid(world)
    world.stage.call("POST", f"/orders/wechat/shop/{number}/refunds", {"amount": {"minor": 100, "currency": "CNY"}})
    ada = staff("ada", locale=locale, color_scheme=scheme)

    for path in PAGES:
        page = ada.opens(page_of(number, path) if path.startswith("/order") and path != "/orders" else path)
        page.set_viewport_size(NARROW if scheme == "dark" else WIDE)
        picture(page, f"console-{path.strip('/').replace('/', '-').partition('?')[0] or 'today'}-{locale}-{scheme}")
        accessible(page)
    assert ada.said == []


def test_every_target_of_a_phone_can_be_hit(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann = staff("ann", viewport=PHONE)

    for path in ("/orders", "/ship", page_of(number), "/refunds"):
        small = ann.opens(path).evaluate(
            """(targets) => [...document.querySelectorAll(targets)]
                .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5)
                .map((one) => one.outerHTML.slice(0, 120))""",
            TARGETS,
        )
        assert small == []


def test_two_people_two_browsers_one_refund(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann, bob = staff("ann"), staff("bob")

    page = ann.opens(page_of(number))
    page.get_by_text("Ask for a refund", exact=True).first.click()
    page.locator("form[action='/order/refund'] input[name=amount]").fill("30")
    page.locator("form[action='/order/refund'] button").click()
    page.get_by_role("status").filter(has_text="somebody else approves it").wait_for()
    assert page.locator("form[action='/refunds/judge']").count() == 0

    desk = bob.opens("/refunds")
    card = desk.locator("article.refund", has_text=number)
    card.get_by_role("button", name="Approve ¥30.00").dblclick()
    desk.get_by_role("status").filter(has_text="approved").wait_for()

    soon(lambda: [one["status"] for one in world.stage.order("wechat", "shop", number)["refunds"]], ["succeeded"])
    events = [one["kind"] for one in world.stage.order("wechat", "shop", number)["events"]]
    assert events.count("refund_judged") == 1


def test_a_phone_and_a_scanner_ship_without_a_tap_on_the_page(world: World, staff: Callable[..., Staff]) -> None:
    number = paid(world)
    ann = staff("ann", viewport=PHONE)
    page = ann.opens("/")

    page.get_by_role("navigation").get_by_text("Ship").click()  # the only tap
    card = page.locator("details.parcel", has_text=number)
    if card.get_attribute("open") is None:
        card.locator("summary").click()
    page.keyboard.type("YT2345678901234")
    assert card.locator("input[name=carrier][value=YTO]").is_checked()
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
    page.locator("[role=alert]").wait_for()
    assert world.stage.order("wechat", "shop", again)["shipments"] == []


def test_what_is_new_is_told_without_moving_a_row_and_nobody_asks_while_hidden(
    world: World, staff: Callable[..., Staff]
) -> None:
    paid(world)
    ann = staff("ann")
    ann.page.clock.install()
    asked: list[str] = []
    ann.page.on("request", lambda request: "/news" in request.url and asked.append(request.url))
    with ann.page.expect_response(lambda answer: "/news" in answer.url):
        page = ann.opens("/orders")
        page.clock.run_for(1000)
    first = page.locator("#rows > li").first
    before = first.bounding_box()

    number = paid(world)
    with page.expect_response(lambda answer: "/news" in answer.url and answer.status == 200):
        page.clock.run_for(16_000)
    page.locator(".new a").wait_for()

    assert first.bounding_box() == before
    page.evaluate(HIDE)
    asked.clear()
    page.clock.run_for(120_000)
    assert asked == []
    page.locator(".new a").click()
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
