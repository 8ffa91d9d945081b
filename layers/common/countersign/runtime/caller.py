"""Who calls the merchant API, and for which accounts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from countersign.errors import ForbiddenError, NotFoundError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.runtime.roles import allowed

# Which of an issuer's claims says that a person signed in, and its value: Cognito's own proof is used where they are
# empty.
PERSON_CLAIM, PERSON_VALUE = "PERSON_CLAIM", "PERSON_VALUE"
# Which of another issuer's claims say a person's roles, the accounts and the name; without the first no role bounds a
# token, as Cognito's are bounded when they are made.
ROLE_CLAIM, ACCOUNTS_CLAIM, NAME_CLAIM = "ROLE_CLAIM", "ACCOUNTS_CLAIM", "NAME_CLAIM"
# The claims in which issuers name the program that holds a token; where it is the subject too, nobody signed in.
_CLIENTS = ("client_id", "cid", "azp", "appid", "clientId")
_GRANTS = frozenset({"client-credentials", "client_credentials"})
_SERVICE = "service-account-"


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a token that the gateway's authorizer accepted."""

    subject: str
    accounts: frozenset[str]
    is_person: bool
    scopes: frozenset[str] = frozenset()  # bare: without a resource server's name before them
    name: str = ""
    roles: tuple[str, ...] = ()

    def may_see(self, platform: str, account: str) -> bool:
        """Tell whether the account is one of the token's."""
        return "*" in self.accounts or f"{platform}/{account}" in self.accounts

    def require_account(self, platform: str, account: str) -> None:
        """Refuse accounts outside the token as if they did not exist."""
        if not self.may_see(platform, account):
            raise refusal(NotFoundError, because("no_such_account"))

    def require_person(self) -> None:
        """Refuse machines: approving and resolving is for people."""
        if not self.is_person:
            raise refusal(ForbiddenError, because("person_needed"))


def from_claims(claims: Mapping[str, str]) -> Caller:
    """Read the claims as API Gateway hands them on: strings, lists as `[a b]`."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    subject = _claim(claims, "sub")
    accounts = _words(_claim(claims, os.environ.get(ACCOUNTS_CLAIM) or "accounts"))
    is_person, scopes = _is_person(claims, subject), _scopes(claims)
    role_claim = os.environ.get(ROLE_CLAIM, "")
    roles = _words(_claim(claims, role_claim or "roles"))
    if role_claim and is_person:
        scopes &= allowed(roles)  # without a role, nothing
    name = _claim(claims, os.environ.get(NAME_CLAIM) or "name")
    return Caller(subject, frozenset(accounts), is_person, scopes, name, tuple(roles))


def _words(claim: str) -> list[str]:
    """Return a list as API Gateway hands it on: `[a b]`."""
    return claim.strip("[]").replace(",", " ").split()


def _scopes(claims: Mapping[str, str]) -> frozenset[str]:
    """Return a token's scopes, of the claim `scope` or, as Okta and Entra ID have it, `scp`."""
    words = _words(_claim(claims, "scope")) + _words(_claim(claims, "scp"))
    return frozenset(word.removeprefix("countersign/") for word in words)


def _is_person(claims: Mapping[str, str], subject: str) -> bool:
    """Tell whether the token proves that a person signed in; what proves nothing is a machine's.

    A token of the client-credentials grant is a machine's whatever else it says, so a claim that was set up too widely
    does not let a program approve its own refunds.
    """
    if not subject or _is_machine(claims, subject):
        return False
    name, value = os.environ.get(PERSON_CLAIM, ""), os.environ.get(PERSON_VALUE, "")
    if name:
        return bool(value) and value in (_claim(claims, name), *_claim(claims, name).strip("[]").split())
    # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
    return bool(_claim(claims, "username") and _claim(claims, "client_id"))


def _is_machine(claims: Mapping[str, str], subject: str) -> bool:
    """Tell whether a token has a mark of the client-credentials grant, as the issuers document them."""
    # https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles (gty, @clients)
    # https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/ (cid, and sub is the client)
    # https://learn.microsoft.com/en-us/entra/identity-platform/optional-claims-reference (idtyp)
    # https://www.keycloak.org/docs/latest/server_admin/ (service accounts)
    names = (_claim(claims, "preferred_username"), _claim(claims, "username"))
    return (
        subject in {_claim(claims, name) for name in _CLIENTS}
        or subject.endswith("@clients")
        or not _GRANTS.isdisjoint(_claim(claims, "gty").strip("[]").split())
        or _claim(claims, "idtyp") == "app"
        or any(name.startswith(_SERVICE) for name in names)
        or any(_claim(claims, name) for name in ("clientId", "clientHost", "clientAddress"))
    )


def _claim(claims: Mapping[str, str], name: str) -> str:
    value = claims.get(name)
    return str(value) if value is not None else ""
