"""Tells whether a callback is Douyin's, for this app, and what it says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from countersign.errors import InvalidSignatureError, MalformedError, StaleTimestampError, TenantMismatchError
from countersign.http import HttpRequest, read_json
from countersign.platforms.douyin import ecpay
from countersign.platforms.douyin.settings import Settings
from countersign.signing import freshness
from countersign.values import dataclass

# Guaranteed payment repeats a callback for 24 h 4 min, and nobody knows whether under a new time.
WINDOW_BACK, WINDOW_AHEAD = 48 * 3600, 300
# What a message of each type has and no other type's has: `type` itself is not signed in guaranteed payment.
_MARKS = {"payment": "cp_orderno", "refund": "cp_refundno", "settle": "cp_settle_no"}
_OF_AN_ORDER = frozenset({*_MARKS, "pre_create_refund"})


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A callback that Douyin made for this app; `stale` where it was signed too long ago to be believed as news."""

    system: str  # ecpay or trade
    key_id: str
    type: str
    fields: Mapping[str, Any]
    stale: bool = False

    @property
    def is_about_an_order(self) -> bool:
        """Whether the message tells of a payment, refund or settlement; what is signed inside decides where it can."""
        return self.type in (_MARKS if self.system == "ecpay" else _OF_AN_ORDER)

    @property
    def content(self) -> bytes:
        """What was said, in one form: `type` counts only where it is signed, the time of the delivery nowhere."""
        kind = self.type if self.system == "trade" else ""
        return json.dumps([self.system, kind, self.stale, self.fields], sort_keys=True).encode()


def verify(request: HttpRequest, settings: Settings, *, now: int) -> VerifiedMessage:
    """Return what a callback says if Douyin made it for this app.

    The shape decides the system, and only a system whose keys the account has can make anything genuine. Raises
    NotGenuineError (401) or MalformedError (400).
    """
    # ecpay: https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/appendix/signature-algorithm
    if "byte-signature" in request.headers:
        genuine = _verify_trade(request, settings, now)
    else:
        genuine = _verify_ecpay(request.body, settings, now)
    check_app(genuine, settings)
    return genuine


def reverify(body: bytes, settings: Settings, *, key_id: str, received_at: int, stale: bool) -> VerifiedMessage:
    """Return what a callback says that was verified when it came, by the key that `key_id` names, and kept since.

    The headers that the trade system signs are not kept, so `stale` tells whether its time was too old on arrival.
    All that the bytes themselves hold is done anew with the keys of today: the app, and the signature of guaranteed
    payment, whose age is what it was at `received_at`. Raises what `verify` raises.
    """
    envelope = read_json(body)
    if isinstance(envelope, dict) and "msg_signature" in envelope:
        genuine = replace(_verify_ecpay(body, settings, received_at), key_id=key_id)
    elif settings.platform_public_keys:
        genuine = _open_trade(body, key_id, stale=stale)
    else:
        raise InvalidSignatureError("the account has no keys of the trade system any more")
    check_app(genuine, settings)
    return genuine


def _verify_ecpay(body: bytes, settings: Settings, now: int) -> VerifiedMessage:
    outer, key_id = ecpay.verify(body, settings)
    fields = _message(outer["msg"])
    kind = outer["type"]
    marks = {name for name, mark in _MARKS.items() if mark in fields}
    if marks - {kind} or (kind in _MARKS and kind not in marks):
        raise InvalidSignatureError("type is not what the signed message is about")
    return VerifiedMessage("ecpay", key_id, kind, fields, _is_stale(outer["timestamp"], now))


def _verify_trade(request: HttpRequest, settings: Settings, now: int) -> VerifiedMessage:
    # An account without the trade system does not pay for RSA's import.
    from countersign.platforms.douyin import trade

    timestamp, key_id = trade.verify(request.headers, request.body, settings)
    return _open_trade(request.body, key_id, stale=_is_stale(timestamp, now))


def _open_trade(body: bytes, key_id: str, *, stale: bool) -> VerifiedMessage:
    envelope = read_json(body)
    if not isinstance(envelope, dict) or "msg_signature" in envelope:
        raise MalformedError("the callback is not an object of the trade system")
    kind = envelope.get("type")
    if not isinstance(kind, str) or not isinstance(envelope.get("msg"), str):
        raise MalformedError("the callback lacks its type or msg")
    return VerifiedMessage("trade", key_id, kind, _message(envelope["msg"]), stale)


def _message(text: str) -> Mapping[str, Any]:
    fields = read_json(text)
    if not isinstance(fields, dict):
        raise MalformedError("msg is not an object")
    return fields


def _is_stale(timestamp: str, now: int) -> bool:
    try:
        signed_at = freshness.check(timestamp, now=now, back=now, ahead=WINDOW_AHEAD)
    except StaleTimestampError:
        raise StaleTimestampError("signed in the future") from None
    return signed_at < now - WINDOW_BACK


def check_app(genuine: VerifiedMessage, settings: Settings) -> None:
    """Raise TenantMismatchError unless the message names this app, and only this app.

    A withdrawal and other news about no order names none: the token or key that signed it is the app's own, and nothing
    but a row of evidence comes of it.
    """
    named = [genuine.fields[name] for name in ("appid", "app_id") if genuine.fields.get(name)]
    if not named and genuine.is_about_an_order:
        raise TenantMismatchError("the message names no app")
    if any(app != settings.app_id for app in named):
        raise TenantMismatchError("the message is for another app")
