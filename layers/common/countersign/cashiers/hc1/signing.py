"""HC1's signatures: of our requests, of a cashier's answers, and of its notifications."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from countersign.cashiers.hc1.settings import Key, Settings
from countersign.errors import InvalidSignatureError, MalformedError, StaleTimestampError, UnknownKeyError
from countersign.http import HttpRequest, read_json
from countersign.signing import digests
from countersign.values import dataclass

WINDOW = 300
NONCE_SECONDS = 900  # how long a nonce is remembered, from the signed time on: longer than its message could be taken
HEADERS = ("hc-key-id", "hc-timestamp", "hc-nonce", "hc-signature")
_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_MOST_SIGNATURES = 10


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A notification that the cashier signed; `problem` says why a genuine one cannot be read."""

    key_id: str
    body: bytes
    nonce: str = ""
    signed_at: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def content(self) -> bytes:
        """Return what was signed."""
        return self.body


def sign_request(method: str, path: str, body: bytes, key: Key, *, now: int, nonce: str) -> dict[str, str]:
    """Return the headers of a request; `path` is path and query exactly as they are sent."""
    text = _text("HC1", method, path, str(now), nonce, body)
    return {
        "HC-Key-Id": key.id,
        "HC-Timestamp": str(now),
        "HC-Nonce": nonce,
        "HC-Signature": f"v1={_signature(key, text)}",
    }


def verify_notification(request: HttpRequest, settings: Settings, *, now: int) -> VerifiedMessage:
    """Return a notification if the cashier made it for this account's merchant id; NotGenuineError (401) otherwise.

    Its nonce is the caller's to remember: it must not have been used before.
    """
    key_id, nonce, signed_at = _verify(
        request.headers, lambda stamp, nonce: _text("HC1", "NOTIFY", settings.merchant_id, stamp, nonce, request.body),
        settings, now=now,
    )  # fmt: skip
    return _read(request.body, key_id, nonce, signed_at)


def reverify(body: bytes, *, key_id: str) -> VerifiedMessage:
    """Return a notification that was verified when it came, and kept since."""
    return _read(body, key_id, "", 0)


def verify_response(
    status: int, headers: Mapping[str, str], body: bytes, request_nonce: str, settings: Settings, *, now: int
) -> str:
    """Return the name of the key that signed an answer to the request with `request_nonce`; else NotGenuineError."""
    lowered = {name.lower(): value for name, value in headers.items()}
    key_id, _, _ = _verify(
        lowered,
        lambda stamp, nonce: _text("HC1-RESPONSE", str(status), request_nonce, stamp, nonce, body),
        settings,
        now=now,
    )
    return key_id


def _verify(headers: Mapping[str, str], text: Any, settings: Settings, *, now: int) -> tuple[str, str, int]:
    key_id, stamp, nonce, given = (headers.get(name, "") for name in HEADERS)
    if not all((key_id, stamp, nonce, given)):
        raise InvalidSignatureError("one of the four HC1 headers is missing")
    key = settings.key(key_id)
    if key is None:
        raise UnknownKeyError("signed with a key that the account does not have")
    if not _TIMESTAMP.fullmatch(stamp):
        raise InvalidSignatureError("the timestamp is not digits")
    signed_at = int(stamp)
    if signed_at < now - WINDOW:
        raise StaleTimestampError("signed too long ago")
    if signed_at > now + WINDOW:
        raise StaleTimestampError("signed in the future")
    if not _NONCE.fullmatch(nonce):
        raise InvalidSignatureError("the nonce has another form than HC1's")
    signatures = [one.strip(" \t") for one in given.split(",")]
    if len(signatures) > _MOST_SIGNATURES:
        raise InvalidSignatureError("too many signatures")
    expected = f"v1={_signature(key, text(stamp, nonce))}"
    if not any([digests.equal(signature, expected) for signature in signatures]):  # noqa: C419 - each is compared
        raise InvalidSignatureError("the signature is not the key's")
    return key.id, nonce, signed_at


def _text(*lines: Any) -> bytes:
    """Return the text that is signed: the lines, and at the end the digest of the body's bytes."""
    *words, body = lines
    return "\n".join([*words, digests.sha256(body)]).encode("utf-8", "surrogatepass")


def _signature(key: Key, text: bytes) -> str:
    return digests.hmac_sha256(key.secret.reveal().encode(), text)


def _read(body: bytes, key_id: str, nonce: str, signed_at: int) -> VerifiedMessage:
    try:
        document = read_json(body)
    except MalformedError as error:
        return VerifiedMessage(key_id, body, nonce, signed_at, {}, str(error))
    if not isinstance(document, dict):
        return VerifiedMessage(key_id, body, nonce, signed_at, {}, "the notification is not an object")
    return VerifiedMessage(key_id, body, nonce, signed_at, document)
