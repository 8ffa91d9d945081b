"""API v2: XML calls signed with MD5 or HMAC-SHA256."""

from __future__ import annotations

import datetime
import gzip
import hmac
import json
import re
from typing import TYPE_CHECKING

from sandbox.simulators.wechat import crypto, fields, xml
from sandbox.simulators.wechat.answers import client_parameters
from sandbox.simulators.wechat.ledger import BEIJING, STATES, Ledger, Refund, RefusedError, Trade, beijing
from sandbox.simulators.wechat.notices import REFUND_V2, payment_fields_v2

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.wechat.accounts import Merchant, Merchants
    from sandbox.simulators.wechat.bills import Bills

KINDS = {"JSAPI": "jsapi", "NATIVE": "native", "MWEB": "h5", "APP": "jsapi"}
SIGN_TYPES = ("MD5", "HMAC-SHA256")
CREATE_LIMITS = {
    "device_info": 32,
    "detail": 6000,
    "attach": 127,
    "goods_tag": 32,
    "product_id": 32,
    "openid": 128,
    "scene_info": 256,
}
REFUSALS = {
    "ORDERPAID": ("ORDERPAID", "该订单已支付"),
    "ORDERCLOSED": ("ORDERCLOSED", "该订单已关闭"),
    "OUTTRADENOUSED": ("OUT_TRADE_NO_USED", "商户订单号重复"),
    "ORDERNOTEXIST": ("ORDERNOTEXIST", "此交易订单号不存在"),
    "USERPAYING": ("USERPAYING", "用户支付中"),
    "REFUNDFEEMISMATCH": ("REFUND_FEE_MISMATCH", ""),
    "PARAMERROR": ("PARAM_ERROR", ""),
    "INVALIDREQUEST": ("ERROR", ""),
    "TRADEOVERDUE": ("TRADE_OVERDUE", ""),
    "FREQUENCYLIMITED": ("INVALID_REQ_TOO_MUCH", ""),
    "APPIDMCHIDNOTMATCH": ("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配"),
    "REFUNDNOTEXIST": ("REFUNDNOTEXIST", "退款查询失败"),
}
BILL = "/pay/downloadbill"
BILL_REFUSALS = {
    "NOSTATEMENTEXIST": ("20002", "No Bill Exist"),
    "STATEMENTCREATING": ("20003", "Bill Creating"),
    "PARAMERROR": ("20001", "invalid bill_date or bill_type"),
}
Fields = dict[str, str]


class ReturnFailError(Exception):
    """The communication layer's FAIL: no signature and nothing else."""


class ApiV2:
    """The v2 calls a shop needs."""

    def __init__(
        self,
        merchants: Merchants,
        ledger: Ledger,
        public_base_url: str,
        refund_accepted: Callable[[Merchant, Trade, Refund], None],
        bills: Bills,
    ) -> None:
        self._merchants, self._ledger, self._base = merchants, ledger, public_base_url
        self._refund_accepted, self._bills = refund_accepted, bills
        self._routes: dict[str, Callable[[Merchant, Fields, float], Fields]] = {
            "/pay/unifiedorder": self._create,
            "/pay/orderquery": self._query,
            "/pay/closeorder": self._close,
            "/secapi/pay/refund": self._refund,
            "/pay/refundquery": self._query_refund,
        }

    def knows(self, path: str) -> bool:
        """Say whether this is a v2 path."""
        return path in self._routes

    @staticmethod
    def write_unsigned(shown: Fields) -> bytes:
        """Write an answer of the communication layer, or one whose signature a knob took away."""
        return xml.write(shown)

    def answer(
        self, method: str, path: str, body: bytes, now: float
    ) -> tuple[Fields, Merchant | None, Callable[[Fields, str], bytes]]:
        """Check and carry out one call; return the fields, who called, and how the answer is signed and written."""
        merchant, sign_type = None, "MD5"
        try:
            request = self._read(method, body)
            sign_type = request.get("sign_type") or "MD5"
            merchant = self._authenticate(request, sign_type)
            shown = {"return_code": "SUCCESS", "return_msg": "OK", "appid": request["appid"], "mch_id": merchant.mchid}
            shown |= {"sub_mch_id": request["sub_mch_id"]} if request.get("sub_mch_id") else {}
            shown["nonce_str"] = crypto.nonce(16)
            try:
                shown |= {"result_code": "SUCCESS"} | self._routes[path](merchant, request, now)
            except RefusedError as refused:
                code, message = REFUSALS.get(refused.reason, (refused.message, ""))
                shown |= {"result_code": "FAIL", "err_code": code, "err_code_des": refused.message or message}
        except (ReturnFailError, xml.XmlError) as error:
            shown = {"return_code": "FAIL", "return_msg": str(error)}

        def write(signed: Fields, key: str) -> bytes:
            return xml.write(signed | {"sign": crypto.sign_v2(signed, key, sign_type)})

        return shown, merchant, write

    def bill(self, method: str, body: bytes, now: float) -> tuple[bytes, Merchant | None]:
        """Answer /pay/downloadbill: the file itself, or a failure in XML; nothing signs either."""
        merchant = None
        try:
            request = self._read(method, body)
            merchant = self._authenticate(request, request.get("sign_type") or "MD5")
            day = request.get("bill_date", "")
            day = f"{day[:4]}-{day[4:6]}-{day[6:]}" if re.fullmatch(r"[0-9]{8}", day) else day
            text = self._bills.text(merchant, day, request.get("bill_type") or "ALL", now)
            return gzip.compress(text, mtime=0) if request.get("tar_type") == "GZIP" else text, merchant
        except RefusedError as refused:
            code, message = BILL_REFUSALS[refused.reason]
        except (ReturnFailError, xml.XmlError) as error:
            code, message = "20001", str(error)
        return xml.write({"return_code": "FAIL", "return_msg": message, "error_code": code}), merchant

    def _read(self, method: str, body: bytes) -> Fields:
        if method != "POST":
            raise ReturnFailError("REQUIRE_POST_METHOD")
        if not body:
            raise ReturnFailError("POST_DATA_EMPTY")
        request = xml.read(body)
        for name, limit in (("appid", 32), ("mch_id", 32), ("nonce_str", 32), ("sign", 64)):
            if not request.get(name):
                raise ReturnFailError(f"缺少参数{name}")
            if len(request[name]) > limit:
                raise ReturnFailError(f"{name}参数长度有误")
        return request

    def _authenticate(self, request: Fields, sign_type: str) -> Merchant:
        merchant = self._merchants.numbered(request["mch_id"])
        if merchant is None:
            raise ReturnFailError("mch_id参数错误")
        if sign_type not in SIGN_TYPES:
            raise ReturnFailError("sign_type参数错误")
        if not merchant.api_v2_key or not hmac.compare_digest(
            crypto.sign_v2(request, merchant.api_v2_key, sign_type).encode(), request["sign"].encode()
        ):
            raise ReturnFailError("签名错误")
        if request.get("sub_mch_id", "") not in ("", merchant.sub_mchid):
            raise ReturnFailError("sub_mch_id与mch_id不匹配")
        if request["appid"] not in merchant.appids:
            raise ReturnFailError("appid与mch_id不匹配")
        return merchant

    def _create(self, merchant: Merchant, request: Fields, now: float) -> Fields:
        kind = self._check_create(request, now)
        signed_anew = ("sign", "nonce_str")
        trade = Trade(
            account=merchant.account,
            mchid=merchant.mchid,
            appid=request["appid"],
            out_trade_no=request["out_trade_no"],
            api="v2",
            trade_type=request["trade_type"],
            total=int(request["total_fee"]),
            terms=json.dumps({name: request[name] for name in request if name not in signed_anew}, sort_keys=True),
            notify_url=request["notify_url"],
            created_at=now,
            sub_mchid=request.get("sub_mch_id", ""),
            openid=request.get("openid") or "oPayer" + crypto.nonce(22),
            attach=request.get("attach", ""),
            sign_type=request.get("sign_type") or "MD5",
        )
        if self._ledger.find(merchant.mchid, trade.out_trade_no) is None:
            trade.expires_at = _expiry(request.get("time_expire", ""), now)
        self._ledger.place(trade)
        handed = client_parameters(kind, now)
        answer = {"trade_type": trade.trade_type, "prepay_id": client_parameters("jsapi", now)["prepay_id"]}
        if kind == "jsapi":
            return answer | {"prepay_id": handed["prepay_id"]}
        return answer | ({"code_url": handed["code_url"]} if kind == "native" else {"mweb_url": handed["h5_url"]})

    def _check_create(self, request: Fields, now: float) -> str:
        """Check the formats of a new order; a wrong one is a FAIL of the communication layer."""
        for name in ("body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type"):
            if not request.get(name):
                raise ReturnFailError(f"缺少参数{name}")
        kind = KINDS.get(request["trade_type"])
        needed = {"jsapi": "openid", "native": "product_id", "h5": "scene_info"}
        if kind is None:
            raise ReturnFailError("trade_type参数错误")
        if request["trade_type"] != "APP" and not request.get(needed[kind]):
            raise ReturnFailError(f"{request['trade_type']}支付必须传{needed[kind]}")
        too_long = [name for name, limit in CREATE_LIMITS.items() if len(request.get(name, "").encode()) > limit]
        checks = {
            "body": 0 < len(request["body"].encode()) <= 127,
            "out_trade_no": fields.ORDER_NUMBER.fullmatch(request["out_trade_no"]) is not None,
            "total_fee": re.fullmatch(r"[1-9][0-9]{0,11}", request["total_fee"]) is not None,
            "spbill_create_ip": fields.address(request["spbill_create_ip"]),
            "fee_type": request.get("fee_type", "CNY") == "CNY",
            "scene_info": kind != "h5" or _is_json_object(request["scene_info"]),
            "time_start": re.fullmatch(r"(\d{14})?", request.get("time_start", "")) is not None,
        }
        for name in [*too_long, *(name for name, good in checks.items() if not good)]:
            raise ReturnFailError(f"{name}参数格式错误")
        try:
            fields.notify_url(request["notify_url"], 256, self._base)
        except fields.ApiError as error:
            raise ReturnFailError("notify_url参数格式错误") from error
        return kind

    def _find(self, merchant: Merchant, request: Fields) -> Trade:
        if not request.get("transaction_id") and not request.get("out_trade_no"):
            raise ReturnFailError("缺少参数out_trade_no")
        if request.get("transaction_id"):
            trade = self._ledger.find_transaction(merchant.mchid, request["transaction_id"])
        else:
            trade = self._ledger.find(merchant.mchid, request["out_trade_no"])
        if trade is None:
            raise RefusedError("ORDERNOTEXIST")
        return trade

    def _query(self, merchant: Merchant, request: Fields, _now: float) -> Fields:
        trade = self._find(merchant, request)
        with self._ledger.lock:
            state = {"trade_state": trade.state, "trade_state_desc": STATES[trade.state]}
            if trade.paid:
                return payment_fields_v2(trade) | state
            return state | {"out_trade_no": trade.out_trade_no, "total_fee": str(trade.total)}

    def _close(self, merchant: Merchant, request: Fields, now: float) -> Fields:
        if not request.get("out_trade_no"):
            raise ReturnFailError("缺少参数out_trade_no")
        self._ledger.close(merchant.mchid, request["out_trade_no"], now)
        return {"result_msg": "OK"}

    def _refund(self, merchant: Merchant, request: Fields, now: float) -> Fields:
        trade = self._find(merchant, request)
        number = request.get("out_refund_no", "")
        amounts = [request.get("refund_fee", ""), request.get("total_fee", "")]
        if not fields.REFUND_NUMBER.fullmatch(number) or not all(re.fullmatch(r"[1-9][0-9]{0,11}", a) for a in amounts):
            raise RefusedError("PARAMERROR", "退款参数格式错误")
        wanted = Refund(number, "", int(amounts[0]), "API", now, request.get("notify_url") or trade.notify_url)
        refund = self._ledger.refund(trade, wanted, int(amounts[1]))
        if refund is wanted:
            self._refund_accepted(merchant, trade, refund)
        return {
            "transaction_id": trade.transaction_id,
            "out_trade_no": trade.out_trade_no,
            "out_refund_no": refund.out_refund_no,
            "refund_id": refund.refund_id,
            "refund_channel": "",
            "refund_fee": str(refund.amount),
            "total_fee": str(trade.total),
            "cash_fee": str(trade.total - trade.coupon),
            "coupon_refund_fee": "0",
            "cash_refund_fee": str(refund.amount),
        }

    def _query_refund(self, merchant: Merchant, request: Fields, _now: float) -> Fields:
        number = request.get("refund_id") or request.get("out_refund_no")
        if number:
            found = self._ledger.find_refund(merchant.mchid, number)
            if found is None:
                raise RefusedError("REFUNDNOTEXIST")
            trade, refunds = found[0], [found[1]]
        else:
            trade = self._find(merchant, request)
            refunds = trade.refunds
        if not refunds:
            raise RefusedError("REFUNDNOTEXIST")
        shown = {
            "transaction_id": trade.transaction_id,
            "out_trade_no": trade.out_trade_no,
            "total_fee": str(trade.total),
            "cash_fee": str(trade.total - trade.coupon),
            "refund_count": str(len(refunds)),
        }
        for number_, refund in enumerate(refunds):
            shown |= {
                f"out_refund_no_{number_}": refund.out_refund_no,
                f"refund_id_{number_}": refund.refund_id,
                f"refund_channel_{number_}": "ORIGINAL",
                f"refund_fee_{number_}": str(refund.amount),
                f"refund_status_{number_}": REFUND_V2[refund.status],
                f"refund_recv_accout_{number_}": "支付用户零钱",
            }
            if refund.success_at is not None:
                shown[f"refund_success_time_{number_}"] = f"{beijing(refund.success_at):%Y-%m-%d %H:%M:%S}"
        return shown


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _expiry(text: str, now: float) -> float | None:
    """Read `time_expire`: Beijing time, at least a minute ahead."""
    if not text:
        return None
    try:
        at = datetime.datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).timestamp()
    except ValueError as error:
        raise ReturnFailError("time_expire参数格式错误") from error
    if at < now + fields.EARLIEST_EXPIRY - fields.CLOCK_TOLERANCE:
        raise ReturnFailError("time_expire时间过短，刷卡至少1分钟，其他5分钟")
    return at
