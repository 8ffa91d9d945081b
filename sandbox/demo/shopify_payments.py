"""A payments app's part of the story: Shopify asks by mutual TLS, buyers pay at a cashier, sessions are answered."""

from __future__ import annotations

import http.client
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.demo.cashier import browse

if TYPE_CHECKING:
    from sandbox.demo_runtime import Stage

Json = dict[str, Any]
APP, SHOP = "payments", "pay-shop.myshopify.com"
ASKING: Json = {"app": "payments-confirm", "shop": "stock-shop.myshopify.com"}
SHOWING: Json = {"app": "payments-qr", "shop": "qr-shop.myshopify.com", "currency": "CNY", "amount": "88.00"}
RESOLVED, REJECTED = ("resolved", ["Resolve"]), ("rejected", ["Reject"])
MINUTE, HOUR, DAY = 60, 3600, 86_400


def ask(stage: Stage, about: str = "payment", **wanted: Any) -> Json:
    """Have Shopify ask for a session."""
    return stage.happen("shopify", "session", {"app": APP, "shop": SHOP, "about": about, **wanted})


def there(stage: Stage, asked: Json) -> tuple[str, list[str]]:
    """Return how a session is at Shopify, and which answers changed it."""
    found = next(one for one in stage.happen("shopify", "sessions", {}).values() if one["id"] == asked["id"])
    return str(found["state"]), list(found["told"])


def ends(stage: Stage, what: str, asked: Json, wanted: tuple[str, list[str]], *, within: int = 6) -> None:
    """Expect how a session ends; workers come every minute, and the first run of one takes its time."""
    for _ in range(within):
        end = time.monotonic() + 12  # real seconds, of which a function's first run takes some
        while there(stage, asked) != wanted and time.monotonic() < end:
            time.sleep(0.2)
        if there(stage, asked) == wanted:
            break
        stage.advance(MINUTE + 1, "workers come again")
    stage.expect(what, there(stage, asked), wanted)


def visit(address: str) -> tuple[int, str]:
    """Open a page as a buyer's browser does, without following where it leads."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", parts.path)
        reply = connection.getresponse()
        reply.read()
        return reply.status, reply.getheader("Location", "")
    finally:
        connection.close()


def pays(asked: Json, how: str = "do=pay") -> str:
    """Let the buyer go to the cashier and do something there; returns the payment's number at the cashier."""
    _, cashier = visit(asked["redirect_url"])
    browse(cashier, how)
    return cashier.rpartition("/")[2]


def door(stage: Stage) -> None:
    """See who gets in: both of Shopify's certificates, and nobody else."""
    stage.scene("Payments app: the door")
    found = stage.sandbox.control("GET", "/mtls")
    host, port = urlsplit(stage.sandbox.base_url).hostname, (urlsplit(stage.sandbox.base_url).port or 0) + 3

    def knock(who: Json) -> str:
        context = ssl.create_default_context(cadata=found["ca"])
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(who["certificate"] + who["key"])
            file.flush()
            context.load_cert_chain(file.name)
        connection = http.client.HTTPSConnection(str(host), port, timeout=10, context=context)
        try:
            connection.request("POST", f"/shopify/{APP}/payment-session", b"{}")
            return f"HTTP {connection.getresponse().status}"
        except OSError:
            return "refused"
        finally:
            connection.close()

    stage.expect("certificate a", knock(found["clients"]["a"]), "HTTP 400")
    stage.expect("certificate b", knock(found["clients"]["b"]), "HTTP 400")
    stage.expect("one of the same name by another authority", knock(found["stranger"]), "refused")
    elsewhere = stage.call("POST", f"/shopify/{APP}/payment-session", {})
    stage.expect("without TLS nothing answers", elsewhere.status, 404)


def sale(stage: Stage) -> None:
    """Sell, with the request in eight copies at once; a part goes back."""
    stage.scene("Payments app: a sale, and a part of it back")
    asked = ask(stage, amount="123.00", currency="CAD", copies=8)
    again = ask(stage, id=asked["id"])
    stage.expect("the same session is answered the same", again["redirect_url"], asked["redirect_url"])
    pays(asked)
    stage.expect_soon("resolved once", lambda: there(stage, asked), ("resolved", ["Resolve"]))
    stage.expect_soon("the buyer goes on", lambda: visit(asked["redirect_url"] + "/back")[0], 303)
    refund = ask(stage, "refund", payment=asked["id"], amount="23.00", currency="CAD", copies=3)
    ends(stage, "the refund is resolved once", refund, RESOLVED)
    more = ask(stage, "refund", payment=asked["id"], amount="100.01", currency="CAD")
    ends(stage, "more than is left is rejected", more, REJECTED)


def held(stage: Stage) -> None:
    """Hold money: captured in two parts, or let go."""
    stage.scene("Payments app: authorizations")
    asked, other = (ask(stage, kind="authorization", amount="100.00") for _ in range(2))
    for one in (asked, other):
        pays(one)
        visit(one["redirect_url"] + "/back")
        ends(stage, "resolved", one, RESOLVED)
    for amount in ("60.00", "40.00"):
        capture = ask(stage, "capture", payment=asked["id"], amount=amount)
        ends(stage, f"{amount} is captured", capture, RESOLVED)
    ends(stage, "the other one is let go", ask(stage, "void", payment=other["id"]), RESOLVED)
    late = ask(stage, "capture", payment=other["id"], amount="1.00")
    ends(stage, "a capture after that is rejected", late, REJECTED)


def unsure(stage: Stage) -> None:
    """Let buyers go away, come back and try again; nothing is rejected before the day is over."""
    stage.scene("Payments app: buyers who go away")
    gone, back, late = (ask(stage) for _ in range(3))
    visit(gone["redirect_url"])
    visit(back["redirect_url"])
    stage.expect("to the checkout", visit(back["redirect_url"] + "/cancel"), (303, _cancel(back)))
    stage.advance(5 * MINUTE, "she comes back")
    pays(back)
    stage.expect_soon("and pays", lambda: there(stage, back), ("resolved", ["Resolve"]))
    visit(late["redirect_url"])
    reference = _reference(stage, late)
    stage.happen("cashier", "process", {"account": "hc1/main", "reference": reference})
    visit(late["redirect_url"] + "/back")
    stage.expect_soon("money on its way is pending", lambda: there(stage, late), ("pending", ["Pending"]))
    stage.advance(25 * HOUR, "nobody pays")
    ends(stage, "after a day it is over", gone, REJECTED)
    stage.advance(DAY, "the money arrives")
    stage.happen("cashier", "pay", {"account": "hc1/main", "reference": reference})
    stage.expect_soon("resolved in the end", lambda: there(stage, late), ("resolved", ["Pending", "Resolve"]))


def trouble(stage: Stage) -> None:
    """Have Shopify not know yet, lose its reply, and the cashier be down for an hour."""
    stage.scene("Payments app: what goes wrong on the way")
    asked = ask(stage)
    visit(asked["redirect_url"])
    stage.faults(shopify={"unread": {"seconds": 20, "count": 50}})
    pays(asked)
    stage.advance(25, "Shopify has not read our answer to its request yet")
    stage.faults(shopify={"clear": True, "truncated": 1})
    ends(stage, "its reply is lost, and it is resolved once", asked, RESOLVED)
    stage.faults(shopify={"clear": True}, cashier={"error500": 10_000})
    other = ask(stage)
    stage.expect("a cashier that is down: the page waits", visit(other["redirect_url"])[0], 200)
    stage.advance(HOUR, "it is back")
    stage.faults(cashier={"clear": True})
    pays(other)
    stage.expect_soon("and the buyer pays", lambda: there(stage, other), ("resolved", ["Resolve"]))


def confirmed(stage: Stage) -> None:
    """Hold money until Shopify says whether there is something to sell: taken then, or let go."""
    stage.scene("Payments app: held until Shopify says that it may be taken")
    sold, gone = ask(stage, **ASKING), ask(stage, **ASKING, confirms=False)
    numbers = [pays(one) for one in (sold, gone)]
    for one in (sold, gone):
        visit(one["redirect_url"] + "/back")
        ends(stage, "Shopify is asked", one, ("confirming", ["Confirm"]))
    stage.expect("until then it is held", [_there(stage, one)["status"] for one in numbers], ["AUTHORIZED"] * 2)
    stage.advance(2, "Shopify answers: one may be sold, the other is sold out")
    ends(stage, "one is taken and resolved", sold, ("resolved", ["Confirm", "Resolve"]))
    ends(stage, "the other is let go and rejected", gone, ("rejected", ["Confirm", "Reject"]))
    stage.expect("so it is there", [_there(stage, one)["status"] for one in numbers], ["SUCCEEDED", "CANCELLED"])


def scanned(stage: Stage) -> None:
    """Have codes shown in Shopify's own window: scanned, not scanned in time, and where it shows none."""
    stage.scene("Payments app: a code in Shopify's own window")
    asked, code = _shown(stage)
    stage.happen("wechat", "pay", {"account": "shop", "out_trade_no": code})
    ends(stage, "scanned, and resolved", asked, ("resolved", ["Modal", "Resolve"]))
    late, unpaid = _shown(stage)
    stage.advance(2 * HOUR + MINUTE, "nobody scans it")
    ends(stage, "its time is over", late, ("rejected", ["Modal", "Reject"]))
    stage.expect("and it cannot be paid any more", _codes(stage)[unpaid], "CLOSED")
    known = _codes(stage).keys()
    stage.faults(shopify={"no_modal": 50})
    other = ask(stage, **SHOWING)
    stage.advance(6 * MINUTE, "Shopify shows no window, and WeChat closes nothing before five minutes")
    ends(stage, "where Shopify shows none, it is rejected", other, REJECTED)
    stage.faults(shopify={"clear": True})
    stage.expect("once it was closed", [_codes(stage)[one] for one in _codes(stage).keys() - known], ["CLOSED"])


def _shown(stage: Stage) -> tuple[Json, str]:
    """Ask for a session whose code Shopify shows; returns it and its number at WeChat."""
    known = _codes(stage).keys()
    asked = ask(stage, **SHOWING)
    stage.expect("there is no page of ours", asked["redirect_url"], "")
    ends(stage, "Shopify shows a code", asked, ("shown", ["Modal"]))
    return asked, str(next(iter(_codes(stage).keys() - known)))


def _codes(stage: Stage) -> Json:
    """Return the state of each payment at WeChat, by its number there."""
    return {one["out_trade_no"]: one["state"] for one in stage.happen("wechat", "ledger", {})["transactions"]}


def _cancel(asked: Json) -> str:
    return f"https://{SHOP}/checkouts/cn/{asked['id']}"


def _reference(stage: Stage, asked: Json) -> str:
    """Return our number at the cashier of a session's payment: the only one with its checkout."""
    _, cashier = visit(asked["redirect_url"])
    return str(_there(stage, cashier.rpartition("/")[2])["merchant_payment_id"])


def _there(stage: Stage, number: str) -> Json:
    """Return a payment as the cashier has it."""
    known = stage.happen("cashier", "ledger", {"account": "hc1/main"})["payments"]
    return dict(next(one for one in known if one["payment_id"] == number))


SCENES = [door, sale, held, unsure, trouble, confirmed, scanned]
