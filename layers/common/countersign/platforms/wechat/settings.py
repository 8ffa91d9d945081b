"""The fields of a WeChat account document, typed, with unusable keys refused.

What several functions need is checked when the document is loaded; what only one needs (the private key, the
mini program's secret) when it is used, so that a notice is still verified while such a field is wrong. The fields
`notices` and `printers` are typed by `countersign.notices.settings`.

Values here and in the other modules of the callback path are named tuples: a data class takes six times as long to
define, and a cold start defines them all.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

from countersign.documents import (
    NOT_USED,
    as_choice,
    as_keys,
    as_list,
    as_mapping,
    as_optional,
    as_serial,
    as_text,
)
from countersign.errors import KeysUnavailableError
from countersign.signing import rsa
from countersign.signing.credentials import MIN_BYTES, Secret, secret
from countersign.signing.pem import PRIVATE_KEYS, pem_blocks, pem_body

API_HOST = "https://api.mch.weixin.qq.com"
LOGIN_HOST = "https://api.weixin.qq.com"
# [M] The store's calls moved more than once: an account can name other paths.
STORE_ORDER_PATH = "/channels/ec/order/get"
STORE_DELIVERY_PATH = "/channels/ec/order/delivery/send"
SIGN_TYPES = ("MD5", "HMAC-SHA256")
# The key of WeChat's own v2 samples, found in many copied projects.
_PUBLISHED = frozenset({"192006250b4c09247ec02edce69f6a2d"})
_API_V3_KEY_BYTES = 32
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Push(NamedTuple):
    """How the mini program pushes messages; checked by the function that receives them."""

    mode: str = "secure"
    token: Secret | None = None
    encoding_aes_keys: tuple[Secret, ...] = ()
    problem: str = ""  # why the document's own entry cannot be used


class Store(NamedTuple):
    """The mini store that belongs to the merchant."""

    appid: str
    secret: Secret | None
    push: Push
    order_path: str = STORE_ORDER_PATH
    delivery_path: str = STORE_DELIVERY_PATH


class Settings(NamedTuple):
    """One WeChat merchant number; lists hold the current key first, then previous ones."""

    mchid: str
    appid: str
    appids: tuple[str, ...] = ()
    sub_mchid: str = ""
    sub_appid: str = ""  # the sub-merchant's own app, in which its payers pay
    api: str = "v3"
    api_v3_keys: tuple[Secret, ...] = ()
    api_v2_keys: tuple[Secret, ...] = ()
    v2_sign_type: str = "MD5"
    merchant_private_key_pem: Secret | None = None
    merchant_serial: str = ""
    merchant_cert_pem: str = ""
    wechatpay_public_keys: Mapping[str, str] = _NOTHING  # id -> PEM
    platform_certificates: tuple[str, ...] = ()
    mini_program_secret: Secret | None = None
    push: Push = Push()
    store: Store | None = None
    paid_late_policy: str = "ask"
    review_refund: str = "two_persons"  # who refunds or accepts money that does not fit its order
    api_base: str = ""
    warnings: tuple[str, ...] = ()

    def owns_appid(self, appid: object) -> bool:
        """Tell whether the app belongs to this account."""
        return appid in (self.appid, *self.appids, *filter(None, (self.sub_appid,)))

    @property
    def payer_appid(self) -> str:
        """The app in which payers pay where a call names none."""
        return self.sub_appid or self.appid

    @property
    def request_key_id(self) -> str:
        """The key that WeChat shall sign its answers with, or an empty string in certificate mode."""
        return next(iter(self.wechatpay_public_keys), "")


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason, never the value."""
    api = as_choice(document, "api", ("v3", "v2"))
    warnings: list[str] = []
    untrusted: list[str] = []  # what cannot be used of the keys by which WeChat is known
    settings = Settings(
        mchid=as_text(document, "mchid", required=True),
        appid=as_text(document, "appid", required=True),
        appids=_texts(document, "appids"),
        sub_mchid=as_text(document, "sub_mchid"),
        sub_appid=as_text(document, "sub_appid"),
        api=api,
        api_v3_keys=as_keys(document, "api_v3_keys", _api_v3_key, warnings, needed=api == "v3"),
        api_v2_keys=as_keys(document, "api_v2_keys", _api_v2_key, warnings, needed=api == "v2"),
        v2_sign_type=as_choice(document, "v2_sign_type", SIGN_TYPES),
        merchant_private_key_pem=as_optional(lambda: _private_key(document), None, warnings),
        merchant_serial=as_optional(lambda: as_serial(document, "merchant_serial"), "", warnings),
        merchant_cert_pem=as_optional(lambda: _own_certificate(document), "", warnings),
        wechatpay_public_keys=_public_keys(document, untrusted),
        platform_certificates=_certificates(document, untrusted),
        mini_program_secret=as_optional(lambda: _wrapped(document, "mini_program_secret"), None, warnings),
        push=_push(document, "push"),
        store=_store(document),
        paid_late_policy=as_choice(document, "paid_late_policy", ("ask", "refund", "keep")),
        review_refund=as_choice(document, "review_refund", ("two_persons", "one_person")),
        api_base=as_text(document, "api_base").rstrip("/"),
    )
    if api == "v3" and not settings.api_v3_keys:
        raise KeysUnavailableError("api_v3_keys is empty: no notice of API v3 could be opened")
    if api == "v2" and not settings.api_v2_keys:
        raise KeysUnavailableError("api_v2_keys is empty: no notice of API v2 could be verified")
    settings = _without_own_key(settings, untrusted)
    if api == "v3" and not (settings.wechatpay_public_keys or settings.platform_certificates):
        why = untrusted[0].removesuffix(f": {NOT_USED}") if untrusted else "both are empty"
        raise KeysUnavailableError(f"wechatpay_public_keys, platform_certificates: nothing could be verified: {why}")
    return settings._replace(warnings=(*warnings, *untrusted, *_short_tokens(settings)))


def _short_tokens(settings: Settings) -> tuple[str, ...]:
    """Name the tokens that could be guessed from one captured push: the merchant chose them, so they are taken."""
    pushes = {"push": settings.push, **({"store.push": settings.store.push} if settings.store else {})}
    return tuple(
        f"{name}.token is shorter than {MIN_BYTES} bytes: it can be guessed from one captured message"
        for name, push in pushes.items()
        if push.token is not None and len(push.token.reveal().encode("utf-8", "surrogatepass")) < MIN_BYTES
    )


def own_certificate(settings: Settings) -> bytes:
    """Return the merchant's certificate (DER); nothing where there is none, or what is there is damaged."""
    try:
        return pem_body(settings.merchant_cert_pem, "CERTIFICATE", "merchant_cert_pem")
    except KeysUnavailableError:
        return b""


def certificate_ends(settings: Settings) -> dict[str, int]:
    """Return when the merchant's certificate and WeChat's end, by field; what cannot be read the lint tells of."""
    pems = {"merchant_cert_pem": settings.merchant_cert_pem} if settings.merchant_cert_pem else {}
    pems |= {f"platform_certificates[{index}]": pem for index, pem in enumerate(settings.platform_certificates)}
    ends = {}
    for field, pem in pems.items():
        with suppress(KeysUnavailableError):
            ends[field] = rsa.certificate(pem, field).not_after
    return ends


def _without_own_key(settings: Settings, warnings: list[str]) -> Settings:
    """Leave out the merchant's own key where WeChat's belongs, the commonest mistake in copying certificates."""
    own = own_certificate(settings)
    keys, certificates = dict(settings.wechatpay_public_keys), []
    for key_id, pem in settings.wechatpay_public_keys.items():
        # A certificate holds its public key in exactly this form, so nothing needs to be parsed.
        if pem_body(pem, "PUBLIC KEY", f"wechatpay_public_keys[{key_id}]") in own:
            warnings.append(f"wechatpay_public_keys[{key_id}] is the merchant's own key, not WeChat's: {NOT_USED}")
            del keys[key_id]
    for index, pem in enumerate(settings.platform_certificates):
        if pem_body(pem, "CERTIFICATE", f"platform_certificates[{index}]") == own:
            warnings.append(f"platform_certificates[{index}] is the merchant's own certificate: {NOT_USED}")
        else:
            certificates.append(pem)
    return settings._replace(wechatpay_public_keys=keys, platform_certificates=tuple(certificates))


def _api_v3_key(value: object, name: str) -> Secret:
    return secret(value, name, refused=_PUBLISHED, size=_API_V3_KEY_BYTES)


def _api_v2_key(value: object, name: str) -> Secret:
    return secret(value, name, refused=_PUBLISHED)


def _public_keys(document: Mapping[str, object], warnings: list[str]) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    for key_id, pem in as_keys(document, "wechatpay_public_keys", _public_key, warnings):
        keys.setdefault(key_id, pem)
    return keys


def _public_key(entry: object, name: str) -> tuple[str, str]:
    """Return the id and the PEM of one of WeChat's public keys."""
    key = as_mapping(entry, name)
    key_id, pem = as_text(key, "id", required=True), as_text(key, "pem", required=True)
    if not key_id.startswith("PUB_KEY_ID_"):
        raise KeysUnavailableError(f"{name}.id does not begin with PUB_KEY_ID_")
    return key_id, _block(pem, f"wechatpay_public_keys[{key_id}]", "PUBLIC KEY")


def _certificates(document: Mapping[str, object], warnings: list[str]) -> tuple[str, ...]:
    """Return WeChat's certificates one by one: an entry may hold several, as a file does that was put together."""

    def blocks(entry: object, name: str) -> tuple[str, ...]:
        if not isinstance(entry, str) or not entry.strip():
            raise KeysUnavailableError("platform_certificates holds something empty or not text")
        _block(entry, name, "CERTIFICATE")
        return pem_blocks(entry, "CERTIFICATE")

    return tuple(pem for found in as_keys(document, "platform_certificates", blocks, warnings) for pem in found)


def _block(text: str, name: str, label: str) -> str:
    """Return the first PEM block of a label; KeysUnavailableError where there is none, or base64 is damaged in it."""
    pem_body(text, label, name)
    return pem_blocks(text, label)[0]


def _own_certificate(document: Mapping[str, object]) -> str:
    """Return the merchant's certificate and those that follow it, without what openssl prints around them."""
    text = as_text(document, "merchant_cert_pem")
    if not text:
        return ""
    _block(text, "merchant_cert_pem", "CERTIFICATE")
    return "".join(pem_blocks(text, "CERTIFICATE"))


def _private_key(document: Mapping[str, object]) -> Secret | None:
    """Return the merchant's private key without what stands around it; a damaged one is seen when it is used."""
    text = as_text(document, "merchant_private_key_pem")
    return Secret(next(iter(pem_blocks(text, *PRIVATE_KEYS)), text)) if text else None


def _push(document: Mapping[str, object], name: str) -> Push:
    """Return how messages are pushed; what cannot be used is told by the one function that needs it."""
    try:
        entry = as_mapping(document.get(name) or {}, name)
        return Push(
            mode=as_choice(entry, "mode", ("secure", "compatible", "plain")),
            token=_wrapped(entry, "token"),
            encoding_aes_keys=tuple(Secret(key) for key in _texts(entry, "encoding_aes_keys")),
        )
    except KeysUnavailableError as error:
        return Push(problem=str(error))


def _store(document: Mapping[str, object]) -> Store | None:
    if not document.get("store"):
        return None
    entry = as_mapping(document["store"], "store")
    return Store(
        as_text(entry, "appid", required=True),
        _wrapped(entry, "secret"),
        _push(entry, "push"),
        _path(entry, "order_path", STORE_ORDER_PATH),
        _path(entry, "delivery_path", STORE_DELIVERY_PATH),
    )


def _path(document: Mapping[str, object], name: str, default: str) -> str:
    value = as_text(document, name) or default
    if not re.fullmatch(r"(?:/[a-zA-Z0-9_-]+)+", value):
        raise KeysUnavailableError(f"{name} is not a path")
    return value


def _wrapped(document: Mapping[str, object], name: str) -> Secret | None:
    value = as_text(document, name)
    return Secret(value) if value else None


def _texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = as_list(document, name)
    texts = tuple(value for value in values if isinstance(value, str) and value.strip())
    if len(texts) != len(values):
        raise KeysUnavailableError(f"{name} holds something empty or not text")
    return texts
