"""What comparing bills found, for people: as JSON, and as CSV that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from countersign.api.orders import span_of
from countersign.api.overview import account_of, one_of
from countersign.api.people import people
from countersign.errors import ConflictError, NotFoundError, RateLimitedError, UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime.caller import Caller
from countersign.store import account_names
from countersign.store.cursors import read_cursor, write_cursor
from countersign.store.reconciliation import Day, ReconciliationStore
from countersign.store.throttle import count_in_minute

MOST_DAYS = 31
COMPARISONS_PER_MINUTE = 5
STATUSES = ("open", "resolved")
COLUMNS = (
    "platform", "account", "date", "what", "status", "order_id", "subject", "bill", "ours", "platform_says",
    "resolution", "found_at", "resolved_at", "resolved_by", "note", "resolved_by_name",
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
    named = people(store, *({**report, "account": account} for report in reports))
    return {"account": account, "date": day, "reports": reports, "people": named}


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
    named = people(store, {"platform": day.platform, "account": day.account, "lines": lines})
    account = f"{day.platform}/{day.account}"
    return {"account": account, "date": day.day, "lines": lines, "cursor": following, "people": named}


def ask_again(
    store: ReconciliationStore, caller: Caller, day: Day, *, wake: Callable[[Day], None], platforms: str, now: int
) -> Json:
    """Have a day's bill compared (again), by the platform's own function; `platforms` are those that make bills.

    Raises NotFoundError (account), UnprocessableError (no bill of that day, or none at all), ConflictError (it is being
    compared now) or RateLimitedError (each comparison fetches the whole bill and asks about what differs).
    """
    caller.require_account(day.platform, day.account)
    if day.platform not in platforms.split(","):
        raise refusal(UnprocessableError, because("no_bills", platform=day.platform))
    if not account_names.is_remembered(store.client, store.table, day.platform, day.account):
        raise refusal(NotFoundError, because("no_such_account"))
    (name,) = days_of(day.day, day.day)
    if span_of(name, name)[1] >= now:
        raise refusal(UnprocessableError, because("no_bill_yet", day=name))
    whose = (store.client, store.table, day.platform, day.account)
    if not count_in_minute(*whose, "compare", most=COMPARISONS_PER_MINUTE, now=now):
        raise refusal(RateLimitedError, because("too_many_comparisons", most=COMPARISONS_PER_MINUTE))
    if not store.ask_again(day, now=now):
        raise refusal(ConflictError, because("bill_compared_now"))
    wake(day)
    return {"account": f"{day.platform}/{day.account}", "date": name, "compare": "asked"}


def resolve(
    store: ReconciliationStore, caller: Caller, day: Day, name: str, *, note: str, now: int, language: str
) -> Json:
    """Mark a difference as settled by a person, who says how; no later comparison of that day opens it again.

    Raises ForbiddenError for a machine, NotFoundError, or ConflictError where it is settled already.
    """
    caller.require_person()
    caller.require_account(day.platform, day.account)
    settled = store.resolve(day, name, note, by=caller.subject, now=now)
    line = store.line(day, name, language)
    if line is None:
        raise refusal(NotFoundError, because("no_such_difference"))
    if not settled and (line["resolved_by"], line["note"]) != (caller.subject, note):  # the same call again is no error
        raise refusal(ConflictError, because("difference_resolved"))
    return line


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
            row["resolved_by_name"] = found["people"].get(difference["resolved_by"])
            writer.writerow([cell(row[name]) for name in COLUMNS])
    return text.getvalue()


def cell(value: object) -> str:
    """Return a cell that is text, whatever it begins with (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
