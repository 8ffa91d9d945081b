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
    event: Event
    memo: Mapping[str, str]
    remember: Callable[[Mapping[str, str]], None]  # durable before it returns
    now: int
    again: int = 0  # how often somebody wanted it sent anew: a printer must not take it for the job of before


Channel = Callable[[Delivery], Outcome]


def envelope(delivery: Delivery) -> Envelope:
    """Return a notice as the merchant's own system gets it: the bus event's detail, and the order as it is now."""
    event, history, order = delivery.event, delivery.history, {}
    if history is not None:
        order = order_json(history.order, history.children)
    detail = {
        "id": event.id,
        "platform": event.key.platform,
        "account": event.key.account,
        "order_id": event.key.order_id,
        "version": event.version,
        "event_id": event.event_id,
        "recorded_at": timestamp(event.at),
    }
    return webhook.envelope(event.id, detail, event.detail_type, order, at=event.at)
