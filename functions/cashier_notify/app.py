"""POST /cashier/{name}/{account}/notify: take what a hosted cashier tells about its payments into the order record."""

import os

from countersign.cashiers import deliveries
from countersign.cashiers.accounts import accounts_of
from countersign.cashiers.doors import DOORS
from countersign.cashiers.notices import account_of
from countersign.errors import CountersignError, NotFoundError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.runtime.entrypoint import entrypoint
from countersign.store import OrderStore

accounts = {name: accounts_of(name, door.load) for name, door in DOORS.items()}
store = OrderStore.from_environment()
table = os.environ["IDEMPOTENCY_TABLE_NAME"]


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
    deliveries.take(told, door, account_of(cashier, account), request.body, store=store, expiring=table, now=now)
    return door.accepted()
