"""The whole sandbox, over HTTP only, with the accounts of the sample events and a clock that stands still."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from sandbox.testing import ROOT, Answer, Sandbox, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS = ROOT / "events" / "wechat"
INDEX: dict[str, dict[str, Any]] = json.loads((EVENTS / "index.json").read_text(encoding="utf-8"))
NOON = next(iter(INDEX.values()))["now"]
NOTICES = json.loads((ROOT / "tests/accounts/wechat/shop.json").read_text(encoding="utf-8"))["notices"]
TABLES = ("sandbox-OrdersTable", "sandbox-IdempotencyTable")
Json = dict[str, Any]


@dataclass
class Shop:
    """The merchant's backend, and what it can see behind the product."""

    sandbox: Sandbox
    token: str

    def create(self, order_id: str, account: str = "shop", minor: int = 8800, **more: Any) -> Answer:
        headers = {"idempotency-key": more.pop("idempotency_key", uuid.uuid4().hex)}
        body = {
            "order_id": order_id,
            "amount": {"minor": minor, "currency": "CNY"},
            "description": "Milk tea",
            "payer": {"openid": "oPayer00000000000000000000001"},
            "client_ip": "203.0.113.7",
        }
        return self.sandbox.api("POST", f"/wechat/{account}/payments", {**body, **more}, headers, token=self.token)

    def order(self, order_id: str, account: str = "shop") -> Json:
        answer = self.sandbox.api("GET", f"/orders/wechat/{account}/{quote(order_id, safe='')}", token=self.token)
        assert answer.status == 200, answer.body
        return dict(answer.json())

    def pay(self, order_id: str, account: str = "shop", **how: Any) -> Json:
        wanted = {"account": account, "out_trade_no": order_id, **how}
        return dict(self.sandbox.control("POST", "/wechat/_control/pay", wanted))

    def bus(self, order_id: str) -> list[str]:
        """Return the detail ids of an order on the bus, each once."""
        told = [event for event in self.sandbox.inbox("bus") if event["source"] == "countersign"]
        events = [event for event in told if event["detail"]["order_id"] == order_id]
        return sorted({event["detail"]["id"] for event in events})

    def calls_of_wechat(self) -> int:
        return len([entry for entry in self.sandbox.inbox("wechat") if "method" in entry])

    def tables(self) -> dict[str, list[str]]:
        """Return every item of every table, once nothing is under way any more: published, and the merchant told."""
        before, end = self._dump(), time.monotonic() + 30
        while True:
            time.sleep(0.25)
            after = self._dump()
            if after == before and (time.monotonic() > end or not under_way(after["sandbox-OrdersTable"])):
                return {table: sorted(json.dumps(row, sort_keys=True) for row in rows) for table, rows in after.items()}
            before = after

    def _dump(self) -> dict[str, list[Json]]:
        plane = self.sandbox.data_plane()
        return {
            table: sorted(
                plane.call("dynamodb", "Scan", TableName=table, ConsistentRead=True)["Items"],
                key=lambda row: json.dumps(row, sort_keys=True),
            )
            for table in TABLES
        }

    def send(self, event: Json) -> Answer:
        """Send a sample event's request as its platform would."""
        body = event.get("body", "")
        raw = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
        skipped = ("host", "content-length", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")
        headers = {name: value for name, value in event["headers"].items() if name not in skipped}
        return self.sandbox.api(event["requestContext"]["http"]["method"], quote(event["rawPath"]), raw, headers)


def under_way(rows: list[Json]) -> bool:
    """Tell whether an event waits for the bus, or a notice of the account `shop` about one for its channel."""
    status = {(row["pk"]["S"], row.get("sk", {}).get("S")): row.get("status", {}).get("S") for row in rows}
    for row in rows:
        pk, event_id = row["pk"]["S"], row.get("sk", {}).get("S", "").removeprefix("EVENT#")
        for told in (entry["S"] for entry in row.get("emits", {}).get("L", ())):
            wanted = [
                name for name, notice in NOTICES.items() if told in notice["on"] and pk.startswith("wechat#shop#")
            ]
            notices = {status.get((pk, f"NOTICE#{told}.{event_id}#{name}"), "pending") for name in wanted}
            if "published_at" not in row or notices & {"pending", "sending"}:
                return True
    return False


def sample(name: str) -> Json:
    return dict(json.loads((EVENTS / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(accounts=ROOT / "tests" / "accounts") as running:
        running.clock(now=NOON, frozen=True)
        yield running


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    yield Shop(sandbox, sandbox.token("payments:write", "orders:read", expires_in=10**6))
    sandbox.control("DELETE", "/faults")
    sandbox.clock(now=NOON, frozen=True)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until something is true, and give it back."""

    def wait(condition: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError("it did not happen in time")

    return wait
