"""The fields of a Recharge account document, typed, with unusable keys refused."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from countersign.customers import lookup_from
from countersign.documents import as_choice, as_keys, as_optional, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret
from countersign.values import dataclass

HOST = "https://api.rechargeapps.com"
VERSIONS = ("2021-11", "2021-01")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_SHOP = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """One Recharge store; `client_secrets` hold the current key first, then previous ones."""

    api_token: Secret
    client_secrets: tuple[Secret, ...]
    api_version: str = VERSIONS[0]
    shop: str = ""  # the name of the shop's account on platform shopify: a charge that succeeded is a part of its order
    currency: str = ""  # of charges that name none (API 2021-01)
    zone: tzinfo = UTC  # of times that name none
    require_timestamped: bool = False
    lookup_from: frozenset[str] = frozenset()
    api_base: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def base(self) -> str:
        """Return the address that calls go to."""
        return self.api_base or HOST


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason, never the value.

    `api_token` is what the API is called with; `client_secrets` are the API client secrets of that token's edit page,
    which sign deliveries. One in the place of the other verifies nothing, so equal ones are refused.
    """
    # https://docs.getrecharge.com/docs/webhooks-overview#validating-webhooks
    warnings: list[str] = []
    nothing: frozenset[str] = frozenset()
    token = secret(as_text(document, "api_token", required=True), "api_token")
    keys = as_keys(document, "client_secrets", secret, warnings, needed=True)
    if not keys:
        raise KeysUnavailableError("client_secrets is empty: no delivery could be verified")
    if any(key.reveal() == token.reveal() for key in keys):
        raise KeysUnavailableError("client_secrets holds the api_token: the key is the API client secret of its page")
    return Settings(
        api_token=token,
        client_secrets=keys,
        api_version=as_choice(document, "api_version", VERSIONS),
        shop=as_optional(lambda: _matching(document, "shop", _SHOP), "", warnings),
        currency=_matching(document, "currency", _CURRENCY),
        zone=_zone(document),
        require_timestamped=_flag(document, "require_timestamped"),
        lookup_from=as_optional(lambda: lookup_from(document), nothing, warnings),
        api_base=as_text(document, "api_base").rstrip("/"),
        warnings=tuple(warnings),
    )


def _matching(document: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = as_text(document, name)
    if value and not pattern.fullmatch(value):
        raise KeysUnavailableError(f"{name} has another form than it must have")
    return value


def _flag(document: Mapping[str, object], name: str) -> bool:
    value = document.get(name, False)
    if type(value) is not bool:
        raise KeysUnavailableError(f"{name} is not true or false")
    return value


def _zone(document: Mapping[str, object]) -> tzinfo:
    name = as_text(document, "time_zone")
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise KeysUnavailableError("time_zone is not the name of a time zone such as America/New_York") from None
