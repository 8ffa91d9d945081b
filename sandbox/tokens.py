"""The sandbox's own token issuer, and the JWT authorizer that trusts it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.template import Template

IDENTITY = Path(__file__).resolve().parent.parent / "identity.yaml"
# A machine's is as identity.yaml has it; a person's outlives the hours that demos and tests let pass at once.
LIFETIME = {"person": 3600, "machine": 24 * 3600}
AUDIENCE = "countersign-sandbox"


class UnauthorizedError(Exception):
    """No token, or one that is not good."""


class ForbiddenError(Exception):
    """A good token without a scope that the route wants."""


class Issuer:
    """Signs tokens with a key that lives as long as the sandbox."""

    def __init__(self, url: str, public_key: Path) -> None:
        self._url = url
        self._key = rsa.generate_private_key(65537, 2048)
        public_key.write_bytes(
            self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def grant(self, wanted: dict[str, Any], now: float) -> dict[str, str]:
        """Answer `POST /token`."""
        return {"access_token": self.token(wanted, now), "token_type": "Bearer"}

    def token(self, wanted: dict[str, Any], now: float) -> str:
        """Make a token: a person's with all accounts unless told otherwise; `roles` bound a person."""
        machine = bool(wanted.get("client", False))
        client = "sandbox-machine" if machine else "sandbox-console"
        scopes = wanted.get("scopes", [])
        lifetime = LIFETIME["machine" if machine else "person"]
        subject = client if machine else str(wanted.get("subject") or "sandbox-person")
        claims = {
            "iss": self._url,
            "sub": subject,
            "aud": AUDIENCE,
            "scope": scopes if isinstance(scopes, str) else " ".join(scopes),
            "iat": int(now),
            "exp": int(now) + int(wanted.get("expires_in", lifetime)),
            "jti": str(uuid.uuid4()),
            **self._of_its_kind(wanted, subject, client, machine=machine),
        }
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "sandbox"})

    def _of_its_kind(self, wanted: dict[str, Any], subject: str, client: str, *, machine: bool) -> dict[str, Any]:
        """Return the claims as Cognito has them: with roles, what the stack's own trigger makes of groups."""
        accounts = wanted.get("accounts", "*")
        # Cognito puts a name into people's access tokens only.
        person = {} if machine else {"username": subject}
        if not machine and wanted.get("name"):
            person["name"] = str(wanted["name"])
        claims = {**person, "client_id": client, "token_use": "access", "accounts": accounts}
        if machine or "roles" not in wanted:
            return claims
        groups = [accounts] if isinstance(accounts, str) else list(accounts)
        told = token_claims([*groups, *(f"role:{role}" for role in wanted["roles"])], str(wanted.get("name", "")))
        asked = wanted.get("scopes", [])
        lacking = {scope.removeprefix("countersign/") for scope in told["scopesToSuppress"]}
        given = asked.split() if isinstance(asked, str) else asked
        left = [scope for scope in given if scope.removeprefix("countersign/") not in lacking]
        return {**claims, **told["claimsToAddOrOverride"], "scope": " ".join(left)}


class ForeignIssuer(Issuer):
    """Another issuer than Cognito: claims of its own names, and scopes that no role bounds."""

    parameters: ClassVar = {
        "PersonClaim": "https://shop.example/person",
        "PersonValue": "yes",
        "RoleClaim": "https://shop.example/roles",
        "AccountsClaim": "https://shop.example/accounts",
        "NameClaim": "nickname",
    }

    def _of_its_kind(self, wanted: dict[str, Any], subject: str, client: str, *, machine: bool) -> dict[str, Any]:
        named, accounts = self.parameters, wanted.get("accounts", "*")
        claims = {"azp": client, named["AccountsClaim"]: [accounts] if isinstance(accounts, str) else accounts}
        if machine:
            return {**claims, "gty": "client-credentials"}
        person = {named["PersonClaim"]: named["PersonValue"], named["NameClaim"]: wanted.get("name", subject)}
        return {**claims, **person, named["RoleClaim"]: wanted.get("roles", [])}


def token_claims(groups: list[str], name: str) -> dict[str, Any]:
    """Return what the stack's own trigger tells Cognito of a person's access token: its code, run as it is deployed."""
    identity = Template(IDENTITY, {"Stage": "sandbox", "SignInReturnUrl": "", "Arch": "", "LogRetentionDays": "1"})
    found: dict[str, Any] = {}
    code = identity.resources("AWS::Lambda::Function")["TokenClaims"]["Code"]["ZipFile"]
    exec(compile(code, str(IDENTITY), "exec"), found)  # noqa: S102 - our own template
    asked = {"userAttributes": {"name": name}, "groupConfiguration": {"groupsToOverride": groups}}
    event = {"triggerSource": "TokenGeneration_HostedAuth", "request": asked, "response": {}}
    answer = found["lambda_handler"](event, None)
    return dict(answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"])


class Authorizer:
    """Checks tokens as the HTTP API's JWT authorizer does."""

    def __init__(self, issuer: str, audience: list[str], public_key: bytes) -> None:
        self._issuer, self._audience, self._key = issuer, set(audience), public_key

    def claims(self, authorization: str | None, scopes: list[str], now: float) -> dict[str, Any]:
        """Return the claims of a good token that has one of the scopes."""
        scheme, _, token = (authorization or "").strip().partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else (authorization or "").strip()
        # Times are checked below, by the sandbox clock.
        options: Any = dict.fromkeys(("verify_aud", "verify_exp", "verify_nbf", "verify_iat"), False)
        try:
            claims = jwt.decode(token, self._key, ["RS256"], issuer=self._issuer, options=options)
            in_time = claims.get("nbf", 0) <= now < int(claims["exp"]) and claims.get("iat", 0) <= now
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise UnauthorizedError from error
        named = claims.get("aud", claims.get("client_id"))
        if not in_time or not self._audience.intersection(named if isinstance(named, list) else [named]):
            raise UnauthorizedError
        if scopes and not set(scopes).intersection(str(claims.get("scope", claims.get("scp", ""))).split()):
            raise ForbiddenError
        return dict(claims)
