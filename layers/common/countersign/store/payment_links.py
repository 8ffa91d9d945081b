"""Links by which somebody pays an order: one lives at a time, and only its address holds the token.

The token's digest lies in the table whose rows expire; what became of a link stands beside its order, one row each,
however often it is opened.
"""

import re
from typing import Any, NamedTuple

from countersign.errors import RateLimitedError
from countersign.orders.changes import OrderKey
from countersign.signing import digests, nonces
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.journal import Who
from countersign.store.windows import Window

TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)
USUAL_SECONDS, LEAST_SECONDS, MOST_SECONDS = 72 * 3600, 300, 14 * 86400


class Link(NamedTuple):
    """A link that lives: whose order it pays, by which app, until when (epoch seconds), and its own number."""

    key: OrderKey
    app: str
    expires_at: int
    number: str


WRONG_PER_MINUTE = 20  # tokens that are none, of one address: nobody guesses 256 bits, and nobody need try


class PaymentLinks:
    """The links of all orders."""

    def __init__(self, client: Any, table: str, expiring: str) -> None:
        self._client, self._table, self._expiring = client, table, expiring

    def make(self, key: OrderKey, app: str, by: Who, *, expires_at: int, now: int) -> tuple[str, Link]:
        """Return a new link of an order with its token, of 256 random bits; the link before ends."""
        self.end(key, now=now)
        token = nonces.nonce() + nonces.nonce()
        link = Link(key, app, expires_at, f"{now:011d}-{nonces.nonce()[:16]}")
        digest = _digest(token)
        beside = self._beside(key, link.number)
        told = {"at": number(now), "by": text(by.subject), "expires_at": number(expires_at)}
        dynamo.put(self._client, self._table, {**beside, **told, **({"name": text(by.name)} if by.name else {})})
        common = {
            "order": text(keys.order_pk(key)),
            "app": text(app),
            "number": text(link.number),
            "digest": text(digest),
            "expiration": number(expires_at),
        }
        for name in (f"link#{digest}", _of_order(key)):
            dynamo.put(self._client, self._expiring, {"id": text(name), **common})
        return token, link

    def end(self, key: OrderKey, *, now: int) -> bool:
        """End an order's link; False where none lives."""
        found = dynamo.read_expiring(self._client, self._expiring, _of_order(key))
        if found is None or (codec.as_number(found, "expiration") or 0) <= now:
            return False
        row = self._beside(key, codec.as_text(found, "number"))
        values = {":now": number(now)}
        # Beside the order first: what its story says ended opens nothing any more.
        dynamo.update(self._client, self._table, row, "SET ended_at = :now", "attribute_not_exists(ended_at)", values)
        ended = {**found, "expiration": number(now), "digest": text("")}
        dynamo.put(self._client, self._expiring, ended)
        return True

    def lives(self, key: OrderKey, *, now: int) -> bool:
        """Tell whether an order has a link that opens."""
        found = dynamo.read_expiring(self._client, self._expiring, _of_order(key))
        return found is not None and (codec.as_number(found, "expiration") or 0) > now

    def find(self, token: str, *, now: int) -> Link | None:
        """Return the link of a token; None for any that does not live: one that ended looks like one never made."""
        found = dynamo.read_expiring(self._client, self._expiring, f"link#{_digest(token)}")
        key = keys.order_key(codec.as_text(found, "order")) if found is not None else OrderKey("~", "~", "~")
        newest = dynamo.read_expiring(self._client, self._expiring, _of_order(key)) or {}
        alive = digests.equal(codec.as_text(newest, "digest"), _digest(token))
        expires_at = (codec.as_number(found, "expiration") or 0) if found is not None else 0
        if found is None or not alive or expires_at <= now:
            return None
        return Link(key, codec.as_text(found, "app"), expires_at, codec.as_text(found, "number"))

    def find_for(self, address: str, token: str, *, now: int) -> Link | None:
        """Return the link of a token that an address names; RateLimitedError where it named too many wrong ones."""
        wrong = Window(self._client, self._expiring, "payment links", seconds=60, most=WRONG_PER_MINUTE)
        if wrong.is_full(address, now=now):
            raise RateLimitedError("too many wrong links of one address")
        found = self.find(token, now=now) if TOKEN.fullmatch(token) else None
        if found is None:
            wrong.count(address, now=now)
        return found

    def opened(self, link: Link, *, now: int) -> None:
        """Note that somebody, or a scanner of mails, opened the page."""
        self._note(link, "opened", now)

    def used(self, link: Link, *, now: int) -> None:
        """Note that somebody went on to pay."""
        self._note(link, "used", now)

    def _note(self, link: Link, what: str, now: int) -> None:
        expression = f"SET {what}_at = if_not_exists({what}_at, :now) ADD {what}_times :one"
        values = {":now": number(now), ":one": number(1)}
        row = self._beside(link.key, link.number)
        dynamo.update(self._client, self._table, row, expression, "attribute_exists(pk)", values)

    @staticmethod
    def _beside(key: OrderKey, link: str) -> Item:
        return {"pk": text(keys.order_pk(key)), "sk": text(f"{keys.LINK}{link}")}


def _digest(token: str) -> str:
    return digests.sha256(token.encode("utf-8", "surrogatepass"))


def _of_order(key: OrderKey) -> str:
    return f"link-of#{keys.order_pk(key)}"
