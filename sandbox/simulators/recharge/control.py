"""What a person or a test makes happen at Recharge: charges come due and fail, cards are renewed, subscriptions end."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from sandbox.simulating.control import Control, ControlError
from sandbox.simulators.recharge import webhooks
from sandbox.simulators.recharge.accounts import Store, Subscription

if TYPE_CHECKING:
    from sandbox.simulators.recharge.api import Api
    from sandbox.simulators.recharge.charges import Charge
    from sandbox.simulators.recharge.dunning import Dunning

WAIT = 10.0
Json = dict[str, Any]


class RechargeControl(Control):
    """The `_control` calls of the simulator."""

    def __init__(self, dunning: Dunning, api: Api) -> None:
        super().__init__()
        self._dunning, self._api = dunning, api
        self.offer(charge=self.charge, attempt=self.attempt, card=self.card, skip=self.skip, delete=self.delete)
        self.offer(refund=self.refund, note=self.note, bulk=self.bulk, subscriptions=self.subscriptions)
        self.offer(unsubscribe=self.unsubscribe, subscribe=self.subscribe, ledger=self.ledger, calls=self.calls)
        self.offer(deliver=self.deliver, schedule=self.schedule, will=self.will)

    def charge(self, body: Json) -> Json:
        """Make a charge: {"account", "amount", "email"?, "shop_customer"?, "note"?, "title"?, "will"?, "attempt"?}.

        `will` is the error of its next tries (none: it will succeed); with `attempt` it is tried at once; `stamp` is
        how its times are written ("", "+00:00" or "Z"); `scheduled_in` is when it is due, in seconds from now.
        """
        store, ledger, now = self._store(body), self._dunning.ledger, int(self._dunning.clock.now())
        shop_id = body.get("shop_customer", "7711000000001")
        customer = ledger.customer(str(body.get("email", "ana@example.com")), shop_id)
        more = {name: body[name] for name in ("note", "title", "will", "stamp", "id") if body.get(name)}
        more["scheduled_at"] = now + int(body.get("scheduled_in", 0))
        charge = ledger.add(store.account, customer, int(body.get("amount", 2400)), store.currency, now, **more)
        if body.get("attempt"):
            self._dunning.attempt(charge)
        elif body.get("notify", True):
            self._dunning.tell(charge, "charge/created")
        return self._shown(charge)

    def attempt(self, body: Json) -> Json:
        """Try a charge now: {"account", "charge_id", "will"?}."""
        charge = self._charge(body)
        if "will" in body:
            charge.will = str(body["will"] or "")
        self._dunning.attempt(charge)
        return self._shown(charge)

    def will(self, body: Json) -> Json:
        """Say how the next tries of a charge end: {"account", "charge_id", "will"}; an empty error: they succeed."""
        charge = self._charge(body)
        charge.will = str(body["will"] or "")
        return self._shown(charge)

    def card(self, body: Json) -> Json:
        """Let the customer renew the card: {"account", "charge_id"}; the next try succeeds, and comes the next day."""
        charge = self._charge(body)
        with self._dunning.ledger.lock:
            charge.will, charge.error_type = "", "CARD_UPDATED_NOW_PENDING_NEXT_ATTEMPT"
            charge.updated_at = int(self._dunning.clock.now())
        number = charge.attempts
        self._dunning.postman.later(86_400, lambda: self._again(charge, number))
        self._dunning.tell(charge, "charge/updated")
        return self._shown(charge)

    def _again(self, charge: Charge, number: int) -> None:
        if charge.status == "error" and charge.attempts == number:
            self._dunning.attempt(charge)

    def skip(self, body: Json) -> Json:
        """Skip a charge: {"account", "charge_id"}."""
        return self._moved(body, "charge/updated", status="skipped", retry_at=None)

    def note(self, body: Json) -> Json:
        """Change the note of a charge: {"account", "charge_id", "note"}."""
        return self._moved(body, "charge/updated", note=str(body["note"]))

    def refund(self, body: Json) -> Json:
        """Refund a charge: {"account", "charge_id", "amount"?}."""
        charge = self._charge(body)
        amount = charge.refunded + int(body.get("amount") or charge.minor - charge.refunded)
        status = "refunded" if amount >= charge.minor else "partially_refunded"
        return self._moved(body, "charge/refunded", status=status, refunded=amount)

    def delete(self, body: Json) -> Json:
        """Delete a charge: {"account", "charge_id"}; what is delivered names it and little more."""
        charge = self._charge(body)
        with self._dunning.ledger.lock:
            charge.status = "deleted"
            self._dunning.tell(charge, "charge/deleted")
            del self._dunning.ledger.charges[charge.id]
        return self._shown(charge)

    def bulk(self, body: Json) -> Json:
        """Make many charges at once, none of which is told of: {"account", "count", "failed"?, "seconds"?, "stamps"?}.

        They changed one after another over `seconds` (86400) until now; every n-th one failed, so that `failed` did.
        """
        store, ledger, now = self._store(body), self._dunning.ledger, int(self._dunning.clock.now())
        count, failed = int(body["count"]), int(body.get("failed", 0))
        span, stamps = int(body.get("seconds", 86_400)), list(body.get("stamps") or [""])
        customer = ledger.customer("many@example.com", "7711000000077")
        each = count // failed if failed else 0
        for index in range(count):
            at = now - span + span * index // max(count, 1)
            bad = bool(each) and index % each == 0 and index // each < failed
            state = (
                {"status": "error", "attempts": 1, "error": "Your card was declined.", "error_type": "CARD_DECLINED"}
                | {"last_attempt": at, "retry_at": at + 86_400, "will": "CARD_DECLINED"}
                if bad
                else {"status": "success", "attempts": 1, "processed_at": at, "last_attempt": at}
            )
            ledger.add(
                store.account,
                customer,
                2400,
                store.currency,
                at - 77 * 86_400,
                updated_at=at,
                stamp=stamps[index % len(stamps)],
                **state,
            )
        return {"made": count, "failed": failed}

    def subscriptions(self, body: Json) -> Json:
        """List a store's subscriptions and those that ended: {"account"}."""
        store = self._store(body)
        return {"subscriptions": [dataclasses.asdict(one) for one in store.subscriptions], "ended": list(store.ended)}

    def subscribe(self, body: Json) -> Json:
        """Subscribe an address as the merchant would by hand: {"account", "topic", "address", "version"?}."""
        made = Subscription(1, str(body["topic"]), str(body["address"]), str(body.get("version", "2021-11")))
        self._store(body).subscriptions.append(made)
        return dataclasses.asdict(made)

    def unsubscribe(self, body: Json) -> Json:
        """End subscriptions as if 48 hours of tries had failed: {"account", "topic"?}."""
        store, topic = self._store(body), body.get("topic")
        for subscription in list(store.subscriptions):
            if topic in (None, subscription.topic):
                self._dunning.end(store, subscription)
        return self.subscriptions(body)

    def deliver(self, body: Json) -> Json:
        """Send one hand-made delivery and return its answer: {"account", "body" | "charge_id", "address", "spoil"?}.

        `body` is any object, such as {"order": …}; `version` the shape of a charge's.
        """
        store, now = self._store(body), self._dunning.clock.now()
        version = str(body.get("version", "2021-11"))
        subscription = Subscription(0, str(body.get("topic", "charge/updated")), str(body["address"]), version)
        if "body" in body:
            charge, content = self._dunning.ledger.add(store.account, *self._nobody(store), int(now)), body["body"]
            del self._dunning.ledger.charges[charge.id]
            sent = json.dumps(content, ensure_ascii=False).encode()
        else:
            charge = self._charge(body)
            sent = webhooks.body_of(charge, version)
        delivery = webhooks.Delivery(store, subscription, charge, sent, lambda: None)
        spoil = str(body.get("spoil") or "")
        self._dunning.postman.send(delivery, delivery.message(now, spoil=spoil), spoil or "hand-made")
        return dict(charge.deliveries[-1])

    def schedule(self, body: Json) -> Json:
        """Set how failed charges are tried again: {"tries"?, "first_pause"?, "pause"?}, in seconds."""
        for name in ("tries", "first_pause", "pause"):
            if name in body:
                setattr(self._dunning, name, int(body[name]))
        return {"tries": self._dunning.tries, "first_pause": self._dunning.first_pause, "pause": self._dunning.pause}

    def ledger(self, body: Json) -> Json:
        """List every charge with its deliveries; `account` and `charge_id` narrow it."""
        account, number = body.get("account"), int(body.get("charge_id") or 0)
        with self._dunning.ledger.lock:
            found = [
                one
                for one in self._dunning.ledger.charges.values()
                if account in (None, one.account) and number in (0, one.id)
            ]
        return {"charges": [self._shown(one) for one in found]}

    def calls(self, body: Json) -> Json:
        """Tell the calls of a store since the last time this was asked, and how full its bucket was: {"account"}."""
        account = self._store(body).account
        bucket, calls = self._api.buckets.get(account), self._api.calls.pop(account, [])
        level = {"most": bucket.most, "refused": bucket.refused} if bucket is not None else {"most": 0, "refused": 0}
        return {"calls": calls, **level}

    def _moved(self, body: Json, topic: str, **changes: Any) -> Json:
        charge = self._charge(body)
        with self._dunning.ledger.lock:
            for name, value in changes.items():
                setattr(charge, name, value)
            charge.updated_at = int(self._dunning.clock.now())
        self._dunning.tell(charge, topic)
        return self._shown(charge)

    def _nobody(self, store: Store) -> tuple[Any, int, str]:
        return self._dunning.ledger.customer("nobody@example.com", None), 100, store.currency

    def _store(self, body: Json) -> Store:
        store = self._dunning.stores.named(str(body.get("account", "")))
        if store is None:
            raise ControlError(404, f"no account {body.get('account')!r}")
        return store

    def _charge(self, body: Json) -> Charge:
        number = int(body.get("charge_id") or 0)
        charge = self._dunning.ledger.charges.get(number)
        if charge is None or charge.account != self._store(body).account:
            raise ControlError(404, f"no charge {number}")
        return charge

    def _shown(self, charge: Charge) -> Json:
        with self._dunning.ledger.lock:
            return dataclasses.asdict(charge)
