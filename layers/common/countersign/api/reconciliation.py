"""What comparing bills found, for people: as JSON, and as CSV that no spreadsheet takes for formulas."""

import csv
import io
from typing import Any

from countersign.errors import NotFoundError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime.caller import Caller
from countersign.store.reconciliation import ReconciliationStore

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


def as_csv(found: Json) -> str:
    """Return the differences of a day's reports, a line each."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for report in found["reports"]:
        for difference in report["differences"]:
            row = {**difference, **{name: report[name] for name in ("platform", "account", "date")}}
            row["platform_says"] = difference["platform"]
            writer.writerow([_cell(row[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    """Return a cell that is text, whatever it begins with (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
