"""Finding orders by what a customer says: for people only, thirty times a minute, and each time in the activity."""

from typing import Any

from countersign.api import activity
from countersign.api.overview import account_of
from countersign.errors import RateLimitedError, UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime import lookup_keys
from countersign.runtime.caller import Caller
from countersign.signing import lookups as marks
from countersign.store import lookups
from countersign.store.journal import Deed
from countersign.store.lists import OrderLists
from countersign.store.throttle import count_in_minute

PER_MINUTE = 30
Json = dict[str, Any]


def find(lists: OrderLists, caller: Caller, account: str, said: str, *, now: int) -> Json:
    """Return the newest orders that were created with this lookup; that somebody looks is recorded first."""
    platform, name, found = _asked(lists, caller, account, said, "looked_up", now)
    rows = lookups.orders(lists.client, lists.table, platform, name, found)
    return {
        "found": [
            {
                "matched": "lookup",
                "order": {"platform": key.platform, "account": key.account, "order_id": key.order_id},
            }
            for key in rows
        ]
    }


def erase(lists: OrderLists, caller: Caller, account: str, said: str, *, now: int) -> Json:
    """Have no order found by this lookup any more, as a customer may ask for; returns how many were."""
    platform, name, found = _asked(lists, caller, account, said, "lookup_erased", now)
    return {"erased": lookups.erase(lists.client, lists.table, platform, name, found, now=now)}


def _asked(
    lists: OrderLists, caller: Caller, account: str, said: str, what: str, now: int
) -> tuple[str, str, list[str]]:
    caller.require_person()
    platform, name = account_of(account, caller)
    keys = lookup_keys.load()
    if not marks.normalised(said):
        raise refusal(UnprocessableError, because("lookup_is_empty"))
    if not count_in_minute(lists.client, lists.table, platform, name, "lookup", most=PER_MINUTE, now=now):
        raise refusal(RateLimitedError, because("too_many_lookups", most=PER_MINUTE))
    activity.add(lists, caller, platform, name, Deed(what), now=now)
    return platform, name, marks.fingerprints(keys, platform, name, said)
