"""The fields of Shopify's account documents, typed: an app, and a shop where it is installed; unusable keys refused."""

import re
from collections.abc import Mapping
from dataclasses import field

from countersign.customers import lookup_from
from countersign.documents import as_choice, as_keys, as_list, as_mapping, as_optional, as_text
from countersign.errors import KeysUnavailableError, MalformedError
from countersign.money import from_decimal
from countersign.signing.credentials import Secret, secret
from countersign.values import dataclass

VERSION = "2026-10"  # of the Admin and Storefront API that this code is written for; supported until 2027-10 at least
# https://shopify.dev/docs/api/usage/versioning
_VERSION = re.compile(r"20[0-9]{2}-(?:01|04|07|10)", re.ASCII)
# Libraries are laxer (other hosts, underscores, a slash at the end): a token goes to this host.
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,84}\.myshopify\.com", re.ASCII)
_SHOP_ID = re.compile(r"(?:gid://shopify/Shop/)?([1-9][0-9]{0,19})", re.ASCII)
_SCOPE = re.compile(r"[a-z_]{1,64}", re.ASCII)
SUBSCRIPTIONS = ("shop", "app", "admin")
# What a payments app can be asked for, in the words of a cashier's `kinds[]`.
KINDS = ("sale", "authorization", "capture", "void", "refund")
LATE_POLICIES = ("ask", "refund")
PAYMENT_SCOPES = frozenset({"write_payment_gateways", "write_payment_sessions"})
_CASHIER = re.compile(r"([a-z][a-z0-9_]{0,31})/([a-z0-9][a-z0-9.-]{0,63})", re.ASCII)
BY_CODE = "wechat_native."  # where buyers pay by a QR code of our own WeChat account
HELD_SECONDS, _MOST_HELD_SECONDS = 7 * 86_400, 31 * 86_400
INSTALLS = ("oauth", "client_credentials", "token")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop where an app is installed; `shop` is its myshopify name.

    `shop_id` is the number that its signed bodies name, empty where it is not known yet: then nothing is believed that
    it does not answer itself. The token is None where the app may only be told, and where the table has it (`grant`
    names it there); one with a `refresh_token` is where the table's begin. Ends are epoch seconds.
    """

    shop: str
    shop_id: str = ""
    access_token: Secret | None = None
    scopes: frozenset[str] = frozenset()
    storefront_private_token: Secret | None = None
    api_base: str = ""
    warnings: tuple[str, ...] = field(default=())
    refresh_token: Secret | None = None
    expires_at: int | None = None
    refresh_expires_at: int | None = None
    grant: str = ""


@dataclass(frozen=True, slots=True)
class Payments:
    """What an app does as a payment service of shops: at which accounts of cashiers buyers pay.

    `cashier` and `test_cashier` are `{cashier}.{account}`; without the latter a session to try is refused, for nothing
    of it may meet money. `kinds` are those that are taken at all. `handle` is Shopify's name of the app's extension.
    """

    cashier: str
    test_cashier: str = ""
    kinds: frozenset[str] = frozenset(KINDS)
    handle: str = ""
    late_policy: str = LATE_POLICIES[0]  # of money of a session that is not the one that counts
    authorization_seconds: int = HELD_SECONDS  # for how long the cashier holds money
    confirm: bool = False  # whether money is only held until Shopify says that there is something to sell
    modal: bool = False  # whether what the buyer scans is shown in Shopify's own window, and no page of ours


@dataclass(frozen=True, slots=True)
class App:
    """An app and its shops; of each list of secrets the current one is first, then previous ones.

    `subscriptions` says who makes them: `shop` (the guard, by the API), `app` (the app's own configuration, which no
    API lists) or `admin` (a person, in the shop's notification settings, signed with `admin_webhook_secrets`).
    """

    client_id: str = ""
    client_secrets: tuple[Secret, ...] = ()
    admin_webhook_secrets: tuple[Secret, ...] = ()
    api_version: str = VERSION
    scopes: frozenset[str] = frozenset()
    subscriptions: str = SUBSCRIPTIONS[0]
    events: bool = False  # whether the newer family of deliveries ("Events") is taken too
    install: str = INSTALLS[0]
    shops: Mapping[str, Shop] = field(default_factory=dict)
    allowed_shops: frozenset[str] = frozenset()
    lookup_from: frozenset[str] = frozenset()  # what of a customer orders are found by
    storefront_private_token: Secret | None = None
    mark_paid_limits: Mapping[str, int] = field(default_factory=dict)  # minor units by currency; above, two persons
    api_base: str = ""
    payments: Payments | None = None
    warnings: tuple[str, ...] = field(default=())


def is_shop(host: str) -> bool:
    """Tell whether a host in lower case is a shop's myshopify name: only there a token may go."""
    return _SHOP.fullmatch(host) is not None


def load(document: Mapping[str, object]) -> App:
    """Type an app's document; KeysUnavailableError names the field and the reason, never the value.

    One secret at least must be there, of the app or of the shop's notification settings: else nothing is verified.
    """
    warnings: list[str] = []
    client = as_keys(document, "client_secrets", _key, warnings)
    admin = as_keys(document, "admin_webhook_secrets", _key, warnings)
    if not client and not admin:
        raise KeysUnavailableError(
            "; ".join(warnings) or "client_secrets and admin_webhook_secrets are empty: no delivery could be verified"
        )
    no_shops: dict[str, Shop] = {}
    no_limits: dict[str, int] = {}
    nothing: frozenset[str] = frozenset()
    shops = as_optional(lambda: _shops(document), no_shops, warnings)
    install = as_choice(document, "install", INSTALLS)
    for shop in shops.values():
        if shop.access_token is None and install == "token":
            warnings.append(f"{shop.shop} has no access_token: nothing can be read there, nor silence be noticed")
        if not shop.shop_id:
            warnings.append(f"{shop.shop} has no shop_id: what is delivered is only a reason to ask it")
    allowed = as_optional(lambda: frozenset(_hosts(document, "allowed_shops")), nothing, warnings)
    return App(
        client_id=as_text(document, "client_id"),
        client_secrets=client,
        admin_webhook_secrets=admin,
        api_version=_version(document),
        scopes=as_optional(lambda: _scopes(document, "scopes"), nothing, warnings),
        subscriptions=as_choice(document, "subscriptions", SUBSCRIPTIONS),
        events=_flag(document, "events"),
        install=install,
        shops=shops,
        allowed_shops=allowed | frozenset(shops),
        lookup_from=as_optional(lambda: lookup_from(document), nothing, warnings),
        storefront_private_token=_optional_key(document, "storefront_private_token", warnings),
        mark_paid_limits=as_optional(lambda: _limits(document), no_limits, warnings),
        api_base=as_text(document, "api_base").rstrip("/"),
        payments=_payments(document),
        warnings=tuple(warnings),
    )


def load_installation(document: Mapping[str, object]) -> Shop:
    """Type the document of a shop where an app is installed."""
    warnings: list[str] = []
    nothing: frozenset[str] = frozenset()
    host = as_text(document, "shop", required=True)
    if not is_shop(host):
        raise KeysUnavailableError("shop is not a name that ends in .myshopify.com, in lower case")
    return Shop(
        shop=host,
        shop_id=_shop_id(document),
        access_token=_optional_key(document, "access_token", warnings),
        scopes=as_optional(lambda: _scopes(document, "scope"), nothing, warnings),
        storefront_private_token=_optional_key(document, "storefront_private_token", warnings),
        api_base=as_text(document, "api_base").rstrip("/"),
        warnings=tuple(warnings),
        refresh_token=_optional_key(document, "refresh_token", warnings),
        expires_at=as_optional(lambda: _time(document, "expires_at"), None, warnings),
        refresh_expires_at=as_optional(lambda: _time(document, "refresh_expires_at"), None, warnings),
    )


def _payments(document: Mapping[str, object]) -> Payments | None:
    if document.get("payments") is None:
        return None
    given = as_mapping(document["payments"], "payments")
    kinds = [str(kind) for kind in as_list(given, "kinds")] or list(KINDS)
    if not set(kinds) <= set(KINDS):
        raise KeysUnavailableError(f"payments.kinds holds something else than {', '.join(KINDS)}")
    seconds = given.get("authorization_seconds", HELD_SECONDS)
    if type(seconds) is not int or not 0 < seconds <= _MOST_HELD_SECONDS:
        raise KeysUnavailableError("payments.authorization_seconds is not 1 to 2678400")
    modal, confirm = _flag(given, "modal"), _flag(given, "confirm")
    cashier = _cashier(given, "cashier", required=True)
    if modal and not cashier.startswith(BY_CODE):
        raise KeysUnavailableError("payments.modal shows a QR code: payments.cashier has to be of wechat_native")
    if confirm and cashier.startswith(BY_CODE):
        raise KeysUnavailableError("payments.confirm holds money first, and WeChat takes it at once")
    return Payments(
        cashier=cashier,
        test_cashier=_cashier(given, "test_cashier"),
        kinds=frozenset(kinds),
        handle=as_text(given, "external_handle"),
        late_policy=as_choice(given, "paid_late_policy", LATE_POLICIES),
        authorization_seconds=seconds,
        confirm=confirm,
        modal=modal,
    )


def _cashier(fields: Mapping[str, object], name: str, *, required: bool = False) -> str:
    value = as_text(fields, name, required=required)
    match = _CASHIER.fullmatch(value)
    if value and match is None:
        raise KeysUnavailableError(f"payments.{name} is not a cashier's account such as hc1/main or stripe/main")
    return f"{match[1]}.{match[2]}" if match else ""


def _key(value: object, name: str) -> Secret:
    key = secret(value, name)
    if not key.reveal().isascii():  # Shopify's own libraries disagree about the bytes of such a key
        raise KeysUnavailableError(f"{name} is not ASCII")
    return key


def _optional_key(document: Mapping[str, object], name: str, warnings: list[str]) -> Secret | None:
    if document.get(name) in (None, ""):
        return None
    return as_optional(lambda: _key(document[name], name), None, warnings)


def _shops(document: Mapping[str, object]) -> dict[str, Shop]:
    found = (load_installation(as_mapping(entry, "shops")) for entry in as_list(document, "shops"))
    return {shop.shop: shop for shop in found}


def _limits(document: Mapping[str, object]) -> dict[str, int]:
    """Return up to how much one person may mark as paid alone, written as decimal text by currency."""
    try:
        limits = as_mapping(document.get("mark_paid_limits", {}), "mark_paid_limits")
        return {currency: from_decimal(str(text), currency).minor for currency, text in limits.items()}
    except MalformedError:
        raise KeysUnavailableError("mark_paid_limits holds something that is no amount of its currency") from None


def _hosts(document: Mapping[str, object], name: str) -> list[str]:
    hosts = [str(entry) for entry in as_list(document, name)]
    if not all(is_shop(host) for host in hosts):
        raise KeysUnavailableError(f"{name} holds something that is no name of a shop")
    return hosts


def _scopes(document: Mapping[str, object], name: str) -> frozenset[str]:
    value = document.get(name)
    entries = value.split(",") if isinstance(value, str) else as_list(document, name)
    scopes = [entry.strip() if isinstance(entry, str) else "" for entry in entries]
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise KeysUnavailableError(f"{name} holds something that is no scope")
    return frozenset(scopes)


def _shop_id(document: Mapping[str, object]) -> str:
    value = document.get("shop_id")
    text = str(value) if type(value) is int else as_text(document, "shop_id")
    match = _SHOP_ID.fullmatch(text)
    if text and match is None:
        raise KeysUnavailableError("shop_id is not the number of a shop")
    return match[1] if match else ""


def _time(document: Mapping[str, object], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (type(value) is not int or value <= 0):
        raise KeysUnavailableError(f"{name} is not a time in epoch seconds")
    return value


def _version(document: Mapping[str, object]) -> str:
    value = as_text(document, "api_version") or VERSION
    if value != "unstable" and not _VERSION.fullmatch(value):
        raise KeysUnavailableError("api_version is not a version such as 2026-10")
    return value


def _flag(document: Mapping[str, object], name: str) -> bool:
    value = document.get(name, False)
    if type(value) is not bool:
        raise KeysUnavailableError(f"{name} is not true or false")
    return value
