"""What a vector of the app's own categories must give, checked against our own code; a failed check raises."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from countersign.errors import CountersignError, PlatformUnavailableError
from countersign.platforms.bigcommerce import app_calls, install
from countersign.signing.credentials import Secret

Vector = Mapping[str, Any]


class VectorFailedError(Exception):
    """Our code gives something else than a vector says."""


def must(holds: object, what: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise VectorFailedError(what)


def reason_of(error: CountersignError) -> str:
    """Return the word that says why something was refused."""
    return str(error).split(":")[0].split(" ")[0]


def check_refused(expect: Mapping[str, Any], error: CountersignError) -> None:
    """Check that a refusal is the one that the vector wants."""
    must(not expect["valid"], f"refused ({error}), and it is genuine")
    must(reason_of(error) == expect["reason"], f"refused for {error}, not for {expect['reason']}")
    must(error.status == expect.get("http_status", 401), f"answered {error.status}")


def check_visit(vector: Vector) -> None:
    """Check who is taken for a user of a store."""
    inputs, expect = vector["inputs"], vector["expect"]
    try:
        visit = app_calls.read_visit(
            vector["raw_request"]["query_string"],
            inputs.get("client_id", "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h"),
            [Secret("another-secret-before-this-one"), Secret(inputs["client_secret"])],
            legacy=vector["group"] == "legacy_signed_payload",
            now=inputs["now"],
        )
    except CountersignError as error:
        check_refused(expect, error)
        return
    must(expect["valid"], "taken, and it is not genuine")
    must(visit.store_hash == expect["store_hash"], f"taken for the store {visit.store_hash}")
    said = expect.get("claims") or expect["payload"]
    must(visit.user_id == said["user"]["id"], f"taken for the user {visit.user_id}")
    must(visit.email == said["user"]["email"], f"taken for {visit.email}")
    must(visit.is_owner == expect.get("is_owner", visit.is_owner), "taken for the owner, or not")
    safe = expect.get("safe_redirect_path") or said.get("url", "/")
    must(visit.path == safe, f"leads to {visit.path}")


def check_customer(vector: Vector) -> None:
    """Check which shopper is believed to be signed in."""
    inputs, expect = vector["inputs"], vector["expect"]
    try:
        customer = app_calls.customer_of(
            inputs["token"],
            inputs["client_id"],
            [Secret(inputs["client_secret"])],
            store_hash=inputs["expected_store_hash"],
            now=inputs["now"],
        )
    except CountersignError as error:
        check_refused(expect, error)
        return
    must(expect["valid"], "taken, and it is not genuine")
    must(customer == expect["customer_id"], f"taken for the customer {customer}")


class Played:
    """A session that answers one call as a vector says, and keeps what was asked."""

    def __init__(self, response: Mapping[str, Any] | None) -> None:
        self.response = response
        self.asked: list[dict[str, Any]] = []

    def request(self, method: str, url: str, *, data: bytes, headers: Mapping[str, str], **_: Any) -> Any:
        must(self.response is not None, "the token is asked for, and must not be")
        must(not self.asked, "the code is exchanged twice")
        must((method, url) == ("POST", "https://login.bigcommerce.com/oauth2/token"), f"asked {method} {url}")
        must(headers["Content-Type"] == "application/json", "not asked in JSON")
        self.asked.append(json.loads(data))
        return self

    @property
    def status_code(self) -> int:
        return int((self.response or {})["status"])

    @property
    def content(self) -> bytes:
        return str((self.response or {})["body"]).encode()


def check_install(vector: Vector) -> None:
    """Check what is asked for a grant, what is kept of the answer, and how it is refused."""
    inputs, expect = vector["inputs"], vector["expect"]
    session = Played(inputs.get("token_response") if expect["calls_token_endpoint"] else None)
    try:
        grant = app_calls.read_grant(vector["raw_request"]["query_string"])
        installed = install.exchange(
            session,  # type: ignore[arg-type] # plays what is used of a session
            grant,
            login="https://login.bigcommerce.com",
            client_id=inputs["client_id"],
            client_secret=Secret(inputs["client_secret"]),
            redirect_uri=inputs["redirect_uri"],
        )
    except CountersignError as error:
        must(error.status == expect["http_status"], f"answered {error.status} ({error})")
        must(reason_of(error) == expect["outcome"], f"refused for {error}, not for {expect['outcome']}")
        must(bool(session.asked) == expect["calls_token_endpoint"], "the token was asked for, or not")
        missing = expect.get("missing_scopes", [])
        must(str(error).split(" ")[1:] == missing or not missing, f"said to be missing: {error}")
        must(isinstance(error, PlatformUnavailableError) == session_used(session), "the code is spent, or not")
        return
    must(expect["http_status"] == 200, "installed, and must not be")
    must(session.asked == [inputs["token_request_fields"]], f"asked {session.asked}")
    document = install.installed_document({"hook_token": "kept"}, grant, installed)
    stored = expect["stored"]
    kept = {
        "store_hash": document["store_hash"],
        "access_token": document["access_token"],
        "scope": document["scope"],
        "owner_id": document["owner"]["id"],
        "owner_email": document["owner"]["email"],
        "installed_by": document["installed_by"],
        "account_uuid": document["account_uuid"],
        "status": "uninstalled" if document["uninstalled"] else "active",
    }
    must(kept == stored, f"kept {kept}")
    must(document["hook_token"] == "kept", "what was set for the store is lost")


def session_used(session: Played) -> bool:
    """Tell whether the code was sent."""
    return bool(session.asked)


CHECKS: Mapping[str, Callable[[Vector], None]] = {
    "signed_payload_jwt": check_visit,
    "legacy_signed_payload": check_visit,
    "current_customer_jwt": check_customer,
    "oauth_auth_callback": check_install,
}
