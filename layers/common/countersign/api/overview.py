"""What a console asks first: which accounts there are, how much waits on each list, and where a number leads."""

from collections.abc import Iterable
from typing import Any

from countersign.api.health import health
from countersign.errors import UnprocessableError
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH, platform_name
from countersign.orders.work import DECIDE, TO_SHIP, WAITING
from countersign.runtime.caller import Caller
from countersign.store import account_names, dynamo, keys
from countersign.store.lists import OrderLists

EXCEPTIONS = ("review", "orphan", "needs_action", "quarantine", "failed_notice", "authorization", "finding")
MOST = 999  # what is counted; more is shown as so many and more
SEARCHED = 16  # accounts of one search: a batch read takes 100 rows, six of each account
# Kinds of numbers that lead to an order. `platform_refund` is the platform's own, which a payer sees at the bank.
NUMBERS = ("refund", "settlement", "tracking", keys.platform_number("refund"))
Json = dict[str, Any]


class Overview:
    """One caller's view over all of its accounts."""

    def __init__(self, lists: OrderLists, caller: Caller, *, language: str = ENGLISH) -> None:
        self.lists = lists
        self.caller = caller
        self.language = language

    def accounts(self, *, now: int) -> Json:
        """Return the accounts that are used and that the token may see, and how each does."""
        names = self._visible()
        how = health(self.lists, names, now=now)
        rows = [
            {
                "account": f"{platform}/{name}",
                "platform": platform,
                "name": name,
                "platform_name": platform_name(platform, self.language),
                "health": how[platform, name],
            }
            for platform, name in names
        ]
        return {"accounts": rows}

    def counts(self, account: str) -> Json:
        """Return how much waits on each list of an account; `more` where it is more than is counted."""
        platform, name = account_of(account, self.caller)
        work = {one: keys.account_shards(platform, name, one) for one in (DECIDE, WAITING, TO_SHIP)}
        refunds = {status: keys.refunds_shards(status) for status in ("requested", "needs_action")}
        kinds = {kind: keys.exception_shards(kind) for kind in EXCEPTIONS}
        return {
            "account": account,
            "work": {one: _shown(self.lists.count("by_account", names)) for one, names in work.items()},
            "refunds": {
                one: _shown(self.lists.count("by_account", names, account=account)) for one, names in refunds.items()
            },
            "exceptions": {
                one: _shown(self.lists.count("exceptions", names, account=account)) for one, names in kinds.items()
            },
        }

    def search(self, query: str, account: str) -> Json:
        """Return the orders that a number leads to: an order's, a transaction's, refund's, settlement's or parcel's.

        A refund is found by our number of it and by the platform's own; an order that is made in a shop by the number
        that people there call it (`#1042`, or without the sign) and by the merchant's reference. It looks for exactly
        that number, in one account or in the first sixteen of the token.
        """
        where = [account_of(account, self.caller)] if account else self._visible()[:SEARCHED]
        rows: dict[tuple[str, str], tuple[str, OrderKey]] = {}
        for platform, name in where:
            key = OrderKey(platform, name, query)
            rows[keys.order_pk(key), keys.ORDER] = ("order", key)
            rows[keys.transaction_pk(platform, name, query), "TXN"] = ("transaction", key)
            rows |= {(keys.alias_pk(platform, name, kind, query), "ALIAS"): (kind, key) for kind in NUMBERS}
        items = dynamo.read_many(self.lists.client, self.lists.table, rows) if rows else {}
        found = [
            (kind, key if kind == "order" else keys.order_key(items[row]["order"]["S"]))
            for row, (kind, key) in rows.items()
            if row in items
        ]
        for platform, name in where:
            found += self.lists.named(platform, name, query)
        return {"found": [_found(kind, key) for kind, key in found]}

    def _visible(self) -> list[tuple[str, str]]:
        names = account_names.names(self.lists.client, self.lists.table)
        return [name for name in names if self.caller.may_see(*name)]


def account_of(account: str, caller: Caller) -> tuple[str, str]:
    """Return platform and name of an account as callers write it; raises UnprocessableError or NotFoundError."""
    platform, separator, name = account.partition("/")
    if not separator:
        raise refusal(UnprocessableError, because("account_form"))
    caller.require_account(platform, name)
    return platform, name


def one_of(name: str, given: Iterable[str], words: Iterable[str]) -> None:
    """Refuse a word that there is not; raises UnprocessableError naming those that there are."""
    known = tuple(words)
    if any(word not in known for word in given):
        raise refusal(UnprocessableError, because("word_is_one_of", name=name, words=", ".join(known)))


def _shown(count: int) -> Json:
    return {"count": min(count, MOST), "more": count > MOST}


def _found(kind: str, key: OrderKey) -> Json:
    order = {"platform": key.platform, "account": key.account, "order_id": key.order_id}
    return {"matched": kind, "order": order}
