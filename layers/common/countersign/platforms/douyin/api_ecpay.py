"""Calls of guaranteed payment: one dictionary is built, signed, and the same dictionary is sent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.platforms.douyin import answers, ecpay, messages, payments
from countersign.platforms.douyin.answers import believed
from countersign.platforms.douyin.messages import Payment, Refund, Settlement
from countersign.platforms.douyin.payments import PaymentRequest, Prepared
from countersign.platforms.douyin.settings import ECPAY_HOST, Settings
from countersign.wire import Session

_ROOT = "/api/apps/ecpay/v1/"
MAX_REASON = 100
MAX_DESCRIPTION = 80


class ApiEcpay:
    """One app's calls."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session = session
        self._settings = settings

    def create(self, payment: PaymentRequest, *, now: int) -> Prepared:
        """Create an order, or fetch the parameters of one created with the same number."""
        # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/pay-list/pay
        subject = payments.shown(payment.description)
        answer = self._call(
            "create_order",
            {
                "out_order_no": payment.order_id,
                "total_amount": payment.amount.minor,
                "subject": subject,
                "body": subject,
                "valid_time": payments.lifetime(payment, now),
                "notify_url": payment.notify_url,
            },
        )
        data = answers.data_of(answer)
        order_id, order_token = data.get("order_id"), data.get("order_token")
        if not isinstance(order_id, str) or not isinstance(order_token, str) or not order_id or not order_token:
            raise PlatformUnavailableError("Douyin's answer holds no order_id or order_token")
        return Prepared({"orderInfo": {"order_id": order_id, "order_token": order_token}}, order_id)

    def query(self, out_order_no: str) -> Payment:
        """Ask what became of an order."""
        answer = self._call("query_order", {"out_order_no": out_order_no})
        with believed():
            payment = messages.ecpay_order(answer)
            if payment.out_order_no != out_order_no:
                raise MalformedError("it is about another order")
        return payment

    def refund(
        self, out_order_no: str, out_refund_no: str, amount: int, *, reason: str, settled: bool, notify_url: str
    ) -> str:
        """Ask for a refund and return Douyin's number of it: accepted, not refunded."""
        # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/refund-list/refund
        answer = self._call(
            "create_refund",
            {
                "out_order_no": out_order_no,
                "out_refund_no": out_refund_no,
                "reason": payments.shown(reason or "refund", characters=MAX_REASON, size=4 * MAX_REASON),
                "refund_amount": amount,
                "all_settle": int(settled),
                "notify_url": notify_url,
            },
        )
        return str(answer.get("refund_no") or "")

    def query_refund(self, out_refund_no: str) -> Refund:
        """Ask what became of a refund."""
        answer = self._call("query_refund", {"out_refund_no": out_refund_no})
        with believed():
            return messages.ecpay_refund_info(answer, out_refund_no)

    def settle(
        self, out_order_no: str, out_settle_no: str, *, shares: Sequence[tuple[str, int]], notify_url: str
    ) -> str:
        """Ask for an order to be settled and return Douyin's number of it: accepted, not settled."""
        # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/settlements/settlement
        answer = self._call(
            "settle",
            {
                "out_order_no": out_order_no,
                "out_settle_no": out_settle_no,
                "settle_desc": f"order {out_order_no}"[:MAX_DESCRIPTION],
                "settle_params": share_list(shares),
                "notify_url": notify_url,
            },
        )
        return str(answer.get("settle_no") or "")

    def settlements(self, out_order_no: str) -> tuple[Settlement, ...]:
        """Return every settlement of an order, those that Douyin made by itself among them."""
        answer = self._call("query_platform_order", {"out_order_no": out_order_no, "query_type": 1})
        with believed():
            return messages.ecpay_platform_settlements(answer, out_order_no)

    def bill(self, bill_type: str, day: str) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Fetch one day's bill (`yyyyMMdd`, Beijing), as it comes."""
        given = {"merchant_id": self._settings.merchant_uid, "bill_type": bill_type, "bill_date": day}
        base = self._settings.api_base or ECPAY_HOST
        return self._session.fetch("GET", f"{base}/api/apps/bills?{urlencode(self._signed(given))}")

    def _signed(self, own: Mapping[str, str | int | None]) -> dict[str, str | int]:
        settings = self._settings
        given = {"app_id": settings.app_id, "thirdparty_id": settings.thirdparty_id, **own}
        fields = ecpay.canonical(given)
        return {**fields, "sign": ecpay.sign(fields, settings.salt)}

    def _call(self, name: str, own: Mapping[str, str | int | None]) -> Mapping[str, Any]:
        body = json.dumps(self._signed(own), ensure_ascii=False, separators=(",", ":")).encode()
        base = self._settings.api_base or ECPAY_HOST
        headers = {"Content-Type": "application/json"}
        return answers.read(self._session.request("POST", f"{base}{_ROOT}{name}", data=body, headers=headers))


def share_list(shares: Sequence[tuple[str, int]]) -> str:
    """Return `settle_params`: JSON text of the receivers other than the seller, empty where there are none."""
    rows = [{"merchant_uid": uid, "amount": minor} for uid, minor in shares]
    return json.dumps(rows, separators=(",", ":")) if rows else ""
