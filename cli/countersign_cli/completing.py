"""What the shell completes: it asks the same API, and says nothing where that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countersign_cli.options import Context

if TYPE_CHECKING:
    import click

MOST = 20


def orders(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the orders that changed last and begin so."""
    from clients.python.countersign_client import ApiError
    from countersign_cli.exits import StopError

    context: Any = ctx.find_object(Context) or Context()
    root = ctx.find_root()
    context.take({name: value for name, value in root.params.items() if name in ("sandbox", "profile", "subject")})
    context.take({name: value for name, value in ctx.params.items() if name in ("sandbox", "profile", "subject")})
    found: list[str] = []
    try:
        for account in context.session.accounts():
            listed = context.session.api.list_orders(account=account, sort="-updated", limit=MOST).json["orders"]
            for order in listed:
                full = f"{account}/{order['order_id']}"
                found += [one for one in (order["order_id"], full) if one.startswith(incomplete)][:1]
    except (ApiError, StopError, OSError):  # a shell that completes is no place for a complaint
        return []
    return found[:MOST]
