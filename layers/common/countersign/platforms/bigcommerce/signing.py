"""Is a delivery BigCommerce's, and for one of the app's stores: Standard Webhooks, or the header that we asked for.

https://developer.bigcommerce.com/docs/integrations/webhooks: the signature covers id, time and body, and its key is the
app's client secret as it is written (libraries that read keys as base64 make another key of it). Which hooks are signed
since when is nowhere said, so a store may still be known by the header that its hooks were made with. A signature that
is there and wrong is never made good by that header.
"""

import json
from collections.abc import Mapping
from typing import Any

from countersign.errors import InvalidSignatureError, MalformedError
from countersign.http import HttpRequest, read_json
from countersign.platforms.bigcommerce.settings import App, Store
from countersign.signing import digests, freshness
from countersign.signing.encoding import to_base64
from countersign.values import dataclass

WINDOW = 300  # seconds, both ways
HOOK_HEADER = "x-bc-hook-token"
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MOST_SIGNATURES = 10


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A delivery that BigCommerce made; `problem` says why a genuine one cannot be read."""

    key_id: str
    body: bytes
    fields: Mapping[str, Any]
    problem: str = ""

    @property
    def content(self) -> bytes:
        """What was said, in one form: neither headers nor layout make it something else."""
        return self.body if self.problem else json.dumps(self.fields, sort_keys=True).encode()


def is_signed(request: HttpRequest) -> bool:
    """Tell whether a delivery claims to be signed: then its signature decides, whatever else it brings."""
    return any(name in request.headers for name in SIGNED)


def verify(request: HttpRequest, app: App, *, now: int) -> VerifiedMessage:
    """Return what a signed delivery says; InvalidSignatureError (401) otherwise."""
    if not request.body:
        raise InvalidSignatureError("the delivery has no body")
    number, stamp, given = _signed(request)
    # The time is looked at before the signature: a capture of last year needs no HMAC.
    freshness.check(stamp, now=now, back=WINDOW, ahead=WINDOW)
    signatures = [one.removeprefix("v1,") for one in given.split(" ") if one.startswith("v1,")]
    signed = f"{number}.{stamp}.".encode("utf-8", "surrogatepass") + request.body
    for index, key in enumerate(app.client_secrets):
        expected = to_base64(bytes.fromhex(digests.hmac_sha256(key.reveal().encode(), signed)))
        if any(digests.equal(one, expected) for one in signatures[:_MOST_SIGNATURES]):
            return read(request.body, f"client_secrets[{index}]")
    raise InvalidSignatureError("no secret of the app makes this signature")


def verify_header(request: HttpRequest, store: Store) -> str:
    """Return the name of what an unsigned delivery was known by; InvalidSignatureError (401) where it is not.

    The header is the same in each delivery, so it says who sends and nothing of when or what.
    """
    if store.webhook_mode == "signature_required":
        raise InvalidSignatureError("the store's deliveries must be signed")
    given = request.headers.get(HOOK_HEADER, "")
    if store.hook_token is None or not given or not digests.equal(given, store.hook_token.reveal()):
        raise InvalidSignatureError("the header of the hook is not the one that it was made with")
    return "hook_token"


def reverify(body: bytes, *, key_id: str) -> VerifiedMessage:
    """Return what a delivery says that was verified when it came and was kept since."""
    return read(body, key_id)


def read(body: bytes, key_id: str) -> VerifiedMessage:
    """Read a body strictly."""
    try:
        document = read_json(body)
    except MalformedError as error:
        return VerifiedMessage(key_id, body, {}, str(error))
    if not isinstance(document, dict):
        return VerifiedMessage(key_id, body, {}, "the delivery is not an object")
    return VerifiedMessage(key_id, body, document)


def _signed(request: HttpRequest) -> tuple[str, str, str]:
    """Return id, time and signatures; signatures are separated by spaces and each has a comma in it."""
    number, stamp = request.header(SIGNED[0]), request.header(SIGNED[1])
    given = request.headers.get(SIGNED[2], "")
    if not number or not stamp or not given:
        raise InvalidSignatureError("a header of the signature is missing")
    return number, stamp, given
