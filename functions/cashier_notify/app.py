"""POST /cashier/{name}/{account}/notify: take what a hosted cashier tells about its payments into the order record."""

import os

from countersign.accounts import Accounts
from countersign.cashiers.doors import DOORS
from countersign.cashiers.notices import PLATFORM, Door, Notification, Told, account_of
from countersign.errors import CountersignError, InvalidSignatureError, MalformedError, NotFoundError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore, nonces

accounts = {name: Accounts(f"{PLATFORM}/{name}", door.load) for name, door in DOORS.items()}
store = OrderStore.from_environment()


def refused(request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Answer in the words of the cashier that the path names."""
    door = DOORS.get(request.path_parameters.get("name", "")) if request else None
    return door.refused(error) if door else json_reply(error.status, {"error": type(error).__name__})


@entrypoint(refused=refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, read, translate, record, acknowledge; a repeated notification changes nothing."""
    cashier, account = request.path_parameters["name"], request.path_parameters["account"]
    if cashier not in DOORS:
        raise NotFoundError("no such cashier")
    door, settings = DOORS[cashier], accounts[cashier].load(account)
    told = door.parse(request, settings, now)
    if told.nonce and not _is_fresh(told, account_of(cashier, account)):
        raise InvalidSignatureError("the nonce was used before")
    return _record(door, told, request, account_of(cashier, account), now)


def _is_fresh(told: Notification, name: str) -> bool:
    table = os.environ["IDEMPOTENCY_TABLE_NAME"]
    return nonces.is_fresh(store.client, table, f"{PLATFORM}.{name}", told.nonce, until=told.nonce_until)


def _record(door: Door, told: Notification, request: HttpRequest, name: str, now: int) -> HttpReply:
    """Record what is told; what cannot be read is kept, and refused where whoever wrote it should hear of it."""
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
        raw=request.body,
        now=now,
        order_id=lambda: told.reference,
    )
    if isinstance(changes, MalformedError) and door.refuses_unreadable:
        raise changes
    return door.accepted()
