"""Installing: a grant's code becomes the store's token, and what is kept of a store from then on.

https://developer.bigcommerce.com/docs/integrations/apps/guide/auth. The token does not end; it is replaced when the
app's scopes or the owner's e-mail change, and the one before stops working then. So installing again is the same as
installing: what is kept is overwritten, but for what the merchant set for the store.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.http import read_json
from countersign.platforms.bigcommerce.app_calls import Grant, missing_scopes
from countersign.signing.credentials import Secret
from countersign.wire import Session

TIMEOUT = (3.0, 10.0)  # connect, read: in seconds
_MOST_BYTES = 64 * 1024


class Installed(NamedTuple):
    """What the exchange answered."""

    access_token: Secret
    scope: str
    user_id: int
    owner_id: int
    owner_email: str
    account_uuid: str


def exchange(
    session: Session, grant: Grant, *, login: str, client_id: str, client_secret: Secret, redirect_uri: str
) -> Installed:
    """Exchange a grant's code; `redirect_uri` must be byte for byte what is registered as the app's callback.

    Asked once: the code may be spent whatever came back. Raises PlatformUnavailableError (502) with
    `token_exchange_failed` or, where the answer is of another store, `context_mismatch`.
    """
    asked = {
        "client_id": client_id,
        "client_secret": client_secret.reveal(),
        "redirect_uri": redirect_uri,
        "grant_type": "authorization_code",
        "code": grant.code,
        "scope": grant.scope,
        "context": grant.context,
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    body = json.dumps(asked, separators=(",", ":")).encode()
    answer = session.request("POST", f"{login}/oauth2/token", data=body, headers=headers, timeout=TIMEOUT)
    if not 200 <= answer.status_code < 300 or len(answer.content) > _MOST_BYTES:
        raise PlatformUnavailableError(f"token_exchange_failed {answer.status_code}")
    try:
        said = read_json(answer.content)
    except MalformedError:
        said = None
    if not isinstance(said, dict):
        raise PlatformUnavailableError("token_exchange_failed: the answer is not an object")
    if said.get("context") != grant.context:
        raise PlatformUnavailableError("context_mismatch")
    token, scope = said.get("access_token"), said.get("scope")
    if not isinstance(token, str) or not token.strip() or not token.isascii():
        raise PlatformUnavailableError("token_exchange_failed: no access_token")
    if not isinstance(scope, str) or missing_scopes(scope):
        raise PlatformUnavailableError("token_exchange_failed: the token may do less than was granted")
    return Installed(
        Secret(token),
        scope,
        _id(said.get("user")),
        _id(said.get("owner")),
        _email(said.get("owner")),
        grant.account_uuid or _text(said.get("account_uuid")),
    )


def installed_document(known: Mapping[str, Any], grant: Grant, installed: Installed) -> dict[str, Any]:
    """Return the store's document from now on; `known` is the one before, whose own rules and hook token stay."""
    return {
        **known,
        "store_hash": grant.store_hash,
        "access_token": installed.access_token.reveal(),
        "scope": installed.scope,
        "owner": {"id": installed.owner_id, "email": installed.owner_email},
        "installed_by": installed.user_id,
        "account_uuid": installed.account_uuid,
        "needs_reauthorization": False,
        "uninstalled": False,
    }


def uninstalled_document(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a store that the app was taken from: without its token, with the merchant's rules."""
    gone = ("access_token", "hook_token", "scope")
    return {**{name: value for name, value in known.items() if name not in gone}, "uninstalled": True}


def _id(member: object) -> int:
    value = member.get("id") if isinstance(member, Mapping) else None
    return value if type(value) is int else 0


def _email(member: object) -> str:
    return _text(member.get("email")) if isinstance(member, Mapping) else ""


def _text(value: object) -> str:
    return value[:254] if isinstance(value, str) else ""
