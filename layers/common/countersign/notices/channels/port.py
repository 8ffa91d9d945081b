"""What a channel is given, and what it answers: one notice to send, one outcome."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from countersign.notices import webhook
from countersign.notices.content import Facts
from countersign.notices.outcome import Outcome
from countersign.notices.settings import Notice
from countersign.notices.webhook import Envelope
from countersign.orders.present import order_json
from countersign.orders.times import timestamp
from countersign.store.lists import History
from countersign.store.notices import Event


class Delivery(NamedTuple):
    """What a channel is given: the notice, what there is to tell, and what it remembered of earlier attempts."""

    notice: Notice
    facts: Facts
    history: History | None  # the order with its children, where it is known here
    told: Event
    memo: Mapping[str, str]
    remember: Callable[[Mapping[str, str]], None]  # durable before it returns
    now: int


Channel = Callable[[Delivery], Outcome]


def envelope(delivery: Delivery) -> Envelope:
    """Return a notice as the merchant's own system gets it: the bus event's detail, and the order as it is now."""
    told, history, order = delivery.told, delivery.history, {}
    if history is not None:
        order = order_json(history.order, history.refunds, (), history.settlements, history.shipments)
    detail = {
        "id": told.event,
        "platform": told.key.platform,
        "account": told.key.account,
        "order_id": told.key.order_id,
        "version": told.version,
        "event_id": told.event_id,
        "recorded_at": timestamp(told.at),
    }
    return webhook.envelope(told.event, detail, told.detail_type, order, at=told.at)
