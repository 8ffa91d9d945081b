"""Which scope each route of the merchant API needs: the gateway checks it, each function does so again.

What the gateway refuses it answers in words of its own; where the function refuses, the answer names the scope.
"""

from collections.abc import Mapping

from countersign.errors import ForbiddenError, NotFoundError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime.caller import Caller
from countersign.runtime.roles import ASK, DECIDE, LINK, OPERATE, READ, SEE, SHIP, WRITE

__all__ = ["ANY", "PUBLIC", "SCOPES", "WRITE", "require", "require_scope"]

ORDER = "/orders/{platform}/{account}/{order_id}"
REFUND = f"{ORDER}/refunds/{{refund_id}}"
PUBLIC = frozenset({"GET /openapi.json"})  # of the gateway without a token
ANY = ""  # of a route that any token may call

SCOPES: Mapping[str, str] = {
    "GET /orders": READ,
    f"GET {ORDER}": READ,
    f"GET {ORDER}/explanation": READ,
    f"GET {ORDER}/timeline": READ,
    f"POST {ORDER}/events/{{event_id}}/evidence": SEE,
    f"POST {ORDER}/notes": READ,
    f"POST {ORDER}/notices/{{notice_id}}/again": SHIP,
    "GET /activity": READ,
    "GET /accounts": READ,
    "GET /changes": READ,
    "POST /lookup": READ,
    "POST /lookup/erase": DECIDE,
    "GET /counts": READ,
    "GET /carriers": READ,
    "POST /shipments/batch": SHIP,
    "GET /search": READ,
    "GET /reconciliation": READ,
    "GET /refunds": READ,
    "GET /exceptions": READ,
    "GET /charges": READ,
    "POST /charges/{account}/{charge_id}/retry": WRITE,
    "POST /accounts/{platform}/{account}/restore": OPERATE,
    "GET /reconciliation/{account}/{date}": READ,
    "GET /reconciliation/{account}/{date}/lines": READ,
    "POST /reconciliation/{account}/{date}/compare": DECIDE,
    "POST /reconciliation/{account}/{date}/differences/{difference_id}/resolve": DECIDE,
    f"POST {ORDER}/refresh": READ,
    f"POST {ORDER}/close": WRITE,
    f"POST {ORDER}/settlements": WRITE,
    f"POST {ORDER}/capture": WRITE,
    f"POST {ORDER}/void": WRITE,
    f"POST {ORDER}/cancel": WRITE,
    f"POST {ORDER}/mark-paid": DECIDE,
    f"POST {ORDER}/payment-link": LINK,
    f"DELETE {ORDER}/payment-link": LINK,
    f"POST {ORDER}/shipments": SHIP,
    f"POST {ORDER}/refunds": ASK,
    f"POST {REFUND}/approve": DECIDE,
    f"POST {REFUND}/reject": DECIDE,
    f"POST {REFUND}/retry": DECIDE,
    f"POST {REFUND}/resolve": DECIDE,
    f"POST {ORDER}/review/{{review_id}}/resolve": DECIDE,
    "POST /exceptions/{exception_id}/dismiss": DECIDE,
    "POST /exceptions/{exception_id}/export": SEE,
    "GET /me": ANY,
}


def require_scope(caller: Caller, route: str) -> None:
    """Refuse a token without the scope of a route, as `GET /orders`; raises ForbiddenError naming it.

    Raises NotFoundError for a route that is not listed: none is served before it was said who may call it.
    """
    scope = ANY if route in PUBLIC else SCOPES.get(route)
    if scope is None:
        raise refusal(NotFoundError, because("no_such_resource"))
    if scope != ANY:
        require(caller, scope)


def require(caller: Caller, scope: str) -> None:
    """Refuse a token without a scope; raises ForbiddenError naming it."""
    if scope not in caller.scopes:
        raise refusal(ForbiddenError, because("scope_missing", scope=scope))
