"""What comparing bills found, for people: as JSON, and as CSV that no spreadsheet takes for formulas."""

import csv
import io
from datetime import date, timedelta
from typing import Any

from countersign.api.overview import account_of, one_of
from countersign.errors import NotFoundError, UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime.caller import Caller
from countersign.store.cursors import read_cursor, write_cursor
from countersign.store.reconciliation import Day, ReconciliationStore

MOST_DAYS = 31
STATUSES = ("open", "resolved")
COLUMNS = (
    "platform", "account", "date", "what", "status", "order_id", "subject", "bill", "ours", "platform_says",
    "resolution", "found_at", "resolved_at",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
Json = dict[str, Any]


def of_day(store: ReconciliationStore, caller: Caller, account: str, day: str, platform: str) -> Json:
    """Return a day's reports of the account of that name, on whatever platforms have one, or on the one named."""
    reports = [
        report
        for report in store.report(account, day)
        if platform in ("", report["platform"]) and caller.may_see(report["platform"], account)
    ]
    if not reports:
        raise refusal(NotFoundError, because("no_such_report"))
    return {"account": account, "date": day, "reports": reports}


def lines_of_day(
    store: ReconciliationStore,
    caller: Caller,
    day: Day,
    *,
    statuses: tuple[str, ...] = (),
    cursor: str = "",
    limit: int,
    language: str,
) -> Json:
    """Return a page of a day's differences, a line each, and the cursor of the next page.

    The last page is the one whose cursor stays the same. Raises NotFoundError for a day that was not compared,
    UnprocessableError for a status that there is not, MalformedError for a cursor that is not of these lines.
    """
    caller.require_account(day.platform, day.account)
    one_of("status", statuses, STATUSES)
    if day not in store.statuses([day]):
        raise refusal(NotFoundError, because("no_such_report"))
    _, after = read_cursor(cursor)
    lines, last = store.differences(day, statuses=statuses, after=after, limit=limit, language=language)
    following = write_cursor((0, last)) if lines else cursor
    return {"account": f"{day.platform}/{day.account}", "date": day.day, "lines": lines, "cursor": following}


def of_range(store: ReconciliationStore, caller: Caller, account: str, first: str, last: str) -> Json:
    """Return for each day of a range whether its bill was compared, what it came to and how many differences it has.

    Both days are included; raises UnprocessableError for a range that is none or of more than a month.
    """
    platform, name = account_of(account, caller)
    rows = []
    for day in days_of(first, last):
        for report in store.report(name, day):
            if report["platform"] != platform:
                continue
            statuses = [difference["status"] for difference in report["differences"]]
            counts = {"open": statuses.count("open"), "resolved": statuses.count("resolved")}
            shown = {one: report.get(one) for one in ("date", "status", "reason", "bill", "ended_at")}
            rows.append({**shown, "differences": counts})
    return {"account": account, "from": first, "to": last, "days": rows}


def days_of(first: str, last: str) -> list[str]:
    """Return the days from one to another, both included."""
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise refusal(UnprocessableError, because("word_is_one_of", name="from, to", words="YYYY-MM-DD")) from None
    if begin > end:
        raise refusal(UnprocessableError, because("dates_reversed", first=first, last=last))
    if (end - begin).days >= MOST_DAYS:
        raise refusal(UnprocessableError, because("too_many_days", most=MOST_DAYS))
    return [(begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1)]


def as_csv(found: Json) -> str:
    """Return the differences of a day's reports, a line each.

    A byte order mark comes first: without it Excel on a Chinese Windows takes UTF-8 for GBK.
    """
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for report in found["reports"]:
        for difference in report["differences"]:
            row = {**difference, **{name: report[name] for name in ("platform", "account", "date")}}
            row["platform_says"] = difference["platform"]
            writer.writerow([cell(row[name]) for name in COLUMNS])
    return text.getvalue()


def cell(value: object) -> str:
    """Return a cell that is text, whatever it begins with (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
