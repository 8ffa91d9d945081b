"""Answer the sessions of a payments app: decided by what cashiers say, kept, and told to Shopify until it took it.

A decision is recorded with its exact arguments before Shopify hears of it, and never another one is made: whatever
crashes, the same bytes are told again. That an answer is refused without a code may mean that Shopify has not read our
answer to its request yet, so it is no reason to decide otherwise.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from countersign.cashiers.port import AUTHORIZATION, VOID
from countersign.errors import ConflictError, CountersignError, NotFoundError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    Failed,
    Operator,
    OrderKey,
    Paid,
    RefundDecided,
    RefundReported,
    RefundRequested,
    SessionAnswered,
    SessionConfirmed,
    Unpaid,
)
from countersign.orders.reasons import Reason, because
from countersign.orders.refunds import Refund
from countersign.orders.sessions import CAPTURE as CAPTURING
from countersign.orders.sessions import (
    CONFIRM,
    MODAL,
    PAYMENT,
    PENDING,
    REFUND,
    REJECT,
    RESOLVE,
    UNDECIDED,
    WARN_SECONDS,
    Session,
    session_id,
)
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.platforms.port import Changes, RefundRefusedError, is_final
from countersign.platforms.shopify import answering, answers, attempts, sessions
from countersign.platforms.shopify.answers import CallRefusedError
from countersign.platforms.shopify.apps import Apps, Installation, credential_of
from countersign.platforms.shopify.client import PaymentsClient
from countersign.platforms.shopify.installation import access_token
from countersign.platforms.shopify.settings import PAYMENT_SCOPES
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import count, logger, seconds
from countersign.signing import digests
from countersign.store import OrderStore, children, findings, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.sessions import Found, SessionStore
from countersign.workers import loop

OWNER = "shopify_resolve"
CHILD = keys.child_sk("session", "")
BY_SHOPIFY, ASKED_BY_SHOP = "shopify", "asked for in Shopify"
IN_PART = "PARTIALLY_CAPTURED"
HELD = frozenset({"AUTHORIZED", IN_PART})
ON_ITS_WAY = frozenset({"processing", "PROCESSING"})
# What is asked for is judged by what became of these before it, so it waits until that is known.
AFTER = {REFUND: (CAPTURING,), CAPTURING: (CAPTURING, VOID), VOID: (CAPTURING, VOID)}
WAITING = ("created", "pending", "review", "failed")
LOOK_SECONDS, LATER_SECONDS, HOURLY = 60, 600, 3600
BACK_OFF = (5, 15, 60, 120, 300, 900)


class Cashiers(Protocol):
    """Where the payments of `{cashier}.{account}` are recorded, and who is asked about one."""

    def key_of(self, cashier: str, reference: str) -> OrderKey:
        """Return the order of a payment by our reference."""

    def connect(self, key: OrderKey) -> Any:
        """Return a Cashier, or for a payment by QR code what every platform answers."""


# Makes the payment of a session and returns what its QR code says and until when; None where it must not be paid now.
Show = Callable[[Found, int], tuple[str, int] | None]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResolveJob:
    """The job at one moment; without `show` what Shopify's own window is to show waits for who has it."""

    apps: Apps
    store: OrderStore
    cashiers: Cashiers
    now: int
    show: Show | None = None

    def attempt(self, account: str, reference: str) -> Order | None:
        """Return an attempt by the cashier's account and our reference there."""
        return self.store.get(self.cashiers.key_of(account, reference))

    def process(self, item: Item, attempts: int) -> int | None:
        """Decide a session where that can be done, tell Shopify, and return when to look again."""
        key, number = keys.order_key(item["pk"]["S"]), children.child_of(item).session_id
        found = self._read(key, number)
        if found is None:
            return None
        try:
            again = self._decide(found)
        except CountersignError as error:
            if not self._is_past_its_time(found.session):
                raise
            # A cashier or an app's document that is gone would keep it open for ever, and nobody would know.
            logger.error("a session is undecided past its time", extra={"reason": str(error)})
            again = self._to_a_person(found)
        found = self._read(key, number) or found
        return self._tell(found) if found.session.status == "deciding" else again

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to come again after a cashier or the table did not answer."""
        return self.now + BACK_OFF[min(attempts, len(BACK_OFF) - 1)]

    def _read(self, key: OrderKey, number: str) -> Found | None:
        return SessionStore(self.store).read(key, number)

    def _decide(self, found: Found) -> int | None:
        session = found.session
        if session.status == "resolved" and session.hold_ends_at is not None:
            return self._watch_hold(found, session.hold_ends_at)
        if session.status in ("rejected", "resolved") and session.about == PAYMENT:
            return self._spare_money(found)
        # What is told and is no end may be known there already, or never be taken: money is not kept waiting for it.
        if session.status not in UNDECIDED and (session.status != "deciding" or session.is_decided):
            return None
        if session.about == PAYMENT:
            return self._payment(found)
        paid = self._read(found.key, session_id(PAYMENT, session.payment))
        if paid is None:
            return self._reject(found, because("session_payment_unknown"))
        if any(is_open(one) for one in self._earlier(found, *AFTER[session.about])):
            return self.now + LOOK_SECONDS
        if session.about == REFUND:
            return self._refund(found, paid)
        return self._capture(found, paid) if session.about == CAPTURING else self._void(found, paid)

    # A payment

    def _payment(self, found: Found) -> int | None:
        session = found.session
        own = attempts.of_session(self.attempt, found.key, session)
        words: list[str] = []
        for attempt in own:
            told, word = self._look(attempt)
            words.append(word)
            if told.payment is not None:
                return self._paid(found, told)
            if word in HELD and (session.mode == AUTHORIZATION or self._confirms(session)):
                return self._held(found, told)
        if session.confirmed is False and own and own[-1].status == "closed":  # it was let go for that
            return self._reject(found, because("session_unconfirmed"), answering.UNCONFIRMED, "refused")
        last = words[-1] if words else ""
        if last in ON_ITS_WAY and session.operation != PENDING:
            self._record(found.key, answering.pending(session, at=self.now))
            return self.now
        if last in answering.FINAL_WORDS:
            return self._reject(found, because("session_said", text=last), answering.FINAL_WORDS[last], "refused")
        if session.status == "pending" and own and own[-1].status in ("failed", "closed"):
            return self._reject(found, because("session_said", text=last or "failed"), answering.FAILED_LATE, "refused")
        if self.show is not None and session.is_shown_there and not session.operation and self.now < session.expires_at:
            return self._show(found, self.show)
        return self._wait(found, own, last)

    def _wait(self, found: Found, own: list[Order], last: str) -> int | None:
        """Come again while a session can be paid; `last` is the cashier's word for its newest attempt."""
        session = found.session
        ends = _payable_until(session)
        if session.operation == MODAL and own:
            newest = list(attempts.all_of(self.attempt, found.key, session.account))[-1]
            # What a later session replaced is left alone: to reject it might take the method away from that one.
            ends = own[-1].terms.expires_at if newest.key == own[-1].key else ends
        is_open = any(one.status in ("created", "pending", "review") for one in own)
        if self.now >= ends and not (is_open and last in ON_ITS_WAY):
            return self._end(found, own, ends)
        pause = LOOK_SECONDS if is_open else LATER_SECONDS
        pause = HOURLY if self.now - session.requested_at > HOURLY and not is_open else pause
        return min(self.now + pause, max(ends, self.now + LOOK_SECONDS))

    def _show(self, found: Found, show: Show) -> int | None:
        shown = show(found, self.now)
        if shown is None:
            return self.now + LOOK_SECONDS
        code_url, ends = shown
        self._record(found.key, answering.modal(found.session, code_url, at=self.now, ends=ends))
        return self.now

    def _lacking_there(self, found: Found, said: str) -> int | None:
        """Go on with a session whose method has no such step at Shopify, whatever the account says.

        Money that nobody may take is let go; money on its way is waited for here alone. A code that nobody will see is
        closed before its session is rejected.
        """
        session = found.session
        logger.error("Shopify has no such step for a session's method", extra={"reason": said})
        if session.operation == CONFIRM:
            count("ConfirmRefused")
            self._record(found.key, SessionConfirmed(session.session_id, False, self.now))
            return self.now
        if session.operation == PENDING:
            count("PendingRefused")
            self._record(found.key, SessionAnswered(session.session_id, PENDING, self.now))
            return self.now + LOOK_SECONDS
        count("ModalRefused")
        if not self._close(attempts.of_session(self.attempt, found.key, found.session)):
            return self.now + LOOK_SECONDS
        return self._reject(found, because("session_said", text=said), answering.LACKING, "lacking")

    def _end(self, found: Found, own: Iterable[Order], ends: int) -> int | None:
        """Reject a session whose day is over, as soon as nobody can pay it any more."""
        if not self._close(own) and self.now < ends + answering.GIVE_UP:
            return self.now + LOOK_SECONDS
        return self._reject(found, because("session_over"), answering.OVER, "over")

    def _close(self, own: Iterable[Order]) -> bool:
        """End what can be paid still, before nobody may pay any more; False where the buyer is faster, or at it."""
        for attempt in own:
            if attempt.status not in ("created", "pending"):
                continue
            try:
                change = self.cashiers.connect(attempt.key).close(attempt, now=self.now)
            except ConflictError:
                return False
            if change is None:
                return False
            callbacks.report(self.store.record(change, now=self.now))
        return True

    def _look(self, attempt: Order) -> tuple[Order, str]:
        """Return an attempt as it is at the cashier now, and the cashier's own word for it."""
        if attempt.payment is not None or not attempt.prepared or attempt.status not in WAITING:
            return attempt, ""
        word = ""
        for change in self.cashiers.connect(attempt.key).query_order(attempt, now=self.now):
            if isinstance(change.fact, Unpaid | Failed):
                word = change.fact.word
            outcome = self.store.record(change, now=self.now)
            callbacks.report(outcome)
            attempt = outcome.order or attempt
        return attempt, word

    def _paid(self, found: Found, attempt: Order) -> int | None:
        payment = attempt.payment
        assert payment is not None  # noqa: S101 - narrowed by the caller
        if SessionStore(self.store).claim(found.key, found.session.session_id) != found.session.session_id:
            return self._give_back(found, attempt)
        if found.session.confirmed is False:  # somebody captured it all the same, where Shopify has nothing to sell
            return self._give_back(found, attempt)
        self._report(found, payment.total)  # another session of the checkout may have said since what that would cost
        fact = Paid(payment.transaction_id, payment.total, payment.paid_at, test=found.session.test)
        self._record(found.key, fact)
        ends = self._hold_end(found) if found.session.mode == AUTHORIZATION else None
        self._record(found.key, answering.resolved(found.session, at=self.now, authorization_ends=ends))
        return self.now

    def _held(self, found: Found, attempt: Order) -> int | None:
        session = found.session
        if SessionStore(self.store).claim(found.key, session.session_id) != session.session_id:
            with suppress(ConflictError):  # what is held already goes back by itself, too
                self.cashiers.connect(attempt.key).void(attempt)
            return self._reject_at_end(found)
        if self._confirms(session) and not session.confirmed:
            return self._unconfirmed(found, attempt)
        if session.mode != AUTHORIZATION:
            return self._take_whole(found, attempt)
        amount = attempt.terms.amount
        self._report(found, amount, authorized=amount.minor)
        decided = answering.resolved(session, at=self.now, authorization_ends=self._hold_end(found))
        self._record(found.key, decided)
        return self.now

    def _confirms(self, session: Session) -> bool:
        """Tell whether Shopify is asked before money is taken; once it was asked, whatever the account says since."""
        payments = self.apps.load(session.app).payments
        return session.operation == CONFIRM or (payments is not None and payments.confirm)

    def _unconfirmed(self, found: Found, attempt: Order) -> int | None:
        """Ask Shopify whether held money may be taken, wait for its word, or let the money go where it may not."""
        session = found.session
        if session.operation != CONFIRM:
            self._record(found.key, answering.confirm(session, at=self.now))
            return self.now
        if session.confirmed is None and self.now < session.expires_at:
            return self.now + LOOK_SECONDS
        told = self._let_go(attempt)
        if isinstance(told, Reason):
            return self._or_a_person(found)
        for change in told:
            callbacks.report(self.store.record(change, now=self.now))
        if session.confirmed is None:
            return self._reject(found, because("session_over"), answering.OVER, "over")
        return self._reject(found, because("session_unconfirmed"), answering.UNCONFIRMED, "refused")

    def _take_whole(self, found: Found, attempt: Order) -> int | None:
        """Capture all that is held for a sale; that it was taken is believed as the cashier says when it is asked."""
        try:
            made = self.cashiers.connect(attempt.key).capture(
                attempt, capture_number(found.key, found.session), attempt.terms.amount
            )
        except CountersignError as error:
            if not is_final(error):
                raise
            return self._reject(found, because("session_said", text=str(error)), answering.FAILED_LATE, "refused")
        told, _ = self._look(attempt)
        if told.payment is not None:
            return self._paid(found, told)
        if made.status == "failed":
            return self._reject(found, because("session_said", text="failed"), answering.FAILED_LATE, "refused")
        return self._or_a_person(found)

    def _hold_end(self, found: Found) -> int:
        payments = self.apps.load(found.session.app).payments
        return self.now + (payments.authorization_seconds if payments is not None else answering.GIVE_UP)

    def _give_back(self, found: Found, attempt: Order) -> int | None:
        """Have money of a session beside the one that counts go back."""
        if self._ask_back(found, attempt):
            count("PaidTwice")
            logger.error("a checkout was paid by two of its sessions")
        return self._reject_at_end(found)

    def _ask_back(self, found: Found, attempt: Order) -> bool:
        """Do what the app's policy says with money for which nothing is sold; False where that was done before."""
        payments, payment = self.apps.load(found.session.app).payments, attempt.payment
        if payment is None or not attempt.refundable:
            return False
        number = f"late-{payment.transaction_id}"
        amount = Money(attempt.refundable, payment.total.currency)
        asked = RefundRequested(number, amount, "the checkout was not sold for this payment", self.now)
        is_new = self._ask(attempt, asked, BY_SHOPIFY)
        if is_new:
            count("PaidForNothing")
        if payments is not None and payments.late_policy == "refund":
            self._ask(attempt, RefundDecided(number, True, self.now), f"{BY_SHOPIFY} policy")
        return is_new

    def _spare_money(self, found: Found) -> int | None:
        """Do the same with money of a decided session for which nothing is sold: of one that was rejected, all of it.

        Of one that was resolved, what came by another of its attempts than the one that counts.
        """
        own = attempts.of_session(self.attempt, found.key, found.session)
        counts = _that_counts(found.order, own) if found.session.operation == RESOLVE else None
        for attempt in own:
            if attempt.payment is not None and (counts is None or attempt.key != counts.key):
                self._ask_back(found, attempt)
        return None

    def _reject_at_end(self, found: Found) -> int | None:
        """Leave a session that cannot be resolved any more open until its end: rejecting takes the method away."""
        if self.now >= found.session.expires_at:
            return self._reject(found, because("session_over"), answering.OVER, "over")
        return found.session.expires_at

    def _watch_hold(self, found: Found, ends: int) -> int | None:
        """Have somebody warned of money that is held and not captured, a day before nobody can take it any more."""
        is_held = found.order.authorized and found.order.status not in ("closed", "failed")
        if not is_held or self.now >= ends:
            self._end_warning(found.key)
            return None
        if self.now < ends - WARN_SECONDS:
            return ends - WARN_SECONDS
        reason = because("session_hold_ends", order=found.key.order_id, at=str(timestamp(ends)))
        where = (self.store.client, self.store.table, found.key.platform, found.key.account)
        if findings.add(*where, reason, subject=found.key.order_id, now=self.now, orders=[found.key.order_id]):
            count("AuthorizationEndsSoon")
            logger.warning(
                "an authorization ends within a day, and is not captured", extra={"order": found.key.order_id}
            )
        return ends

    def _end_warning(self, key: OrderKey) -> None:
        where = (self.store.client, self.store.table, key.platform, key.account)
        findings.end_one(*where, "session_hold_ends", subject=key.order_id)

    # A refund, a capture, a void

    def _refund(self, found: Found, paid: Found) -> int | None:
        session, number = found.session, refund_number(found.key, found.session)
        attempt = self._paying(paid)
        if attempt is None or session.amount is None:
            return self._reject(found, because("session_not_paid"))
        begun = self.store.refund(found.key, number)
        if begun is not None and begun.child.status == "succeeded":
            self._record(found.key, answering.resolved(session, at=self.now))
            return self.now
        if begun is not None or (attempt.payment is None and paid.session.mode == AUTHORIZATION):
            return self._refund_of_a_part(found, attempt, session.amount)
        if attempt.payment is None:
            return self._reject(found, because("session_not_paid"))
        if session.amount.currency != attempt.payment.total.currency:
            return self._reject(found, because("session_too_much"))
        return self._refund_at_the_desk(found, attempt, session.amount)

    def _refund_at_the_desk(self, found: Found, attempt: Order, amount: Money) -> int | None:
        number = refund_number(found.key, found.session)
        known = self.store.refund(attempt.key, number)
        if known is None:
            asked = RefundRequested(number, amount, ASKED_BY_SHOP, self.now)
            outcome = self.store.record(_asked(attempt, asked, BY_SHOPIFY), now=self.now)
            callbacks.report(outcome)
            known = self.store.refund(attempt.key, number)
            if known is None:
                return self._reject(found, outcome.reason)
        if known.child.status == "requested":
            self._ask(attempt, RefundDecided(number, True, self.now), f"{BY_SHOPIFY} request")
            return self.now + LOOK_SECONDS
        if known.child.status == "succeeded":
            at = known.child.succeeded_at
            fact = RefundReported(number, amount, "succeeded", source="platform", at=at)
            self._record(found.key, fact)
            self._record(found.key, answering.resolved(found.session, at=self.now))
            return self.now
        if known.child.status in ("failed", "rejected", "given_up"):
            return self._reject(found, known.child.problem or because("session_refund_failed"))
        return self._or_a_person(found) if known.child.status == "needs_action" else self._as_it_comes(found)

    def _as_it_comes(self, found: Found) -> int:
        """Come again until money that is on its way back arrived, which may take days: no person could say sooner."""
        return self.now + (LOOK_SECONDS if self.now < found.session.expires_at else HOURLY)

    def _refund_of_a_part(self, found: Found, attempt: Order, amount: Money) -> int | None:
        """Have captured money go back while the rest is held: the refund desk knows of no payment before all is over.

        That it was begun here is recorded first: whatever becomes of the payment meanwhile, it goes on here.
        """
        earlier = list(self._earlier(found, CAPTURING, REFUND))
        taken = [one.amount.minor for one in earlier if one.about == CAPTURING and one.amount is not None]
        gone = [one.amount.minor for one in earlier if one.about == REFUND and one.amount is not None]
        if amount.currency != attempt.terms.amount.currency or sum(gone) + amount.minor > sum(taken):
            return self._reject(found, because("session_too_much") if taken else because("session_not_paid"))
        number = refund_number(found.key, found.session)
        self._record(found.key, RefundReported(number, amount, "processing", source="platform"))
        try:
            wanted = Refund(number, amount, "approved", "platform", reason=ASKED_BY_SHOP)
            made = self.cashiers.connect(attempt.key).refund(attempt, wanted)
        except RefundRefusedError as error:
            if error.whole_account:
                return self._or_a_person(found)
            self._record(found.key, RefundReported(number, amount, "failed", source="platform"))
            return self._reject(found, error.problem)
        status = made.fact.status if isinstance(made.fact, RefundReported) else ""
        if status not in ("succeeded", "failed"):
            return self._as_it_comes(found)
        at = self.now if status == "succeeded" else None
        self._record(found.key, RefundReported(number, amount, status, source="platform", at=at))
        if status == "failed":
            return self._reject(found, because("session_refund_failed"))
        self._record(found.key, answering.resolved(found.session, at=self.now))
        return self.now

    def _capture(self, found: Found, paid: Found) -> int | None:
        session, amount = found.session, found.session.amount
        attempt = self._paying(paid)
        if attempt is None or amount is None or paid.session.mode != AUTHORIZATION or not paid.session.is_decided:
            return self._reject(found, because("session_not_paid"))
        ends = paid.session.hold_ends_at
        if ends is not None and session.requested_at >= ends:
            return self._reject(found, because("session_hold_over"), (answering.AUTHORIZATION_EXPIRED,) * 2)
        earlier = list(self._earlier(found, CAPTURING, VOID))
        if any(one.about == VOID for one in earlier):
            return self._reject(found, because("session_overtaken"))
        taken = sum(one.amount.minor for one in earlier if one.about == CAPTURING and one.amount is not None)
        held = attempt.terms.amount
        if amount.currency != held.currency or taken + amount.minor > held.minor:
            return self._reject(found, because("session_too_much"))
        return self._take(found, paid, attempt, amount, left=held.minor - taken - amount.minor)

    def _take(self, found: Found, paid: Found, attempt: Order, amount: Money, *, left: int) -> int | None:
        """Have the cashier capture; also after the hold's end, for its answer of before may be all that was lost."""
        session, ends = found.session, paid.session.hold_ends_at
        cashier = self.cashiers.connect(attempt.key)
        try:
            made = cashier.capture(attempt, capture_number(found.key, session), amount)
        except CountersignError as error:
            if not is_final(error):
                raise
            words = answering.AUTHORIZATION_EXPIRED if ends and self.now >= ends else answering.PROCESSING_ERROR
            return self._reject(found, because("session_said", text=str(error)), (words,) * 2)
        if made.status == "failed":
            return self._reject(found, because("session_said", text=made.status))
        if made.status != "succeeded":
            return self._or_a_person(found)
        left = 0 if cashier.captures_once else left
        self._report(found, attempt.terms.amount, authorized=left)
        if not left:
            self._end_warning(found.key)
        # The cashier names no time: when it was asked for stays the same however often this is done.
        self._record(found.key, Paid(made.capture_id, amount, session.requested_at, test=paid.session.test))
        self._record(found.key, answering.resolved(session, at=self.now))
        return self.now

    def _void(self, found: Found, paid: Found) -> int | None:
        attempt = self._paying(paid)
        if attempt is None or paid.session.mode != AUTHORIZATION or not paid.session.is_decided:
            return self._reject(found, because("session_not_paid"))
        if any(True for _ in self._earlier(found, CAPTURING, VOID)):
            return self._reject(found, because("session_overtaken"))
        told = self._let_go(attempt)
        if isinstance(told, Reason):
            return self._reject(found, told)
        for change in told:
            callbacks.report(self.store.record(change, now=self.now))
        self._report(found, attempt.terms.amount, state="cancelled")
        self._end_warning(found.key)
        self._record(found.key, answering.resolved(found.session, at=self.now))
        return self.now

    def _let_go(self, attempt: Order) -> Changes | Reason:
        """Let go what is held and return what is true then, or why it stays.

        It is asked first: to let the rest go where a part was taken, by whatever way, would call taken money cancelled.
        """
        cashier = self.cashiers.connect(attempt.key)
        told = cashier.query_order(attempt, now=self.now)
        if not any(map(is_closed, told)) and not any(map(is_taken, told)):
            try:
                told = cashier.void(attempt)
            except CountersignError as error:
                if not is_final(error):
                    raise
                told = cashier.query_order(attempt, now=self.now)  # its answer may be all that was lost
                if not any(map(is_closed, told)):
                    return because("session_said", text=str(error))
        return tuple(told) if any(map(is_closed, told)) else because("session_overtaken")

    def _paying(self, paid: Found) -> Order | None:
        """Return the attempt by which a payment session was paid, or its money held; None where it is not resolved."""
        if paid.session.operation != RESOLVE:
            return None
        return _that_counts(paid.order, attempts.of_session(self.attempt, paid.key, paid.session))

    def _earlier(self, found: Found, *kinds: str) -> Iterable[Session]:
        """Yield the sessions of these kinds about a payment that were asked for before a session and not refused."""
        place = (found.session.requested_at, found.session.session_id)
        for one in SessionStore(self.store).all(found.key):
            same = one.payment == found.session.payment and one.about in kinds
            # What is decided comes first, whatever the clocks said of when it was asked for.
            is_before = one.is_decided or (one.requested_at, one.session_id) < place
            if same and is_before and one.operation != REJECT:
                yield one

    def _or_a_person(self, found: Found) -> int | None:
        """Come again while a cashier is at it; after a day a person must look."""
        return self.now + LOOK_SECONDS if self.now < found.session.expires_at else self._to_a_person(found)

    def _to_a_person(self, found: Found) -> int | None:
        session, problem = found.session, because("session_undecided")
        self._record(found.key, SessionAnswered(session.session_id, session.operation, self.now, problem=problem))
        count("SessionUndecided")
        return None

    def _is_past_its_time(self, session: Session) -> bool:
        """Tell whether a session should be decided by now, whoever did not answer."""
        if session.status not in UNDECIDED and (session.status != "deciding" or session.is_decided):
            return False
        if session.about == PAYMENT:  # as long as one that could not be closed at its end is left open
            return self.now >= _payable_until(session) + answering.GIVE_UP
        return self.now >= session.expires_at

    # What is decided

    def _reject(
        self,
        found: Found,
        problem: Reason,
        words: tuple[str, str] = (answering.PROCESSING_ERROR,) * 2,
        message: str = "",
    ) -> int | None:
        session = found.session
        version = self.apps.load(session.app).api_version
        said = message or session.about
        decided = answering.rejected(session, answering.code(words, version), said, at=self.now, problem=problem)
        self._record(found.key, decided)
        count("SessionRejected")
        return self.now

    def _tell(self, found: Found) -> int | None:
        """Tell Shopify what was decided, byte for byte; return when to tell it again."""
        session = found.session
        again = answering.next_try(session, self.now)
        try:
            answer = self._call(found)
        except CallRefusedError as error:
            count("SessionCallRefused")
            logger.error("Shopify refused the answer to a session", extra={"reason": str(error)})
            answer = answering.Answer("again", said=str(error))
        except CountersignError as error:
            count("SessionAnswerUnknown")
            logger.warning("nobody knows whether Shopify has the answer", extra={"reason": str(error)})
            answer = answering.Answer("again", said=str(error))
        if answer.kind == "refused":
            return self._lacking_there(found, answer.said)
        if answer.kind == "against" and self.now < (session.decided_at or 0) + answering.EARLY_SECONDS:
            answer = answer._replace(kind="again")
        if answer.kind == "taken" or (answer.kind == "against" and session.operation == PENDING):
            fact = SessionAnswered(session.session_id, session.operation, self.now, answer.next_url)
            self._record(found.key, fact)
            seconds("SessionAnswerSeconds", self.now - (session.decided_at or self.now))
            if session.about == PAYMENT and session.is_decided and session.hold_ends_at is None:
                self._spare_money(found)
            return self.now + LOOK_SECONDS if session.operation in (PENDING, CONFIRM, MODAL) else session.hold_ends_at
        if again is None and session.operation == PENDING:
            logger.error("Shopify did not take that money is on its way: it is waited for here alone")
            self._record(found.key, SessionAnswered(session.session_id, PENDING, self.now))
            return self.now + LOOK_SECONDS
        if answer.kind == "against" or again is None:
            problem = because("session_not_taken")
            if answer.kind == "against":
                problem = because("session_contradicted", text=answer.said)
            self._record(found.key, SessionAnswered(session.session_id, session.operation, self.now, problem=problem))
            count("SessionNotTaken")
            logger.error("Shopify did not take the answer to a session: a person must look")
            return None
        return again

    def _call(self, found: Found) -> answering.Answer:
        session = found.session
        app = self.apps.load(session.app)
        shop = self.apps.shop(session.app, app, found.key.account)
        if shop is None:
            raise NotFoundError("the app is not installed there any more")
        http = platform_http.session()
        token = access_token(http, Installation(session.app, app, shop), self.store)
        client = PaymentsClient(http, app, shop, token=token, sleep=time.sleep)
        return answering.read(session, client.answer(answering.mutation(session), json.loads(session.arguments)))

    def _report(self, found: Found, amount: Money, *, authorized: int = 0, state: str = "open") -> None:
        known = found.order
        is_same = known.authorized == authorized and known.terms.amount == amount
        if known.status == "closed" if state == "cancelled" else is_same:
            return  # it was said before, and what was to follow was lost
        # Also within one second, and where the shop's clock is ahead of ours: what is said later counts.
        at = max(self.now, known.newest.version + 1 if known.newest is not None else 0)
        told = sessions.reported(
            found.key,
            amount,
            found.session.mode or AUTHORIZATION,
            at=at,
            test=found.session.test,
            state=state,
            authorized=authorized,
        )
        callbacks.report(self.store.record(told, now=self.now))

    def _record(self, key: OrderKey, fact: Fact) -> None:
        callbacks.report(self.store.record(sessions.change(key, fact), now=self.now))

    def _ask(self, order: Order, fact: Fact, by: str) -> bool:
        """Do to an attempt what a person could ask for; False where it was so already, or cannot be."""
        outcome = self.store.record(_asked(order, fact, by), now=self.now)
        callbacks.report(outcome)
        return outcome.outcome == "applied"


def configure(store: OrderStore, one: Installation, *, now: int, sleep: Callable[[float], None] = time.sleep) -> str:
    """Tell Shopify that an app is ready in a shop, once for each state; return ready, lacking or later.

    Without both payment scopes it is never said to be ready: buyers would choose a method that fails.
    """
    name, app, shop = one
    payments = app.payments
    if payments is None:
        return "later"
    told = SessionStore(store)
    lacking = sorted(PAYMENT_SCOPES - shop.scopes)
    if lacking:
        reason = because("payment_scopes_lacking", scopes=", ".join(lacking))
        if findings.add(store.client, store.table, sessions.PLATFORM, shop.shop, reason, subject=name, now=now):
            count("PaymentScopesLacking")
            logger.error("an app was let in without the payment scopes", extra={"account": shop.shop})
        told.tell_ready(sessions.PLATFORM, name, shop.shop, "")
        return "lacking"
    findings.end(store.client, store.table, sessions.PLATFORM, shop.shop, "payment_scopes_lacking")
    arguments = {"externalHandle": payments.handle or name, "ready": True}
    wanted = digests.sha256(json.dumps([arguments, credential_of(one)]).encode())
    if told.told_ready(sessions.PLATFORM, name, shop.shop) == wanted:
        return "ready"
    http = platform_http.session()
    client = PaymentsClient(http, app, shop, token=access_token(http, one, store), sleep=sleep)
    try:
        payload = client.answer("paymentsAppConfigure", arguments)
    except CountersignError as error:
        count("PaymentsAppNotConfigured")
        logger.warning("the app could not be told to be ready", extra={"reason": str(error)})
        return "later"
    if payload.get("userErrors"):
        count("PaymentsAppNotConfigured")
        logger.error("Shopify does not take the app as ready", extra={"reason": answers.refusals(payload)})
        return "later"
    told.tell_ready(sessions.PLATFORM, name, shop.shop, wanted)
    count("PaymentsAppReady")
    return "ready"


def is_tenth_minute(event: Json, now: int) -> bool:
    """Tell whether a schedule's run is one in which readiness is looked at."""
    return event.get("source") == "aws.scheduler" and now // 60 % 10 == 0


def configure_all(apps: Apps, store: OrderStore, context: Any, *, now: int, enough_ms: int) -> None:
    """Tell Shopify of each app in each shop that it is ready, where that is so and was not said yet."""
    for one in apps.paying():
        if context.get_remaining_time_in_millis() < enough_ms:
            return
        configure(store, one, now=now)


def is_open(session: Session) -> bool:
    """Tell whether nobody knows yet what becomes of a session: what is asked after it has to wait for that."""
    return session.status in UNDECIDED


def is_taken(change: Change) -> bool:
    """Tell whether a cashier says that money was taken of what it held."""
    fact = change.fact
    return isinstance(fact, Paid) or (isinstance(fact, Unpaid) and fact.word == IN_PART)


def is_closed(change: Change) -> bool:
    """Tell whether a cashier says that nothing is held any more, and nothing was taken."""
    return isinstance(change.fact, Closed)


def refund_number(key: OrderKey, session: Session) -> str:
    """Return our number of a refund at the cashier, the same for the same session."""
    return f"shopify-{_digest_of(key, session)}"


def capture_number(key: OrderKey, session: Session) -> str:
    """Return our number of a capture at the cashier, the same for the same session."""
    return f"cap-{_digest_of(key, session)}"


def _digest_of(key: OrderKey, session: Session) -> str:
    # Shops count each by themselves, and at a cashier's account all of an app's shops meet.
    return digests.sha256(f"{key.account} {session.session_id}".encode())[:40]


def _that_counts(order: Order, own: Sequence[Order]) -> Order | None:
    """Return the one of a resolved session's attempts that its checkout has counted."""
    known = {payment.transaction_id for payment in order.payments}
    with_money = [one for one in own if one.payment is not None]
    counted = [one for one in with_money if one.payment is not None and one.payment.transaction_id in known]
    return next(iter(counted or with_money), own[-1] if own else None)


def _payable_until(session: Session) -> int:
    """Return until when a payment session can be paid: longer where the platform knows that money is on its way."""
    if session.operation == PENDING and session.decided_at is not None:
        return max(session.expires_at, session.decided_at + answering.PENDING_SECONDS)
    return session.expires_at


def order_of(event: Json, store: OrderStore, *, now: int) -> Json | None:
    """Return the event as one about the checkout that its payment at a cashier is for, whose sessions are due then.

    None where the payment is for no checkout. What is about a checkout itself stays so, and so does an event that names
    nothing (the schedule).
    """
    if event.get("source") != "countersign":
        return event
    named = event["detail"]
    whole: tuple[str, str, str] | None = (named["platform"], named["account"], named["order_id"])
    if named["platform"] != sessions.PLATFORM:
        payment = store.get(OrderKey(named["platform"], named["account"], named["order_id"]))
        whole = payment.money_of if payment is not None else None
    if whole is None or whole[0] != sessions.PLATFORM:
        return None
    make_due(store, OrderKey(*whole), now=now)
    return {**event, "detail": dict(zip(("platform", "account", "order_id"), whole, strict=True))}


def work(event: Json, context: Any, due: DueList, job: Callable[[int], ResolveJob], *, enough_ms: int) -> None:
    """Look at each session that is due while there is time."""
    loop.run(event, context, due, job, kind=CHILD, enough_ms=enough_ms, worked="SessionWorked", failed="SessionFailed")


def make_due(store: OrderStore, key: OrderKey, *, now: int) -> None:
    """Have each open session of a checkout looked at, at once."""
    SessionStore(store).make_due(key, OWNER, now=now)


def look_now(store: OrderStore, job: ResolveJob, found: Found) -> Found:
    """Look at a session while its buyer waits; nothing is lost where that fails, for it stays due."""
    due = DueList(store.client, store.table, OWNER)
    make_due(store, found.key, now=job.now)
    for item in due.due_of(found.key, keys.child_sk("session", found.session.session_id), job.now):
        with suppress(CountersignError):
            loop.attempt(item, due, job, now=job.now)
    return SessionStore(store).read(found.key, found.session.session_id) or found


def _asked(order: Order, fact: Fact, by: str) -> Change:
    return Change(order.key, fact, Operator(by), "merchant", system=order.terms.system)
