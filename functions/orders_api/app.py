"""The merchant API over orders: look, list, explain, refresh, close, resolve."""

import os
import time
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as RouteNotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from countersign import __version__, aws
from countersign.actions.orders import OrderDesk
from countersign.errors import CountersignError, NotFoundError
from countersign.http import problem
from countersign.orders.changes import OrderKey
from countersign.runtime import caller
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import OrderStore
from countersign.store.lists import OrderLists

app = APIGatewayHttpResolver(enable_validation=True)
store = OrderStore.from_environment()
lists = OrderLists.from_environment()
queue = aws.client("sqs")

Json = dict[str, Any]
ORDER = "/orders/<platform>/<account>/<order_id>"
Name = Annotated[str, Path(max_length=128)]


class Resolution(BaseModel):
    """The answer to an open question."""

    model_config = ConfigDict(extra="forbid")
    decision: Annotated[str, Field(pattern="^(accept|refund|dismiss)$")]
    note: Annotated[str, Field(max_length=500)] = ""


def _desk() -> OrderDesk:
    authorizer = app.current_event.raw_event["requestContext"].get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    return OrderDesk(store, lists, caller.from_claims(claims), int(time.time()))


def _key(platform: str, account: str, order_id: str) -> OrderKey:
    # The gateway decodes path parameters; the router's own would still be percent-encoded.
    decoded = app.current_event.path_parameters or {}
    return OrderKey(
        decoded.get("platform", platform), decoded.get("account", account), decoded.get("order_id", order_id)
    )


def _queue_url(platform: str) -> str:
    url = os.environ.get(f"{platform.upper()}_POLL_QUEUE_URL")
    if url is None:
        raise NotFoundError("no such platform")
    return url


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
    key = _key(platform, account, order_id)
    return _desk().refresh(key, queue=queue, queue_url=_queue_url(key.platform)), HTTPStatus.ACCEPTED


@app.post(f"{ORDER}/close")
def close_order(platform: Name, account: Name, order_id: Name) -> tuple[Json, int]:
    """Close the order at the platform, as soon as the platform allows."""
    key = _key(platform, account, order_id)
    return _desk().close(key, queue=queue, queue_url=_queue_url(key.platform)), HTTPStatus.ACCEPTED


@app.post(f"{ORDER}/review/<review_id>/resolve")
def resolve_review(platform: Name, account: Name, order_id: Name, review_id: Name, answer: Resolution) -> Json:
    """Answer an open question: accept the payment, refund it, or dismiss the question."""
    decoded = app.current_event.path_parameters or {}
    key = _key(platform, account, order_id)
    review = decoded.get("review_id", review_id)
    return _desk().resolve(key, review, decision=answer.decision, note=answer.note)


@app.get("/exceptions")
def list_exceptions() -> Json:
    """Return what a person must look at."""
    return _desk().exceptions()


@app.get("/openapi.json", include_in_schema=False)
def openapi() -> Response[str]:
    """Publish this API's OpenAPI 3.1 document."""
    document = app.get_openapi_json_schema(title="Countersign", version=__version__)
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, document)


def _as_response(error: CountersignError) -> Response[str]:
    reply = problem(error.status, str(error))
    return Response(reply.status, reply.content_type, reply.body)


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
    return app.resolve(event, context)
