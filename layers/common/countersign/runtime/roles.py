"""What people may do by their role: a token has the scopes that its client asked for, less what the role lacks.

Cognito's tokens come without those scopes (TokenClaims in identity.yaml has the same table); of another issuer's tokens
the claim that RoleClaim names says the role.
"""

from collections.abc import Iterable, Mapping

READ, SHIP, WRITE = "orders:read", "orders:ship", "payments:write"
ASK, DECIDE = "refunds:request", "refunds:approve"
LINK = "payments:link"  # sends somebody the address where an order is paid
SEE = "evidence:read"  # what platforms signed, byte for byte: it names payers
OPERATE = "operate"  # have accounts read anew: it changes no order by itself, and costs calls of the platform's

ROLES: Mapping[str, frozenset[str]] = {
    "shop": frozenset({READ, SHIP, ASK, LINK}),
    "finance": frozenset({READ, ASK, DECIDE}),
    "support": frozenset({READ, ASK, LINK}),
    "admin": frozenset({READ, SHIP, WRITE, LINK, ASK, DECIDE, SEE, OPERATE}),
    "operator": frozenset({READ, SEE, OPERATE}),
}


def allowed(roles: Iterable[str]) -> frozenset[str]:
    """Return the scopes that somebody with these roles may have; a role that there is not allows nothing."""
    return frozenset().union(*(ROLES.get(role.removeprefix("role:"), frozenset()) for role in roles))
