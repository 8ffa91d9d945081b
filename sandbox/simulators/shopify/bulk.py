"""Bulk operations: one at a time, written some seconds after they were asked for, each with a file of its own."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock
    from sandbox.simulators.shopify.orders import Order
    from sandbox.simulators.shopify.shops import Shop

Json = dict[str, Any]
SECONDS = 20  # that one takes


@dataclass
class Operation:
    """One operation and, once it is over, its lines."""

    number: int
    query: str
    at: float
    status: str = "RUNNING"
    lines: tuple[bytes, ...] = ()
    roots: int = 0
    count: int = 0  # of lines, as the operation has them


class Bulks:
    """One shop's operations."""

    def __init__(
        self,
        clock: Clock,
        shop: Shop,
        faults: Faults,
        *,
        matches: Callable[[Order, str], bool],
        write: Callable[[Order], Json],
        address: str,
    ) -> None:
        self._clock, self._shop, self._faults = clock, shop, faults
        self._matches, self._write, self._address = matches, write, address
        self._numbers = itertools.count(1)
        self.all: dict[int, Operation] = {}
        self.seconds = SECONDS

    def start(self, variables: Json) -> Json:
        """Begin one, unless one is running."""
        if any(self._now(one).status == "RUNNING" for one in self.all.values()):
            said = {"code": "OPERATION_IN_PROGRESS", "field": None, "message": "A bulk query operation is in progress"}
            return {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [said]}}
        made = Operation(next(self._numbers), str(variables["query"]), self._clock.now())
        self.all[made.number] = made
        return {"bulkOperationRunQuery": {"bulkOperation": self._node(made), "userErrors": []}}

    def one(self, variables: Json) -> Json:
        """Tell of one."""
        found = self.all.get(int(str(variables["id"]).rpartition("/")[2]))
        return {"bulkOperation": self._node(self._now(found)) if found else None}

    def latest(self, _: Json) -> Json:
        """Tell of the latest, the newest first."""
        newest = sorted(self.all.values(), key=lambda one: -one.number)[:25]
        return {"bulkOperations": {"nodes": [self._node(self._now(one)) for one in newest]}}

    def file(self, number: int) -> bytes | None:
        """Return a file's bytes; None where there is none."""
        found = self.all.get(number)
        if found is None or self._now(found).status == "RUNNING":
            return None
        return b"".join(line + b"\n" for line in found.lines)

    def _now(self, one: Operation) -> Operation:
        if one.status != "RUNNING" or self._clock.now() < one.at + self.seconds:
            return one
        chosen = [order for order in self._shop.orders.values() if self._matches(order, one.query)]
        lines = [line for order in chosen for line in self._lines(order)]
        one.status, one.count, one.roots = "COMPLETED", len(lines), len(chosen)
        if self._faults.take("bulk_short", one.query) is not None:
            lines = lines[: len(lines) * 2 // 3]
        if self._faults.take("bulk_children_first", one.query) is not None:
            lines.sort(key=lambda line: b"__parentId" not in line)
        if self._faults.take("bulk_empty", one.query) is not None:
            lines, one.count = [], one.count or 500
        if self._faults.take("bulk_partial", one.query) is not None:
            lines, one.status = lines[: len(lines) // 2 + 1], "FAILED"
        one.lines = tuple(lines)
        return one

    def _lines(self, order: Order) -> list[bytes]:
        node = self._write(order)
        children = node.pop("lineItems")["nodes"]
        rows = [node] + [
            {"id": f"gid://shopify/LineItem/{order.id + number}", **child, "__parentId": node["id"]}
            for number, child in enumerate(children, 1)
        ]
        return [json.dumps(row).encode() for row in rows]

    def _node(self, one: Operation) -> Json:
        address = f"{self._address}/bulk/{one.number}.jsonl" if one.lines or one.count else None
        over = one.status != "RUNNING"
        return {
            "id": f"gid://shopify/BulkOperation/{one.number}",
            "status": one.status,
            "errorCode": "INTERNAL_SERVER_ERROR" if one.status == "FAILED" else None,
            "objectCount": str(one.count),
            "rootObjectCount": str(one.roots),
            "url": address if over and one.status == "COMPLETED" else None,
            "partialDataUrl": address if one.status == "FAILED" else None,
            "query": one.query,
        }
