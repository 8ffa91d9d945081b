"""Tells whether a notice or answer is WeChat's, for this merchant, and what it says."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import InvalidSignatureError, MalformedError, TenantMismatchError
from countersign.http import HttpRequest, read_json
from countersign.platforms.wechat import v2, v3, xml
from countersign.platforms.wechat.settings import Settings

# Who a message of API v3 is for; combined payments name theirs in words of their own.
_MERCHANTS, _APPS = ("mchid", "sp_mchid", "combine_mchid"), ("appid", "sp_appid", "combine_appid")


class VerifiedMessage(NamedTuple):
    """A notice that WeChat made for this merchant, opened; `fields` is its plaintext.

    `signed` is false for the refund notice of API v2, which is only encrypted: a hint.
    """

    system: str  # v2 or v3
    key_id: str
    event_type: str  # v3's own word; v2 has none: PAYMENT or REFUND here
    fields: Mapping[str, Any]
    envelope_id: str = ""
    signed: bool = True

    @property
    def content(self) -> bytes:
        """What was said, in one form however it was laid out: only what is signed, or at least sealed, counts.

        The envelope of API v3 is new with every delivery, empty elements of API v2 are signed by nothing, and beside
        the sealed part of its refund notice stands what anybody can write.
        """
        said = {
            name: value for name, value in self.fields.items() if value != "" and (self.signed or name != "sub_mch_id")
        }
        return json.dumps([self.system, self.event_type, self.signed, said], sort_keys=True).encode()


def system_of(request: HttpRequest) -> str:
    """Return the API version that the request claims to be: `v3` (JSON, signature in headers) or `v2` (XML)."""
    is_v3 = request.body[:1] == b"{" or "wechatpay-signature" in request.headers
    return "v3" if is_v3 else "v2"


def verify(request: HttpRequest, settings: Settings, *, now: int) -> VerifiedMessage:
    """Return what a notice says if WeChat made it for this merchant.

    Raises NotGenuineError (401) or MalformedError (400); an account whose own keys are unusable raises
    KeysUnavailableError.
    """
    # v3: https://pay.weixin.qq.com/doc/v3/merchant/4013053249
    # v2: https://pay.weixin.qq.com/doc/v2/merchant/4011985891
    if system_of(request) == "v3":
        return _verify_v3(request, settings, now)
    return _verify_v2(xml.read(request.body), settings)


def reverify(body: bytes, settings: Settings, *, key_id: str) -> VerifiedMessage:
    """Return what a notice says that was verified when it came, by the key that `key_id` names, and kept since.

    The headers that API v3 signs are not kept, and whether their time was near is long past mattering. All that the
    bytes themselves hold is done anew with the keys of today: the seal, the merchant, and API v2's sign. Raises what
    `verify` raises.
    """
    # v3: https://pay.weixin.qq.com/doc/v3/merchant/4012071382
    # v2: https://pay.weixin.qq.com/doc/v2/merchant/4011985891
    if body.lstrip()[:1] == b"{":
        return _open_v3(body, settings, key_id)
    return _verify_v2(xml.read(body), settings)._replace(key_id=key_id)


def _verify_v3(request: HttpRequest, settings: Settings, now: int) -> VerifiedMessage:
    return _open_v3(request.body, settings, v3.verify(request.headers, request.body, settings, now=now))


def _open_v3(body: bytes, settings: Settings, key_id: str) -> VerifiedMessage:
    envelope = read_json(body)
    if not isinstance(envelope, dict):
        raise MalformedError("the notice is not an object")
    fields = read_json(v3.open_resource(envelope.get("resource"), settings))
    if not isinstance(fields, dict):
        raise MalformedError("the opened resource is not an object")
    event_type, envelope_id = envelope.get("event_type"), envelope.get("id")
    if not isinstance(event_type, str) or not isinstance(envelope_id, str):
        raise MalformedError("the notice lacks its id or event_type")
    check_tenant(fields, settings, merchants=_MERCHANTS, apps=_APPS, sub="sub_mchid")
    return VerifiedMessage("v3", key_id, event_type, fields, envelope_id)


def _verify_v2(fields: dict[str, str], settings: Settings) -> VerifiedMessage:
    if fields.get("return_code", "SUCCESS") != "SUCCESS":
        raise InvalidSignatureError("a failure message of API v2 carries no signature")
    if "req_info" in fields and "sign" not in fields:
        # https://pay.weixin.qq.com/doc/v2/merchant/4011985475
        opened, key_id = v2.open_refund(fields["req_info"], settings)
        check_tenant(fields, settings, merchants=("mch_id",), apps=("appid",), sub="sub_mch_id")
        sub_merchant = {"sub_mch_id": fields["sub_mch_id"]} if fields.get("sub_mch_id") else {}
        return VerifiedMessage("v2", key_id, "REFUND", {**opened, **sub_merchant}, signed=False)
    key_id = v2.verify(fields, settings)
    check_tenant(fields, settings, merchants=("mch_id",), apps=("appid",), sub="sub_mch_id")
    return VerifiedMessage("v2", key_id, "PAYMENT", fields)


def check_tenant(
    fields: Mapping[str, Any],
    settings: Settings,
    *,
    merchants: tuple[str, ...],
    apps: tuple[str, ...],
    sub: str,
    strict: bool = True,
) -> None:
    """Raise TenantMismatchError unless every merchant and app that the fields name is this account's.

    The platform's key may be common to many merchants, so a signature alone does not say whose money this is. A
    sub-merchant where none is configured is let through here and becomes a question on the order. An answer to our own
    call (not `strict`) may leave the sub-merchant out.
    """
    named = False
    for name in merchants:
        if name in fields:
            named = True
            if fields[name] != settings.mchid:
                raise TenantMismatchError("the message is for another merchant")
    if not named and ("out_trade_no" in fields or "req_info" in fields or "sign" in fields):
        raise TenantMismatchError("the message names no merchant")
    for name in apps:
        if fields.get(name) and not settings.owns_appid(fields[name]):
            raise TenantMismatchError("the message is for another app")
    if settings.sub_appid and fields.get("sub_appid") and not settings.owns_appid(fields["sub_appid"]):
        raise TenantMismatchError("the message is for another sub-merchant's app")
    if settings.sub_mchid and (named if strict else fields.get(sub)) and fields.get(sub) != settings.sub_mchid:
        raise TenantMismatchError("the message is for another sub-merchant")


def verify_answer_v3(headers: Mapping[str, str], body: bytes, settings: Settings, *, now: int) -> str:
    """Return the id of the key that signed an answer of API v3; `headers` have lower-case names."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4013053249
    return v3.verify(headers, body, settings, now=now)


def verify_answer_v2(body: bytes, settings: Settings) -> tuple[dict[str, str], str]:
    """Return the fields of an answer of API v2 and the name of the key that signed it."""
    # https://pay.weixin.qq.com/doc/v2/merchant/4011985891
    fields = xml.read(body)
    if fields.get("return_code") != "SUCCESS":
        raise InvalidSignatureError("a failure message of API v2 carries no signature")
    key_id = v2.verify(fields, settings)
    check_tenant(fields, settings, merchants=("mch_id",), apps=("appid",), sub="sub_mch_id", strict=False)
    return fields, key_id
