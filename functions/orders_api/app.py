"""The merchant API: what is read of orders, refunds, exceptions and bills."""

import json
import time
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from countersign.api import activity, changes, charges
from countersign.api import reconciliation as reports
from countersign.api.charges import ChargeService
from countersign.api.etags import etag, is_known
from countersign.api.orders import OrderService, OrdersWanted
from countersign.api.overview import Overview
from countersign.api.refunds import RefundService
from countersign.api.routing import ORDER, Cursor, Json, MerchantApi, Name
from countersign.api.story import StoryService
from countersign.store import OrderStore
from countersign.store.lists import OrderLists
from countersign.store.reconciliation import Day, ReconciliationStore

api = MerchantApi()
store = OrderStore.from_environment()
lists = OrderLists.from_environment()
bills = ReconciliationStore.from_environment()


Account = Annotated[str, Query(max_length=128)]
Words = Annotated[str, Query(max_length=256)]
DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def words(given: str) -> tuple[str, ...]:
    """Return the words of a parameter that takes several with commas between them."""
    return tuple(word for word in given.split(",") if word)


def _desk() -> OrderService:
    return OrderService(store, lists, api.caller, int(time.time()), language=api.language)


@api.router.get("/orders")
def list_orders(
    account: Account,
    status: Words = "",
    work: Words = "",
    first: Annotated[str, Query(alias="from", pattern=DAY)] = "",
    last: Annotated[str, Query(alias="to", pattern=DAY)] = "",
    sort: Annotated[str, Query(max_length=16)] = "updated",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    transaction_id: Annotated[str, Query(max_length=64)] = "",
    reference: Annotated[str, Query(max_length=255)] = "",
    cursor: Cursor = "",
) -> Json:
    """List an account's orders by their last change, oldest first; `sort=-updated` newest first.

    `status` and `work` (decide, waiting, to_ship, done, aside) take one word or several with commas between them.
    `reference` finds, in the place of all this, the latest twenty orders of a shop whose cart had the merchant's number
    as its attribute `reference`: it comes from the buyer's browser, so it names an order and proves nothing.
    """
    wanted = OrdersWanted(words(status), words(work), transaction_id, reference, first, last, sort, limit, cursor)
    return _desk().page(account, wanted)


@api.router.get("/changes")
def list_changes(
    account: Annotated[str, Query(max_length=128)] = "",
    after: Annotated[str, Query(max_length=6000, pattern="^[A-Za-z0-9_=-]*$")] = "",
) -> Response[str]:
    """Tell which orders changed since the cursor `after`, of all accounts or of one: 204 where none did.

    A first call without `after` gives a cursor. Of 204 the next one is in the header `x-next-cursor`. An order that
    only begins to wait for its payer is told of with the next news of its account.
    """
    found = changes.changes(lists, api.caller, account, after, now=int(time.time()))
    headers = {"x-next-cursor": found["cursor"], "x-poll-after": str(found["poll_after"])}
    if after and not found["changes"]:
        return Response(HTTPStatus.NO_CONTENT, body="", headers=headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(found, ensure_ascii=False), headers)


@api.router.get("/counts")
def counts(
    account: Account, if_none_match: Annotated[str, Header(alias="if-none-match", max_length=1024)] = ""
) -> Response[str]:
    """Say how much waits on each list of an account; 304 where that is what the caller has (`If-None-Match`)."""
    body = json.dumps(Overview(lists, api.caller, language=api.language).counts(account))
    tag = etag(body)
    headers = {"etag": tag, "cache-control": "private, max-age=5"}
    if is_known(tag, if_none_match):
        return Response(HTTPStatus.NOT_MODIFIED, body="", headers=headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, body, headers)


@api.router.get("/search")
def search(
    q: Annotated[str, Query(min_length=1, max_length=128)], account: Annotated[str, Query(max_length=128)] = ""
) -> Json:
    """Find the order behind exactly this number: an order's, a transaction's, refund's, settlement's or parcel's.

    Of a refund it may be the platform's own number too, of an order in a shop the shop's (`#1042`) or the merchant's
    reference.
    """
    return Overview(lists, api.caller, language=api.language).search(q, account)


@api.router.get(ORDER)
def get_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Return one order with its refunds and events."""
    return _desk().order(api.key(platform, account, order_id))


@api.router.get(f"{ORDER}/explanation")
def explain_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Say why the order is in its state, and what happens next."""
    return _desk().explanation(api.key(platform, account, order_id))


@api.router.get(f"{ORDER}/timeline")
def timeline_of_order(
    platform: Name,
    account: Name,
    order_id: Name,
    sort: Annotated[str, Query(max_length=16)] = "-at",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> Json:
    """Tell what was said, told, noted and looked at, newest first; `sort=at` oldest first."""
    story = StoryService(lists, api.caller, int(time.time()), language=api.language)
    return story.timeline(api.key(platform, account, order_id), sort=sort, limit=limit, cursor=cursor)


@api.router.get("/activity")
def activity_of_account(
    account: Account,
    person: Annotated[str, Query(max_length=128)] = "",
    first: Annotated[str, Query(alias="from", pattern=DAY)] = "",
    last: Annotated[str, Query(alias="to", pattern=DAY)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> Json:
    """List who did what in an account, newest first; a page may hold few although more follow."""
    return activity.page(lists, api.caller, account, person=person, first=first, last=last, limit=limit, cursor=cursor)


@api.router.get("/refunds")
def list_refunds(
    status: Words = "",
    account: Annotated[str, Query(max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> Json:
    """List refunds, least recently changed first."""
    desk = RefundService(store, lists, api.caller, int(time.time()), language=api.language)
    return desk.page(statuses=words(status), account=account, cursor=cursor, limit=limit)


@api.router.get("/exceptions")
def list_exceptions(
    account: Annotated[str, Query(max_length=128)] = "",
    kind: Annotated[str, Query(max_length=32)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> Json:
    """Return what a person must look at, longest listed first."""
    return _desk().exceptions(account=account, kind=kind, cursor=cursor, limit=limit)


@api.router.get("/reconciliation")
def reconciliation_of_days(
    account: Account,
    first: Annotated[str, Query(alias="from", pattern=DAY)],
    last: Annotated[str, Query(alias="to", pattern=DAY)],
) -> Json:
    """Say for each day of up to a month whether its bill was compared, and how many differences it has."""
    return reports.of_range(bills, api.caller, account, first, last)


@api.router.get("/reconciliation/<account>/<date>")
def reconciliation(
    account: Name,
    date: Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")],
    platform: Annotated[str, Query(max_length=32)] = "",
    format: Annotated[Literal["json", "csv", ""], Query()] = "",  # noqa: A002 - its name on the wire
    accept: Annotated[str, Header()] = "",
) -> Response[str]:
    """Return what comparing the bills of a day found, as JSON or as CSV."""
    found = reports.of_day(bills, api.caller, api.decoded("account", account), date, platform)
    if format == "csv" or (not format and "text/csv" in accept):
        headers = {"content-disposition": f'attachment; filename="reconciliation-{date}.csv"'}
        return Response(HTTPStatus.OK, "text/csv; charset=utf-8", reports.as_csv(found), headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(found, ensure_ascii=False))


@api.router.get("/reconciliation/<account>/<date>/lines")
def reconciliation_lines(
    account: Name,
    date: Annotated[str, Path(pattern=DAY)],
    platform: Annotated[str, Query(min_length=1, max_length=32)],
    status: Words = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> Json:
    """List what comparing a day's bill of a platform found, a line for each difference (`status` open, resolved)."""
    day = Day(platform, api.decoded("account", account), date)
    return reports.lines_of_day(
        bills, api.caller, day, statuses=words(status), cursor=cursor, limit=limit, language=api.language
    )


@api.router.get("/charges")
def list_charges(
    account: Account,
    status: Words = "",
    group: Words = "",
    customer: Annotated[str, Query(max_length=64)] = "",
    shop_customer: Annotated[str, Query(max_length=64)] = "",
    changed_from: Annotated[str, Query(alias="from", max_length=40)] = "",
    changed_to: Annotated[str, Query(alias="to", max_length=40)] = "",
    sort: Annotated[str, Query(max_length=32)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Cursor = "",
    format: Annotated[Literal["json", "csv", ""], Query()] = "",  # noqa: A002 - its name on the wire
    accept: Annotated[str, Header()] = "",
) -> Response[str]:
    """List an account's charges, as JSON or as CSV: which failed, why, who must act, and when they are tried again.

    `from` and `to` are days or times of the platform's own last change of a charge. A page may hold few although more
    follow: the last is the one whose cursor stays the same. CSV has the cursor in the header `x-next-cursor`.
    """
    wanted = charges.Wanted(
        status,
        group,
        customer,
        shop_customer,
        charges.moment(changed_from, "from"),
        charges.moment(changed_to, "to", end=True),
    )
    desk = ChargeService(store, lists, api.caller, int(time.time()), language=api.language)
    page = desk.page(account, wanted, sort=sort, limit=limit, cursor=cursor)
    if format == "csv" or (not format and "text/csv" in accept):
        headers = {"content-disposition": 'attachment; filename="charges.csv"', "x-next-cursor": page["cursor"] or ""}
        return Response(HTTPStatus.OK, "text/csv; charset=utf-8", charges.as_csv(page["charges"]), headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(page, ensure_ascii=False))


lambda_handler = api.handler()
