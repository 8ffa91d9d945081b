"""How often something was done in a window of time, counted in all containers together; rows expire by themselves."""

from typing import Any

from countersign.signing import digests
from countersign.store import codec, dynamo
from countersign.store.codec import number, text


class Window:
    """Counts of one kind: at most `most` in `seconds`; the table is the one whose rows expire."""

    def __init__(self, client: Any, table: str, kind: str, *, seconds: int, most: int) -> None:
        self._client, self._table, self._kind = client, table, kind
        self._seconds, self._most = seconds, most

    def count(self, what: str, *, now: int) -> bool:
        """Count one of `what` (now in epoch seconds); False where the window had `most` before."""
        expression = "SET expiration = :end ADD counted :one"
        values = {":end": number(self._end(now)), ":one": number(1)}
        row = {"id": text(self._name(what, now))}
        counted = dynamo.update(self._client, self._table, row, expression, "", values, "UPDATED_NEW")
        return (codec.as_number(counted or {}, "counted") or 0) <= self._most

    def is_full(self, what: str, *, now: int) -> bool:
        """Tell, without counting, whether the window has had its most."""
        found = dynamo.read_expiring(self._client, self._table, self._name(what, now))
        return (codec.as_number(found or {}, "counted") or 0) >= self._most

    def _name(self, what: str, now: int) -> str:
        # What is counted may name a caller's address: the table has its digest, for as long as the window is.
        name = digests.sha256(f"{self._kind}\n{what}\n{now // self._seconds}".encode("utf-8", "surrogatepass"))
        return f"window#{name}"

    def _end(self, now: int) -> int:
        return (now // self._seconds + 2) * self._seconds
