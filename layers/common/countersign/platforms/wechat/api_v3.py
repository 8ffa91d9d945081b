"""Calls of API v3: bytes are built once, and the same bytes are signed and sent."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.platforms.wechat import answers, messages, payments, v3
from countersign.platforms.wechat.answers import Answer, CallRefusedError, NoBillError, believed
from countersign.platforms.wechat.messages import RefundNotice, Transaction
from countersign.platforms.wechat.payments import PaymentRequest, Prepared
from countersign.platforms.wechat.refunds import RefundRequest
from countersign.platforms.wechat.settings import API_HOST, Settings
from countersign.wire import Session


class ApiV3:
    """One account's calls; a service provider's (`sub_mchid` set) go to the partner addresses."""

    def __init__(
        self, session: Session, settings: Settings, *, now: Callable[[], int], nonce: Callable[[], str]
    ) -> None:
        self._session = session
        self._settings = settings
        self._now = now
        self._nonce = nonce
        self._partner = bool(settings.sub_mchid)
        self._merchant = {"mchid": settings.mchid}
        if self._partner:
            self._merchant = {"sp_mchid": settings.mchid, "sub_mchid": settings.sub_mchid}
        self._root = "/v3/pay/partner/transactions" if self._partner else "/v3/pay/transactions"

    def create(self, payment: PaymentRequest) -> Prepared:
        """Create an order, or fetch fresh parameters for one created with the same terms."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4012791897 (jsapi), 4012791877 (native), 4012791835 (h5)
        appid = payment.appid or self._settings.payer_appid
        # A service provider's payer is known by the app in which it pays: the provider's, or the sub-merchant's own.
        own = bool(self._settings.sub_appid) and appid == self._settings.sub_appid
        apps = {"sp_appid" if self._partner else "appid": appid}
        if own:
            apps = {"sp_appid": self._settings.appid, "sub_appid": appid}
        body: dict[str, Any] = {
            **apps,
            **self._merchant,
            "description": payments.shown(payment.description),
            "out_trade_no": payment.order_id,
            "notify_url": payment.notify_url,
            "amount": {"total": payment.amount.minor, "currency": payment.amount.currency},
        }
        if payment.expires_at is not None:
            body["time_expire"] = payments.beijing(payment.expires_at).isoformat()
        if payment.method == "jsapi":
            name = "sub_openid" if own else "sp_openid" if self._partner else "openid"
            body["payer"] = {name: payment.openid}
        if payment.client_ip:
            body["scene_info"] = {"payer_client_ip": payment.client_ip}
        if payment.method == "h5":
            body["scene_info"]["h5_info"] = payments.h5_info_v3(payment)
        answer, _, _ = self._call("POST", f"{self._root}/{payment.method}", body)
        if payment.method == "native":
            return Prepared({"code_url": payments.link(answer, "code_url")})
        if payment.method == "h5":
            return Prepared({"h5_url": payments.link(answer, "h5_url")})
        prepay_id = payments.prepay_id(answer)
        return Prepared(v3.pay_sign(appid, prepay_id, self._settings, now=self._now(), nonce=self._nonce()))

    def query(self, out_trade_no: str) -> Answer[Transaction]:
        """Ask what became of an order."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4012791900
        target = f"{self._root}/out-trade-no/{quote(out_trade_no, safe='')}?{urlencode(self._merchant)}"
        fields, key_id, raw = self._call("GET", target)
        with believed():
            message = messages.transaction_v3(fields)
            self._check_own(message, message.out_trade_no == out_trade_no)
        return Answer(message, key_id, raw, "v3")

    def close(self, out_trade_no: str) -> None:
        """Close an order."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4012791901
        self._call("POST", f"{self._root}/out-trade-no/{quote(out_trade_no, safe='')}/close", self._merchant)

    def refund(self, refund: RefundRequest) -> Answer[RefundNotice]:
        """Ask for a refund; the same number again is the same refund."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4012791903
        body: dict[str, Any] = {
            "transaction_id": refund.transaction_id,
            "out_refund_no": refund.refund_id,
            "amount": {
                "refund": refund.amount.minor,
                "total": refund.total.minor,
                "currency": refund.amount.currency,
            },
        }
        if self._partner:
            body["sub_mchid"] = self._settings.sub_mchid
        if refund.notify_url:
            body["notify_url"] = refund.notify_url
        if refund.shown_reason:
            body["reason"] = refund.shown_reason
        fields, key_id, raw = self._call("POST", "/v3/refund/domestic/refunds", body)
        with believed():
            message = messages.refund_v3(fields)
            self._check_own(message, message.out_refund_no == refund.refund_id)
        return Answer(message, key_id, raw, "v3")

    def query_refund(self, out_refund_no: str) -> Answer[RefundNotice]:
        """Ask what became of a refund."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4012791904
        sub_merchant = f"?{urlencode({'sub_mchid': self._settings.sub_mchid})}" if self._partner else ""
        target = f"/v3/refund/domestic/refunds/{quote(out_refund_no, safe='')}{sub_merchant}"
        fields, key_id, raw = self._call("GET", target)
        with believed():
            message = messages.refund_v3(fields)
            self._check_own(message, message.out_refund_no == out_refund_no)
        return Answer(message, key_id, raw, "v3")

    def bill(self, day: str) -> tuple[str, str]:
        """Return where the bill of a day can be had for a moment, and the SHA-1 of its content."""
        # https://pay.weixin.qq.com/doc/v3/merchant/4013071209
        own = {"sub_mchid": self._settings.sub_mchid} if self._partner else {}
        query = urlencode({"bill_date": day, **own, "bill_type": "ALL", "tar_type": "GZIP"})
        try:
            fields, _, _ = self._call("GET", f"/v3/bill/tradebill?{query}")
        except CallRefusedError as error:
            if error.code == "NOSTATEMENTEXIST":
                raise NoBillError("WeChat has no bill of that day") from None
            raise PlatformUnavailableError(f"WeChat gave no bill: {error.code}") from None
        url, digest = fields.get("download_url"), fields.get("hash_value")
        if fields.get("hash_type") != "SHA1" or not isinstance(digest, str) or not isinstance(url, str):
            raise PlatformUnavailableError("WeChat's answer does not say where the bill is")
        if not url.startswith((f"{self._settings.api_base or API_HOST}/", f"{API_HOST}/")):
            raise PlatformUnavailableError("WeChat's answer leads to another host for the bill")
        return url, digest.lower()

    def download(self, url: str) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Fetch a bill's file; the request is signed as any other, the answer is not."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        return self._session.fetch("GET", url, headers=self._headers("GET", target, b""))

    def _check_own(self, message: Transaction | RefundNotice, same_number: bool) -> None:
        settings = self._settings
        mine = message.mchid in ("", settings.mchid)
        if isinstance(message, Transaction):
            mine = message.mchid == settings.mchid and (not message.appid or settings.owns_appid(message.appid))
        if settings.sub_mchid and message.sub_mchid:
            mine = mine and message.sub_mchid == settings.sub_mchid
        if not (same_number and mine):
            raise MalformedError("it is about something else than was asked")

    def _call(
        self, method: str, target: str, document: Mapping[str, Any] | None = None
    ) -> tuple[Mapping[str, object], str, bytes]:
        settings = self._settings
        body = b"" if document is None else json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        base = settings.api_base or API_HOST
        headers = self._headers(method, target, body)
        response = self._session.request(method, base + target, data=body or None, headers=headers)
        fields, key_id = answers.read_v3(response, settings, now=self._now())
        return fields, key_id, response.content

    def _headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        settings = self._settings
        headers = {
            "Accept": "application/json",
            "Authorization": v3.authorization(method, target, body, settings, now=self._now(), nonce=self._nonce()),
        }
        if body:
            headers["Content-Type"] = "application/json"
        if settings.request_key_id:
            # Chooses the key that signs the answer, so it goes on every request, GET included.
            headers["Wechatpay-Serial"] = settings.request_key_id
        return headers
