"""The lists of charges beside recharge-api: `python bench/scan.py [--peer <python that has recharge-api>]`.

100 000 charges of which 1 000 failed, in pages as Recharge writes them, on the simulation's own clock: a call takes
300 ms, the bucket of 40 leaks two calls a second. Each run is a process of its own over the code that ships; the table
is a stand-in that keeps what the list needs (its place, and which charges failed), and counts the rest.

The peer reads the same pages over HTTP from this process, without a bucket: only its CPU and memory are compared.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "common")]

from countersign.platforms.recharge import connector, settings  # noqa: E402
from countersign.platforms.recharge.client import Client  # noqa: E402
from countersign.platforms.recharge.pace import LEAK_PER_SECOND, SIZE, Bucket  # noqa: E402
from countersign.store import OrderStore  # noqa: E402
from countersign.store.scans import ScanStore  # noqa: E402
from countersign.workers.scan import ScanWork  # noqa: E402 - after the path is set
from sandbox.simulators.recharge.charges import Charge, Customer, shown  # noqa: E402

CHARGES, FAILED, PAGE = 100_000, 1_000, 250
START = 1_795_356_005
LATENCY = 0.3
PEER = """
import json, logging, resource, sys, time
from recharge.client import RechargeClient
quiet = logging.getLogger("quiet")
quiet.setLevel(logging.CRITICAL)
client = RechargeClient("token", logger=quiet)
client.set_version("2021-11")
began = time.process_time()
found = client.paginate(sys.argv[1] + "/charges", {"limit": "250"}, "charges")
cpu, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"charges": len(found), "cpu": cpu, "peak": peak}))
"""


def page_of(offset: int, count: int, *, failed_only: bool) -> list[dict[str, Any]]:
    """Return a page as Recharge writes it; every hundredth charge failed."""
    step = CHARGES // FAILED if failed_only else 1
    return [_charge(index * step) for index in range(offset, min(offset + count, CHARGES // step))]


def _charge(index: int) -> dict[str, Any]:
    at = START - 86_400 * 30 + index * 20
    bad = index % (CHARGES // FAILED) == 0
    made = Charge(
        990_000_000 + index,
        "store",
        Customer(66_000_000 + index, f"c{index}@example.com", f"77{index:09d}"),
        2400,
        "USD",
        at - 100,
        at,
        at,
        status="error" if bad else "success",
        attempts=1,
        last_attempt=at,
        processed_at=None if bad else at,
    )
    if bad:
        made.error, made.error_type, made.retry_at = "Your card was declined.", "CARD_DECLINED", at + 86_400
    return shown(made, "2021-11")


class Answer:
    """One answer as `requests` gives it."""

    def __init__(self, status: int, content: bytes, level: float = 0) -> None:
        self.status_code, self.content = status, content
        self.headers = {"Content-Length": str(len(content)), "X-Recharge-Limit": f"{int(level)}/{SIZE}"}


class KilledError(BaseException):
    """The process is gone."""


class Recharge:
    """Recharge on a clock of its own: what waits moves it."""

    def __init__(self) -> None:
        self.now, self.level, self.at = 0.0, 0.0, 0.0
        self.calls, self.refused, self.kill_at = 0, 0, 0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def request(self, _method: str, url: str, **_: Any) -> Answer:
        """Answer a list's page, or 429."""
        self.calls += 1
        if self.calls == self.kill_at:
            raise KilledError
        self.level = max(0.0, self.level - (self.now - self.at) * LEAK_PER_SECOND)
        self.at = self.now
        self.now += LATENCY
        if self.level + 1 > SIZE:
            self.refused += 1
            return Answer(429, b"{}")
        self.level += 1
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return Answer(200, json.dumps(self.page(query)).encode(), self.level)

    def page(self, query: dict[str, str]) -> dict[str, Any]:
        """Return the page that a query asks for; a cursor is the offset and whether only failures are listed."""
        place = query.get("cursor", "")
        failed_only = query.get("status") == "error" or place.startswith("f")
        total = FAILED if failed_only else CHARGES
        offset = int(place[1:]) if place else self._since(query.get("updated_at_min", ""), failed_only=failed_only)
        limit = int(query["limit"])
        following = f"{'f' if failed_only else 'a'}{offset + limit}" if offset + limit < total else None
        return {"charges": page_of(offset, limit, failed_only=failed_only), "next_cursor": following}

    @staticmethod
    def _since(text: str, *, failed_only: bool) -> int:
        """Return the first charge that changed from a time on."""
        at = connector.messages.moment({"at": text}, "at", settings.UTC) if text else None
        index = max(0, -(-(at - (START - 86_400 * 30)) // 20)) if at is not None else 0
        step = CHARGES // FAILED if failed_only else 1
        return -(-index // step)


class Table:
    """A DynamoDB that keeps a list's place, and how often each failure was told."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}
        self.told: dict[str, int] = {}
        self.written = 0
        self.lock = threading.Lock()

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - DynamoDB's name
        """Know no order: what was recorded is not kept, so that memory is the list's alone."""
        ((table, _),) = RequestItems.items()
        return {"Responses": {table: []}}

    def transact_write_items(self, TransactItems: Any) -> Any:  # noqa: N803 - DynamoDB's name
        """Count what is written."""
        with self.lock:
            for write in TransactItems:
                item = write.get("Put", {}).get("Item", {})
                self.written += bool(item)
                if "charge.failed" in [one["S"] for one in item.get("emits", {}).get("L", ())]:
                    self.told[item["pk"]["S"]] = self.told.get(item["pk"]["S"], 0) + 1
        return {}

    def put_item(self, **_: Any) -> Any:
        """Count a row."""
        self.written += 1
        return {}

    def update_item(self, UpdateExpression: str, ExpressionAttributeValues: Any, **_: Any) -> Any:  # noqa: N803
        """Keep the list's row: the few expressions of `store/scans.py`."""
        rest, _, removes = UpdateExpression.partition("REMOVE ")
        sets, _, adds = rest.partition(" ADD ")
        for name, value in re.findall(r"#?(\w+) (:\w+)", adds):
            before = int(self.row.get(name, {"N": "0"})["N"])
            self.row[name] = {"N": str(before + int(ExpressionAttributeValues[value]["N"]))}
        for part in re.split(r",(?![^(]*\))", sets.removeprefix("SET ")):
            name, _, value = (word.strip().lstrip("#") for word in part.partition(" = "))
            if value.startswith("if_not_exists("):
                self.row.setdefault(name, ExpressionAttributeValues[value.rstrip(")").rpartition(",")[2].strip()])
            elif value:
                self.row[name] = ExpressionAttributeValues[value]
        for name in removes.split(","):
            self.row.pop(name.strip().lstrip("#"), None)
        return {"Attributes": dict(self.row)}


def read(kind: str) -> dict[str, Any]:
    """Read a list: `failures`, `everything`, or `killed` (everything, killed and restarted in the middle)."""
    table, recharge = Table(), Recharge()
    document = {"api_token": "sk_1x1_token_of_bench", "client_secrets": ["rc_client_secret_of_bench_01"]}
    account = settings.load(document)
    if kind == "failures":
        table.row["done"] = {"S": "2026-10-23T00:00:00"}
    recharge.kill_at = 200 if kind == "killed" else 0
    store: Any = table
    began = time.process_time()
    done = False
    while not done:
        bucket = Bucket(lambda: recharge.now, recharge.sleep)
        session: Any = recharge
        client = Client(session, account, bucket=bucket, sleep=recharge.sleep)
        with ThreadPoolExecutor(8) as writers:
            work = ScanWork(
                OrderStore(store, "Orders"),
                ScanStore(store, "Orders", "recharge"),
                lambda _: connector.Connector("store", account, client),  # noqa: B023 - called within this turn
                lambda: True,
                lambda: START + int(recharge.now),
                writers,
            )
            try:
                done = work.account("store")
            except KilledError:
                table.row.pop("leased_until")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return {
        "kind": kind,
        "requests": recharge.calls,
        "refused": recharge.refused,
        "seconds": round(recharge.now, 1),
        "failures": len(table.told),
        "told_twice": sum(times - 1 for times in table.told.values()),
        "rows": table.written,
        "cpu": round(time.process_time() - began, 1),
        "peak_mb": round(int(status["VmHWM"].split()[0]) / 1024, 1),
        "self_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def peer(python: str) -> dict[str, Any]:
    """Have recharge-api read the same 100 000 charges from a server of this process."""
    recharge = Recharge()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            body = json.dumps(recharge.page({"limit": "250", **query})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [python, "-c", PEER, f"http://127.0.0.1:{server.server_port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    server.shutdown()
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(arguments: list[str]) -> int:
    """Run each list alone, and print what it took."""
    if arguments[:1] == ["--one"]:
        print(json.dumps(read(arguments[1])))
        return 0
    print(
        "| list | requests | refused | seconds of the simulation | failures | told twice | CPU, s | peak memory, MB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for kind in ("failures", "everything", "killed"):
        command = [sys.executable, __file__, "--one", kind]
        done = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        figures = ("requests", "refused", "seconds", "failures", "told_twice", "cpu", "peak_mb")
        print(f"| {kind} | " + " | ".join(str(done[name]) for name in figures) + " |")
    if arguments[:1] == ["--peer"]:
        found = peer(arguments[1])
        print(
            f"\nrecharge-api: {found['charges']} charges, CPU {found['cpu']:.1f} s, peak memory {found['peak']:.0f} MB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
