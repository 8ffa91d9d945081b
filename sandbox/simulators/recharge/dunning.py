"""What Recharge does by itself: takes charges when they are due, tries failed ones again, gives up, tells of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.simulators.recharge import webhooks
from sandbox.simulators.recharge.charges import CLOSED, Charge, Ledger

if TYPE_CHECKING:
    from sandbox.simulating.postman import Clock, Postman
    from sandbox.simulators.recharge.accounts import Store, Stores, Subscription

DAY = 86_400
SENTENCES = {
    "CARD_DECLINED": "Your card was declined.",
    "CARD_EXPIRED": "Your card has expired.",
    "INSUFFICIENT_FUNDS": "Your card has insufficient funds.",
    "VARIANT_DOES_NOT_EXIST": "The variant does not exist any more.",
    CLOSED: "Max retries reached",
}


class Dunning:
    """The tries of every charge: the next day, then every six days, `tries` more in all, then it is given up."""

    def __init__(self, clock: Clock, stores: Stores, ledger: Ledger, postman: Postman) -> None:
        self.clock, self.stores, self.ledger, self.postman = clock, stores, ledger, postman
        self.tries = 7
        self.first_pause, self.pause = DAY, 6 * DAY

    def attempt(self, charge: Charge, *, by_hand: bool = False) -> bool:
        """Try to take the money; True where it was taken."""
        with self.ledger.lock:
            if charge.status not in ("queued", "error", "pending"):
                return charge.status == "success"
            now = int(self.clock.now())
            charge.attempts += 1
            charge.last_attempt = charge.updated_at = now
            charge.processed_by_hand += by_hand
            if not charge.will:
                self._succeeded(charge, now)
            else:
                self._failed(charge, now)
        topic = "charge/paid" if charge.status == "success" else "charge/failed"
        self.tell(charge, "charge/max_retries_reached" if charge.error_type == CLOSED else topic)
        return charge.status == "success"

    def _succeeded(self, charge: Charge, now: int) -> None:
        charge.status, charge.error, charge.error_type, charge.retry_at = "success", None, None, None
        charge.processed_at = now
        charge.order_id = str(6_123_450_000_000_000_000 + charge.id)
        charge.transaction_id = f"ch_{charge.id}_{charge.attempts}"

    def _failed(self, charge: Charge, now: int) -> None:
        over = charge.attempts > self.tries
        charge.status = "error"
        charge.error_type = CLOSED if over else charge.will
        charge.error = SENTENCES.get(charge.error_type, "It was refused.")
        pause = self.first_pause if charge.attempts == 1 else self.pause
        charge.retry_at = None if over else now + pause
        if charge.retry_at is not None:
            number = charge.attempts
            self.postman.later(pause, lambda: self._again(charge, number))

    def _again(self, charge: Charge, number: int) -> None:
        if charge.status == "error" and charge.attempts == number:
            self.attempt(charge)

    def tell(self, charge: Charge, topic: str) -> list[webhooks.Delivery]:
        """Deliver what happened to everybody who has subscribed to it."""
        store = self.stores.named(charge.account)
        made = []
        for subscription in list(store.subscriptions) if store is not None else []:
            if store is not None and subscription.topic == topic:
                made.append(self._deliver(store, subscription, charge))
        return made

    def _deliver(self, store: Store, subscription: Subscription, charge: Charge) -> webhooks.Delivery:
        with self.ledger.lock:
            body = webhooks.body_of(charge, subscription.version)
        delivery = webhooks.Delivery(store, subscription, charge, body, lambda: self.end(store, subscription))
        self.postman.post(delivery)
        return delivery

    def end(self, store: Store, subscription: Subscription) -> None:
        """Delete a subscription whose address did not answer for 48 hours; the owner of the token gets a mail."""
        with self.ledger.lock:
            if subscription in store.subscriptions:
                store.subscriptions.remove(subscription)
                ended: dict[str, Any] = {"topic": subscription.topic, "address": subscription.address}
                store.ended.append(ended | {"at": self.clock.now(), "mailed": True})
