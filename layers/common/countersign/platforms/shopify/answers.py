"""What an answer of Shopify's GraphQL APIs means for the caller: done, slowed down, refused for good, or unknown."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from countersign.errors import MalformedError, PlatformUnavailableError, RateLimitedError, UnprocessableError
from countersign.fields import mapping, mappings, text
from countersign.money import Money
from countersign.orders.reasons import because
from countersign.platforms.shopify import messages
from countersign.platforms.shopify.instructions import Markable
from countersign.platforms.shopify.messages import Amount, Line, Order, Transaction
from countersign.wire import TRANSIENT, Response

MAX_BYTES = 16 * 1024 * 1024
MOST_OBJECTION = 1000  # characters of what Shopify says against a cart
MOST_POINTS = 10**9
LEAST_WAIT = 1.0  # seconds between two tries of one call
# Of an order, and of one that has more; one more is asked for, since a list that is cut off is never summed.
MOST_TRANSACTIONS, MOST_MOVEMENTS = 50, 150
THROTTLED = frozenset({429, 430})  # the latter where a caller looks like a robot
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
Reads = Callable[[Mapping[str, Any], str, str], Money]  # an amount's field in its currency
# Webhooks say it in the words of the REST API.
_FULFILLMENT = {"unfulfilled": "", "partially_fulfilled": "partial"}


class CallRefusedError(UnprocessableError):
    """Shopify refused the call for good; `status` is its HTTP status, or 200 where its answer says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"Shopify refused the call: {reason}")
        self.status = status

    @property
    def whole_account(self) -> bool:
        """Whether every call of the shop would be refused: its token, its rights, or the shop itself."""
        return self.status in (401, 402, 403, 423)


class KeyUsedError(PlatformUnavailableError):
    """Shopify got another call under this idempotency key: what became of that one must be read."""

    def __init__(self) -> None:
        super().__init__("Shopify got another call under this idempotency key")


class Refundable(NamedTuple):
    """A payment of which money can go back: its transaction, its gateway's name, and the most that can."""

    parent_id: str
    gateway: str
    most: Money


class NewCart(NamedTuple):
    """A cart that Shopify made: where its checkout opens, what is in it, and (code, message) of what it warns of."""

    checkout_url: str
    quantity: int
    total: Money | None
    warnings: tuple[tuple[str, str], ...]


class CartRefusedError(UnprocessableError):
    """Shopify makes no such cart; what it says is of the shop's own goods and rules."""

    def __init__(self, said: str) -> None:
        super().__init__(f"Shopify makes no such cart: {said}")
        self.reason = because("said_by_the_platform", text=said)


class ThrottledError(RateLimitedError):
    """The shop's bucket is empty; `wait` says for how many seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("Shopify's bucket of the shop is empty")
        self.wait = wait


# https://shopify.dev/docs/api/usage/response-codes
_MEANING = {
    401: "the access token is not one (401)",
    402: "the shop is frozen (402)",
    403: "the access token lacks a scope, or may not be used any more (403)",
    404: "there is no such shop or version (404)",
    423: "the shop is locked (423)",
}


def read(response: Response) -> Mapping[str, Any]:
    """Return the `data` of an answer, or raise what it means; half an answer is none."""
    status = response.status_code
    if status in THROTTLED:
        raise ThrottledError(_retry_after(response.headers))
    if status in TRANSIENT or status >= 500:
        raise PlatformUnavailableError(f"Shopify answered HTTP {status}")
    if not 200 <= status < 300:
        raise CallRefusedError(status, _MEANING.get(status, f"HTTP {status}"))
    document = _json(response)
    _raise_errors(document)
    data = document.get("data")
    if not isinstance(data, dict):
        raise PlatformUnavailableError("Shopify's answer has no data")
    if _warnings(document):  # a filter that it does not know is ignored: everything would be answered
        raise CallRefusedError(200, "a filter of the list was ignored")
    return data


def read_token(response: Response) -> tuple[str, int]:
    """Return the token of an answer and for how many seconds it lives; one without an end is no answer."""
    status = response.status_code
    if status in THROTTLED or status in TRANSIENT or status >= 500:
        raise PlatformUnavailableError(f"Shopify answered HTTP {status}")
    if status != 200:
        raise CallRefusedError(401 if status == 400 else status, "it gives the app no token for this shop")
    document = _json(response)
    token, lifetime = document.get("access_token"), document.get("expires_in")
    if not isinstance(token, str) or not token or type(lifetime) is not int or lifetime <= 0:
        raise PlatformUnavailableError("Shopify's answer has no token, or none that ends")
    return token, lifetime


def throttled_wait(document: Mapping[str, Any]) -> float:
    """Return for how many seconds to wait before a call that was throttled is made again; 0 where it was not.

    https://shopify.dev/docs/api/usage/limits: what it may cost, less what is there, at the rate at which it fills up.
    """
    if "THROTTLED" not in _codes(document):
        return 0
    cost = _object(_object(document, "extensions"), "cost")
    state = _object(cost, "throttleStatus")
    wanted, there, rate = (
        _number(cost, "requestedQueryCost"),
        _number(state, "currentlyAvailable"),
        _number(state, "restoreRate"),
    )
    return max(LEAST_WAIT, math.ceil((wanted - there) / rate)) if rate > 0 else LEAST_WAIT


def refusals(payload: Mapping[str, Any]) -> str:
    """Return what a mutation's userErrors say, on one line; empty where there are none."""
    said = [str(error.get("message", "")) for error in mappings(payload, "userErrors")]
    return "; ".join(said)


def codes(payload: Mapping[str, Any]) -> set[str]:
    """Return the codes of a mutation's userErrors."""
    return {str(error.get("code", "")) for error in mappings(payload, "userErrors")}


def read_cart(payload: Mapping[str, Any]) -> NewCart:
    """Return the cart of an answer; raises CartRefusedError with what Shopify objects to."""
    # https://shopify.dev/docs/api/storefront/2026-10/payloads/CartCreatePayload
    objections = mappings(payload, "userErrors")
    if any(one.get("code") == "SERVICE_UNAVAILABLE" for one in objections):
        raise PlatformUnavailableError("Shopify makes no carts just now")
    if objections:
        raise CartRefusedError("; ".join(_objection(one) for one in objections)[:MOST_OBJECTION])
    cart = member(payload, "cart")
    address = cart.get("checkoutUrl")
    if not isinstance(address, str) or not address.startswith("https://"):
        raise PlatformUnavailableError("Shopify's cart has no checkout")
    quantity, cost = cart.get("totalQuantity"), mapping(mapping(cart, "cost"), "totalAmount")
    return NewCart(
        address,
        quantity if type(quantity) is int else 0,
        _money(cost) if cost else None,
        tuple((str(one.get("code", "")), str(one.get("message", ""))) for one in mappings(payload, "warnings")),
    )


def _objection(error: Mapping[str, Any]) -> str:
    """Return what Shopify says of one field; where it is, as `lines.0.quantity`."""
    said = error.get("field")
    where = ".".join(map(str, said[1:])) if isinstance(said, list) else ""
    told = f"{error.get('code') or 'INVALID'}: {error.get('message', '')}"
    return f"{where} {told}" if where else told


def member(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under a name of an answer."""
    found = data.get(name)
    if not isinstance(found, dict):
        raise PlatformUnavailableError(f"Shopify's answer has no {name}")
    return found


def nodes(connection: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes of a page; MalformedError where one is no object."""
    return mappings(connection, "nodes")


def read_order(node: Mapping[str, Any]) -> Order:
    """Return an order as the Admin API tells it; MalformedError names what cannot be read."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
    total, received = _bag(node, "currentTotalPriceSet"), _bag(node, "totalReceivedSet")
    if total is None or received is None:
        raise MalformedError("currentTotalPriceSet or totalReceivedSet is missing")
    capturable, outstanding = _bag(node, "totalCapturableSet"), _bag(node, "totalOutstandingSet", messages.due)
    order_id = messages.digits(node.get("id"))
    created_at, updated_at = messages.moment(node, "createdAt"), messages.moment(node, "updatedAt")
    if not order_id or created_at is None or updated_at is None:
        raise MalformedError("id, createdAt or updatedAt is missing")
    read_again = "movements" in node
    listed = mappings(node, "movements" if read_again else "transactions")
    whole = len(listed) <= (MOST_MOVEMENTS if read_again else MOST_TRANSACTIONS)
    refund_of = _refunds(node)
    fulfillment = _word(node, "displayFulfillmentStatus")
    return Order(
        id=order_id,
        name=_text(node, "name"),
        created_at=created_at,
        updated_at=updated_at,
        total=total,
        financial_status=_word(node, "displayFinancialStatus"),
        fulfillment_status=_FULFILLMENT.get(fulfillment, fulfillment),
        cancelled_at=messages.moment(node, "cancelledAt"),
        cancel_reason=_word(node, "cancelReason"),
        outstanding=outstanding,
        received=received.charged,
        authorized=capturable.charged if capturable is not None else Money(0, total.charged.currency),
        gateways=tuple(messages.texts(node, "paymentGatewayNames")),
        attributes=messages.attributes(mappings(node, "customAttributes"), "key"),
        lines=tuple(_line(one, total.charged.currency) for one in nodes(mapping(node, "lineItems")))[
            : messages.MAX_LINES
        ],
        transactions=tuple(_transaction(one, order_id, refund_of) for one in listed) if whole else (),
        source=_text(node, "sourceName"),
        test=messages.flag(node, "test"),
        complete=whole,
        names_refunds="refunds" in node,
    )


def _refunds(node: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return (refund, our number of it) of each movement of money back, where the order was asked for its refunds."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Refund
    found: dict[str, tuple[str, str]] = {}
    for refund in mappings(node, "refunds"):
        names = messages.digits(refund.get("id")), messages.mark_of(refund)
        found |= {messages.digits(one.get("id")): names for one in nodes(mapping(refund, "transactions"))}
    return found


def read_refund(payload: Mapping[str, Any], order_id: str) -> tuple[Transaction, ...]:
    """Return the movements of money of the refund that a mutation made; raises CallRefusedError where it made none."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/payloads/RefundCreatePayload
    if said := refusals(payload):
        raise CallRefusedError(200, said)
    refund = member(payload, "refund")
    listed = nodes(member(refund, "transactions"))
    refund_of = _refunds({"refunds": [refund]})
    return tuple(_transaction(one, order_id, refund_of) for one in listed)


def read_refundable(node: Mapping[str, Any]) -> tuple[Refundable, ...]:
    """Return what can go back of an order, payment by payment, in the sequence in which Shopify suggests it."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/SuggestedOrderTransaction
    found = []
    for one in mappings(member(node, "suggestedRefund"), "suggestedTransactions"):
        most = _bag(one, "maximumRefundableSet") or _bag(one, "amountSet")
        parent = messages.digits(mapping(one, "parentTransaction").get("id"))
        if most is not None and most.charged.minor:
            found.append(Refundable(parent, _text(one, "gateway"), most.charged))
    return tuple(found)


def read_markable(node: Mapping[str, Any]) -> Markable:
    """Return what an order says of marking it as paid: a manual gateway is one whose payment was never asked for."""
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/OrderTransaction
    listed = mappings(node, "gateways")
    pending = [one for one in listed if _word(one, "status") == "pending"]
    manual = bool(pending) and all(messages.flag(one, "manualPaymentGateway") for one in pending)
    manual &= len(listed) <= MOST_TRANSACTIONS
    return Markable(messages.flag(node, "canMarkAsPaid"), manual)


def _transaction(node: Mapping[str, Any], order_id: str, refund_of: Mapping[str, tuple[str, str]]) -> Transaction:
    # https://shopify.dev/docs/api/admin-graphql/2026-10/objects/OrderTransaction
    at = messages.moment(node, "processedAt")
    number = messages.digits(node.get("id"))
    refund_id, mark = refund_of.get(number, ("", ""))
    return Transaction(
        id=number,
        order_id=order_id,
        kind=_word(node, "kind"),
        status=_word(node, "status"),
        amount=_bag(node, "amountSet"),
        gateway=_text(node, "gateway"),
        parent_id=messages.digits(mapping(node, "parentTransaction").get("id")),
        refund_id=refund_id,
        mark=mark,
        at=at if at is not None else messages.moment(node, "createdAt"),
        test=messages.flag(node, "test"),
        error_code=_word(node, "errorCode"),
    )


def _line(node: Mapping[str, Any], currency: str) -> Line:
    quantity, price = node.get("currentQuantity"), _bag(node, "originalUnitPriceSet")
    if type(quantity) is not int or not 0 <= quantity <= 10**9:
        raise MalformedError("currentQuantity is not a count")
    same = price is not None and price.charged.currency == currency
    return Line(_text(node, "title"), quantity, price.charged if price is not None and same else None)


def _bag(node: Mapping[str, Any], name: str, read: Reads = messages.amount) -> Amount | None:
    both = mapping(node, name)
    if not both:
        return None
    charged, shop = _money(mapping(both, "presentmentMoney"), read), _money(mapping(both, "shopMoney"), read)
    return Amount(charged, shop if shop.currency != charged.currency else None)


def _money(node: Mapping[str, Any], read: Reads = messages.amount) -> Money:
    return read(node, "amount", text(node, "currencyCode", _CURRENCY))


def _word(node: Mapping[str, Any], name: str) -> str:
    return messages.word(node, name)


def _text(node: Mapping[str, Any], name: str) -> str:
    return messages.line_text(node, name)


def _json(response: Response) -> Mapping[str, Any]:
    content, length = response.content, response.headers.get("Content-Length", "")
    if len(content) > MAX_BYTES:
        raise PlatformUnavailableError("Shopify's answer is too large")
    coded = response.headers.get("Content-Encoding", "identity") != "identity"
    if not coded and length.isascii() and length.isdigit() and int(length) != len(content):
        raise PlatformUnavailableError("Shopify's answer broke off")
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise PlatformUnavailableError("Shopify's answer is not JSON, or not all of it") from None
    if not isinstance(document, dict):
        raise PlatformUnavailableError("Shopify's answer is not an object")
    return document


def _raise_errors(document: Mapping[str, Any]) -> None:
    if not document.get("errors"):
        return
    codes = _codes(document)
    if wait := throttled_wait(document):
        raise ThrottledError(wait)
    # https://shopify.dev/docs/api/usage/idempotent-requests
    if "IDEMPOTENCY_CONCURRENT_REQUEST" in codes:
        raise PlatformUnavailableError("Shopify is at the same call already")
    if "IDEMPOTENCY_KEY_PARAMETER_MISMATCH" in codes:
        raise KeyUsedError
    if "ACCESS_DENIED" in codes:
        raise CallRefusedError(403, "the access token lacks a scope")
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        raise PlatformUnavailableError("Shopify's answer is an error of its own")
    raise CallRefusedError(200, "the document is not one that it understands")


def _codes(document: Mapping[str, Any]) -> set[str]:
    errors = document.get("errors")
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return {str(_object(error, "extensions").get("code", "")) for error in found}


def _warnings(document: Mapping[str, Any]) -> bool:
    searches = _object(document, "extensions").get("search")
    found = searches if isinstance(searches, list) else []
    return any(isinstance(one, dict) and one.get("warnings") for one in found)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}


def _number(fields: Mapping[str, Any], name: str) -> float:
    """Return a number of points; 0 where there is none, or more than any shop has: JSON has numbers without an end."""
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) and abs(value) <= MOST_POINTS else 0.0


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the header's seconds; one official client takes them for milliseconds."""
    whole = (headers.get("Retry-After") or "").partition(".")[0]
    return min(max(LEAST_WAIT, int(whole)), 60.0) if whole.isascii() and whole.isdigit() else 2.0
