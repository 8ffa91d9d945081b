"""Random histories of orders in a shop, and a record that takes news of them: what the store does, without its cost."""

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import time_machine

from countersign.orders import children
from countersign.orders.changes import Change, Hint, OrderKey, OrderReported, Queried
from countersign.orders.decide import decide_message
from countersign.orders.decision import Number, View
from countersign.orders.reports import tells_more
from countersign.orders.state import Order
from countersign.platforms.shopify import answers, bulk, messages, signing, translate
from countersign.store import keys
from sandbox.simulators.shopify import Simulator, orders, till
from sandbox.simulators.shopify.orders import Order as Sold
from tests.platforms.shopify.world import ADDRESS, SHOP, documents

CURRENCIES = ("USD", "ISK", "KWD", "EUR")
TOPICS = ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "REFUNDS_CREATE", "ORDER_TRANSACTIONS_CREATE")


class Record:
    """Orders and their children by the rules alone; the same message counts once, as in the store."""

    def __init__(self) -> None:
        self.orders: dict[OrderKey, Order] = {}
        self.children: dict[OrderKey, dict[Number, Any]] = {}
        self.seen: set[tuple[OrderKey, str]] = set()
        self.asked: set[OrderKey] = set()  # orders that the shop is to be asked about

    def take(self, changes: Sequence[Change]) -> None:
        """Take what one message says."""
        key = changes[0].key
        event = (key, keys.event_id(*changes))
        if event in self.seen:
            return
        self.seen.add(event)
        known = self.children.setdefault(key, {})
        touched = {one for change in changes for one in children.touched(change)}
        view = View({one: known[one] for one in touched if one in known})
        decision = decide_message(self.orders.get(key), changes, event[1], view)
        report = changes[0].fact.report if isinstance(changes[0].fact, OrderReported) else None
        if isinstance(changes[0].trust, Hint) or decision.query_now or (report and report.expected_at is not None):
            self.asked.add(key)
        if decision.outcome == "applied" and decision.order is not None:
            self.orders[key] = decision.order
            known |= {(child.kind, child.number): child for child in decision.children}

    def list_one(self, sold: Sold, now: int) -> None:
        """Take what a list says of an order: money that went back without the refund that it is of."""
        self.take_node(json.loads(json.dumps(orders.order_node(sold))), now)

    def ask(self, sold: Sold, now: int) -> None:
        """Take what the shop answers to a question about an order."""
        self.take_node(json.loads(json.dumps(till.order_with_refunds(sold))), now)

    def take_node(self, node: Any, now: int) -> None:
        """Take what the API's answer says of an order, read at a moment."""
        key = OrderKey("shopify", SHOP, messages.digits(node["id"]))
        told = translate.told(key, translate.read_facts(answers.read_order(node), read_at=now), Queried(), via="query")
        if not tells_more(self.orders.get(key), [one.fact for one in told]):
            return
        for first in range(0, len(told), translate.MOST_FACTS):
            self.take(told[first : first + translate.MOST_FACTS])


class Histories:
    """Lets things happen to orders; the same seed makes the same histories."""

    def __init__(self, clock: time_machine.Traveller, seed: int) -> None:
        inbox = SimpleNamespace(add=lambda kind, entry: None)
        simulator = Simulator(SimpleNamespace(now=time.time), documents(), inbox, "https://pay.example.com", Path())
        self.simulator = simulator
        self.posted: list[Any] = []
        simulator._postman.post = lambda delivery, **_: self.posted.append(delivery)  # type: ignore[method-assign, assignment, misc]
        self.clock, self.chance, self.control = clock, random.Random(seed), simulator.control
        self.shop = simulator.shops["app", SHOP]
        for topic in TOPICS:
            self.shop.subscribe(topic, ADDRESS)

    @property
    def sold(self) -> list[Sold]:
        return list(self.shop.orders.values())

    def make(self, call: str, **body: Any) -> None:
        status, answer = self.control(call, {"shop": SHOP, **body})
        assert status == 200, answer

    def live(self, count: int, steps: int) -> None:
        """Make orders and let up to `steps` things happen to each, all mixed; what is undecided ends."""
        for _ in range(count):
            self._create()
        everything = self.sold
        for _ in range(count * steps // 2):
            self.clock.shift(self.chance.randint(1, 90))
            self._happen(self.chance.choice(everything))
        for sold in everything:
            if any(one.status == "pending" for one in sold.movements):
                self.clock.shift(1)
                self.make("settle", order=sold.id, status=self.chance.choice(("success", "failure")))

    def deliver(self, record: Record, *, drop: float, twice: float) -> None:
        """Deliver what was posted in any sequence, some of it never and some of it twice."""
        waiting = [one for one in self.posted if self.chance.random() >= drop]
        waiting += [one for one in waiting if self.chance.random() < twice]
        self.chance.shuffle(waiting)
        for delivery in waiting:
            genuine = signing.reverify(delivery.body, key_id="client_secrets[0]", shop=SHOP)
            order_id = translate.messages.order_of(genuine.fields)
            known = bool(genuine.shop_id) or OrderKey("shopify", SHOP, order_id) in record.orders
            told = translate.to_changes(genuine, SHOP, ours=known)
            assert isinstance(told, tuple)
            record.take(told)

    def follow(self, record: Record, now: int) -> None:
        """Ask the shop once about each order that there is reason to ask about."""
        doubted = {key.order_id for key in record.asked}
        record.asked.clear()
        for sold in self.sold:
            if str(sold.id) in doubted:
                record.ask(sold, now)

    def import_file(self, record: Record, now: int) -> int:
        """Have the shop write its history into a file and take what that tells; returns how many orders it had."""
        operations = self.simulator.apis["app", SHOP].bulks
        started = operations.start({"query": ""})["bulkOperationRunQuery"]["bulkOperation"]
        self.clock.shift(60)
        said = operations.one({"id": started["id"]})["bulkOperation"]
        file, size = operations.file(1) or b"", 64 * 1024
        last = bulk.Root({}, 0)
        count = 0
        for last in bulk.roots(file[at : at + size] for at in range(0, len(file), size)):
            record.take_node(last.node, now)
            count += 1
        assert (str(count), str(last.lines)) == (said["rootObjectCount"], said["objectCount"])
        return count

    def disagreements(self, record: Record) -> list[str]:
        """Compare every order with the shop's ledger, in both currencies, to the last minor unit."""
        return [
            line
            for sold in self.sold
            for line in _compared(record.orders[OrderKey("shopify", SHOP, str(sold.id))], sold)
        ]

    def _create(self) -> None:
        currency = self.chance.choice(CURRENCIES)
        minor, other = self.chance.randint(1, 50) * 1000, self.chance.random() < 0.4
        self.make(
            "create",
            minor=minor,
            currency=currency,
            shop_currency="GBP" if other else currency,
            shop_minor=self.chance.randint(1, 90_000) if other else minor,
            pay=self.chance.choice(("sale", "sale", "authorization", "none")),
        )

    def _happen(self, sold: Sold) -> None:
        number, held, due = sold.id, sold.capturable, sold.outstanding
        pending = sum(one.amount for one in sold.movements if one.kind == "refund" and one.status == "pending")
        left = sold.received - sold.refunded - pending
        possible: list[Callable[[], None]] = [lambda: self.make("touch", order=number)]
        if sold.cancelled_at is None:
            possible.append(lambda: self.make("edit", order=number, minor=self.chance.randint(1, 60) * 1000))
            possible.append(lambda: self._exchange(number))
            possible.append(lambda: self.make("cancel", order=number))
        if due and sold.cancelled_at is None and not held:
            possible.append(lambda: self.make("pay", order=number, minor=self.chance.randint(1, due)))
            possible.append(lambda: self.make("pay", order=number, status="failure"))
        if held:
            possible.append(lambda: self.make("pay", order=number, kind="capture", minor=self.chance.randint(1, held)))
        if left > 0:
            possible += [lambda: self._refund(number, left)] * 2
        self.chance.choice(possible)()

    def _exchange(self, number: int) -> None:
        """Let items go back and others be taken: the refund moves nothing, and what is dearer is paid or stays due."""
        self.make("refund", order=number, minor=0)
        self.make("edit", order=number, minor=self.chance.randint(1, 60) * 1000)
        sold = self.shop.orders[number]
        if sold.outstanding and not sold.capturable and self.chance.random() < 0.7:
            self.make("pay", order=number, minor=sold.outstanding)

    def _refund(self, number: int, most: int) -> None:
        status = self.chance.choice(("success", "success", "pending"))
        minor, by_lines = self.chance.randint(0, most), self.chance.random() < 0.7
        self.make("refund", order=number, minor=minor, status=status, by_lines=by_lines)


def _compared(order: Order, sold: Sold) -> list[str]:
    shop_paid = sum(one.shop_amount.minor for one in order.payments if one.shop_amount is not None)
    other = sold.shop_currency != sold.currency
    pairs = {
        "amount": (order.terms.amount.minor, sold.total),
        "currency": (order.terms.amount.currency, sold.currency),
        "paid": (order.paid, sold.received),
        "refunded": (order.refunded, sold.refunded),
        "due": (order.balance_due, sold.outstanding),
        "cancelled": (order.ended_at, int(sold.cancelled_at) if sold.cancelled_at is not None else None),
        "shop amount": (_shop_amount(order), sold.shop_total) if other else (0, 0),
        "shop paid": (shop_paid, sold.sum("sale", "capture", shop=True)) if other else (0, 0),
        "shop refunded": (order.shop_refunded, sold.sum("refund", shop=True)) if other else (0, 0),
        "conflicts": (sum(one.reason.startswith(("payment_", "refund_")) for one in order.review_items), 0),
    }
    return [
        f"{sold.id} {name}: {ours}, and the shop has {theirs}"
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]


def _shop_amount(order: Order) -> int | None:
    said = order.newest.shop_amount if order.newest is not None else None
    return said.minor if said is not None else None
