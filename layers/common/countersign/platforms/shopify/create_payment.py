"""A buyer opens the page of a payment session: to the cashier, back from it, and on to what Shopify wants next."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from countersign.cashiers import create_payment, registry
from countersign.cashiers.attempts import was_paid
from countersign.cashiers.notices import PLATFORM as CASHIER
from countersign.cashiers.opening import Cashiers
from countersign.errors import (
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    TemporaryError,
    UnprocessableError,
)
from countersign.http import HttpRequest
from countersign.orders.reasons import because
from countersign.orders.sessions import PAYMENT, Session
from countersign.orders.state import Order
from countersign.platforms.payment import Call, NewPayment
from countersign.platforms.shopify import answering, attempts, session_page, sessions
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.attempts import Next
from countersign.platforms.shopify.session_page import Step
from countersign.platforms.shopify.settings import BY_CODE, is_shop
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
    table: str = ""  # whose rows expire: pages with QR codes

    def find(self, request: HttpRequest) -> Found:
        """Return the session of an address; NotFoundError for everything that a stranger could ask for."""
        named = request.path_parameters
        if not is_shop(named["shop"]) or not sessions.is_id(named["session"]):  # what was never kept is not looked for
            raise NotFoundError("no such page")
        found = SessionStore(self.store).find(sessions.PLATFORM, named["shop"], PAYMENT, named["session"])
        known = found is not None and found.session.app == named["app"]
        if found is None or not known or not found.session.page:
            raise NotFoundError("no such page")
        if not digests.equal(found.session.page, named["token"]):
            raise NotFoundError("no such page")
        return found

    def step(self, found: Found, request: HttpRequest, page: str, look_now: Callable[[Found], Found], now: int) -> Step:
        """Return what follows: at the page itself, back from the cashier, or away from it, which changes nothing.

        `page` is the address of the session's own page; `look_now` has the session looked at while its buyer waits.
        """
        where, cancel = request.path.rpartition("/")[2], found.session.cancel_url
        if where == "cancel" and self.look(found).state == session_page.PAYABLE:
            return Step(session_page.PAYABLE, cancel) if cancel else Step(session_page.AGAIN, retry=page)
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
        try:
            following = attempts.following(self._attempt, found.key, found.session, now)
        except RateLimitedError:
            return Step(session_page.OVER)
        if following.stale:
            return Step(session_page.ELSEWHERE)
        if following.order is not None and following.order.payment is not None:
            return Step(session_page.WAIT)
        try:
            if not self._is_installed(found):
                return Step(session_page.OVER)
            elsewhere = self._leave_others(found, now)
            if elsewhere:
                return Step(elsewhere)
            client = self._pay(found, following, request.source_ip, page, now)
            return Step(session_page.PAYABLE, str(client["cashier_url"]))
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

    def show(self, found: Found, now: int) -> tuple[str, int] | None:
        """Return what the QR code of a session without a page says, and until when it can be paid (epoch seconds).

        None where it must not be paid now: another session of the checkout is at it, or no such payment can be taken,
        which is decided then. Raises what stands in the way else.
        """
        following = attempts.following(self._attempt, found.key, found.session, now)
        if following.stale or (following.order is not None and following.order.payment is not None):
            return None
        try:
            if not self._is_installed(found) or self._leave_others(found, now):
                return None
            client = self._pay(found, following, "", "", now)
        except LackingError as error:
            self._reject(found, error, now)
            return None
        except ConflictError as error:  # the attempt before was paid at this moment: it is known soon
            logger.warning("an attempt was not created now", extra={"reason": str(error)})
            return None
        made = self._attempt(found.session.account, following.reference)
        return (str(client["code_url"]), made.terms.expires_at) if made is not None else None

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
        own = attempts.of_session(self._attempt, found.key, found.session)
        return bool(own) and own[-1].status in ("failed", "closed")

    def _is_installed(self, found: Found) -> bool:
        """Tell whether Shopify can be told of a payment at all: where the app is gone from the shop nothing is sold."""
        name = found.session.app
        try:
            return self.apps.shop(name, self.apps.load(name), found.key.account) is not None
        except NotFoundError:
            return False

    def _leave_others(self, found: Found, now: int) -> str:
        """End what a checkout can be paid by at other cashiers, where its app has had another one since.

        Return what its buyer is shown instead of a payment: a session of later has begun one, or one was made already.
        Raises PlatformUnavailableError while one can neither be ended nor known to be paid.
        """
        own = found.session
        for one in SessionStore(self.store).all(found.key):
            if one.about != PAYMENT or one.account in ("", own.account):
                continue
            try:
                begun = attempts.of_session(self._attempt, found.key, one)
                if not begun or begun[-1].status == "closed":
                    continue
                how = create_payment.WITH_A_PERSON_WAITING
                cashier = Cashiers(self.accounts, self.store).connect(begun[-1].key, **how)
            except NotFoundError:  # nobody can be asked there any more
                logger.error("an attempt cannot be ended: its account is gone", extra={"account": one.account})
                continue
            if (one.requested_at, one.session_id) > (own.requested_at, own.session_id):
                return session_page.ELSEWHERE
            if was_paid(self.store, cashier, begun[-1], by=SUBJECT, now=now):
                return session_page.WAIT
        return ""

    def _attempt(self, account: str, reference: str) -> Order | None:
        return self.store.get(Cashiers(self.accounts, self.store).key_of(account, reference))

    def _pay(self, found: Found, following: Next, source_ip: str, page: str, now: int) -> Json:
        session = found.session
        if not session.account:
            raise LackingError("a session to try, and the app names no account for those")
        if session.account.partition(".")[0] not in registry.LOADS:
            raise LackingError("there is no such cashier")
        settings = self.accounts.load(session.account)
        if session.test != settings.is_test and session.test and not self._is_for_tests(session):
            raise LackingError("a session to try, and the app names no account for those")
        body = body_of(found, following, page, hold=self._confirms(session))

        def call(platform: str, account: str, known: Any) -> Call:
            # The cashier's own policy for late money has no say: here it may still be what a session is resolved by.
            keep = {"paid_late_policy": "keep"}
            own = known._replace(**keep) if hasattr(known, "_replace") else replace(known, **keep)
            return Call(platform, account, own, SUBJECT, self.base_url, source_ip, now)

        try:
            if session.account.startswith(BY_CODE):
                # A code that Shopify shows itself has no page of ours.
                table, page_base = (self.table, page.partition("/shopify/")[0]) if page else ("", "")
                at, payment = Cashiers(self.accounts, self.store, table, page_base).payment(session.account, body, call)
            else:
                at = call(CASHIER, session.account, settings)
                payment = SessionPayment(at, self.store, body)
            payment.terms()
        except UnprocessableError as error:  # what the cashier cannot take at all, however often it is tried
            raise LackingError(str(error)) from None
        _, answer = self.create(at, payment)
        count("PaymentPrepared")
        return dict(answer["client"])

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
        word = answering.code(answering.LACKING, version)
        problem = because("session_said", text=str(error))
        fact = answering.rejected(found.session, word, "lacking", at=now, problem=problem)
        callbacks.report(self.store.record(sessions.change(found.key, fact), now=now))


def body_of(found: Found, following: Next, page: str, *, hold: bool = False) -> create_payment.PaymentBody:
    """Return the attempt to pay a session: the same body whoever asks, so that a second call is the same one.

    `page` is the address of the session's own page; where it has none, nobody comes back.
    """
    session, key = found.session, found.key
    if session.amount is None:
        raise LackingError("a payment without an amount")
    return create_payment.PaymentBody(
        order_id=following.reference,
        amount=create_payment.Amount(minor=session.amount.minor, currency=session.amount.currency),
        description=f"Checkout {key.account}"[:127],
        return_url=f"{page}/back" if page else f"https://{key.account}/",
        cancel_url=f"{page}/cancel" if page else None,
        locale=session.locale or None,
        part_of=create_payment.PartOf(platform=key.platform, account=key.account, order_id=key.order_id),
        capture="manual" if hold or session.mode == sessions.AUTHORIZATION else "automatic",
        replaces=following.replaces or None,
        metadata={"session": session.session_id},
    )


class SessionPayment(create_payment.Payment):
    """The attempt to pay a session at a hosted cashier."""

    def __init__(self, call: Call, store: OrderStore, body: create_payment.PaymentBody) -> None:
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
