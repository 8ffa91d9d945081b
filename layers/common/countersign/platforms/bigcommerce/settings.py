"""The fields of BigCommerce's account documents, typed: an app, and a store where it is installed.

https://developer.bigcommerce.com/docs/integrations/apps: the app has one client secret, which signs what the control
panel, the webhooks and a signed-in shopper's page bring; each store has a token of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import field, replace

from countersign.cashiers.addresses import is_safe
from countersign.documents import as_choice, as_keys, as_list, as_mapping, as_optional, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret
from countersign.values import dataclass

HOST = "https://api.bigcommerce.com"
LOGIN = "https://login.bigcommerce.com"
# https://developer.bigcommerce.com/docs/start/authentication/api-accounts#oauth-scopes
SCOPES = frozenset(
    {
        "store_v2_orders",
        "store_v2_transactions_read_only",
        "store_content_checkout",
        "store_v2_information_read_only",
    }
)
WEBHOOK_MODES = ("either", "signature_required", "custom_header")
CONTROL_PANEL_REFUNDS = ("notify", "request")
MAX_AGE_SECONDS = 86400
NEVER_RAN_SECONDS = 900
LEAST_TOKEN = 8
MOST_SECONDS = 30 * 86400
MOST_METHODS = 20
_STORE = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_SCOPE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_CASHIER = re.compile(r"(hc1|stripe|wechat_native)/([a-z0-9][a-z0-9-]{0,47})", re.ASCII)
_CLIENT = re.compile(r"[A-Za-z0-9]{8,128}", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided of a store's orders; an app's rules are those of each store that has none of its own.

    `cashier` is `{cashier}/{account}`; a shopper pays only an order that names one of `payment_method_names`, the
    names under which the store offers the method (each translation is one). Ages and times are seconds.
    """

    cashier: str = ""
    payment_method_names: tuple[str, ...] = ()
    allowed_origins: frozenset[str] = frozenset()
    allowed_channel_ids: frozenset[int] | None = None  # None: every channel
    max_age_seconds: int = MAX_AGE_SECONDS
    require_customer_jwt_for_registered: bool = False
    accept_legacy_payload: bool = False
    allowed_stores: frozenset[str] = frozenset()
    paid_late_policy: str = "ask"
    review_refund: str = "two_persons"
    control_panel_refund: str = CONTROL_PANEL_REFUNDS[0]
    cancel_unpaid_after: int | None = None
    never_ran_after: int = NEVER_RAN_SECONDS
    link_mail_after: int | None = None  # when a shopper is written to whose order waits; None: never
    api_base: str = ""

    @property
    def cashier_account(self) -> tuple[str, str]:
        """Return the cashier's name and the account's there; both empty where none is set."""
        name, _, account = self.cashier.partition("/")
        return name, account

    @property
    def base(self) -> str:
        """Return the address that calls of a store's API go to."""
        return self.api_base or HOST

    @property
    def login(self) -> str:
        """Return the address where a grant code becomes a token."""
        return self.api_base or LOGIN


@dataclass(frozen=True, slots=True)
class App:
    """An app; `client_secrets` hold the current key first, then previous ones.

    `allowed_stores` says who may install it: none but those that are listed.
    """

    client_id: str
    client_secrets: tuple[Secret, ...]
    rules: Rules = Rules()
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Store:
    """A store where an app is installed.

    `document` holds what the store says of its own rules; `rules` gives them over the app's. The token is None where
    it was taken away: then nothing can be read or written there. `hook_token` is what a delivery without a signature
    must bring.
    """

    store_hash: str
    access_token: Secret | None = None
    scopes: frozenset[str] = frozenset()
    owner_id: int = 0
    owner_email: str = ""
    needs_reauthorization: bool = False
    uninstalled: bool = False
    webhook_mode: str = WEBHOOK_MODES[0]
    hook_token: Secret | None = None
    document: Mapping[str, object] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = field(default=())

    def rules(self, app: App) -> Rules:
        """Return the rules of this store: its own, and the app's where it has none."""
        return _rules(self.document, app.rules, [])

    @property
    def is_active(self) -> bool:
        """Tell whether the store's API may be called."""
        return self.access_token is not None and not self.uninstalled and not self.needs_reauthorization


def is_store(store_hash: str) -> bool:
    """Tell whether a text can be the hash that BigCommerce names a store by."""
    return _STORE.fullmatch(store_hash) is not None


def is_origin(text: str) -> bool:
    """Tell whether a text is an origin as browsers write it: scheme and host in lower case, no slash at the end."""
    return _ORIGIN.fullmatch(text) is not None and is_safe(text)


def load(document: Mapping[str, object]) -> App:
    """Type an app's document; KeysUnavailableError names the field and the reason, never the value."""
    warnings: list[str] = []
    client_id = as_text(document, "client_id", required=True)
    if not _CLIENT.fullmatch(client_id):
        raise KeysUnavailableError("client_id is not 8 to 128 letters and digits")
    keys = as_keys(document, "client_secrets", _key, warnings, needed=True)
    if not keys:
        raise KeysUnavailableError("client_secrets is empty: no delivery and no page could be verified")
    return App(client_id, keys, _rules(document, Rules(), warnings), tuple(warnings))


def load_installation(document: Mapping[str, object]) -> Store:
    """Type the document of a store where an app is installed."""
    warnings: list[str] = []
    store_hash = as_text(document, "store_hash", required=True)
    if not is_store(store_hash):
        raise KeysUnavailableError("store_hash is not the hash of a store")
    _rules(document, Rules(), warnings)  # what cannot be read of them is said here, once
    owner = as_mapping(document.get("owner") or {}, "owner")
    owner_id = owner.get("id", 0)
    token = None
    if document.get("access_token") not in (None, ""):
        token = secret(document["access_token"], "access_token", least=LEAST_TOKEN)
        if not token.reveal().isascii():
            raise KeysUnavailableError("access_token is not ASCII")
    nothing: frozenset[str] = frozenset()
    return Store(
        store_hash=store_hash,
        access_token=token,
        scopes=as_optional(lambda: _scopes(document), nothing, warnings),
        owner_id=owner_id if type(owner_id) is int else 0,
        owner_email=as_text(owner, "email"),
        needs_reauthorization=_flag(document, "needs_reauthorization", default=False),
        uninstalled=_flag(document, "uninstalled", default=False),
        webhook_mode=as_choice(document, "webhook_mode", WEBHOOK_MODES),
        hook_token=_hook_token(document),
        document=document,
        warnings=tuple(warnings),
    )


def _rules(document: Mapping[str, object], default: Rules, warnings: list[str]) -> Rules:
    """Return the rules that a document has, over others: a field that is there wins."""
    said: dict[str, object] = {}
    for name, read in _READERS.items():
        if name in document and document[name] is not None:
            said[_FIELDS.get(name, name)] = read(document, name)
    rules = replace(default, **said)  # type: ignore[arg-type] # each reader gives its field's type
    if not rules.payment_method_names and rules.cashier:
        warnings.append("payment_method_names is empty: no order could be paid")
    return rules


def _key(value: object, name: str) -> Secret:
    key = secret(value, name)
    if not key.reveal().isascii():
        raise KeysUnavailableError(f"{name} is not ASCII")
    return key


def _hook_token(document: Mapping[str, object]) -> Secret | None:
    if document.get("hook_token") in (None, ""):
        return None
    return _key(document["hook_token"], "hook_token")


def _scopes(document: Mapping[str, object]) -> frozenset[str]:
    scopes = as_text(document, "scope").split()
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise KeysUnavailableError("scope holds something that is no scope")
    return frozenset(scopes)


def _flag(document: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = document.get(name, default)
    if type(value) is not bool:
        raise KeysUnavailableError(f"{name} is not true or false")
    return value


def _texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    entries = as_list(document, name)
    if not all(isinstance(entry, str) and 0 < len(entry) <= 255 for entry in entries) or len(entries) > MOST_METHODS:
        raise KeysUnavailableError(f"{name} is not a list of at most {MOST_METHODS} texts")
    return tuple(str(entry) for entry in entries)


def _origins(document: Mapping[str, object], name: str) -> frozenset[str]:
    entries = as_list(document, name)
    if not all(isinstance(entry, str) and is_origin(entry) for entry in entries):
        raise KeysUnavailableError(f"{name} holds something that is no origin such as https://shop.example.com")
    return frozenset(str(entry) for entry in entries)


def _channels(document: Mapping[str, object], name: str) -> frozenset[int]:
    entries = as_list(document, name)
    found = frozenset(entry for entry in entries if type(entry) is int and entry > 0)
    if len(found) < len(entries) or not found:
        raise KeysUnavailableError(f"{name} is not a list of numbers of channels")
    return found


def _stores(document: Mapping[str, object], name: str) -> frozenset[str]:
    entries = as_list(document, name)
    if not all(isinstance(entry, str) and is_store(entry) for entry in entries):
        raise KeysUnavailableError(f"{name} holds something that is no hash of a store")
    return frozenset(str(entry) for entry in entries)


def _cashier(document: Mapping[str, object], name: str) -> str:
    value = as_text(document, name)
    if not _CASHIER.fullmatch(value):
        raise KeysUnavailableError(f"{name} is not a cashier's account such as hc1/main or stripe/main")
    return value


def _seconds(document: Mapping[str, object], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 60 <= value <= MOST_SECONDS:
        raise KeysUnavailableError(f"{name} is not a number of seconds from a minute to thirty days")
    return value


def _mail_after(document: Mapping[str, object], name: str) -> int | None:
    """Return after which time a shopper is written to; None where the merchant has not switched it on."""
    entry = as_mapping(document[name], name)
    return _seconds(entry, "after") if _flag(entry, "enabled", default=False) else None


def _address(document: Mapping[str, object], name: str) -> str:
    value = as_text(document, name).rstrip("/")
    if value and not is_safe(value):
        raise KeysUnavailableError(f"{name} is not an https address, or http on this machine")
    return value


_FIELDS = {"payment_link_mail": "link_mail_after"}  # rules of another name than the document's field
_READERS = {
    "cashier": _cashier,
    "payment_method_names": _texts,
    "allowed_origins": _origins,
    "allowed_channel_ids": _channels,
    "max_age_seconds": _seconds,
    "require_customer_jwt_for_registered": lambda document, name: _flag(document, name, default=False),
    "accept_legacy_payload": lambda document, name: _flag(document, name, default=False),
    "allowed_stores": _stores,
    "paid_late_policy": lambda document, name: as_choice(document, name, ("ask", "refund", "keep")),
    "review_refund": lambda document, name: as_choice(document, name, ("two_persons", "one_person")),
    "control_panel_refund": lambda document, name: as_choice(document, name, CONTROL_PANEL_REFUNDS),
    "cancel_unpaid_after": _seconds,
    "never_ran_after": _seconds,
    "payment_link_mail": _mail_after,
    "api_base": _address,
}
