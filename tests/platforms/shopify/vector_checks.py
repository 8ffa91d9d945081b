"""What a vector of each of Shopify's categories must give, checked against our own code; a failed check raises."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from countersign.errors import CountersignError, MalformedError, NotFoundError, NotGenuineError
from countersign.http import HttpRequest
from countersign.money import from_decimal
from countersign.platforms.shopify import (
    answers,
    asking,
    bus,
    checkout,
    messages,
    replies,
    sessions,
    signing,
)
from countersign.platforms.shopify import settings as shopify_settings
from countersign.platforms.shopify.settings import App
from countersign.signing import digests
from countersign.signing.credentials import Secret
from tests.platforms.shopify import schemas

Vector = Mapping[str, Any]


class VectorFailedError(Exception):
    """Our code gives something else than a vector says."""


def must(holds: object, what: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise VectorFailedError(what)


def body_of(raw: Mapping[str, Any]) -> bytes:
    """Return a request's exact bytes; one whose bytes are not those of its digest would judge something else."""
    coded = raw.get("body_base64") or raw.get("body_b64")
    body = base64.b64decode(coded) if coded else str(raw.get("body", "")).encode()
    digest = raw.get("body_sha256")
    must(not digest or hashlib.sha256(body).hexdigest() == digest, "the vector's body is not the one of its digest")
    return body


def app_of(inputs: Mapping[str, Any], *, events: bool = False) -> App:
    """Return the app that a vector is of."""
    secrets = inputs.get("client_secrets") or [inputs["client_secret"]]
    return shopify_settings.load({"client_secrets": secrets, "events": events})


def check_webhook(vector: Vector) -> None:
    """Check that a delivery is taken or refused, and what is read of one that is taken."""
    raw = vector["raw_request"]
    if "apigw_v2_event" in raw:
        event = raw["apigw_v2_event"]
        coded = "body_base64" if event["isBase64Encoded"] else "body"
        raw = {"headers": event["headers"], coded: event["body"], "path": event["rawPath"]}
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    request = HttpRequest("POST", raw.get("path", "/"), headers, body_of(raw))
    expect = vector["expect"]
    try:
        genuine = signing.verify(request, app_of(vector["inputs"], events=vector["category"].endswith("_events")))
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is genuine")
        kind = MalformedError if expect["reason"] in ("missing_headers", "shop_domain_invalid") else NotGenuineError
        must(isinstance(error, kind), f"refused as {type(error).__name__}, not as {kind.__name__}")
        must(replies.refused(request, error).status == (400 if kind is MalformedError else 401), "answered otherwise")
        return
    must(expect["valid"], "taken, and it is not genuine")
    if "matched_secret_index" in expect:
        must(genuine.key_id == f"client_secrets[{expect['matched_secret_index']}]", f"by {genuine.key_id}")
    for name, value in (expect.get("parsed") or {}).items():
        must(name in READ, f"nothing here reads {name}")
        found = READ[name](genuine, headers, value)
        must(found == value, f"{name} is {found!r}, and should be {value!r}")


def _fields(genuine: signing.VerifiedMessage) -> Any:
    kind = messages.subject(genuine.fields)
    readers: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
        "order": messages.read_order,
        "transaction": messages.read_transaction,
        "fulfillment": messages.read_fulfillment,
    }
    return readers[kind](genuine.fields)


def _header(name: str) -> Callable[[signing.VerifiedMessage, Mapping[str, str], Any], Any]:
    return lambda _, headers, __: headers.get(f"x-shopify-{name}", headers.get(f"shopify-{name}"))


def _word(name: str) -> Callable[[signing.VerifiedMessage, Mapping[str, str], Any], Any]:
    return lambda genuine, _, __: getattr(_fields(genuine), name) or None


def _moment(name: str) -> Callable[[signing.VerifiedMessage, Mapping[str, str], Any], Any]:
    def read(genuine: signing.VerifiedMessage, _: Mapping[str, str], value: Any) -> Any:
        found = getattr(_fields(genuine), name)
        return value if messages.moment({"at": value}, "at") == found else found

    return read


def _money(name: str) -> Callable[[signing.VerifiedMessage, Mapping[str, str], Any], Any]:
    def read(genuine: signing.VerifiedMessage, _: Mapping[str, str], value: Any) -> Any:
        found = getattr(_fields(genuine), name).charged
        return value if from_decimal(value, found.currency) == found else str(found)

    return read


def _refund_transactions(genuine: signing.VerifiedMessage, _: Mapping[str, str], value: Any) -> Any:
    found = messages.read_refund(genuine.fields)
    same = [(one.id, one.kind, one.status, str(one.amount.charged) if one.amount else "") for one in found] == [
        (str(one["id"]), one["kind"], one["status"], f"{one['amount']} {one['currency']}") for one in value
    ]
    return value if same else found


READ: Mapping[str, Callable[[signing.VerifiedMessage, Mapping[str, str], Any], Any]] = {
    "topic": lambda genuine, _, __: genuine.topic,
    "shop_domain": lambda genuine, _, __: genuine.shop,
    "api_version": lambda genuine, _, __: genuine.api_version,
    "family": lambda genuine, _, __: genuine.family,
    "webhook_id": _header("webhook-id"),
    "event_id": _header("event-id"),
    "handle": _header("handle"),
    "action": lambda genuine, _, __: genuine.fields["action"],
    "order_gid": lambda genuine, _, __: f"gid://shopify/Order/{_fields(genuine).id}",
    "refund_gid": lambda genuine, _, __: f"gid://shopify/Refund/{messages.digits(genuine.fields['id'])}",
    "transaction_gid": lambda genuine, _, __: f"gid://shopify/OrderTransaction/{_fields(genuine).id}",
    "fulfillment_gid": lambda genuine, _, __: f"gid://shopify/Fulfillment/{_fields(genuine).id}",
    "order_id": lambda genuine, _, __: int(messages.order_of(genuine.fields)),
    "shop_id": lambda genuine, _, __: int(genuine.shop_id),
    "order_name": _word("name"),
    "financial_status": _word("financial_status"),
    "fulfillment_status": _word("fulfillment_status"),
    "status": _word("status"),
    "kind": _word("kind"),
    "error_code": _word("error_code"),
    "total": _money("total"),
    "amount": _money("amount"),
    "currency": lambda genuine, _, __: _fields(genuine).total.charged.currency,
    "cancelled_at": _moment("cancelled_at"),
    "updated_at": _moment("updated_at"),
    "test": lambda genuine, _, __: _fields(genuine).test,
    "tracking_number": lambda genuine, _, __: _fields(genuine).tracking[0],
    "refund_transactions": _refund_transactions,
    "compliance": lambda genuine, _, __: messages.subject(genuine.fields) == "compliance",
}


def check_query(vector: Vector) -> None:
    """Check that a signed query is taken or refused; the state is compared as the function does that sent it."""
    inputs, expect = vector["inputs"], vector["expect"]
    query, keys = vector["raw_request"]["query_string"], [Secret(inputs["client_secret"])]
    try:
        if inputs.get("now_epoch") is None:
            found = signing.verify_query_digest(query, keys)
        else:
            found = signing.verify_query(query, keys, now=inputs["now_epoch"])
        state = inputs.get("expected_state")
        if state is not None and not digests.equal(found.get("state", ""), state):
            raise NotGenuineError("another state than was sent")
    except CountersignError as error:
        must(expect["valid"] is False, f"refused ({error}), and it is genuine")
        return
    must(expect["valid"] is not False, "taken, and it is not genuine")
    if expect.get("shop"):
        must(found["shop"] == expect["shop"], f"another shop: {found['shop']}")


def check_both_forms(vector: Vector) -> None:
    """Check that both forms of the signed text are taken, for official libraries disagree about them."""
    inputs, expect = vector["inputs"], vector["expect"]
    unsigned = "&".join(
        part for part in vector["raw_request"]["query_string"].split("&") if not part.startswith("hmac=")
    )
    for form in ("hmac_urlencoded_form", "hmac_decoded_form"):
        query = f"{unsigned}&hmac={expect[form]}"
        signing.verify_query(query, [Secret(inputs["client_secret"])], now=inputs["now_epoch"])


def check_shops(vector: Vector) -> None:
    """Check which hosts are names of shops, once in lower case."""
    for case in vector["expect"]["cases"]:
        found = shopify_settings.is_shop(case["input"].lower())
        must(found == case["valid"], f"{case['input']!r} is {'a shop' if found else 'none'}")


def check_operation(vector: Vector) -> None:
    """Check that the official schema of each version gives the verdict that the vector has."""
    inputs = vector["inputs"]
    api = {"storefront": "storefront-graphql"}.get(inputs["api"], inputs["api"])
    case = {"it": {"query": inputs["query"], "variables": inputs["variables"]}}
    said = schemas.judged({(api, version): case for version in inputs["versions"]})
    for version, verdict in vector["expect"]["per_version"].items():
        errors = said[api, version]["it"]
        must((not errors) == verdict["valid"], f"{version} says {errors or 'nothing against it'}")


def check_throttle(vector: Vector) -> None:
    """Check whether an answer says that the bucket is empty, and for how long."""
    raw = vector["raw_request"]
    wait = answers.throttled_wait(json.loads(raw["response_body"]))
    must(bool(wait) == vector["expect"]["throttled"], f"throttled: {bool(wait)}")
    must(wait == vector["expect"]["wait_seconds"], f"{wait} seconds")


def check_event(vector: Vector) -> None:
    """Check that an event of the bus is taken only from the partner's source, and what is read of it."""
    inputs, expect = vector["inputs"], vector["expect"]
    try:
        genuine = bus.verify(vector["raw_request"]["eventbridge_event"], inputs["expected_source_prefix"])
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is genuine")
        return
    must(expect["valid"], "taken, and it is not from the partner")
    parsed = expect["parsed"]
    must((genuine.topic, genuine.shop) == (parsed["topic"], parsed["shop_domain"]), "another topic or shop")


def check_permalink(vector: Vector) -> None:
    """Check the address of a cart."""
    inputs = vector["inputs"]
    found = checkout.permalink(inputs["shop"], [(one, many) for one, many in inputs["items"]], inputs["params"])
    must(found == vector["expect"]["url"], f"it is {found}")


def check_session(vector: Vector) -> None:
    """Check that a session of a payments app is taken or refused, and what is read of it."""
    raw, expect = vector["raw_request"], vector["expect"]
    about = vector["category"].removeprefix("payments_app_").removesuffix("_session")
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    request = HttpRequest("POST", raw["path"], headers, body_of(raw))
    try:
        shop = sessions.shop_of(request)
        if shop not in vector["inputs"]["installed_shops"]:
            raise NotFoundError("shop_not_installed")
        found = sessions.read(about, shop, request.body)
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is to be taken")
        must(asking.refused(request, error).status == expect["http_status"], f"answered {error.status}")
        return
    must(expect["valid"], "taken, and it is to be refused")
    for name, value in expect["normalised"].items():
        must(name in SESSION, f"nothing here reads {name}")
        must(SESSION[name](found) == value, f"{name} is {SESSION[name](found)!r}, and should be {value!r}")


SESSION: Mapping[str, Callable[[sessions.Request], Any]] = {
    "session_type": lambda found: found.about,
    "id": lambda found: found.id,
    "gid": lambda found: found.gid,
    "group": lambda found: found.group,
    "amount_minor": lambda found: found.amount.minor if found.amount is not None else None,
    "currency": lambda found: found.amount.currency if found.amount is not None else None,
    "kind": lambda found: found.kind,
    "test": lambda found: found.test,
    "shop": lambda found: found.shop,
    "cancel_url": lambda found: found.cancel_url,
    "payment_id": lambda found: found.payment_id,
}


CHECKS: Mapping[str, Callable[[Vector], None]] = {
    "webhook_hmac": check_webhook,
    "webhook_hmac_events": check_webhook,
    "webhook_apigw_v2": check_webhook,
    "oauth_query_hmac": check_query,
    "oauth_query_hmac_array": check_query,
    "oauth_query_hmac_divergent": check_both_forms,
    "shop_domain": check_shops,
    "graphql_throttle": check_throttle,
    "eventbridge_event": check_event,
    "cart_permalink": check_permalink,
    "graphql_operation": check_operation,
    **dict.fromkeys(
        (f"payments_app_{about}_session" for about in ("payment", "refund", "capture", "void")), check_session
    ),
}
