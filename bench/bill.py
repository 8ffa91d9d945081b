"""Time and memory of comparing one day's bill: `python bench/bill.py 50000 500000`.

Each size runs in a process of its own, over the code that ships; DynamoDB and WeChat are stand-ins in the same process
that make what they answer as it is asked for, so that what grows here would grow in the cloud.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "common")]

from countersign.errors import PlatformUnavailableError  # noqa: E402
from countersign.money import Money  # noqa: E402
from countersign.orders.changes import OrderKey, Terms  # noqa: E402
from countersign.orders.refunds import Refund  # noqa: E402
from countersign.orders.state import Order, ReportedPayment  # noqa: E402
from countersign.platforms.wechat.client import Client  # noqa: E402
from countersign.platforms.wechat.connector import Connector  # noqa: E402 - after the path is set
from countersign.platforms.wechat.settings import Settings  # noqa: E402
from countersign.signing.credentials import Secret  # noqa: E402
from countersign.store import OrderStore, codec, keys  # noqa: E402
from countersign.store.children import child_item  # noqa: E402
from countersign.store.reconciliation import ReconciliationStore  # noqa: E402
from countersign.workers.bill import BillWork  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = date(2026, 11, 21)
PAID_AT = 1_795_233_600
NOW = PAID_AT + 86_400
REFUND_EVERY = 50
PLANTED = 3
COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def number(index: int) -> str:
    """Return an order's number."""
    return f"BENCH-{index:010d}"


def transaction(index: int) -> str:
    """Return an order's transaction number."""
    return f"42000029{index:020d}"


def write_bill(path: Path, lines: int) -> None:
    """Write a bill of so many lines, packed; the last few are of orders that nobody knows."""
    payments = lines - lines // REFUND_EVERY
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1, newline="") as file:
        file.write(f"\ufeff{COLUMNS}\r\n")
        for index in range(payments):
            name = number(index) if index < payments - PLANTED else f"STRANGER-{index}"
            who = f"`wxa1b2c3d4e5f60718,`1900099001,`0,`,`{transaction(index)},`{name},`oPayer{index:022d}"
            head = f"`2026-11-21 12:00:00,{who}"
            tail = "`OTHERS,`CNY,`88.00,`0.00,`0,`0,`0.00,`0.00,`,`,`奶茶,大杯,`,`0.52800,`0.60%,`88.00,`0.00,`"
            file.write(f"{head},`JSAPI,`SUCCESS,{tail}\r\n")
        for index in range(lines - payments):
            who = f"`wxa1b2c3d4e5f60718,`1900099001,`0,`,`{transaction(index)},`{number(index)},`oPayer"
            head = f"`2026-11-21 13:00:00,{who}"
            back = f"`5030{index:024d},`rf{index},`10.00,`0.00,`ORIGINAL,`PROCESSING"
            tail = "`奶茶,大杯,`,`-0.06000,`0.60%,`0.00,`10.00,`"
            file.write(f"{head},`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,{back},{tail}\r\n")
        paid, back = f"{payments * 88}.00", f"{(lines - payments) * 10}.00"
        file.write(f"{SUMMARY}\r\n`{lines},`{paid},`{back},`0.00,`0.00000,`{paid},`{back}\r\n")


class Table:
    """A DynamoDB that knows every order of the bill, and keeps only what is written."""

    def __init__(self, payments: int) -> None:
        self.payments = payments
        self.kept: list[Any] = []
        key = OrderKey("wechat", "shop", number(7_777_777))
        terms = Terms(Money(8800, "CNY"), "v3", "jsapi", "d" * 64, PAID_AT - 60, PAID_AT + 7200, "奶茶, 大杯")
        claim = ReportedPayment(
            transaction(7_777_777), Money(8800, "CNY"), "v3", "", PAID_AT, 8800, ("paid.notify." + "e" * 64,)
        )
        order = Order(key, terms, prepared=True, claims=(claim,), version=3, updated_at=PAID_AT + 1)
        item = codec.order_item(order, owner="wechat_poll", due_at=None)
        self._order, self._work = json.dumps(item), keys.work_of(item["account_shard"]["S"])
        done = Refund("rf7777777", Money(1000, "CNY"), "succeeded", "merchant", reported=(1000,))
        refund = child_item(key, done, now=PAID_AT)
        refund.update(accepted_at={"N": str(PAID_AT)}, billed_on={"S": DAY.isoformat()})
        self._refund = json.dumps(refund)

    def _made(self, text: str, index: int) -> Any:
        made = text.replace(number(7_777_777), number(index)).replace(transaction(7_777_777), transaction(index))
        return json.loads(made.replace("rf7777777", f"rf{index}"))

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - DynamoDB's name
        """Answer from the numbers alone."""
        ((table, wanted),) = RequestItems.items()
        found = []
        for row in wanted["Keys"]:
            _, _, name = row["pk"]["S"].partition("BENCH-")
            if name.isdigit():
                found.append(self._made(self._order if row["sk"]["S"] == keys.ORDER else self._refund, int(name)))
        return {"Responses": {table: found}}

    def query(self, **query: Any) -> Any:
        """Page through the orders that changed, or list the differences that were kept; there is nothing else."""
        if query["ExpressionAttributeValues"].get(":prefix", {"S": ""})["S"].endswith("#DIFF#"):
            return {"Items": self.kept}
        partition = query["ExpressionAttributeValues"].get(":partition", {"S": ""})["S"]
        if query.get("IndexName") != "by_account" or keys.work_of(partition) != self._work:
            return {"Items": []}
        start = int(query.get("ExclusiveStartKey", {"at": {"N": partition[-1]}})["at"]["N"])
        places = range(start, self.payments, keys.LIST_SHARDS)[:1000]
        answer: Any = {"Items": [self._made(self._order, index) for index in places]}
        if places and places[-1] + keys.LIST_SHARDS < self.payments:
            answer["LastEvaluatedKey"] = {"at": {"N": str(places[-1] + keys.LIST_SHARDS)}}
        return answer

    def _keep(self, **written: Any) -> Any:
        items = [write.get("Put", {}).get("Item", {}) for write in written.get("TransactItems", ())]
        self.kept += [item for item in items if "difference" in item]
        return {}

    put_item = update_item = transact_write_items = _keep


class Wechat:
    """Offers the bill, and answers no question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def request(self, *_: Any, **__: Any) -> Any:
        """Be silent: the difference is kept all the same."""
        raise PlatformUnavailableError("no answer")

    @contextmanager
    def fetch(self, _method: str, _url: str, **_: Any) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Hand the file out piece by piece."""
        with self.path.open("rb") as file:
            yield 200, iter(lambda: file.read(64 * 1024), b"")


def compare(lines: int) -> dict[str, Any]:
    """Compare one bill and say what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bill.gz")
        write_bill(path, lines)
        table = Table(lines - lines // REFUND_EVERY - PLANTED)
        account = Settings("1900099001", "wxa1b2c3d4e5f60718", api="v2", api_v2_keys=(Secret("k" * 31 + "x"),))
        session: Any = Wechat(path)
        connector = Connector("shop", account, Client(session, account, now=lambda: NOW, nonce=lambda: "n"))
        client: Any = table
        work = BillWork(
            "wechat",
            "shop",
            connector,
            ReconciliationStore(client, "Orders"),
            OrderStore(client, "Orders"),
            lambda: NOW,
        )
        began = time.perf_counter()
        counts = work.compare(DAY)
        seconds = time.perf_counter() - began
    assert counts is not None
    # Not what getrusage says: that begins with the size of the process that this one was forked from.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    return {"lines": lines, "seconds": round(seconds, 1), "peak_mb": round(peak, 1), **counts.to_json()}


def main(arguments: list[str]) -> int:
    """Run each size alone, and print what it took."""
    if arguments[:1] == ["--one"]:
        print(json.dumps(compare(int(arguments[1]))))
        return 0
    print("| lines | seconds | peak memory, MB | differences |\n|---:|---:|---:|---:|")
    for size in arguments or ["50000", "500000"]:
        command = [sys.executable, __file__, "--one", size]
        done = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        print(f"| {done['lines']} | {done['seconds']} | {done['peak_mb']} | {done['differences']} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
