"""Tells whether a delivery is Recharge's, for this store, and what it says."""

import json
import re
from collections.abc import Mapping
from typing import Any

from countersign.errors import InvalidSignatureError, MalformedError
from countersign.http import HttpRequest, read_json
from countersign.platforms.recharge.settings import Settings
from countersign.signing import digests, freshness
from countersign.values import dataclass

TIMESTAMPED, LEGACY = "x-recharge-webhook-signature", "x-recharge-hmac-sha256"
WINDOW = 48 * 3600  # as long as Recharge repeats a delivery
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_SCHEMES = 20


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A delivery that Recharge made for this store; `problem` says why a genuine one cannot be read."""

    key_id: str
    scheme: str  # timestamped or legacy
    body: bytes
    fields: Mapping[str, Any]
    problem: str = ""

    @property
    def content(self) -> bytes:
        """What was said, in one form: neither scheme nor layout makes it something else."""
        return self.body if self.problem else json.dumps(self.fields, sort_keys=True).encode()

    @property
    def subject(self) -> str:
        """The key of the object that the delivery is about (charge, order, subscription, …); empty where none is."""
        if "charge" in self.fields:
            return "charge"
        return next((name for name, value in self.fields.items() if isinstance(value, dict)), "")


def verify(request: HttpRequest, settings: Settings, *, now: int) -> VerifiedMessage:
    """Return what a delivery says if Recharge made it for this store; InvalidSignatureError (401) otherwise.

    Where the timestamped signature is there it alone decides: whoever captured a delivery has its older signature too.
    """
    # https://changelog.getrecharge.com/ "Webhook signatures now support timestamp verification"
    # https://docs.getrecharge.com/docs/webhooks-overview#validating-webhooks
    if not request.body:
        raise InvalidSignatureError("the delivery has no body")
    if TIMESTAMPED in request.headers:
        key_id = _verify_timestamped(request.headers[TIMESTAMPED], request.body, settings, now)
        return _read(request.body, key_id, "timestamped")
    if settings.require_timestamped:
        raise InvalidSignatureError("the account takes timestamped signatures only")
    key_id = _verify_legacy(request.header(LEGACY), request.body, settings)
    if _may_be_extended(request.body):
        raise InvalidSignatureError("the body is no text: the old signature does not tell who added the rest")
    return _read(request.body, key_id, "legacy")


def reverify(body: bytes, *, key_id: str) -> VerifiedMessage:
    """Return what a delivery says that was verified when it came, by the key that `key_id` names, and kept since."""
    return _read(body, key_id, "kept")


def _verify_timestamped(header: str, body: bytes, settings: Settings, now: int) -> str:
    pairs = [pair.strip(" \t").partition("=") for pair in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not given or len(pairs) > _MOST_SCHEMES:
        raise InvalidSignatureError("the timestamped signature lacks its time or its digest, or has two times")
    signed = times[0].encode("utf-8", "surrogatepass") + b"." + body
    for index, key in enumerate(settings.client_secrets):
        expected = digests.hmac_sha256(key.reveal().encode(), signed)
        if any(digests.equal(digest, expected) for digest in given):
            freshness.check(times[0], now=now, back=WINDOW, ahead=WINDOW)
            return f"client_secrets[{index}]"
    raise InvalidSignatureError("no secret of the account makes this timestamped signature")


def _verify_legacy(given: str, body: bytes, settings: Settings) -> str:
    """Return the name of the secret; in spite of the header's name its digest is no HMAC but a plain hash."""
    if not _DIGEST.fullmatch(given):
        raise InvalidSignatureError("the signature is missing or has another form than Recharge's")
    for index, key in enumerate(settings.client_secrets):
        if digests.equal(given, digests.sha256(key.reveal().encode() + body)):
            return f"client_secrets[{index}]"
    raise InvalidSignatureError("no secret of the account makes this signature")


def _may_be_extended(body: bytes) -> bool:
    """Tell whether somebody may have gone on with a signed body without the secret: a plain hash lets him.

    What he adds begins with the hash's own padding, 0x80 and zeros: no UTF-8, and no character of JSON.
    """
    try:
        return "\x00" in body.decode("utf-8")
    except UnicodeDecodeError:
        return True


def _read(body: bytes, key_id: str, scheme: str) -> VerifiedMessage:
    try:
        document = read_json(body, most_keys=len(body))  # a charge of many lines is long, and it is Recharge's
    except MalformedError as error:
        return VerifiedMessage(key_id, scheme, body, {}, str(error))
    if not isinstance(document, dict):
        return VerifiedMessage(key_id, scheme, body, {}, "the delivery is not an object")
    return VerifiedMessage(key_id, scheme, body, document)
