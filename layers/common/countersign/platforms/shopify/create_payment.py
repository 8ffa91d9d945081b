"""A buyer opens the page of a payment session: to the cashier, back from it, and on to what Shopify wants next."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from countersign.cashiers import create_payment, registry
from countersign.errors import ConflictError, NotFoundError, RefusedError, TemporaryError, UnprocessableError
from countersign.http import HttpRequest
from countersign.orders.reasons import because
from countersign.orders.sessions import PAYMENT, Session
from countersign.platforms.payment import Call, NewPayment
from countersign.platforms.shopify import answering, attempts, session_page, sessions
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.attempts import CASHIER, Next
from countersign.platforms.shopify.session_page import Step
from countersign.platforms.shopify.settings import is_shop
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger
from countersign.signing import digests
from countersign.store import OrderStore
from countersign.store.sessions import Found, SessionStore

SUBJECT = "buyer"
Json = dict[str, Any]
Create = Callable[[Call, NewPayment], tuple[int, Json]]  # records an order and has its platform take it


class LackingError(UnprocessableError):
    """The cashier can never take such a payment."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a buyer's call needs of the stack."""

    apps: Apps
    store: OrderStore
    accounts: Any  # the cashiers' accounts
    create: Create
    base_url: str  # where cashiers send their notifications

    def find(self, request: HttpRequest) -> Found:
        """Return the session of an address; NotFoundError for everything that a stranger could ask for."""
        named = request.path_parameters
        if not is_shop(named["shop"]) or not sessions.is_id(named["session"]):  # what was never kept is not looked for
            raise NotFoundError("no such page")
        found = SessionStore(self.store).find(sessions.PLATFORM, named["shop"], PAYMENT, named["session"])
        known = found is not None and found.session.app == named["app"]
        if found is None or not known or not digests.equal(found.session.page, named["token"]):
            raise NotFoundError("no such page")
        return found

    def step(self, found: Found, request: HttpRequest, page: str, look_now: Callable[[Found], Found], now: int) -> Step:
        """Return what follows: at the page itself, back from the cashier, or away from it, which changes nothing.

        `page` is the address of the session's own page; `look_now` has the session looked at while its buyer waits.
        """
        where, cancel = request.path.rpartition("/")[2], found.session.cancel_url
        if where == "cancel" and cancel and self.look(found).state == session_page.PAYABLE:
            return Step(session_page.PAYABLE, cancel)
        if where == "back":
            found = look_now(found)
            step = self.look(found)
            if step.state == session_page.PAYABLE:
                again = self.tried(found)
                step = Step(session_page.AGAIN, back=cancel, retry=page) if again else Step(session_page.WAIT)
        else:
            step = self.open(found, request, page, now)
        return step._replace(back=cancel) if step.state == session_page.OVER else step

    def open(self, found: Found, request: HttpRequest, page: str, now: int) -> Step:
        """Send a buyer to the cashier; `page` is the address of the session's own page."""
        step = self.look(found)
        if step.state != session_page.PAYABLE:
            return step
        following = attempts.following(self.store.get, found.key, found.session, now)
        if following.stale:
            return Step(session_page.ELSEWHERE)
        if following.order is not None and following.order.payment is not None:
            return Step(session_page.WAIT)
        try:
            return Step(session_page.PAYABLE, self._pay(found, following, request, page, now))
        except LackingError as error:
            self._reject(found, error, now)
            return Step(session_page.OVER)
        except (ConflictError, TemporaryError) as error:
            # The attempt before was paid at this moment, or the cashier does not answer: it is known soon.
            logger.warning("an attempt was not created now", extra={"reason": str(error)})
            return Step(session_page.LATER)
        except RefusedError as error:
            count("AttemptRefused")
            logger.error("the cashier takes no such payment", extra={"reason": str(error)})
            return Step(session_page.LATER)

    def look(self, found: Found) -> Step:
        """Return where a buyer goes who comes back: to what Shopify wants next, as soon as that is known."""
        store, session = SessionStore(self.store), found.session
        winner = store.winner(found.key)
        if winner and winner != session.session_id:
            other = store.read(found.key, winner)
            session = other.session if other is not None else session
        if session.next_url and session.status in ("resolved", "pending", "rejected"):
            return Step(session_page.PAID, session.next_url)
        if session.status in ("rejected", "needs_action"):
            return Step(session_page.OVER)
        if winner or session.is_decided:
            return Step(session_page.WAIT)
        return Step(session_page.PAYABLE)

    def tried(self, found: Found) -> bool:
        """Tell whether the last attempt of a session came to nothing, so that its buyer may try again."""
        own = attempts.of_session(self.store.get, found.key, found.session)
        return bool(own) and own[-1].status in ("failed", "closed")

    def _pay(self, found: Found, following: Next, request: HttpRequest, page: str, now: int) -> str:
        session = found.session
        if not session.account:
            raise LackingError("a session to try, and the app names no account for those")
        if session.account.partition(".")[0] not in registry.CONNECT:
            raise LackingError("the cashier has no page that a buyer could be sent to")
        settings = self.accounts.load(session.account)
        if session.test != settings.is_test and session.test and not self._is_for_tests(session):
            raise LackingError("a session to try, and the app names no account for those")
        call = Call(CASHIER, session.account, settings, SUBJECT, self.base_url, request.source_ip, now)
        payment = SessionPayment(call, self.store, found, following, page, hold=self._confirms(session))
        try:
            payment.terms()
        except UnprocessableError as error:  # what the cashier cannot take at all, however often it is tried
            raise LackingError(str(error)) from None
        _, answer = self.create(call, payment)
        count("PaymentPrepared")
        return str(answer["client"]["cashier_url"])

    def _confirms(self, session: Session) -> bool:
        """Tell whether Shopify is asked before the money of a session is taken."""
        payments = self.apps.load(session.app).payments
        return payments is not None and payments.confirm

    def _is_for_tests(self, session: Session) -> bool:
        """Tell whether the app names the account for tests: a cashier's own contract may know no test mode."""
        payments = self.apps.load(session.app).payments
        return payments is not None and session.account == payments.test_cashier != payments.cashier

    def _reject(self, found: Found, error: LackingError, now: int) -> None:
        """Decide that a session which the cashier cannot take is rejected: the worker tells Shopify."""
        version = self.apps.load(found.session.app).api_version
        word = answering.code(("PAYMENT_METHOD_UNSUPPORTED", answering.PROCESSING_ERROR), version)
        problem = because("session_said", text=str(error))
        fact = answering.rejected(found.session, word, "lacking", at=now, problem=problem)
        callbacks.report(self.store.record(sessions.change(found.key, fact), now=now))


class SessionPayment(create_payment.Payment):
    """The attempt to pay a session: the same body whoever asks, so that a second call is the same one."""

    def __init__(
        self, call: Call, store: OrderStore, found: Found, following: Next, page: str, *, hold: bool = False
    ) -> None:
        session, key = found.session, found.key
        if session.amount is None:
            raise LackingError("a payment without an amount")
        body = create_payment.PaymentBody(
            order_id=following.reference,
            amount=create_payment.Amount(minor=session.amount.minor, currency=session.amount.currency),
            description=f"Checkout {key.account}"[:127],
            return_url=f"{page}/back",
            cancel_url=f"{page}/cancel",
            locale=session.locale or None,
            part_of=create_payment.PartOf(platform=key.platform, account=key.account, order_id=key.order_id),
            capture="manual" if hold or session.mode == sessions.AUTHORIZATION else "automatic",
            replaces=following.replaces or None,
            metadata={"session": session.session_id},
        )
        how = create_payment.WITH_A_PERSON_WAITING
        super().__init__(call, registry.connect(call.account, call.settings, store=store, **how), body)

    def _digest(self) -> str:
        """Return a digest of what is paid: when it was opened makes no other payment of it."""
        body = self._body
        content = [body.order_id, body.amount.minor, body.amount.currency, body.replaces, body.metadata]
        return digests.sha256(json.dumps(content).encode())


def page_of(base_url: str, request: HttpRequest) -> str:
    """Return the address of a session's page, as it was opened."""
    named = request.path_parameters
    app, number = quote(named["app"], safe=""), quote(named["session"], safe="")
    return f"{base_url}/shopify/{app}/pay/{named['shop']}/{number}/{named['token']}"
