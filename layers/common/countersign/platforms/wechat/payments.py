"""A payment to be created: its terms, what WeChat would refuse about them, and what the front end gets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from countersign.errors import PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.platforms.wechat.settings import Settings

DESCRIPTION_BYTES = 127
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
    appid: str = ""  # the account's own where empty


@dataclass(frozen=True, slots=True)
class Prepared:
    """Exactly what the front end passes on."""

    client: Mapping[str, str]


def check(payment: PaymentRequest, settings: Settings, *, system: str) -> None:
    """Refuse what WeChat would refuse, by the name of the field in our own API."""
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
    if payment.method == "jsapi":
        require(payment.openid, OPENID, "payer.openid")
    if payment.method == "h5" and payment.h5_type not in H5_TYPES:
        raise UnprocessableError(f"h5.type is not one of {', '.join(H5_TYPES)}")
    if payment.client_ip or payment.method == "h5" or system == "v2":
        require(payment.client_ip, _CLIENT_IP, "client_ip")


def require(value: str, pattern: re.Pattern[str], name: str) -> None:
    """Raise UnprocessableError unless the value is there and fits."""
    if not value:
        raise UnprocessableError(f"{name} is missing")
    if not pattern.fullmatch(value):
        raise UnprocessableError(f"{name} is not what WeChat takes")


def prepay_id(answer: Mapping[str, object]) -> str:
    """Return the number that wx.requestPayment needs."""
    return _promised(answer, "prepay_id", _PREPAY_ID)


def link(answer: Mapping[str, object], name: str) -> str:
    """Return the address that a QR code shows or a browser opens."""
    return _promised(answer, name, _URL)


def shown(description: str) -> str:
    """Return the description as far as WeChat takes it: its limit counts bytes, so cut between characters."""
    return description.encode("utf-8", "ignore")[:DESCRIPTION_BYTES].decode("utf-8", "ignore")


def beijing(moment: int) -> datetime:
    """Return the time that WeChat's clocks show."""
    return datetime.fromtimestamp(moment, BEIJING)


def _promised(answer: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise PlatformUnavailableError(f"WeChat's answer holds no {name}")
    return value
