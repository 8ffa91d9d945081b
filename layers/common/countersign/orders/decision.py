"""What is decided on and what was decided: the floor that every rule about an order and its children stands on."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, ClassVar, NamedTuple, Protocol

from countersign.orders.changes import Change, OrderKey
from countersign.orders.reasons import Reason, because
from countersign.orders.state import Anomaly, Order
from countersign.values import dataclass

# What names a child or one of the platform's numbers: ("refund", "rf01"), ("transaction", "4200…").
Number = tuple[str, str]


class Child(Protocol):
    """A refund, settlement or shipment: a value that belongs to one order and has a number of its own."""

    kind: ClassVar[str]

    @property
    def number(self) -> str:
        """The number by which it is found among its kind."""

    @property
    def status(self) -> str:
        """Its state in the words of the contract."""


@dataclass(frozen=True, slots=True)
class View:
    """What the store found beside the order.

    `children` are this order's own that the change touches (`children.touched` names them); `owners` says which other
    order already has a number that the change names (`children.unique` names them); `orders` holds those orders and
    the other orders of the same purchase, as far as they exist.
    """

    children: Mapping[Number, Any] = field(default_factory=dict)
    owners: Mapping[Number, OrderKey] = field(default_factory=dict)
    orders: Mapping[OrderKey, Order] = field(default_factory=dict)

    def child(self, kind: str, number: str) -> Any:
        """Return the order's child of this kind and number, or None."""
        return self.children.get((kind, number))

    def owner(self, kind: str, number: str) -> OrderKey | None:
        """Return the other order that has this number already, or None."""
        return self.owners.get((kind, number))

    def after(self, decision: "Decision") -> "View":
        """Return the view for what is decided after `decision`."""
        if not (decision.children or decision.beside):
            return self
        children = {(child.kind, child.number): child for child in decision.children}
        orders = {
            other.change.key: other.decision.order
            for other in decision.beside
            if other.decision.outcome == "applied" and other.decision.order is not None
        }
        return replace(self, children={**self.children, **children}, orders={**self.orders, **orders})


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a change, why, and what to write.

    `beside` are other orders of the view that this changes too: their events and, where applied, their orders are
    written in the same transaction; of several about one order the last has it as it is then. `further` are the
    reasons of the second and later facts of one message.
    """

    outcome: str  # applied, unchanged, orphan or refused
    reason: Reason
    order: Order | None = None
    children: tuple[Child, ...] = ()  # to write
    emits: tuple[str, ...] = ()
    query_now: bool = False  # the platform should be asked at once
    beside: "tuple[Beside, ...]" = ()
    further: tuple[Reason, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, for each fact of the message in its sequence."""
        return (self.reason, *self.further)

    def then(self, later: "Decision") -> "Decision":
        """Return what this and a later decision, made on its outcome, are together."""
        outcomes = (self.outcome, later.outcome)
        children = {(child.kind, child.number): child for child in (*self.children, *later.children)}
        return Decision(
            "applied" if "applied" in outcomes else self.outcome,
            self.reason,
            later.order or self.order,
            tuple(children.values()),
            tuple(dict.fromkeys((*self.emits, *later.emits))),
            self.query_now or later.query_now,
            (*self.beside, *later.beside),
            (*self.further, *later.reasons),
        )


class Beside(NamedTuple):
    """A change of another order, and what it does to that one."""

    change: Change
    decision: Decision


NOTHING = View()


def became(before: Order, after: Order, reason: Reason) -> Decision:
    """Return the decision that makes `after` of an order, or leaves it where both are equal."""
    if after == before:
        return Decision("unchanged", reason, before)
    return Decision("applied", reason, after)


def with_anomaly(order: Order, reason: str, subject: str) -> Order:
    """Return the order with something that a person must look at; told again it is the same."""
    return replace(order, anomalies=tuple(sorted({*order.anomalies, Anomaly(reason, subject)})))


def of_another_order(order: Order, kind: str, number: str) -> Decision:
    """Return the decision about a child whose number another order has already."""
    after = with_anomaly(order, f"{kind}_of_another_order", number)
    return became(order, after, because("number_of_another_order", kind=kind))


def is_of_another_system(order: Order, change: Change) -> bool:
    """Tell whether a change came by a system that neither the order nor a payment accepted for it came by."""
    known = {order.terms.system, *(payment.system for payment in order.payments)}
    return bool(change.system) and change.system not in known
