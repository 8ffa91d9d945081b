"""The order model as a toy, made apart from the product: what an order that is paid in parts must come to.

A fact is ("report", Report), ("pay", transaction, amount, paid at) or ("refund", number, amount, status); amounts are
minor units of one currency. Equal versions and reading times are told apart by `tie`.
"""

from collections.abc import Iterable
from typing import NamedTuple

RANK = {"processing": 3, "failed": 5, "succeeded": 6}
Fact = tuple  # type: ignore[type-arg] - a fact is a plain tuple, as its first member says


class Report(NamedTuple):
    """What the platform says of an order at one moment."""

    version: int
    read_at: int
    amount: int
    received: int = 0
    authorized: int = 0
    state: str = "open"
    tie: str = ""


class Ledger(NamedTuple):
    """What was said so far."""

    newest: Report | None = None
    received: int = 0
    payments: frozenset[tuple[str, int, int]] = frozenset()
    refunds: tuple[tuple[str, tuple[int, str]], ...] = ()


def run(facts: Iterable[Fact]) -> Ledger:
    """Return what all facts say together."""
    ledger = Ledger()
    for fact in facts:
        ledger = _after(ledger, fact)
    return ledger


def _after(ledger: Ledger, fact: Fact) -> Ledger:
    if fact[0] == "report":
        report, known = fact[1], ledger.newest
        newer = known is None or _age(report) > _age(known)
        return ledger._replace(newest=report if newer else known, received=max(ledger.received, report.received))
    if fact[0] == "pay":
        return ledger._replace(payments=ledger.payments | {fact[1:]})
    refunds = dict(ledger.refunds)
    number, amount, status = fact[1:]
    if number not in refunds or RANK[status] > RANK[refunds[number][1]]:
        refunds[number] = (amount, status)
    return ledger._replace(refunds=tuple(sorted(refunds.items())))


def _age(report: Report) -> tuple[int, int, str]:
    return (report.version, report.read_at, report.tie)


def seen(ledger: Ledger, *, includes_refunds: bool) -> dict[str, object]:
    """Return what must be shown; the ledger has a report."""
    newest = ledger.newest
    assert newest is not None
    payments: dict[str, tuple[int, int]] = {}
    for transaction, amount, at in ledger.payments:
        payments[transaction] = min(payments.get(transaction, (amount, at)), (amount, at))
    paid = max(ledger.received, sum(amount for amount, _ in payments.values()))
    refunded = sum(amount for _, (amount, status) in ledger.refunds if status == "succeeded")
    reserved = sum(amount for _, (amount, status) in ledger.refunds if status != "failed")
    amount, net = newest.amount, paid - refunded if includes_refunds else paid
    due, over = max(0, amount - net), max(0, paid - reserved - amount)
    status = _status(newest, paid, refunded, due, includes_refunds=includes_refunds)
    questions = []
    if over and newest.read_at:
        questions.append(f"overpaid.{over}")
    if newest.state == "cancelled" and paid - reserved > 0 and newest.read_at:
        questions.append("cancelled_after_payment")
    if refunded > paid and newest.read_at:
        questions.append("refunded_more_than_paid")
    sum_, paid_at = 0, None
    if status in ("paid", "partially_refunded", "refunded"):
        for part, at in sorted(payments.values(), key=lambda one: one[1]):
            sum_ += part
            if sum_ >= amount + (refunded if includes_refunds else 0):
                paid_at = at
                break
    return {
        "status": status,
        "paid": paid,
        "refunded": refunded,
        "balance_due": due,
        "overpaid": over,
        "paid_at": paid_at,
        "review": sorted(questions),
        "refundable": max(0, paid - reserved),
    }


def _status(newest: Report, paid: int, refunded: int, due: int, *, includes_refunds: bool) -> str:
    if paid == 0 and newest.amount > 0:
        ended = {"cancelled": "closed", "failed": "failed"}.get(newest.state)
        return ended or ("authorized" if newest.authorized else "pending")
    if refunded >= paid > 0:
        return "refunded"
    if refunded > 0 and (includes_refunds or paid - refunded < newest.amount):
        return "partially_refunded"
    return "partially_paid" if due > 0 else "paid"
