"""A notice to the merchant's own system: Standard Webhooks, signed with the current and the previous secret."""

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from countersign.errors import KeysUnavailableError, MalformedError
from countersign.orders.times import timestamp
from countersign.runtime import webhook_http
from countersign.signing import digests
from countersign.signing.credentials import Secret, secret
from countersign.signing.encoding import from_base64, to_base64

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
MAX_SECRETS = 2
# The secret of the specification's own example.
_PUBLISHED = frozenset({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
# What of an order leaves: no text that people wrote (description, remark, reasons, who asked), nobody's name.
_ORDER = (
    "platform", "account", "order_id", "status", "amount", "paid", "refunded", "settled", "payer_paid", "discount",
    "paid_at", "paid_late", "closed_at", "transaction_id", "version", "updated_at", "created_at", "expires_at",
    "system", "method", "replaces", "replaced_by", "part_of",
)  # fmt: skip
_CHILDREN = {
    "review": ("review_id", "reason"),
    "refunds": ("refund_id", "status", "amount", "source", "platform_refund_id", "succeeded_at"),
    "shipments": ("shipment_id", "status", "method", "complete", "reported_at"),
    "settlements": ("settlement_id", "status", "amount", "settled_at"),
}
_CHARGE = (
    "error_type", "group", "attempts", "last_attempt", "next_retry", "final", "customer_id", "shop_customer_id",
    "external_order_id", "scheduled_at",
)  # fmt: skip


class Envelope(NamedTuple):
    """One event for one endpoint: `id` and `body` are the same on every attempt."""

    id: str
    event: str
    at: int
    body: bytes


class WebhookSettings(NamedTuple):
    """Where to, and the secrets: the current one first, then the previous one while it is being changed."""

    url: str
    secrets: tuple[Secret, ...]


def load(document: Mapping[str, Any], *, trusted: Collection[str]) -> WebhookSettings:
    """Type a webhook notice; KeysUnavailableError names the field and the reason, never the value.

    `trusted` are origins that need not be public addresses.
    """
    url = document.get("url")
    if not isinstance(url, str) or not url:
        raise KeysUnavailableError("url is missing")
    try:
        webhook_http.check(url, trusted)
    except webhook_http.AddressRefusedError as error:
        raise KeysUnavailableError(f"url {error}") from None
    values = document.get("secrets")
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_SECRETS:
        raise KeysUnavailableError(f"secrets is not a list of one to {MAX_SECRETS}")
    return WebhookSettings(url, tuple(_secret(value, f"secrets[{index}]") for index, value in enumerate(values)))


def _secret(value: object, name: str) -> Secret:
    wrapped = secret(value, name, refused=_PUBLISHED)
    if not MIN_BYTES <= len(_key(wrapped, name)) <= MAX_BYTES:
        raise KeysUnavailableError(f"{name} must hold {MIN_BYTES} to {MAX_BYTES} bytes")
    return wrapped


def _key(wrapped: Secret, name: str) -> bytes:
    text = wrapped.reveal()
    try:
        if not text.startswith(PREFIX):
            raise MalformedError
        return from_base64(text.removeprefix(PREFIX))
    except MalformedError:
        raise KeysUnavailableError(f"{name} is not {PREFIX} and base64") from None


def envelope(webhook_id: str, detail: Mapping[str, Any], event: str, order: Mapping[str, Any], *, at: int) -> Envelope:
    """Put an event of the bus and its order's JSON into the message; `webhook_id` names it on every attempt."""
    shown: dict[str, Any] = {name: order[name] for name in _ORDER if name in order}
    for name, fields in _CHILDREN.items():
        shown[name] = [{field: child.get(field) for field in fields} for child in order.get(name) or ()]
    if charge := order.get("charge"):
        shown["charge"] = {field: charge.get(field) for field in _CHARGE}
    content = {"type": event, "timestamp": timestamp(at), "data": {**detail, "type": event, "order": shown}}
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Envelope(webhook_id, event, at, body)


def headers(sent: Envelope, secrets: Collection[Secret], *, now: int) -> dict[str, str]:
    """Return the headers of one attempt: the time is the attempt's, and each secret signs."""
    signed = f"{sent.id}.{now}.".encode() + sent.body
    signatures = [to_base64(bytes.fromhex(digests.hmac_sha256(_key(key, "secrets[]"), signed))) for key in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": sent.id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
