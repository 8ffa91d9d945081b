"""The shop's page that asks a merchant for consent, codes, and tokens that are renewed, each by the one before."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.simulators.shopify.accounts import Installation, Installations

Json = dict[str, Any]
HOUR, DAY = 3600, 86_400
ACCESS_SECONDS = HOUR
REFRESH_DAYS, REPEATABLE_DAYS = 90, 30
CODE_SECONDS = 60
REFUSED: Json = {
    "error": "invalid_request",
    "error_description": "This request requires an active refresh_token",
}


@dataclass
class Refresh:
    """One refresh token: until when it is good by itself, and when it was first used."""

    token: str
    ends: float
    used_at: float | None = None


@dataclass
class Chain:
    """What an app in a shop may show: access tokens by their ends, and the refresh tokens that still may be good.

    The one before the newest is good until the newest is used, 30 days at most from its own first use on.
    """

    access: dict[str, float] = field(default_factory=dict)
    refresh: list[Refresh] = field(default_factory=list)
    used: list[float] = field(default_factory=list)  # when each renewal was asked for

    def give(self, now: float, scopes: tuple[str, ...]) -> Json:
        """Give an access token and the refresh token behind it."""
        access, refresh = f"shpat_{secrets.token_hex(16)}", f"shprt_{secrets.token_hex(16)}"
        self.access[access] = now + ACCESS_SECONDS
        self.refresh.append(Refresh(refresh, now + REFRESH_DAYS * DAY))
        return {
            "access_token": access,
            "scope": ",".join(scopes),
            "expires_in": ACCESS_SECONDS,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_DAYS * DAY,
        }

    def renew(self, token: str, now: float, scopes: tuple[str, ...]) -> Json | None:
        """Give new tokens for a refresh token that may be good, and end those that its use ends; else None."""
        self.used.append(now)
        place = next((at for at, one in enumerate(self.refresh) if one.token == token), None)
        if place is None:
            return None
        shown = self.refresh[place]
        late = shown.used_at is not None and now - shown.used_at > REPEATABLE_DAYS * DAY
        if late or now >= shown.ends:
            return None
        shown.used_at = now if shown.used_at is None else shown.used_at
        # What came before it is over now; what was given for it before, and was never used, is given anew.
        self.refresh = [shown]
        return self.give(now, scopes)

    def takes(self, token: str, now: float) -> bool:
        """Tell whether an access token is one."""
        return now < self.access.get(token, 0)


class OAuth:
    """The pages and the token end point of all shops."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations
        self._codes: dict[str, tuple[str, str, float]] = {}

    def authorize(self, host: str, query: str, now: float) -> str | None:
        """Have the merchant agree; returns where the page leads, None where it shows an error instead."""
        asked = dict(urllib.parse.parse_qsl(query))
        app = next((one for one in self._installations.apps.values() if one.client_id == asked.get("client_id")), None)
        if app is None or not asked.get("redirect_uri", "").endswith(f"/shopify/{app.name}/authorized"):
            return None
        scopes = tuple(filter(None, asked.get("scope", "").split(","))) or ("read_orders",)
        one = self._installations.install(app.name, host, scopes)
        code = secrets.token_hex(16)
        self._codes[code] = (app.name, host, now + CODE_SECONDS)
        found = signed(app.secret, one.host, now, code=code, state=asked.get("state", ""), host=_admin(one.host))
        return f"{asked['redirect_uri']}?{found}"

    def tokens(self, host: str, wanted: Json, now: float) -> tuple[int, Json]:
        """Answer the token end point: a code, a refresh token, or an app's own secret."""
        shown = (wanted.get("client_id"), wanted.get("client_secret"))
        app = next((one for one in self._installations.apps.values() if (one.client_id, one.secret) == shown), None)
        one = self._installations.of(app.name, host) if app is not None else None
        if app is None:
            return 401, {"error": "invalid_client"}
        if wanted.get("grant_type") == "client_credentials":
            given = self._installations.grant(host, wanted, now)
            return (200, given) if given else (400, {"error": "invalid_request"})
        if one is None or not one.installed:
            return 401, REFUSED
        if wanted.get("grant_type") == "refresh_token":
            renewed = one.chain.renew(str(wanted.get("refresh_token")), now, one.scopes)
            return (200, renewed) if renewed else (401, REFUSED)
        name, where, until = self._codes.pop(str(wanted.get("code")), ("", "", 0.0))
        if (name, where) != (app.name, host) or now > until:
            return 400, {"error": "invalid_request", "error_description": "The authorization code was not found"}
        # One refreshable token for each app and shop: what was given before is over.
        one.chain = Chain()
        if str(wanted.get("expiring")) != "1":
            one.token, one.token_ends = f"shpat_{secrets.token_hex(16)}", None
            return 200, {"access_token": one.token, "scope": ",".join(one.scopes)}
        return 200, one.chain.give(now, one.scopes)


def signed(secret: str, shop: str, now: float, **parameters: str) -> str:
    """Return a query as Shopify signs those with which it sends a merchant to an app."""
    pairs = {**parameters, "shop": shop, "timestamp": str(int(now))}
    message = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
    mac = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return urllib.parse.urlencode({**pairs, "hmac": mac})


def install_link(one: Installation | None, secret: str, host: str, now: float) -> str:
    """Return the query with which Shopify opens an app from a shop's admin, or to have it installed."""
    return signed(secret, one.host if one else host, now, host=_admin(host))


def _admin(host: str) -> str:
    return base64.b64encode(f"admin.shopify.com/store/{host.partition('.')[0]}".encode()).decode().rstrip("=")
