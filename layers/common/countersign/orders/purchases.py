"""Orders of one purchase: one replaces another, over a whole chain and beside each other, and only one may be paid."""

from collections.abc import Mapping
from dataclasses import replace

from countersign.orders.changes import Change, OrderCreated, OrderKey, Paid, Replaced
from countersign.orders.reasons import Reason, because
from countersign.orders.state import Order

CREATION_SECONDS = 600  # until then a replacement that nobody knows may still be on its way
MOST_ORDERS = 50  # of one purchase that are looked at


def key_of(order: OrderKey, number: str) -> OrderKey:
    """Return the key of another order of the same account."""
    return replace(order, order_id=number)


def links(order: Order) -> tuple[OrderKey, ...]:
    """Return the orders that this one replaces, or that were created in its place."""
    replaced = (order.terms.replaces,) if order.terms.replaces else ()
    return tuple(key_of(order.key, number) for number in (*replaced, *order.replacements))


def wanted(change: Change, order: Order | None, known: Mapping[OrderKey, Order | None]) -> list[OrderKey]:
    """Return which other orders of the purchase a decision about the change needs and are not in `known`.

    Asked again after each reading until nothing is wanted: one more reading for each link of a chain, and none for an
    order that replaces nothing. None in `known` says that there is no such order.
    """
    fact = change.fact
    begin: tuple[OrderKey, ...] = ()
    if isinstance(fact, OrderCreated) and order is None and fact.terms.replaces:
        begin = (key_of(change.key, fact.terms.replaces),)
    elif order is not None and isinstance(fact, Paid | Replaced):
        begin = links(order)
    found = dict.fromkeys(begin)
    for _ in range(MOST_ORDERS):
        more = [key for one in found if (other := known.get(one)) is not None for key in links(other)]
        more = [key for key in more if key not in found and key != change.key]
        if not more:
            break
        found |= dict.fromkeys(more[: MOST_ORDERS - len(found)])
    return [key for key in found if key not in known]


def members(order: Order, orders: Mapping[OrderKey, Order]) -> list[Order]:
    """Return the other orders of its purchase that are in `orders`."""
    found: dict[OrderKey, Order] = {}
    waiting = list(links(order)) if orders else []
    while waiting:
        key = waiting.pop()
        other = orders.get(key)
        if other is not None and key not in found and key != order.key:
            found[key] = other
            waiting += links(other)
    return [found[key] for key in sorted(found)]


def objection(order: Order, by: str, orders: Mapping[OrderKey, Order], at: int) -> Reason | None:
    """Return why the order cannot be replaced by the order `by`, or None.

    It cannot while it or another order of the purchase is paid, nor while the newest replacement may still be: that
    one is what is to be replaced. One that nobody knows was recorded a moment before it is created, or never was: it is
    waited for, for ten minutes before `at`.
    """
    if by in order.replacements:
        return None
    others = [other for other in members(order, orders) if other.key.order_id != by]
    paid = [other for other in (order, *others) if other.payment is not None]
    if paid:
        return because("purchase_paid", order_id=paid[0].key.order_id, status=paid[0].status)
    unknown = [
        number
        for since, number in order.replaced_by
        if at < since + CREATION_SECONDS and key_of(order.key, number) not in orders
    ]
    waiting = [other for other in others if not other.replaced_by and other.status != "closed"]
    if not (unknown or waiting):
        return None
    newest = max(waiting, key=lambda other: (other.terms.created_at, other.key.order_id), default=None)
    number = newest.key.order_id if newest is not None else unknown[-1]
    return because("replaced_already", order_id=number)


def replaced(order: Order, fact: Replaced) -> Order:
    """Return the order as replaced; told again, the earliest time counts."""
    times = {number: at for at, number in order.replaced_by}
    times[fact.by] = min(times.get(fact.by, fact.at), fact.at)
    return replace(order, replaced_by=tuple(sorted((at, number) for number, at in times.items())))


def with_other_paid(order: Order, number: str, paid_at: int) -> Order:
    """Return the order that knows another order of its purchase to be paid; told again, the earliest time counts."""
    times = dict(order.others_paid)
    times[number] = min(times.get(number, paid_at), paid_at)
    return replace(order, others_paid=tuple(sorted(times.items())))
