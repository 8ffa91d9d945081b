"""Put an event's news on the bus, at least once, under a stable id."""

import json
import os
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.errors import StoreUnavailableError, TemporaryError
from countersign.money import from_decimal
from countersign.orders.changes import Queried, Verified
from countersign.orders.times import timestamp
from countersign.runtime.telemetry import count, logger
from countersign.store import codec, credentials, keys, pulse
from countersign.store.codec import Item
from countersign.store.due import DueList

SOURCE = "countersign"
ROADS = {Verified.name: pulse.CALLBACK, Queried.name: pulse.ANSWER}  # by who said it
RECENT_SECONDS = 600  # what was received earlier and is published now was redriven, or waited: it says nothing of today


class PublishFailedError(TemporaryError):
    """The bus did not take an entry, or there is none to be made of the row."""


def entries(item: Item, bus: str) -> list[dict[str, str]]:
    """Return an event row's bus entries; their ids stay the same however often they are sent."""
    key = keys.order_key(item["pk"]["S"])
    event_id = codec.event_id(item)
    detail_types = [emitted["S"] for emitted in item.get("emits", {}).get("L", [])]
    return [
        {
            "Source": SOURCE,
            "DetailType": detail_type,
            "EventBusName": bus,
            "Detail": json.dumps(
                {
                    "id": f"{detail_type}.{event_id}",
                    "platform": key.platform,
                    "account": key.account,
                    "order_id": key.order_id,
                    "version": codec.as_number(item, "version"),
                    "event_id": event_id,
                    "recorded_at": timestamp(codec.as_number(item, "received_at")),
                    "test": "test" in item,
                    **_said_beside(item, detail_type),
                },
                ensure_ascii=False,
            ),
        }
        for detail_type in detail_types
    ]


def _said_beside(item: Item, detail_type: str) -> dict[str, Any]:
    """Return what only one kind of event says: of a total that changed from what to what, of a gap what was proved.

    Of an account to which we are let in no more, why.
    """
    if detail_type == "authorization.ended":
        return {"because": codec.as_text(item, "topics")}
    if "proof" in item:
        numbers = {name: int(value["N"]) for name, value in item["proof"]["M"].items()}
        times = {name: timestamp(numbers.pop(name)) for name in ("from", "to")}
        return {"interval": times, **numbers}
    if detail_type != "order.repriced":
        return {}
    changes = [dict(reason.args) for reason in codec.as_reasons(item) if reason.code == "repriced"]
    before, after = (str(amount).split(" ") for amount in (changes[0]["before"], changes[-1]["after"]))
    return {"from": from_decimal(*before).to_json(), "to": from_decimal(*after).to_json()}


def beat(items: Iterable[Item], told: set[tuple[str, str]], *, due: DueList, now: int) -> None:
    """Say that the accounts of these event rows move, each once in a run (`told`), before anything is published.

    With it goes by which keys the platform signed. Killed in between, what is published later says so again. Who
    misses it sees the change with the account's next one: nothing fails for that.
    """
    accounts: dict[tuple[str, str], dict[str, int]] = {}
    used: dict[tuple[str, str], dict[str, int]] = {}
    for item in items:
        try:
            key = keys.order_key(item["pk"]["S"])
        except (LookupError, ValueError):  # told of by `publish`
            continue
        heard = accounts.setdefault((key.platform, key.account), {})
        road, at = ROADS.get(codec.as_text(item, "trust")), codec.as_number(item, "received_at") or 0
        if road is not None and abs(now - at) < RECENT_SECONDS:
            heard[road] = max(at, heard.get(road, 0))
            if road == pulse.CALLBACK and "key_id" in item:
                by, name = used.setdefault((key.platform, key.account), {}), codec.as_text(item, "key_id")
                by[name] = max(at, by.get(name, 0))
    for (platform, account), heard in accounts.items():
        if (platform, account) in told:
            continue
        told.add((platform, account))
        try:
            pulse.beat(due.client, due.table, platform, account, now=now, heard=heard)
            for name, at in used.get((platform, account), {}).items():
                credentials.note_use(due.client, due.table, platform, account, name, at=at)
        except StoreUnavailableError as error:
            count("PulseLost")
            logger.warning("an account's pulse is lost", extra={"reason": str(error)})


def publish(item: Item, *, events: Any, due: DueList, now: int) -> int:
    """Publish one event row and take it off the due list; return how many entries the bus took.

    Raises PublishFailedError: the row stays due, and the sweep sends it again.
    """
    try:
        batch = entries(item, os.environ["EVENT_BUS_NAME"])
    except (LookupError, ValueError) as error:
        # A row that nobody can read must not end the run: what stands behind it on the list would wait with it.
        raise PublishFailedError(f"the event row cannot be read: {type(error).__name__}") from error
    if not batch:
        return 0
    try:
        answer = events.put_events(Entries=batch)
    except (ClientError, BotoCoreError) as error:
        raise PublishFailedError(f"the bus does not answer: {type(error).__name__}") from error
    if answer.get("FailedEntryCount"):
        codes = {entry.get("ErrorCode") for entry in answer["Entries"] if entry.get("ErrorCode")}
        raise PublishFailedError(f"the bus refused entries: {', '.join(sorted(map(str, codes)))}")
    due.published(item, now=now)
    return len(batch)
