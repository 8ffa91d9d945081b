"""The words of a notice: texts with placeholders, filled from an order."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices import zones
from countersign.orders.changes import Charge, OrderKey
from countersign.orders.charges import charge_of
from countersign.orders.refunds import Refund
from countersign.orders.sentences import meaning, sentence
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order, ReportedPayment

_SIGNS = {"CNY": "¥", "JPY": "¥", "USD": "$", "HKD": "HK$", "EUR": "€", "GBP": "£", "KRW": "₩"}
_STATUS_ZH = {
    "created": "已创建",
    "pending": "待支付",
    "paid": "已支付",
    "partially_refunded": "部分退款",
    "refunded": "已退款",
    "closed": "已关闭",
    "failed": "支付失败",
    "review": "待核实",
}
EVENTS_ZH = {
    "order.paid": "新订单",
    "order.paid_late": "关单后付款",
    "order.closed": "订单关闭",
    "order.failed": "支付失败",
    "order.review": "订单待核实",
    "order.orphan": "未知付款",
    "refund.requested": "申请退款",
    "refund.approved": "同意退款",
    "refund.rejected": "拒绝退款",
    "refund.succeeded": "退款成功",
    "refund.failed": "退款失败",
    "refund.needs_action": "退款待处理",
    "settlement.succeeded": "结算成功",
    "settlement.failed": "结算失败",
    "shipment.created": "已发货",
    "shipment.reported": "发货已登记",
    "shipment.needs_action": "发货待处理",
    "shipment.overdue": "待发货",
    "reconciliation.difference": "对账差异",
    "charge.failed": "扣款失败",
    "charge.recovered": "扣款已恢复",
    "subscription.missing": "订阅丢失",
    "subscription.restored": "订阅已恢复",
    "authorization.ended": "授权已失效",
    "authorization.renewed": "授权已恢复",
    "payment_link.due": "订单待付款",
}
PLACEHOLDERS = frozenset({
    "event", "event_zh", "at", "platform", "account", "order_id", "status", "status_zh", "amount", "paid", "payer_paid",
    "discount", "refunded", "description", "items", "created_at", "paid_at", "closed_at", "transaction_id", "method",
    "refund_id", "refund_amount", "refund_status", "reason", "problem", "shipment_id", "carrier", "tracking_no",
    "error", "error_type", "group", "attempts", "next_retry", "note", "customer_id", "shop_customer_id", "scheduled_at",
})  # fmt: skip
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
_METADATA = re.compile(r"metadata\.[0-9A-Za-z_.-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Facts(NamedTuple):
    """What a notice can tell: an event of the bus, and what it is about as far as that is known here."""

    key: OrderKey
    event: str
    at: int
    order: Order | None = None
    refund: Refund | None = None
    shipment: Shipment | None = None
    reason: str = ""
    zone: tzinfo | None = None  # in which times are told; the platform's where it is not said


def require_known(text: str, name: str) -> str:
    """Return a text whose placeholders all exist; KeysUnavailableError names one that does not."""
    for match in _BRACES.finditer(text):
        if match[1] is None:
            raise KeysUnavailableError(f"{name} has a brace that belongs to no placeholder")
        if match[1] not in PLACEHOLDERS and not _METADATA.fullmatch(match[1]):
            raise KeysUnavailableError(f"{name} has a placeholder that does not exist")
    return text


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled; what people wrote brings no control characters with it."""
    return _BRACES.sub(lambda match: _CONTROL.sub(" ", values.get(match[1] or "", "")), text)


def values(facts: Facts) -> dict[str, str]:
    """Return what each placeholder stands for; empty where nothing is known."""
    found = dict.fromkeys(PLACEHOLDERS, "")
    zone = facts.zone or zones.of_platform(facts.key.platform)
    found |= {
        "event": facts.event,
        "event_zh": EVENTS_ZH.get(facts.event, facts.event),
        "at": moment(facts.at, zone),
        "platform": facts.key.platform,
        "account": facts.key.account,
        "order_id": facts.key.order_id,
        "reason": facts.reason,
    }
    if facts.order is not None:
        found |= _of_order(facts.order, zone)
    if facts.order is not None and facts.event == "order.review":
        found["reason"] = " ".join(meaning(one.reason) for one in facts.order.review_items)
    if facts.refund is not None:
        refund = facts.refund
        found |= {
            "refund_id": refund.refund_id,
            "refund_amount": money(refund.amount),
            "refund_status": refund.status,
            "reason": refund.reason,
            "problem": sentence(refund.problem) or "",
        }
    if facts.shipment is not None:
        shipment = facts.shipment
        found |= {
            "shipment_id": shipment.shipment_id,
            "carrier": ", ".join(dict.fromkeys(parcel.carrier for parcel in shipment.parcels if parcel.carrier)),
            "tracking_no": ", ".join(parcel.tracking_no for parcel in shipment.parcels if parcel.tracking_no),
            "problem": sentence(shipment.problem) or "",
        }
    return found


def _of_order(order: Order, zone: tzinfo) -> dict[str, str]:
    payment, terms = order.payment, order.terms
    currency = terms.amount.currency
    lines = [f"{line.title} x{line.quantity}" for line in terms.lines]
    return {
        "status": order.status,
        "status_zh": _STATUS_ZH.get(order.status, order.status),
        "amount": money(terms.amount),
        **_of_payment(payment),
        "refunded": money(Money(order.refunded, currency)),
        "description": terms.description,
        "items": ", ".join(lines) or terms.description,
        "created_at": moment(terms.created_at, zone),
        "paid_at": moment(payment.paid_at, zone) if payment else "",
        "closed_at": moment(order.closed_at, zone) if order.closed_at is not None else "",
        "transaction_id": payment.transaction_id if payment else "",
        "method": terms.method,
        **_of_charge(charge_of(order), zone),
        **{f"metadata.{name}": value for name, value in terms.metadata},
    }


def _of_charge(charge: Charge | None, zone: tzinfo) -> dict[str, str]:
    """Return what is told of a charge that a platform takes by itself."""
    if charge is None:
        return {}
    return {
        "error": charge.error,
        "error_type": charge.error_type,
        "group": charge.group,
        "attempts": str(charge.attempts),
        "next_retry": moment(charge.next_retry, zone) if charge.next_retry is not None else "",
        "note": charge.note,
        "customer_id": charge.customer_id,
        "shop_customer_id": charge.shop_customer_id,
        "scheduled_at": charge.scheduled_at,
    }


def _of_payment(payment: ReportedPayment | None) -> dict[str, str]:
    """Return what the payer paid: the order's total, less what a coupon or the platform took over."""
    if payment is None:
        return {}
    total = payment.total
    if payment.payer_paid is None:
        return {"paid": money(total)}
    paid = money(Money(payment.payer_paid, total.currency))
    discount = total.minor - payment.payer_paid
    return {
        "paid": paid,
        "payer_paid": paid,
        "discount": money(Money(discount, total.currency)) if discount > 0 else "",
    }


def moment(seconds: int, zone: tzinfo) -> str:
    """Return a time as `2026-11-22 15:01` in a time zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def money(amount: Money) -> str:
    """Return an amount as `¥88.00`; after the number where a currency has no sign here."""
    figures, _, currency = str(amount).partition(" ")
    sign = _SIGNS.get(currency)
    return f"{sign}{figures}" if sign else f"{figures} {currency}"
