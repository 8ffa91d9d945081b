"""Order sync of guaranteed payment: the mini program must tell Douyin what state each order is in.

Douyin refuses an app's review where it does not, and settles only orders whose state it knows. The trade system does
without. https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/order/order-sync
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from countersign.errors import PlatformUnavailableError
from countersign.orders.refunds import Refund
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.platforms.douyin import answers
from countersign.platforms.douyin.answers import TokenRefusedError
from countersign.platforms.douyin.settings import ECPAY_HOST, Settings
from countersign.wire import Session

APP_NAME = "douyin"
ORDINARY = 0
MAX_TITLE = 128


class State(NamedTuple):
    """An order's state in Douyin's number and word."""

    code: int
    word: str


TO_PAY = State(0, "待支付")
PAID = State(1, "已支付")
CANCELLED = State(2, "已取消")
# What an order becomes whose goods were handed over is nowhere said of ordinary orders: the word for a used voucher is
# the only one that fits.
DELIVERED = State(4, "已核销")
REFUNDING = State(5, "退款中")
REFUNDED = State(6, "已退款")
REFUND_FAILED = State(8, "退款失败")


def state_of(order: Order, refunds: Iterable[Refund], shipments: Iterable[Shipment]) -> State | None:
    """Return the state to be told, or None where there is none to tell yet."""
    if order.payment is None:
        return {"pending": TO_PAY, "closed": CANCELLED}.get(order.status)
    if order.status == "refunded":
        return REFUNDED
    under_way = {refund.status for refund in refunds if not (refund.status == "failed" and refund.released)}
    if under_way & {"approved", "processing"}:
        return REFUNDING
    if under_way & {"needs_action", "failed"}:
        return REFUND_FAILED
    return DELIVERED if any(shipment.complete for shipment in shipments) else PAID


def fetch_token(session: Session, settings: Settings) -> tuple[str, int]:
    """Return a new token of the app's and for how many seconds it lives."""
    fields = {"appid": settings.app_id, "secret": settings.secret.reveal(), "grant_type": "client_credential"}
    base = settings.api_base or ECPAY_HOST
    headers = {"Content-Type": "application/json"}
    sent = json.dumps(fields).encode()
    data = answers.data_of(
        answers.read(session.request("POST", f"{base}/api/apps/v2/token", data=sent, headers=headers))
    )
    token, lifetime = data.get("access_token"), data.get("expires_in")
    if not isinstance(token, str) or not token or type(lifetime) is not int:
        raise PlatformUnavailableError("Douyin gave no access token")
    return token, lifetime


class OrderSync:
    """One app's telling; `token` gives the app's token, a fresh one where it is told that one is not taken."""

    def __init__(self, session: Session, settings: Settings, token: Callable[[str], str]) -> None:
        self._session = session
        self._settings = settings
        self._token = token

    def push(self, order: Order, state: State, stamp: int) -> None:
        """Tell an order's state; `stamp` is greater than that of everything told before.

        Raises PlatformUnavailableError where the outcome is unknown, as it is after Douyin's -1.
        """
        token = self._token("")
        try:
            self._send(order, state, stamp, token)
        except TokenRefusedError:
            self._send(order, state, stamp, self._token(token))

    def _send(self, order: Order, state: State, stamp: int, token: str) -> None:
        fields = {
            "access_token": token,
            "app_name": APP_NAME,
            "open_id": order.terms.payer,
            "update_time": stamp,
            "order_type": ORDINARY,
            "order_status": state.code,
            "order_detail": json.dumps(detail(order, state, self._settings), ensure_ascii=False, separators=(",", ":")),
        }
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        base = self._settings.api_base or ECPAY_HOST
        headers = {"Content-Type": "application/json"}
        answer = self._session.request("POST", f"{base}/api/apps/order/v2/push", data=body, headers=headers)
        answers.read(answer, "err_code")


def detail(order: Order, state: State, settings: Settings) -> dict[str, Any]:
    """Return `order_detail`: what the payer sees in Douyin's list of orders."""
    terms, goods = order.terms, settings.goods
    lines = [(line.title, line.quantity, line.minor) for line in terms.lines]
    items = lines or [(terms.description, 1, terms.amount.minor)]
    return {
        "order_id": order.key.order_id,
        "create_time": terms.created_at * 1000,
        "status": state.word,
        "amount": sum(quantity for _, quantity, _ in items),
        "total_price": terms.amount.minor,
        "detail_url": f"{goods.entry_path}?order_id={order.key.order_id}",
        "item_list": [
            {
                "item_code": str(number),
                "img": goods.image_url,
                "title": title[:MAX_TITLE],
                "sub_title": "",
                "amount": quantity,
                "price": price,
            }
            for number, (title, quantity, price) in enumerate(items, 1)
        ],
    }
