"""Events that came before their order, or are decided again: adopt, attach, raise the alarm, replay."""

from typing import Any

from countersign.errors import ConflictError, StoreUnavailableError
from countersign.orders.changes import OrderKey, Verified
from countersign.orders.decide import decide_message
from countersign.orders.decision import Decision
from countersign.orders.reasons import because
from countersign.store import codec, dynamo, evidence, keys
from countersign.store.codec import Item, number, text
from countersign.store.record import (
    ABSENT,
    OrderStore,
    Outcome,
    event_item,
    numbered,
    outcome_of,
    put,
    to_publish,
    view_of,
)

# What an event's row keeps when its order appears: the evidence, and when it came.
_KEPT = ("received_at", "raw", "more", "not_kept", "digest", "redriven_at")


def adopt(store: OrderStore, item: Item, key: OrderKey, *, now: int) -> Outcome:
    """Record an orphan that named no order under the order that it is about; the evidence goes there too."""
    changes = codec.read_changes(item, key)
    raw = evidence.read(store.client, store.table, item)
    outcome = store.record_message(changes, now=now, raw=raw)
    expression = "SET decision = :moved REMOVE orphan, due_at, due_shard, #exception, listed_at"
    values = {":moved": text("moved")}
    dynamo.update_if(store.client, store.table, item, expression, "attribute_exists(orphan)", values)
    return outcome


def attach(store: OrderStore, key: OrderKey, *, now: int) -> int:
    """Decide anew every stored event that came before its order; return how many were attached."""
    return sum(_attach(store, key, item, now) for item in _waiting(store, key))


def _attach(store: OrderStore, key: OrderKey, item: Item, now: int) -> bool:
    changes, event_id = codec.read_changes(item, key), codec.event_id(item)
    for _ in dynamo.attempts():
        rows, order = store.read_view(changes, event_id)
        stored = rows.get((item["pk"]["S"], item["sk"]["S"]))
        if order is None or stored is None or "orphan" not in stored:
            return False
        decision = numbered(decide_message(order, changes, event_id, view_of(rows, changes)), now)
        event, _ = event_item(changes, decision, event_id, b"", now)
        event |= {name: stored[name] for name in _KEPT if name in stored} | {"attached_at": number(now)}
        writes = [put(store.table, event, "attribute_exists(orphan)")]
        writes += store.beside_event(rows, changes, decision, now)
        try:
            dynamo.call(store.client.transact_write_items, TransactItems=writes)
        except dynamo.StaleViewError:
            continue
        return True
    return False  # attempts() raised before


def _waiting(store: OrderStore, key: OrderKey) -> list[Item]:
    query = {
        "TableName": store.table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :event)",
        "FilterExpression": "attribute_exists(orphan)",
        "ExpressionAttributeValues": {":pk": text(keys.order_pk(key)), ":event": text(keys.EVENT)},
        "ConsistentRead": True,
    }
    items = list(dynamo.read_all(store.client, **query))
    return sorted(items, key=lambda item: (codec.as_number(item, "received_at") or 0, item["sk"]["S"]))


def raise_alarm(store: OrderStore, item: Item, *, now: int) -> bool:
    """Put an orphan on the exceptions list and tell the bus, once; False if that was done before."""
    key = keys.order_key(item["pk"]["S"])
    alarm: Item = {
        "pk": item["pk"],
        "sk": text(f"{keys.EVENT}orphan.store.{codec.event_id(item)}"),
        "kind": text("orphan"),
        "via": text("store"),
        "trust": item["trust"],
        "change": text(codec.dump_changes(codec.read_changes(item), "orphan")),
        "received_at": number(now),
        "decision": text("unchanged"),
        "reasons": codec.reasons(because("still_unknown")),
        **{name: item[name] for name in ("key_id",) if name in item},
        **to_publish(["order.orphan"], key, now),
    }
    entry = codec.listed("orphan", key.order_id, now)
    mark = {
        "TableName": store.table,
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        "UpdateExpression": "SET #exception = :exception, listed_at = :now",
        "ConditionExpression": "attribute_exists(orphan) AND attribute_not_exists(#exception)",
        "ExpressionAttributeNames": {"#exception": "exception"},
        "ExpressionAttributeValues": {":exception": entry["exception"], ":now": entry["listed_at"]},
    }
    try:
        writes = [{"Update": mark}, put(store.table, alarm, ABSENT)]
        dynamo.call(store.client.transact_write_items, TransactItems=writes)
    except dynamo.StaleViewError:
        return False
    return True


def replay(store: OrderStore, key: OrderKey, event_id: str, *, now: int) -> Outcome | None:
    """Decide a stored event again from its row, however old; None if there is no such event.

    What the platform signed is decided on the order as it is now, so again and again changes nothing; the row keeps
    its evidence and its times, and says when it was replayed. Raises ConflictError for anything that the platform
    did not sign: wishes of people, answers and hints are not repeated.
    """
    row = (keys.order_pk(key), keys.EVENT + event_id)
    for _ in dynamo.attempts():
        stored = dynamo.read_many(store.client, store.table, [row]).get(row)
        if stored is None:
            return None
        changes = codec.read_changes(stored, key)
        # An alarm about an orphan repeats what the orphan said, under a road of its own.
        if not isinstance(changes[0].trust, Verified) or codec.as_text(stored, "via") == "store":
            raise ConflictError("only an event that the platform signed can be replayed")
        rows, order = store.read_view(changes, event_id)
        decision = numbered(decide_message(order, changes, event_id, view_of(rows, changes)), now)
        mark = {"Update": {"TableName": store.table, **_replayed(stored, key, decision, now)}}
        try:
            writes = [mark, *store.beside_event(rows, changes, decision, now)]
            dynamo.call(store.client.transact_write_items, TransactItems=writes)
        except dynamo.StaleViewError:
            continue
        return outcome_of(decision, event_id)
    raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before


def _replayed(stored: Item, key: OrderKey, decision: Decision, now: int) -> dict[str, Any]:
    """Return the update of an event's row that is replayed: what a decision without effect leaves as it was."""
    sets: Item = {"replayed_at": number(now)}
    removes: list[str] = []
    still = "attribute_exists(orphan)" if "orphan" in stored else "attribute_not_exists(orphan)"
    attached = "orphan" in stored and decision.outcome != "orphan"
    if attached:
        sets["attached_at"] = number(now)
        removes = ["orphan", "due_at", "due_shard", "attempts", "exception", "listed_at"]
    effective = attached or decision.outcome == "applied"
    if effective and decision.order is not None:
        sets["decision"], sets["reasons"] = text(decision.outcome), codec.reasons(*decision.reasons)
        sets["version"] = number(decision.order.version)
    if decision.emits and effective:
        # The stream shows only new rows and attached orphans: the sweep publishes these, under their ids of old.
        waiting = [] if "published_at" in stored else [one["S"] for one in stored.get("emits", {"L": []})["L"]]
        sets |= to_publish([*(one for one in waiting if one not in decision.emits), *decision.emits], key, now)
        removes = [*(name for name in removes if name not in sets), "published_at"]
        if decision.order is not None and decision.order.test:
            sets["test"] = {"BOOL": True}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if removes:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
    return {
        "Key": {"pk": stored["pk"], "sk": stored["sk"]},
        "UpdateExpression": expression,
        "ConditionExpression": f"attribute_exists(pk) AND {still}",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *removes)},
        "ExpressionAttributeValues": {f":{name}": value for name, value in sets.items()},
    }
