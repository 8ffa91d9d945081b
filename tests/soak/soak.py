"""Thousands of payments while functions and the runner are killed; the independent checker has the last word.

    python tests/soak/soak.py --payments 2000 --rate 22 --kills 50

Starts a sandbox of its own. A merchant creates payments over HTTP at a steady rate and, as a real one would, repeats a
create that met a 5xx, a cut connection or "still in progress" with the same Idempotency-Key. Payers pay at the WeChat
simulator; some dawdle, some notices come twice, some never. Meanwhile processes are killed: between commit and answer
(fault points), at any moment (functions), and the whole runner with every function in it. The data plane and the
simulators stay, as DynamoDB and WeChat would. The sandbox's clock runs faster, so WeChat's retry table fits.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.simulators.wechat import Simulator  # noqa: E402 - the path comes first
from sandbox.testing import Sandbox, running_sandbox  # noqa: E402

ACCOUNT = "shop"
CLOCK_RATE = 2
SHOPPERS = 48
PATIENCE = 300  # a merchant's backend goes on repeating a create that long
LOST_NOTICES, TWICE, DAWDLING = 0.02, 0.10, 0.10  # shares of the payments

# A kill that fires between a call of a function and everything after it; how many of each in fifty.
AFTER_COMMIT = "between commit and answer"
POINTS = {
    ("wechat_notify", "dynamodb.TransactWriteItems", AFTER_COMMIT): 18,
    ("wechat_create_payment", "dynamodb.TransactWriteItems", AFTER_COMMIT): 6,
    ("wechat_create_payment", "http.POST /*", "after WeChat took the order"): 3,
    ("publish", "events.PutEvents", "after the bus took an event"): 3,
}
FUNCTIONS, RUNNERS = 16, 4


@dataclass
class Merchant:
    """The merchant's backend and its shoppers."""

    sandbox: Sandbox
    payments: int
    rate: float
    repeats: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    paid: int = 0
    began: float = 0.0
    ended: float = 0.0

    def __post_init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._token = self.sandbox.token("payments:write", "orders:read", expires_in=10**7)
        self._dice = random.Random(20261122)

    def trade(self) -> None:
        """Create and pay everything at the wanted rate."""
        self.began = time.monotonic()
        with ThreadPoolExecutor(SHOPPERS) as shoppers:
            for _ in shoppers.map(self._buy, range(self.payments)):
                pass
        self.ended = time.monotonic()

    def _buy(self, number: int) -> None:
        time.sleep(max(0.0, self.began + number / self.rate - time.monotonic()))
        order_id = f"soak-{number:06d}"
        with self._lock:
            lost, twice, dawdles = (self._dice.random() < share for share in (LOST_NOTICES, TWICE, DAWDLING))
        if not self._create(order_id, 1 + number % 9999):
            return
        if dawdles:
            time.sleep(3)
        wanted = {"account": ACCOUNT, "out_trade_no": order_id, "wait": False, "notify": not lost}
        if twice:
            wanted |= {"times": 2, "concurrent": True}
        self._connection("control", self.sandbox.port + 1)
        status, answer = self._post("control", "/wechat/_control/pay", wanted, {})
        if status != 200:
            self.failed.append(f"{order_id}: paying answered {status} {answer[:200]!r}")
            return
        with self._lock:
            self.paid += 1

    def _create(self, order_id: str, minor: int) -> bool:
        body = {
            "order_id": order_id,
            "amount": {"minor": minor, "currency": "CNY"},
            "description": "soak",
            "payer": {"openid": "oSoak00000000000000000000001"},
            "client_ip": "203.0.113.7",
        }
        headers = {"authorization": f"Bearer {self._token}", "idempotency-key": str(uuid.uuid4())}
        end = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            try:
                status, answer = self._post("api", f"/wechat/{ACCOUNT}/payments", body, headers)
            except (OSError, http.client.HTTPException) as error:
                self._drop("api")
                status, answer = 0, type(error).__name__.encode()
            if status in (200, 201):
                return True
            again = status == 0 or status >= 500 or (status == 409 and b"still runs" in answer)
            if not again or time.monotonic() > end:
                self.failed.append(f"{order_id}: creating answered {status} {answer[:200]!r}")
                return False
            with self._lock:
                self.repeats[str(status or "cut")] += 1
            time.sleep(random.uniform(0.1, min(2.0, 0.2 * 2 ** min(attempt, 4))))
        raise AssertionError("unreachable")

    def _connection(self, name: str, port: int) -> http.client.HTTPConnection:
        found = getattr(self._local, name, None)
        if found is None:
            found = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            setattr(self._local, name, found)
        return found

    def _drop(self, name: str) -> None:
        getattr(self._local, name).close()

    def _post(self, name: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        port = self.sandbox.port + (name == "control")
        connection = self._connection(name, port)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        reply = connection.getresponse()
        return reply.status, reply.read()


class Killer:
    """Kills by plan, spread evenly over the payments; fault points count when they have fired."""

    def __init__(self, merchant: Merchant, kills: int) -> None:
        self._merchant, self._sandbox = merchant, merchant.sandbox
        scale = kills / (sum(POINTS.values()) + FUNCTIONS + RUNNERS)
        plan: list[tuple[str, ...]] = []
        for (function, call, why), count in POINTS.items():
            plan += [("point", function, call, why)] * round(count * scale)
        plan += [("function",)] * round(FUNCTIONS * scale)
        plan += [("runner",)] * (kills - len(plan))
        random.Random(7).shuffle(plan)
        self._plan = plan
        self._points: dict[str, dict[str, Any]] = {}
        self._kinds: dict[str, str] = {}
        self._claims = ROOT / ".sandbox" / str(self._sandbox.port) / "claims"
        self.kills: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._sandbox.control("POST", "/faults", {"crash": []})
        self._count_fired()

    def _run(self) -> None:
        for number, kill in enumerate(self._plan, 1):
            while self._merchant.paid < self._merchant.payments * number / (len(self._plan) + 2):
                if self._stopped.wait(0.05):
                    return
            match kill:
                case ("point", function, call, why):
                    self._set_point(function, call, f"{function} {why}")
                case ("function",):
                    while not self._sandbox.control("POST", "/kill", {"what": "function"})["killed"]:
                        time.sleep(0.05)  # a fresh runner has none yet
                    self.kills["a function, at any moment"] += 1
                case _:
                    self._sandbox.control("POST", "/kill", {"what": "runner"})
                    self.kills["the runner with all functions"] += 1

    def _set_point(self, function: str, call: str, kind: str) -> None:
        self._count_fired()
        name = f"soak-{uuid.uuid4().hex}"
        self._points[name] = {"id": name, "function": function, "call": call, "when": "after"}
        self._kinds[name] = kind
        self._sandbox.control("POST", "/faults", {"crash": list(self._points.values())})

    def _count_fired(self) -> None:
        for name in [name for name in self._points if (self._claims / f"{name}-0").exists()]:
            del self._points[name]
            self.kills[self._kinds[name]] += 1


def settle(sandbox: Sandbox, payments: int, seconds: float = 300) -> float:
    """Let the sandbox's time run until retries, polls and the sweep have nothing left to do; says how long it took."""
    began = time.monotonic()
    token = sandbox.token("orders:read", expires_in=10**8)
    while time.monotonic() < began + seconds:
        sandbox.clock(advance=60)
        time.sleep(2)
        waiting = 0
        for status in ("created", "pending"):
            answer = sandbox.api("GET", f"/orders?account=wechat/{ACCOUNT}&status={status}", token=token)
            waiting += len(answer.json()["orders"]) if answer.status == 200 else 1
        sent = {event["detail"]["order_id"] for event in sandbox.inbox("bus") if event["detail-type"] == "order.paid"}
        if not waiting and len(sent) >= payments:
            break
    return time.monotonic() - began


def without_notices(folder: Path) -> Path:
    """Put a throwaway account into a folder; nobody is told of its orders, as the soak is about payments."""
    document = Simulator.throwaway_accounts()[ACCOUNT] | {"notices": {}, "printers": []}
    (folder / "wechat").mkdir()
    (folder / "wechat" / f"{ACCOUNT}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def soak(payments: int, rate: float, kills: int, at_least: float = 0) -> bool:
    """Run it all; says whether everything is as it must be, and not slower than `at_least` payments in a second."""
    with tempfile.TemporaryDirectory() as folder, running_sandbox(accounts=without_notices(Path(folder))) as sandbox:
        sandbox.clock(rate=CLOCK_RATE)
        merchant = Merchant(sandbox, payments, rate)
        with Killer(merchant, kills) as killer:
            merchant.trade()
        settled = settle(sandbox, merchant.paid)
        took = merchant.ended - merchant.began
        after_commit = sum(count for kind, count in killer.kills.items() if AFTER_COMMIT in kind)
        print(f"{merchant.paid} payments in {took:.1f} s: {merchant.paid / took:.1f}/s, then {settled:.0f} s to settle")
        print(f"{killer.kills.total()} kills with SIGKILL, {after_commit} of them {AFTER_COMMIT}:")
        for kind, count in sorted(killer.kills.items()):
            print(f"  {count:3} {kind}")
        print(f"creates that were repeated: {dict(sorted(merchant.repeats.items()))}")
        for failure in merchant.failed[:10]:
            print(f"  FAILED {failure}")
        checker = [sys.executable, str(Path(__file__).with_name("checker.py"))]
        addresses = ["--api", sandbox.base_url, "--control", sandbox.control_url, "--account", ACCOUNT]
        agreed = subprocess.run([*checker, *addresses], check=False, timeout=600).returncode == 0
        enough = merchant.paid == payments and killer.kills.total() >= kills and after_commit >= kills * 0.3
        if not enough:
            print(f"not enough happened: {payments} payments and {kills} kills were wanted")
        fast = merchant.paid / took >= at_least
        if not fast:
            print(f"too slow: {at_least}/s were wanted")
        return agreed and enough and fast and not merchant.failed


def main() -> int:
    """Soak as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=22.0, help="payments in a second")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--at-least", type=float, default=0, help="fail below this rate")
    arguments = parser.parse_args()
    return 0 if soak(arguments.payments, arguments.rate, arguments.kills, arguments.at_least) else 1


if __name__ == "__main__":
    sys.exit(main())
