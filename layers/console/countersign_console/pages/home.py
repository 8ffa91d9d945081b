"""S1 Today: who must act, and how each account does. And choosing the language, from any page."""

from typing import Any

from countersign_console.answer import Answer
from countersign_console.api import get
from countersign_console.view import LANGUAGE, View
from countersign_console.words import LANGUAGES


def today(view: View) -> Answer:
    """Show how much waits on each list of an account, and when each account was last heard of."""
    if view.account:
        counts, accounts = view.api.at_once(get("/counts", account=view.account), get("/accounts"))
        waiting = view.good(counts)
    else:
        accounts, waiting = view.api.call(get("/accounts")), None
    rows = view.good(accounts)
    view.remember_accounts(rows)
    return view.page("today.html", waiting=waiting, rows=rows["accounts"])


def paid_today(view: View) -> Answer:
    """Say what was paid since midnight in UTC+8, of the newest hundred orders that changed since."""
    day = view.form.get("day") or view.query.get("day", "")
    reply = view.api.call(get("/orders", account=view.account, status="paid", from_=day, sort="-updated", limit="100"))
    found = view.good(reply)
    return view.page("paid_today.html", **_sums(found, day))


def _sums(found: dict[str, Any], day: str) -> dict[str, Any]:
    rows = found["orders"]
    sums: dict[str, int] = {}
    for one in rows:
        if one["paid"]:
            currency = str(one["paid"]["currency"])
            sums[currency] = sums.get(currency, 0) + int(one["paid"]["minor"])
    amounts = [{"minor": minor, "currency": currency} for currency, minor in sorted(sums.items())]
    return {"count": len(rows), "more": bool(found["cursor"]) and len(rows) == 100, "amounts": amounts, "day": day}


def choose_language(view: View) -> Answer:
    """Show the console in the language that was chosen, from now on."""
    language = view.form.get("language", "")
    if language in LANGUAGES:
        view.keep(LANGUAGE, language)
    return view.back()


ROUTES = {("GET", "/"): today, ("GET", "/paid-today"): paid_today, ("POST", "/language"): choose_language}
