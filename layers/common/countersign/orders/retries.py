"""Wishes to try a failed charge again: when there may be one, and what becomes of it."""

from dataclasses import replace
from typing import Any, ClassVar

from countersign.orders.changes import Change, Charge, RetryFact, RetryReported, RetryRequested
from countersign.orders.charges import charge_of
from countersign.orders.decision import Decision, View
from countersign.orders.kind import Kind
from countersign.orders.reasons import Reason, because
from countersign.orders.sentences import ENGLISH, sentence
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.values import dataclass

# Seconds after the platform may have been asked, at which the charge is read; only reading tells what became of it.
READ_DELAYS = (5, 30, 120, 600, 1800)
HOURLY = 3600
PATIENCE = 6 * HOURLY  # then nobody can tell, and a person must look
RETRY_RANK = {"requested": 0, "processing": 1, "needs_action": 2, "failed": 3, "succeeded": 4}
_OPEN = ("requested", "processing")


@dataclass(frozen=True, slots=True)
class Retry:
    """One wish to try a charge again; `retry_id` is the number of tries that there had been.

    So one try has one wish, however often and by whomever it is asked for: there is no number by which the platform
    would know that two calls are one. Another one may follow where the platform refused it, or a person has looked.
    """

    retry_id: str
    status: str
    requested_by: str = ""
    requested_at: int = 0
    asked_at: int | None = None  # from when on the platform may have been asked
    ended_at: int | None = None
    problem: Reason | None = None
    kind: ClassVar[str] = "retry_request"

    @property
    def number(self) -> str:
        """The number by which it is found among the charge's wishes."""
        return self.retry_id


def retry_number(charge: Charge) -> str:
    """Return the number of the wish to try a charge again as it is now."""
    return str(charge.attempts)


def asked(order: Order, known: Retry | None, fact: RetryRequested, by: str) -> Retry | Reason:
    """Return the wish as it is recorded, or why there can be none."""
    charge = charge_of(order)
    if charge is None:
        return because("not_a_charge")
    if order.status != "failed":
        return because("charge_has_not_failed", status=order.status)
    if known is not None and known.status in _OPEN:
        return because("retry_is_already", status=known.status)
    if fact.retry_id != retry_number(charge):
        return because("charge_was_tried_meanwhile")
    return Retry(fact.retry_id, "requested", by, fact.at)


def reported(known: Retry | None, fact: RetryReported) -> Retry | None:
    """Return the wish after what became of it, or None where that is no news; a state only moves forward."""
    if known is None or RETRY_RANK[fact.status] <= RETRY_RANK[known.status]:
        return None
    if fact.status == "processing":
        return replace(known, status=fact.status, asked_at=fact.at)
    return replace(known, status=fact.status, problem=fact.problem, ended_at=fact.at)


def decide(order: Order, known: Retry | None, fact: RetryFact, change: Change, _view: View) -> Decision:
    """Return what a fact about one wish does to it; to the charge itself only the platform's reports do anything."""
    if isinstance(fact, RetryRequested):
        result = asked(order, known, fact, change.trust.key_id)
        if isinstance(result, Reason):
            return Decision("refused", result, order)
        return Decision("applied", because("retry_requested"), order, (result,), ("charge.retry_requested",))
    moved = reported(known, fact)
    reason, further = because("retry_is", status=fact.status), (fact.problem,) if fact.problem is not None else ()
    if moved is None:
        return Decision("unchanged", reason, order, further=further)
    return Decision("applied", reason, order, (moved,), further=further)


def due(retry: Retry, _since: int, now: int) -> int | None:
    """Return when to do something about a wish, or None where nothing is open."""
    return now if retry.status in _OPEN else None


def read_at(retry: Retry, now: int) -> int:
    """Return when to read the charge again of which nobody knows yet what became."""
    since = retry.asked_at or now
    return next((since + delay for delay in READ_DELAYS if since + delay > now), now + HOURLY)


def is_over(retry: Retry, now: int) -> bool:
    """Tell whether reading has told nothing for so long that a person must look."""
    return retry.asked_at is not None and now - retry.asked_at >= PATIENCE


def retry_json(retry: Retry, language: str = ENGLISH) -> dict[str, Any]:
    """Return the JSON of a wish to try a charge again."""
    return {
        "retry_id": retry.retry_id,
        "status": retry.status,
        "requested_by": retry.requested_by or None,
        "requested_at": timestamp(retry.requested_at or None),
        "asked_at": timestamp(retry.asked_at),
        "ended_at": timestamp(retry.ended_at),
        "problem": sentence(retry.problem, language),
        "problem_reason": retry.problem.to_json() if retry.problem is not None else None,
    }


KIND = Kind(
    "retry_request",
    "retry",
    Retry,
    lambda fact: fact.retry_id,
    decide,
    due,
    lambda retry, _, language: retry_json(retry, language),
)
