"""Cashiers: a notification that is faster than our own books, with the poll and the shopper's return, at one moment."""

from __future__ import annotations

import itertools
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from countersign.api import payments
from countersign.cashiers.create_payment import Prepared
from countersign.cashiers.hc1 import translate
from countersign.cashiers.hc1.messages import Notification, Payment
from countersign.errors import ConflictError, ContentionError
from countersign.money import Money
from countersign.orders.changes import Change, Closed, OrderKey, Queried, Terms, Verified
from countersign.platforms.payment import Call
from countersign.store.due import DueList
from countersign.workers import loop
from countersign.workers.poll import PollJob
from tests.races.racing import NOW, at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from countersign.orders.state import Order
    from countersign.store import OrderStore

PRICE = Money(6984, "USD")
ROUNDS = [pytest.param(4, id="4 rounds"), pytest.param(150, id="150 rounds", marks=pytest.mark.soak)]
EXPIRES = 1800
SEQUENCES = list(itertools.permutations(["paid", "expired", "timer"]))


def key(number: str) -> OrderKey:
    return OrderKey("cashier", "hc1.main", number)


def told(number: str, status: str, at: int) -> tuple[Change, ...]:
    """Return what a notification says."""
    paid = PRICE if status == "SUCCEEDED" else Money(0, "USD")
    payment = Payment(f"pay_{number}", number, status, PRICE, paid, Money(0, "USD"), 2, at if paid.minor else None)
    notification = Notification(f"evt_{number}_{status}", f"payment.{status.lower()}", at, payment)
    return translate.notification_to_changes(notification, key(number), "m_races", Verified("ak"))


class Cashier:
    """A cashier that knows one payment, by our reference."""

    tenant = "m_races"

    def __init__(self, number: str, status: str = "SUCCEEDED", at: int = NOW) -> None:
        self.number, self.status, self.at = number, status, at

    def query_order(self, order: Order, *, now: int) -> tuple[Change, ...]:
        paid = PRICE if self.status == "SUCCEEDED" else Money(0, "USD")
        payment = Payment(f"pay_{self.number}", self.number, self.status, PRICE, paid, Money(0, "USD"), 2, self.at)
        return (translate.payment_to_change(payment, order.key, self.tenant, Queried(), at=now),)

    def import_order(self, change: Change, *, now: int) -> tuple[Change, ...]:
        return ()

    def close(self, order: Order, *, now: int) -> Change | None:
        if self.status == "SUCCEEDED":
            raise ConflictError("paid")
        return Change(order.key, Closed(min(now, order.terms.expires_at)), Queried(), "query", self.tenant, "hc1")


class NewPayment:
    """One call to create a payment; `meanwhile` happens between the record and the cashier's answer."""

    replaces, replay_seconds, not_kept = "", 240, ""
    compared: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __init__(self, number: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.order_id, self.connector, self._meanwhile = number, Cashier(number), meanwhile

    def terms(self) -> Terms:
        return Terms(PRICE, "hc1", "automatic", "terms", NOW, NOW + EXPIRES, paid_late_policy="refund")

    def prepare(self, order: Order) -> Prepared:
        self._meanwhile()
        return Prepared({"cashier_url": "https://cashier.example.com/c/1"}, f"pay_{self.number}")

    @property
    def number(self) -> str:
        return self.order_id


def insisting(work: Callable[[], object]) -> None:
    """Do it as somebody does who comes again where others were faster."""
    while True:
        try:
            work()
        except ContentionError:
            continue
        return


def create(store: OrderStore, number: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    call = Call("cashier", "hc1.main", SimpleNamespace(), "shop", "https://pay.example.com", "203.0.113.9", NOW)
    payment: Any = NewPayment(number, meanwhile)
    payments.create(call, payment, store=store, wake=lambda _: None)


def notify(store: OrderStore, number: str, status: str = "SUCCEEDED", at: int = NOW) -> None:
    insisting(lambda: store.record_message(told(number, status, at), now=NOW + 9, raw=b"evidence"))


def poll(store: OrderStore, number: str, now: int, cashier: Cashier) -> None:
    """Look at the payment as the poll function does, if nobody else is at it."""
    due = DueList(store.client, store.table, "cashier_poll")
    connect: Any = lambda _: cashier  # noqa: E731 - one account
    item = due.read(key(number))
    if item is not None:
        insisting(lambda: loop.attempt(item, due, PollJob(store, connect, now), now=now))


def come_back(store: OrderStore, number: str) -> None:
    """Let the shopper's browser come back: that proves nothing, and only has the cashier asked."""
    DueList(store.client, store.table, "cashier_poll").make_due(key(number), now=NOW + 9)


def emitted(store: OrderStore, number: str) -> list[str]:
    query = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"cashier#hc1.main#{number}"}},
    }
    items = store.client.query(TableName=store.table, ConsistentRead=True, **query)["Items"]
    return sorted(word["S"] for item in items if "emits" in item for word in item["emits"]["L"])


@pytest.mark.parametrize("rounds", ROUNDS)
def test_C4_a_notification_before_the_create_answer_is_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for one in range(rounds):
        number = f"first-{rounds}-{one}"
        create(stores[0], number, partial(at_once, [partial(notify, store, number) for store in stores[1:4]], threads))

        order = stores[0].get(key(number))
        assert order is not None
        assert (order.status, len(order.claims), emitted(stores[0], number)) == ("paid", 1, ["order.paid"])


@pytest.mark.parametrize("rounds", ROUNDS)
def test_C4_a_notification_and_the_creation_at_one_moment_are_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for one in range(rounds):
        number = f"same-{rounds}-{one}"
        works = [partial(create, stores[0], number), *(partial(notify, store, number) for store in stores[1:4])]
        at_once(works, threads)
        # What met neither the order nor its creation is an orphan: the poll attaches it.
        poll(stores[0], number, NOW + 10, Cashier(number))

        order = stores[0].get(key(number))
        assert order is not None
        assert (order.status, len(order.claims), emitted(stores[0], number)) == ("paid", 1, ["order.paid"])


@pytest.mark.parametrize("rounds", ROUNDS)
def test_C4_a_notification_the_return_and_the_poll_at_one_moment_are_one_transition(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int
) -> None:
    for one in range(rounds):
        number = f"all-{rounds}-{one}"
        create(stores[0], number)
        works = [
            *(partial(notify, store, number) for store in stores[:3]),
            *(partial(poll, store, number, NOW + 10, Cashier(number)) for store in stores[3:6]),
            *(partial(come_back, store, number) for store in stores[6:8]),
        ]
        at_once(works, threads)

        order = stores[0].get(key(number))
        assert order is not None
        assert (order.status, len(order.claims), emitted(stores[0], number)) == ("paid", 1, ["order.paid"])


@pytest.mark.parametrize("paid_at", [EXPIRES - 5, EXPIRES + 60], ids=["in time", "late"])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_C2_paid_expired_and_our_timer_at_one_moment_end_by_the_cashiers_times(
    stores: list[OrderStore], threads: ThreadPoolExecutor, rounds: int, paid_at: int
) -> None:
    for one, sequence in itertools.product(range(max(1, rounds // len(SEQUENCES))), SEQUENCES):
        number = f"ends-{rounds}-{paid_at}-{one}-{'-'.join(sequence)}"
        create(stores[0], number)
        cashier = Cashier(number, "EXPIRED", NOW + EXPIRES)
        works = {
            "paid": partial(notify, stores[0], number, "SUCCEEDED", NOW + paid_at),
            "expired": partial(notify, stores[1], number, "EXPIRED", NOW + EXPIRES),
            "timer": partial(poll, stores[2], number, NOW + EXPIRES + 31, cashier),
        }
        at_once([works[what] for what in sequence], threads)

        order = stores[0].get(key(number))
        assert order is not None
        late = paid_at > EXPIRES
        assert (order.status, order.paid_late) == ("paid", late)
        assert (order.reserved, order.late_refund_id) == ((PRICE.minor, f"late-pay_{number}") if late else (0, ""))
        told_ = [word for word in emitted(stores[0], number) if word != "order.closed"]
        assert told_ == sorted(["order.paid", *(["order.paid_late", "refund.approved"] if late else [])])
