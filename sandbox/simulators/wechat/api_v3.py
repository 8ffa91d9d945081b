"""API v3: JSON calls with RSA signatures."""

from __future__ import annotations

import gzip
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.simulators.wechat import crypto, fields
from sandbox.simulators.wechat.answers import client_parameters, refund_answer
from sandbox.simulators.wechat.fields import ApiError
from sandbox.simulators.wechat.ledger import Ledger, Refund, RefusedError, Trade
from sandbox.simulators.wechat.notices import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulators.wechat.accounts import Merchant, Merchants
    from sandbox.simulators.wechat.bills import Bills

SCHEME = "WECHATPAY2-SHA256-RSA2048 "
WINDOW = 300
MOUNT = "/wechat"
DOWNLOAD = "/v3/billdownload/file"
PAY = "/v3/pay/(?:partner/)?transactions"
TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB"}
CREDENTIALS = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")
REFUSALS = {
    "ORDERPAID": (400, "ORDERPAID", "该订单已支付"),
    "ORDERCLOSED": (400, "ORDER_CLOSED", "订单已关闭"),
    "OUTTRADENOUSED": (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    "ORDERNOTEXIST": (404, "RESOURCE_NOT_EXISTS", "订单不存在"),
    "REFUNDFEEMISMATCH": (400, "INVALID_REQUEST", ""),
    "PARAMERROR": (400, "PARAM_ERROR", ""),
    "INVALIDREQUEST": (400, "INVALID_REQUEST", ""),
    "TRADEOVERDUE": (400, "INVALID_REQUEST", ""),
    "FREQUENCYLIMITED": (429, "FREQUENCY_LIMITED", ""),
    "USERPAYING": (202, "USERPAYING", "用户支付中"),
    "STATEMENTCREATING": (400, "STATEMENT_CREATING", ""),
    "NOSTATEMENTEXIST": (400, "NO_STATEMENT_EXIST", ""),
}


@dataclass(frozen=True)
class Call:
    """One authenticated call."""

    merchant: Merchant
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    now: float

    @property
    def partner(self) -> bool:
        """A service provider acts for its sub-merchant."""
        return self.path.startswith("/v3/pay/partner/")

    def name(self, field: str) -> str:
        """Return a field's name: a service provider's own fields begin with `sp_`."""
        return f"sp_{field}" if self.partner else field


Answer = tuple[int, dict[str, Any] | None]


@dataclass(frozen=True)
class Download:
    """A file, which nothing signs."""

    content: bytes


class ApiV3:
    """The v3 calls a shop needs."""

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
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            ("POST", re.compile(rf"{PAY}/(jsapi|native|h5)"), self._create),
            ("GET", re.compile(rf"{PAY}/out-trade-no/([^/]+)"), self._query),
            ("GET", re.compile(rf"{PAY}/id/([^/]+)"), self._query_transaction),
            ("POST", re.compile(rf"{PAY}/out-trade-no/([^/]+)/close"), self._close),
            ("POST", re.compile(r"/v3/refund/domestic/refunds"), self._refund),
            ("GET", re.compile(r"/v3/refund/domestic/refunds/([^/]+)"), self._query_refund),
            ("GET", re.compile(r"/v3/bill/tradebill"), self._bill),
        ]

    def answer(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes, now: float
    ) -> tuple[Answer | Download, Merchant | None]:
        """Check and carry out one call; errors are answers too."""
        merchant = None
        try:
            if path == DOWNLOAD:
                return self._download(self._authenticate(method, path, query, headers, body, now), query, now)
            merchant = self._authenticate(method, path, query, headers, body, now)
            for verb, pattern, work in self._routes:
                match = pattern.fullmatch(path)
                if match and verb == method:
                    parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
                    call = Call(merchant, method, path, parameters, _read(method, body), now)
                    return work(call, *map(urllib.parse.unquote, match.groups())), merchant
            raise ApiError(404, "NOT_FOUND", "请求的资源不存在")
        except RefusedError as refused:
            status, code, message = REFUSALS.get(refused.reason, (403, refused.message, ""))
            return (status, {"code": code, "message": refused.message or message}), merchant
        except ApiError as error:
            shown: dict[str, Any] = {"code": error.code, "message": error.message}
            return (error.status, shown | ({"detail": error.detail} if error.detail else {})), merchant

    def _authenticate(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes, now: float
    ) -> Merchant:
        """Verify the Authorization header over exactly what was sent."""
        if not headers.get("user-agent") or "application/json" not in headers.get("accept", "").replace(
            "*/*", "application/json"
        ):
            raise ApiError(400, "PARAM_ERROR", "Http头Accept或User-Agent缺失或不支持")
        if method == "POST" and headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise ApiError(415, "PARAM_ERROR", "Content-Type应为application/json")
        header = headers.get("authorization", "")
        credentials = dict(re.findall(r'(\w+)="([^"]*)"', header))
        if not header.startswith(SCHEME) or sorted(credentials) != sorted(CREDENTIALS):
            raise ApiError(401, "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》")
        timestamp = credentials["timestamp"]
        if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > WINDOW:
            raise ApiError(401, "SIGN_ERROR", "Http头Authorization值中的timestamp与发起请求的时间不能超过5分钟")
        merchant = self._merchants.numbered(credentials["mchid"], credentials["serial_no"])
        if merchant is None:
            raise ApiError(401, "SIGN_ERROR", "商户号不存在")
        if merchant.public_key is None or merchant.serial.upper() != credentials["serial_no"].upper():
            # The platform answers this mistake with a server error, which puzzles everybody.
            raise ApiError(500, "SYSTEM_ERROR", "系统异常，请稍后重试")
        target = path + (f"?{query}" if query else "")
        # The merchant signs the path it sent; behind a gateway that takes the mount away, that is the bare one.
        text = _text(body)
        if not any(
            crypto.request_is_genuine(
                merchant.public_key, method, signed, timestamp, credentials["nonce_str"], text, credentials["signature"]
            )
            for signed in (MOUNT + target, target)
        ):
            raise _wrong_signature(method, MOUNT + target, credentials, text)
        return merchant

    def _create(self, call: Call, kind: str) -> Answer:
        body, merchant = call.body, call.merchant
        self._check_merchant(call, body)
        appid = fields.text(body, call.name("appid"), 32)
        if appid not in merchant.appids:
            raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
        for pointer, limit in (("attach", 128), ("goods_tag", 32)):
            fields.text(body, pointer, limit, required=False)
        for pointer, type_ in (("detail", dict), ("settle_info", dict), ("support_fapiao", bool), ("limit_pay", list)):
            fields.optional(body, pointer, type_)
        fields.text(body, "description", 127)
        fields.choice(body, "amount/currency", ("CNY",), required=False)
        if kind == "h5":
            fields.choice(body, "scene_info/h5_info/type", ("iOS", "Android", "Wap"))
        payer_ip = fields.text(body, "scene_info/payer_client_ip", 45, required=kind == "h5")
        if payer_ip and not fields.address(payer_ip):
            raise fields.invalid("scene_info/payer_client_ip", "应为IP地址", payer_ip)
        trade = Trade(
            account=merchant.account,
            mchid=merchant.mchid,
            appid=appid,
            out_trade_no=fields.text(body, "out_trade_no", 32, pattern=fields.ORDER_NUMBER),
            api="v3",
            trade_type=TRADE_TYPES[kind],
            total=fields.fen(body, "amount/total"),
            terms=json.dumps(body, sort_keys=True),
            notify_url=fields.notify_url(fields.text(body, "notify_url", 255), 255, self._base),
            created_at=call.now,
            openid=fields.text(body, f"payer/{call.name('openid')}", 128)
            if kind == "jsapi"
            else "oPayer" + crypto.nonce(22),
            sub_mchid=merchant.sub_mchid if call.partner else "",
            attach=fields.text(body, "attach", 128, required=False),
            expires_at=None,
        )
        known = self._ledger.find(merchant.mchid, trade.out_trade_no)
        if known is None:
            trade.expires_at = fields.expiry(fields.text(body, "time_expire", 32, required=False), call.now)
        self._ledger.place(trade)
        return 200, client_parameters(kind, call.now)

    def _check_merchant(self, call: Call, given: dict[str, Any]) -> None:
        """Compare the merchant that a call names with the one that signed it."""
        name = call.name("mchid")
        if given.get(name) != call.merchant.mchid:
            raise fields.invalid(name, "与Authorization中的商户号不一致", given.get(name))
        if call.partner and given.get("sub_mchid") != call.merchant.sub_mchid:
            raise ApiError(403, "NO_AUTH", "商户无权限")

    def _query(self, call: Call, out_trade_no: str) -> Answer:
        self._check_merchant(call, call.query)
        return self._show(self._ledger.find(call.merchant.mchid, out_trade_no))

    def _query_transaction(self, call: Call, transaction_id: str) -> Answer:
        self._check_merchant(call, call.query)
        return self._show(self._ledger.find_transaction(call.merchant.mchid, transaction_id))

    def _show(self, trade: Trade | None) -> Answer:
        if trade is None:
            raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
        with self._ledger.lock:
            return 200, transaction(trade)

    def _close(self, call: Call, out_trade_no: str) -> Answer:
        self._check_merchant(call, call.body)
        try:
            self._ledger.close(call.merchant.mchid, out_trade_no, call.now)
        except RefusedError as refused:
            # WeChat has answered 204 for orders that never existed; closing proves nothing.
            if refused.reason != "ORDERNOTEXIST":
                raise
        return 204, None

    def _refund(self, call: Call) -> Answer:
        body, mchid = call.body, call.merchant.mchid
        transaction_id = fields.text(body, "transaction_id", 32, required=False)
        out_trade_no = fields.text(body, "out_trade_no", 32, required=False)
        fields.text(body, "reason", 80, required=False)
        fields.choice(body, "amount/currency", ("CNY",))
        url = fields.text(body, "notify_url", 256, required=False)
        trade = (
            self._ledger.find_transaction(mchid, transaction_id)
            if transaction_id
            else self._ledger.find(mchid, out_trade_no)
        )
        number = fields.text(body, "out_refund_no", 64, pattern=fields.REFUND_NUMBER)
        amount, total = fields.fen(body, "amount/refund"), fields.fen(body, "amount/total")
        if trade is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        # Without a notify_url of its own, a refund is announced where the console says: here, the order's.
        url = fields.notify_url(url, 256, self._base) if url else trade.notify_url
        wanted = Refund(number, "", amount, "API", call.now, url)
        refund = self._ledger.refund(trade, wanted, total)
        if refund is wanted:
            self._refund_accepted(call.merchant, trade, refund)
        return 200, refund_answer(trade, refund)

    def _query_refund(self, call: Call, out_refund_no: str) -> Answer:
        found = self._ledger.find_refund(call.merchant.mchid, out_refund_no)
        if found is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return 200, refund_answer(*found)

    def _bill(self, call: Call) -> Answer:
        day, zipped = call.query.get("bill_date", ""), call.query.get("tar_type", "")
        if zipped not in ("", "GZIP"):
            raise fields.invalid("tar_type", "不在枚举值中", zipped)
        text = self._bills.text(call.merchant, day, call.query.get("bill_type", "ALL"), call.now)
        token, digest = self._bills.offer(call.merchant, text, call.now)
        url = f"{call.merchant.api_base}{DOWNLOAD}?token={token}" + ("&tartype=gzip" if zipped else "")
        return 200, {"hash_type": "SHA1", "hash_value": digest, "download_url": url}

    def _download(self, merchant: Merchant, query: str, now: float) -> tuple[Answer | Download, Merchant]:
        wanted = dict(urllib.parse.parse_qsl(query))
        text = self._bills.file(merchant, wanted.get("token", ""), now)
        if text is None:
            return (401, {"code": "SIGN_ERROR", "message": "下载链接已失效"}), merchant
        return Download(gzip.compress(text, mtime=0) if wanted.get("tartype") else text), merchant


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, "PARAM_ERROR", "请求体不是UTF-8") from error


def _read(method: str, body: bytes) -> dict[str, Any]:
    if method == "GET":
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "PARAM_ERROR", "请求体不是合法的JSON") from error
    if not isinstance(value, dict):
        raise ApiError(400, "PARAM_ERROR", "请求体不是JSON对象")
    return value


def _wrong_signature(method: str, url: str, credentials: dict[str, str], body: str) -> ApiError:
    """Show what we verified, as the platform does, so that the difference can be seen."""
    message = f"{method}\n{url}\n{credentials['timestamp']}\n{credentials['nonce_str']}\n{body}\n"
    return ApiError(
        401,
        "SIGN_ERROR",
        "签名错误，请检查后再试",
        {
            "field": "signature",
            "issue": "sign not match",
            "location": "authorization",
            "sign_information": {
                "method": method,
                "url": url,
                "truncated_sign_message": message[:100],
                "sign_message_length": len(message.encode()),
            },
        },
    )
