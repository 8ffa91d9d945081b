"""Tells whether a delivery or a query is Shopify's, which shop its signed bytes name, and what it says."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from countersign.errors import InvalidSignatureError, MalformedError
from countersign.http import HttpRequest, read_json
from countersign.platforms.shopify.settings import App, is_shop
from countersign.signing import digests, freshness
from countersign.signing.credentials import Secret
from countersign.signing.encoding import to_base64
from countersign.values import dataclass

WEBHOOKS, EVENTS = "webhooks", "events"
_PREFIXES = {WEBHOOKS: "x-shopify-", EVENTS: "shopify-"}
_REQUIRED = ("topic", "shop-domain", "api-version", "webhook-id")
QUERY_WINDOW = 90  # seconds, as Shopify's own library for Node has it
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGITS = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_MOST_PARAMETERS = 50
MOST_KEYS = 100_000  # an order of some hundred lines has ten thousand, and its bytes were signed before they are read


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A delivery that Shopify made; `problem` says why a genuine one cannot be read.

    `topic` and `shop` come from headers, which nothing signs: the shop is compared with what the body says, and what a
    delivery means is read from its body.
    """

    key_id: str
    body: bytes
    fields: Mapping[str, Any]
    problem: str = ""
    topic: str = ""
    shop: str = ""
    api_version: str = ""
    triggered_at: str = ""
    family: str = WEBHOOKS

    @property
    def content(self) -> bytes:
        """What was said, in one form: neither headers nor layout make it something else."""
        return self.body if self.problem else json.dumps(self.fields, sort_keys=True).encode()

    @property
    def shop_id(self) -> str:
        """The number of the shop that the signed bytes name; empty where they name none.

        https://shopify.dev/docs/api/webhooks: the path of an order's status page begins with it (its host may be a
        domain of the merchant's own), compliance topics have `shop_id`, and app/uninstalled is the shop itself.
        """
        status_page = self.fields.get("order_status_url")
        if isinstance(status_page, str):
            return _first_number(status_page)
        named = self.fields.get("shop_id")
        if named is None and "myshopify_domain" in self.fields:
            named = self.fields.get("id")
        text = str(named) if type(named) in (int, str) else ""
        return text if _DIGITS.fullmatch(text) else ""


def verify(request: HttpRequest, app: App) -> VerifiedMessage:
    """Return what a delivery says if Shopify made it with a secret of the app.

    Raises InvalidSignatureError (401, as the review of apps wants it) or MalformedError where a header is missing that
    Shopify always sends. The bytes are signed as they come: what is read and written again has another signature.
    """
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
    if not request.body:
        raise InvalidSignatureError("the delivery has no body")
    signed = [family for family, prefix in _PREFIXES.items() if f"{prefix}hmac-sha256" in request.headers]
    if len(signed) != 1:
        raise InvalidSignatureError("the delivery has no signature, or those of two families")
    family = signed[0]
    if family == EVENTS and not app.events:
        raise InvalidSignatureError("the account takes no deliveries of the newer family")
    prefix = _PREFIXES[family]
    key_id = _verify_body(request.header(f"{prefix}hmac-sha256"), request.body, app)
    said = {name: request.header(f"{prefix}{name}") for name in (*_REQUIRED, "triggered-at")}
    missing = [name for name in _REQUIRED if not said[name]]
    if missing:
        raise MalformedError(f"the header {missing[0]} is missing")
    shop = said["shop-domain"].lower()
    if not is_shop(shop):
        raise MalformedError("the header shop-domain names no shop")
    fields, problem = _read(request.body)
    return VerifiedMessage(
        key_id,
        request.body,
        fields,
        problem,
        topic=said["topic"],
        shop=shop,
        api_version=said["api-version"],
        triggered_at=said["triggered-at"],
        family=family,
    )


def reverify(body: bytes, *, key_id: str, shop: str) -> VerifiedMessage:
    """Return what a delivery says that was verified when it came, for a shop, and kept since."""
    fields, problem = _read(body)
    return VerifiedMessage(key_id, body, fields, problem, shop=shop)


def verify_query(query: str, secrets: Iterable[Secret], *, now: int) -> dict[str, str]:
    """Return the parameters of a query that Shopify signed with one of the secrets; InvalidSignatureError otherwise.

    Shopify's libraries write the signed text in two forms that differ only in characters which its own queries do not
    have; both are right. A parameter may stand once only, save `ids[]`, of which the signed list is returned as text.
    """
    # https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
    parameters = verify_query_digest(query, secrets)
    if not is_shop(parameters.get("shop", "").lower()):
        raise InvalidSignatureError("the query names no shop")
    freshness.check(parameters.get("timestamp", ""), now=now, back=QUERY_WINDOW, ahead=QUERY_WINDOW)
    return parameters


def verify_query_digest(query: str, secrets: Iterable[Secret]) -> dict[str, str]:
    """Return the parameters of a query whose signature is right, whenever and for whichever shop it was made."""
    if not query.isascii():  # what a browser sends is escaped, and what is not could be half a character
        raise InvalidSignatureError("the query cannot be read")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise InvalidSignatureError("the query cannot be read") from None
    lists = {name for name, _ in pairs if name.endswith("[]")}
    names = [name for name, _ in pairs if name not in lists]
    given = next((value for name, value in pairs if name == "hmac"), "")
    if len(names) != len(set(names)) or not lists <= {"ids[]"} or (lists and "ids" in names):
        raise InvalidSignatureError("a parameter of the query stands twice")
    if not _HEX.fullmatch(given):
        raise InvalidSignatureError("the query has no signature")
    parameters = {name: value for name, value in pairs if name not in lists and name != "hmac"}
    for name in lists:
        listed = ", ".join(f'"{value}"' for value in (value for key, value in pairs if key == name))
        parameters[name.removesuffix("[]")] = f"[{listed}]"
    forms = {form.encode() for form in (_decoded_form(parameters), _encoded_form(parameters))}
    expected = [digests.hmac_sha256(key.reveal().encode(), form) for key in secrets for form in sorted(forms)]
    if not any(digests.equal(given, digest) for digest in expected):
        raise InvalidSignatureError("no secret of the app makes this signature")
    return parameters


def _decoded_form(parameters: Mapping[str, str]) -> str:
    """Return what ShopifyAPI for Python signs: values as they are, but for the characters that separate them."""

    def escaped(text: str) -> str:
        return text.replace("%", "%25").replace("&", "%26")

    return "&".join(
        f"{escaped(name).replace('=', '%3D')}={escaped(value)}" for name, value in sorted(parameters.items())
    )


def _encoded_form(parameters: Mapping[str, str]) -> str:
    """Return what the library for Node signs: names and values as JavaScript writes them into an address."""
    return "&".join(f"{_component(name)}={_component(value)}" for name, value in sorted(parameters.items()))


def _component(text: str) -> str:
    return quote(text, safe="!'()*~")


def _verify_body(given: str, body: bytes, app: App) -> str:
    for name, keys in (
        ("client_secrets", app.client_secrets),
        ("admin_webhook_secrets", app.admin_webhook_secrets),
    ):
        for index, key in enumerate(keys):
            expected = to_base64(bytes.fromhex(digests.hmac_sha256(key.reveal().encode(), body)))
            if digests.equal(given, expected):
                return f"{name}[{index}]"
    raise InvalidSignatureError("no secret of the account makes this signature")


def _read(body: bytes) -> tuple[Mapping[str, Any], str]:
    try:
        document = read_json(body, most_keys=MOST_KEYS)
    except MalformedError as error:
        return {}, str(error)
    return (document, "") if isinstance(document, dict) else ({}, "the delivery is not an object")


def _first_number(address: str) -> str:
    try:
        first = urlsplit(address).path.lstrip("/").partition("/")[0]
    except ValueError:
        return ""
    return first if _DIGITS.fullmatch(first) else ""
