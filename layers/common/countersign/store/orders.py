"""Record changes: read what a change touches, decide, write everything in one transaction."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from countersign import aws
from countersign.errors import ConflictError, StoreUnavailableError
from countersign.orders import decide as decisions
from countersign.orders.changes import (
    Change,
    Flagged,
    Hint,
    OrderKey,
    Paid,
    PlatformEvent,
    Prepared,
    Queried,
    RefundFact,
    RefundReported,
    RefundRequested,
    RefundStarted,
    SettlementReported,
    SettlementRequested,
    ShipmentFact,
    Verified,
    is_unmatched,
)
from countersign.orders.decide import Decision, View, decide
from countersign.orders.refunds import awaits_audit
from countersign.orders.schedule import next_audit, next_poll, next_refund_step, next_shipment_step
from countersign.orders.settlements import is_open
from countersign.orders.state import Order, Refund, Settlement, Shipment
from countersign.signing import digests
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

ORPHAN_QUERY_SECONDS = 60
OUTBOX_GRACE_SECONDS = 60
_ABSENT = "attribute_not_exists(pk)"
_Row = tuple[str, str]
_SETTLEMENT_FACTS = (SettlementRequested, SettlementReported)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: applied, unchanged, orphan, refused or duplicate, and the order as it is now."""

    outcome: str
    reason: str
    event_id: str
    order: Order | None = None
    emits: tuple[str, ...] = ()


class OrderStore:
    """Orders, their children and their evidence in one DynamoDB table."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    @classmethod
    def from_environment(cls) -> Self:
        """Return the store that the function's environment names; calls nothing."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"])

    def record(self, change: Change, *, now: int, raw: bytes = b"", received_at: int | None = None) -> Outcome:
        """Take one change into the order record; `raw` is the evidence, `now` the time of receipt (epoch seconds).

        `received_at` is given where the bytes came earlier, lay in quarantine, and are redriven now.

        One consistent batch read and one transaction; a duplicate costs the read alone. Raises ContentionError or
        StoreUnavailableError if nothing could be written: then nothing is.
        """
        change = self.located(change)
        event_id = keys.event_id(change)
        for _ in dynamo.attempts():
            rows, order = self._read_view(change, event_id)
            if (keys.order_pk(change.key), keys.EVENT + event_id) in rows:
                return Outcome("duplicate", "the same news again: nothing changes", event_id, order)
            decision = decide(order, change, event_id, _view(rows, change, order))
            if decision.outcome == "refused":
                return _outcome(decision, event_id)
            try:
                written = self._write(rows, change, decision, event_id, raw, now, received_at=received_at)
            except dynamo.StaleViewError:
                continue
            return _outcome(written, event_id)
        raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before

    def located(self, change: Change) -> Change:
        """Return the change under its order's key, where it names only numbers of the platform's that we know."""
        if not change.aliases or not is_unmatched(change.key):
            return change
        wanted = [_alias(change.key, kind, value) for kind, value in change.aliases]
        rows = dynamo.read_many(self.client, self.table, dict.fromkeys(wanted))
        found = next((rows[row] for row in wanted if row in rows), None)
        return change if found is None else replace(change, key=keys.order_key(found["order"]["S"]))

    def adopt_orphan(self, item: Item, key: OrderKey, *, now: int) -> Outcome:
        """Record an orphan that named no order under the order that it is about; the evidence moves with it."""
        change = replace(codec.load_change(key, codec.as_text(item, "change")), key=key)
        raw = codec.decompress(item["raw"]["B"]) if "raw" in item else b""
        outcome = self.record(change, now=now, raw=raw)
        adopted = {
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "UpdateExpression": "SET decision = :moved REMOVE orphan, due_at, due_shard, #exception",
            "ConditionExpression": "attribute_exists(orphan)",
            "ExpressionAttributeNames": {"#exception": "exception"},
            "ExpressionAttributeValues": {":moved": text("moved")},
        }
        for _ in dynamo.attempts():
            try:
                dynamo.call(self.client.update_item, TableName=self.table, **adopted)
            except dynamo.StaleViewError as error:
                if not dynamo.is_condition(error):
                    continue
            break
        return outcome

    def attach_orphans(self, key: OrderKey, *, now: int) -> int:
        """Decide anew every stored event that came before its order; return how many were attached."""
        attached = 0
        for item in self._orphans(key):
            change = codec.load_change(key, codec.as_text(item, "change"))
            for _ in dynamo.attempts():
                event_id = codec.as_text(item, "event_id")
                rows, order = self._read_view(change, event_id)
                stored = rows.get((item["pk"]["S"], item["sk"]["S"]))
                if order is None or stored is None or "orphan" not in stored:
                    break
                decision = decide(order, change, event_id, _view(rows, change, order))
                try:
                    self._write(rows, change, decision, event_id, b"", now, orphan=stored)
                except dynamo.StaleViewError:
                    continue
                attached += 1
                break
        return attached

    def replay(self, key: OrderKey, event_id: str, *, now: int) -> Outcome | None:
        """Decide a stored event again from its row, however old; None if there is no such event.

        What the platform signed is decided on the order as it is now, so again and again changes nothing; the row keeps
        its evidence and its times, and says when it was replayed. Raises ConflictError for anything that the platform
        did not sign: wishes of people, answers and hints are not repeated.
        """
        row = (keys.order_pk(key), keys.EVENT + event_id)
        for _ in dynamo.attempts():
            stored = dynamo.read_many(self.client, self.table, [row]).get(row)
            if stored is None:
                return None
            change = codec.load_change(key, codec.as_text(stored, "change"))
            # What the store itself noted about an event has that event's change under a road of its own.
            if not isinstance(change.trust, Verified) or codec.as_text(stored, "via") != change.via:
                raise ConflictError("only an event that the platform signed can be replayed")
            rows, order = self._read_view(change, event_id)
            decision = _numbered(decide(order, change, event_id, _view(rows, change, order)), now)
            mark = {"Update": {"TableName": self.table, **_replayed(stored, change, decision, now)}}
            try:
                writes = [mark, *self._beside_event(rows, change, decision, now)]
                dynamo.call(self.client.transact_write_items, TransactItems=writes)
            except dynamo.StaleViewError:
                continue
            return _outcome(decision, event_id)
        raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before

    def orphan_is_old(self, item: Item, *, now: int) -> bool:
        """Put an orphan on the exceptions list and tell the bus, once; False if that was done before."""
        key = keys.order_key(item["pk"]["S"])
        event_id = f"orphan.store.{codec.as_text(item, 'event_id')}"
        alarm: Item = {
            "pk": item["pk"],
            "sk": text(keys.EVENT + event_id),
            "event_id": text(event_id),
            "kind": text("orphan"),
            "via": text("store"),
            "trust": item["trust"],
            "key_id": item["key_id"],
            "change": item["change"],
            "received_at": number(now),
            "decision": text("unchanged"),
            "reason": text("the order is still unknown here: a person must look"),
            "emits": {"L": [text("order.orphan")]},
            "due_at": number(now + OUTBOX_GRACE_SECONDS),
            "due_shard": text(keys.due_shard("sweep", key.order_id)),
        }
        mark = {
            "TableName": self.table,
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "UpdateExpression": "SET #exception = :orphan, updated_at = :now",
            "ConditionExpression": "attribute_exists(orphan) AND attribute_not_exists(#exception)",
            "ExpressionAttributeNames": {"#exception": "exception"},
            "ExpressionAttributeValues": {":orphan": text("orphan"), ":now": number(now)},
        }
        try:
            writes = [{"Update": mark}, self._put(alarm, _ABSENT)]
            dynamo.call(self.client.transact_write_items, TransactItems=writes)
        except dynamo.StaleViewError:
            return False
        return True

    def get(self, key: OrderKey) -> Order | None:
        """Return an order, read consistently."""
        row = (keys.order_pk(key), keys.ORDER)
        item = dynamo.read_many(self.client, self.table, [row]).get(row)
        return codec.read_order(item) if item else None

    def refund(self, key: OrderKey, refund_id: str) -> tuple[Order, Refund, int] | None:
        """Return an order, one of its refunds, and since when that has its status, read consistently."""
        pk = keys.order_pk(key)
        rows = dynamo.read_many(self.client, self.table, [(pk, keys.ORDER), (pk, keys.refund_sk(refund_id))])
        order, child = rows.get((pk, keys.ORDER)), rows.get((pk, keys.refund_sk(refund_id)))
        if order is None or child is None:
            return None
        return codec.read_order(order), codec.read_refund(child), codec.as_number(child, "since") or 0

    def settlement(self, key: OrderKey, settlement_id: str) -> tuple[Order, Settlement] | None:
        """Return an order and one of its settlements, read consistently."""
        pk = keys.order_pk(key)
        rows = dynamo.read_many(self.client, self.table, [(pk, keys.ORDER), (pk, keys.settlement_sk(settlement_id))])
        order, child = rows.get((pk, keys.ORDER)), rows.get((pk, keys.settlement_sk(settlement_id)))
        if order is None or child is None:
            return None
        return codec.read_order(order), codec.read_settlement(child)

    def shipments(self, key: OrderKey) -> tuple[Shipment, ...]:
        """Return an order's shipments, oldest first, read consistently."""
        found = [codec.read_shipment(item) for item in self._children(key, keys.SHIPMENT)]
        return tuple(sorted(found, key=lambda shipment: (shipment.requested_at, shipment.shipment_id)))

    def refunds(self, key: OrderKey) -> tuple[Refund, ...]:
        """Return an order's refunds, read consistently."""
        return tuple(codec.read_refund(item) for item in self._children(key, keys.REFUND))

    def _children(self, key: OrderKey, kind: str) -> Iterator[Item]:
        query = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :kind)",
            "ExpressionAttributeValues": {":pk": text(keys.order_pk(key)), ":kind": text(kind)},
            "ConsistentRead": True,
        }
        return dynamo.read_all(self.client, **query)

    def _orphans(self, key: OrderKey) -> list[Item]:
        query = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :event)",
            "FilterExpression": "attribute_exists(orphan)",
            "ExpressionAttributeValues": {":pk": text(keys.order_pk(key)), ":event": text(keys.EVENT)},
            "ConsistentRead": True,
        }
        items = list(dynamo.read_all(self.client, **query))
        return sorted(items, key=lambda item: (codec.as_number(item, "received_at") or 0, item["sk"]["S"]))

    def _read_view(self, change: Change, event_id: str) -> tuple[dict[_Row, Item], Order | None]:
        pk = keys.order_pk(change.key)
        wanted = [(pk, keys.ORDER), (pk, keys.EVENT + event_id), *_touched(change)]
        rows = dynamo.read_many(self.client, self.table, wanted)
        item = rows.get((pk, keys.ORDER))
        order = codec.read_order(item) if item else None
        if order is not None and isinstance(change.fact, Paid):
            # Two rare cases cost one more read: a replaced order, and a payment that another order has already.
            more = [(keys.order_pk(other), keys.ORDER) for other in _related(order, rows, change)]
            if more:
                rows |= dynamo.read_many(self.client, self.table, more)
        return rows, order

    def _write(
        self,
        rows: Mapping[_Row, Item],
        change: Change,
        decision: Decision,
        event_id: str,
        raw: bytes,
        now: int,
        orphan: Item | None = None,
        received_at: int | None = None,
    ) -> Decision:
        decision = _numbered(decision, now)
        event = _event_item(change, decision, event_id, raw, now, orphan)
        if received_at is not None:
            event |= {"received_at": number(received_at), "redriven_at": number(now)}
        writes = [
            self._put(event, "attribute_exists(orphan)" if orphan else _ABSENT),
            *self._beside_event(rows, change, decision, now),
        ]
        if len(writes) == 1:
            put = writes[0]["Put"]
            dynamo.call(self.client.put_item, **put)
        else:
            dynamo.call(self.client.transact_write_items, TransactItems=writes)
        return decision

    def _beside_event(
        self, rows: Mapping[_Row, Item], change: Change, decision: Decision, now: int
    ) -> list[dict[str, Any]]:
        """Return what a decision writes, and what it depends on, beside the row of its event."""
        order = decision.order
        writes: list[dict[str, Any]] = []
        if decision.outcome == "orphan":
            writes.append(self._absent((keys.order_pk(change.key), keys.ORDER)))
        elif decision.outcome == "applied" and order is not None:
            writes.append(self._put_order(order, now, query_now=decision.query_now))
            writes += [self._put_refund(rows, order, refund, now) for refund in decision.refunds]
            writes += [self._put_settlement(rows, order, settlement, now) for settlement in decision.settlements]
            writes += [self._put_shipment(rows, order, shipment, now) for shipment in decision.shipments]
            if order.terms.reports_status:
                writes.append(self._tell_soon(order, now))
        elif decision.query_now and order is not None:
            writes.append(self._look_soon(order, now))
        writes += self._claims(rows, change)
        writes += self._other_order(rows, change, order, now)
        return writes

    def _put(self, item: Item, condition: str, **values: dict[str, Any]) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self.table, "Item": item, "ConditionExpression": condition}
        if values:
            put["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        return {"Put": put}

    def _absent(self, row: _Row) -> dict[str, Any]:
        key = {"pk": text(row[0]), "sk": text(row[1])}
        return {"ConditionCheck": {"TableName": self.table, "Key": key, "ConditionExpression": _ABSENT}}

    def _put_order(self, order: Order, now: int, *, query_now: bool) -> dict[str, Any]:
        due_at = now if query_now else next_poll(order, now)
        item = codec.order_item(order, owner=f"{order.key.platform}_poll", due_at=due_at)
        if order.version == 1:
            return self._put(item, _ABSENT)
        put = self._put(item, "#version = :seen", seen=number(order.version - 1))
        put["Put"]["ExpressionAttributeNames"] = {"#version": "version"}
        return put

    def _put_refund(self, rows: Mapping[_Row, Item], order: Order, refund: Refund, now: int) -> dict[str, Any]:
        known = rows.get((keys.order_pk(order.key), keys.refund_sk(refund.refund_id)))
        same = known is not None and codec.as_text(known, "status") == refund.status
        since = (codec.as_number(known, "since") if known and same else None) or now
        owner, due_at = f"{order.key.platform}_refund", next_refund_step(refund, since, now)
        if awaits_audit(refund):
            due_at = next_audit(refund, now)
        item = codec.refund_item(order.key, refund, owner=owner, due_at=due_at, since=since, now=now)
        if refund.reported:  # when we first heard that the platform took it, and which bill has it
            item["accepted_at"] = number(now)
        if known:
            item.update({name: known[name] for name in ("accepted_at", "billed_on") if name in known})
        # The order's version guards the child: both only ever change in one transaction.
        return self._put(item, "attribute_exists(pk)" if known else _ABSENT)

    def _put_settlement(
        self, rows: Mapping[_Row, Item], order: Order, settlement: Settlement, now: int
    ) -> dict[str, Any]:
        due_at = max(settlement.due, now) if is_open(settlement) else None
        owner = f"{order.key.platform}_settle"
        item = codec.settlement_item(order.key, settlement, owner=owner, due_at=due_at, now=now)
        known = rows.get((item["pk"]["S"], item["sk"]["S"]))
        return self._put(item, "attribute_exists(pk)" if known else _ABSENT)

    def _put_shipment(self, rows: Mapping[_Row, Item], order: Order, shipment: Shipment, now: int) -> dict[str, Any]:
        due_at = next_shipment_step(shipment, now)
        item = codec.shipment_item(order.key, shipment, owner=f"{order.key.platform}_ship", due_at=due_at, now=now)
        known = rows.get((item["pk"]["S"], item["sk"]["S"]))
        return self._put(item, "attribute_exists(pk)" if known else _ABSENT)

    def _look_soon(self, order: Order, now: int) -> dict[str, Any]:
        update = {
            "TableName": self.table,
            "Key": {"pk": text(keys.order_pk(order.key)), "sk": text(keys.ORDER)},
            "UpdateExpression": "SET due_at = :now, due_shard = :shard",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {
                ":now": number(now),
                ":shard": text(keys.due_shard(f"{order.key.platform}_poll", order.key.order_id)),
            },
        }
        return {"Update": update}

    def _tell_soon(self, order: Order, now: int) -> dict[str, Any]:
        """Have the platform told of the order's state; what it was told so far stays."""
        update = {
            "TableName": self.table,
            "Key": {"pk": text(keys.order_pk(order.key)), "sk": text(keys.SYNC)},
            "UpdateExpression": "SET due_at = :now, due_shard = :shard REMOVE looks",
            "ExpressionAttributeValues": {
                ":now": number(now),
                ":shard": text(keys.due_shard(f"{order.key.platform}_ship", order.key.order_id)),
            },
        }
        return {"Update": update}

    def _claims(self, rows: Mapping[_Row, Item], change: Change) -> list[dict[str, Any]]:
        """Return puts that make the platform's own numbers belong to this order, or to nobody else."""
        puts = []
        for pk, sk in _claimed(change):
            owner = rows.get((pk, sk))
            if owner is None:
                item = {"pk": text(pk), "sk": text(sk), "order": text(keys.order_pk(change.key))}
                puts.append(self._put(item, _ABSENT))
        return puts

    def _other_order(self, rows: Mapping[_Row, Item], change: Change, order: Order | None, now: int) -> list[Any]:
        """Flag the order that has this payment already, and hold a linked order still while this one is decided."""
        if order is None or not isinstance(change.fact, Paid):
            return []
        writes: list[Any] = []
        for other_key in _related(order, rows, change):
            item = rows.get((keys.order_pk(other_key), keys.ORDER))
            if item is None:
                continue
            other = codec.read_order(item)
            if other_key == _transaction_owner(rows, change):
                flag = Flagged("transaction_of_another_order", change.fact.transaction_id)
                news = Change(other_key, flag, Queried(), "store", change.tenant)
                decision = decide(other, news)
                if decision.outcome == "applied" and decision.order is not None:
                    flagged = replace(decision.order, version=other.version + 1, updated_at=now)
                    writes.append(self._put_order(flagged, now, query_now=False))
                    event = _event_item(news, replace(decision, order=flagged), keys.event_id(news), b"", now, None)
                    writes.append(self._put(event, _ABSENT))
            else:
                writes.append(
                    {
                        "ConditionCheck": {
                            "TableName": self.table,
                            "Key": {"pk": item["pk"], "sk": item["sk"]},
                            "ConditionExpression": "#version = :seen",
                            "ExpressionAttributeNames": {"#version": "version"},
                            "ExpressionAttributeValues": {":seen": number(other.version)},
                        }
                    }
                )
        return writes


def _numbered(decision: Decision, now: int) -> Decision:
    """Return the decision with the next version of the order that it changes."""
    if decision.outcome != "applied" or decision.order is None:
        return decision
    return replace(decision, order=replace(decision.order, version=decision.order.version + 1, updated_at=now))


def _replayed(stored: Item, change: Change, decision: Decision, now: int) -> dict[str, Any]:
    """Return the update of an event's row that is replayed: what a decision without effect leaves as it was."""
    sets: Item = {"replayed_at": number(now)}
    removes: list[str] = []
    names: dict[str, str] = {}
    still = "attribute_exists(orphan)" if "orphan" in stored else "attribute_not_exists(orphan)"
    attached = "orphan" in stored and decision.outcome != "orphan"
    if attached:
        sets["attached_at"] = number(now)
        removes = ["orphan", "due_at", "due_shard", "looks", "#exception"]
        names["#exception"] = "exception"
    if (attached or decision.outcome == "applied") and decision.order is not None:
        sets["decision"], sets["reason"] = text(decision.outcome), text(decision.reason)
        sets["version"] = number(decision.order.version)
    if decision.emits and (attached or decision.outcome == "applied"):
        # The stream shows only new rows and attached orphans: the sweep publishes these, under their ids of old.
        waiting = [] if "published_at" in stored else stored.get("emits", {"L": []})["L"]
        told = [text(detail_type) for detail_type in decision.emits]
        sets["emits"] = {"L": [*(one for one in waiting if one not in told), *told]}
        sets["due_at"] = number(now + OUTBOX_GRACE_SECONDS)
        sets["due_shard"] = text(keys.due_shard("sweep", change.key.order_id))
        removes = [*(name for name in removes if name not in sets), "published_at"]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if removes:
        expression += " REMOVE " + ", ".join(removes)
    return {
        "Key": {"pk": stored["pk"], "sk": stored["sk"]},
        "UpdateExpression": expression,
        "ConditionExpression": f"attribute_exists(pk) AND {still}",
        "ExpressionAttributeNames": {**names, **{f"#{name}": name for name in sets}},
        "ExpressionAttributeValues": {f":{name}": value for name, value in sets.items()},
    }


def _outcome(decision: Decision, event_id: str) -> Outcome:
    return Outcome(decision.outcome, decision.reason, event_id, decision.order, decision.emits)


def _alias(key: OrderKey, kind: str, value: str) -> _Row:
    """Return the row by which one of the platform's numbers leads to its order; a transaction's is unique besides."""
    if kind == "transaction":
        return keys.transaction_pk(key.platform, key.account, value), "TXN"
    return keys.alias_pk(key.platform, key.account, kind, value), "ALIAS"


def _claimed(change: Change) -> list[_Row]:
    """Return the rows by which the platform's numbers in this change lead to its order."""
    key, fact = change.key, change.fact
    if isinstance(change.trust, Hint) or is_unmatched(key):
        return []

    match fact:
        case Paid():
            numbers = (fact.transaction_id, fact.channel_id)
            return [_alias(key, "transaction", number) for number in numbers if number]
        case Prepared() if fact.transaction_id:
            return [_alias(key, "transaction", fact.transaction_id)]
        case RefundReported() | RefundRequested() | RefundStarted():
            return [_alias(key, "refund", fact.refund_id)]
        case SettlementReported():
            return [_alias(key, "settlement", fact.settlement_id)]
    return []


def _touched(change: Change) -> list[_Row]:
    rows, pk, fact = _claimed(change), keys.order_pk(change.key), change.fact
    if isinstance(fact, RefundFact):
        rows.append((pk, keys.refund_sk(fact.refund_id)))
    if isinstance(fact, _SETTLEMENT_FACTS):
        rows.append((pk, keys.settlement_sk(fact.settlement_id)))
    if isinstance(fact, ShipmentFact):
        rows.append((pk, keys.shipment_sk(fact.shipment_id)))
    if isinstance(fact, Paid):  # a payment plans the settlement that has the order's own number
        rows.append((pk, keys.settlement_sk(change.key.order_id)))
    return rows


def _owner(rows: Mapping[_Row, Item], row: _Row, key: OrderKey) -> OrderKey | None:
    item = rows.get(row)
    owner = keys.order_key(item["order"]["S"]) if item else key
    return None if owner == key else owner


def _transaction_owner(rows: Mapping[_Row, Item], change: Change) -> OrderKey | None:
    if not isinstance(change.fact, Paid):
        return None
    owners = [_owner(rows, row, change.key) for row in _claimed(change) if row[1] == "TXN"]
    return next((owner for owner in owners if owner is not None), None)


def _related(order: Order, rows: Mapping[_Row, Item], change: Change) -> list[OrderKey]:
    related = []
    if order.linked:
        related.append(OrderKey(order.key.platform, order.key.account, order.linked))
    owner = _transaction_owner(rows, change)
    if owner is not None and owner not in related:
        related.append(owner)
    return related


def _view(rows: Mapping[_Row, Item], change: Change, order: Order | None) -> View:
    if order is None:
        return decisions.NOTHING
    pk = keys.order_pk(change.key)
    fact = change.fact
    owners = [_owner(rows, row, change.key) for row in _claimed(change)]
    if isinstance(fact, RefundFact):
        child = rows.get((pk, keys.refund_sk(fact.refund_id)))
        return View(refund=codec.read_refund(child) if child else None, refund_owner=owners[0] if owners else None)
    if isinstance(fact, _SETTLEMENT_FACTS):
        child = rows.get((pk, keys.settlement_sk(fact.settlement_id)))
        return View(
            settlement=codec.read_settlement(child) if child else None,
            settlement_owner=owners[0] if owners else None,
        )
    if isinstance(fact, ShipmentFact):
        child = rows.get((pk, keys.shipment_sk(fact.shipment_id)))
        return View(shipment=codec.read_shipment(child) if child else None)
    if isinstance(fact, Paid):
        linked = (
            rows.get((keys.order_pk(replace(change.key, order_id=order.linked)), keys.ORDER)) if order.linked else None
        )
        paid = linked is not None and codec.read_order(linked).payment is not None
        plan = rows.get((pk, keys.settlement_sk(change.key.order_id)))
        return View(
            settlement=codec.read_settlement(plan) if plan else None,
            transaction_owner=_transaction_owner(rows, change),
            linked_paid=paid,
        )
    return decisions.NOTHING


def _event_item(change: Change, decision: Decision, event_id: str, raw: bytes, now: int, orphan: Item | None) -> Item:
    item: Item = {
        "pk": text(keys.order_pk(change.key)),
        "sk": text(keys.EVENT + event_id),
        "event_id": text(event_id),
        "kind": text(change.fact.kind),
        "via": text(change.via),
        "trust": text(change.trust.name),
        "key_id": text(change.trust.key_id),
        "change": text(codec.dump_change(change)),
        "received_at": number(now),
        "decision": text(decision.outcome),
        "reason": text(decision.reason),
    }
    if change.envelope_id:
        item["envelope_id"] = text(change.envelope_id)
    if orphan is not None:
        kept = ("received_at", "raw", "digest", "redriven_at")
        item.update({name: orphan[name] for name in kept if name in orphan}, attached_at=number(now))
    elif raw:
        item["raw"] = {"B": codec.compress(raw)}
        item["digest"] = text(digests.sha256(raw))
    if decision.order is not None:
        item["version"] = number(decision.order.version)
    if decision.outcome == "orphan":
        item["orphan"] = number(1)
    if decision.outcome == "orphan" or isinstance(change.trust, Hint):
        # Kept on the poll function's list until the platform was asked.
        # What only signals an order is of one that was made elsewhere: nothing here is about to create it.
        at_once = isinstance(change.trust, Hint) or isinstance(change.fact, PlatformEvent)
        item["due_at"] = number(now if at_once else now + ORPHAN_QUERY_SECONDS)
        item["due_shard"] = text(keys.due_shard(f"{change.key.platform}_poll", change.key.order_id))
    elif decision.emits:
        item["emits"] = {"L": [text(detail_type) for detail_type in decision.emits]}
        item["due_at"] = number(now + OUTBOX_GRACE_SECONDS)
        item["due_shard"] = text(keys.due_shard("sweep", change.key.order_id))
    return item
