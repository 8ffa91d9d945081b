"""Ask WeChat what became of an order or a refund, and say it as a change."""

from countersign.orders.changes import Change, Closed, OrderKey, Queried
from countersign.platforms.wechat import translate
from countersign.platforms.wechat.client import WechatClient


def about_order(client: WechatClient, key: OrderKey, system: str, *, now: int) -> Change | None:
    """Return what WeChat says about an order, or None where WeChat does not know it.

    Raises PlatformUnavailableError where the answer is missing or cannot be believed.
    """
    answer = client.query(key.order_id, system=system)
    if answer is None:
        return None
    return translate.transaction_to_change(
        answer.message, client.settings, key.account, system=system, via="query", trust=Queried(answer.key_id), now=now
    )


def about_refund(client: WechatClient, key: OrderKey, refund_id: str, system: str, *, now: int) -> Change | None:
    """Return what WeChat says about a refund, or None where WeChat does not know it."""
    answer = client.query_refund(refund_id, system=system)
    if answer is None:
        return None
    return translate.refund_to_change(
        answer.message, client.settings, key.account, system=system, via="query", trust=Queried(answer.key_id), now=now
    )


def closed(client: WechatClient, key: OrderKey, system: str, *, now: int) -> Change:
    """Return the news that WeChat knows of no order that could be paid."""
    return Change(key, Closed(now), Queried(), "query", client.settings.mchid, system)
