"""S2 Orders: by who must act, newest first; and the one search box."""

from typing import Any

from countersign_console.answer import Answer
from countersign_console.api import get, post
from countersign_console.view import View

# Each tab of the list: the parameters of GET /orders, and which count stands on it.
TABS: dict[str, tuple[dict[str, str], str]] = {
    "all": ({}, ""),
    "to_ship": ({"work": "to_ship"}, "to_ship"),
    "waiting": ({"work": "waiting"}, "waiting"),
    "decide": ({"work": "decide"}, "decide"),
    "refunded": ({"status": "partially_refunded,refunded"}, ""),
    "closed": ({"status": "closed,failed"}, ""),
}
PAGE = "30"


def orders(view: View) -> Answer:
    """Show a page of an account's orders."""
    tab = view.query.get("tab", "all")
    tab = tab if tab in TABS else "all"
    if not view.account:
        return view.page("orders.html", tab=tab, tabs=TABS, rows=[], waiting=None, cursor=None, problem="", newest="")
    wanted, _ = TABS[tab]
    asked = {
        "from_": view.query.get("from", ""),
        "to": view.query.get("to", ""),
        "cursor": view.query.get("cursor", ""),
    }
    listed, counts = view.api.at_once(
        get("/orders", account=view.account, sort="-updated", limit=PAGE, **wanted, **asked),
        get("/counts", account=view.account),
    )
    problem = "" if listed.is_good else view.problem(listed)
    found: dict[str, Any] = listed.json if listed.is_good else {"orders": [], "cursor": None}
    rows = found["orders"]
    return view.page(
        "orders.html",
        listed.status if problem else 200,
        tab=tab,
        tabs=TABS,
        rows=rows,
        waiting=counts.json if counts.is_good else None,
        cursor=view.further(found, rows, PAGE),
        problem=problem,
        newest=max((one["updated_at"] for one in rows), default=""),
    )


def search(view: View) -> Answer:
    """Find an order by any of its numbers, or by what its customer says; exactly one is shown at once."""
    wanted = view.query.get("q", "").strip()[:128]
    if not wanted:
        return view.go("/orders")
    if view.account:
        numbers, said = view.api.at_once(
            get("/search", q=wanted), post("/lookup", {"account": view.account, "value": wanted[:64]})
        )
        by_words = said.json.get("found", []) if said.is_good else []
    else:
        numbers, by_words = view.api.call(get("/search", q=wanted)), []
    found, seen = [], set()
    for one in [*view.good(numbers)["found"], *by_words]:
        key = tuple(one["order"][name] for name in ("platform", "account", "order_id"))
        if key not in seen:
            seen.add(key)
            found.append(one)
    if len(found) == 1:
        return view.order(found[0]["order"])
    return view.page("search.html", q=wanted, found=found)


ROUTES = {("GET", "/orders"): orders, ("GET", "/search"): search}
