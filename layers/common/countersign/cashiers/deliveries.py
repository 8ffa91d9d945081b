"""What becomes of a genuine notification, whichever cashier it is of: its nonce is used up, and it is recorded."""

from countersign.cashiers.notices import PLATFORM, Door, Notification, Told
from countersign.errors import InvalidSignatureError, MalformedError
from countersign.runtime import callbacks
from countersign.store import OrderStore, nonces


def take(told: Notification, door: Door, name: str, raw: bytes, *, store: OrderStore, expiring: str, now: int) -> None:
    """Record what is told about the account `name`; told again, nothing changes.

    `expiring` is the table whose rows expire. What cannot be read is kept, and refused (MalformedError) where whoever
    wrote it should hear of it. Raises InvalidSignatureError where its nonce was used before.
    """
    if told.nonce and not _is_fresh(told, name, store, expiring):
        raise InvalidSignatureError("the nonce was used before")
    changes: Told | MalformedError
    try:
        changes = told.changes(name)
    except MalformedError as error:
        changes = error

    def translate() -> Told:
        if isinstance(changes, MalformedError):
            raise changes
        return changes

    callbacks.record(
        store,
        translate,
        told,
        platform=PLATFORM,
        account=name,
        raw=raw,
        now=now,
        order_id=lambda: told.reference,
    )
    if isinstance(changes, MalformedError) and door.refuses_unreadable:
        raise changes


def _is_fresh(told: Notification, name: str, store: OrderStore, expiring: str) -> bool:
    return nonces.is_fresh(store.client, expiring, f"{PLATFORM}.{name}", told.nonce, until=told.nonce_until)
