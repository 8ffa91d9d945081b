"""Stripe as far as Checkout needs it: sessions, payments, refunds, its page, and signed events."""

from __future__ import annotations

import html
import json
import re
import secrets
import urllib.parse
from typing import TYPE_CHECKING, Any

from conformance.signers import stripe as signer
from sandbox.simulating import postman
from sandbox.simulators.cashier.stripe_ledger import Ledger, Refund, Session, StripeError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulating.simulator import Call, Reply

Json = dict[str, Any]
MOUNT = "/cashier"
RETRIES = (60, 300, 1800, 7200, 18_000, *(43_200,) * 5)  # three days
VERSION = "2025-09-30.clover"  # of the endpoint, which keeps its own
LEAST, MOST = 1800, 86_400  # seconds that a session may live
HELD_SECONDS = 7 * 86_400  # then what nobody captured is let go
# What Stripe charges in other steps than ISO 4217's: https://docs.stripe.com/currencies#special-cases
THOUSANDTHS, HUNDREDTHS = ("bhd", "jod", "kwd", "omr", "tnd"), ("isk", "ugx")
SPOILS = {"bad_v1": "sign the event with another secret", "old_event": "sign it as if it were 301 seconds old"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Checkout</title><h1>{amount}</h1><p>{description}</p><p>{status}</p>
<form method="post"><button name="do" value="pay">Pay</button>
<button name="do" value="debit">Pay by bank debit</button> <button name="do" value="back">Back</button></form>"""


class Delivery(postman.Delivery):
    """One event to an account's endpoint."""

    def __init__(self, url: str, secret: str, session: Session, event: Json) -> None:
        subject = f"{event['type']} {session.params.get('client_reference_id')}"
        super().__init__(url, subject, RETRIES, session.deliveries, tuple(SPOILS))
        self.secret, self.event = secret, event

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> postman.Message:
        """Write the event, signed at this moment."""
        body = json.dumps(self.event, indent=2).encode()
        secret = f"whsec_{'0' * 32}" if spoil == "bad_v1" else self.secret
        at = int(now) - (301 if spoil == "old_event" else 0)
        made = {"Content-Type": "application/json", "Stripe-Signature": signer.signature(secret, body, at)}
        return postman.Message(made, body)

    def labels(self) -> dict[str, Any]:
        """Return what was told."""
        return {"event": self.event["type"]}


class Stripe:
    """Stripe's API, its page, and when it tells."""

    def __init__(self, clock: Clock, documents: dict[str, Json], faults: Faults, postman_: Postman) -> None:
        self.clock, self._faults, self._postman = clock, faults, postman_
        self.ledger, self.page_base = Ledger(), ""
        self._accounts = {name: one for name, one in documents.items() if name.startswith("stripe/")}

    @property
    def now(self) -> int:
        """Return Stripe's time."""
        return int(self.clock.now())

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the API, or a shopper's browser."""
        if call.path.startswith("/stripe/pay/"):
            return self._page(call), None
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        account = next((name for name, one in self._accounts.items() if token and one.get("api_key") == token), None)
        try:
            if account is None:
                raise StripeError(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided")
            status, content = 200, self._once(call, account)
        except StripeError as error:
            status, content = error.status, error.shown()
        except (KeyError, TypeError, ValueError) as error:
            status, content = 400, invalid("parameter_invalid", str(error)).shown()
        headers = {"Content-Type": "application/json", "Request-Id": f"req_{secrets.token_hex(7)}"}
        return (status, headers, json.dumps(content).encode()), account

    def _once(self, call: Call, account: str) -> Json:
        """Answer a call, and the same for the same idempotency key."""
        key, params = call.headers.get("idempotency-key", ""), nested(call.body.decode() or call.query)
        if call.method != "POST" or not key:
            return self._serve(call, account, params)
        with self.ledger.lock:
            if (kept := self.ledger.kept.get((account, key))) is not None:
                if kept[0] != params:
                    raise StripeError(400, "idempotency_error", "idempotency_error", "other parameters")
                return kept[1]
            answer = self._serve(call, account, params)
            self.ledger.kept[account, key] = (params, answer)
            return answer

    def _serve(self, call: Call, account: str, params: Json) -> Json:
        match (call.method, call.path.removeprefix("/stripe/v1/").split("/")):
            case "POST", ["checkout", "sessions"]:
                return self._create(account, params)
            case "GET", ["checkout", "sessions"]:
                return self._list(account, params)
            case "GET", ["checkout", "sessions", number]:
                session = self.aged(self.ledger.session(account, number))
                return session.shown(expanded="expand" in params, url=self._url(session))
            case "POST", ["checkout", "sessions", number, "expire"]:
                session = self.aged(self.ledger.session(account, number))
                if session.status != "open":
                    raise invalid("checkout_session_not_open", "Only Checkout Sessions with a status in [open]")
                self.expire(session)
                return session.shown()
            case "POST", ["payment_intents", number, "capture"]:
                session = self.aged(self.ledger.with_intent(account, number))
                return self.capture(session, int(params["amount_to_capture"]), dict(params.get("metadata") or {}))
            case "POST", ["payment_intents", number, "cancel"]:
                session = self.aged(self.ledger.with_intent(account, number))
                return self.let_go(session)
            case "POST", ["refunds"]:
                return self._refund(account, params)
            case "GET", ["refunds"]:
                session = self.ledger.with_intent(account, params["payment_intent"])
                return _page_of([session.refund(one) for one in reversed(session.refunds)], params)
        raise invalid("url_invalid", "Unrecognized request URL", 404)

    def _create(self, account: str, params: Json) -> Json:
        (line,) = params["line_items"].values()
        price = line["price_data"]
        amount, currency = int(price["unit_amount"]) * int(line["quantity"]), price["currency"]
        if (currency in THOUSANDTHS and amount % 10) or (currency in HUNDREDTHS and amount % 100):
            raise invalid("invalid_amount", "Invalid amount")
        expires_at = int(params["expires_at"])
        if not LEAST <= expires_at - self.now <= MOST:
            raise invalid("parameter_invalid", "expires_at must be between 30 minutes and 24 hours from now")
        session = Session(
            account, self.ledger.number("cs_test"), params, amount, currency, self.now, expires_at
        )  # fmt: skip
        self.ledger.sessions[session.id] = session
        self._postman.later(max(0, expires_at - self.now), lambda: self._age(session))
        if self._faults.take("stripe_notify_first", str(params.get("client_reference_id"))) is not None:
            answer = session.shown(url=self._url(session))
            self.pay(session)
            return answer
        return session.shown(url=self._url(session))

    def _url(self, session: Session) -> str:
        return f"{self.page_base or 'http://127.0.0.1:1'}{MOUNT}/stripe/pay/{session.id}"

    def _list(self, account: str, params: Json) -> Json:
        wanted, found = params.get("payment_intent"), self.ledger.of(account)
        if wanted:
            found = [one for one in found if one.intent == wanted]
        if isinstance(span := params.get("created"), dict):
            found = [one for one in found if int(span.get("gte", 0)) <= one.created <= int(span.get("lte", 2**40))]
        return _page_of([self.aged(one).shown() for one in found], params)

    def _age(self, session: Session) -> None:
        self.aged(session)

    def aged(self, session: Session) -> Session:
        """Return a session, ended if its time is over."""
        if session.status == "open" and self.now >= session.expires_at:
            self.expire(session)
        if session.intent_status == "requires_capture" and self.now >= session.held_until:
            self.let_go(session)
        return session

    def capture(self, session: Session, amount: int, metadata: Json) -> Json:
        """Take a part of what is held: the rest is let go with it."""
        with self.ledger.lock:
            if session.intent_status != "requires_capture":
                raise invalid("payment_intent_unexpected_state", "This PaymentIntent could not be captured")
            if amount > session.amount:
                raise invalid("amount_too_large", "The amount exceeds what is capturable")
            if session.currency in THOUSANDTHS and amount % 10:
                raise invalid("invalid_amount", "Invalid amount")
            session.captured_as, session.received = metadata, amount
            session.payment_status, session.intent_status = "paid", "succeeded"
        self._send(session, "payment_intent.succeeded", session.payment())
        self._release(session, session.amount - amount)
        return session.payment()

    def _release(self, session: Session, amount: int) -> None:
        """Let go what was held and not taken: Stripe calls that a refund, of money that nobody paid."""
        if amount:
            one = Refund(self.ledger.number("re"), amount, "succeeded", self.now, {}, released=True)
            session.refunds.append(one)
            self._send(session, "charge.refunded", session.payment()["latest_charge"])
            self.tell_refund(session, one, "refund.created")

    def let_go(self, session: Session) -> Json:
        """Let go what is held."""
        with self.ledger.lock:
            if session.intent_status != "requires_capture":
                raise invalid("payment_intent_unexpected_state", "This PaymentIntent could not be canceled")
            session.intent_status = "canceled"
        self._send(session, "payment_intent.canceled", session.payment())
        self._release(session, session.amount)
        return session.payment()

    def expire(self, session: Session) -> None:
        """Let a session end, and tell."""
        with self.ledger.lock:
            session.status = "expired"
        self.tell(session, "checkout.session.expired")

    def pay(self, session: Session, *, notify: bool = True, presentment: Json | None = None) -> None:
        """Let the shopper pay by card: it is paid at once."""
        self._complete(session, presentment)
        if session.is_manual:
            session.intent_status, session.held_until = "requires_capture", self.now + HELD_SECONDS
            session.charged_at = self.now  # of the charge, which is made when the money is held
        else:
            self._charge(session)
        if notify:
            self.tell(session, "checkout.session.completed")
            if session.is_manual:
                self._send(session, "payment_intent.amount_capturable_updated", session.payment())

    def debit(self, session: Session, *, notify: bool = True) -> None:
        """Let the shopper pay by a delayed method: completed, and not paid."""
        self._complete(session, None)
        session.intent_status = "processing"
        if notify:
            self.tell(session, "checkout.session.completed")

    def settle(self, session: Session, *, succeeded: bool, notify: bool = True) -> None:
        """Let a delayed payment have its end."""
        if session.intent_status != "processing":
            raise invalid("not_processing")
        if succeeded:
            self._charge(session)
        else:
            session.intent_status = "requires_payment_method"
        if notify:
            self.tell(session, f"checkout.session.async_payment_{'succeeded' if succeeded else 'failed'}")

    def _complete(self, session: Session, presentment: Json | None) -> None:
        with self.ledger.lock:
            if self.aged(session).status != "open":
                raise invalid("checkout_session_not_open")
            session.status, session.intent = "complete", self.ledger.number("pi")
            session.presentment = presentment or {}

    def _charge(self, session: Session) -> None:
        with self.ledger.lock:
            session.payment_status, session.intent_status, session.charged_at = "paid", "succeeded", self.now
            session.received = session.amount

    def _refund(self, account: str, params: Json) -> Json:
        session = self.ledger.with_intent(account, params["payment_intent"])
        amount, metadata = int(params.get("amount", session.amount)), dict(params.get("metadata") or {})
        if session.currency in THOUSANDTHS and amount % 10:
            raise invalid("invalid_amount", "Invalid amount")
        return session.refund(self.give_back(session, amount, metadata))

    def give_back(self, session: Session, amount: int, metadata: Json | None = None, *, notify: bool = True) -> Refund:
        """Refund: by the API, or on Stripe's own pages without metadata of ours."""
        with self.ledger.lock:
            if session.payment_status != "paid":
                raise invalid("charge_not_paid")
            if session.refunded + amount > session.amount:  # what was let go counts, too
                code = "charge_already_refunded" if session.refunded >= session.amount else "amount_too_large"
                raise invalid(code, "Refund amount is greater than unrefunded amount on charge")
            pending = self._faults.take("stripe_refund_pending", session.id) is not None
            status = "pending" if pending else "succeeded"
            one = Refund(self.ledger.number("re"), amount, status, self.now, metadata or {})
            session.refunds.append(one)
        if notify:
            self.tell_refund(session, one, "refund.created")
        return one

    def end_refund(self, session: Session, one: Refund, status: str, failure: str = "", *, notify: bool = True) -> None:
        """Let a refund have its end, or another one than it had."""
        one.status, one.failure = status, failure
        if notify:
            self.tell_refund(session, one, "refund.failed" if status == "failed" else "refund.updated")

    def tell(self, session: Session, kind: str) -> None:
        """Send an event about a session."""
        self._send(session, kind, session.shown())

    def tell_refund(self, session: Session, one: Refund, kind: str) -> None:
        """Send an event about a refund."""
        self._send(session, kind, session.refund(one))

    def tell_thin(self, session: Session, kind: str) -> None:
        """Send an event that says only to which object something happened."""
        about = {"id": session.id, "type": "checkout.session", "url": f"/v1/checkout/sessions/{session.id}"}
        event = {
            "id": self.ledger.number("evt"),
            "object": "v2.core.event",
            "type": kind,
            "livemode": False,
            "created": "2026-01-01T00:00:00.000Z",
            "related_object": about,
        }
        self._post(session, event)

    def _send(self, session: Session, kind: str, content: Json) -> None:
        event = {
            "id": self.ledger.number("evt"),
            "object": "event",
            "api_version": VERSION,
            "created": self.now,
            "type": kind,
            "livemode": False,
            "data": {"object": content},
        }
        self._post(session, event)

    def _post(self, session: Session, event: Json) -> None:
        document = self._accounts[session.account]
        url = f"https://pay.example.com/cashier/{session.account}/notify"  # only its path counts here
        self._postman.post(Delivery(url, str(document["webhook_secrets"][0]), session, event))

    def _page(self, call: Call) -> Reply:
        session = self.ledger.sessions.get(call.path.rpartition("/")[2])
        if session is None:
            return 404, {"Content-Type": "text/html"}, b"<h1>unknown session</h1>"
        if call.method == "POST" and self.aged(session).status == "open":
            wanted = urllib.parse.parse_qs(call.body.decode()).get("do", [""])[0]
            if wanted == "pay":
                self.pay(session)
            elif wanted == "debit":
                self.debit(session)
            where = "cancel_url" if wanted == "back" else "success_url"
            return 303, {"Location": str(session.params[where])}, b""
        (line,) = session.params["line_items"].values()
        page = PAGE.format(
            amount=html.escape(f"{session.amount} {session.currency.upper()}"),
            description=html.escape(line["price_data"]["product_data"]["name"]),
            status=session.status,
        )
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()


def nested(form: str) -> Json:
    """Read Stripe's form encoding: a[b][0]=c is {"a": {"b": {"0": "c"}}}."""
    found: Json = {}
    for name, value in urllib.parse.parse_qsl(form, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+", name)
        place = found
        for outer, inner in zip([first, *rest], rest, strict=False):
            place = place.setdefault(outer, {})
            assert isinstance(inner, str)  # noqa: S101 - narrowed
        place[rest[-1] if rest else first] = value
    return found


def _page_of(found: list[Json], params: Json) -> Json:
    """Return one page of a list."""
    after, limit = params.get("starting_after"), int(params.get("limit", 10))
    if after:
        numbers = [one["id"] for one in found]
        found = found[numbers.index(after) + 1 :]
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit}
