"""Make a cart in a shop: nothing is recorded, for an order begins when the shop tells of it."""

from collections.abc import Callable
from typing import Any, Protocol

from countersign.accounts import Accounts
from countersign.api.scopes import WRITE, require
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.runtime import caller
from countersign.runtime.idempotency import once
from countersign.runtime.telemetry import count

REPLAY_SECONDS = 600  # a checkout's address does not live long: it is fetched right before a buyer goes there
PERSONAL = ("buyer",)  # no digest of it is kept


class NewCart(Protocol):
    """One call to make a cart: a body that has the platform's shape, in one shop."""

    def create(self) -> dict[str, Any]:
        """Make the cart and return the answer's content; raises what the shop's refusal, or its silence, means."""


def handle(
    request: HttpRequest, *, shops: Accounts, read: Callable[[Any, bytes], NewCart], named: str = "shop"
) -> HttpReply:
    """Check the caller, read the body, make one cart for each Idempotency-Key: 201 with what the front end opens."""
    name = request.path_parameters[named]
    bearer = caller.from_claims(request.claims)
    require(bearer, WRITE)
    bearer.require_account(shops.platform, name)
    cart = read(shops.load(name), request.body)
    status, content = once(
        lambda: (201, cart.create()),
        request,
        account=name,
        subject=bearer.subject,
        lifetime=REPLAY_SECONDS,
        personal=PERSONAL,
    )
    count("CartCreated")
    return json_reply(status, content)
