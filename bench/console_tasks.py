"""Ten tasks of a shop's people in the console: clicks and seconds, on a phone and on a desktop.

    PYTHONPATH=.browser .venv/bin/python bench/console_tasks.py [--port 8080] [--write]

A sandbox with thirty orders is run, and Chromium does each task as its person would, from the page Today on. A click is
a click or a tap; what is typed, scanned or pasted is none. Seconds run from the first click until the page says that it
is done, and hold no thinking: they are the machine's. `--write` puts the table into docs/console.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sandbox import parent_watch  # noqa: E402
from sandbox.desk.desk import sender  # noqa: E402
from sandbox.desk.hands import Hand, Wire  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 800}}
ACCOUNT, PARCELS, PATIENCE = "wechat/shop", 12, 150
PAGE = ROOT / "docs" / "console.md"
BEGIN, END = "<!-- tasks: written by bench/console_tasks.py -->", "<!-- tasks: end -->"
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
Json = dict[str, Any]


class Shop:
    """The seeded sandbox, with what the tasks need in it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port + 2}"
        self.hand = Hand(Wire(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", sender()))

    def buy(self, *, pays: bool) -> str:
        """Have an order made, and paid; returns its number."""
        number = f"TASK-{uuid.uuid4().hex[:8].upper()}"
        body = {"order_id": number, "amount": {"minor": 8800, "currency": "CNY"}, "description": "Oolong tea"}
        self.hand.api("POST", "/wechat/shop/payments", {**body, "method": "native"}, repeats=True)
        if pays:
            self.hand.happen("wechat", "pay", account="shop", out_trade_no=number)
            self.until(lambda: self.order(number).get("status") == "paid", f"{number} is paid")
        return number

    def order(self, number: str) -> Json:
        return self.hand.read(f"/orders/{ACCOUNT}/{number}")

    def until(self, look: Callable[[], Any], what: str) -> Any:
        found = self.hand.until(look, PATIENCE)
        if not found:
            raise SystemExit(f"not within {PATIENCE} s: {what}")
        return found

    def plant_difference(self) -> str:
        """Have a bill say another amount than was paid, and the day compared; returns the day."""
        number, now = self.buy(pays=True), self.hand.now()
        today = datetime.datetime.fromtimestamp(now, BEIJING)
        day = f"{today:%Y-%m-%d}"
        self.hand.happen("wechat", "bill", account="shop", date=day, amounts={number: 8801})
        ready = (today + datetime.timedelta(days=1)).replace(hour=10, minute=1, second=0)
        self.hand.advance((ready - today).total_seconds())
        path = f"/reconciliation/shop/{day}"
        self.until(
            lambda: any(
                row.get("order_id") == number
                for report in self.hand.read(path).get("reports") or ()
                for row in report.get("differences") or ()
            ),
            "the bill is compared",
        )
        return day


@dataclass
class Person:
    """Somebody at a browser; counts what they click."""

    page: Any
    url: str
    phone: bool
    clicks: int = 0
    began: float = 0.0

    def sign_in(self, who: str) -> Person:
        self.open("/")
        self.page.locator(f"button[value={who}]").click()
        self.page.locator("details.me").wait_for()
        return self

    def open(self, path: str) -> None:
        for _ in range(6):  # a function may take longer to start than its gateway waits
            if self.page.goto(self.url + path).status < 500:
                return

    def start(self) -> None:
        self.open("/")
        self.page.wait_for_load_state()
        self.clicks, self.began = 0, time.monotonic()

    def click(self, where: Any) -> None:
        self.clicks += 1
        where.first.click()

    def go(self, entry: str) -> None:
        """Choose an entry of the navigation, which is behind "more" on a phone where the bar has no room."""
        link = self.page.locator(f"nav a:has(span:text-is('{entry}'))").first
        if not link.is_visible():
            self.click(self.page.locator("nav details.rest summary"))
        self.click(link)
        self.page.get_by_role("heading", level=1, name=entry).wait_for()

    def account(self, name: str = ACCOUNT) -> None:
        """Choose an account where the page is about another one."""
        pick = self.page.locator("form[data-pick] select")
        if pick.input_value() != name:
            self.clicks += 2  # the list, and its entry
            with self.page.expect_navigation():
                pick.select_option(name)

    def find(self, number: str) -> None:
        """Look for something in the box that every page has."""
        self.click(self.page.locator("form.search input[name=q]"))
        self.page.keyboard.type(number)
        self.page.keyboard.press("Enter")

    def says(self, text: str = "") -> None:
        """Wait for the page's word that it is done."""
        self.page.locator("p.ok[role=status]").filter(has_text=text).wait_for()


@dataclass
class World:
    """One run on one size of screen."""

    shop: Shop
    come: Callable[[str], Person]
    ann: Person
    bob: Person
    ada: Person
    day: str
    rows: list[tuple[str, int, float]] = field(default_factory=list)

    def task(self, name: str, people: tuple[Person, ...], work: Callable[[], None]) -> None:
        for one in people:
            one.start()
        began = time.monotonic()
        try:
            work()
        except Exception:  # whatever it was: what the page showed says more
            for one in people:
                print(one.page.url, one.page.locator("main").inner_text()[:600], sep="\n", flush=True)
            raise
        self.rows.append((name, sum(one.clicks for one in people), time.monotonic() - began))
        print(f"  {name:34} {self.rows[-1][1]:3} clicks  {self.rows[-1][2]:5.1f} s", flush=True)

    def all(self) -> None:
        ann, bob, ada = self.ann, self.bob, self.ada
        sent = self._sent()
        paid, waits = self.shop.buy(pays=True), self.shop.buy(pays=False)
        self.task("find by tracking number", (ann,), lambda: self._found(ann, sent["tracking_no"], sent["order_id"]))
        self.task("why is it pending", (ann,), lambda: self._why(ann, waits))
        parcels = [self.shop.buy(pays=True) for _ in range(PARCELS)]
        self.task(f"ship {PARCELS} parcels with a scanner", (ann,), lambda: self._ship(ann, len(parcels)))
        self.task("ask for and approve a refund", (ann, bob), lambda: self._refund(ann, bob, paid))
        self.task("settle a difference", (bob,), lambda: self._settle(bob))
        self.task("print a receipt again", (ann,), lambda: self._print(ann, paid))
        self.task("restore a subscription", (ada,), lambda: self._restore(ada))
        self.task("retry a failed charge", (ada,), lambda: self._retry(ada))
        in_store = self._in_store()
        self.task("send a payment link", (ann,), lambda: self._link(ann, in_store))
        self.task("sign out everywhere", (ann,), lambda: self._leave(ann))

    def _sent(self) -> Json:
        for row in self.shop.hand.read(f"/orders?account={ACCOUNT}&limit=100").get("orders") or ():
            for shipment in self.shop.order(row["order_id"]).get("shipments") or ():
                return {"order_id": row["order_id"], "tracking_no": shipment["parcels"][0]["tracking_no"]}
        raise SystemExit("no seeded order was sent")

    def _in_store(self) -> str:
        """Have a shopper order in a store whose page takes payments, and not pay."""
        order = self.shop.hand.happen("bigcommerce", "order", account="demostore1", total="30.0000")
        path = f"/orders/bigcommerce/demostore1/{order['id']}"
        self.shop.until(lambda: self.shop.hand.read(path), "the store's order is known")
        return str(order["id"])

    def _found(self, ann: Person, tracking_no: str, order_id: str) -> None:
        ann.find(tracking_no)
        ann.page.get_by_role("heading", level=1, name=order_id).wait_for()

    def _why(self, ann: Person, waits: str) -> None:
        ann.find(waits)
        ann.page.locator("section.next li").first.wait_for()

    def _ship(self, ann: Person, count: int) -> None:
        ann.go("Ship")
        ann.account()
        for number in range(count):
            ann.page.locator("[data-scan]:focus").wait_for()
            before = ann.page.locator("[data-sent]").text_content() if ann.page.locator("[data-sent]").count() else ""
            ann.page.keyboard.type(f"YT{uuid.uuid4().int % 10**13:013}")
            ann.page.keyboard.press("Enter")
            ann.page.wait_for_function(
                "(before) => document.querySelector('[data-sent]') && "
                "document.querySelector('[data-sent]').textContent !== before",
                arg=before,
            )
            assert number < count

    def _refund(self, ann: Person, bob: Person, paid: str) -> None:
        ann.find(paid)
        ann.click(ann.page.locator("summary", has_text="Ask for a refund"))
        ann.click(ann.page.locator("form[action='/order/refund'] input[name=amount]"))
        ann.page.keyboard.type("30")
        ann.click(ann.page.locator("form[action='/order/refund'] button"))
        ann.says()
        bob.go("Refunds")
        bob.click(bob.page.locator("article.refund", has_text=paid).get_by_role("button", name="Approve ¥30.00"))
        bob.says("approved")

    def _settle(self, bob: Person) -> None:
        bob.go("Bills")
        bob.account()
        if not bob.page.locator("ol.month .warn").count():
            bob.click(bob.page.locator("p.pages a"))  # the day was last month's
        bob.click(bob.page.locator("ol.month a:has(.warn)"))
        card = bob.page.locator("article.warn").first
        bob.click(card.locator("summary"))
        bob.click(card.locator("input[name=note]"))
        bob.page.keyboard.type("the bill is wrong: asked WeChat")
        bob.click(card.locator("form button"))
        bob.says()

    def _print(self, ann: Person, paid: str) -> None:
        ann.find(paid)
        ann.click(ann.page.get_by_role("button", name="Print again"))
        ann.says()

    def _restore(self, ada: Person) -> None:
        ada.go("Accounts")
        ada.click(ada.page.locator("summary", has_text="Read a time anew"))
        form = ada.page.locator("form[action='/accounts/restore']").first
        now = datetime.datetime.fromtimestamp(self.shop.hand.now(), BEIJING)
        for name, hours in (("from", 2), ("to", 1)):
            ada.clicks += 1
            form.locator(f"input[name={name}]").fill(f"{now - datetime.timedelta(hours=hours):%Y-%m-%dT%H:%M}")
        ada.click(form.locator("button"))
        ada.says()

    def _retry(self, ada: Person) -> None:
        ada.go("Failed charges")
        ada.click(ada.page.locator("form[action='/charges/retry'] button"))
        ada.says()

    def _link(self, ann: Person, in_store: str) -> None:
        ann.go("Orders")
        ann.account("bigcommerce/demostore1")
        ann.click(ann.page.locator("#rows a.row", has_text=in_store))
        ann.click(ann.page.get_by_role("button", name="Payment link"))
        ann.page.locator("input[data-copy]").wait_for()

    def _leave(self, ann: Person) -> None:
        other = self.come("ann")
        ann.start()
        ann.click(ann.page.locator("details.me summary"))
        ann.click(ann.page.get_by_role("button", name="everywhere"))
        ann.page.get_by_text("You are signed out").first.wait_for()
        other.open("/orders")
        other.page.locator("button[value=ann]").wait_for()


@contextlib.contextmanager
def seeded(port: int) -> Iterator[Shop]:
    """Run a sandbox with thirty orders."""
    command = [sys.executable, "-u", "-m", "sandbox", "run", "--port", str(port), "--seed"]
    with subprocess.Popen(
        command, cwd=ROOT, env=parent_watch.watched(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if "orders are there" in line), "")
            if not line:
                raise SystemExit("the sandbox did not come up")
            print(line.strip(), flush=True)
            yield Shop(port)
        finally:
            process.terminate()


def measured(shop: Shop, name: str, browser: Any) -> list[tuple[str, int, float]]:
    """Do all tasks on one size of screen."""
    size, phone = SIZES[name], name == "phone"
    day = shop.plant_difference()

    def come(who: str) -> Person:
        context = browser.new_context(viewport=size, locale="en-US", has_touch=phone, is_mobile=phone)
        context.set_default_timeout(PATIENCE * 1000)
        return Person(context.new_page(), shop.url, phone).sign_in(who)

    world = World(shop, come, come("ann"), come("bob"), come("ada"), day)
    world.all()
    for one in (world.ann, world.bob, world.ada):
        one.page.context.close()
    return world.rows


def table(found: dict[str, list[tuple[str, int, float]]]) -> str:
    """Write the table of docs/console.md."""
    lines = ["| task | " + " | ".join(f"{size}: clicks | seconds" for size in found) + " |"]
    lines.append("| --- |" + " --: | --: |" * len(found))
    for number, (name, _, _) in enumerate(next(iter(found.values()))):
        cells = [f"{rows[number][1]} | {rows[number][2]:.1f}" for rows in found.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and, where that is asked for, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--size", choices=SIZES, help="only this size of screen")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    found: dict[str, list[tuple[str, int, float]]] = {}
    with seeded(options.port) as shop, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, size in SIZES.items():
            if options.size not in (None, name):
                continue
            print(f"{name} {size['width']}x{size['height']}", flush=True)
            found[name] = measured(shop, name, browser)
        browser.close()
    text = table(found)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
