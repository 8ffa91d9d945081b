"""Calls to WeChat Pay: create, query and close an order, make and query a refund, exchange a login code.

The session brings time-outs, verified TLS and no redirects, and raises PlatformUnavailableError where no answer came.
So do we where an answer cannot be believed: the outcome is unknown then, and a query tells.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import BinaryIO
from urllib.parse import urlencode

from countersign.errors import KeysUnavailableError, MalformedError, PlatformUnavailableError
from countersign.platforms.wechat import answers, bills, payments, refunds
from countersign.platforms.wechat.answers import (
    Answer,
    CallRefusedError,
    NoBillError,
    OrderStateError,
    UnknownNumberError,
)
from countersign.platforms.wechat.api_v2 import ApiV2
from countersign.platforms.wechat.api_v3 import ApiV3
from countersign.platforms.wechat.messages import RefundNotice, Transaction
from countersign.platforms.wechat.payments import PaymentRequest, Prepared
from countersign.platforms.wechat.refunds import RefundRequest
from countersign.platforms.wechat.settings import LOGIN_HOST, Settings
from countersign.signing import digests
from countersign.signing.credentials import secret
from countersign.wire import Session

__all__ = [
    "Answer",
    "CallRefusedError",
    "Client",
    "NoBillError",
    "OrderStateError",
    "PaymentRequest",
    "Prepared",
    "RefundRequest",
    "UnknownNumberError",
]

_LOGIN_CODE = re.compile(r"[\x21-\x7e]{1,256}")


class Client:
    """One account's calls; `system` is the API version of the order, the account's own where it is empty.

    `certified` gives a session with the merchant's certificate, for the calls of API v2 that want one.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        *,
        now: Callable[[], int],
        nonce: Callable[[], str],
        certified: Callable[[], Session] | None = None,
    ) -> None:
        self._certified = certified
        self._session = session
        self._settings = settings
        self._now = now
        self._nonce = nonce

    def create(self, payment: PaymentRequest, *, system: str = "") -> Prepared:
        """Create an order, or fetch fresh parameters for one created with the same terms.

        OrderStateError.code tells ORDERPAID, ORDERCLOSED and OUTTRADENOUSED (other terms) apart.
        """
        payments.check(payment, self._settings, system=system or self._settings.api)
        return self._api(system).create(payment)

    def query(self, out_trade_no: str, *, system: str = "") -> Answer[Transaction] | None:
        """Ask what became of an order; None where WeChat does not know it."""
        payments.require(out_trade_no, payments.ORDER_NUMBER, "order_id")
        try:
            return self._api(system).query(out_trade_no)
        except UnknownNumberError:
            return None

    def close(self, out_trade_no: str, *, system: str = "") -> None:
        """Close an order; one that is closed already is fine. Money that is on its way may still arrive.

        OrderStateError.code is ORDERPAID or USERPAYING where the payer was faster.
        """
        payments.require(out_trade_no, payments.ORDER_NUMBER, "order_id")
        try:
            self._api(system).close(out_trade_no)
        except OrderStateError as error:
            if error.code != "ORDERCLOSED":
                raise

    def refund(self, refund: RefundRequest, *, system: str = "") -> Answer[RefundNotice]:
        """Ask for a refund; calls with the same number are one refund, however often they are repeated.

        What WeChat says now is only that it took the refund: it is PROCESSING until a notice or a query says more.
        """
        refunds.check(refund)
        api = self._api(system)
        answer = api.refund(refund, self._certificate()) if isinstance(api, ApiV2) else api.refund(refund)
        return replace(answer, message=answer.message._replace(refund_status="PROCESSING", success_time=None))

    def _certificate(self) -> Session:
        if self._certified is None:
            raise KeysUnavailableError("a refund over API v2 needs a session with the merchant's certificate")
        return self._certified()

    def query_refund(self, out_refund_no: str, *, system: str = "") -> Answer[RefundNotice] | None:
        """Ask what became of a refund; None where WeChat does not know it."""
        payments.require(out_refund_no, payments.REFUND_NUMBER, "refund_id")
        try:
            return self._api(system).query_refund(out_refund_no)
        except UnknownNumberError:
            return None

    def bill(self, day: date, file: BinaryIO, *, system: str = "") -> None:
        """Write the bill of a day into a file, packed as it comes, and see that it is whole.

        Raises NoBillError (no business that day) or PlatformUnavailableError (not made yet, or not whole).
        """
        api, digest = self._api(system), ""
        if isinstance(api, ApiV3):
            url, digest = api.bill(day.isoformat())
            answer = api.download(url)
        else:
            answer = api.bill(f"{day:%Y%m%d}")
        with answer as (status, chunks):
            if status != 200:
                raise PlatformUnavailableError(f"WeChat answered HTTP {status} instead of a bill")
            for chunk in chunks:
                file.write(chunk)
        file.seek(0)
        if file.read(16).lstrip().startswith(b"<"):
            file.seek(0)
            raise answers.read_bill_refusal(file.read(answers.MAX_BYTES))
        with answers.believed():
            found = digests.sha1_of(bills.opened(file))
            if digest and not digests.equal(found, digest):
                raise MalformedError("the bill is not the one that was announced")
            for _ in bills.read(file, ""):
                pass

    def exchange_code(self, login_code: str) -> str:
        """Return the openid of a login code; the session key that comes with it is dropped here."""
        # https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
        if self._settings.mini_program_secret is None:
            raise KeysUnavailableError("mini_program_secret is missing: a login_code cannot be exchanged")
        payments.require(login_code, _LOGIN_CODE, "payer.login_code")
        query = urlencode(
            {
                "appid": self._settings.payer_appid,
                "secret": secret(self._settings.mini_program_secret.reveal(), "mini_program_secret").reveal(),
                "js_code": login_code,
                "grant_type": "authorization_code",
            }
        )
        host = self._settings.api_base or LOGIN_HOST
        answer = answers.read_login(self._session.request("GET", f"{host}/sns/jscode2session?{query}"))
        openid = answer.get("openid")
        if not isinstance(openid, str) or not payments.OPENID.fullmatch(openid):
            raise PlatformUnavailableError("WeChat's answer holds no openid")
        return openid

    def _api(self, system: str) -> ApiV2 | ApiV3:
        chosen = ApiV2 if (system or self._settings.api) == "v2" else ApiV3
        return chosen(self._session, self._settings, now=self._now, nonce=self._nonce)
