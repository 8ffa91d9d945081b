"""S4 Refund desk: who asked, who decides, and what the platform could not do. The API says who may."""

from typing import Any

from countersign_console.answer import Answer
from countersign_console.api import get, order_path, post
from countersign_console.view import View

TABS = {
    "requested": "requested",
    "needs_action": "needs_action",
    "on_the_way": "approved,processing",
    "done": "succeeded,rejected,failed",
}
JUDGED = {"approve": "approved", "reject": "rejected"}
OUTCOMES = ("refunded_elsewhere", "given_up")
PAGE = "30"
LONGEST_AMOUNT = 18  # digits; Python refuses to read some thousands of them


def refunds(view: View) -> Answer:
    """Show a page of refunds of all accounts that the person sees, least recently changed first."""
    tab = view.query.get("tab", "requested")
    tab = tab if tab in TABS else "requested"
    asked = get("/refunds", status=TABS[tab], limit=PAGE, cursor=view.query.get("cursor", ""))
    found, waiting = view.beside_counts(asked)
    rows = found["refunds"]
    return view.page(
        "refunds.html",
        tab=tab,
        tabs=list(TABS),
        rows=rows,
        named=view.naming(found),
        waiting=waiting,
        cursor=view.further(found, rows, PAGE),
        done_code=view.query.get("done", ""),
    )


def _path(view: View, *more: str) -> str:
    platform, _, account = view.form.get("account", "").partition("/")
    key = {"platform": platform, "account": account, "order_id": view.form.get("id", "")}
    return order_path(key, "refunds", view.form.get("refund_id", ""), *more)


def _done(view: View, done: str) -> Answer:
    """Go back to where the decision was made: the desk, or the order's own page."""
    if view.form.get("from") == "order":
        platform, _, account = view.form.get("account", "").partition("/")
        return view.order({"platform": platform, "account": account, "order_id": view.form.get("id", "")}, done=done)
    return view.go("/refunds", done=done, tab=view.form.get("tab"))


def judge(view: View) -> Answer:
    """Approve or reject a refund of the amount that the person saw."""
    what = view.form.get("what", "")
    if what not in JUDGED:
        return view.again(422, view.text("base.problem.refused"), back="/refunds")
    amount: dict[str, Any] = {"currency": view.form.get("currency", "")}
    minor = view.form.get("minor", "")
    amount["minor"] = int(minor) if minor.isdecimal() and len(minor) <= LONGEST_AMOUNT else -1
    reply = view.api.call(post(_path(view, what), {"amount": amount}))
    # A second click finds the first one's work done: that is what was wanted.
    twice = reply.status == 409 and reply.json.get("args", {}).get("status") == JUDGED[what]
    if reply.is_good or twice:
        return _done(view, JUDGED[what])
    return view.again(reply.status, view.problem(reply), back="/refunds")


def retry(view: View) -> Answer:
    """Have the platform asked once more for a refund that it refused."""
    reply = view.api.call(post(_path(view, "retry")))
    return _done(view, "retried") if reply.is_good else view.again(reply.status, view.problem(reply), back="/refunds")


def settle(view: View) -> Answer:
    """Say what a person did about a refund that the platform could not make."""
    outcome = view.form.get("outcome", "")
    body = {"outcome": outcome if outcome in OUTCOMES else "", "note": view.form.get("note", "").strip()[:500]}
    reply = view.api.call(post(_path(view, "resolve"), body))
    return _done(view, "settled") if reply.is_good else view.again(reply.status, view.problem(reply), back="/refunds")


ROUTES = {
    ("GET", "/refunds"): refunds,
    ("POST", "/refunds/judge"): judge,
    ("POST", "/refunds/retry"): retry,
    ("POST", "/refunds/settle"): settle,
}
