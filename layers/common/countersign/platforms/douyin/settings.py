"""The fields of a Douyin account document, typed, with unusable keys refused.

One document may hold the keys of both systems: `system` says which one new orders use, and a callback is checked by
either as long as its keys are there, so an app moves from one to the other with orders in flight.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import partial

from countersign.documents import as_choice, as_keys, as_list, as_mapping, as_optional, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import MIN_BYTES, Secret, secret
from countersign.signing.pem import PRIVATE_KEYS, pem_blocks, pem_body
from countersign.values import dataclass

ECPAY_HOST = "https://developer.toutiao.com"
TRADE_HOST = "https://open.douyin.com"
SYSTEMS = ("ecpay", "trade")
SETTLE_AFTER_DAYS = 7  # the platform's default period, counted from the payment
MAX_SHARE_BASIS_POINTS = 3000  # of one order, to others than the seller: all receivers together


@dataclass(frozen=True, slots=True)
class Goods:
    """What the trade system wants to know of every order and a create call may leave out."""

    type: int | None = None
    tag_group_id: str = ""
    image_url: str = ""
    entry_path: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who gets a part of every settlement."""

    merchant_uid: str
    basis_points: int


@dataclass(frozen=True, slots=True)
class Settle:
    """How orders are settled: `after_days` past the payment, or never by us where the console settles by itself."""

    automatic: bool = True
    after_days: int = SETTLE_AFTER_DAYS
    receivers: tuple[Receiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Fulfil:
    """The words in which the trade system hears that a part of an order, or the whole of it, was sent.

    No page that we could read lists them: the document's `fulfil` replaces them.
    """

    part: str = "FULFILLING"
    whole: str = "FULFILLED"


@dataclass(frozen=True, slots=True)
class Settings:
    """One Douyin app; lists hold the current key first, then previous ones."""

    app_id: str
    system: str
    goods: Goods = Goods()
    salts: tuple[Secret, ...] = ()
    tokens: tuple[Secret, ...] = ()
    merchant_uid: str = ""
    thirdparty_id: str = ""
    app_secret: Secret | None = None
    app_private_key_pem: Secret | None = None
    key_version: str = ""
    platform_public_keys: tuple[str, ...] = ()
    settle: Settle = Settle()
    fulfil: Fulfil = Fulfil()
    order_sync: bool = True
    paid_late_policy: str = "ask"
    review_refund: str = "two_persons"  # who refunds or accepts money that does not fit its order
    api_base: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def salt(self) -> Secret:
        """The SALT that signs what we send to guaranteed payment."""
        if not self.salts:
            raise KeysUnavailableError("salts is empty: guaranteed payment cannot be called")
        return self.salts[0]

    @property
    def secret(self) -> Secret:
        """The app's secret, by which a client token is fetched."""
        if self.app_secret is None:
            raise KeysUnavailableError("app_secret is missing: the trade system cannot be called")
        return self.app_secret

    @property
    def private_key(self) -> Secret:
        """The app's private key, by which an order of the trade system is signed."""
        if self.app_private_key_pem is None:
            raise KeysUnavailableError("app_private_key_pem is missing: an order cannot be signed")
        return self.app_private_key_pem


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason, never the value."""
    system = as_choice(document, "system", SYSTEMS)
    warnings: list[str] = []
    tokens = as_keys(document, "tokens", partial(secret, least=1), warnings, needed=system == "ecpay")
    settings = Settings(
        app_id=as_text(document, "app_id", required=True),
        system=system,
        goods=_goods(document),
        salts=as_keys(document, "salts", secret, warnings, needed=system == "ecpay"),
        tokens=tokens,
        merchant_uid=as_text(document, "merchant_uid"),
        thirdparty_id=as_text(document, "thirdparty_id"),
        app_secret=as_optional(lambda: _wrapped(document, "app_secret"), None, warnings),
        app_private_key_pem=as_optional(lambda: _private_key(document), None, warnings),
        key_version=as_text(document, "key_version"),
        platform_public_keys=_public_keys(document, warnings, needed=system == "trade"),
        settle=_settle(document),
        fulfil=_fulfil(document),
        order_sync=_order_sync(document),
        paid_late_policy=as_choice(document, "paid_late_policy", ("ask", "refund", "keep")),
        review_refund=as_choice(document, "review_refund", ("two_persons", "one_person")),
        api_base=as_text(document, "api_base").rstrip("/"),
        warnings=(*warnings, *_short_tokens(tokens)),
    )
    if system == "ecpay" and not (settings.salts and settings.tokens):
        raise KeysUnavailableError("salts or tokens is empty: guaranteed payment could neither be called nor believed")
    if system == "trade" and not settings.platform_public_keys:
        raise KeysUnavailableError("platform_public_keys is empty: no callback of the trade system could be verified")
    return settings


def _short_tokens(tokens: tuple[Secret, ...]) -> Iterator[str]:
    """Name the tokens that could be guessed from one captured callback: the merchant chose them, so they are taken."""
    for index, token in enumerate(tokens):
        if len(token.reveal().encode()) < MIN_BYTES:
            yield f"tokens[{index}] is shorter than {MIN_BYTES} bytes: it can be guessed from one captured callback"


def _goods(document: Mapping[str, object]) -> Goods:
    entry = as_mapping(document.get("goods") or {}, "goods")
    kind = entry.get("type")
    if kind is not None and type(kind) is not int:
        raise KeysUnavailableError("goods.type is not a whole number")
    return Goods(kind, as_text(entry, "tag_group_id"), as_text(entry, "image_url"), as_text(entry, "entry_path"))


def _settle(document: Mapping[str, object]) -> Settle:
    entry = as_mapping(document.get("settle") or {}, "settle")
    days = entry.get("after_days", SETTLE_AFTER_DAYS)
    automatic = entry.get("automatic", True)
    if type(days) is not int or not 0 <= days <= 150 or type(automatic) is not bool:
        raise KeysUnavailableError("settle.after_days is not 0 to 150, or settle.automatic is not true or false")
    receivers = []
    for value in as_list(entry, "receivers"):
        receiver = as_mapping(value, "settle.receivers[]")
        points = receiver.get("basis_points")
        if type(points) is not int or not 0 <= points <= MAX_SHARE_BASIS_POINTS:
            raise KeysUnavailableError(f"settle.receivers[].basis_points is not 0 to {MAX_SHARE_BASIS_POINTS}")
        receivers.append(Receiver(as_text(receiver, "merchant_uid", required=True), points))
    if sum(receiver.basis_points for receiver in receivers) > MAX_SHARE_BASIS_POINTS:
        raise KeysUnavailableError("settle.receivers share more than 30 % of an order")
    return Settle(automatic, days, tuple(receivers))


def _fulfil(document: Mapping[str, object]) -> Fulfil:
    entry, usual = as_mapping(document.get("fulfil") or {}, "fulfil"), Fulfil()
    return Fulfil(as_text(entry, "part") or usual.part, as_text(entry, "whole") or usual.whole)


def _order_sync(document: Mapping[str, object]) -> bool:
    wanted = document.get("order_sync", True)
    if type(wanted) is not bool:
        raise KeysUnavailableError("order_sync is not true or false")
    return wanted


def _public_keys(document: Mapping[str, object], warnings: list[str], *, needed: bool) -> tuple[str, ...]:
    """Return Douyin's public keys one by one: an entry may hold several, as a file does that was put together."""

    def blocks(entry: object, name: str) -> tuple[str, ...]:
        if not isinstance(entry, str) or not entry.strip():
            raise KeysUnavailableError("platform_public_keys holds something empty or not text")
        made = _framed(entry, "PUBLIC KEY")
        pem_body(made, "PUBLIC KEY", name)
        return pem_blocks(made, "PUBLIC KEY")

    found = as_keys(document, "platform_public_keys", blocks, warnings, needed=needed)
    return tuple(key for keys in found for key in keys)


def _private_key(document: Mapping[str, object]) -> Secret | None:
    """Return the app's private key without what stands around it; a damaged one is seen when it is used."""
    value = as_text(document, "app_private_key_pem")
    if not value:
        return None
    made = _framed(value, "PRIVATE KEY")
    return Secret(next(iter(pem_blocks(made, *PRIVATE_KEYS)), made))


def _framed(text: str, label: str) -> str:
    """Return a key as PEM: the console shows some without their first and last line."""
    return text if "-----BEGIN " in text else f"-----BEGIN {label}-----\n{text.strip()}\n-----END {label}-----\n"


def _wrapped(document: Mapping[str, object], name: str) -> Secret | None:
    return secret(document[name], name) if document.get(name) else None
