"""A payment to be created: its terms, what WeChat would refuse about them, and what the front end gets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from countersign.errors import PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.platforms.wechat.messages import Transaction
from countersign.platforms.wechat.settings import Settings

DESCRIPTION_BYTES = 127
_SCENE_CHARACTERS = 256  # of API v2's scene_info
METHODS = ("jsapi", "native", "h5")
H5_TYPES = ("Wap", "iOS", "Android")
ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_CLIENT_IP = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_PREPAY_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_URL = re.compile(r"[a-z]+://[\x21-\x7e]{1,500}")
BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a payer shall pay for."""

    order_id: str
    amount: Money
    description: str
    notify_url: str
    method: str = "jsapi"
    expires_at: int | None = None
    openid: str = ""
    client_ip: str = ""
    h5_type: str = "Wap"
    h5_name: str = ""  # of the site or app in which an H5 payment starts
    h5_url: str = ""  # of the site
    h5_app: str = ""  # the app's bundle id (iOS) or package name (Android)
    appid: str = ""  # the account's own where empty


@dataclass(frozen=True, slots=True)
class Prepared:
    """Exactly what the front end passes on."""

    client: Mapping[str, str]
    order_id: str = ""  # WeChat has no number of its own before it is paid
    handle: str = ""  # it is asked by the merchant's number


def check(payment: PaymentRequest, settings: Settings, *, system: str) -> None:
    """Refuse what WeChat would refuse, by the name of the field in our own API."""
    check_terms(payment, settings, system=system)
    if payment.method == "jsapi":
        require(payment.openid, OPENID, "payer.openid")


def check_terms(payment: PaymentRequest, settings: Settings, *, system: str) -> None:
    """Refuse what WeChat would refuse, whoever pays."""
    require(payment.order_id, ORDER_NUMBER, "order_id")
    if payment.method not in METHODS:
        raise UnprocessableError(f"method is not one of {', '.join(METHODS)}")
    if payment.amount.minor < 1:
        raise UnprocessableError("amount is less than one minor unit")
    if payment.amount.currency != "CNY":
        raise UnprocessableError("amount.currency is not CNY, the only one that WeChat Pay takes")
    if not payment.description.strip():
        raise UnprocessableError("description is missing")
    if payment.appid and not settings.owns_appid(payment.appid):
        raise UnprocessableError("appid is not one of the account's")
    if payment.method == "h5" and payment.h5_type not in H5_TYPES:
        raise UnprocessableError(f"h5.type is not one of {', '.join(H5_TYPES)}")
    if payment.method == "h5" and system == "v2" and len(scene_info_v2(payment)) > _SCENE_CHARACTERS:
        raise UnprocessableError("h5.app_name, h5.app_url and the app's name are longer together than WeChat takes")
    if payment.client_ip or payment.method == "h5" or system == "v2":
        require(payment.client_ip, _CLIENT_IP, "client_ip")


def require(value: str, pattern: re.Pattern[str], name: str) -> None:
    """Raise UnprocessableError unless the value is there and fits."""
    if not value:
        raise UnprocessableError(f"{name} is missing")
    if not pattern.fullmatch(value):
        raise UnprocessableError(f"{name} is not what WeChat takes")


def payer_of(transaction: Transaction, settings: Settings) -> tuple[str, str]:
    """Return the app in which the payer paid, and who they are there: a service provider's may be of either app."""
    if settings.sub_appid and transaction.sub_openid:
        return transaction.sub_appid or settings.sub_appid, transaction.sub_openid
    return transaction.appid, transaction.openid


def prepay_id(answer: Mapping[str, object]) -> str:
    """Return the number that wx.requestPayment needs."""
    return _promised(answer, "prepay_id", _PREPAY_ID)


def link(answer: Mapping[str, object], name: str) -> str:
    """Return the address that a QR code shows or a browser opens."""
    return _promised(answer, name, _URL)


def shown(description: str) -> str:
    """Return the description as far as WeChat takes it: its limit counts bytes, so cut between characters."""
    return description.encode("utf-8", "ignore")[:DESCRIPTION_BYTES].decode("utf-8", "ignore")


def h5_info_v3(payment: PaymentRequest) -> dict[str, str]:
    """Return where an H5 payment starts, in the words of API v3."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4012791835
    app = {"iOS": "bundle_id", "Android": "package_name"}.get(payment.h5_type, "")
    given = {"app_name": payment.h5_name, "app_url": payment.h5_url, app: payment.h5_app}
    return {"type": payment.h5_type, **{name: value for name, value in given.items() if value}}


def scene_info_v2(payment: PaymentRequest) -> str:
    """Return where an H5 payment starts, in the words of API v2, which spells and names it another way."""
    # https://pay.weixin.qq.com/doc/v2/merchant/4011936530
    given = {
        "iOS": {"type": "IOS", "app_name": payment.h5_name, "bundle_id": payment.h5_app},
        "Android": {"type": "Android", "app_name": payment.h5_name, "package_name": payment.h5_app},
        "Wap": {"type": "Wap", "wap_url": payment.h5_url, "wap_name": payment.h5_name},
    }[payment.h5_type]
    content = {"h5_info": {name: value for name, value in given.items() if value}}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def beijing(moment: int) -> datetime:
    """Return the time that WeChat's clocks show."""
    return datetime.fromtimestamp(moment, BEIJING)


def _promised(answer: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise PlatformUnavailableError(f"WeChat's answer holds no {name}")
    return value
