"""Calls of the general trade system: an access token authorises them, nothing else signs them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from countersign.errors import PlatformUnavailableError
from countersign.platforms.douyin import answers, messages, payments, trade
from countersign.platforms.douyin.answers import TokenRefusedError, believed
from countersign.platforms.douyin.api_ecpay import MAX_DESCRIPTION, share_list
from countersign.platforms.douyin.messages import Payment, Refund, Settlement
from countersign.platforms.douyin.payments import PaymentRequest, Prepared
from countersign.platforms.douyin.settings import TRADE_HOST, Settings
from countersign.wire import Session

_ROOT = "/api/trade_basic/v1/developer/"
OTHER_REASON = 999
MAX_REASON = 49
AGREE, DENY = 1, 2


def fetch_token(session: Session, settings: Settings) -> tuple[str, int]:
    """Return a new client token and for how many seconds it lives; the one before dies five minutes later."""
    # https://developer.open-douyin.com/docs/resource/zh-CN/dop/develop/openapi/account-permission/client-token
    fields = {
        "client_key": settings.app_id,
        "client_secret": settings.secret.reveal(),
        "grant_type": "client_credential",
    }
    base = settings.api_base or TRADE_HOST
    headers = {"Content-Type": "application/json"}
    response = session.request("POST", f"{base}/oauth/client_token/", data=json.dumps(fields).encode(), headers=headers)
    data = answers.data_of(answers.read_object(response))
    token, lifetime, code = data.get("access_token"), data.get("expires_in"), data.get("error_code")
    if code != 0 or not isinstance(token, str) or not token or type(lifetime) is not int:
        raise PlatformUnavailableError("Douyin gave no client token")
    return token, lifetime


class ApiTrade:
    """One app's calls; `token` gives the app's client token, a fresh one where it is told that one is not taken."""

    def __init__(self, session: Session, settings: Settings, token: Callable[[str], str]) -> None:
        self._session = session
        self._settings = settings
        self._token = token

    def create(self, payment: PaymentRequest, *, now: int, nonce: str) -> Prepared:
        """Return what `tt.requestOrder` needs; Douyin hears of the order from the payer's phone."""
        data = payments.order_data(payment, self._settings, now)
        signed = trade.authorization(trade.REQUEST_ORDER, data, self._settings, now=now, nonce=nonce)
        return Prepared({"data": data, "byteAuthorization": signed})

    def query(self, out_order_no: str) -> Payment:
        """Ask what became of an order."""
        payment = self._order({"out_order_no": out_order_no})
        if payment.out_order_no != out_order_no:
            raise PlatformUnavailableError("Douyin's answer is about another order")
        return payment

    def query_platform_number(self, order_id: str) -> Payment:
        """Ask about an order of which only Douyin's number is known."""
        return self._order({"order_id": order_id})

    def _order(self, fields: Mapping[str, Any]) -> Payment:
        answer = self._call("order_query", fields)
        with believed():
            return messages.trade_order(answers.data_of(answer))

    def refund(
        self,
        order_id: str,
        out_refund_no: str,
        amount: int,
        *,
        items: Sequence[str],
        reason: str,
        entry: tuple[str, str],
        notify_url: str,
    ) -> str:
        """Ask for a refund and return Douyin's number of it: accepted, not refunded."""
        fields: dict[str, Any] = {
            "order_id": order_id,
            "out_refund_no": out_refund_no,
            "refund_total_amount": amount,
            "refund_reason": [
                {"code": OTHER_REASON, "text": payments.shown(reason or "refund", characters=MAX_REASON)}
            ],
            "order_entry_schema": {"path": entry[0], "params": entry[1]},
            "notify_url": notify_url,
            "item_order_detail": [{"item_order_id": items[0], "refund_amount": amount}],
        }
        data = answers.data_of(self._call("refund_create", fields))
        return str(data.get("refund_id") or "")

    def items(self, out_order_no: str) -> tuple[str, tuple[str, ...]]:
        """Return Douyin's number of an order and those of its lines."""
        data = answers.data_of(self._call("order_query", {"out_order_no": out_order_no}))
        rows = data.get("item_order_list")
        with believed():
            numbers = [messages.platform_number(row, "item_order_id") for row in rows or [] if isinstance(row, dict)]
            return messages.platform_number(data, "order_id"), tuple(numbers)

    def query_refunds(self, fields: Mapping[str, str]) -> tuple[Refund, ...]:
        """Return refunds by `out_refund_no`, `refund_id` or all of an `order_id`."""
        answer = self._call("refund_query", fields)
        with believed():
            return messages.trade_refunds(answers.data_of(answer))

    def audit(self, refund_id: str, *, agree: bool, reason: str) -> None:
        """Tell our decision about a refund that the user asked for."""
        fields: dict[str, Any] = {"refund_id": refund_id, "refund_audit_status": AGREE if agree else DENY}
        if not agree:
            fields["deny_message"] = payments.shown(reason or "refused by the merchant", characters=128, size=512)
        self._call("refund_audit_callback", fields)

    def fulfil(self, order_id: str, items: Sequence[str], word: str) -> None:
        """Tell how far an order's goods are."""
        self._call("fulfill_push_status", {"order_id": order_id, "item_order_id_list": list(items), "to_status": word})

    def settle(
        self, out_order_no: str, out_settle_no: str, *, shares: Sequence[tuple[str, int]], notify_url: str
    ) -> str:
        """Ask for an order to be settled and return Douyin's number of it: accepted, not settled."""
        fields = {
            "app_id": self._settings.app_id,
            "out_order_no": out_order_no,
            "out_settle_no": out_settle_no,
            "settle_desc": f"order {out_order_no}"[:MAX_DESCRIPTION],
            "settle_params": share_list(shares),
            "notify_url": notify_url,
        }
        sent = {name: value for name, value in fields.items() if value}
        data = answers.data_of(self._call("settle_create", sent))
        return str(data.get("settle_id") or "")

    def settlements(self, out_order_no: str) -> tuple[Settlement, ...]:
        """Return every settlement of an order, those that Douyin made by itself among them."""
        answer = self._call("settle_query", {"app_id": self._settings.app_id, "out_order_no": out_order_no})
        rows = answer.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PlatformUnavailableError("Douyin's answer holds no list of settlements")
        with believed():
            return tuple(messages.trade_settle(row) for row in rows)

    def bill(self, bill_type: str, day: str) -> tuple[str, ...]:
        """Return the addresses of one day's bill (`yyyyMMdd`, Beijing)."""
        fields = {
            "app_id": self._settings.app_id,
            "merchant_id": self._settings.merchant_uid,
            "bill_type": bill_type,
            "bill_date": day,
        }
        data = answers.data_of(self._call("/api/apps/v3/bills/", fields))
        links = data.get("bill_list")
        if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
            raise PlatformUnavailableError("Douyin's answer holds no list of bills")
        return tuple(links)

    def _call(self, name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        token = self._token("")
        try:
            return self._send(name, fields, token)
        except TokenRefusedError:
            return self._send(name, fields, self._token(token))

    def _send(self, name: str, fields: Mapping[str, Any], token: str) -> Mapping[str, Any]:
        path = name if name.startswith("/") else f"{_ROOT}{name}/"
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "access-token": token}
        base = self._settings.api_base or TRADE_HOST
        return answers.read(self._session.request("POST", base + path, data=body, headers=headers))
