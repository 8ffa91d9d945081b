"""Have an account's time read anew: the wish is noted, and who looks after the account's deliveries does it."""

from typing import Any

from countersign.errors import ConflictError, UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.times import timestamp
from countersign.runtime.caller import Caller
from countersign.store.lists import OrderLists
from countersign.store.subscriptions import SubscriptionStore

MOST_DAYS = 366


def ask(lists: OrderLists, caller: Caller, platform: str, account: str, since: int, until: int, *, now: int) -> Any:
    """Note that what changed between two moments (epoch seconds) is wanted; a wish that waits takes it in.

    Raises ConflictError where nobody looks after the account's deliveries, UnprocessableError for a time that is none.
    """
    caller.require_person()
    caller.require_account(platform, account)
    if not now - MOST_DAYS * 86_400 <= since < until <= now:
        raise refusal(UnprocessableError, because("interval_is_none", most=MOST_DAYS))
    wish = SubscriptionStore(lists.client, lists.table, platform).wish(account, since, until)
    if wish is None:
        raise refusal(ConflictError, because("account_is_not_guarded"))
    return {
        "account": f"{platform}/{account}",
        "interval": {"from": timestamp(wish.since), "to": timestamp(wish.until)},
        "restore": "asked",
    }
