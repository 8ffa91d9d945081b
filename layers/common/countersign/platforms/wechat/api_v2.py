"""Calls of API v2: the same questions in XML."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from countersign.errors import MalformedError
from countersign.platforms.wechat import answers, messages, payments, v2, xml_writer
from countersign.platforms.wechat.answers import Answer, UnknownNumberError, believed
from countersign.platforms.wechat.messages import RefundNotice, Transaction
from countersign.platforms.wechat.payments import PaymentRequest, Prepared
from countersign.platforms.wechat.refunds import RefundRequest
from countersign.platforms.wechat.settings import API_HOST, Settings
from countersign.wire import Session

_HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
_TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB"}


class ApiV2:
    """One account's calls."""

    def __init__(
        self, session: Session, settings: Settings, *, now: Callable[[], int], nonce: Callable[[], str]
    ) -> None:
        self._session = session
        self._settings = settings
        self._now = now
        self._nonce = nonce

    def create(self, payment: PaymentRequest) -> Prepared:
        """Create an order, or fetch fresh parameters for one created with the same terms."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011936530
        appid = payment.appid or self._settings.payer_appid
        # A service provider's payer is known by the app in which it pays: the provider's, or the sub-merchant's own.
        own = bool(self._settings.sub_appid) and appid == self._settings.sub_appid
        fields = {
            "body": payments.shown(payment.description),
            "out_trade_no": payment.order_id,
            "total_fee": str(payment.amount.minor),
            "fee_type": payment.amount.currency,
            "spbill_create_ip": payment.client_ip,
            "notify_url": payment.notify_url,
            "trade_type": _TRADE_TYPES[payment.method],
        }
        if payment.expires_at is not None:
            fields["time_expire"] = f"{payments.beijing(payment.expires_at):%Y%m%d%H%M%S}"
        if payment.method == "jsapi":
            fields["sub_openid" if own else "openid"] = payment.openid
        if payment.method == "native":
            fields["product_id"] = payment.order_id
        if payment.method == "h5":
            fields["scene_info"] = payments.scene_info_v2(payment)
        if own:
            fields["sub_appid"] = appid
        answer, _, _ = self._call("/pay/unifiedorder", fields, "" if own else appid)
        if payment.method == "native":
            return Prepared({"code_url": payments.link(answer, "code_url")})
        if payment.method == "h5":
            return Prepared({"h5_url": payments.link(answer, "mweb_url")})
        prepay_id = payments.prepay_id(answer)
        return Prepared(v2.pay_sign(appid, prepay_id, self._settings, now=self._now(), nonce=self._nonce()))

    def query(self, out_trade_no: str) -> Answer[Transaction]:
        """Ask what became of an order."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011935214
        fields, key_id, raw = self._call("/pay/orderquery", {"out_trade_no": out_trade_no})
        with believed():
            message = messages.transaction_v2(fields, messages.word(fields, "trade_state"))
            if message.out_trade_no != out_trade_no:
                raise MalformedError("it is about another order")
        return Answer(message, key_id, raw, "v2")

    def close(self, out_trade_no: str) -> None:
        """Close an order."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011935215
        self._call("/pay/closeorder", {"out_trade_no": out_trade_no})

    def refund(self, refund: RefundRequest, certified: Session) -> Answer[RefundNotice]:
        """Ask for a refund over a session with the merchant's certificate; the same number again is the same refund."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011935218
        own = {
            "transaction_id": refund.transaction_id,
            "out_refund_no": refund.refund_id,
            "total_fee": str(refund.total.minor),
            "refund_fee": str(refund.amount.minor),
            "refund_fee_type": refund.amount.currency,
            "refund_desc": refund.shown_reason,
            "notify_url": refund.notify_url,
        }
        fields, key_id, raw = self._call("/secapi/pay/refund", own, session=certified)
        with believed():
            message = messages.refund_v2({**fields, "refund_status": "PROCESSING"})
            if message.out_refund_no != refund.refund_id:
                raise MalformedError("it is about another refund")
        return Answer(message, key_id, raw, "v2")

    def query_refund(self, out_refund_no: str) -> Answer[RefundNotice]:
        """Ask what became of a refund."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011935219
        fields, key_id, raw = self._call("/pay/refundquery", {"out_refund_no": out_refund_no})
        with believed():
            refunds = messages.refunds_v2(fields)
        for refund in refunds:
            if refund.out_refund_no == out_refund_no:
                return Answer(refund, key_id, raw, "v2")
        raise UnknownNumberError("REFUNDNOTEXIST")

    def _call(
        self, path: str, own: Mapping[str, str], appid: str = "", session: Session | None = None
    ) -> tuple[Mapping[str, str], str, bytes]:
        body = self._signed(own, appid)
        base = self._settings.api_base or API_HOST
        response = (session or self._session).request("POST", base + path, data=body, headers=_HEADERS)
        answer, key_id = answers.read_v2(response, self._settings)
        return answer, key_id, response.content

    def bill(self, day: str) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Fetch the bill of a day (yyyyMMdd); the answer is the file itself, or XML, and nothing signs it."""
        # https://pay.weixin.qq.com/doc/v2/merchant/4011941318
        body = self._signed({"bill_date": day, "bill_type": "ALL", "tar_type": "GZIP"}, "")
        base = self._settings.api_base or API_HOST
        return self._session.fetch("POST", f"{base}/pay/downloadbill", data=body, headers=_HEADERS)

    def _signed(self, own: Mapping[str, str], appid: str) -> bytes:
        settings = self._settings
        given = {
            "appid": appid or settings.appid,
            "mch_id": settings.mchid,
            "sub_mch_id": settings.sub_mchid,
            "nonce_str": self._nonce(),
            "sign_type": settings.v2_sign_type,
            **own,
        }
        fields = {name: value for name, value in given.items() if value}
        fields["sign"] = v2.sign(fields, v2.current_key(settings), settings.v2_sign_type)
        return xml_writer.write(fields)
