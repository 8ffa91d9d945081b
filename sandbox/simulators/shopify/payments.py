"""The Payments Apps side: sessions that Shopify asks an app for, and what each of the app's answers does to them."""

from __future__ import annotations

import datetime
import functools
import http.client
import json
import re
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock, Postman

Json = dict[str, Any]
# What Shopify repeats a request by until it is answered 201.
RETRIES = (5, 10, 30, 45, 60, 120, 300, 720, 2280, 3600, 7200)
_MUTATION = re.compile(r"\{\s*(\w+Session\w+|paymentsAppConfigure)\(")
_NAMES = {"payment": "PaymentSession", "refund": "RefundSession", "capture": "CaptureSession", "void": "VoidSession"}
_STATES = {
    "Resolve": "resolved",
    "Reject": "rejected",
    "Pending": "pending",
    "Confirm": "confirming",
    "Modal": "shown",
}
_LACKING = {
    "Modal": "UNSUPPORTED_PAYMENT_METHOD_FOR_MODAL",
    "Confirm": "CONFIRMATION_NOT_SUPPORTED",
    "Pending": "UNSUPPORTED_PAYMENT_METHOD",
}
MOST_SHOWN = 86_400  # seconds for which a window may stay; the real limit is published nowhere
_PLAIN = (
    "The payment session was resolved with other authentication data, was rejected, or its response is not read yet"
)


@dataclass
class Asked:
    """One session as Shopify has it; `state` is open, shown, pending, confirming, resolved or rejected."""

    about: str
    shop: str
    body: Json
    state: str = "open"
    arguments: Json = field(default_factory=dict)
    known_at: float | None = None  # since when Shopify has read the app's answer to its request
    redirect_url: str = ""
    told: list[str] = field(default_factory=list)  # the mutations that were accepted and changed something
    refused: list[str] = field(default_factory=list)
    app: str = ""
    confirms: bool | None = True  # the word that is given where the app asks whether it may take the money; None: none

    def shown(self) -> Json:
        """Return what is shown of it."""
        return {
            "id": self.body["id"],
            "about": self.about,
            "state": self.state,
            "arguments": self.arguments,
            "told": self.told,
            "refused": self.refused,
            "redirect_url": self.redirect_url,
        }


class PaymentsApp:
    """All sessions of all shops; `send` carries one request to the app: (path, headers, body) to (status, body)."""

    def __init__(self, clock: Clock, postman: Postman, faults: Faults, send: Callable[..., tuple[int, bytes]]) -> None:
        self._clock, self._postman, self._faults, self.send = clock, postman, faults, send
        self.sessions: dict[str, Asked] = {}
        self.ready: dict[str, Json] = {}
        self._lock = threading.Lock()

    def ask(self, app: str, shop: str, version: str, wanted: Json) -> Asked:
        """Ask the app for a session, as often at once as `copies` says, and again until it took it."""
        about = wanted.get("about", "payment")
        number = str(wanted.get("id") or secrets.token_urlsafe(18))
        known = self.sessions.get(f"gid://shopify/{_NAMES[about]}/{number}")
        asked = known or Asked(
            about, shop, self._body(about, number, wanted), app=app, confirms=wanted.get("confirms", True)
        )
        with self._lock:
            self.sessions[str(asked.body["gid"])] = asked
        statuses: list[int] = []
        copies = [
            threading.Thread(target=lambda: statuses.append(self._send(app, asked, version)))
            for _ in range(int(wanted.get("copies", 1)))
        ]
        for copy in copies:
            copy.start()
        for copy in copies:
            copy.join()
        if not any(200 <= status < 300 for status in statuses):
            self._again(app, asked, version, 0)
        return asked

    def answer(self, shop: str, body: bytes) -> Json:
        """Answer a mutation of the app's."""
        document = json.loads(body)
        name = _MUTATION.findall(document["query"])[0]
        variables = {key: value for key, value in document["variables"].items() if value is not None}
        if name == "paymentsAppConfigure":
            self.ready[shop] = dict(variables)
            return {"data": {name: {"paymentsAppConfiguration": dict(variables), "userErrors": []}}}
        with self._lock:
            return {"data": {name: self._move(name, variables)}}

    def _move(self, name: str, variables: Json) -> Json:
        about, _, verb = name.partition("Session")
        asked = self.sessions.get(variables["id"])
        if asked is None or asked.about != about:
            return self._refused(about, "NOT_FOUND", "there is no such session")
        late = self._faults.take("unread", variables["id"])
        since = asked.known_at
        if since is None or (late is not None and self._clock.now() < since + float(late.get("seconds", 3))):
            asked.refused.append(verb)
            return self._refused(about, "INVALID_STATE", _PLAIN)
        wanted = _STATES[verb]
        if asked.state == wanted:
            if verb == "Reject" and asked.arguments != variables:
                asked.refused.append(verb)
                return self._refused(about, "INVALID_STATE", "it was rejected for another reason")
            return self._accepted(asked, about)
        unfit = self._unfit(verb, variables)
        if unfit:
            asked.refused.append(verb)
            error = {"field": ["id"], "message": "this method has no such step", "code": unfit}
            return {"paymentSession": None, "userErrors": [error]}
        if asked.state in ("resolved", "rejected"):
            asked.refused.append(verb)
            return self._refused(about, "INVALID_STATE", _PLAIN)
        asked.state, asked.arguments = wanted, variables
        asked.told.append(verb)
        if verb == "Confirm":
            self._postman.later(1, functools.partial(self._confirm_by_itself, asked))
        return self._accepted(asked, about)

    def _unfit(self, verb: str, variables: Json) -> str:
        """Return why a step is not made: this kind of method has none, or no window until then."""
        if verb in _LACKING and self._faults.take(f"no_{verb.lower()}", variables["id"]) is not None:
            return _LACKING[verb]
        if verb != "Modal":
            return ""
        left = datetime.datetime.fromisoformat(variables["expiresAt"]).timestamp() - self._clock.now()
        if left <= 0:
            return "EXPIRED_MODAL_EXPIRES_AT"
        return "OUT_OF_RANGE_MODAL_EXPIRES_AT" if left > MOST_SHOWN else ""

    def _confirm_by_itself(self, asked: Asked) -> None:
        self.confirm(asked)

    def confirm(self, asked: Asked) -> int:
        """Give Shopify's word about a payment that waits for it."""
        if asked.confirms is None:
            return 0
        body = {"id": asked.body["id"], "gid": asked.body["gid"], "confirmation_result": asked.confirms}
        headers = {"Content-Type": "application/json", "Shopify-Shop-Domain": asked.shop}
        try:
            return self.send(f"/shopify/{asked.app}/confirm-session", headers, json.dumps(body).encode())[0]
        except (OSError, http.client.HTTPException):
            return 0

    def _accepted(self, asked: Asked, about: str) -> Json:
        shown: Json = {"id": asked.body["gid"]}
        if about == "payment" and asked.state != "shown":
            address = f"https://{asked.shop}/checkouts/{asked.body['id']}/{asked.state}"
            shown["nextAction"] = {"action": "REDIRECT", "context": {"redirectUrl": address}}
        return {f"{about}Session": shown, "userErrors": []}

    def _refused(self, about: str, code: str, message: str) -> Json:
        error: Json = {"field": ["id"], "message": message}
        if about != "payment":
            error["code"] = f"{about.upper()}_SESSION_{code}"
        return {f"{about}Session": None, "userErrors": [error]}

    def _send(self, app: str, asked: Asked, version: str) -> int:
        headers = {
            "Content-Type": "application/json",
            "Shopify-Shop-Domain": asked.shop,
            "Shopify-Request-Id": secrets.token_hex(16),
            "Shopify-Api-Version": version,
        }
        try:
            status, answer = self.send(
                f"/shopify/{app}/{asked.about}-session", headers, json.dumps(asked.body).encode()
            )
        except (OSError, http.client.HTTPException):
            return 0
        if 200 <= status < 300:
            asked.known_at = asked.known_at or self._clock.now()
            asked.redirect_url = str(json.loads(answer or b"{}").get("redirect_url", asked.redirect_url))
        return status

    def _again(self, app: str, asked: Asked, version: str, tries: int) -> None:
        if tries < len(RETRIES):

            def work() -> None:
                if not 200 <= self._send(app, asked, version) < 300:
                    self._again(app, asked, version, tries + 1)

            self._postman.later(RETRIES[tries], work)

    def _body(self, about: str, number: str, wanted: Json) -> Json:
        now = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body: Json = {
            "id": number,
            "gid": f"gid://shopify/{_NAMES[about]}/{number}",
            "merchant_locale": "en",
            "proposed_at": now,
        }
        if about != "void":
            body |= {"amount": wanted.get("amount", "100.00"), "currency": wanted.get("currency", "USD")}
        if about != "payment":
            return body | {"payment_id": wanted["payment"]}
        address = f"https://{wanted.get('shop', 'shop')}/checkouts/cn/{number}"
        return body | {
            "group": wanted.get("group", f"group-of-{number}"),
            "session_id": secrets.token_hex(8),
            "test": bool(wanted.get("test", False)),
            "payment_method": {"type": "offsite", "data": {"cancel_url": address}},
            "customer": None,
            "kind": wanted.get("kind", "sale"),
        }


def sender(folder: Path, port: int, who: str) -> Callable[[str, Json, bytes], tuple[int, bytes]]:
    """Return how a request travels to the sandbox's door for Shopify, with one of its certificates."""

    def send(path: str, headers: Json, body: bytes) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=str(folder / "mtls-ca.pem"))
        context.load_cert_chain(folder / f"mtls-client-{who}.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    return send
