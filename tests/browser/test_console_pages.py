"""Every page of the console in a browser, with thirty orders in it: axe finds nothing, it fits, keys reach all."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from bench.console_tasks import Shop
from countersign_console.routes import OPEN, ROUTES
from sandbox.testing import running_sandbox
from tests.browser.conftest import World, accessible, picture
from tests.browser.staff import WIDE, Staff, coming, small

NARROW = {"width": 320, "height": 700}
ACCOUNT = quote("wechat/shop", safe="")
NO_PAGES = {"/news", "/paid-today", "/bill.csv"}  # parts of pages, and a file
OPEN_ALL = """() => { for (const one of document.querySelectorAll("main details")) {
  one.removeAttribute("name"); one.open = true; } }"""
# Words that stand a letter a line: what is beside them takes their place.
THIN = """() => [...document.querySelectorAll("main dt, main p, main h1, main h2, main span, nav a")]
  .filter((one) => one.checkVisibility() && one.textContent.trim().length > 3 && one.getBoundingClientRect().width < 28)
  .map((one) => one.outerHTML.slice(0, 120))"""
FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  one.dataset.reached = "1";
  if (one.type === "date" || one.type === "datetime-local") return "";  // the browser marks the part that is edited
  const shown = one === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none";
  return shown ? "" : one.outerHTML.slice(0, 120);
}"""
MISSED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.type !== "hidden")
  .filter((one) => !(one.type === "radio" && !one.checked) && !one.dataset.reached)
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Run a sandbox with thirty orders in all states, and a bill that differs."""
    with running_sandbox(seed=True) as sandbox:
        yield World(sandbox, {})


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world.sandbox.port)


@pytest.fixture(scope="module")
def day(shop: Shop) -> str:
    return shop.plant_difference()


@pytest.fixture(scope="module")
def number(shop: Shop) -> str:
    """Have an order paid whose refund somebody asked for."""
    number = shop.buy(pays=True)
    shop.hand.api("POST", f"/orders/wechat/shop/{number}/refunds", {"amount": {"minor": 100, "currency": "CNY"}})
    return number


@pytest.fixture(scope="module")
def paths(day: str, number: str) -> list[str]:
    """Return an address of each page."""
    order = f"account={ACCOUNT}&id={number}"
    found = {path: path for method, path in ROUTES if method == "GET" and path not in NO_PAGES}
    found |= {"/order": f"/order?{order}", "/order/timeline": f"/order/timeline?{order}"}
    found |= {
        "/bill": f"/bill?account={ACCOUNT}&day={day}",
        "/search": "/search?q=nothing",
        "/ship": f"/ship?first={number}",
    }
    found |= {"/inbox": f"/inbox?account={ACCOUNT}", "/bills": f"/bills?account={ACCOUNT}"}
    return [*found.values(), "/orders?account=wechat%2Fshop", "/nowhere", *sorted(OPEN - {"/signed-in"})]


@pytest.fixture
def staff(chromium: Any, world: World) -> Iterator[Callable[..., Staff]]:
    """Return what opens a browser for somebody who signs in."""
    with coming(chromium, f"http://127.0.0.1:{world.sandbox.port + 2}") as come:
        yield come


def named(path: str) -> str:
    return re.sub(r"\W+", "-", path.partition("?")[0]).strip("-") or "today"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_C5_C6_axe_finds_nothing_on_any_page_and_it_fits_a_phone_of_320_points(
    paths: list[str], number: str, staff: Callable[..., Staff], locale: str, scheme: str
) -> None:
    ada = staff("ada", locale=locale, color_scheme=scheme)
    page = ada.page

    def looked_at(name: str) -> None:
        page.set_viewport_size(WIDE)
        accessible(page)
        picture(page, f"console-{name}-{locale}-{scheme}")
        page.set_viewport_size(NARROW)
        picture(page, f"console-{name}-{locale}-{scheme}-320")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert small(page) == [], name
        assert page.evaluate(THIN) == [], name
        page.evaluate(OPEN_ALL)  # what opens is as good
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        accessible(page)

    for path in paths:
        ada.opens(path)
        looked_at(named(path))
    ada.opens(f"/order?account={ACCOUNT}&id={number}")
    page.locator("form[action='/order/evidence'] button").first.click()
    page.locator("pre").first.wait_for()
    looked_at("evidence")
    ada.opens(f"/order?account={ACCOUNT}&id={number}")
    page.locator("details:has(form[action='/order/refund']) summary").click()
    page.locator("form[action='/order/refund'] input[name=amount]").fill("a lot")
    page.locator("form[action='/order/refund'] button").click()
    page.locator("[role=alert]").wait_for()
    looked_at("again")
    assert [one for one in ada.said if "404" not in one and "422" not in one] == []


def test_C6_keys_alone_reach_everything_and_show_where_they_are(paths: list[str], staff: Callable[..., Staff]) -> None:
    ada = staff("ada")
    page = ada.page

    for path in paths:
        ada.opens(path)
        page.wait_for_load_state("networkidle")
        page.evaluate("document.activeElement.blur()")
        for _ in range(page.locator("a[href], button, input, select, textarea, summary").count() + 5):
            page.keyboard.press("Tab")
            assert page.evaluate(FOCUS) == "", path
        assert page.evaluate(MISSED) == [], path


def test_C6_a_refund_is_asked_for_by_keys_alone(number: str, staff: Callable[..., Staff]) -> None:
    page = staff("sue").page
    page.keyboard.press("/")
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name=number).wait_for()
    page.locator("details:has(form[action='/order/refund']) summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="somebody else approves it").wait_for()


def test_C8_support_reads_why_an_order_waits_and_a_look_at_bytes_is_in_the_activity(
    shop: Shop, number: str, staff: Callable[..., Staff]
) -> None:
    waiting, sue, otto = shop.buy(pays=False), staff("sue"), staff("otto")
    page = sue.opens(f"/order?account={ACCOUNT}&id={waiting}")
    assert "waits for the payer" in page.locator("p.summary").inner_text()
    assert "WeChat is asked" in page.locator("section.next").inner_text()

    order = f"/order?account={ACCOUNT}&id={number}"
    assert sue.opens(order).locator("form[action='/order/evidence']").count() == 0
    otto.opens(order).locator("form[action='/order/evidence'] button").first.click()
    otto.page.locator("pre").first.wait_for()
    deeds = sue.opens(f"/activity?account={ACCOUNT}").locator("ol.steps li").first.inner_text()
    assert "Otto" in deeds
    assert number in deeds


def test_C9_a_difference_is_settled_by_name_and_the_file_is_chinese_and_holds_no_formula(
    day: str, staff: Callable[..., Staff]
) -> None:
    bob, sue = staff("bob"), staff("sue", locale="zh-CN")
    bill = f"/bill?account={ACCOUNT}&day={day}"
    page = bob.opens(bill)
    card = page.locator("article.warn").first
    card.locator("summary").click()
    card.locator("input[name=note]").fill("=1+1 账单有误")
    card.locator("form button").click()
    page.get_by_role("status").filter(has_text="settled").wait_for()
    page.get_by_text("settled by you").wait_for()

    sue.opens(bill).get_by_text("处理人：Bob").wait_for()
    raw = bytes(
        sue.page.evaluate(
            """async (path) => [...new Uint8Array(await (await fetch(path)).arrayBuffer())]""",
            bill.replace("/bill?", "/bill.csv?"),
        )
    )
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert "'=1+1 账单有误" in [row["note"] for row in rows]
    assert "Bob" in [row["resolved_by_name"] for row in rows]
    assert not [cell for row in rows for cell in row.values() if cell and cell[0] in "=+-@\t\r"]


def test_nobody_is_shown_by_a_subject_where_a_name_is_known(
    paths: list[str], world: World, staff: Callable[..., Staff]
) -> None:
    """People of the sandbox are called Ann, and known to the API as `ann`."""
    otto = staff("otto")

    for path in paths:
        text = otto.opens(path).locator("body").inner_text()
        assert not re.findall(r"(?<![\w./@-])(?:ann|bob|sue|ada)(?![\w./@-])", text), path


def test_C11_the_first_page_is_less_than_forty_kilobytes_in_five_requests_over_the_wire(
    staff: Callable[..., Staff],
) -> None:
    ann = staff("ann")
    session = ann.context.new_cdp_session(ann.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    urls, weighed = dict[str, str](), dict[str, float]()
    session.on("Network.requestWillBeSent", lambda event: urls.update({event["requestId"]: event["request"]["url"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: weighed.update({urls.get(event["requestId"], ""): event["encodedDataLength"]}),
    )

    ann.opens("/settings")  # no question of the page before is open any more
    urls.clear()
    weighed.clear()
    ann.opens("/")
    ann.page.wait_for_load_state("networkidle")
    weighed = {url: size for url, size in weighed.items() if url and "/news" not in url}  # which is no part of a load
    print(f"first load: {len(weighed)} requests, {sum(weighed.values()):.0f} bytes over the wire")
    assert len(weighed) >= 4
    assert len(weighed) <= 5
    assert sum(weighed.values()) <= 40_000
