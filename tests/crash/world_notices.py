"""The merchant and WeChat of the other worlds, with printers, the merchant's own endpoint and a mailbox beside them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from countersign.store import codec
from sandbox.events import shapes
from sandbox.simulators import merchant, printers
from sandbox.simulators.wechat import Simulator
from tests.crash.world import ORDER_ID, Json, Reply, World, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.testing import LocalCloud, Run


class Shown:
    """What the simulators showed."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Json]] = []

    def add(self, kind: str, entry: Json) -> None:
        self.entries.append((kind, entry))

    def of(self, kind: str) -> list[Json]:
        return [entry for known, entry in self.entries if known == kind]


class NoticeWorld(World):
    """A world whose account has notices; `simulators` are those behind them, by the first part of their paths."""

    def __init__(self, cloud: LocalCloud, document: Json, folder: Path) -> None:
        super().__init__(cloud, document, folder)
        self.wechat.stop()
        self.shown = Shown()
        self.wechat = Simulator(self.stack.clock, {"shop": self.merchant}, self.shown, self.base, folder)
        self.wechat.start()
        self.simulators: dict[str, Any] = {}
        self._folder = folder

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        first, _, rest = path.lstrip("/").partition("/")
        if first not in self.simulators:
            return super().answer(method, path, query, headers, body)
        reply: Reply = self.simulators[first].handle(method, f"/{rest}", query, headers, body)
        return reply

    def has_notices(self, notices: Json, machines: list[Json] | None = None) -> None:
        """Give the account notices and printers, and what is behind them."""
        document = {**self.merchant, "notices": notices, "printers": machines or []}
        kinds: dict[str, Any] = {"printers": printers.Simulator, "merchant": merchant.Simulator}
        for name, kind in kinds.items():
            document = kind.prepare_account(document, f"{self.base}/{name}")
        for name, kind in kinds.items():
            documents = {"wechat": {"shop": document}}
            self.simulators[name] = kind(self.stack.clock, documents, self.shown, self.base, self._folder)
        self.stack.functions["Notify"].environment["TRUSTED_WEBHOOK_ORIGINS"] = self.base
        secret = f"countersign/{self.stack.stage}/wechat/shop"
        self.stack.plane.call("secretsmanager", "PutSecretValue", SecretId=secret, SecretString=json.dumps(document))
        self.stack.plane.verify_sender("notices.example.com")

    def tell(self, crash: Json | None = None) -> Run:
        """Let the bus tell that the order is paid."""
        pk, table = f"wechat#shop#{ORDER_ID}", self.stack.refs["OrdersTable"]
        (row,) = self.stack.plane.call(
            "dynamodb",
            "Query",
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :paid)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":paid": {"S": "EVENT#paid."}},
        )["Items"]
        event_id = codec.event_id(row)
        detail = {
            "id": f"order.paid.{event_id}",
            "platform": "wechat",
            "account": "shop",
            "order_id": ORDER_ID,
            "version": int(row["version"]["N"]),
            "event_id": event_id,
            "recorded_at": "2026-11-22T06:27:25Z",
        }
        return self.stack.run("Notify", shapes.bus("order.paid", detail, self.now), crash=crash)

    def remind(self) -> Run:
        """Let a minute be over."""
        return self.stack.run("Notify", shapes.schedule("Notify", self.now))

    @property
    def mailbox(self) -> str:
        """An address of this world: SES is everybody's."""
        return f"{self.stack.stage}@example.com"

    def state(self) -> Json:
        """Return who heard what, and how the notices ended; e-mails and webhooks may be repeated, the rest may not."""
        told = {
            "messages": [entry["to"] for entry in self.shown.of("message")],
            "receipts": [(entry["printer"], entry["text"]) for entry in self.shown.of("receipt")],
            "webhooks": sorted({entry["id"] for entry in self.shown.of("webhook") if entry["status"] == 200}),
            "mails": sorted({mail["Subject"] for mail in self.stack.plane.mails() if mail["To"] == [self.mailbox]}),
        }
        state = super().state()
        # Tokens, and whose turn a printer is, tell of the road and not of its end.
        rows = [row for row in state["table"] if not row["pk"].startswith(("TOKEN#", "PRINTER#"))]
        ends = [_end(row) if row["sk"].startswith("NOTICE#") else row for row in rows]
        return {**state, "table": ends, "told": comparable(told)}


def _end(row: Json) -> Json:
    """Return how a notice ended, without how often it was tried and what was remembered between."""
    kept = ("pk", "sk", "name", "channel", "event", "status", "due_shard", "exception")
    return {name: row.get(name) for name in kept}


@contextlib.contextmanager
def notice_world(cloud: LocalCloud, document: Json, folder: Path) -> Iterator[NoticeWorld]:
    made = NoticeWorld(cloud, document, folder)
    try:
        yield made
    finally:
        made.close()
