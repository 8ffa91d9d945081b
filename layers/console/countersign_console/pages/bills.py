"""S7 Bills: whether each day's bill agrees with what is known here, and what people say of what does not."""

import re
from datetime import date, timedelta
from typing import Any

from countersign_console import formats
from countersign_console.answer import Answer
from countersign_console.api import get, path, post
from countersign_console.view import View

PAGE = "50"
MOST_NOTE = 500
Json = dict[str, Any]


def bills(view: View) -> Answer:
    """Show a month of days: balanced, so many differences, or waiting for the bill."""
    first, last = month_of(view.query.get("month", ""), formats.day(view.now, view.zone))
    days: list[Json] = []
    if view.account:
        asked = get("/reconciliation", account=view.account, from_=first.isoformat(), to=last.isoformat())
        days = view.good(view.api.call(asked))["days"]
    return view.page(
        "bills.html",
        month=f"{first:%Y-%m}",
        before=f"{first - timedelta(days=1):%Y-%m}",
        after=f"{last + timedelta(days=1):%Y-%m}" if last.isoformat() < formats.day(view.now, view.zone) else "",
        blanks=first.weekday(),
        calendar=calendar(first, last, {one["date"]: one for one in days}),
    )


def month_of(text: str, today: str) -> tuple[date, date]:
    """Return the first and the last day of a month (`2026-11`), which ends today at the latest; else of this month."""
    now = date.fromisoformat(today)
    try:
        first = date.fromisoformat(f"{text}-01") if len(text) == len("2026-11") else now.replace(day=1)
    except ValueError:
        first = now.replace(day=1)
    first = min(max(first, date(2000, 1, 1)), now.replace(day=1))
    following = (first + timedelta(days=31)).replace(day=1)
    return first, min(following - timedelta(days=1), now)


def calendar(first: date, last: date, known: dict[str, Json]) -> list[Json]:
    """Return a month's days with what is known of each."""
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    return [{"date": day, "day": int(day[-2:]), "report": known.get(day)} for day in days]


def bill(view: View, status: int = 200, problem: str = "") -> Answer:
    """Show one day: what the bill came to, and its differences with both sides and the platform's answer."""
    day = _day(view)
    platform, _, name = view.account.partition("/")
    summary, lines = view.api.at_once(
        get("/reconciliation", account=view.account, from_=day, to=day),
        get(
            path("reconciliation", name, day, "lines"),
            platform=platform,
            limit=PAGE,
            cursor=view.query.get("cursor", ""),
        ),
    )
    report = next((one for one in view.good(summary)["days"] if one["date"] == day), None)
    found = lines.json if lines.is_good else {"lines": [], "cursor": None}
    return view.page(
        "bill.html",
        status,
        day=day,
        report=report,
        lines=found["lines"],
        named=view.naming(found),
        cursor=view.further(found, found["lines"], PAGE),
        problem=problem or ("" if lines.is_good or lines.status == 404 else view.problem(lines)),
        done_code=view.query.get("done", ""),
    )


def as_file(view: View) -> Answer:
    """Give a day's differences as CSV, with the byte order mark that a Chinese Excel needs."""
    platform, _, name = view.account.partition("/")
    day = _day(view)
    reply = view.api.call(get(path("reconciliation", name, day), platform=platform, format="csv"))
    view.good(reply)
    file = re.sub(r"[^A-Za-z0-9]", "_", f"{platform}_{name}")
    headers = {"content-disposition": f'attachment; filename="{file}-{day}.csv"'}
    return Answer(200, reply.body, "text/csv; charset=utf-8", headers)


def compare(view: View) -> Answer:
    """Have a day compared (again)."""
    platform, _, name = view.account.partition("/")
    reply = view.api.call(post(path("reconciliation", name, _day(view), "compare"), {"platform": platform}))
    return _shown(view, "compared") if reply.is_good else bill(view, reply.status, view.problem(reply))


def resolve(view: View) -> Answer:
    """Say how a difference was settled: final for that day."""
    platform, _, name = view.account.partition("/")
    where = path("reconciliation", name, _day(view), "differences", view.form.get("difference_id", ""), "resolve")
    reply = view.api.call(post(where, {"platform": platform, "note": view.form.get("note", "").strip()[:MOST_NOTE]}))
    if reply.is_good:
        return _shown(view, "resolved")
    return view.again(reply.status, view.problem(reply), back=view.url("/bill", day=_day(view)))


def _day(view: View) -> str:
    """Return the day that is asked about: today's where the text is none."""
    day = view.form.get("day") or view.query.get("day", "")
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        return formats.day(view.now, view.zone)


def _shown(view: View, done: str) -> Answer:
    return view.go("/bill", day=_day(view), done=done)


ROUTES = {
    ("GET", "/bills"): bills,
    ("GET", "/bill"): bill,
    ("GET", "/bill.csv"): as_file,
    ("POST", "/bill/compare"): compare,
    ("POST", "/bill/resolve"): resolve,
}
