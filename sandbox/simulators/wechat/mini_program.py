"""A mini program's own back end: access tokens, messages to people, shipping records, the mini store's orders.

Errors are `errcode` in an HTTP 200, as the documents say; the shipping rules are stricter than WeChat's where those are
not known: an upload after everything was shipped always uses up the one chance to correct it.
"""

from __future__ import annotations

import datetime
import json
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.simulators.wechat.errcodes import MiniProgramError
from sandbox.simulators.wechat.ledger import Ledger, Trade, beijing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.simulator import Inbox
    from sandbox.simulators.wechat.accounts import Merchant, Merchants
    from sandbox.simulators.wechat.store_orders import StoreOrders

TOKEN = "/cgi-bin/stable_token"  # noqa: S105 - a path
TOKEN_LIFETIME = 7200
TOKEN_RENEWED_EARLY = 300
LIMITS = {"thing": 20, "character_string": 32, "letter": 32, "number": 32, "symbol": 5, "name": 10, "phrase": 5}
KINDS = (*LIMITS, "time", "date", "amount", "phone_number", "car_number")
ITEM_DESCRIPTION = 120
Json = dict[str, Any]


@dataclass
class Shipping:
    """What WeChat knows of one payment's shipping."""

    parcels: list[Json] = field(default_factory=list)
    logistics_type: int = 0
    delivery_mode: int = 0
    delivered: bool = False
    uploads: int = 0
    corrected: int = 0
    upload_time: str = ""


class MiniProgramApi:
    """The calls of all apps, mini programs and mini stores alike."""

    def __init__(
        self, merchants: Merchants, ledger: Ledger, faults: Faults, inbox: Inbox, store_orders: StoreOrders
    ) -> None:
        self._merchants, self._ledger, self._faults, self._inbox = merchants, ledger, faults, inbox
        self._tokens: dict[str, tuple[str, float]] = {}
        self._shipping: dict[str, Shipping] = {}
        self._consents: dict[tuple[str, str], int] = {}
        self._calls: dict[str, Callable[[Merchant, Json, float], Json]] = {
            "/cgi-bin/message/subscribe/send": self._send_message,
            "/wxa/sec/order/upload_shipping_info": self._upload,
            "/wxa/sec/order/get_order": self._get_order,
            "/channels/ec/order/get": store_orders.get,
            "/channels/ec/order/delivery/send": store_orders.deliver,
        }

    def knows(self, path: str) -> bool:
        """Say whether the path is one of these."""
        return path == TOKEN or path in self._calls

    def answer(self, path: str, query: str, body: bytes, now: float) -> tuple[Json, Merchant | None]:
        """Answer one call."""
        merchant: Merchant | None = None
        try:
            try:
                wanted = json.loads(body)
            except ValueError:
                raise MiniProgramError(47001, "data format error") from None
            if not isinstance(wanted, dict):
                raise MiniProgramError(47001, "data format error")
            if path == TOKEN:
                return self._token(wanted, now)
            merchant, appid = self._bearer(dict(urllib.parse.parse_qsl(query)).get("access_token", ""), now)
            fault = self._faults.take("errcode", f"{path} {json.dumps(wanted, ensure_ascii=False)}")
            if fault is not None and not fault.get("after"):
                raise MiniProgramError(int(fault.get("code", -1)), "system error")
            answer = self._calls[path](merchant, {**wanted, "_appid": appid}, now)
            if fault is not None:
                raise MiniProgramError(int(fault.get("code", -1)), "system error")
        except MiniProgramError as error:
            rid = f"rid: {secrets.token_hex(4)}-{secrets.token_hex(4)}"
            return {"errcode": error.code, "errmsg": f"{error} {rid}".strip()}, merchant
        return {"errcode": 0, "errmsg": "ok", **answer}, merchant

    def shipping(self, transaction_id: str) -> Shipping | None:
        """Return what is known of a payment's shipping."""
        return self._shipping.get(transaction_id)

    def ship_in_console(self, transaction_id: str, tracking_no: str) -> Shipping:
        """Let staff ship a payment in the mini program's console."""
        known = self._shipping.setdefault(transaction_id, Shipping())
        known.parcels = [{"tracking_no": tracking_no, "express_company": "YTO", "item_desc": "from the console"}]
        known.logistics_type = known.delivery_mode = 1
        known.delivered = True
        return known

    def allow(self, openid: str, template_id: str, count: int) -> None:
        """Give a person that many consents for a template; without a word everybody agrees for ever."""
        self._consents[openid, template_id] = count

    def revoke_tokens(self) -> None:
        """End every access token before its time."""
        self._tokens.clear()

    def _token(self, wanted: Json, now: float) -> tuple[Json, Merchant | None]:
        appid = str(wanted.get("appid", ""))
        found = self._merchants.app(appid)
        if wanted.get("grant_type") != "client_credential":
            raise MiniProgramError(40002, "invalid grant_type")
        if found is None:
            raise MiniProgramError(40013, "invalid appid")
        merchant, secret = found
        if not secret or wanted.get("secret") != secret:
            raise MiniProgramError(40125, "invalid appsecret")
        token, expires_at = self._tokens.get(appid, ("", 0.0))
        if wanted.get("force_refresh") or expires_at - TOKEN_RENEWED_EARLY <= now:
            token, expires_at = secrets.token_urlsafe(120), now + TOKEN_LIFETIME
            self._tokens[appid] = (token, expires_at)
        return {"access_token": token, "expires_in": int(expires_at - now)}, merchant

    def _bearer(self, token: str, now: float) -> tuple[Merchant, str]:
        for appid, (known, expires_at) in self._tokens.items():
            if known == token:
                found = self._merchants.app(appid)
                if found is None or expires_at <= now:
                    raise MiniProgramError(42001, "access_token expired")
                return found[0], appid
        raise MiniProgramError(40001, "invalid credential, access_token is invalid or not latest")

    def _send_message(self, merchant: Merchant, wanted: Json, _: float) -> Json:
        openid, template_id = wanted.get("touser"), wanted.get("template_id")
        if not isinstance(openid, str) or not re.fullmatch(r"o[0-9A-Za-z_-]{5,127}", openid):
            raise MiniProgramError(40003, "invalid openid")
        if not isinstance(template_id, str) or not re.fullmatch(r"[0-9A-Za-z_-]{10,64}", template_id):
            raise MiniProgramError(40037, "invalid template_id")
        if wanted.get("miniprogram_state", "formal") not in ("developer", "trial", "formal"):
            raise MiniProgramError(40097, "invalid args")
        values = _message_values(wanted.get("data"))
        left = self._consents.get((openid, template_id))
        if left == 0:
            raise MiniProgramError(43101, "user refuse to accept the msg")
        if left is not None:
            self._consents[openid, template_id] = left - 1
        shown = {"account": merchant.account, "to": openid, "template_id": template_id, "data": values}
        self._inbox.add("message", shown | {"page": wanted.get("page")})
        return {}

    def _paid_trade(self, merchant: Merchant, key: Json, appid: str, now: float) -> Trade:
        kind = key.get("order_number_type")
        for trade in self._ledger.trades():
            if kind == 2 and trade.transaction_id and trade.transaction_id == key.get("transaction_id"):
                break
            if kind == 1 and (trade.mchid, trade.out_trade_no) == (key.get("mchid"), key.get("out_trade_no")):
                break
        else:
            raise MiniProgramError(10060001, "支付单不存在")
        if not trade.paid or trade.mchid != merchant.mchid or trade.appid != appid:
            raise MiniProgramError(10060001, "支付单不存在")
        lag = self._faults.take("shipping_lag", f"{trade.out_trade_no} {trade.transaction_id}")
        if lag is not None and now - (trade.paid_at or 0) < float(lag.get("seconds", 30)):
            raise MiniProgramError(10060001, "支付单不存在")
        return trade

    def _upload(self, merchant: Merchant, wanted: Json, now: float) -> Json:
        key, payer = wanted.get("order_key"), wanted.get("payer")
        if not isinstance(key, dict) or not isinstance(payer, dict):
            raise MiniProgramError(47001, "data format error")
        trade = self._paid_trade(merchant, key, wanted["_appid"], now)
        logistics, mode, parcels = _shipping_list(wanted)
        if payer.get("openid") != trade.openid:
            raise MiniProgramError(10060031, "支付单不属于该用户")
        if trade.refunded >= trade.total:
            raise MiniProgramError(10060004, "支付单处于不可发货的状态")
        known = self._shipping.setdefault(trade.transaction_id, Shipping())
        if str(wanted["upload_time"]) <= known.upload_time:
            raise MiniProgramError(40097, "invalid args: upload_time")
        if known.delivered:
            if known.corrected:
                raise MiniProgramError(10060003, "支付单已使用重新发货机会")
            known.corrected, known.parcels = 1, []
        elif all(parcel in known.parcels for parcel in parcels):
            raise MiniProgramError(10060023, "发货信息未更新")
        known.parcels += [parcel for parcel in parcels if parcel not in known.parcels]
        known.logistics_type, known.delivery_mode = logistics, mode
        known.delivered = mode == 1 or bool(wanted.get("is_all_delivered"))
        known.uploads += 1
        known.upload_time = str(wanted["upload_time"])
        return {}

    def _get_order(self, merchant: Merchant, wanted: Json, now: float) -> Json:
        number = wanted.get("transaction_id")
        key = {"order_number_type": 2, "transaction_id": number}
        if not number:
            named = {"mchid": wanted.get("merchant_id"), "out_trade_no": wanted.get("merchant_trade_no")}
            key = {"order_number_type": 1, **named}
        trade = self._paid_trade(merchant, key, wanted["_appid"], now)
        known = self._shipping.get(trade.transaction_id, Shipping())
        state = 5 if trade.refunded >= trade.total else 2 if known.delivered else 1
        return {
            "order": {
                "transaction_id": trade.transaction_id,
                "merchant_trade_no": trade.out_trade_no,
                "merchant_id": trade.mchid,
                "description": "",
                "paid_amount": trade.total,
                "openid": trade.openid,
                "trade_create_time": int(trade.created_at),
                "pay_time": int(trade.paid_at or 0),
                "in_complaint": False,
                "order_state": state,
                "shipping": {
                    "delivery_mode": known.delivery_mode,
                    "logistics_type": known.logistics_type,
                    "finish_shipping": known.delivered,
                    "finish_shipping_count": known.corrected + known.delivered,
                    "goods_desc": "; ".join(parcel["item_desc"] for parcel in known.parcels),
                    "shipping_list": [{**parcel, "upload_time": known.upload_time} for parcel in known.parcels],
                },
            }
        }


def _message_values(data: object) -> dict[str, str]:
    """Read the values of a message as WeChat does: none empty, none longer than its kind."""
    if not isinstance(data, dict) or not data:
        raise MiniProgramError(47003, "argument invalid! data is empty")
    values: dict[str, str] = {}
    for name, member in data.items():
        kind = name.rstrip("0123456789")
        value = member.get("value") if isinstance(member, dict) else None
        if kind not in KINDS or not isinstance(value, str) or not value or len(value) > LIMITS.get(kind, 32):
            raise MiniProgramError(47003, f"argument invalid! data.{name}.value invalid")
        values[name] = value
    return values


def _shipping_list(wanted: Json) -> tuple[int, int, list[Json]]:
    """Read how and in which parcels goods were sent."""
    logistics, mode, parcels = (wanted.get(name) for name in ("logistics_type", "delivery_mode", "shipping_list"))
    if logistics not in (1, 2, 3, 4):
        raise MiniProgramError(10060005, "物流类型有误")
    if mode == 2 and logistics != 1:
        raise MiniProgramError(10060006, "非快递发货时不允许分拆发货")
    if mode == 2 and not isinstance(wanted.get("is_all_delivered"), bool):
        raise MiniProgramError(10060007, "分拆发货必须填写 is_all_delivered")
    if not isinstance(parcels, list) or mode not in (1, 2):
        raise MiniProgramError(47001, "data format error")
    if not 1 <= len(parcels) <= (1 if mode == 1 else 15):
        raise MiniProgramError(40097, "invalid args: shipping_list")
    for parcel in parcels:
        _check_parcel(parcel, express=logistics == 1)
    _check_time(str(wanted.get("upload_time")))
    return int(logistics), int(mode), parcels


def _check_parcel(parcel: Json, *, express: bool) -> None:
    description = parcel.get("item_desc")
    if not isinstance(description, str) or not description:
        raise MiniProgramError(10060008, "商品描述 item_desc 不能为空")
    if len(description) > ITEM_DESCRIPTION:
        raise MiniProgramError(10060009, "商品描述 item_desc 太长")
    if express and not parcel.get("tracking_no"):
        raise MiniProgramError(268485226, "tracking_no is empty")
    if express and not parcel.get("express_company"):
        raise MiniProgramError(268485227, "express_company is empty")
    contact = parcel.get("contact") or {}
    if parcel.get("express_company") == "SF" and not any(contact.values()):
        raise MiniProgramError(40097, "invalid args: contact")


def _check_time(text: str) -> None:
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise MiniProgramError(40097, "invalid args: upload_time") from None
    if at.utcoffset() != beijing(0).utcoffset() or not re.search(r"\.\d{3}\+", text):
        raise MiniProgramError(40097, "invalid args: upload_time")
