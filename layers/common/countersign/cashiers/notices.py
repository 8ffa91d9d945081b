"""What a cashier's notification is once it is known to be genuine, whichever cashier it is of; pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest
from countersign.orders.changes import AccountNews, Change
from countersign.values import dataclass

PLATFORM = "cashier"  # of the orders that are payments at a cashier
Told = Change | Sequence[Change] | AccountNews


@dataclass(frozen=True, slots=True)
class Notification:
    """A genuine notification.

    `nonce` must not have been used before, and is remembered until `nonce_until` (epoch seconds); empty where the
    cashier sends none. `changes` says what it tells about an account of ours, or raises MalformedError. `reference` is
    our number of the payment as far as it can be read.
    """

    key_id: str
    content: bytes
    changes: Callable[[str], Told]
    reference: str = ""
    nonce: str = ""
    nonce_until: int = 0


class Door(NamedTuple):
    """How one cashier's notifications are taken."""

    load: Callable[[Mapping[str, Any]], Any]  # its account document, typed
    parse: Callable[[HttpRequest, Any, int], Notification]  # (request, settings, now); NotGenuineError
    reparse: Callable[[bytes, Any, str], Notification]  # (what was kept, settings, key id)
    accepted: Callable[[], HttpReply]
    refused: Callable[[CountersignError], HttpReply]
    refuses_unreadable: bool  # whether its sender should hear that a genuine notification, kept here, cannot be read


def account_of(cashier: str, account: str) -> str:
    """Return the account of orders at a cashier: `{cashier}.{account}`."""
    return f"{cashier}.{account}"
