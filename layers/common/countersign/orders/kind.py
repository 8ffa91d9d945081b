"""What makes a kind of child: all that shared code must know about refunds, settlements, shipments or one more."""

from collections.abc import Callable
from typing import Any, NamedTuple

from countersign.orders.changes import Change
from countersign.orders.decision import Decision, View
from countersign.orders.state import Order


class Kind(NamedTuple):
    """One kind of child: its names, its value, and its rules.

    `owner` is what is behind the platform's name in the name of the function that works on it; `unique` are the facts
    that make its number this order's and nobody else's. What is `listed` people look through by its status, over all
    accounts; `accepted` tells whether the platform is known to have it. `found_by` is the platform's own number of one,
    by which people look for its order ("" where there is none yet, or where it is the same).
    """

    name: str  # in rows, in `{name}s` of the order JSON and in names of events on the bus
    owner: str
    value: type[Any]
    number: Callable[[Any], str]  # of a fact about one
    decide: Callable[[Order, Any, Any, Change, View], Decision]  # (order, the child if known, fact, change, view)
    due: Callable[[Any, int, int], int | None]  # (child, since when it has its status, now): when it is to be worked on
    json: Callable[[Any, str, str], dict[str, Any]]  # (child, the order's currency, language)
    unique: tuple[type[Any], ...] = ()
    listed: bool = False
    accepted: Callable[[Any], bool] | None = None
    found_by: Callable[[Any], str] = lambda _: ""
    sequence: Callable[[Any], Any] = lambda child: child.number  # by what several of an order are put in a row
