"""Sessions: what a platform asks of us as the payment service behind it, and what it is answered, once for all time."""

from dataclasses import replace
from typing import Any, ClassVar

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    SessionAnswered,
    SessionConfirmed,
    SessionDecided,
    SessionFact,
    SessionRequested,
)
from countersign.orders.decision import Decision, View
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

PAYMENT, REFUND, CAPTURE, VOID = "payment", "refund", "capture", "void"
RESOLVE, REJECT, PENDING, CONFIRM, MODAL = "resolve", "reject", "pending", "confirm", "modal"
FINAL = (RESOLVE, REJECT)
# open: nothing is decided; deciding: the platform is being told; pending: it knows that the payer has to wait;
# confirming: it knows that the money is held, and has to say whether it may be taken; shown: its own window has what is
# to be scanned.
_TAKEN = {RESOLVE: "resolved", REJECT: "rejected", PENDING: "pending", CONFIRM: "confirming", MODAL: "shown"}
UNDECIDED = ("open", "pending", "confirming", "shown")
ENDED = ("resolved", "rejected", "needs_action")
WARN_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """One session; `session_id` is its kind and the platform's number, `operation` the answer that counts now."""

    session_id: str
    status: str
    about: str
    gid: str
    app: str
    amount: Money | None
    digest: str
    requested_at: int
    expires_at: int
    mode: str = ""
    test: bool = False
    payment: str = ""
    account: str = ""
    page: str = ""
    cancel_url: str = ""
    locale: str = ""
    operation: str = ""
    arguments: str = ""
    decided_at: int | None = None
    answered_at: int | None = None
    next_url: str = ""
    problem: Reason | None = None
    hold_ends_at: int | None = None
    confirmed: bool | None = None  # whether the platform says that the payment may be taken
    kind: ClassVar[str] = "session"

    @property
    def number(self) -> str:
        """The number by which it is found among the order's sessions."""
        return self.session_id

    @property
    def is_decided(self) -> bool:
        """Tell whether it is decided for good, told or not."""
        return self.operation in FINAL

    @property
    def is_shown_there(self) -> bool:
        """Tell whether the payer pays in the platform's own window: no page here is for it."""
        return self.about == PAYMENT and bool(self.account) and not self.page


def session_id(about: str, number: str) -> str:
    """Return the number of a session among all kinds: the platform counts each kind by itself."""
    return f"{about}.{number}"


def opened(fact: SessionRequested) -> Session:
    """Return a session as it was asked for."""
    return Session(
        session_id(fact.about, fact.number),
        "open",
        fact.about,
        fact.gid,
        fact.app,
        fact.amount,
        fact.digest,
        fact.at,
        fact.expires_at,
        fact.mode,
        fact.test,
        fact.payment,
        fact.account,
        fact.page,
        fact.cancel_url,
        fact.locale,
    )


def decided(known: Session, fact: SessionDecided) -> Session | None:
    """Return the session with its answer; None where an answer counts already: a final one is never another one."""
    if known.is_decided or known.status in ENDED or fact.operation == known.operation:
        return None
    return replace(
        known,
        status="deciding",
        operation=fact.operation,
        arguments=fact.arguments,
        decided_at=fact.at,
        problem=fact.problem,
        hold_ends_at=fact.hold_ends_at,
    )


def answered(known: Session, fact: SessionAnswered) -> Session | None:
    """Return the session after the platform took an answer or for good did not; None where another one counts now."""
    if fact.operation != known.operation or known.status in ENDED:
        return None
    if fact.problem is not None:
        return replace(known, status="needs_action", problem=fact.problem)
    status = _TAKEN[fact.operation]
    if known.status == status:
        return None
    return replace(known, status=status, answered_at=fact.at, next_url=fact.next_url or known.next_url)


def confirmed(known: Session, fact: SessionConfirmed) -> Session | None:
    """Return the session with the platform's word; None where it was not asked for it: and its first word counts."""
    if known.operation != CONFIRM or known.confirmed is not None or known.status in ENDED:
        return None
    return replace(known, status="confirming", confirmed=fact.accepted)


def decide(order: Order, known: Session | None, fact: SessionFact, change: Change, view: View) -> Decision:
    """Return what a fact about one session does to it; to the order only money does anything."""
    if isinstance(fact, SessionRequested):
        number = session_id(fact.about, fact.number)
        if known is not None or view.owner("session", number) not in (None, change.key):
            return Decision("unchanged", because("same_again"), order)
        made = opened(fact)
        # Nobody opens a page of ours then: who has the payment made hears of it from here.
        emits = ("session.requested",) if made.is_shown_there else ()
        return Decision("applied", because("session_requested", what=fact.about), order, (made,), emits)
    if known is None:
        return Decision("unchanged", because("session_unknown"), order)
    if isinstance(fact, SessionDecided):
        after = decided(known, fact)
        reason = because("session_decided", what=known.about, operation=fact.operation)
    elif isinstance(fact, SessionConfirmed):
        after, reason = confirmed(known, fact), because("session_confirmed" if fact.accepted else "session_unconfirmed")
    else:
        after = answered(known, fact)
        reason = because("session_answered", what=known.about, operation=fact.operation)
    further = () if isinstance(fact, SessionConfirmed) or fact.problem is None else (fact.problem,)
    if after is None:
        return Decision("unchanged", reason, order, further=further)
    emits = (f"session.{after.status}",) if after.status in ("pending", *ENDED) else ()
    return Decision("applied", reason, order, (after,), emits, further=further)


def due(session: Session, _since: int, now: int) -> int | None:
    """Return when to do something about a session, or None where nothing is open.

    Where money is held by it, somebody is warned a day before that ends.
    """
    if session.status == "resolved" and session.hold_ends_at is not None:
        return max(now, session.hold_ends_at - WARN_SECONDS)
    return None if session.status in ENDED else now


def session_json(session: Session, language: str = ENGLISH) -> dict[str, Any]:
    """Return the JSON of a session; the payer's page is nobody else's."""
    return {
        "session_id": session.session_id,
        "about": session.about,
        "status": session.status,
        "gid": session.gid,
        "payment": session.payment or None,
        "amount": session.amount.to_json() if session.amount is not None else None,
        "mode": session.mode or None,
        "test": session.test,
        "requested_at": timestamp(session.requested_at),
        "expires_at": timestamp(session.expires_at),
        "operation": session.operation or None,
        "arguments": session.arguments or None,
        "decided_at": timestamp(session.decided_at),
        "answered_at": timestamp(session.answered_at),
        "problem": sentence(session.problem, language),
        "problem_reason": session.problem.to_json() if session.problem is not None else None,
    }


def number_of(fact: SessionFact) -> str:
    """Return which session a fact is about."""
    return session_id(fact.about, fact.number) if isinstance(fact, SessionRequested) else fact.session


KIND = Kind(
    "session",
    "resolve",
    Session,
    number_of,
    decide,
    due,
    lambda session, _, language: session_json(session, language),
    unique=(SessionRequested,),
    sequence=lambda session: (session.requested_at, session.session_id),
)
