"""The merchant API over orders: look, list, explain, refresh, close, resolve; the refund desk."""

import json
import os
import time
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as RouteNotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from countersign import __version__, aws, texts
from countersign.api import charges
from countersign.api import reconciliation as reports
from countersign.api.charges import ChargeService
from countersign.api.orders import OrderService
from countersign.api.refunds import RefundService
from countersign.api.requests import read_strictly
from countersign.api.wake import wake
from countersign.errors import CountersignError
from countersign.http import problem
from countersign.money import MAX_MINOR, Money
from countersign.orders.changes import OrderKey, Parcel
from countersign.runtime import caller
from countersign.runtime.entrypoint import refused_as_problem
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore
from countersign.store.lists import OrderLists
from countersign.store.reconciliation import ReconciliationStore

app = APIGatewayHttpResolver(enable_validation=True)
store = OrderStore.from_environment()
lists = OrderLists.from_environment()
bills = ReconciliationStore.from_environment()
events = aws.client("events")

Json = dict[str, Any]
ORDER = "/orders/<platform>/<account>/<order_id>"
REFUND = f"{ORDER}/refunds/<refund_id>"
Name = Annotated[str, Path(max_length=128)]
Line = Annotated[str, AfterValidator(texts.one_line)]
Code = Annotated[str, AfterValidator(texts.trimmed), AfterValidator(texts.one_line)]
Note = Annotated[str, AfterValidator(texts.lines)]


class Resolution(BaseModel):
    """The answer to an open question."""

    model_config = ConfigDict(extra="forbid")
    decision: Annotated[str, Field(pattern="^(accept|refund|dismiss)$")]
    note: Annotated[Note, Field(max_length=500)] = ""


class Amount(BaseModel):
    """Money: whole minor units and a currency."""

    model_config = ConfigDict(extra="forbid", strict=True)
    minor: Annotated[int, Field(ge=1, le=MAX_MINOR)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class RefundWish(BaseModel):
    """What shall be refunded: everything that is left where no amount is given."""

    model_config = ConfigDict(extra="forbid")
    amount: Amount | None = None
    reason: Annotated[Line, Field(max_length=80)] = ""
    source: Literal["merchant", "shopper"] = "merchant"


class Judgement(BaseModel):
    """The amount that the person saw who decides; where given, it must be the refund's."""

    model_config = ConfigDict(extra="forbid")
    amount: Amount | None = None


class Settlement(BaseModel):
    """What a person did about a refund that the platform could not make."""

    model_config = ConfigDict(extra="forbid")
    outcome: Literal["refunded_elsewhere", "given_up"]
    note: Annotated[Note, Field(min_length=1, max_length=500)]


class Dismissal(BaseModel):
    """Why nothing remains to be done about an exception."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[Note, Field(min_length=1, max_length=500)]


class Share(BaseModel):
    """What another receiver gets of a settlement."""

    model_config = ConfigDict(extra="forbid")
    merchant_uid: Annotated[str, Field(pattern="^[0-9A-Za-z_-]{1,64}$")]
    amount: Amount


class SettlementWish(BaseModel):
    """Who else gets a part of the order; nobody where empty."""

    model_config = ConfigDict(extra="forbid")
    shares: Annotated[list[Share], Field(max_length=10)] = []


class ParcelBody(BaseModel):
    """One parcel; `carrier` is the platform's code of the carrier, `contact` a masked phone number if it wants one."""

    model_config = ConfigDict(extra="forbid")
    tracking_no: Annotated[Code, Field(max_length=128)] = ""
    carrier: Annotated[Code, Field(max_length=128)] = ""
    description: Annotated[Line, Field(max_length=120)] = ""
    contact: Annotated[str, Field(pattern=r"^[0-9+*-]{0,32}$")] = ""


class ShipmentWish(ParcelBody):
    """What was sent: one parcel, or several as `parcels`; `complete` is false while something remains to be sent."""

    method: Literal["express", "local", "virtual", "pickup"] = "express"
    parcels: Annotated[list[ParcelBody], Field(max_length=15)] = []
    complete: bool = True


def _parcel(body: ParcelBody) -> Parcel:
    return Parcel(body.carrier, body.tracking_no, body.description, body.contact)


def _caller() -> caller.Caller:
    authorizer = app.current_event.raw_event["requestContext"].get("authorizer") or {}
    return caller.from_claims((authorizer.get("jwt") or {}).get("claims") or {})


def _desk() -> OrderService:
    return OrderService(store, lists, _caller(), int(time.time()), partial(wake, events, os.environ["EVENT_BUS_NAME"]))


def _charges() -> ChargeService:
    return ChargeService(store, lists, _caller(), int(time.time()))


def _refund_desk() -> RefundService:
    return RefundService(store, lists, _caller(), int(time.time()))


def _decoded(name: str, given: str) -> str:
    # The gateway decodes path parameters; the router's own would still be percent-encoded.
    return (app.current_event.path_parameters or {}).get(name, given)


def _key(platform: str, account: str, order_id: str) -> OrderKey:
    names = {"platform": platform, "account": account, "order_id": order_id}
    return OrderKey(**{name: _decoded(name, given) for name, given in names.items()})


def _money(amount: Amount | None) -> Money | None:
    return Money(amount.minor, amount.currency) if amount else None


@app.get("/orders")
def list_orders(
    account: Annotated[str, Query(max_length=128)],
    status: Annotated[str, Query(max_length=32)] = "",
    transaction_id: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> Json:
    """List an account's orders, least recently changed first."""
    return _desk().page(account, status=status, transaction_id=transaction_id, cursor=cursor)


@app.get(ORDER)
def get_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Return one order with its refunds and events."""
    return _desk().order(_key(platform, account, order_id))


@app.get(f"{ORDER}/explanation")
def explain_order(platform: Name, account: Name, order_id: Name) -> Json:
    """Say why the order is in its state."""
    return _desk().explanation(_key(platform, account, order_id))


@app.post(f"{ORDER}/refresh")
def refresh_order(platform: Name, account: Name, order_id: Name) -> tuple[Json, int]:
    """Have the platform asked about the order now."""
    return _desk().refresh(_key(platform, account, order_id)), HTTPStatus.ACCEPTED


@app.post(f"{ORDER}/close")
def close_order(platform: Name, account: Name, order_id: Name) -> tuple[Json, int]:
    """Close the order at the platform, as soon as the platform allows."""
    return _desk().close(_key(platform, account, order_id)), HTTPStatus.ACCEPTED


@app.post(f"{ORDER}/settlements")
def settle_order(platform: Name, account: Name, order_id: Name, wish: SettlementWish) -> tuple[Json, int]:
    """Settle the order as soon as its period is over; shares go to others than the seller."""
    shares = tuple((share.merchant_uid, share.amount.minor) for share in wish.shares)
    return _desk().settle(_key(platform, account, order_id), shares), HTTPStatus.ACCEPTED


@app.post(f"{ORDER}/shipments")
def ship_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[ShipmentWish, Body()],
    idempotency_key: Annotated[str, Header(max_length=255)] = "",
) -> tuple[Json, int]:
    """Record a shipment; a worker tells the platform, and the buyer hears of it."""
    parcels = tuple(_parcel(parcel) for parcel in wish.parcels or [wish])
    key = _key(platform, account, order_id)
    shipment = _desk().ship(key, wish.method, parcels, complete=wish.complete, once=idempotency_key)
    return shipment, HTTPStatus.CREATED


@app.post(f"{ORDER}/review/<review_id>/resolve")
def resolve_review(
    platform: Name, account: Name, order_id: Name, review_id: Name, answer: Resolution
) -> tuple[Json, int]:
    """Answer an open question: accept the payment, refund it, or dismiss the question.

    202 where a second person must say the same before it counts.
    """
    key, review_id = _key(platform, account, order_id), _decoded("review_id", review_id)
    order = _desk().resolve(key, review_id, decision=answer.decision, note=answer.note)
    is_open = any(question["review_id"] == review_id for question in order["review"])
    return order, HTTPStatus.ACCEPTED if is_open else HTTPStatus.OK


@app.post(f"{ORDER}/refunds")
def request_refund(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[RefundWish, Body()],
    idempotency_key: Annotated[str, Header(max_length=255)] = "",
) -> tuple[Json, int]:
    """Ask for a refund; somebody else approves it."""
    key = _key(platform, account, order_id)
    amount = _money(wish.amount)
    refund = _refund_desk().request(key, amount, reason=wish.reason, source=wish.source, once=idempotency_key)
    return refund, HTTPStatus.CREATED


@app.post(f"{REFUND}/approve")
def approve_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, seen: Annotated[Judgement | None, Body()] = None
) -> Json:
    """Approve a refund that somebody else asked for; a worker makes it at the platform."""
    return _judge(_key(platform, account, order_id), refund_id, approved=True, seen=seen)


@app.post(f"{REFUND}/reject")
def reject_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, seen: Annotated[Judgement | None, Body()] = None
) -> Json:
    """Reject a refund that somebody else asked for."""
    return _judge(_key(platform, account, order_id), refund_id, approved=False, seen=seen)


def _judge(key: OrderKey, refund_id: str, *, approved: bool, seen: Judgement | None) -> Json:
    amount = _money(seen.amount) if seen else None
    return _refund_desk().judge(key, _decoded("refund_id", refund_id), approved=approved, amount=amount)


@app.post(f"{REFUND}/retry")
def retry_refund(platform: Name, account: Name, order_id: Name, refund_id: Name) -> Json:
    """Have the platform asked again under the same number, after its reason to refuse was mended."""
    return _refund_desk().retry(_key(platform, account, order_id), _decoded("refund_id", refund_id))


@app.post(f"{REFUND}/resolve")
def resolve_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, done: Annotated[Settlement, Body()]
) -> Json:
    """Say what a person did about a refund that needed one."""
    key = _key(platform, account, order_id)
    return _refund_desk().resolve(key, _decoded("refund_id", refund_id), outcome=done.outcome, note=done.note)


@app.get("/refunds")
def list_refunds(
    status: Annotated[str, Query(max_length=32)] = "",
    account: Annotated[str, Query(max_length=128)] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> Json:
    """List refunds, least recently changed first."""
    return _refund_desk().page(status=status, account=account, cursor=cursor)


@app.get("/reconciliation/<account>/<date>")
def reconciliation(
    account: Name,
    date: Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")],
    platform: Annotated[str, Query(max_length=32)] = "",
    format: Annotated[Literal["json", "csv", ""], Query()] = "",  # noqa: A002 - its name on the wire
    accept: Annotated[str, Header()] = "",
) -> Response[str]:
    """Return what comparing the bills of a day found, as JSON or as CSV."""
    found = reports.of_day(bills, _caller(), _decoded("account", account), date, platform)
    if format == "csv" or (not format and "text/csv" in accept):
        headers = {"content-disposition": f'attachment; filename="reconciliation-{date}.csv"'}
        return Response(HTTPStatus.OK, "text/csv; charset=utf-8", reports.as_csv(found), headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(found, ensure_ascii=False))


@app.get("/charges")
def list_charges(
    account: Annotated[str, Query(max_length=128)],
    status: Annotated[str, Query(max_length=32)] = "",
    group: Annotated[str, Query(max_length=32)] = "",
    customer: Annotated[str, Query(max_length=64)] = "",
    shop_customer: Annotated[str, Query(max_length=64)] = "",
    changed_from: Annotated[str, Query(alias="from", max_length=40)] = "",
    changed_to: Annotated[str, Query(alias="to", max_length=40)] = "",
    sort: Annotated[str, Query(max_length=32)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[str, Query(max_length=512)] = "",
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
    page = _charges().page(account, wanted, sort=sort, limit=limit, cursor=cursor)
    if format == "csv" or (not format and "text/csv" in accept):
        headers = {"content-disposition": 'attachment; filename="charges.csv"', "x-next-cursor": page["cursor"] or ""}
        return Response(HTTPStatus.OK, "text/csv; charset=utf-8", charges.as_csv(page["charges"]), headers)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(page, ensure_ascii=False))


@app.post("/charges/<account>/<charge_id>/retry")
def retry_charge(account: Name, charge_id: Name) -> tuple[Json, int]:
    """Have the platform try a failed charge again, once; it is read just before and afterwards."""
    names = _decoded("account", account), _decoded("charge_id", charge_id)
    return _charges().retry(OrderKey(os.environ["CHARGES_PLATFORM"], *names)), HTTPStatus.ACCEPTED


@app.get("/exceptions")
def list_exceptions(
    account: Annotated[str, Query(max_length=128)] = "",
    kind: Annotated[str, Query(max_length=32)] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> Json:
    """Return what a person must look at, longest listed first."""
    return _desk().exceptions(account=account, kind=kind, cursor=cursor)


@app.post("/exceptions/<exception_id>/dismiss")
def dismiss_exception(exception_id: Annotated[str, Path(max_length=2048)], done: Annotated[Dismissal, Body()]) -> Json:
    """Take an orphan, quarantined news or a failed notice off the list; its row stays, and can still be redriven."""
    _desk().dismiss(_decoded("exception_id", exception_id), note=done.note)
    return {"dismissed": True}


@cache
def _document() -> str:
    # Made once for each container: anybody may ask for it, and making it takes as long as hundreds of orders.
    return app.get_openapi_json_schema(title="Countersign", version=__version__)


@app.get("/openapi.json", include_in_schema=False)
def openapi() -> Response[str]:
    """Publish this API's OpenAPI 3.1 document."""
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, _document())


def _as_response(error: CountersignError) -> Response[str]:
    reply = refused_as_problem(None, error)
    return Response(reply.status, reply.content_type, reply.body, dict(reply.headers))


@app.exception_handler(CountersignError)  # type: ignore[untyped-decorator]
def refused(error: CountersignError) -> Response[str]:
    """Answer an error of ours as a problem document."""
    count(type(error).__name__)
    logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
    return _as_response(error)


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def invalid(error: RequestValidationError) -> Response[str]:
    """Name the fields that do not fit, never their values."""
    wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    reply = problem(HTTPStatus.BAD_REQUEST, wrong)
    return Response(reply.status, reply.content_type, reply.body)


@app.not_found
def unknown_route(_error: RouteNotFoundError) -> Response[str]:
    """Answer a path that no route serves."""
    reply = problem(HTTPStatus.NOT_FOUND, "no such resource")
    return Response(reply.status, reply.content_type, reply.body)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Route a request of the merchant API."""
    count("ApiRequest")
    try:
        read_strictly(event)
    except CountersignError as error:
        count(type(error).__name__)
        logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
        return refused_as_problem(None, error).to_event()
    return app.resolve(event, context)
