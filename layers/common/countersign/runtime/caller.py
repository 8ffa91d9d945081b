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

    def may_see(self, platform: str, account: str) -> bool:
        """Tell whether the account is one of the token's."""
        return "*" in self.accounts or f"{platform}/{account}" in self.accounts

    def require_account(self, platform: str, account: str) -> None:
        """Refuse accounts outside the token as if they did not exist."""
        if not self.may_see(platform, account):
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
