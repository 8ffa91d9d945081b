"""The fields of a WeChat account document, typed, with unusable keys refused.

What several functions need is checked when the document is loaded; what only one needs (the private key, the
mini program's secret) when it is used, so that a notice is still verified while such a field is wrong. The fields
`notices` and `printers` are typed by `countersign.notices.settings`.

Values here and in the other modules of the callback path are named tuples: a data class takes six times as long to
define, and a cold start defines them all.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from countersign.documents import as_choice, as_list, as_mapping, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing import rsa
from countersign.signing.credentials import MIN_BYTES, Secret, secret

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
    settings = Settings(
        mchid=as_text(document, "mchid", required=True),
        appid=as_text(document, "appid", required=True),
        appids=_texts(document, "appids"),
        sub_mchid=as_text(document, "sub_mchid"),
        sub_appid=as_text(document, "sub_appid"),
        api=api,
        api_v3_keys=_secrets(document, "api_v3_keys", _API_V3_KEY_BYTES),
        api_v2_keys=_secrets(document, "api_v2_keys"),
        v2_sign_type=as_choice(document, "v2_sign_type", SIGN_TYPES),
        merchant_private_key_pem=_wrapped(document, "merchant_private_key_pem"),
        merchant_serial=as_text(document, "merchant_serial").upper(),
        merchant_cert_pem=as_text(document, "merchant_cert_pem"),
        wechatpay_public_keys=_public_keys(document),
        platform_certificates=_texts(document, "platform_certificates"),
        mini_program_secret=_wrapped(document, "mini_program_secret"),
        push=_push(document, "push"),
        store=_store(document),
        paid_late_policy=as_choice(document, "paid_late_policy", ("ask", "refund", "keep")),
        review_refund=as_choice(document, "review_refund", ("two_persons", "one_person")),
        api_base=as_text(document, "api_base").rstrip("/"),
    )
    if api == "v3" and not settings.api_v3_keys:
        raise KeysUnavailableError("api_v3_keys is empty: no notice of API v3 could be opened")
    if api == "v3" and not (settings.wechatpay_public_keys or settings.platform_certificates):
        raise KeysUnavailableError(
            "wechatpay_public_keys and platform_certificates are empty: nothing could be verified"
        )
    if api == "v2" and not settings.api_v2_keys:
        raise KeysUnavailableError("api_v2_keys is empty: no notice of API v2 could be verified")
    _refuse_own_key(settings)
    return settings._replace(warnings=_warnings(settings))


def _warnings(settings: Settings) -> tuple[str, ...]:
    """Name the tokens that could be guessed from one captured push: the merchant chose them, so they are taken."""
    pushes = {"push": settings.push, **({"store.push": settings.store.push} if settings.store else {})}
    return tuple(
        f"{name}.token is shorter than {MIN_BYTES} bytes: it can be guessed from one captured message"
        for name, push in pushes.items()
        if push.token is not None and len(push.token.reveal().encode("utf-8", "surrogatepass")) < MIN_BYTES
    )


def _refuse_own_key(settings: Settings) -> None:
    """Refuse the merchant's own key where WeChat's belongs, the commonest mistake in copying certificates."""
    if not settings.merchant_cert_pem:
        return
    own = rsa.pem_body(settings.merchant_cert_pem, "CERTIFICATE", "merchant_cert_pem")
    for key_id, pem in settings.wechatpay_public_keys.items():
        # A certificate holds its public key in exactly this form, so nothing needs to be parsed.
        if rsa.pem_body(pem, "PUBLIC KEY", f"wechatpay_public_keys[{key_id}]") in own:
            raise KeysUnavailableError(f"wechatpay_public_keys[{key_id}] is the merchant's own key, not WeChat's")
    for index, pem in enumerate(settings.platform_certificates):
        if rsa.pem_body(pem, "CERTIFICATE", f"platform_certificates[{index}]") == own:
            raise KeysUnavailableError(f"platform_certificates[{index}] is the merchant's own certificate")


def _public_keys(document: Mapping[str, object]) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    for entry in as_list(document, "wechatpay_public_keys"):
        key = as_mapping(entry, "wechatpay_public_keys[]")
        key_id, pem = as_text(key, "id", required=True), as_text(key, "pem", required=True)
        if not key_id.startswith("PUB_KEY_ID_"):
            raise KeysUnavailableError("wechatpay_public_keys[].id does not begin with PUB_KEY_ID_")
        keys.setdefault(key_id, pem)
    return keys


def _push(document: Mapping[str, object], name: str) -> Push:
    entry = as_mapping(document.get(name) or {}, name)
    return Push(
        mode=as_choice(entry, "mode", ("secure", "compatible", "plain")),
        token=_wrapped(entry, "token"),
        encoding_aes_keys=tuple(Secret(key) for key in _texts(entry, "encoding_aes_keys")),
    )


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


def _secrets(document: Mapping[str, object], name: str, size: int | None = None) -> tuple[Secret, ...]:
    values = as_list(document, name)
    return tuple(secret(value, f"{name}[{index}]", refused=_PUBLISHED, size=size) for index, value in enumerate(values))


def _wrapped(document: Mapping[str, object], name: str) -> Secret | None:
    value = as_text(document, name)
    return Secret(value) if value else None


def _texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = as_list(document, name)
    texts = tuple(value for value in values if isinstance(value, str) and value.strip())
    if len(texts) != len(values):
        raise KeysUnavailableError(f"{name} holds something empty or not text")
    return texts
