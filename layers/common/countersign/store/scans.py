"""How far a list of a platform was read: one row for each account, leased by the run that reads on.

A place is the platform's own text. `done` is the place up to which everything was recorded; `reached`, how far a run
came that has not ended: the next one goes on there.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

LEASE_SECONDS = 60  # from page to page: who died is followed soon, and two that meet do harmless work twice


@dataclass(frozen=True, slots=True)
class Scan:
    """One account's list, as it was when it was leased; `whole` where everything is read."""

    row: Item
    leased: int
    done: str = ""
    reached: str = ""
    whole: bool = False


class ScanState(NamedTuple):
    """How an account's list stands; `untold` changes were found that no delivery told of, the first at `untold_at`."""

    ended: bool
    untold: int = 0
    untold_at: int | None = None


def row_of(platform: str, account: str) -> tuple[str, str]:
    """Return the key of an account's row."""
    return f"SCAN#{keys.part(platform)}#{keys.part(account)}", "LIST"


def state_of(item: Item) -> ScanState:
    """Return what an account's row says of its list."""
    ended = "done" in item and "reached" not in item and "whole" not in item
    return ScanState(ended, codec.as_number(item, "untold") or 0, codec.as_number(item, "untold_at"))


class ScanStore:
    """The rows of one platform."""

    def __init__(self, client: Any, table: str, platform: str) -> None:
        self.client = client
        self.table = table
        self.platform = platform

    def lease(self, account: str, *, now: int, seconds: int = LEASE_SECONDS) -> Scan | None:
        """Take an account's list for a run; None where another run has it."""
        row = self._row(account)
        until = now + seconds
        values = {":until": number(until), ":now": number(now)}
        condition = "attribute_not_exists(leased_until) OR leased_until <= :now OR leased_until > :far"
        values[":far"] = number(now + 10 * LEASE_SECONDS)  # of a clock that was set back since
        found = dynamo.update(self.client, self.table, row, "SET leased_until = :until", condition, values, "ALL_NEW")
        if found is None:
            return None
        return Scan(
            row,
            until,
            codec.as_text(found, "done"),
            codec.as_text(found, "reached"),
            "whole" in found,
        )

    def advance(self, scan: Scan, reached: str, *, now: int, seconds: int = LEASE_SECONDS) -> Scan | None:
        """Note how far a run came (empty: as far as before) and lease the list on.

        Returns the scan as it is leased then; None where another run has the list meanwhile, and this one must end.
        """
        values: dict[str, Any] = {":until": number(now + seconds)}
        expression = "SET leased_until = :until"
        if reached:
            values[":reached"] = text(reached)
            expression += ", reached = :reached"
        return replace(scan, leased=now + seconds) if self._update(scan, expression, values) else None

    def begin(self, scan: Scan, *, whole: bool) -> bool:
        """Note what a run reads, so that one that goes on reads the same."""
        return self._update(
            scan, "SET #whole = :whole" if whole else "REMOVE #whole", {":whole": number(1)} if whole else {}
        )

    def finish(self, scan: Scan, done: str) -> bool:
        """Note that everything up to a place is recorded, and give the list back."""
        return self._update(scan, "SET done = :done REMOVE reached, #whole, leased_until", {":done": text(done)})

    def give_back(self, scan: Scan) -> bool:
        """Give the list back with what is left of it; the next run goes on."""
        return self._update(scan, "REMOVE leased_until", {})

    def note(self, account: str, *, told: int, untold: int, untold_at: int) -> None:
        """Note how a run found the platform's deliveries: how many orders were told of, and how many were not.

        `untold_at` is the earliest change that nobody told of (epoch seconds). One that was told ends the silence.
        """
        row = self._row(account)
        if told:
            self.forget_untold(account)
        elif untold:
            values = {":more": number(untold), ":at": number(untold_at)}
            expression = "SET untold_at = if_not_exists(untold_at, :at) ADD untold :more"
            dynamo.update_if(self.client, self.table, row, expression, "attribute_exists(pk)", values)

    def forget_untold(self, account: str) -> None:
        """Note that what nobody told of is read and explained, or that something is told again."""
        row = self._row(account)
        dynamo.update_if(self.client, self.table, row, "REMOVE untold, untold_at", "attribute_exists(pk)", {})

    def state(self, account: str) -> "ScanState":
        """Return how an account's list stands: whether it is read to its end, and since when nothing was told."""
        row = row_of(self.platform, account)
        return state_of(dynamo.read_many(self.client, self.table, [row]).get(row, {}))

    def ask_for_everything(self, account: str, since: str) -> None:
        """Have the next run read everything from a place on, whatever was read before.

        Where nothing was read yet, everything is read anyway.
        """
        item = self._row(account)
        expression = "SET reached = :since, #whole = :one REMOVE leased_until"
        dynamo.update_if(
            self.client,
            self.table,
            item,
            expression,
            "attribute_exists(pk)",
            {":since": text(since), ":one": number(1)},
        )

    def jump(self, account: str, place: str) -> bool:
        """Note that everything up to a place is recorded by another way, where the list was never read to its end."""
        condition = "attribute_not_exists(done)"
        expression = "SET done = :done REMOVE reached, #whole, leased_until"
        return dynamo.update_if(
            self.client, self.table, self._row(account), expression, condition, {":done": text(place)}
        )

    def _row(self, account: str) -> Item:
        pk, sk = row_of(self.platform, account)
        return {"pk": text(pk), "sk": text(sk)}

    def _update(self, scan: Scan, expression: str, values: dict[str, Any]) -> bool:
        condition = "leased_until = :leased"
        return dynamo.update_if(
            self.client, self.table, scan.row, expression, condition, {":leased": number(scan.leased), **values}
        )
