"""What came of comparing a platform's bills: one summary for each day, and each difference with how it was settled."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Self

from countersign import aws
from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import Bill, BillDiffers, Change, OrderKey
from countersign.orders.reasons import Reason, because
from countersign.orders.reconcile import Difference
from countersign.orders.refunds import Refund
from countersign.orders.sentences import ENGLISH, difference_meaning
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.orders.work import WORK_LISTS
from countersign.store import codec, dynamo, keys
from countersign.store.children import child_of
from countersign.store.codec import Item, number, text
from countersign.store.record import to_publish

LEASE_SECONDS = 1000  # longer than the function runs
GRACE_DAYS = 3


@dataclass(frozen=True, slots=True)
class Day:
    """One account's bill of one day (as the platform counts days)."""

    platform: str
    account: str
    day: str

    @property
    def pk(self) -> str:
        """Partition of that day, for all platforms' accounts of this name."""
        return f"RECON#{keys.part(self.account)}#{keys.part(self.day)}"

    @property
    def summary_sk(self) -> str:
        """Sort key of the row that says how far the comparison came."""
        return f"{keys.part(self.platform)}#SUMMARY"

    def named_sk(self, name: str) -> str:
        """Return the key of the difference that callers mean by a name (`id` of a line)."""
        what, _, subject = name.partition(".")
        return f"{keys.part(self.platform)}#DIFF#{what}#{subject}"

    def difference_sk(self, difference: Difference) -> str:
        """Return the key of a difference, the same each time that it is found."""
        return f"{keys.part(self.platform)}#DIFF#{difference.what}#{keys.part(difference.subject)}"


class ReconciliationStore:
    """Summaries and differences in the orders table, and the reads that a comparison needs."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    @classmethod
    def from_environment(cls) -> Self:
        """Return the store that the function's environment names."""
        return cls(aws.client("dynamodb"), os.environ["TABLE_NAME"])

    def begin(self, day: Day, *, now: int) -> bool:
        """Take a day's comparison; False while somebody else works on it."""
        return self._update(
            day.pk,
            day.summary_sk,
            "SET lease_until = :until, platform = :platform, #day = :day, #status = if_not_exists(#status, :waiting)",
            "attribute_not_exists(lease_until) OR lease_until <= :now OR lease_until > :until",
            {
                ":until": number(now + LEASE_SECONDS),
                ":now": number(now),
                ":platform": text(day.platform),
                ":day": text(day.day),
                ":waiting": text("waiting"),
            },
        )

    def end(
        self, day: Day, status: str, *, reason: str = "", counts: Mapping[str, Any] | None = None, now: int
    ) -> None:
        """Say how a comparison ended: done, nothing (no business that day) or waiting (for the bill)."""
        item: Item = {
            "pk": text(day.pk),
            "sk": text(day.summary_sk),
            "platform": text(day.platform),
            "day": text(day.day),
            "status": text(status),
            "reason": text(reason),
            "counts": text(json.dumps(dict(counts or {}))),
            "ended_at": number(now),
        }
        dynamo.put(self.client, self.table, item)

    def ask_again(self, day: Day, *, now: int) -> bool:
        """Have a day compared (again) by the next run; False while somebody compares it."""
        return self._update(
            day.pk,
            day.summary_sk,
            "SET platform = :platform, #day = :day, #status = :waiting, asked_at = :now",
            "attribute_not_exists(lease_until) OR lease_until <= :now",
            {
                ":platform": text(day.platform),
                ":day": text(day.day),
                ":waiting": text("waiting"),
                ":now": number(now),
            },
        )

    def statuses(self, days: Iterable[Day]) -> dict[Day, str]:
        """Return how the comparison of each day ended; a day on which it never began is left out."""
        rows = {(day.pk, day.summary_sk): day for day in days}
        found = dynamo.read_many(self.client, self.table, rows)
        return {rows[row]: codec.as_text(item, "status") for row, item in found.items()}

    def keep(self, day: Day, difference: Difference, *, now: int) -> bool:
        """Keep a difference and tell the bus of one that is open; False if it was known: then nothing is told again."""
        item: Item = {
            "pk": text(day.pk),
            "sk": text(day.difference_sk(difference)),
            "platform": text(day.platform),
            "difference": text(json.dumps(asdict(difference), ensure_ascii=False)),
            "status": text("resolved" if difference.resolution else "open"),
            "found_at": number(now),
            "grace_until": number(now + GRACE_DAYS * 86400),
        }
        writes: list[dict[str, Any]] = [self._put_absent(item)]
        if difference.resolution:
            item["resolved_at"] = number(now)
        else:
            writes.append(self._put_absent(_event(day, difference, now)))
        for _ in dynamo.attempts():
            try:
                dynamo.call(self.client.transact_write_items, TransactItems=writes)
            except dynamo.StaleViewError:
                row = (item["pk"]["S"], item["sk"]["S"])
                if row in dynamo.read_many(self.client, self.table, [row]):
                    if not difference.resolution:
                        self._reopen(day, difference)
                    return False
                continue
            return True
        return False

    def _reopen(self, day: Day, difference: Difference) -> None:
        # What a person has settled stays so: the bill of that day will always say the same.
        values = {":open": text("open"), ":resolved": text("resolved")}
        condition = "#status = :resolved AND attribute_not_exists(resolved_by)"
        row = (day.pk, day.difference_sk(difference))
        self._update(*row, "SET #status = :open REMOVE resolved_at", condition, values)

    def open_differences(self, day: Day) -> list[Difference]:
        """Return a day's differences that nothing has settled yet."""
        rows = self._rows(day.pk, f"{keys.part(day.platform)}#DIFF#")
        return [_difference(row) for row in rows if codec.as_text(row, "status") == "open"]

    def tally(self, day: Day) -> tuple[int, int]:
        """Return how many differences of a day are open, and how many were settled."""
        statuses = [codec.as_text(row, "status") for row in self._rows(day.pk, f"{keys.part(day.platform)}#DIFF#")]
        return statuses.count("open"), statuses.count("resolved")

    def settle(self, day: Day, difference: Difference, resolution: str, *, now: int) -> None:
        """Mark a difference as resolved, and say how."""
        content = json.dumps({**asdict(difference), "resolution": resolution}, ensure_ascii=False)
        self._update(
            day.pk,
            day.difference_sk(difference),
            "SET #status = :resolved, resolved_at = :now, difference = :content",
            "#status = :open",
            {":resolved": text("resolved"), ":open": text("open"), ":now": number(now), ":content": text(content)},
        )

    def line(self, day: Day, name: str, language: str) -> dict[str, Any] | None:
        """Return the difference of a day that callers mean by a name, or None where there is none."""
        place = (day.pk, day.named_sk(name))
        row = dynamo.read_many(self.client, self.table, [place]).get(place)
        return _row(row, language) if row else None

    def resolve(self, day: Day, name: str, note: str, *, by: str, now: int) -> bool:
        """Mark an open difference as settled by a person, who says how; False where it is not open."""
        return self._update(
            day.pk,
            day.named_sk(name),
            "SET #status = :resolved, resolved_at = :now, resolved_by = :by, note = :note",
            "#status = :open",
            {
                ":open": text("open"),
                ":resolved": text("resolved"),
                ":now": number(now),
                ":by": text(by),
                ":note": text(note),
            },
        )

    def report(self, account: str, day: str) -> list[dict[str, Any]]:
        """Return a day's summaries and differences of all platforms on which an account of that name exists."""
        reports: dict[str, dict[str, Any]] = {}
        for row in self._rows(Day("", account, day).pk, ""):
            platform = codec.as_text(row, "platform")
            report = reports.setdefault(platform, {"platform": platform, "account": account, "date": day})
            if row["sk"]["S"].endswith("#SUMMARY"):
                report["status"] = codec.as_text(row, "status")
                report["reason"] = codec.as_text(row, "reason") or None
                report["bill"] = json.loads(codec.as_text(row, "counts") or "{}")
                report["ended_at"] = timestamp(codec.as_number(row, "ended_at"))
            else:
                report.setdefault("differences", []).append(_row(row))
        return [{"differences": [], **report} for _, report in sorted(reports.items())]

    def differences(
        self, day: Day, *, statuses: Collection[str] = (), after: str, limit: int, language: str
    ) -> tuple[list[dict[str, Any]], str]:
        """Return a page of a day's differences (in these statuses, or all) by their keys, and the key it ends with.

        A page may hold less than `limit` only where nothing follows: then it ends where its last line does, or at
        `after`, which is empty for the first page and else the end of the one before. Raises MalformedError for an
        `after` that no page of the platform's ends with.
        """
        prefix = f"{keys.part(day.platform)}#DIFF#"
        last = f"{prefix}~"  # behind every name of a difference
        if after and not prefix < after < last:
            raise MalformedError("the cursor is not one of ours")
        rows = dynamo.read_all(
            self.client,
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :after AND :last",
            ExpressionAttributeValues={
                ":pk": text(day.pk),
                ":after": text(after or prefix),
                ":last": text(last),
            },
            ConsistentRead=True,
            Limit=limit + 1,
        )
        wanted = (
            row
            for row in rows
            if row["sk"]["S"] != after and (not statuses or codec.as_text(row, "status") in statuses)
        )
        page = list(islice(wanted, limit))
        return [_row(row, language) for row in page], page[-1]["sk"]["S"] if page else after

    def orders(
        self, wanted: Iterable[tuple[OrderKey, str]]
    ) -> tuple[dict[OrderKey, Order], dict[tuple[OrderKey, str], Item]]:
        """Return orders, and the items of refunds where a refund number is given: at most 100 rows in one read."""
        rows: dict[tuple[str, str], tuple[OrderKey, str]] = {}
        for key, refund_id in wanted:
            pk = keys.order_pk(key)
            rows[pk, keys.ORDER] = (key, "")
            if refund_id:
                rows[pk, keys.child_sk("refund", refund_id)] = (key, refund_id)
        found = dynamo.read_many(self.client, self.table, rows)
        orders = {rows[row][0]: codec.read_order(item) for row, item in found.items() if not rows[row][1]}
        return orders, {rows[row]: item for row, item in found.items() if rows[row][1]}

    def mark_billed(self, key: OrderKey, refund_id: str, day: str) -> None:
        """Note on a refund that a bill has it."""
        row = (keys.order_pk(key), keys.child_sk("refund", refund_id))
        self._update(*row, "SET billed_on = :day", "attribute_exists(pk)", {":day": text(day)})

    def changed_since(self, platform: str, account: str, since: int) -> Iterator[Order]:
        """Yield an account's orders that have changed since a time, page by page."""
        for work in WORK_LISTS:
            for name in keys.account_shards(platform, account, work):
                for item in self._changed(name, since):
                    yield codec.read_order(item)

    def refunds_changed_since(self, platform: str, account: str, since: int) -> Iterator[tuple[OrderKey, Refund, Item]]:
        """Yield an account's refunds that the platform may have taken and that have changed since a time."""
        for status in ("processing", "needs_action", "failed", "succeeded"):
            for name in keys.refunds_shards(status):
                for item in self._changed(name, since):
                    key = keys.order_key(item["pk"]["S"])
                    if (key.platform, key.account) == (platform, account):
                        yield key, child_of(item), item

    def _changed(self, partition: str, since: int) -> Iterator[Item]:
        entries = dynamo.read_all(
            self.client,
            TableName=self.table,
            IndexName="by_account",
            KeyConditionExpression="account_shard = :partition AND updated_at >= :since",
            ExpressionAttributeValues={":partition": text(partition), ":since": number(since)},
        )
        yield from dynamo.whole_rows(self.client, self.table, entries)

    def _rows(self, pk: str, prefix: str) -> Iterator[Item]:
        condition, values = "pk = :pk", {":pk": text(pk)}
        if prefix:
            condition, values[":prefix"] = f"{condition} AND begins_with(sk, :prefix)", text(prefix)
        yield from dynamo.read_all(
            self.client,
            TableName=self.table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )

    def _put_absent(self, item: Item) -> dict[str, Any]:
        return {
            "Put": {"TableName": self.table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"},
        }

    def _update(
        self,
        pk: str,
        sk: str,
        expression: str,
        condition: str,
        values: dict[str, Any],
    ) -> bool:
        row = {"pk": text(pk), "sk": text(sk)}
        return dynamo.update_if(self.client, self.table, row, expression, condition, values)


def _difference(row: Item) -> Difference:
    content = json.loads(codec.as_text(row, "difference"))
    amount = content.get("amount")
    return Difference(**{**content, "amount": Money(**amount) if amount else None})


def _row(row: Item, language: str = ENGLISH) -> dict[str, Any]:
    content = json.loads(codec.as_text(row, "difference"))
    return {
        "id": f"{content['what']}.{keys.part(content['subject'])}",
        **{name: value or None for name, value in content.items()},
        "meaning": difference_meaning(content["what"], language),
        "status": codec.as_text(row, "status"),
        "found_at": timestamp(codec.as_number(row, "found_at")),
        "grace_until": timestamp(codec.as_number(row, "grace_until")),
        "resolved_at": timestamp(codec.as_number(row, "resolved_at")),
        "resolved_by": codec.as_text(row, "resolved_by") or None,
        "note": codec.as_text(row, "note") or None,
    }


def _event(day: Day, difference: Difference, now: int) -> Item:
    """Return the event row by which the bus hears of a difference, whether the order is known here or not."""
    key = OrderKey(day.platform, day.account, difference.order_id)
    change = Change(key, BillDiffers(day.day, difference.what, difference.subject), Bill(), "bill")
    event_id = keys.event_id(change)
    return {
        "pk": text(keys.order_pk(key)),
        "sk": text(keys.EVENT + event_id),
        "kind": text(change.fact.kind),
        "via": text(change.via),
        "trust": text(change.trust.name),
        "change": text(codec.dump_changes((change,), change.fact.kind)),
        "received_at": number(now),
        "decision": text("unchanged"),
        "reasons": codec.reasons(because("bill_of", day=str(day.day)), Reason(f"difference.{difference.what}")),
        **to_publish(["reconciliation.difference"], key, now),
    }
