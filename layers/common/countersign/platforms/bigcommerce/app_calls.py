"""What BigCommerce vouches for: who opens the app, which store it goes from, who installs it, who shops; pure.

https://developer.bigcommerce.com/docs/integrations/apps/guide/callbacks and, of the shopper's token,
https://developer.bigcommerce.com/docs/start/authentication/current-customer. One secret signs the tokens of staff and
those that any shopper can get: only issuer and subject tell one from the other.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from countersign.errors import ForbiddenError, InvalidSignatureError, MalformedError, StaleTimestampError
from countersign.http import read_json
from countersign.platforms.bigcommerce.settings import SCOPES
from countersign.signing import digests, jwt
from countersign.signing.credentials import Secret
from countersign.signing.encoding import from_base64

LEGACY_BACK, LEGACY_AHEAD = 86400, 300  # seconds; the form has no end of its own
_CONTEXT = re.compile(r"stores/([a-z0-9]{1,64})", re.ASCII)
_SCOPE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F-]{36}", re.ASCII)
# The first character may be no second slash: browsers read `//host` and `/\host` as another host.
_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]{0,500}", re.ASCII)
_MAC = re.compile(rb"[0-9a-f]{64}")
_MOST_PARAMETERS = 50


class Visit(NamedTuple):
    """Who calls about which store, as BigCommerce signed it; `user_id` is 0 where no user is named."""

    store_hash: str
    user_id: int
    email: str
    owner_id: int
    owner_email: str
    path: str  # where in the app the user wants to go: of ours, never another host
    locale: str
    issued_at: int  # epoch seconds: an earlier word of BigCommerce's does not undo a later one

    @property
    def is_owner(self) -> bool:
        """Tell whether the user is the store's owner."""
        return self.user_id != 0 and self.user_id == self.owner_id


class Grant(NamedTuple):
    """What a store's owner granted, before the code is exchanged for a token."""

    store_hash: str
    code: str
    scope: str  # as it was received: the exchange repeats it
    account_uuid: str

    @property
    def context(self) -> str:
        """Return the store as BigCommerce names it."""
        return f"stores/{self.store_hash}"


def read_visit(query: str, client_id: str, secrets: Sequence[Secret], *, legacy: bool, now: int) -> Visit:
    """Return who calls; `query` is the raw one and `secrets` the app's, current first, `now` epoch seconds.

    The older payload counts only where the account takes it (`legacy`), and no newer one is there. Raises
    MalformedError (400) for a parameter that is missing or stands twice, InvalidSignatureError (401) for all else.
    """
    parameters = _parameters(query)
    if legacy and "signed_payload_jwt" not in parameters:
        return _read_legacy(_one(parameters, "signed_payload"), secrets, now)
    token = _one(parameters, "signed_payload_jwt")
    said, _ = jwt.claims(
        token,
        [secret.reveal().encode() for secret in secrets],
        algorithms={jwt.HS256},
        needed=("exp", "iat", "aud", "iss", "sub"),
        audience=client_id,
        now=now,
    )
    if said["iss"] != "bc":
        raise InvalidSignatureError("wrong_issuer")
    return _visit(said, said["sub"], int(said["iat"]))


def customer_of(token: str, client_id: str, secrets: Sequence[Secret], *, store_hash: str, now: int) -> int:
    """Return the number of the customer who is signed in at a store; raises InvalidSignatureError (401)."""
    said, _ = jwt.claims(
        token,
        [secret.reveal().encode() for secret in secrets],
        # The documents show HS256, shops have been seen to send HS512 (bigcommerce-api-python, pull request 103).
        algorithms={jwt.HS256, jwt.HS512},
        needed=("exp", "iat", "aud", "iss"),
        audience=client_id,
        now=now,
    )
    if said["iss"] != "bc/apps":
        raise InvalidSignatureError("wrong_issuer")
    if said.get("operation") != "current_customer":
        raise InvalidSignatureError("wrong_operation")
    if said.get("store_hash") != store_hash or said.get("sub") != store_hash:
        raise InvalidSignatureError("wrong_store")
    customer = _number(said.get("customer"), "id")
    if not customer:
        raise InvalidSignatureError("bad_customer")
    return customer


def read_grant(query: str) -> Grant:
    """Return what the install callback says; nothing signs it, and only the exchange of its code proves anything.

    Raises MalformedError (400) or, where the store grants less than the app needs, ForbiddenError (403) with what is
    missing: BigCommerce grants what the app's profile has, so that is what has to be changed.
    """
    parameters = _parameters(query)
    code, context, scope = (_one(parameters, name) for name in ("code", "context", "scope"))
    match = _CONTEXT.fullmatch(context)
    if match is None:
        raise MalformedError("bad_context")
    if missing := missing_scopes(scope):
        raise ForbiddenError(f"missing_scope {' '.join(missing)}")
    account = parameters.get("account_uuid", [""])
    uuid = account[0] if len(account) == 1 and _UUID.fullmatch(account[0]) else ""
    return Grant(match[1], code, scope, uuid)


def missing_scopes(granted: str) -> list[str]:
    """Return which of the needed scopes are not among those granted, separated by spaces."""
    return sorted(SCOPES - {scope for scope in granted.split() if _SCOPE.fullmatch(scope)})


def _read_legacy(payload: str, secrets: Iterable[Secret], now: int) -> Visit:
    """Read base64(JSON) "." base64(the HMAC in hex): what is signed is the JSON's bytes as they are."""
    encoded, _, mac = payload.partition(".")
    try:
        content, given = from_base64(encoded), from_base64(mac)
    except MalformedError:
        raise InvalidSignatureError("malformed") from None
    if not content or not given:
        raise InvalidSignatureError("malformed")
    digest = given.decode("ascii") if _MAC.fullmatch(given) else ""
    if not any(digests.equal(digest, digests.hmac_sha256(key.reveal().encode(), content)) for key in secrets):
        raise InvalidSignatureError("bad_signature")
    try:
        said = read_json(content)
    except MalformedError:
        raise InvalidSignatureError("malformed") from None
    stamp = said.get("timestamp") if isinstance(said, dict) else None
    if isinstance(stamp, bool) or not isinstance(stamp, int | float):
        raise InvalidSignatureError("missing_claim timestamp")
    if stamp < now - LEGACY_BACK:
        raise StaleTimestampError("expired")
    if stamp > now + LEGACY_AHEAD:
        raise StaleTimestampError("not_yet_valid")
    visit = _visit(said, said.get("context"), int(stamp))
    if said.get("store_hash", visit.store_hash) != visit.store_hash:
        raise InvalidSignatureError("bad_subject")
    return visit


def _visit(said: Mapping[str, Any], subject: object, issued_at: int) -> Visit:
    match = _CONTEXT.fullmatch(subject) if isinstance(subject, str) else None
    if match is None:
        raise InvalidSignatureError("bad_subject")
    path = said.get("url")
    return Visit(
        store_hash=match[1],
        user_id=_number(said.get("user"), "id"),
        email=_text(said.get("user"), "email"),
        owner_id=_number(said.get("owner"), "id"),
        owner_email=_text(said.get("owner"), "email"),
        path=path if isinstance(path, str) and _PATH.fullmatch(path) else "/",
        locale=_text(said.get("user"), "locale"),
        issued_at=issued_at,
    )


def _number(member: object, name: str) -> int:
    value = member.get(name) if isinstance(member, Mapping) else None
    return value if type(value) is int and value > 0 else 0


def _text(member: object, name: str) -> str:
    value = member.get(name) if isinstance(member, Mapping) else None
    return value[:254] if isinstance(value, str) else ""


def _parameters(query: str) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise MalformedError("the query cannot be read") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _one(parameters: Mapping[str, list[str]], name: str) -> str:
    values = parameters.get(name, [])
    if len(values) > 1:
        raise MalformedError(f"duplicate_parameter {name}")
    if not values or not values[0]:
        raise MalformedError(f"missing_parameter {name}")
    return values[0]
