"""The fields of a Recharge account document, typed, with unusable keys refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from countersign.documents import as_choice, as_keys, as_mapping, as_optional, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret

HOST = "https://api.rechargeapps.com"
VERSIONS = ("2021-11", "2021-01")
LANGUAGES = ("en", "zh")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_SHOP = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}", re.ASCII)
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")


@dataclass(frozen=True, slots=True)
class DunningMail:
    """An e-mail to the customer whose charge failed: who sends it, in which language, and where a card is renewed."""

    sender: str
    language: str
    portal: str = ""  # the address of the customer's page; `{hash}` stands for the customer's own part of it


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
    dunning_mail: DunningMail | None = None
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
        dunning_mail=as_optional(lambda: _dunning_mail(document), None, warnings),
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


def _dunning_mail(document: Mapping[str, object]) -> DunningMail | None:
    """Return how customers are written to: `{"enabled": true, "from": …, "language": "en"|"zh", "portal": …}`.

    Nobody is written to where the merchant has not switched it on: absent, or not enabled.
    """
    if document.get("dunning_mail") is None:
        return None
    entry = as_mapping(document["dunning_mail"], "dunning_mail")
    if not _flag(entry, "enabled"):
        return None
    sender, portal = as_text(entry, "from", required=True), as_text(entry, "portal")
    if not _ADDRESS.fullmatch(sender):
        raise KeysUnavailableError("dunning_mail.from is no e-mail address")
    if portal and not portal.startswith("https://"):
        raise KeysUnavailableError("dunning_mail.portal is not an https address")
    if portal.replace("{hash}", "").count("{"):
        raise KeysUnavailableError("dunning_mail.portal has a placeholder other than {hash}")
    return DunningMail(sender, as_choice(entry, "language", LANGUAGES), portal)
