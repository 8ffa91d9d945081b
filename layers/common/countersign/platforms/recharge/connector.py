"""Recharge's answers to what workers ask, as changes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.orders.changes import Change, Queried
from countersign.orders.refunds import Refund
from countersign.orders.state import Order
from countersign.platforms.port import Changes, Scanned
from countersign.platforms.recharge import messages, translate
from countersign.platforms.recharge.client import PAGE, Client, CursorGoneError, Fields, Page
from countersign.platforms.recharge.messages import Charge
from countersign.platforms.recharge.pace import Bucket
from countersign.platforms.recharge.settings import Settings
from countersign.runtime import platform_http

# Everything that is told of charges; each is one subscription of the token.
TOPICS = (
    "charge/created",
    "charge/failed",
    "charge/max_retries_reached",
    "charge/paid",
    "charge/refunded",
    "charge/updated",
    "charge/deleted",
)
LISTED_DAYS = 90  # how long a charge that was processed stays in lists; by its number it is found later too
MOST_CUSTOMERS = 10_000  # whose shop's numbers a container remembers


@dataclass(slots=True)
class Connector:
    """A store's Recharge: its keys, its client, and what was looked up of it in this container."""

    account: str
    settings: Settings
    client: Client
    _currency: str = ""
    _shop_customers: dict[str, str] = field(default_factory=dict)  # by Recharge's number
    _customers: dict[str, str] = field(default_factory=dict)  # by the shop's

    @property
    def tenant(self) -> str:
        """Return the account's name: nothing that Recharge sends names the store."""
        return self.account

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what Recharge says about a charge that is recorded here; one that it does not know was deleted."""
        found = self._query(order.key.order_id, now)
        if found or order.paid or order.ended_at is not None:
            return found
        return (translate.deleted(order, read_at=now),)

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what Recharge says about a charge that is not recorded here, its beginning first."""
        return self._query(change.key.order_id, now)

    def query_child(self, change: Change, system: str) -> Changes:
        """Return nothing: a charge has no children at Recharge that could be asked about."""
        return ()

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Recharge names no single refunds: a charge says how much of it went back."""
        return None

    def close(self, order: Order, *, now: int) -> Change | None:
        """Do nothing: a charge ends at Recharge only."""
        return None

    def process(self, order: Order, *, now: int) -> Changes:
        """Have a charge tried again, once, and return what Recharge says of it then.

        Raises CallRefusedError where it was not tried, and PlatformUnavailableError where nobody knows.
        """
        fields = self.client.process(order.key.order_id)
        try:
            return self._told([self._read(fields)], now)[0]
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None

    def read(self, number: str) -> Charge | None:
        """Return a charge as it is now, with the customer's address; None where Recharge does not know it."""
        fields = self.client.charge(number)
        if fields is None:
            return None
        try:
            return self._read(fields)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that must be subscribed to."""
        return TOPICS

    def subscribed(self) -> frozenset[tuple[str, str]]:
        """Return (topic, address) of every subscription of the token."""
        found = ((one.get("topic"), one.get("address")) for one in self.client.subscriptions())
        return frozenset((topic, to) for topic, to in found if isinstance(topic, str) and isinstance(to, str))

    def subscribe(self, topic: str, address: str) -> None:
        """Subscribe an address to a topic, once: a second subscription would deliver everything twice."""
        self.client.subscribe(topic, address)

    # What a scan asks: https://developer.rechargepayments.com/2021-11/charges/charge_list

    @property
    def overlap(self) -> int:
        """Return a day: nobody says which zone times without one are in."""
        return 86400

    def beginning(self, now: int) -> str:
        """Return the place from which everything that can be listed lies ahead."""
        return self.place(now - LISTED_DAYS * 86400)

    def place(self, at: int) -> str:
        """Return a moment as Recharge writes times."""
        return datetime.fromtimestamp(at, self.settings.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def earlier(self, place: str, seconds: int) -> str:
        """Return the place that many seconds before one, written as Recharge wrote that one."""
        return (datetime.fromisoformat(place) - timedelta(seconds=seconds)).isoformat(timespec="seconds")

    def moment(self, place: str) -> int:
        """Return a place as epoch seconds: places in several forms are compared as moments."""
        return messages.moment({"place": place}, "place", self.settings.zone) or 0

    def scan(self, since: str, *, everything: bool, now: int) -> Iterator[Scanned]:
        """Yield what changed from a place on, page by page: the failures, or everything that Recharge lists.

        A list that ends before its end goes on where its last page ended.
        """
        status = "" if everything else "error"
        while True:
            place = since
            try:
                for page in self.client.charges(status=status, since=place):
                    scanned = self._scanned(page, since, now)
                    since = scanned.place or since
                    yield scanned
            except CursorGoneError:
                if since == place:
                    raise
                continue
            return

    def _scanned(self, page: Page, since: str, now: int) -> Scanned:
        charges, unreadable = [], 0
        for fields in page.charges:
            try:
                charges.append(self._read(fields))
            except MalformedError:
                unreadable += 1
        told, more = self._each_told(charges, now)
        moments = [(charge.updated_at, charge.updated_text) for charge in charges if charge.updated_at is not None]
        times = [self.moment(since), *(at for at, _ in moments)]
        # Only a page in its sequence says that nothing older follows.
        place = max(moments)[1] if moments and times == sorted(times) else ""
        latest = max(moments)[1] if moments else ""
        return Scanned(told, place, latest, unreadable + more)

    def _each_told(self, charges: Sequence[Charge], now: int) -> tuple[tuple[Changes, ...], int]:
        self._look_up(charges)
        told, unreadable = [], 0
        for charge in charges:
            try:
                told += self._told([charge], now)
            except MalformedError:
                unreadable += 1
        return tuple(told), unreadable

    def _query(self, number: str, now: int) -> Changes:
        fields = self.client.charge(number)
        if fields is None:
            return ()
        try:
            charge = self._read(fields)
            self._look_up([charge])
            return self._told([charge], now)[0]
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None

    def _read(self, fields: Fields) -> Charge:
        return messages.read_charge(fields, self.settings.zone)

    def _told(self, charges: Sequence[Charge], now: int) -> list[Changes]:
        return [
            translate.charge_to_changes(
                self._completed(charge), self.settings, self.account, Queried(), via="query", read_at=now
            )
            for charge in charges
        ]

    def _completed(self, charge: Charge) -> Charge:
        """Return a charge with the store's currency and both numbers of its customer, where it lacks one."""
        currency = charge.currency or self.settings.currency or self._store_currency()
        customer = charge.customer_id or self._customers.get(charge.shop_customer_id, "")
        shop_customer = charge.shop_customer_id or self._shop_customers.get(charge.customer_id, "")
        return replace(charge, currency=currency, customer_id=customer, shop_customer_id=shop_customer)

    def _store_currency(self) -> str:
        if not self._currency:
            found = self.client.store().get("currency")
            self._currency = found if isinstance(found, str) else ""
        return self._currency

    def _look_up(self, charges: Sequence[Charge]) -> None:
        """Learn the number that failed charges lack of their customers: the shop's, or Recharge's own."""
        failed = [charge for charge in charges if charge.status == "error"]
        for known in (self._shop_customers, self._customers):
            if len(known) > MOST_CUSTOMERS:
                known.clear()
        self._look_up_by_own([charge.customer_id for charge in failed if not charge.shop_customer_id])
        self._look_up_by_shop([charge.shop_customer_id for charge in failed if not charge.customer_id])

    def _look_up_by_shop(self, customers: Sequence[str]) -> None:
        """Learn Recharge's numbers of customers whom the shop knows; it takes one of the shop's for each call."""
        for shop_number in dict.fromkeys(customers):
            if shop_number and shop_number not in self._customers:
                found = _numbers(self.client.customers(shop_id=shop_number))
                self._customers[shop_number] = next((number for number, own in found if own == shop_number), "")

    def _look_up_by_own(self, customers: Sequence[str]) -> None:
        """Learn the shop's numbers of customers, as many with one call as a page holds."""
        wanted = [one for one in dict.fromkeys(customers) if one and one not in self._shop_customers]
        for first in range(0, len(wanted), PAGE):
            ids = wanted[first : first + PAGE]
            found = dict(_numbers(self.client.customers(ids=ids)))
            self._shop_customers |= {number: found.get(number, "") for number in ids}


def _numbers(customers: Sequence[Fields]) -> Iterator[tuple[str, str]]:
    """Yield both numbers of each customer who can be read: a charge is told without them too."""
    for one in customers:
        with suppress(MalformedError):
            yield messages.shop_customer_of(one)


def connect(name: str, settings: Settings) -> Connector:
    """Return a store's connector."""
    bucket = Bucket(time.monotonic, time.sleep)
    return Connector(name, settings, Client(platform_http.session(), settings, bucket=bucket, sleep=time.sleep))
