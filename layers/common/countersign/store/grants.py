"""What an app was given for an account by whoever installed it there: tokens that are renewed, each by the one before.

A renewal ends the token that it was asked for with, so one process at a time asks, and both tokens and both ends are
written at once. Its answer may be lost after the platform gave it. Then the old refresh token is good until the new one
is used, for some days, so it is kept and asked with again; only what is refused with every token that may still be good
is over, and that is noted and never tried again.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from countersign.errors import KeysUnavailableError, MalformedError, UndecryptableError
from countersign.signing import boxes, nonces
from countersign.signing.credentials import Secret
from countersign.store import codec, dynamo, installed
from countersign.store.codec import Item, number, text
from countersign.store.installed import Installed, row_of

LEASE_SECONDS = 60  # of a renewal: longer than its calls may take, so that never two are under way
FIRST_PAUSE, LONGEST_PAUSE = 5, 600  # seconds between two renewals that had no answer
REPEATABLE_SECONDS = 30 * 86400  # from a refresh token's first use on, while the new one was not used
RENEW_AT = 0.8  # of an access token's life


class Tokens(NamedTuple):
    """What a platform gave: an access token, and what it is renewed with; ends are epoch seconds, None where none."""

    access: str
    access_ends: int | None
    scopes: frozenset[str]
    refresh: str = ""
    refresh_ends: int | None = None


class Refreshing(NamedTuple):
    """A refresh token, when it was first used, and when it ends by itself."""

    token: str
    used_at: int | None
    ends: int | None

    def may_be_good(self, now: int) -> bool:
        """Tell whether the platform may still take it."""
        fresh = self.used_at is None or now - self.used_at < REPEATABLE_SECONDS
        return bool(self.token) and fresh and (self.ends is None or now < self.ends)


class GrantStore:
    """The grants of one app; tokens are sealed with the first of `secrets`, and opened with any of them."""

    def __init__(self, client: Any, table: str, *, platform: str, app: str, secrets: Sequence[Secret] = ()) -> None:
        self.client = client
        self.table = table
        self.platform = platform
        self.app = app
        self._secrets = tuple(secrets)

    def put(self, account: str, number_: str, tokens: Tokens, *, now: int, seed: str = "") -> Installed:
        """Keep a new grant in the place of whatever was there; a renewal that is under way changes nothing any more.

        `seed` names the document's tokens that it begins with, where nobody installed; else it has a name of its own.
        """
        pk, sk = row_of(self.platform, self.app, account)
        item: Item = {
            "pk": text(pk),
            "sk": text(sk),
            "id": text(seed or nonces.nonce()),
            "number": text(number_),
            "granted_at": number(now),
            "turn": number(0),
            **self._sealed(account, tokens, Refreshing("", None, None), now),
        }
        if seed:
            item["seeded"] = number(1)
        dynamo.put(self.client, self.table, item)
        return installed.read(item)

    def seeded(self, account: str, number_: str, tokens: Tokens, *, seed: str, now: int) -> Installed:
        """Return the grant that began with a document's tokens: it goes on from there until the document has others."""
        item = self.read(account)
        if codec.as_text(item, "id") == seed:
            return installed.read(item)
        return self.put(account, number_, tokens, now=now, seed=seed)

    def note(self, account: str, number_: str, scopes: frozenset[str]) -> None:
        """Note what the platform says of an account, and of what may be done there now."""
        values = {":number": text(number_), ":scopes": text(",".join(sorted(scopes)))}
        condition = "attribute_exists(sealed)"
        expression = "SET #number = :number, scopes = :scopes"
        dynamo.update_if(self.client, self.table, self._key(account), expression, condition, values)

    def close(self, account: str, grant_id: str) -> None:
        """Take a grant's tokens away; what else was known of it stays."""
        expression = "REMOVE sealed, leased_until, tries, retry_at"
        values = {":id": text(grant_id)}
        dynamo.update_if(self.client, self.table, self._key(account), expression, "id = :id", values)

    def number(self, account: str) -> str:
        """Return the platform's own number of an account, as it was known last; empty where it is not known."""
        return codec.as_text(self.read(account), "number")

    def read(self, account: str) -> Item:
        """Return an account's row, empty where there is none."""
        row = row_of(self.platform, self.app, account)
        return dynamo.read_many(self.client, self.table, [row]).get(row, {})

    def opened(self, account: str, item: Item) -> dict[str, str]:
        """Return the tokens of a row by name; KeysUnavailableError where no secret of the app opens them."""
        try:
            box = boxes.unseal(self._secrets, codec.as_text(item, "sealed"), context=self._context(account))
        except (UndecryptableError, MalformedError) as error:
            raise KeysUnavailableError(f"the account's tokens cannot be read: {error}") from None
        return dict(json.loads(box))

    def lease(self, account: str, item: Item, *, now: int) -> bool:
        """Take the right to renew a grant; False where another process has it, or has renewed it since."""
        values = {
            ":now": number(now),
            ":until": number(now + LEASE_SECONDS),
            ":id": item["id"],
            ":turn": item["turn"],
        }
        # A lease further ahead than it can be is of a clock that was moved back.
        return dynamo.update_if(
            self.client,
            self.table,
            self._key(account),
            "SET leased_until = :until, used_at = if_not_exists(used_at, :now)",
            "id = :id AND turn = :turn AND "
            "(attribute_not_exists(leased_until) OR NOT (leased_until BETWEEN :now AND :until))",
            values,
        )

    def renewed(self, account: str, item: Item, tokens: Tokens, by: Refreshing, *, now: int) -> bool:
        """Keep what a renewal gave, and what it was asked for with; False where the grant is another one meanwhile."""
        kept = self._sealed(account, tokens, by, now)
        sets = [f"{name} = :{name}" for name in kept]
        gone = {"tries", "retry_at", "leased_until", "used_at", *_ENDS} - kept.keys()
        values = {f":{name}": value for name, value in kept.items()}
        values |= {":id": item["id"], ":was": item["turn"], ":turn": number(_turn(item) + 1)}
        expression = f"SET turn = :turn, {', '.join(sets)} REMOVE {', '.join(sorted(gone))}"
        condition = "id = :id AND turn = :was"
        return dynamo.update_if(self.client, self.table, self._key(account), expression, condition, values)

    def unanswered(self, account: str, item: Item, *, now: int) -> None:
        """Give the right to renew back after there was no answer, and say when it is tried again."""
        tries = codec.as_number(item, "tries") or 0
        pause = min(FIRST_PAUSE * 2 ** min(tries, 10), LONGEST_PAUSE)
        values = {":id": item["id"], ":turn": item["turn"], ":tries": number(tries + 1), ":at": number(now + pause)}
        expression = "SET tries = :tries, retry_at = :at REMOVE leased_until"
        dynamo.update_if(self.client, self.table, self._key(account), expression, "id = :id AND turn = :turn", values)

    def _sealed(self, account: str, tokens: Tokens, previous: Refreshing, now: int) -> Item:
        if not self._secrets:
            raise KeysUnavailableError("the app has no client_secrets: its tokens cannot be kept")
        content = {"access": tokens.access, "refresh": tokens.refresh, "previous": previous.token}
        box = boxes.seal(self._secrets[0], json.dumps(content), context=self._context(account))
        renew_at = None
        if tokens.access_ends is not None:
            renew_at = now + int((tokens.access_ends - now) * RENEW_AT)
        ends = (tokens.access_ends, renew_at, tokens.refresh_ends, previous.used_at, previous.ends)
        numbers = {name: number(value) for name, value in zip(_ENDS, ends, strict=True) if value is not None}
        return {"sealed": text(box), "scopes": text(",".join(sorted(tokens.scopes))), **numbers}

    def _context(self, account: str) -> str:
        return f"{self.platform}\n{self.app}\n{account}"

    def _key(self, account: str) -> Item:
        pk, sk = row_of(self.platform, self.app, account)
        return {"pk": text(pk), "sk": text(sk)}


_ENDS = ("access_ends", "renew_at", "refresh_ends", "previous_used_at", "previous_ends")


def _turn(item: Item) -> int:
    return codec.as_number(item, "turn") or 0
