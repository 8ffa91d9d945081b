"""Which attempts there were to pay an order of a shop, and where each is made: a row beside the order for each.

The place is fixed here before the attempt begins. So it is found by whoever looks for it later, whichever place the
shop has its money taken at by then, and two callers who come to the same number come to the same place.
"""

from typing import Any, NamedTuple

from countersign.orders.changes import OrderKey
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text


class Begun(NamedTuple):
    """One attempt: its number, counted from one, its order, and the account that the shop had chosen for it."""

    number: int
    key: OrderKey
    place: str


class AttemptStore:
    """The rows of all orders that are paid by attempts."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def of(self, whole: OrderKey) -> tuple[Begun, ...]:
        """Return every attempt to pay an order, oldest first."""
        items = dynamo.read_all(
            self._client,
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": text(keys.order_pk(whole)), ":sk": text(keys.ATTEMPT)},
        )
        return tuple(map(_read, items))

    def begin(self, whole: OrderKey, wanted: Begun) -> Begun:
        """Fix where an attempt is made; returns what was fixed, which is another caller's where one was faster."""
        row = {
            "pk": text(keys.order_pk(whole)),
            "sk": text(f"{keys.ATTEMPT}{wanted.number:04d}"),
            "attempt_of": text(keys.order_pk(wanted.key)),
            "number": number(wanted.number),
            "place": text(wanted.place),
        }
        if dynamo.put_if_absent(self._client, self._table, row):
            return wanted
        # A lost answer of our own call looks like another caller's: what stands there is what counts.
        return next(one for one in self.of(whole) if one.number == wanted.number)


def _read(item: Item) -> Begun:
    return Begun(
        codec.as_number(item, "number") or 0,
        keys.order_key(codec.as_text(item, "attempt_of")),
        codec.as_text(item, "place"),
    )
