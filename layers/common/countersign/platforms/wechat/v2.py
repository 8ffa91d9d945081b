"""The signatures and the ciphertext of API v2."""

import re
from collections.abc import Mapping

from countersign.errors import InvalidSignatureError, KeysUnavailableError, MalformedError, UndecryptableError
from countersign.platforms.wechat import xml
from countersign.platforms.wechat.settings import Settings
from countersign.signing import aead, digests
from countersign.signing.credentials import Secret
from countersign.signing.encoding import from_base64
from countersign.signing.params import canonical

# Every field that a notice or answer of API v2 is read for, and its neighbours on WeChat's pages: what it would matter
# to hide in another field's value. Numbered ones (`refund_fee_0`, `coupon_id_0_1`) count by their name.
_FIELDS = frozenset(
    {
        *("appid", "mch_id", "sub_appid", "sub_mch_id", "device_info", "nonce_str", "sign_type"),
        *(
            "return_code",
            "return_msg",
            "result_code",
            "err_code",
            "err_code_des",
            "openid",
            "is_subscribe",
            "sub_openid",
        ),
        *("sub_is_subscribe", "trade_type", "trade_state", "trade_state_desc", "bank_type", "total_fee", "fee_type"),
        *(
            "settlement_total_fee",
            "cash_fee",
            "cash_fee_type",
            "coupon_fee",
            "coupon_count",
            "coupon_type",
            "coupon_id",
        ),
        *(
            "transaction_id",
            "out_trade_no",
            "attach",
            "time_end",
            "prepay_id",
            "code_url",
            "mweb_url",
            "promotion_detail",
        ),
        *("out_refund_no", "refund_id", "refund_fee", "refund_fee_type", "settlement_refund_fee", "refund_count"),
        *("refund_status", "refund_channel", "refund_account", "refund_recv_accout", "refund_success_time"),
        *("coupon_refund_fee", "coupon_refund_count", "coupon_refund_id", "cash_refund_fee", "total_refund_count"),
        *("product_id", "req_info", "rate", "detail"),
    }
)
_EMBEDDED = re.compile(r"&([A-Za-z_]+?)(?:_[0-9]+)*+=")


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
    # https://pay.weixin.qq.com/doc/v2/merchant/4011985891
    given = fields.get("sign", "")
    if not given:
        raise InvalidSignatureError("there is no sign")
    for index, key in enumerate(settings.api_v2_keys):
        if digests.equal(given, sign(fields, key, settings.v2_sign_type)):
            _refuse_folded(fields)
            return f"api_v2_keys[{index}]"
    raise InvalidSignatureError("the sign does not fit the fields received")


def _refuse_folded(fields: Mapping[str, str]) -> None:
    """Refuse a set of fields that signs like another one: `sign_type="MD5&sub_mch_id=7"` hides a signed `sub_mch_id`.

    What is signed is one row of `name=value`, sorted and joined with `&`, so a field can be folded into the value of
    the one before it. An `&name=` that could not stand there by the order of names (a merchant's `attach` may hold a
    query string), or that names none of WeChat's fields, hides nothing.
    """
    if "&" not in "".join(fields.values()):
        return
    names = [name for name in sorted(fields) if name != "sign" and fields[name]]
    for name, following in zip(names, [*names[1:], "~"], strict=True):  # `~` comes after every name
        for match in _EMBEDDED.finditer(fields[name]):
            if match[1] in _FIELDS and name < match[0][1:-1] < following:
                raise InvalidSignatureError("a value holds another field of API v2: the sign would fit both")


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
