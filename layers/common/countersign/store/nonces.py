"""Numbers that may be used once: each is remembered until no message with it could be taken any more."""

from typing import Any

from countersign.signing import digests
from countersign.store import dynamo
from countersign.store.codec import number, text


def is_fresh(client: Any, table: str, scope: str, nonce: str, *, until: int) -> bool:
    """Remember a nonce of `scope` until then (epoch seconds); False where it was used before.

    The table is the one whose rows expire. Raises StoreUnavailableError: a nonce that may be used is none.
    """
    name = digests.sha256(f"{scope}\n{nonce}".encode("utf-8", "surrogatepass"))
    row = {"id": text(f"nonce#{name}"), "expiration": number(until)}
    return dynamo.put_if_absent(client, table, row, key="id")
