"""The signatures of the general trade system: RSA over the lines of an order to be made, and over a callback's body."""

import re
from collections.abc import Mapping

from countersign.errors import InvalidSignatureError, KeysUnavailableError, MalformedError
from countersign.platforms.douyin.settings import Settings
from countersign.signing import rsa

ALGORITHM = "SHA256-RSA2048"
REQUEST_ORDER = "/requestOrder"
_NONCE = re.compile(r"[\x21-\x7e]{1,128}")


def authorization(target: str, body: str, settings: Settings, *, now: int, nonce: str, quoted: bool = False) -> str:
    """Return what authorises `body` at `target`; headers want their values quoted, `tt.requestOrder` does not."""
    # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/payment/trade-system/general/order/request-order-data-sign
    if not settings.key_version:
        raise KeysUnavailableError("key_version is missing: an order cannot be signed")
    message = f"POST\n{target}\n{now}\n{nonce}\n{body}\n"
    signature = rsa.sign(settings.private_key.reveal(), message.encode(), "app_private_key_pem")
    values = {
        "appid": settings.app_id,
        "nonce_str": nonce,
        "timestamp": str(now),
        "key_version": settings.key_version,
        "signature": signature,
    }
    mark = '"' if quoted else ""
    return f"{ALGORITHM} " + ",".join(f"{name}={mark}{value}{mark}" for name, value in values.items())


def verify(headers: Mapping[str, str], body: bytes, settings: Settings) -> tuple[str, str]:
    """Return the signed timestamp of a callback and the name of Douyin's key that signed it."""
    # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/payment/trade-system/general/order/request-order-data-sign
    timestamp = header(headers, "byte-timestamp")
    nonce, signature = header(headers, "byte-nonce-str"), header(headers, "byte-signature")
    if not _NONCE.fullmatch(nonce):  # a line break in it could move the borders of what is signed
        raise InvalidSignatureError("the nonce is not plain text")
    message = b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)
    damaged: list[KeysUnavailableError] = []
    for index, pem in enumerate(settings.platform_public_keys):
        name = f"platform_public_keys[{index}]"
        try:
            rsa.verify(rsa.public_key(pem, name), message, signature)
        except InvalidSignatureError:
            continue
        except KeysUnavailableError as error:  # the others are as good as they were
            damaged.append(error)
            continue
        return timestamp, name
    if damaged and len(damaged) == len(settings.platform_public_keys):
        raise damaged[0]
    raise InvalidSignatureError("no platform key of the account makes this signature")


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header that must be there once; `headers` have lower-case names."""
    value = headers.get(name, "")
    if not value:
        raise InvalidSignatureError(f"header {name} is missing")
    if "," in value:
        raise MalformedError(f"header {name} is repeated")
    return value
