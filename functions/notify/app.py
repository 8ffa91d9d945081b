"""When the bus tells something, and every minute: send the notices that accounts want."""

from typing import Any

from countersign.notices.accounts import NoticeAccounts
from countersign.notices.channels import registry
from countersign.runtime.telemetry import invocation
from countersign.store import OrderStore
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.store.notices import OWNER, NoticeStore
from countersign.workers import notify

ENOUGH_TIME_MS = 30_000  # one notice at its longest: a message to five people who all make us wait

lists, store, due = OrderLists.from_environment(), NoticeStore.from_environment(), DueList.from_environment(OWNER)
notices_of = NoticeAccounts()
send = registry.connect(OrderStore.from_environment(), notices_of)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Put on the list what the bus asks for, then send what is due until little time is left."""
    notify.run(
        event,
        context,
        store=store,
        lists=lists,
        due=due,
        notices_of=notices_of,
        send=send,
        enough_ms=ENOUGH_TIME_MS,
    )
