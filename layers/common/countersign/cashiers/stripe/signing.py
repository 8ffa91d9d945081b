"""Tells whether an event is Stripe's, for this endpoint; tried against Stripe's own library in tests."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from countersign.cashiers.stripe.settings import Settings
from countersign.errors import InvalidSignatureError, MalformedError, TenantMismatchError
from countersign.http import HttpRequest, read_json
from countersign.signing import digests, freshness
from countersign.values import dataclass

HEADER = "stripe-signature"
WINDOW = 300
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """An event that Stripe made; `problem` says why a genuine one cannot be read."""

    key_id: str
    body: bytes
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def content(self) -> bytes:
        """Return what was signed."""
        return self.body


def verify(request: HttpRequest, settings: Settings, *, now: int) -> VerifiedEvent:
    """Return an event if Stripe made it for an endpoint of this account; NotGenuineError otherwise.

    An event of the other mode (test or live) than the account's key is somebody else's.
    """
    # https://docs.stripe.com/webhooks#verify-manually
    parts = [part.strip(" \t").partition("=") for part in request.headers.get(HEADER, "").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not given or len(parts) > _MOST_PARTS:
        raise InvalidSignatureError("the signature lacks its time or its digest, or has two times")
    key_id = _key(times[0], given, request.body, settings)
    freshness.check(times[0], now=now, back=WINDOW, ahead=WINDOW)
    event = _read(request.body, key_id)
    live = event.fields.get("livemode")
    if isinstance(live, bool) and live is settings.is_test:
        raise TenantMismatchError("the event is of the other mode, test or live, than the account's key")
    return event


def reverify(body: bytes, *, key_id: str) -> VerifiedEvent:
    """Return an event that was verified when it came, and kept since."""
    return _read(body, key_id)


def _key(time: str, given: list[str], body: bytes, settings: Settings) -> str:
    signed = time.encode("utf-8", "surrogatepass") + b"." + body
    for index, key in enumerate(settings.webhook_secrets):
        expected = digests.hmac_sha256(key.reveal().encode(), signed)
        if any([digests.equal(digest, expected) for digest in given]):  # noqa: C419 - each is compared
            return f"webhook_secrets[{index}]"
    raise InvalidSignatureError("no secret of the account makes this signature")


def _read(body: bytes, key_id: str) -> VerifiedEvent:
    try:
        document = read_json(body)
    except MalformedError as error:
        return VerifiedEvent(key_id, body, {}, str(error))
    if not isinstance(document, dict):
        return VerifiedEvent(key_id, body, {}, "the event is not an object")
    return VerifiedEvent(key_id, body, document)
