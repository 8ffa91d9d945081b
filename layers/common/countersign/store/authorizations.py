"""Whether a platform still lets us in for an account: that it does not is noted once, told once, and then left alone.

What is noted names the credential that was refused (`of`). Another credential has another name: with it the account is
asked again, and nobody has to take a mark back for that.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text
from countersign.store.subscriptions import SubscriptionStore

ENDED, RENEWED = "authorization.ended", "authorization.renewed"  # what the bus is told
EXCEPTION = "authorization"  # the kind, on the list of what a person must look at
UNINSTALLED = "uninstalled"
# One refusal may be a mistake of the platform's: the second one counts, if it comes within these seconds of the first.
DOUBTFUL_SECONDS, CONNECTED_SECONDS = 300, 3600


class Authorization(NamedTuple):
    """How an account is let in; times are epoch seconds.

    `ended_at` is when the credential `of` was found refused for good, and `because` why. `doubted_at` is when something
    that may be wrong or late said that access ended or changed: one authenticated call decides.
    """

    of: str = ""
    ended_at: int | None = None
    because: str = ""
    refused_at: int | None = None
    doubted_at: int | None = None
    doubt: str = ""

    def is_over(self, credential: str) -> bool:
        """Tell whether a credential was refused for good."""
        return self.ended_at is not None and self.of == credential


def row_of(platform: str, account: str) -> tuple[str, str]:
    """Return the key of an account's row."""
    return f"SCAN#{keys.part(platform)}#{keys.part(account)}", "AUTHORIZATION"


def state_of(item: Item) -> Authorization:
    """Return what an account's row says."""
    return Authorization(
        codec.as_text(item, "of"),
        codec.as_number(item, "ended_at"),
        codec.as_text(item, "because"),
        codec.as_number(item, "refused_at"),
        codec.as_number(item, "doubted_at"),
        codec.as_text(item, "doubt"),
    )


class AuthorizationStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def states(self, accounts: Iterable[str]) -> dict[str, Authorization]:
        """Return how each of these accounts is let in."""
        rows = {row_of(self.platform, account): account for account in accounts}
        found: dict[str, Authorization] = {}
        wanted = list(rows)
        for first in range(0, len(wanted), dynamo.BATCH):
            some = wanted[first : first + dynamo.BATCH]
            items = dynamo.read_many(self.client, self.table, some)
            found |= {rows[row]: state_of(items.get(row, {})) for row in some}
        return found

    def state(self, account: str) -> Authorization:
        """Return how an account is let in."""
        return self.states([account])[account]

    def end(self, account: str, credential: str, because: str, *, now: int) -> str:
        """Note that a credential is refused for good, and have it told once and listed as an exception.

        Returns why, for an account may have said farewell; empty where it is noted already.
        """
        doubted = self.state(account)
        because = UNINSTALLED if doubted.doubt == UNINSTALLED else because
        values = {":now": number(now), ":of": text(credential), ":because": text(because)}
        values[":exception"] = text(keys.exception_shard(EXCEPTION, account))
        # Told before it is noted: who dies in between tells the same again under the same id.
        if not doubted.is_over(credential):
            self._tell(account, ENDED, because, now=now)
        expression = (
            "SET ended_at = :now, #of = :of, because = :because, #exception = :exception, listed_at = :now "
            "REMOVE refused_at, doubted_at, doubt"
        )
        condition = "attribute_not_exists(ended_at) OR #of <> :of"
        noted = dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values)
        return because if noted else ""

    def refused(self, account: str, *, now: int) -> bool:
        """Note that a credential which nothing can renew was refused; True where that was the second time.

        The first one counts for nothing by itself, nor does one that comes within the same minutes.
        """
        at = self.state(account).refused_at
        if at is not None and DOUBTFUL_SECONDS <= now - at <= CONNECTED_SECONDS:
            return True
        if at is None or not 0 <= now - at <= CONNECTED_SECONDS:
            values = {":now": number(now)}
            dynamo.update(self.client, self.table, self._row(account), "SET refused_at = :now", "", values)
        return False

    def renew(self, account: str, *, now: int) -> None:
        """Note that an account is let in (again); told where it was not."""
        if self.state(account).ended_at is not None:
            self._tell(account, RENEWED, "", now=now)
        expression = "REMOVE ended_at, #of, because, #exception, listed_at, refused_at, doubted_at, doubt"
        dynamo.update_if(self.client, self.table, self._row(account), expression, "attribute_exists(pk)")

    def doubt(self, account: str, why: str, *, now: int) -> None:
        """Note that something says that access ended or changed: whoever looks after accounts asks once.

        What says that it ended outlives what only says that it changed.
        """
        values = {":now": number(now), ":why": text(why)}
        condition = "" if why == UNINSTALLED else "attribute_not_exists(doubt) OR doubt <> :ended"
        values |= {} if why == UNINSTALLED else {":ended": text(UNINSTALLED)}
        expression = "SET doubted_at = :now, doubt = :why"
        dynamo.update(self.client, self.table, self._row(account), expression, condition, values)

    def settle(self, account: str, doubted_at: int) -> None:
        """Note that an authenticated call answered: a doubt of that moment was none. A newer one stays."""
        values = {":at": number(doubted_at)}
        expression = "REMOVE doubted_at, doubt, refused_at"
        dynamo.update_if(self.client, self.table, self._row(account), expression, "doubted_at = :at", values)

    def _tell(self, account: str, kind: str, because: str, *, now: int) -> None:
        SubscriptionStore(self.client, self.table, self.platform).tell(account, kind, filter(None, (because,)), now=now)

    def _row(self, account: str) -> Item:
        pk, sk = row_of(self.platform, account)
        return {"pk": text(pk), "sk": text(sk)}
