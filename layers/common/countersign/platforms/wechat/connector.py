"""Ask WeChat what became of an order or a refund, and say it as a change."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import MalformedError, PlatformUnavailableError
from countersign.orders.changes import Change, Closed, OrderKey, Queried
from countersign.platforms.wechat import store_changes, store_orders, translate
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.miniprogram import MiniProgram, MiniProgramRefusedError
from countersign.platforms.wechat.settings import Settings
from countersign.platforms.wechat.store_orders import StoreOrder


@dataclass(frozen=True, slots=True)
class Reach:
    """An account's WeChat: its keys, the client that uses them, and its mini store for who asks about its orders."""

    settings: Settings
    client: Client
    mini_store: Callable[[], MiniProgram] | None = None


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


def about_store_order(reach: Reach, key: OrderKey) -> StoreOrder | None:
    """Return what the account's mini store says about an order, or None where it does not know it, or there is none.

    Raises MiniProgramRefusedError, or PlatformUnavailableError where the answer is missing or cannot be believed.
    """
    if reach.settings.store is None or reach.mini_store is None:
        return None
    try:
        answer = reach.mini_store().call(reach.settings.store.order_path, {"order_id": key.order_id})
        order = store_orders.read(answer)
    except MiniProgramRefusedError as error:
        if error.code in store_changes.ORDER_UNKNOWN:
            return None
        raise
    except MalformedError as error:
        raise PlatformUnavailableError(f"the store's answer cannot be read: {error}") from None
    if order.order_id != key.order_id:
        raise PlatformUnavailableError("the store's answer is about another order")
    return order


def news_of_order(reach: Reach, key: OrderKey, system: str, *, now: int) -> tuple[Change, ...]:
    """Return all that WeChat says about an order that is known here; nothing where WeChat does not know it."""
    if system == store_changes.SYSTEM:
        order = about_store_order(reach, key)
        return _store_news(reach, key, order, now) if order else ()
    told = about_order(reach, key, system, now=now)
    return (told,) if told else ()


def beginning_of_store_order(reach: Reach, key: OrderKey, *, now: int) -> tuple[Change, ...]:
    """Return a mini store's order from its beginning on, for one that is not known here yet."""
    order = about_store_order(reach, key)
    if order is None:
        return ()
    return (store_changes.opened(order, reach.settings, key), *_store_news(reach, key, order, now))


def _store_news(reach: Reach, key: OrderKey, order: StoreOrder, now: int) -> tuple[Change, ...]:
    try:
        return store_changes.changes(order, reach.settings, key, now=now)
    except MalformedError as error:
        raise PlatformUnavailableError(f"the store's answer cannot be read: {error}") from None


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
