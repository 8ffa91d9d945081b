"""Record changes: read what a message touches, decide, write everything in one transaction."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from countersign import aws
from countersign.errors import StoreUnavailableError
from countersign.orders import children, purchases, reports
from countersign.orders.changes import Change, Hint, OrderKey, Paid, is_unmatched
from countersign.orders.decide import decide_message
from countersign.orders.decision import Decision, Number, View
from countersign.orders.reasons import Reason, because
from countersign.orders.schedule import next_poll
from countersign.orders.state import Order
from countersign.store import children as children_store
from countersign.store import codec, dynamo, evidence, keys
from countersign.store.children import Found, child_item, child_of
from countersign.store.codec import Item, number, text
from countersign.values import dataclass, replace

ORPHAN_QUERY_SECONDS = 60
OUTBOX_GRACE_SECONDS = 60
BEGAN_TO_WAIT = ("received_at", "redriven_at", "attached_at", "replayed_at")  # for the bus: the last of them
MOST_FACTS = 20  # of one message: what they touch must be read in one batch, and written in one transaction
ABSENT = "attribute_not_exists(pk)"
Row = tuple[str, str]
Rows = Mapping[Row, Item]
Write = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: applied, unchanged, orphan, refused or duplicate, and the order as it is now."""

    outcome: str
    reason: Reason
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
        """Take one change into the order record, as `record_message` does."""
        return self.record_message((change,), now=now, raw=raw, received_at=received_at)

    def record_message(
        self, changes: Sequence[Change], *, now: int, raw: bytes = b"", received_at: int | None = None
    ) -> Outcome:
        """Take what one message says into the order record; `raw` is the evidence, `now` the time of receipt.

        `changes` are 1 to 20 facts about one order, by one road: they are decided in sequence and written in one
        transaction with one event row, all or nothing. Times are epoch seconds; `received_at` is given where the bytes
        came earlier, lay in quarantine, and are redriven now.

        One consistent batch read and one transaction; a duplicate costs the read alone. Raises ContentionError or
        StoreUnavailableError if nothing could be written: then nothing is.
        """
        changes = self._located(changes)
        event_id = keys.event_id(*changes)
        for _ in dynamo.attempts():
            done = self._record_once(changes, event_id, raw, now, received_at)
            if done is not None:
                return done
        raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before

    def located(self, change: Change) -> Change:
        """Return the change under its order's key, where it names only numbers of the platform's that we know."""
        return self._located((change,))[0]

    def get(self, key: OrderKey) -> Order | None:
        """Return an order, read consistently."""
        row = (keys.order_pk(key), keys.ORDER)
        item = dynamo.read_many(self.client, self.table, [row]).get(row)
        return codec.read_order(item) if item else None

    def refund(self, key: OrderKey, refund_id: str) -> Found | None:
        """Return an order, one of its refunds, and since when that has its status, read consistently."""
        return children_store.read(self.client, self.table, key, "refund", refund_id)

    def settlement(self, key: OrderKey, settlement_id: str) -> tuple[Order, Any] | None:
        """Return an order and one of its settlements, read consistently."""
        found = children_store.read(self.client, self.table, key, "settlement", settlement_id)
        return None if found is None else (found.order, found.child)

    def shipments(self, key: OrderKey) -> tuple[Any, ...]:
        """Return an order's shipments, oldest first, read consistently."""
        found = children_store.read_all(self.client, self.table, key, "shipment")
        return tuple(sorted(found, key=lambda shipment: (shipment.requested_at, shipment.shipment_id)))

    def retry(self, key: OrderKey, retry_id: str) -> Found | None:
        """Return a charge, one wish to try it again, and since when that has its status, read consistently."""
        return children_store.read(self.client, self.table, key, "retry_request", retry_id)

    def instruction(self, key: OrderKey, instruction_id: str) -> Found | None:
        """Return an order, one instruction about it, and since when that has its status, read consistently."""
        return children_store.read(self.client, self.table, key, "instruction", instruction_id)

    def refunds(self, key: OrderKey) -> tuple[Any, ...]:
        """Return an order's refunds, read consistently."""
        return tuple(children_store.read_all(self.client, self.table, key, "refund"))

    def _located(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        key = changes[0].key
        if len(changes) > MOST_FACTS or any(change.key != key for change in changes):
            raise ValueError(f"a message says 1 to {MOST_FACTS} facts about one order")
        aliases = dict.fromkeys(alias for change in changes for alias in change.aliases)
        if not aliases or not is_unmatched(key):
            return tuple(changes)
        wanted = [alias_row(key, kind, value) for kind, value in aliases]
        rows = dynamo.read_many(self.client, self.table, dict.fromkeys(wanted))
        found = next((rows[row] for row in wanted if row in rows), None)
        if found is None:
            return tuple(changes)
        return tuple(replace(change, key=keys.order_key(found["order"]["S"])) for change in changes)

    def _record_once(
        self, changes: tuple[Change, ...], event_id: str, raw: bytes, now: int, received_at: int | None
    ) -> Outcome | None:
        """Read, decide and write; None where what was read had changed before the write, and nothing was written.

        Who loses against the same message reads once more at once: then the event is there, and that is the answer.
        """
        for last in (False, True):
            rows, order = self.read_view(changes, event_id)
            if (keys.order_pk(changes[0].key), keys.EVENT + event_id) in rows:
                return Outcome("duplicate", because("same_again"), event_id, order)
            decision = decide_message(order, changes, event_id, view_of(rows, changes))
            if decision.outcome == "refused":
                return outcome_of(decision, event_id)
            facts = [change.fact for change in changes]
            if (same := reports.repeated(order, facts, changes[0].trust, decision)) is not None:
                return Outcome("unchanged", because("same_again"), event_id, same) if self._moved(rows, same) else None
            decision = numbered(decision, now)
            event, rest = event_item(changes, decision, event_id, raw, now)
            if received_at is not None:
                event |= {"received_at": number(received_at), "redriven_at": number(now)}
            writes = [put(self.table, event, ABSENT), *self.beside_event(rows, changes, decision, now)]
            writes += [put(self.table, row) for row in rest]
            try:
                self._write(writes)
            except dynamo.StaleViewError as error:
                if last or not dynamo.first_condition_failed(error):
                    return None
                continue
            return outcome_of(decision, event_id)
        return None

    def read_view(self, changes: Sequence[Change], event_id: str) -> tuple[dict[Row, Item], Order | None]:
        """Read what a decision about the changes stands on: one batch, and one more for each link of a purchase."""
        key = changes[0].key
        pk = keys.order_pk(key)
        wanted = [(pk, keys.ORDER), (pk, keys.EVENT + event_id)]
        for change in changes:
            wanted += [alias_row(key, *unique) for unique in children.unique(change)]
            wanted += [(pk, keys.child_sk(*touched)) for touched in children.touched(change)]
        rows = dynamo.read_many(self.client, self.table, dict.fromkeys(wanted))
        item = rows.get((pk, keys.ORDER))
        order = codec.read_order(item) if item else None
        if (pk, keys.EVENT + event_id) in rows:
            return rows, order
        # Two rare cases cost more reads: orders of one purchase, and a payment that another order has already.
        known: dict[OrderKey, Order | None] = {}
        while more := _related(order, rows, changes, known):
            other_rows = [(keys.order_pk(other), keys.ORDER) for other in more]
            rows |= dynamo.read_many(self.client, self.table, other_rows)
            for other, row in zip(more, other_rows, strict=True):
                known[other] = codec.read_order(rows[row]) if row in rows else None
        return rows, order

    def _moved(self, rows: Rows, order: Order) -> bool:
        """Note the moment of the newest report, and nothing else; False where the order is another one meanwhile.

        The order's version stays, for nothing that anybody may see has changed: who decides on an order of reports
        makes sure of its facts as well.
        """
        known = rows[keys.order_pk(order.key), keys.ORDER]
        facts = codec.order_item(order, owner="", due_at=None)["facts"]
        if facts == known["facts"]:
            return True
        values = {":facts": facts, ":seen": known["version"], ":known": known["facts"]}
        condition = "#version = :seen AND facts = :known"
        return dynamo.update_if(self.client, self.table, known, "SET facts = :facts", condition, values)

    def _write(self, writes: list[Write]) -> None:
        if len(writes) == 1:
            dynamo.call(self.client.put_item, **writes[0]["Put"])
        else:
            dynamo.call(self.client.transact_write_items, TransactItems=writes)

    def beside_event(self, rows: Rows, changes: Sequence[Change], decision: Decision, now: int) -> list[Write]:
        """Return what a decision writes, and what it depends on, beside the row of its event."""
        key, order = changes[0].key, decision.order
        writes: list[Write] = []
        if decision.outcome == "orphan":
            row = {"pk": text(keys.order_pk(key)), "sk": text(keys.ORDER)}
            writes.append(_check(self.table, row, ABSENT))
        elif decision.outcome == "applied" and order is not None:
            due_at = now if decision.query_now else next_poll(order, now)
            writes.append(self._put_order(rows, order, due_at))
            writes += [self._put_child(rows, key, child, now) for child in decision.children]
            writes += self._name(rows, order)
            if order.terms.reports_status:
                writes.append(self._tell_soon(order, now))
        elif decision.query_now and order is not None:
            writes.append(self._query_soon(order.key, now))
        writes += self._bind_numbers(rows, changes)
        writes += self._find_children(rows, key, decision)
        writes += self._other_orders(rows, key, decision, now)
        return writes

    def _put_order(self, rows: Rows, order: Order, due_at: int | None) -> Write:
        known = rows.get((keys.order_pk(order.key), keys.ORDER))
        item = codec.order_item(order, owner=f"{order.key.platform}_poll", due_at=due_at, known=known)
        if order.version == 1:
            return put(self.table, item, ABSENT)
        write = put(self.table, item, "#version = :seen", seen=number(order.version - 1))
        if order.newest is not None and known is not None:  # its moment moves without a version of its own
            write["Put"]["ConditionExpression"] += " AND facts = :known"
            write["Put"]["ExpressionAttributeValues"][":known"] = known["facts"]
        write["Put"]["ExpressionAttributeNames"] = {"#version": "version"}
        return write

    def _put_child(self, rows: Rows, key: OrderKey, child: Any, now: int) -> Write:
        known = rows.get((keys.order_pk(key), keys.child_sk(child.kind, child.number)))
        # The order's version guards the child: both only ever change in one transaction.
        return put(
            self.table, child_item(key, child, now=now, known=known), "attribute_exists(pk)" if known else ABSENT
        )

    def _query_soon(self, key: OrderKey, now: int) -> Write:
        expression, owner = "SET due_at = :now, due_shard = :shard", f"{key.platform}_poll"
        return self._make_due(key, keys.ORDER, owner, now, expression, ConditionExpression="attribute_exists(pk)")

    def _tell_soon(self, order: Order, now: int) -> Write:
        """Have the platform told of the order's state, by who tells it of shipments too; what it was told so far stays.

        Where it is told of none, a function has this job alone.
        """
        expression = "SET due_at = :now, due_shard = :shard REMOVE attempts"
        job = "sync" if "ship" in order.terms.not_offered else "ship"
        return self._make_due(order.key, keys.SYNC, f"{order.key.platform}_{job}", now, expression)

    def _make_due(self, key: OrderKey, sk: str, owner: str, now: int, expression: str, **condition: str) -> Write:
        return {
            "Update": {
                "TableName": self.table,
                "Key": {"pk": text(keys.order_pk(key)), "sk": text(sk)},
                "UpdateExpression": expression,
                "ExpressionAttributeValues": {
                    ":now": number(now),
                    ":shard": text(keys.due_shard(owner, key.order_id)),
                },
                **condition,
            }
        }

    def _bind_numbers(self, rows: Rows, changes: Sequence[Change]) -> Iterator[Write]:
        """Yield puts that make the platform's own numbers belong to this order, or to nobody else."""
        key = changes[0].key
        for kind, value in dict.fromkeys(unique for change in changes for unique in children.unique(change)):
            pk, sk = alias_row(key, kind, value)
            if (pk, sk) not in rows:
                item = {"pk": text(pk), "sk": text(sk), "order": text(keys.order_pk(key))}
                yield put(self.table, item, ABSENT)

    def _name(self, rows: Rows, order: Order) -> Iterator[Write]:
        """Yield puts by which an order is found under what it is called; a name is written when it is new."""
        known = rows.get((keys.order_pk(order.key), keys.ORDER))
        before = set(_name_rows(codec.read_order(known))) if known is not None else set()
        # What is called so twice, with the sign of a number and without, is one row: a transaction names a row once.
        for pk, sk in dict.fromkeys(_name_rows(order)):
            if (pk, sk) not in before:
                yield put(self.table, {"pk": text(pk), "sk": text(sk)})

    def _find_children(self, rows: Rows, key: OrderKey, decision: Decision) -> Iterator[Write]:
        """Yield puts by which the platform's own numbers of children lead to this order, once for each number.

        They only help who searches: none is read for a decision, and none is a condition.
        """
        told: set[Row] = set()
        for child in decision.children if decision.outcome == "applied" else ():
            found_by = children.BY_NAME[child.kind].found_by
            known = rows.get((keys.order_pk(key), keys.child_sk(child.kind, child.number)))
            value = found_by(child)
            if value and (known is None or found_by(child_of(known)) != value):
                told.add(alias_row(key, keys.platform_number(child.kind), value))
        for pk, sk in sorted(told):  # a number that two children share is written once: a transaction names a row once
            yield put(self.table, {"pk": text(pk), "sk": text(sk), "order": text(keys.order_pk(key))})

    def _other_orders(self, rows: Rows, key: OrderKey, decision: Decision, now: int) -> Iterator[Write]:
        """Yield what a decision does to other orders, and holds still of those that it was made upon."""
        last: dict[OrderKey, Order] = {}
        for change, about_other in decision.beside:
            if about_other.outcome == "applied" and about_other.order is not None:
                decided = numbered(about_other, now)
                assert decided.order is not None  # noqa: S101 - as it is above
                last[change.key] = decided.order
                event, _ = event_item((change,), decided, keys.event_id(change), b"", now)
                yield put(self.table, event, ABSENT)
        for order in last.values():
            yield self._put_order(rows, order, next_poll(order, now))
        written = {keys.order_pk(order) for order in (key, *last)}
        for (pk, sk), item in rows.items():
            if sk == keys.ORDER and pk not in written:
                yield _check(
                    self.table,
                    item,
                    "#version = :seen",
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues={":seen": item["version"]},
                )


def put(table: str, item: Item, condition: str = "", **values: dict[str, Any]) -> Write:
    """Return the put of an item, as part of a transaction."""
    write: dict[str, Any] = {"TableName": table, "Item": item}
    if condition:
        write["ConditionExpression"] = condition
    if values:
        write["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return {"Put": write}


def _check(table: str, row: Mapping[str, Any], condition: str, **more: Any) -> Write:
    key = {"pk": row["pk"], "sk": row["sk"]}
    return {"ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": condition, **more}}


def numbered(decision: Decision, now: int) -> Decision:
    """Return the decision with the next version of the order that it changes."""
    if decision.outcome != "applied" or decision.order is None:
        return decision
    return replace(decision, order=replace(decision.order, version=decision.order.version + 1, updated_at=now))


def outcome_of(decision: Decision, event_id: str) -> Outcome:
    """Return what became of a message that was decided so."""
    return Outcome(decision.outcome, decision.reason, event_id, decision.order, decision.emits)


def _name_rows(order: Order) -> Iterator[Row]:
    """Yield the rows by which an order is found under what it is called."""
    for kind, name in reports.names(order):
        yield keys.name_pk(order.key.platform, order.key.account, name), keys.name_sk(kind, order.key)


def alias_row(key: OrderKey, kind: str, value: str) -> Row:
    """Return the row by which one of the platform's numbers leads to its order; a transaction's is unique besides."""
    if kind == "transaction":
        return keys.transaction_pk(key.platform, key.account, value), "TXN"
    return keys.alias_pk(key.platform, key.account, kind, value), "ALIAS"


def _owners(rows: Rows, change: Change) -> dict[Number, OrderKey]:
    found: dict[Number, OrderKey] = {}
    for unique in children.unique(change):
        item = rows.get(alias_row(change.key, *unique))
        if item is not None and (owner := keys.order_key(item["order"]["S"])) != change.key:
            found[unique] = owner
    return found


def _related(
    order: Order | None, rows: Rows, changes: Sequence[Change], known: Mapping[OrderKey, Order | None]
) -> list[OrderKey]:
    related: list[OrderKey] = []
    for change in changes:
        related += purchases.wanted(change, order, known)
        if isinstance(change.fact, Paid) and order is not None:
            related += _owners(rows, change).values()
    return [key for key in dict.fromkeys(related) if key not in known]


def view_of(rows: Rows, changes: Sequence[Change]) -> View:
    """Return what was read as a decision about the changes sees it."""
    key = changes[0].key
    pk = keys.order_pk(key)
    found: dict[Number, Any] = {}
    owners: dict[Number, OrderKey] = {}
    for change in changes:
        owners |= _owners(rows, change)
        for touched in children.touched(change):
            item = rows.get((pk, keys.child_sk(*touched)))
            if item is not None:
                found[touched] = child_of(item)
    others = [codec.read_order(item) for (other, sk), item in rows.items() if sk == keys.ORDER and other != pk]
    return View(found, owners, {other.key: other for other in others})


def event_item(
    changes: Sequence[Change], decision: Decision, event_id: str, raw: bytes, now: int
) -> tuple[Item, list[Item]]:
    """Return the row of a message and, where its evidence does not fit in it, the rows of the rest."""
    change = changes[0]
    item: Item = {
        "pk": text(keys.order_pk(change.key)),
        "sk": text(keys.EVENT + event_id),
        "kind": text(change.fact.kind),
        "via": text(change.via),
        "trust": text(change.trust.name),
        "change": text(codec.dump_changes(changes, change.fact.kind)),
        "received_at": number(now),
        "decision": text(decision.outcome),
        "reasons": codec.reasons(*decision.reasons),
    }
    if change.trust.key_id:
        item["key_id"] = text(change.trust.key_id)
    if change.envelope_id:
        item["envelope_id"] = text(change.envelope_id)
    if decision.order is not None:
        item["version"] = number(decision.order.version)
    if decision.outcome == "orphan":
        item["orphan"] = number(1)
    if decision.outcome == "orphan" or isinstance(change.trust, Hint):
        # Kept on the poll function's list until the platform was asked.
        # What only signals an order is of one that was made elsewhere: nothing here is about to create it.
        at_once = isinstance(change.trust, Hint) or decision.query_now
        due_at = now if at_once else now + ORPHAN_QUERY_SECONDS
        item |= codec.due(f"{change.key.platform}_poll", due_at, change.key)
    elif decision.emits:
        item |= to_publish(decision.emits, change.key, now)
        if decision.order is not None and decision.order.test:
            item["test"] = {"BOOL": True}
    held, rest = evidence.pieces(item, raw)
    return item | held, rest


def to_publish(emits: Sequence[str], key: OrderKey, now: int) -> Item:
    """Return the attributes by which an event's row is on the bus soon, or is found by the sweep."""
    told = {"L": [text(detail_type) for detail_type in emits]}
    return {"emits": told, **codec.due("sweep", now + OUTBOX_GRACE_SECONDS, key)}


def waiting_since(item: Item, now: int) -> int:
    """Return since when an event's row waits for the bus; `due_at` does not say so, as each try puts it off."""
    return max((at for name in BEGAN_TO_WAIT if (at := codec.as_number(item, name)) is not None), default=now)
