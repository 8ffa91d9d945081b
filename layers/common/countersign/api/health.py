"""How accounts do, by what the table says anyway: no platform is asked, and no account's document is read."""

from collections.abc import Sequence
from typing import Any

from countersign.orders.times import timestamp
from countersign.store import authorizations, credentials, dynamo, installs, pulse, scans, subscriptions
from countersign.store.codec import Item
from countersign.store.lists import OrderLists

QUARANTINE = "quarantine"
_ROWS = (subscriptions.row_of, scans.row_of, authorizations.row_of, installs.row_of)
AT_ONCE = 2 * dynamo.BATCH // len(_ROWS)  # accounts of one batch read, which takes 100 rows
Account = tuple[str, str]  # platform, name
Json = dict[str, Any]


def health(lists: OrderLists, accounts: Sequence[Account], *, now: int) -> dict[Account, Json]:
    """Return how each account does; what nobody has noted (yet) is None.

    `callback_at` and `answer_at` are when the platform last told something new by itself, and when asked: to the
    minute, and not of what changed nothing. `subscriptions` and `list` are of platforms whose lists are read,
    `installation` is of accounts where an app was installed. `authorization` is there once the platform lets us in no
    more. `keys` are those that verified something in the last 30 days, to the hour, by their place in the account's
    document at that time: one that is used is not taken out. `certificates` are the document's, where it has any.
    """
    heard = pulse.told(lists.client, lists.table)
    known = credentials.noted(lists.client, lists.table, now=now)
    waiting, more = lists.exceptions_by_account(QUARANTINE)
    rows = _rows(lists, accounts)
    found = {}
    for account in accounts:
        moved = heard.get(account)
        found[account] = {
            "moved_at": timestamp(moved.moved_at) if moved else None,
            "callback_at": timestamp(moved.callback_at) if moved else None,
            "answer_at": timestamp(moved.answer_at) if moved else None,
            "subscriptions": _subscriptions(rows.get(subscriptions.row_of(*account))),
            "list": _list(rows.get(scans.row_of(*account))),
            "authorization": _authorization(rows.get(authorizations.row_of(*account))),
            "installation": _installation(rows.get(installs.row_of(*account))),
            "keys": [
                {"key": one.name, "used_at": timestamp(one.used_at)}
                for one in known.get(account, ())
                if one.used_at is not None
            ],
            "certificates": [
                {"certificate": one.name, "ends_at": timestamp(one.ends_at)}
                for one in known.get(account, ())
                if one.ends_at is not None
            ],
            "quarantined": {"count": waiting[account], "more": more},
        }
    return found


def _rows(lists: OrderLists, accounts: Sequence[Account]) -> dict[tuple[str, str], Item]:
    found: dict[tuple[str, str], Item] = {}
    for first in range(0, len(accounts), AT_ONCE):
        some = accounts[first : first + AT_ONCE]
        wanted = [row_of(*account) for account in some for row_of in _ROWS]
        found |= dynamo.read_many(lists.client, lists.table, wanted)
    return found


def _subscriptions(item: Item | None) -> Json | None:
    """Return when all subscriptions were last there, and the time in which deliveries may be missing, if any."""
    if item is None:
        return None
    gap = subscriptions.gap_of(item)
    missing = {"from": timestamp(gap.since), "to": timestamp(gap.until), "cause": gap.cause} if gap else None
    return {"seen_at": timestamp(subscriptions.seen_at_of(item)), "gap": missing}


def _list(item: Item | None) -> Json | None:
    """Return whether a platform's list is read to its end, and how many changes no delivery told of."""
    if item is None:
        return None
    state = scans.state_of(item)
    return {"ended": state.ended, "untold": state.untold, "untold_at": timestamp(state.untold_at)}


def _authorization(item: Item | None) -> Json | None:
    """Return since when and why nothing can be asked of an account until somebody lets us in again."""
    state = authorizations.state_of(item or {})
    if state.ended_at is None:
        return None
    return {"status": "needs_reauthorization", "since": timestamp(state.ended_at), "because": state.because}


def _installation(item: Item | None) -> Json | None:
    """Return whether the account still lets the app in, and which orders are paid and wait until it does again."""
    if item is None:
        return None
    state = installs.state_of(item)
    word = "uninstalled" if state.uninstalled_at else "needs_reauthorization" if state.lost_at else "active"
    return {
        "state": word,
        "installed_at": timestamp(state.installed_at or None),
        "refused_at": timestamp(state.refused_at or None),
        "lost_at": timestamp(state.lost_at or None),
        "waiting": {"count": state.waiting_count, "orders": list(state.waiting)},
    }
