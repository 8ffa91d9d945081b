"""Tell a store that an order is paid, and of refunds that the cashier made.

A status has no condition and no idempotency key there, and each one that is written sends mails and moves stock: so the
order is read just before, written once for all time, and read again.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from countersign.errors import ContentionError, CountersignError, PlatformUnavailableError
from countersign.money import Money, exponent
from countersign.orders.changes import (
    Change,
    CloseRequested,
    Fact,
    Operator,
    OrderKey,
    RefundDecided,
    RefundRequested,
)
from countersign.orders.refunds import Refund
from countersign.orders.reports import tells_more
from countersign.orders.state import Order
from countersign.platforms.bigcommerce import connector, messages, settlement, translate
from countersign.platforms.bigcommerce.answers import CallRefusedError
from countersign.platforms.bigcommerce.apps import Installation
from countersign.platforms.bigcommerce.client import Fields
from countersign.platforms.bigcommerce.connector import Connector
from countersign.platforms.bigcommerce.messages import StoreOrder
from countersign.platforms.port import Changes
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.order_sync import OrderSyncStore

BY_POLICY, BY_STORE = "policy", "bigcommerce"
RETRY_DELAYS = (
    20,
    60,
    120,
    300,
    900,
    1800,
)  # seconds; the last one for ever: the money is there, so the status must be
OPEN = ("created", "pending")
SETTLED = "settled"  # what a store was told last, once it was told what there was to tell


@dataclass(frozen=True, slots=True)
class StoreSync:
    """A store as the function needs it that tells it of payments."""

    connector: Connector
    store: OrderStore

    def sync(self, key: OrderKey, *, now: int) -> None:
        """See what the store and the cashiers have of an order, and do what follows from it, each thing once."""
        found = self.connector.read(key.order_id)
        attempts = self.connector.attempts(key)
        if found is None:
            self._gone(key, attempts, now)
            return
        self._record(key, self.connector.told(found, read_at=now) if found.due is not None else (), now)
        self._end(attempts, found, now)
        paying = _that_counts(attempts)
        if paying is None:
            return
        if paying.payment is not None:
            self._settle(key, paying, found, now)
        if self.connector.installation.rules.control_panel_refund == "request":
            self._pass_on(key, paying, now)
        for attempt in attempts:
            self._record_refunds(key, found, attempt, now)

    def _gone(self, key: OrderKey, attempts: Iterable[Order], now: int) -> None:
        """Treat an order that its store does not have any more as one that it cancelled: nothing may be paid for it."""
        count("StoreOrderGone")
        for attempt in attempts:
            if attempt.payment is not None:
                self._give_back(attempt, now)
            elif attempt.status in OPEN and attempt.close_asked_at is None:
                self._ask(attempt, CloseRequested(now), BY_STORE, now)
        known = self.store.get(key)
        if known is not None:
            paid = {claim.transaction_id for claim in known.claims}
            for change in translate.paid_by(attempts, key, but=paid):
                callbacks.report(self.store.record(change, now=now))

    def _pass_on(self, key: OrderKey, paying: Order, now: int) -> None:
        """Ask the cashier's account for each refund that staff recorded in the store: somebody else approves it."""
        for refund in self.store.refunds(key):
            if refund.status == "needs_action" and refund.source == "console" and paying.payment is not None:
                number = connector.panel_number(key, refund)
                asked = RefundRequested(number, refund.amount, "recorded in the store's control panel", now)
                self._ask(paying, asked, BY_STORE, now)

    def _settle(self, key: OrderKey, paying: Order, found: StoreOrder, now: int) -> None:
        """Do once for all time what a payment means for the order in the state that it has now.

        What is moved by hand afterwards is not moved back, and a refund that closes the order makes no payment late.
        """
        syncs = OrderSyncStore(self.store.client, self.store.table)
        told = syncs.read(key)
        if told.state not in ("", str(translate.CANCELLED_STATUS)):  # we cancel only what nobody paid
            return
        stamp = syncs.begin(key, told, now=now)
        if stamp is None:
            raise ContentionError("somebody else tells the store of the order")
        step = settlement.step(paying, found.status_id, is_digital=found.is_digital)
        if step.alert == "paid_after_close":
            self._give_back(paying, now)
        elif step.alert == "manual_review":
            self._record(key, (translate.flagged(key, "paid_under_examination", key.order_id),), now)
        if step.put is not None:
            self._write(key, step.put, now)
        syncs.end(key, stamp, SETTLED)

    def _write(self, key: OrderKey, status_id: int, now: int) -> None:
        """Write a status and see that it is there; raises PlatformUnavailableError where it is not."""
        with suppress(PlatformUnavailableError):  # its answer may be all that was lost
            self.connector.client.put_status(key.order_id, status_id)
        again = self.connector.read(key.order_id)
        if again is None or again.status_id in translate.PAYABLE | {settlement.INCOMPLETE}:
            raise PlatformUnavailableError("the store has not taken the status")
        count("OrderSynced")
        if again.due is not None:
            self._record(key, self.connector.told(again, read_at=now), now)

    def _end(self, attempts: Iterable[Order], found: StoreOrder, now: int) -> None:
        """Have attempts ended that must not be paid any more: of a closed or repriced order, or one that is paid."""
        over = found.is_deleted or found.status_id in translate.CLOSED | translate.SETTLED
        for attempt in attempts:
            is_open = attempt.status in OPEN and attempt.close_asked_at is None
            if is_open and (over or attempt.terms.amount != found.due):
                if found.status_id in translate.SETTLED:
                    count("SettledExternally")
                    note = translate.noted(
                        translate.key_of(self.connector.tenant, found.number), "settled_externally", found.modified_at
                    )
                    callbacks.report(self.store.record(note, now=now))
                self._ask(attempt, CloseRequested(now), BY_STORE, now)

    def _give_back(self, attempt: Order, now: int) -> None:
        """Do what the merchant's policy says with money of an order that the store had closed."""
        policy, payment = self.connector.installation.rules.paid_late_policy, attempt.payment
        if payment is None or attempt.refundable == 0:
            return
        number = f"late-{payment.transaction_id}"
        amount = Money(attempt.refundable, payment.total.currency)
        if policy != "keep":
            asked = RefundRequested(number, amount, "paid after the store closed the order", now)
            if self._ask(attempt, asked, BY_POLICY, now):
                count("PaidAfterClose")
                logger.error("an order was paid that the store had closed")
        if policy == "refund":
            self._ask(attempt, RefundDecided(number, True, now), f"{BY_POLICY} refund", now)

    def _record_refunds(self, key: OrderKey, found: StoreOrder, attempt: Order, now: int) -> None:
        """Write each refund down in the store that the cashier made, and after that in the order here."""
        if not attempt.refunded:
            return
        known = {one.refund_id: one for one in self.store.refunds(key)}
        panel = {connector.panel_number(key, one): one for one in known.values() if one.source == "console"}
        for refund in self.store.refunds(attempt.key):
            begun = panel.get(refund.refund_id)
            number = begun.refund_id if begun is not None else f"{attempt.key.order_id}.{refund.refund_id}"
            before = known.get(number)
            if refund.status != "succeeded" or (before is not None and before.status == "succeeded"):
                continue
            # One that began in the control panel is written down there already.
            there = begun.platform_refund_id if begun is not None else self._write_down(key, found, number, refund)
            told = translate.refunded(key, number, refund.amount, store_refund_id=there, at=refund.succeeded_at)
            callbacks.report(self.store.record(told, now=now))

    def _write_down(self, key: OrderKey, found: StoreOrder, number: str, refund: Refund) -> str:
        """Record a refund in the store and return its number there; empty where the store takes none of this amount."""
        reason = f"{translate.OURS}{number}"
        for fields in self.connector.client.refunds(key.order_id):  # an answer that was lost left one behind
            one = messages.read_refund(fields, refund.amount.currency)
            if one.reason == reason:
                return one.number
        if (
            exponent(refund.amount.currency) > 2
        ):  # https://developer.bigcommerce.com/docs/store-operations/orders/refunds
            return self._write_refunded(key, found)
        amount = float(messages.decimal_of(refund.amount))
        item = {"item_type": "ORDER", "item_id": int(key.order_id), "amount": amount, "reason": reason}
        try:
            quote = self.connector.client.refund_quote(key.order_id, item)
            provider = _offline_provider(quote)
            payment = {"provider_id": provider, "amount": amount, "offline": True}
            made = self.connector.client.record_refund(key.order_id, item, payment)
        except CallRefusedError as error:
            if error.status != 422:
                raise
            return self._write_refunded(key, found)
        count("RefundRecorded")
        return str(made.get("id", ""))

    def _write_refunded(self, key: OrderKey, found: StoreOrder) -> str:
        """Say by the order's status alone that money went back, where the store has no refund of this amount."""
        order = self.store.get(key)
        whole = order is not None and order.refundable == 0
        if found.status_id not in translate.CLOSED:
            self.connector.client.put_status(key.order_id, 4 if whole else 14)
        return ""

    def _record(self, key: OrderKey, told: Changes, now: int) -> None:
        order = self.store.get(key)
        if told and (order is None or tells_more(order, [change.fact for change in told])):
            callbacks.report(self.store.record_message(told, now=now))

    def _ask(self, order: Order, fact: Fact, by: str, now: int) -> bool:
        """Do to an attempt what a person could ask for; False where it was so already, or cannot be."""
        change = Change(order.key, fact, Operator(by), "merchant", system=order.terms.system)
        outcome = self.store.record(change, now=now)
        callbacks.report(outcome)
        return outcome.outcome == "applied"


@dataclass(frozen=True, slots=True)
class SyncJob:
    """Tells stores at one moment; `connect` gives how the one of an account is told."""

    store: OrderStore
    connect: Callable[[str], StoreSync]
    now: int

    def process(self, item: Item, attempts: int) -> int | None:
        """Tell of the order's state as it is now; its next change puts it on the list again."""
        seconds("DueOverdueSeconds", self.now - (codec.as_number(item, "due_at") or self.now))
        key = keys.order_key(item["pk"]["S"])
        self.connect(key.account).sync(key, now=self.now)
        return None

    def retry_at(self, item: Item, attempts: int, error: CountersignError) -> int | None:
        """Return when to tell the store again: it never ends, for the money was taken."""
        if isinstance(error, CallRefusedError):
            count("StoreRefused")
        return self.now + RETRY_DELAYS[min(attempts, len(RETRY_DELAYS) - 1)]


def order_of(event: dict[str, Any], store: OrderStore, due: DueList, *, now: int) -> dict[str, Any] | None:
    """Return the event as one about the order that its payment at a cashier is a part of, which is due then.

    None where the payment is for no order of a store; an event that names none (the schedule) stays as it is.
    """
    if event.get("source") != "countersign":
        return event
    named = event["detail"]
    payment = store.get(OrderKey(named["platform"], named["account"], named["order_id"]))
    whole = payment.money_of if payment is not None else None
    if whole is None or whole[0] != translate.PLATFORM:
        return None
    OrderSyncStore(store.client, store.table).make_due(OrderKey(*whole), due.owner, now=now)
    return {**event, "detail": dict(zip(("platform", "account", "order_id"), whole, strict=True))}


def connect(name: str, installation: Installation, *, store: OrderStore) -> StoreSync:
    """Return how a store is told; `store` holds what it was told last."""
    return StoreSync(connector.connect(name, installation, store=store), store)


def _that_counts(attempts: Iterable[Order]) -> Order | None:
    """Return the attempt that the order's status follows: the first that was paid, else the newest."""
    found = list(attempts)
    return next((one for one in found if one.payment is not None), found[-1] if found else None)


def _offline_provider(quote: Fields) -> str:
    """Return what an offline refund is recorded with; PlatformUnavailableError where the store offers none."""
    for methods in quote.get("refund_methods") or []:
        for one in methods if isinstance(methods, list) else []:
            if isinstance(one, dict) and one.get("offline_provider") is True and one.get("provider_id"):
                return str(one["provider_id"])
    raise PlatformUnavailableError("the store offers no refund that is only recorded")
