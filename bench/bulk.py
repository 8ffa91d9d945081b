"""The reader of bulk operations' files: `python bench/bulk.py [orders]`.

A file of so many orders (200 000 unless told), each with three lines, comes in pieces of 64 KB as over the wire, made
while it is read; every order is read into our values. The reading is a process of its own, whose peak memory is told.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "common")]

from countersign.platforms.shopify import answers, bulk  # noqa: E402 - after the path is set

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS, LINES, PIECE = 200_000, 3, 64 * 1024
MOST_MEGABYTES = 150


def pieces(orders: int) -> Iterator[bytes]:
    """Yield the file of so many orders as it comes over the wire."""
    held = b""
    for number in range(orders):
        held += b"".join(json.dumps(row).encode() + b"\n" for row in rows(5_550_000_000_000 + number))
        while len(held) >= PIECE:
            yield held[:PIECE]
            held = held[PIECE:]
    yield held


def rows(number: int) -> Iterator[dict[str, Any]]:
    """Yield an order and its lines as Shopify writes them."""
    gid, money = f"gid://shopify/Order/{number}", _bag("129.90")
    yield {
        "id": gid,
        "name": f"#{number % 10**6}",
        "createdAt": "2026-11-20T09:15:02Z",
        "updatedAt": "2026-11-20T09:15:09Z",
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "sourceName": "web",
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED",
        "paymentGatewayNames": ["shopify_payments"],
        "customAttributes": [{"key": "reference", "value": f"SO-{number}"}],
        **{f"{name}Set": money for name in ("currentTotalPrice", "totalReceived", "totalCapturable")},
        "totalOutstandingSet": _bag("0.00"),
        "transactions": [
            {
                "id": f"gid://shopify/OrderTransaction/{number}",
                "kind": "SALE",
                "status": "SUCCESS",
                "gateway": "shopify_payments",
                "processedAt": "2026-11-20T09:15:06Z",
                "createdAt": "2026-11-20T09:15:05Z",
                "errorCode": None,
                "test": False,
                "amountSet": money,
                "parentTransaction": None,
            }
        ],
    }
    for line in range(LINES):
        title = {"id": f"gid://shopify/LineItem/{number}{line}", "title": f"Mug {number % 97}", "currentQuantity": 1}
        yield {**title, "originalUnitPriceSet": _bag("43.30"), "__parentId": gid}


def _bag(amount: str) -> dict[str, Any]:
    money = {"amount": amount, "currencyCode": "USD"}
    return {"shopMoney": money, "presentmentMoney": money}


def read(orders: int) -> dict[str, float]:
    """Read the file; returns what was read and what it took."""
    began, count, lines = time.process_time(), 0, 0
    for root in bulk.roots(pieces(orders)):
        answers.read_order(root.node)
        count, lines = count + 1, root.lines
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"orders": count, "lines": lines, "cpu_seconds": time.process_time() - began, "peak_megabytes": peak}


def main() -> int:
    """Read in a process of its own and print; 1 where it took more memory than it may."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    if "--here" in sys.argv:
        print(json.dumps(read(orders)))
        return 0
    command = [sys.executable, __file__, str(orders), "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(
        f"{found['orders']} orders in {found['lines']} lines: {found['cpu_seconds']:.1f} s of CPU with the writing, "
        f"peak {found['peak_megabytes']:.0f} MB (at most {MOST_MEGABYTES})"
    )
    return int(found["peak_megabytes"] > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
