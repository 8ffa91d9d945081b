"""The merchant API: what is read of orders, refunds, exceptions and bills."""

import json
import time
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from countersign.api import reconciliation as reports
from countersign.api.orders import OrderService
from countersign.api.refunds import RefundService
from countersign.api.routing import ORDER, Cursor, Json, MerchantApi, Name
from countersign.store import OrderStore
from countersign.store.lists import OrderLists
from countersign.store.reconciliation import ReconciliationStore

api = MerchantApi()
store = OrderStore.from_environment()
lists = OrderLists.from_environment()
bills = ReconciliationStore.from_environment()


def _desk() -> OrderService:
    return OrderService(store, lists, api.caller, int(time.time()), language=api.language)


@api.router.get("/orders")
def list_orders(
    account: Annotated[str, Query(max_length=128)],
    status: Annotated[str, Query(max_length=32)] = "",
    transaction_id: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = "",
) -> Json:
    """List an account's orders, least recently changed first."""
    return _desk().page(account, status=status, transaction_id=transaction_id, cursor=cursor)


@api.router.get(ORDER)
def get_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Return one order with its refunds and events."""
    return _desk().order(api.key(platform, account, order_id))


@api.router.get(f"{ORDER}/explanation")
def explain_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Say why the order is in its state, and what happens next."""
    return _desk().explanation(api.key(platform, account, order_id))


@api.router.get("/refunds")
def list_refunds(
    status: Annotated[str, Query(max_length=32)] = "",
    account: Annotated[str, Query(max_length=128)] = "",
    cursor: Cursor = "",
) -> Json:
    """List refunds, least recently changed first."""
    desk = RefundService(store, lists, api.caller, int(time.time()), language=api.language)
    return desk.page(status=status, account=account, cursor=cursor)


@api.router.get("/exceptions")
def list_exceptions(
    account: Annotated[str, Query(max_length=128)] = "",
    kind: Annotated[str, Query(max_length=32)] = "",
    cursor: Cursor = "",
) -> Json:
    """Return what a person must look at, longest listed first."""
    return _desk().exceptions(account=account, kind=kind, cursor=cursor)


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


lambda_handler = api.handler()
