"""The signatures and the ciphertext of API v2."""

from collections.abc import Mapping

from countersign.errors import InvalidSignatureError, KeysUnavailableError, MalformedError, UndecryptableError
from countersign.platforms.wechat import xml
from countersign.platforms.wechat.settings import Settings
from countersign.signing import aead, digests
from countersign.signing.credentials import Secret
from countersign.signing.encoding import from_base64
from countersign.signing.params import canonical


def sign(fields: Mapping[str, str], key: Secret, sign_type: str) -> str:
    """Return the `sign` of these fields: everything that is not empty, in ASCII order, then the key."""
    # https://pay.weixin.qq.com/doc/v2/merchant/4011985891
    text = f"{canonical(fields, without='sign')}&key={key.reveal()}".encode("utf-8", "surrogatepass")
    if sign_type == "MD5":
        return digests.md5(text).upper()
    return digests.hmac_sha256(key.reveal().encode(), text).upper()


def current_key(settings: Settings) -> Secret:
    """Return the key that signs what we send."""
    if not settings.api_v2_keys:
        raise KeysUnavailableError("api_v2_keys is empty: the account cannot use API v2")
    return settings.api_v2_keys[0]


def verify(fields: Mapping[str, str], settings: Settings) -> str:
    """Return the name of the key that signed `fields`, by the algorithm that the account pins.

    The message's own `sign_type` is a signed field like any other and chooses nothing.
    """
    given = fields.get("sign", "")
    if not given:
        raise InvalidSignatureError("there is no sign")
    for index, key in enumerate(settings.api_v2_keys):
        if digests.equal(given, sign(fields, key, settings.v2_sign_type)):
            return f"api_v2_keys[{index}]"
    raise InvalidSignatureError("the sign does not fit the fields received")


def open_refund(req_info: str, settings: Settings) -> tuple[dict[str, str], str]:
    """Return the fields inside a refund notice, and the name of the key that opened it.

    Nothing signs them, so a failure is an invalid signature: a stranger must not be able to raise the alarm that
    a ciphertext under a good signature raises.
    """
    # https://pay.weixin.qq.com/doc/v2/merchant/4011985475
    for index, key in enumerate(settings.api_v2_keys):
        try:
            opened = aead.open_ecb(digests.md5(key.reveal().encode()).encode(), from_base64(req_info))
            return xml.read(opened, root="root"), f"api_v2_keys[{index}]"
        except (UndecryptableError, MalformedError):
            continue
    raise InvalidSignatureError("req_info does not open with any api_v2_keys")


def pay_sign(appid: str, prepay_id: str, settings: Settings, *, now: int, nonce: str) -> dict[str, str]:
    """Return the parameters of wx.requestPayment; `appId` is signed and not passed."""
    # https://pay.weixin.qq.com/doc/v2/merchant/4011935254
    client = {
        "timeStamp": str(now),
        "nonceStr": nonce,
        "package": f"prepay_id={prepay_id}",
        "signType": settings.v2_sign_type,
    }
    return {**client, "paySign": sign({"appId": appid, **client}, current_key(settings), settings.v2_sign_type)}
