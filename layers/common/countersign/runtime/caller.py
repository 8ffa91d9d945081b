"""Who calls the merchant API, and for which accounts."""

from collections.abc import Mapping
from dataclasses import dataclass

from countersign.errors import ForbiddenError, NotFoundError


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a token that the gateway's authorizer accepted."""

    subject: str
    accounts: frozenset[str]
    is_person: bool

    def require_account(self, platform: str, account: str) -> None:
        """Refuse accounts outside the token as if they did not exist."""
        if "*" not in self.accounts and f"{platform}/{account}" not in self.accounts:
            raise NotFoundError("no such account")

    def require_person(self) -> None:
        """Refuse machines: approving and resolving is for people."""
        if not self.is_person:
            raise ForbiddenError("this needs a signed-in person, not a machine's token")


def from_claims(claims: Mapping[str, str]) -> Caller:
    """Read the claims as API Gateway hands them on: strings, lists as `[a b]`."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    subject = str(claims.get("sub", ""))
    accounts = str(claims.get("accounts", "")).strip("[]").replace(",", " ").split()
    machine = subject in ("", str(claims.get("client_id", "")))
    return Caller(subject, frozenset(accounts), not machine)
