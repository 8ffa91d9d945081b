"""A store's answers to what workers ask, as changes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from countersign.cashiers import attempts
from countersign.errors import KeysUnavailableError, MalformedError, PlatformUnavailableError
from countersign.orders.changes import LINK_DUE, Change, OrderKey, PlatformEvent
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.bigcommerce import messages, translate
from countersign.platforms.bigcommerce.apps import Installation
from countersign.platforms.bigcommerce.client import TIMEOUT, Client, Fields
from countersign.platforms.bigcommerce.messages import StoreOrder
from countersign.platforms.bigcommerce.signing import HOOK_HEADER
from countersign.platforms.port import Changes, Scanned
from countersign.runtime import callbacks, platform_http
from countersign.runtime.telemetry import count
from countersign.signing import digests
from countersign.store import OrderStore
from countersign.store.order_sync import OrderSyncStore

# https://developer.bigcommerce.com/docs/integrations/webhooks/events#orders
TOPICS = (
    "store/order/created",
    "store/order/statusUpdated",
    "store/order/refund/created",
    "store/order/archived",
    "store/app/uninstalled",
)
STATUS_UPDATED = "store/order/statusUpdated"
LISTED_DAYS = 7  # how far back the first list goes: an order that is older is not paid by a shopper any more
OVERLAP_SECONDS = 300
MOST_BASE = 60
NEVER_RAN = "payment_never_begun"
# A status that was taken back: from refunded, cancelled or declined to the ones that we write.
REOPENED = frozenset(f"{before} {after}" for before in translate.CLOSED for after in (10, 11))
_PLACE = "%Y-%m-%dT%H:%M:%S+00:00"


@dataclass(frozen=True, slots=True)
class Connector:
    """A store: its documents, its client, and what is recorded of attempts to pay its orders."""

    installation: Installation
    client: Client
    store: OrderStore

    @property
    def tenant(self) -> str:
        """Return the store's hash."""
        return self.installation.store.store_hash

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what the store says of an order that is recorded here, and what became of its attempts."""
        found = self.read(order.key.order_id)
        if found is None:
            return ()
        found = self._cancel_unpaid(order.key, found, now)
        self._note_link_due(order, found, now)
        return (*self._told(found, now), *self._never_ran(order, found, now))

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what the store says of an order that is not recorded here; nothing where another method pays it."""
        order = self.read(change.key.order_id)
        ours = order is not None and order.payment_method in self.installation.rules.payment_method_names
        return self._told(order, now) if order is not None and ours else ()

    def query_child(self, change: Change, system: str) -> Changes:
        """Return the refunds that are recorded in the store, and whether a status was taken back by ours."""
        order = self.store.get(change.key)
        if not isinstance(change.fact, PlatformEvent) or change.fact.word not in TOPICS or order is None:
            return ()
        if not order.paid:
            return ()
        reopened: Changes = ()
        if change.fact.word == STATUS_UPDATED and change.fact.detail in REOPENED:
            count("OrderReopened")
            reopened = (translate.flagged(order.key, "closed_while_it_was_paid", order.key.order_id),)
        return (*reopened, *self.refunds(order))

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return nothing: what is recorded in the store never changes."""
        return None

    def close(self, order: Order, *, now: int) -> Change | None:
        """Do nothing: an order ends in its store only."""
        return None

    def read(self, number: str) -> StoreOrder | None:
        """Return an order as it is now; None where the store has none of this number."""
        fields = self.client.order(number)
        return None if fields is None else _read(fields)

    def told(self, order: StoreOrder, *, read_at: int) -> Changes:
        """Return what is true of an order that was read, with what its attempts say that is not known yet."""
        key = translate.key_of(self.tenant, order.number)
        report = translate.reported(order, self.installation.rules, self.tenant, read_at=read_at)
        known = self.store.get(key)
        paid = {claim.transaction_id for claim in known.claims} if known is not None else set()
        return (report, *translate.paid_by(self.attempts(key), key, but=paid))

    def attempts(self, key: OrderKey) -> tuple[Order, ...]:
        """Return the attempts to pay an order, oldest first, whichever cashier each is at."""
        return attempts.of(self.store, key)

    def refunds(self, order: Order) -> Changes:
        """Return the refunds that the merchant recorded in the store: nobody here made them.

        What was recorded there for a refund at the cashier is known by what was said with it, or by its number.
        """
        ours = {one.platform_refund_id for one in self.store.refunds(order.key)}
        currency = order.terms.amount.currency
        told = []
        for fields in self.client.refunds(order.key.order_id):
            try:
                found = messages.read_refund(fields, currency)
            except MalformedError as error:
                raise PlatformUnavailableError(str(error)) from None
            if found.number not in ours and not found.reason.startswith(translate.OURS):
                told.append(translate.recorded_in_the_store(order.key, found))
        return tuple(told)

    # What the guard asks.

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the scopes that must be subscribed to."""
        return TOPICS

    def subscribed(self) -> frozenset[tuple[str, str]]:
        """Return (scope, address) of every subscription that delivers.

        The platform switches off what could not be delivered for two days, and what had nothing to deliver for ninety.
        """
        hooks = [hook for hook in self.client.hooks() if hook.get("is_active") is True]
        found = ((hook.get("scope"), hook.get("destination")) for hook in hooks)
        return frozenset((scope, to) for scope, to in found if isinstance(scope, str) and isinstance(to, str))

    def subscribe(self, topic: str, address: str) -> None:
        """Subscribe an address to a scope, or switch its subscription on again."""
        for hook in self.client.hooks():
            if (hook.get("scope"), hook.get("destination")) == (topic, address) and type(hook.get("id")) is int:
                self.client.activate_hook(str(hook["id"]))
                return
        token = self.installation.store.hook_token
        self.client.create_hook(topic, address, {HOOK_HEADER: token.reveal()} if token is not None else None)

    @property
    def overlap(self) -> int:
        """Return the seconds by which a list begins before the place where the last one ended."""
        return OVERLAP_SECONDS

    def beginning(self, now: int) -> str:
        """Return the place from which everything that is read at first lies ahead."""
        return self.place(now - LISTED_DAYS * 86400)

    def place(self, at: int) -> str:
        """Return a moment as the list is asked for."""
        return datetime.fromtimestamp(at, UTC).strftime(_PLACE)

    def earlier(self, place: str, seconds: int) -> str:
        """Return the place that many seconds before one."""
        return self.place(self.moment(place) - seconds)

    def moment(self, place: str) -> int:
        """Return a place as epoch seconds."""
        return int(datetime.strptime(place, _PLACE).replace(tzinfo=UTC).timestamp())

    def scan(self, since: str, *, everything: bool, now: int) -> Iterator[Scanned]:
        """Yield the orders of our method that changed from a place on, page by page.

        Raises PlatformUnavailableError for a row that was not asked for: then a filter was ignored, and to go on would
        read the store's oldest orders for ever.
        """
        least = self.moment(since)
        asked = [("min_date_modified", since), ("sort", "date_modified:asc")]
        for page in self.client.orders(asked):
            told: list[Changes] = []
            times: list[int] = []
            unreadable = 0
            for fields in page:
                try:
                    order = messages.read_order(fields)
                    if order.modified_at < least:
                        raise PlatformUnavailableError("the store's list has orders that were not asked for")
                    times.append(order.modified_at)
                    if order.payment_method in self.installation.rules.payment_method_names:
                        told.append(self.told(order, read_at=max(now, int(time.time()))))
                except MalformedError:
                    unreadable += 1
            latest = self.place(max(times)) if times else ""
            yield Scanned(tuple(told), latest if times == sorted(times) else "", latest, unreadable)

    def _told(self, order: StoreOrder, now: int) -> Changes:
        try:
            return self.told(order, read_at=now)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None

    def _cancel_unpaid(self, key: OrderKey, found: StoreOrder, now: int) -> StoreOrder:
        """Cancel an order that nobody paid in time, where the merchant wants that; return it as it is then.

        Never while a payment of it is open or undecided: its attempts must all have ended. A status is written under
        the same stamp as any other, so that whoever is just writing that it is paid is not overtaken.
        """
        after = self.installation.rules.cancel_unpaid_after
        ours = found.payment_method in self.installation.rules.payment_method_names
        waits = found.status_id in translate.PAYABLE and not found.is_deleted
        if after is None or not ours or not waits or now - found.created_at < after:
            return found
        if not self._attempts_ended(key):
            return found
        syncs = OrderSyncStore(self.store.client, self.store.table)
        told = syncs.read(key)
        stamp = syncs.begin(key, told, now=now) if not told.state else None
        if stamp is None:
            return found
        self.client.put_status(key.order_id, translate.CANCELLED_STATUS)
        count("UnpaidCancelled")
        again = self.read(key.order_id) or found
        syncs.end(key, stamp, str(translate.CANCELLED_STATUS))
        return again

    def _never_ran(self, known: Order, order: StoreOrder, now: int) -> Changes:
        """Return the question that an order raises which waits for a payment that no script asked for.

        So it is where the script is not in the store's page, or does not run there; the shopper sees no way to pay.
        """
        rules = self.installation.rules
        waits = order.status_id in translate.PAYABLE and not order.is_deleted
        ours = order.payment_method in rules.payment_method_names
        age = now - order.created_at
        if not (waits and ours and rules.never_ran_after <= age <= rules.max_age_seconds):
            return ()
        if any(one.reason == NEVER_RAN for one in known.anomalies) or self.attempts(known.key):
            return ()
        count("ScriptNeverRan")
        return (translate.flagged(known.key, NEVER_RAN, order.number),)

    def _note_link_due(self, known: Order, order: StoreOrder, now: int) -> None:
        """Note that an order waits so long that its shopper is to be written to, where the merchant wants that.

        A message of its own, the same each time, so it is told once in the order's life; never while money may come.
        """
        rules = self.installation.rules
        after, age = rules.link_mail_after, now - order.created_at
        waits = order.status_id in translate.PAYABLE and not order.is_deleted
        ours = order.payment_method in rules.payment_method_names
        if after is None or not (waits and ours and after <= age <= rules.max_age_seconds):
            return
        if not known.paid and self._attempts_ended(known.key):
            note = translate.noted(known.key, LINK_DUE, order.created_at)
            callbacks.report(self.store.record(note, now=now))

    def _attempts_ended(self, key: OrderKey) -> bool:
        """Tell whether nothing was paid for an order, and nothing that has begun may still be."""
        return all(one.payment is None and one.status in ("closed", "failed") for one in self.attempts(key))


def base_of(key: OrderKey) -> str:
    """Return what the references of an order's attempts begin with; cashiers take 64 characters."""
    plain = f"bc-{key.account}-{key.order_id}"
    return plain if len(plain) <= MOST_BASE else f"bc-{digests.sha256(plain.encode())[:40]}"


def panel_number(key: OrderKey, refund: Refund) -> str:
    """Return under which number a refund that was recorded in the store is asked for at the cashier.

    The store's own number is one of that store alone, and several stores may have one cashier's account.
    """
    plain = f"{translate.PLATFORM}-{key.account}-{refund.platform_refund_id}"
    return plain if len(plain) <= MOST_BASE else f"{translate.PLATFORM}-{digests.sha256(plain.encode())[:40]}"


def connect(
    _name: str,
    installation: Installation,
    *,
    store: OrderStore,
    tries: int = 2,
    timeout: tuple[float, float] = TIMEOUT,
) -> Connector:
    """Return a store's connector; KeysUnavailableError where its token was taken away."""
    token, rules = installation.store.access_token, installation.rules
    if token is None or installation.store.uninstalled:
        raise KeysUnavailableError("the store has no access token: the app must be installed again")
    client = Client(
        platform_http.session(),
        base=rules.base,
        store_hash=installation.store.store_hash,
        token=token,
        sleep=time.sleep,
        tries=tries,
        timeout=timeout,
    )
    return Connector(installation, client, store)


def _read(fields: Fields) -> StoreOrder:
    try:
        return messages.read_order(fields)
    except MalformedError as error:
        raise PlatformUnavailableError(str(error)) from None
