"""How far a long history of a platform was imported: one row for each account, leased by the run that reads on.

`since` is the place up to which everything is recorded, `until` where the import ends. `number` is the file that the
platform writes of the part up to `part_until`; `orders`, how many of it were recorded by runs that were killed.
"""

from dataclasses import dataclass, field
from typing import Any

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

LEASE_SECONDS = 120  # from page to page


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One account's import, as it was when it was leased; times are epoch seconds, places the platform's own texts."""

    row: Item = field(compare=False)
    leased: int
    since: str = ""
    until: str = ""
    span: int = 0  # seconds of a part; 0: all that is left
    number: str = ""
    part_until: str = ""
    begun_at: int = 0
    orders: int = 0


def row_of(platform: str, account: str) -> tuple[str, str]:
    """Return the key of an account's row."""
    return f"SCAN#{keys.part(platform)}#{keys.part(account)}", "IMPORT"


class ImportStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def ask(self, account: str, since: str, until: str) -> bool:
        """Have a history imported; False while another import of the account is not done."""
        values = {":since": text(since), ":until": text(until)}
        expression = "SET since = :since, #until = :until REMOVE span, #number, part_until, begun_at, orders, failed"
        condition = "attribute_not_exists(#until)"
        return dynamo.update_if(self.client, self.table, self._row(account), expression, condition, values)

    def lease(self, account: str, *, now: int) -> ImportRow | None:
        """Take an account's import for a run; None where there is none to do, or another run has it."""
        row, until = self._row(account), now + LEASE_SECONDS
        condition = (
            "attribute_exists(#until) AND "
            "(attribute_not_exists(leased_until) OR leased_until <= :now OR leased_until > :far)"
        )
        values = {":lease": number(until), ":now": number(now), ":far": number(now + 10 * LEASE_SECONDS)}
        expression = "SET leased_until = :lease"
        found = dynamo.update(self.client, self.table, row, expression, condition, values, "ALL_NEW")
        if found is None:
            return None
        return ImportRow(
            row,
            until,
            codec.as_text(found, "since"),
            codec.as_text(found, "until"),
            codec.as_number(found, "span") or 0,
            codec.as_text(found, "number"),
            codec.as_text(found, "part_until"),
            codec.as_number(found, "begun_at") or 0,
            codec.as_number(found, "orders") or 0,
        )

    def begun(self, row: ImportRow, file: str, part_until: str, begun_at: int) -> bool:
        """Note the file that the platform writes of the next part."""
        values = {":number": text(file), ":part": text(part_until), ":begun": number(begun_at), ":none": number(0)}
        expression = "SET #number = :number, part_until = :part, begun_at = :begun, orders = :none"
        return self._update(row, expression, values)

    def went_on(self, row: ImportRow, orders: int, *, now: int) -> int | None:
        """Note how many orders of the file are recorded and lease on; None where another run has the import."""
        until = now + LEASE_SECONDS
        values = {":orders": number(orders), ":until": number(until)}
        return until if self._update(row, "SET orders = :orders, leased_until = :until", values) else None

    def finish_part(self, row: ImportRow, *, all_done: bool) -> bool:
        """Note that a part is recorded, and with the last one that the import is done; the row goes back."""
        gone = "leased_until, #number, part_until, begun_at, orders, failed" + (", #until, span" if all_done else "")
        values = {":part": text(row.part_until)}
        return self._update(row, f"SET since = :part REMOVE {gone}", values)

    def fail_part(self, row: ImportRow, span: int, reason: str) -> bool:
        """Note that a part was not whole: it is imported anew, with parts of `span` seconds; the place stays."""
        gone = "leased_until, #number, part_until, begun_at, orders"
        values = {":span": number(span), ":reason": text(reason)}
        return self._update(row, f"SET span = :span, failed = :reason REMOVE {gone}", values)

    def give_back(self, row: ImportRow) -> bool:
        """Give the import back with what is left of it; the next run goes on."""
        return self._update(row, "REMOVE leased_until", {})

    def _row(self, account: str) -> Item:
        pk, sk = row_of(self.platform, account)
        return {"pk": text(pk), "sk": text(sk)}

    def _update(self, row: ImportRow, expression: str, values: dict[str, Any]) -> bool:
        condition = "leased_until = :leased"
        return dynamo.update_if(
            self.client, self.table, row.row, expression, condition, {":leased": number(row.leased), **values}
        )
