"""What a platform wants erased of an account's customers: asked for on a callback's path, done by a worker.

Nothing that names a customer is kept of the request itself: its digest, when it came, which orders it names, and what
was erased because of it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

MOST_ORDERS = 1000  # of one row: a request that names more has several


class Erasure(NamedTuple):
    """One request that waits; without orders it is of everything that the account has.

    One that counts `if_gone` is not done for an account that lets us in.
    """

    row: Item
    orders: tuple[str, ...]
    cursor: str
    if_gone: bool = False
    received_at: int = 0


class ErasureStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def ask(
        self,
        account: str,
        word: str,
        orders: Iterable[str],
        *,
        digest: str,
        key_id: str,
        now: int,
        if_gone: bool = False,
    ) -> bool:
        """Note a request, once for the same content; `word` is ours for its kind. False where it waits already.

        Who goes twice says the same twice: one that was done, or refused, waits again when it comes again.
        """
        numbers = list(dict.fromkeys(orders))
        item: Item = {
            "pk": text(self._pk(account)),
            "word": text(word),
            "key_id": text(key_id),
            "received_at": number(now),
        }
        if if_gone:
            item["if_gone"] = number(1)
        is_new = False
        for first in range(0, max(1, len(numbers)), MOST_ORDERS):
            named = {"L": [text(one) for one in numbers[first : first + MOST_ORDERS]]}
            part = item | {"sk": text(f"{digest}#{first}" if first else digest), "orders": named}
            is_new |= dynamo.put_if_absent(self.client, self.table, part) or self._again(part)
        return is_new

    def _again(self, part: Item) -> bool:
        """Let a request that is done wait again, as one of this moment; what was done of it before stays noted."""
        expression = "SET received_at = :now, done_before = done_at REMOVE done_at, refused, #cursor"
        values = {":now": part["received_at"]}
        return dynamo.update_if(self.client, self.table, part, expression, "attribute_exists(done_at)", values)

    def waiting(self, account: str) -> Iterator[Erasure]:
        """Yield the requests of an account that are not done."""
        for row in dynamo.read_all(
            self.client,
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            FilterExpression="attribute_not_exists(done_at)",
            ExpressionAttributeValues={":pk": text(self._pk(account))},
            ConsistentRead=True,
        ):
            orders = tuple(one["S"] for one in row["orders"]["L"])
            place, received_at = {"pk": row["pk"], "sk": row["sk"]}, codec.as_number(row, "received_at") or 0
            yield Erasure(place, orders, codec.as_text(row, "cursor"), "if_gone" in row, received_at)

    def went_on(self, erasure: Erasure, cursor: str, erased: int) -> None:
        """Note how far a request of everything came."""
        values = {":cursor": text(cursor), ":erased": number(erased)}
        self._update(erasure, "SET #cursor = :cursor ADD erased :erased", values)

    def done(self, erasure: Erasure, erased: int, *, now: int) -> None:
        """Note that a request is done, and how many messages lost their bytes by it."""
        self._update(erasure, "SET done_at = :now ADD erased :erased", {":now": number(now), ":erased": number(erased)})

    def refused(self, erasure: Erasure, *, now: int) -> None:
        """Note that nothing is erased for a request: the account lets us in, so it did not go."""
        self._update(erasure, "SET done_at = :now, refused = :why", {":now": number(now), ":why": text("connected")})

    def _update(self, erasure: Erasure, expression: str, values: dict[str, Any]) -> None:
        dynamo.update_if(self.client, self.table, erasure.row, expression, "attribute_not_exists(done_at)", values)

    def _pk(self, account: str) -> str:
        return f"ERASURE#{keys.part(self.platform)}#{keys.part(account)}"
