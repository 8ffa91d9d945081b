"""Ask WeChat what became of an order or a refund, and say it as a change."""

from dataclasses import dataclass

from countersign.orders.changes import Change, Closed, OrderKey, Queried
from countersign.platforms.wechat import translate
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.settings import Settings


@dataclass(frozen=True, slots=True)
class Reach:
    """An account's WeChat: its keys, and the client that uses them."""

    settings: Settings
    client: Client


def about_order(reach: Reach, key: OrderKey, system: str, *, now: int) -> Change | None:
    """Return what WeChat says about an order, or None where WeChat does not know it.

    Raises PlatformUnavailableError where the answer is missing or cannot be believed.
    """
    answer = reach.client.query(key.order_id, system=system)
    if answer is None:
        return None
    trust = Queried(answer.key_id)
    return translate.transaction_to_change(
        answer.message, reach.settings, key.account, system=system, via="query", trust=trust, now=now
    )


def about_refund(reach: Reach, key: OrderKey, refund_id: str, system: str) -> Change | None:
    """Return what WeChat says about a refund, or None where WeChat does not know it."""
    answer = reach.client.query_refund(refund_id, system=system)
    if answer is None:
        return None
    trust = Queried(answer.key_id)
    return translate.refund_to_change(
        answer.message, reach.settings, key.account, system=system, via="query", trust=trust
    )


def close(reach: Reach, key: OrderKey, system: str, *, now: int) -> Change:
    """Close an order at WeChat and return what WeChat says about it then.

    The answer to the close alone proves nothing: WeChat gives it for a wrong number too, and a payer who is at it may
    pay until that moment. Raises ConflictError where WeChat refuses to close.
    """
    reach.client.close(key.order_id, system=system)
    news = about_order(reach, key, system, now=now)
    # WeChat knows of no such order: nothing is left that could be paid.
    return news or Change(key, Closed(now), Queried(), "query", reach.settings.mchid, system)
