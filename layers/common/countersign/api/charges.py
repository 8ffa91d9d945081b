"""What people and the merchant's systems do with charges: look through them, and have one tried again."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from countersign.api.orders import STATUSES
from countersign.api.overview import account_of, one_of
from countersign.api.reconciliation import cell
from countersign.errors import ConflictError, NotFoundError, StoreUnavailableError, UnprocessableError
from countersign.orders.changes import Change, Operator, OrderKey, RetryRequested
from countersign.orders.charges import GROUPS, charge_of
from countersign.orders.present import order_json
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.retries import retry_json, retry_number
from countersign.orders.sentences import ENGLISH
from countersign.orders.state import Order
from countersign.runtime.caller import Caller
from countersign.store import OrderStore
from countersign.store.lists import OrderLists

SORTS = ("updated_at", "-updated_at")
COLUMNS = (
    "platform", "account", "charge_id", "status", "amount", "currency", "group", "error_type", "error", "attempts",
    "last_attempt", "next_retry", "final", "customer_id", "shop_customer_id", "external_order_id", "scheduled_at",
    "items", "note", "updated_at",
)  # fmt: skip
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which charges are looked for; empty texts and None leave a filter out.

    `changed_from` and `changed_to` are moments of the platform's own last change (epoch seconds, the second exclusive).
    """

    status: str = ""
    group: str = ""
    customer: str = ""
    shop_customer: str = ""
    changed_from: int | None = None
    changed_to: int | None = None

    def __call__(self, order: Order) -> bool:
        """Tell whether an order is one of them."""
        charge = charge_of(order)
        if charge is None or order.newest is None:
            return False
        at = order.newest.version
        return (
            self.group in ("", charge.group)
            and self.customer in ("", charge.customer_id)
            and self.shop_customer in ("", charge.shop_customer_id)
            and (self.changed_from is None or at >= self.changed_from)
            and (self.changed_to is None or at < self.changed_to)
        )


def moment(text: str, name: str, *, end: bool = False) -> int | None:
    """Return a day, or a time with its zone, as epoch seconds; of a day that ends a span the first second after it."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-22"):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return int((day + timedelta(days=int(end))).timestamp())
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        at = datetime.min
    if at.tzinfo is None:
        raise refusal(UnprocessableError, because("moment_form", name=name))
    return int(at.timestamp())


class ChargeService:
    """One caller's view of the charges: everything outside the token's accounts does not exist."""

    def __init__(
        self, store: OrderStore, lists: OrderLists, caller: Caller, now: int, *, language: str = ENGLISH
    ) -> None:
        self.store = store
        self.lists = lists
        self.caller = caller
        self.now = now
        self.language = language

    def page(self, account: str, wanted: Wanted, *, sort: str = "", limit: int, cursor: str = "") -> Json:
        """Return charges of an account as rows of /orders, by the time of their last change here."""
        platform, name = account_of(account, self.caller)
        one_of("status", filter(None, [wanted.status]), STATUSES)
        one_of("group", filter(None, [wanted.group]), GROUPS)
        one_of("sort", filter(None, [sort]), SORTS)
        newest_first = sort.startswith("-")
        orders, following = self.lists.find(
            platform, name, wanted, status=wanted.status, newest_first=newest_first, limit=limit, cursor=cursor
        )
        return {"charges": [order_json(order, language=self.language) for order in orders], "cursor": following or None}

    def retry(self, key: OrderKey) -> Json:
        """Have a failed charge tried again, once; asked for again while that is under way, it is the same wish."""
        self.caller.require_account(key.platform, key.account)
        order = self.store.get(key)
        charge = charge_of(order) if order is not None else None
        if order is None or charge is None:
            raise refusal(NotFoundError, because("no_such_charge"))
        number = retry_number(charge)
        known = self.store.retry(key, number)
        if known is None or known.child.status not in ("requested", "processing"):
            fact = RetryRequested(number, self.now)
            change = Change(key, fact, Operator(self.caller.subject), "operator")
            outcome = self.store.record(change, now=self.now)
            if outcome.outcome == "refused":
                raise refusal(ConflictError, outcome.reason)
            known = self.store.retry(key, number)
        if known is None:
            raise StoreUnavailableError("the wish was recorded and cannot be read back")
        return {
            "order": order_json(known.order, language=self.language),
            "retry": retry_json(known.child, self.language),
        }


def as_csv(rows: Iterable[Json]) -> str:
    """Return charges as CSV, a line each, that no spreadsheet takes for formulas, behind a byte order mark."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        charge = row["charge"]
        items = ", ".join(f"{item['title']} x{item['quantity']}" for item in charge["items"])
        own = {"charge_id": row["order_id"], "items": items, "amount": row["amount"]["minor"]}
        line = {**row, **charge, **own, "currency": row["amount"]["currency"]}
        writer.writerow([cell(line[name]) for name in COLUMNS])
    return text.getvalue()
