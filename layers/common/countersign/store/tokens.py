"""Access tokens that an app may have one of: fetched by one process at a time and kept for all of them."""

import time
from collections.abc import Callable
from typing import Any

from countersign.errors import PlatformUnavailableError
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

EARLY_SECONDS = 600  # fetched anew this long before its end: the old one still serves whoever holds it
LEASE_SECONDS = 15
PATIENCE_SECONDS = 8.0
PAUSE_SECONDS = 0.2

Fetch = Callable[[], tuple[str, int]]


class SharedToken:
    """One app's token in the table; `fetch` asks the platform for a new one and says for how many seconds it lives."""

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        platform: str,
        app: str,
        fetch: Fetch,
        now: Callable[[], int],
        kind: str = "CLIENT",
    ) -> None:
        self._client = client
        self._table = table
        self._row = (f"TOKEN#{keys.part(platform)}#{keys.part(app)}", kind)
        self._fetch = fetch
        self._now = now

    def get(self, refused: str = "") -> str:
        """Return the token; one that the platform `refused` is replaced.

        Only who holds the lease fetches: a new token ends the old one, so two at once would take each other's away.
        Others go on with the old one, or wait where there is none.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            item = dynamo.read_many(self._client, self._table, [self._row]).get(self._row, {})
            token, expires_at = codec.as_text(item, "token"), codec.as_number(item, "expires_at") or 0
            usable = bool(token) and token != refused and self._now() < expires_at
            if usable and self._now() < expires_at - EARLY_SECONDS:
                return token
            if self._lease(token):
                return self._renew()
            if usable:
                return token
            if time.monotonic() > end:
                raise PlatformUnavailableError("another process is fetching the access token and does not end")
            time.sleep(PAUSE_SECONDS)

    def _renew(self) -> str:
        token, lifetime = self._fetch()
        pk, sk = self._row
        item: Item = {
            "pk": text(pk),
            "sk": text(sk),
            "token": text(token),
            "expires_at": number(self._now() + lifetime),
        }
        dynamo.put(self._client, self._table, item)
        return token

    def _lease(self, token: str) -> bool:
        """Take the lease; False where another process has it, or has replaced `token` since it was read."""
        pk, sk = self._row
        now = self._now()
        values = {":now": number(now), ":until": number(now + LEASE_SECONDS)}
        if token:
            values[":token"] = text(token)
        return dynamo.update_if(
            self._client,
            self._table,
            {"pk": text(pk), "sk": text(sk)},
            "SET leased_until = :until",
            # A lease further ahead than it can be is of a clock that was moved back.
            f"{'#token = :token' if token else 'attribute_not_exists(#token)'} AND "
            "(attribute_not_exists(leased_until) OR NOT (leased_until BETWEEN :now AND :until))",
            values,
        )
