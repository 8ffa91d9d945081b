"""Tokens by which a shopper's page asks what became of one order: one lives at a time, and the table has its digest."""

from typing import Any

from countersign.orders.changes import OrderKey
from countersign.signing import digests, nonces
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

IDLE_SECONDS, MOST_SECONDS = 1800, 7200  # each use makes it live on for the first, never beyond the second


class StatusTokens:
    """The tokens of all orders, in the table whose rows expire."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def issue(self, key: OrderKey, *, now: int) -> str:
        """Return a new token of an order, of 256 random bits; the one before ends."""
        token = nonces.nonce() + nonces.nonce()
        digest = _digest(token)
        common = {"order": text(keys.order_pk(key)), "digest": text(digest), "began_at": number(now)}
        for name in (f"status#{digest}", _of_order(key)):
            row = {"id": text(name), "expiration": number(now + IDLE_SECONDS), **common}
            dynamo.put(self._client, self._table, row)
        return token

    def order_of(self, token: str, *, now: int) -> OrderKey | None:
        """Return the order that a token is of, and let it live on; None where it is none, or over."""
        found = self._get(f"status#{_digest(token)}")
        if found is None or (codec.as_number(found, "expiration") or 0) <= now:
            return None
        key = keys.order_key(codec.as_text(found, "order"))
        newest = self._get(_of_order(key))
        if newest is None or not digests.equal(codec.as_text(newest, "digest"), codec.as_text(found, "digest")):
            return None
        end = min(now + IDLE_SECONDS, (codec.as_number(found, "began_at") or 0) + MOST_SECONDS)
        if end <= now:
            return None
        for row in (found, newest):
            dynamo.update_if(
                self._client,
                self._table,
                {"id": row["id"]},
                "SET expiration = :end",
                "#digest = :digest",
                {":end": number(end), ":digest": found["digest"]},
            )
        return key

    def _get(self, name: str) -> Item | None:
        return dynamo.read_expiring(self._client, self._table, name)


def _digest(token: str) -> str:
    return digests.sha256(token.encode("utf-8", "surrogatepass"))


def _of_order(key: OrderKey) -> str:
    return f"status-of#{keys.order_pk(key)}"
