"""A checkout's attempts at a cashier: each belongs to one session, and a later one takes the place of all before."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from countersign.errors import RateLimitedError
from countersign.orders.changes import OrderKey
from countersign.orders.sessions import Session
from countersign.orders.state import Order
from countersign.signing import digests

MOST = 100  # of one checkout: who comes so far is no buyer
OPEN = ("created", "pending", "review")
Get = Callable[[str, str], Order | None]  # by the cashier's account and our reference


class Next(NamedTuple):
    """What a buyer who opens a session pays by: `order` is what is known of it, `replaces` the attempt before.

    `stale` says that another window is at the checkout's payment since.
    """

    reference: str
    replaces: str = ""
    order: Order | None = None
    stale: bool = False


def reference(key: OrderKey, number: int) -> str:
    """Return our number at the cashier of a checkout's attempt."""
    return f"sp-{digests.sha256(f'{key.account} {key.order_id}'.encode())[:32]}-{number}"


def all_of(get: Get, key: OrderKey, account: str) -> Iterator[Order]:
    """Yield a checkout's attempts at an account, the first one first."""
    for number in range(1, MOST + 1):
        found = get(account, reference(key, number))
        if found is None:
            return
        yield found


def of_session(get: Get, key: OrderKey, session: Session) -> list[Order]:
    """Return the attempts that belong to a session."""
    return [one for one in all_of(get, key, session.account) if session_of(one) == session.session_id]


def session_of(attempt: Order) -> str:
    """Return which session an attempt belongs to."""
    return dict(attempt.terms.metadata).get("session", "")


def following(get: Get, key: OrderKey, session: Session, now: int) -> Next:
    """Return the attempt by which a session is paid now: its own open one, else the next.

    Raises RateLimitedError beyond MOST: nobody looks for one that begins after that.
    """
    known = list(all_of(get, key, session.account))
    if not known:
        return Next(reference(key, 1))
    last, number = known[-1], len(known)
    if last.payment is not None:
        return Next(reference(key, number), order=last)
    owns = session_of(last) == session.session_id
    if owns and last.status in OPEN and now < last.terms.expires_at:
        return Next(reference(key, number), reference(key, number - 1) if number > 1 else "", last)
    if not owns and any(session_of(one) == session.session_id for one in known):
        return Next(reference(key, number), order=last, stale=True)
    if number == MOST:
        raise RateLimitedError("too many attempts to pay one checkout")
    return Next(reference(key, number + 1), reference(key, number))
