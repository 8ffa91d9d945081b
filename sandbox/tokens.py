"""The sandbox's own token issuer, and the JWT authorizer that trusts it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from pathlib import Path

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
        """Make a token: a person's with all accounts unless told otherwise."""
        machine = bool(wanted.get("client", False))
        client = "sandbox-machine" if machine else "sandbox-console"
        scopes = wanted.get("scopes", [])
        accounts = wanted.get("accounts", "*")
        lifetime = LIFETIME["machine" if machine else "person"]
        subject = client if machine else str(wanted.get("subject") or "sandbox-person")
        claims = {
            "iss": self._url,
            "sub": subject,
            # Cognito puts a name into people's access tokens only.
            **({} if machine else {"username": subject}),
            "client_id": client,
            "token_use": "access",
            "aud": AUDIENCE,
            "scope": scopes if isinstance(scopes, str) else " ".join(scopes),
            "accounts": accounts,
            "iat": int(now),
            "exp": int(now) + int(wanted.get("expires_in", lifetime)),
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "sandbox"})


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
