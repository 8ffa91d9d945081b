"""How an app that was installed somewhere does: since when, whether its token still works, and who may open its page.

Nothing secret is here: the token is in the account's document. Of users there is a number and times, no name.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from countersign.signing import digests, nonces
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

LEASE_SECONDS = 30  # for which nobody else installs: longer than the function that does may run
SESSION_SECONDS = 900
MOST_WAITING = 50  # order numbers that are kept of those that wait for a token


class State(NamedTuple):
    """What is known of an installation; times are epoch seconds, 0 where nothing happened."""

    installed_at: int = 0
    uninstalled_at: int = 0
    accepted_at: int = 0  # when the token worked last, as it was tried regularly
    refused_at: int = 0  # since when it is refused
    lost_at: int = 0  # since when it counts as gone: somebody must authorise the app again
    waiting: tuple[str, ...] = ()  # orders that are paid and could not be written back
    waiting_count: int = 0
    checked_at: int = 0
    finding: str = ""  # a code for what the last check found wrong; empty where nothing is
    app: str = ""  # the merchant's own name of the app that is installed there


def row_of(platform: str, account: str) -> tuple[str, str]:
    """Return the key of an installation's row."""
    return f"INSTALL#{keys.part(platform)}#{keys.part(account)}", "STATE"


def state_of(item: Item) -> State:
    """Return what an installation's row says."""
    times = {
        name: codec.as_number(item, name) or 0
        for name in ("installed_at", "uninstalled_at", "accepted_at", "refused_at", "lost_at", "checked_at")
    }
    waiting = tuple(one["S"] for one in item.get("waiting", {}).get("L", ()))
    counted = codec.as_number(item, "waiting_count") or 0
    return State(
        **times,
        waiting=waiting,
        waiting_count=counted,
        finding=codec.as_text(item, "finding"),
        app=codec.as_text(item, "app"),
    )


class InstallStore:
    """The installations of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client, self.table, self.platform = client, table, platform

    def state(self, account: str) -> State:
        """Return what is known of an installation."""
        key = row_of(self.platform, account)
        return state_of(dynamo.read_many(self.client, self.table, [key]).get(key, {}))

    def begin(self, account: str, *, now: int) -> bool:
        """Take the right to install; False where another call has it: two tokens at once end one another."""
        # A lease further ahead than one can be is of a clock that was moved back.
        free = "attribute_not_exists(installing_until) OR NOT (installing_until BETWEEN :now AND :until)"
        values = {":now": number(now), ":until": number(now + LEASE_SECONDS)}
        return dynamo.update_if(
            self.client, self.table, self._row(account), "SET installing_until = :until", free, values
        )

    def give_up(self, account: str) -> None:
        """Leave the right to install to the next call."""
        dynamo.update(self.client, self.table, self._row(account), "REMOVE installing_until", "", {})

    def installed(self, account: str, app: str, *, now: int) -> None:
        """Note that the account has a new token: what was wrong with the one before is over."""
        gone = "uninstalled_at, refused_at, lost_at, waiting, waiting_count, installing_until, finding"
        expression = f"SET installed_at = :now, accepted_at = :now, #app = :app REMOVE {gone}"
        values = {":now": number(now), ":app": text(app)}
        dynamo.update(self.client, self.table, self._row(account), expression, "", values)

    def uninstalled(self, account: str, *, now: int) -> None:
        """Note that the app was taken away; who could open its page cannot any more."""
        self._update(account, "SET uninstalled_at = :now REMOVE refused_at, lost_at, waiting, waiting_count", now=now)

    def accepted(self, account: str, app: str, finding: str, *, now: int) -> None:
        """Note that the token of an app works, and what else a check found."""
        expression = "SET accepted_at = :now, checked_at = :now, finding = :finding, #app = :app"
        gone = "refused_at, lost_at, waiting, waiting_count"
        values = {":now": number(now), ":finding": text(finding), ":app": text(app)}
        dynamo.update(self.client, self.table, self._row(account), f"{expression} REMOVE {gone}", "", values)

    def unanswered(self, account: str, finding: str, *, now: int) -> None:
        """Note that a check had no answer, which says nothing of the token: what is known of it stays."""
        values = {":now": number(now), ":finding": text(finding)}
        expression = "SET checked_at = :now, finding = :finding"
        dynamo.update(self.client, self.table, self._row(account), expression, "", values)

    def refused(self, account: str, *, now: int) -> int:
        """Note that the token is refused; returns since when it is."""
        expression = "SET refused_at = if_not_exists(refused_at, :now), checked_at = :now"
        answer = dynamo.update(
            self.client, self.table, self._row(account), expression, "", {":now": number(now)}, "ALL_NEW"
        )
        return (codec.as_number(answer, "refused_at") if answer else None) or now

    def lost(self, account: str, waiting: Sequence[str], *, now: int) -> bool:
        """Note that the token counts as gone, and which orders wait; True where that is new.

        A token that was accepted, or replaced, since it was refused is not lost: nothing is noted then.
        """
        values: Item = {
            ":now": number(now),
            ":waiting": {"L": [text(one) for one in waiting[:MOST_WAITING]]},
            ":count": number(len(waiting)),
        }
        row, told = self._row(account), "waiting = :waiting, waiting_count = :count"
        if dynamo.update_if(
            self.client,
            self.table,
            row,
            f"SET lost_at = :now, {told}",
            "attribute_exists(refused_at) AND attribute_not_exists(lost_at)",
            values,
        ):
            return True
        del values[":now"]
        dynamo.update(self.client, self.table, row, f"SET {told}", "attribute_exists(lost_at)", values)
        return False

    def admit(self, account: str, user: int, *, vouched_at: int, now: int) -> bool:
        """Note that a user opened the page, as the platform vouched at `vouched_at`.

        False where the user was removed since then: what was vouched for before counts no more, ended or not.
        """
        allowed = "attribute_not_exists(removed_at) OR removed_at < :vouched"
        values = {":now": number(now), ":vouched": number(vouched_at)}
        row = self._user(account, user)
        return dynamo.update_if(self.client, self.table, row, "SET seen_at = :now REMOVE removed_at", allowed, values)

    def remove(self, account: str, user: int, *, now: int) -> None:
        """Note that a user may not open the page any more: what is open ends at once."""
        values = {":now": number(now)}
        dynamo.update(self.client, self.table, self._user(account, user), "SET removed_at = :now", "", values)

    def is_removed(self, account: str, user: int) -> bool:
        """Tell whether a user may not open the page."""
        row = self._user(account, user)
        key = (row["pk"]["S"], row["sk"]["S"])
        return "removed_at" in dynamo.read_many(self.client, self.table, [key]).get(key, {})

    def _update(self, account: str, expression: str, *, now: int) -> None:
        dynamo.update(self.client, self.table, self._row(account), expression, "", {":now": number(now)})

    def _row(self, account: str) -> Item:
        pk, sk = row_of(self.platform, account)
        return {"pk": text(pk), "sk": text(sk)}

    def _user(self, account: str, user: int) -> Item:
        return {"pk": self._row(account)["pk"], "sk": text(f"USER#{user}")}


class Session(NamedTuple):
    """Whose page a session is of."""

    app: str
    account: str
    user: int


class SessionStore:
    """Sessions of apps' pages, under the digest of a token that only the page holds, in the table whose rows expire.

    A page in a frame of another site's has no cookie in most browsers.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def begin(self, session: Session, *, now: int) -> str:
        """Begin a session; returns its token."""
        token = nonces.nonce() + nonces.nonce()
        row = {
            "id": text(_session_row(token)),
            "expiration": number(now + SESSION_SECONDS),
            "session": text(json.dumps(session)),
        }
        dynamo.put(self._client, self._table, row)
        return token

    def get(self, token: str, *, now: int) -> Session | None:
        """Return the session of a token; None where there is none, or no longer."""
        item = dynamo.read_expiring(self._client, self._table, _session_row(token))
        if item is None or (codec.as_number(item, "expiration") or 0) < now:
            return None
        return Session(*json.loads(codec.as_text(item, "session")))


def _session_row(token: str) -> str:
    return f"session#{digests.sha256(token.encode('utf-8', 'surrogatepass'))}"
