"""What each path costs in DynamoDB: units counted from the items that the store really writes and reads.

`python bench/units.py` prints the table; `--allow` makes it what a test allows from then on (`units.json`). The store
runs unchanged against moto, behind a meter that looks at each item before and after a write and charges as DynamoDB
does:

- a write of a table: 1 unit for each kilobyte, begun, of the larger of the item before and after; twice in a
  transaction; a condition that only checks costs as much as a write of what it looks at;
- a write of an index: nothing where its entry stays as it was, else 1 unit for each kilobyte of the entry; an entry
  whose key changes is deleted and put; never twice;
- a read: 1 unit for each 4 kB of an item (batch) or of all items of a page (query), half where it may be a little old.

docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html and GSI.html, "Provisioned
throughput considerations". Streams, backups, storage and other services are not in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import sys
from collections import Counter
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "layers" / "common")]

import botocore.session  # noqa: E402
from moto import mock_aws  # noqa: E402

from countersign.api import activity, changes  # noqa: E402
from countersign.api.orders import OrderService, OrdersWanted  # noqa: E402
from countersign.api.overview import Overview  # noqa: E402
from countersign.api.refunds import RefundService  # noqa: E402
from countersign.api.story import StoryService  # noqa: E402
from countersign.money import Money  # noqa: E402
from countersign.orders.changes import (  # noqa: E402
    Change,
    Fact,
    Line,
    Operator,
    OrderCreated,
    OrderKey,
    Paid,
    Parcel,
    Prepared,
    Queried,
    RefundDecided,
    RefundReported,
    RefundRequested,
    ShipmentReported,
    ShipmentRequested,
    Terms,
    Trust,
    Verified,
)
from countersign.runtime.caller import Caller  # noqa: E402
from countersign.store import OrderStore, account_names, codec, orphans, pulse  # noqa: E402
from countersign.store.due import DueList  # noqa: E402
from countersign.store.lists import OrderLists  # noqa: E402
from countersign.store.notices import OWNER, Event, NoticeStore  # noqa: E402
from sandbox.template import Template  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ALLOWED = Path(__file__).with_suffix(".json")  # what each path may cost; a test compares
TABLE = "Orders"
SETTINGS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
# On demand, us-east-1, since 1 November 2024: dollars for a million units (aws.amazon.com/dynamodb/pricing/on-demand).
WRITE_PRICE, READ_PRICE = 0.625, 0.125
HOURS_IN_MONTH = 730
IDLE = "idle hour"
KILOBYTE = 1024

NOW = 1_795_328_845
MERCHANT, STAFF = Operator("5f3a9c1e77b04c6d9f2e8a6b1c0d4e5f"), Operator("8d1e4b7a-0c52-4f6e-9a3b-7c8d9e0f1a2b")
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"

Item = dict[str, Any]


class Meter:
    """A DynamoDB client that charges for each call; `units` are by what they were spent on."""

    def __init__(self, client: Any, declared: dict[str, Any]) -> None:
        self.client = client
        self._indexes = {
            index["IndexName"]: (
                tuple(key["AttributeName"] for key in index["KeySchema"]),
                index["Projection"],
            )
            for index in declared["GlobalSecondaryIndexes"]
        }
        self.units: Counter[str] = Counter()
        self.reads = 0  # calls that read

    def put_item(self, **call: Any) -> Any:
        return self._write(call, [("put", call["Item"])], self.client.put_item)

    def update_item(self, **call: Any) -> Any:
        return self._write(call, [("update", call["Key"])], self.client.update_item)

    def transact_write_items(self, **call: Any) -> Any:
        rows = []
        for entry in call["TransactItems"]:
            ((action, one),) = entry.items()
            rows.append((action.lower(), one["Item"] if action == "Put" else one["Key"]))
        return self._write(call, rows, self.client.transact_write_items, times=2)

    def batch_get_item(self, **call: Any) -> Any:
        self.reads += 1
        answer = self.client.batch_get_item(**call)
        found = answer["Responses"].get(TABLE, [])
        asked = len(call["RequestItems"][TABLE]["Keys"])
        self.units["read: rows"] += sum(map(_read_units, found)) + asked - len(found)
        return answer

    def query(self, **call: Any) -> Any:
        self.reads += 1
        answer = self.client.query(**call)
        index = call.get("IndexName", "")
        if call.get("Select") == "COUNT":  # charged for what it counts, although it returns none of it
            answer = {**answer, "Items": self.client.query(**{**call, "Select": "ALL_PROJECTED_ATTRIBUTES"})["Items"]}
        entries = [self._entry(index, item) if index else item for item in answer["Items"]]
        share = 1 if call.get("ConsistentRead") else 0.5
        size = sum(codec.item_bytes(entry) for entry in entries if entry)
        self.units[f"read: {index or 'rows'}"] += share * max(1, math.ceil(size / 4096))
        return answer

    def _write(self, call: Item, rows: list[tuple[str, Item]], operation: Any, times: int = 1) -> Any:
        before = [self._get(row) for _, row in rows]
        try:
            answer = operation(**call)
        except Exception:
            self.units["write: refused"] += sum(times * _write_units(item) for item in before)
            raise
        for (action, row), earlier in zip(rows, before, strict=True):
            later = self._get(row)
            name = row["sk"]["S"].partition("#")[0]
            self.units[f"write: {name}"] += times * max(_write_units(earlier), _write_units(later))
            if action != "conditioncheck":
                self._write_indexes(earlier, later)
        return answer

    def _write_indexes(self, before: Item | None, after: Item | None) -> None:
        for name, (keys, _) in self._indexes.items():
            old, new = self._entry(name, before), self._entry(name, after)
            if old == new:
                continue
            moved = old is None or new is None or any(old[key] != new[key] for key in keys)
            units = [_write_units(entry) for entry in (old, new) if entry is not None]
            self.units[f"write: index {name}"] += sum(units) if moved else max(units)

    def _entry(self, index: str, item: Item | None) -> Item | None:
        keys, projection = self._indexes[index]
        if item is None or any(key not in item for key in keys):
            return None
        if projection["ProjectionType"] == "ALL":
            return item
        wanted = {"pk", "sk", *keys, *projection.get("NonKeyAttributes", ())}
        return {name: value for name, value in item.items() if name in wanted}

    def _get(self, row: Item) -> Item | None:
        key = {"pk": row["pk"], "sk": row["sk"]}
        # Measured functions may read in batches, so this read is no call that their roles would lack.
        wanted = {TABLE: {"Keys": [key], "ConsistentRead": True}}
        found: list[Item] = self.client.batch_get_item(RequestItems=wanted)["Responses"][TABLE]
        return found[0] if found else None


def _write_units(item: Item | None) -> int:
    return 1 if item is None else math.ceil(codec.item_bytes(item) / KILOBYTE)


def _read_units(item: Item) -> int:
    return math.ceil(codec.item_bytes(item) / (4 * KILOBYTE))


class World:
    """An account's orders as its platform and its staff make them."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.store = OrderStore(meter, TABLE)

    def charged(self, work: Callable[[], Any]) -> Counter[str]:
        """Return what `work` costs."""
        self.meter.units = Counter()
        work()
        spent, self.meter.units = self.meter.units, Counter()
        return spent

    def create(self, key: OrderKey, *, lines: int = 0, system: str = "v3", **more: Any) -> None:
        """Record an order as a shop creates one that its platform then takes."""
        terms = Terms(
            Money(8800, "CNY"),
            system,
            "jsapi",
            hashlib.sha256(key.order_id.encode()).hexdigest(),
            NOW,
            NOW + 7200,
            description="凤凰单丛 250 g 等",
            appid="wxd678efh567hg6787",
            notify_base="https://abcdef1234.execute-api.ap-southeast-1.amazonaws.com",
            metadata=(("table", "12"),),
            lines=tuple(Line(f"凤凰单丛 春茶 {number}", 1, 2900 + number) for number in range(lines)),
            **more,
        )
        self.say(key, OrderCreated(terms), MERCHANT, "merchant", system=system)
        self.say(key, Prepared(), Queried(KEY_ID), "merchant", system=system)

    def say(
        self, key: OrderKey, fact: Fact, trust: Trust, via: str, *, at: int = 0, raw: bytes = b"", system: str = "v3"
    ) -> None:
        """Record one fact as a message of its own."""
        envelope = "e1dfc6b1-0b1a-5f1e-9c5d-2f0f3f6f9d11" if raw and system == "v3" else ""
        change = Change(key, fact, trust, via, "1900000109", system, "", envelope)
        self.store.record(change, now=NOW + at, raw=raw)

    def pay(self, key: OrderKey, raw: bytes, *, system: str = "v3") -> None:
        """Record a payment as its callback tells it."""
        self.say(key, payment(key), Verified(key_id_of(system)), "notify", at=61, raw=raw, system=system)

    def publish(self) -> None:
        """Mark every event that waits for it as published, as the stream's function does once the bus has it."""
        for item in list(DueList(self.meter.client, TABLE, "sweep").due(NOW + 10**6)):
            spent, self.meter.units = self.meter.units, Counter()
            DueList(self.meter, TABLE, "sweep").published(item, now=NOW + 62)
            self.meter.units = spent + Counter({f"{name} (published)": n for name, n in self.meter.units.items()})


def payment(key: OrderKey) -> Paid:
    number = int(hashlib.sha256(key.order_id.encode()).hexdigest()[:8], 16)
    return Paid(f"420000290120261122{number:010}", Money(8800, "CNY"), NOW + 60, 8800)


def key_id_of(system: str) -> str:
    return KEY_ID if system == "v3" else "api_v2_key.0"


def notice_v3(key: OrderKey, *, plaintext: int = 760) -> bytes:
    """Return a notice of API v3: an envelope in JSON around a ciphertext, which does not compress."""
    stream = b"".join(hashlib.sha512(f"{key.order_id}{part}".encode()).digest() for part in range(plaintext // 64 + 2))
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(stream[: plaintext + 16]).decode(),
        "associated_data": "transaction",
        "nonce": stream.hex()[:12],
    }
    return json.dumps(
        {
            "id": "e1dfc6b1-0b1a-5f1e-9c5d-2f0f3f6f9d11",
            "create_time": "2026-11-22T14:28:25+08:00",
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": resource,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def notice_v2(key: OrderKey) -> bytes:
    """Return a notice of API v2: flat XML, as WeChat's page shows it."""
    fields = {
        "appid": "wxd678efh567hg6787",
        "attach": "门店:深圳湾#3",
        "bank_type": "CFT",
        "fee_type": "CNY",
        "is_subscribe": "Y",
        "mch_id": "1900000109",
        "nonce_str": base64.b64encode(hashlib.sha256(key.order_id.encode()).digest()).decode()[:32],
        "openid": "oUpF8uMEb4qRXf22hE3X68TekukE",
        "out_trade_no": key.order_id,
        "result_code": "SUCCESS",
        "return_code": "SUCCESS",
        "sign": hashlib.sha256(b"signed").hexdigest().upper(),
        "time_end": "20261122142825",
        "total_fee": "8800",
        "cash_fee": "8800",
        "trade_type": "JSAPI",
        "transaction_id": payment(key).transaction_id,
    }
    return f"<xml>{''.join(f'<{name}><![CDATA[{value}]]></{name}>' for name, value in fields.items())}</xml>".encode()


def key(number: int) -> OrderKey:
    return OrderKey("wechat", "main-shop", f"SO-20261122-{number:014}")


@contextmanager
def metered() -> Iterator[Meter]:
    """Yield a meter over an empty table as template.yaml declares it."""
    with mock_aws():
        client = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        declared = _template().resources("AWS::DynamoDB::Table")["OrdersTable"]
        client.create_table(TableName=TABLE, **{name: declared[name] for name in SETTINGS})
        yield Meter(client, declared)


def _template() -> Template:
    return Template(ROOT / "template.yaml", {"Stage": "test"})


def due_lists() -> list[str]:
    """Return the owners of the due lists that a schedule looks at each minute: functions that may read the index."""
    functions = _template().resources("AWS::Serverless::Function").values()
    told = [(Path(function["CodeUri"]).name, json.dumps(function)) for function in functions]
    return [name for name, declared in told if "index/due" in declared and "rate(1 minute)" in declared]


def paths() -> dict[str, Counter[str]]:
    """Return what each path costs, by name."""
    with metered() as meter:
        world = World(meter)
        found: dict[str, Counter[str]] = {}

        def paid(number: int, raw: Callable[[OrderKey], bytes], system: str = "v3", **terms: Any) -> Counter[str]:
            one = key(number)
            world.create(one, system=system, **terms)
            return world.charged(lambda: (world.pay(one, raw(one), system=system), world.publish()))

        found["create"] = world.charged(lambda: (world.create(key(1)), orphans.attach(world.store, key(1), now=NOW)))
        found["callback"] = paid(2, notice_v3)
        found["callback, 3 lines"] = paid(3, notice_v3, lines=3)
        found["callback, 6 lines"] = paid(4, notice_v3, lines=6)
        found["callback, API v2"] = paid(5, notice_v2, "v2")
        found["callback, API v2, 3 lines"] = paid(6, notice_v2, "v2", lines=3)
        found["callback, settled and reported"] = paid(7, notice_v2, "v2", settle_after=86400 * 7, reports_status=True)
        found["callback, 6 kB"] = paid(8, lambda one: notice_v3(one, plaintext=1500) + b" " * 4500)
        found["duplicate"] = world.charged(lambda: world.pay(key(2), notice_v3(key(2))))
        found["the same by query"] = world.charged(
            lambda: world.say(key(2), payment(key(2)), Queried(KEY_ID), "query", at=90)
        )
        found["shipment"] = world.charged(lambda: (_ship(world, key(2)), world.publish()))
        found["refund"] = world.charged(lambda: (_refund(world, key(2)), world.publish()))
        found["notice"] = world.charged(lambda: _notice(meter, key(2)))
        unknown = key(9)
        found["callback before its order"] = world.charged(lambda: world.pay(unknown, notice_v3(unknown)))
    found |= {f"list: {name}": units for name, (units, _) in lists().items()}
    with metered() as meter:
        world = World(meter)
        found[IDLE] = Counter(
            {name: units * 60 for name, units in world.charged(lambda: _look(meter, due_lists())).items()}
        )
    return found


@cache
def lists() -> dict[str, tuple[Counter[str], int]]:
    """Return what each list costs that people look at, and how many calls it makes: 100 orders, three to decide."""
    with metered() as meter:
        world = World(meter)
        for number in range(100):
            one = key(number)
            world.create(one)
            if number % 2 == 0:
                world.pay(one, b"")
        for number in (11, 13, 15):
            world.say(key(number), Paid(f"42-{number}", Money(1, "CNY"), NOW + 70), Verified(KEY_ID), "notify", at=70)
        world.say(key(2), RefundRequested("rf-1", Money(1000, "CNY"), "broken", NOW + 80), STAFF, "operator", at=80)
        account_names.unmarked.clear()  # of what else this process has loaded
        account_names.unmarked.add(("wechat", "main-shop"))
        account_names.mark(meter.client, TABLE)
        pulse.beat(meter.client, TABLE, "wechat", "main-shop", now=NOW + 80)
        reading, who = OrderLists(meter, TABLE), Caller("anna", frozenset({"*"}), is_person=True)
        desk, refunds = OrderService(world.store, reading, who, NOW + 90), RefundService(world.store, reading, who, NOW)
        overview, story = Overview(reading, who), StoryService(reading, who, NOW + 90)
        account, quiet = "wechat/main-shop", changes.write(changes.Cursor(NOW + 5000))
        asked: dict[str, Callable[[], Any]] = {
            "orders, work=decide": lambda: desk.page(account, OrdersWanted(work=("decide",))),
            "orders, newest 50": lambda: desk.page(account, OrdersWanted(sort="-updated")),
            "counts": lambda: overview.counts(account),
            "search": lambda: overview.search("42-11", ""),
            "accounts": lambda: overview.accounts(now=NOW + 90),
            "changes, nothing moved": lambda: changes.changes(reading, who, "", quiet, now=NOW + 5005),
            "changes, one account moved": lambda: changes.changes(
                reading, who, "", changes.write(changes.Cursor(NOW + 79)), now=NOW + 90
            ),
            "refunds to approve": lambda: refunds.page(statuses=("requested",), account="", cursor=""),
            "exceptions": lambda: desk.exceptions(account="", kind="", cursor=""),
            "timeline": lambda: story.timeline(key(2)),
            "activity": lambda: activity.page(reading, who, account, limit=50),
        }
        found = {}
        for name, ask in asked.items():
            before = meter.reads
            found[name] = (world.charged(ask), meter.reads - before)
        return found


def _ship(world: World, one: OrderKey) -> None:
    """Record a shipment, as a shop does, and take it to the platform."""
    parcels = (Parcel("YTO", "YT8800000000123", "凤凰单丛 250 g 等", ""),)
    asked = ShipmentRequested("sh-0001", "express", parcels, complete=True, at=NOW + 100)
    world.say(one, asked, STAFF, "merchant", at=100)
    _leased(world, one, "ship", "SHIPMENT#", NOW + 101)
    world.say(one, ShipmentReported("sh-0001", "reported", at=NOW + 101), Queried(KEY_ID), "query", at=101)


def _refund(world: World, one: OrderKey) -> None:
    """Ask for a refund, approve it, make it, and be told that the payer has it."""
    amount, number = Money(1000, "CNY"), "5d41402abc4b2a76b9719d911017c592"
    world.say(one, RefundRequested(number, amount, "one of two was broken", NOW + 200), STAFF, "operator", at=200)
    world.say(one, RefundDecided(number, True, NOW + 300), Operator("second"), "operator", at=300)
    _leased(world, one, "refund", "REFUND#", NOW + 301)
    told = {"source": "merchant", "platform_refund_id": "50300806652026112200000000001"}
    taken = RefundReported(number, amount, "processing", at=NOW + 301, **told)
    world.say(one, taken, Queried(KEY_ID), "query", at=301)
    done = RefundReported(number, amount, "succeeded", at=NOW + 330, **told)
    world.say(one, done, Verified(KEY_ID), "notify", at=331, raw=notice_v3(one))


def _leased(world: World, one: OrderKey, kind: str, prefix: str, now: int) -> None:
    due = DueList(world.meter, TABLE, f"wechat_{kind}")
    for item in list(due.due_of(one, prefix, now)):
        due.lease(item, now=now)


def _notice(meter: Meter, one: OrderKey) -> None:
    """Send one notice about one event."""
    notices = NoticeStore(meter, TABLE)
    event = Event(one, f"order.paid.paid.notify.{'f' * 64}", "order.paid", f"paid.notify.{'f' * 64}", NOW + 61, 3)
    notices.enqueue(event, name="kitchen", channel="print", now=NOW + 62)
    for item in list(DueList(meter, TABLE, OWNER).due(NOW + 62)):
        taken = notices.lease(item, now=NOW + 62, seconds=120)
        assert taken is not None
        notices.remember(taken, {"job": "1"})
        notices.ended(taken, "sent", reason="", via="print", listed=False, now=NOW + 63)


def _look(meter: Meter, owners: Iterable[str]) -> None:
    for owner in owners:
        assert list(DueList(meter, TABLE, owner).due(NOW)) == []


def totals(units: Counter[str]) -> dict[str, float]:
    """Return a path's write and read units."""
    return {
        kind: sum(count for name, count in units.items() if name.startswith(f"{kind}:")) for kind in ("write", "read")
    }


def price(units: Counter[str]) -> float:
    """Return the list price in dollars of a million such paths."""
    total = totals(units)
    return total["write"] * WRITE_PRICE + total["read"] * READ_PRICE


def main() -> None:
    found = paths()
    if "--allow" in sys.argv:
        ALLOWED.write_text(json.dumps({name: totals(units) for name, units in found.items()}, indent=2) + "\n")
    for name, units in found.items():
        total = totals(units)
        a_million = "" if name == IDLE else f", {price(units):.2f} $ per million"
        print(f"{name}: {total['write']:g} write, {total['read']:g} read units{a_million}")
        for spent_on, count in sorted(units.items(), key=lambda entry: (entry[0].startswith("read"), entry[0])):
            print(f"    {count:>6g}  {spent_on}")
    for name, (_, calls) in lists().items():
        print(f"list: {name}: {calls} calls")
    idle = price(found[IDLE]) * HOURS_IN_MONTH / 1e6
    print(f"idle, {len(due_lists())} due lists: {idle:.2f} $ per month")


if __name__ == "__main__":
    main()
