"""Thousands of due orders, several worker processes, one app: how often Douyin is asked, and how long it takes.

    python tests/soak/douyin_rate.py --orders 2000 --workers 4

The data plane is ministack and Douyin its simulator, in this process; each worker is `douyin_poll` in a process of its
own, started again when its time is over. Queries are counted at the simulator, in real time, over every sliding second.
Exits 1 if more than 30 came in any, if an order was left, or if it took longer than 110 seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "common")]

import botocore.session  # noqa: E402 - the path comes first

from countersign.money import Money  # noqa: E402
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Queried, Terms  # noqa: E402
from countersign.store import OrderStore  # noqa: E402
from sandbox.events import shapes  # noqa: E402
from sandbox.simulators.douyin import Simulator, accounts  # noqa: E402
from sandbox.simulators.douyin.ledger import Trade, order_number  # noqa: E402
from sandbox.testing import Stack, ministack  # noqa: E402

ACCOUNT = "guaranteed"
MOST_IN_A_SECOND, LONGEST = 30, 110
CREATED_AGO = 60


class Douyin:
    """The simulator behind a real socket."""

    def __init__(self, folder: Path) -> None:
        document = accounts.throwaway()[ACCOUNT]
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, answer = platform.simulator.handle("POST", self.path, "", dict(self.headers), body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.document = Simulator.prepare_account(document, base)
        inbox = SimpleNamespace(add=lambda kind, entry: None)
        clock = SimpleNamespace(now=time.time)
        self.simulator = Simulator(clock, {ACCOUNT: self.document}, inbox, base, folder)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def has_paid(self, order_id: str, now: int) -> None:
        """Have an order that was paid, and of which nobody was told."""
        self.simulator._platform.ledger.place(
            Trade(
                account=ACCOUNT,
                app_id=self.document["app_id"],
                system="ecpay",
                out_order_no=order_id,
                order_id=order_number("ecpay"),
                total=8800,
                notify_url="",
                created_at=now - CREATED_AGO,
                expires_at=now + 3600,
                state="SUCCESS",
                channel_no=f"42{order_id}",
                paid_at=now - 5,
            )
        )


def plant(stack: Stack, douyin: Douyin, number: int) -> list[OrderKey]:
    """Make orders that wait for their payers and are due to be asked about."""
    session = botocore.session.get_session()
    client = session.create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=stack.plane.endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    store, now = OrderStore(client, stack.refs["OrdersTable"]), int(time.time())
    keys = [OrderKey("douyin", ACCOUNT, f"RATE-{index:05d}") for index in range(number)]

    def make(key: OrderKey) -> None:
        created = now - CREATED_AGO
        terms = Terms(Money(8800, "CNY"), "ecpay", "mini_program", "digest", created, now + 3600)
        store.record(Change(key, OrderCreated(terms), Operator("rate"), "merchant", "app", "ecpay"), now=created)
        store.record(Change(key, Prepared(), Queried(), "query", "app", "ecpay"), now=created)
        douyin.has_paid(key.order_id, now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, keys))
    return keys


def main() -> int:
    """Plant, let the workers work, and print what came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ministack() as cloud:
        stack, douyin = cloud.stack(), Douyin(Path(folder))
        stack.put_account("douyin", ACCOUNT, douyin.document)
        keys = plant(stack, douyin, options.orders)
        print(f"{len(keys)} orders are due; {options.workers} worker processes begin", flush=True)
        began, seen, last = time.monotonic(), 0, 0.0
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                stack.run("DouyinPoll", shapes.schedule("DouyinPollEveryMinute", int(time.time())))

        threads = [threading.Thread(target=work) for _ in range(options.workers)]
        for thread in threads:
            thread.start()
        most = total = 0
        while time.monotonic() - began < 2 * LONGEST and total < len(keys):
            time.sleep(0.2)
            meter = douyin.simulator.control("rate")[1].get(douyin.document["app_id"])
            if meter:
                most, total = max(most, meter["most_in_a_second"]), total + meter["total"]
        seconds = time.monotonic() - began
        over.set()
        for thread in threads:
            thread.join()
        meter = douyin.simulator.control("rate")[1].get(douyin.document["app_id"])
        if meter:
            most, seen = max(most, meter["most_in_a_second"]), meter["total"]
        last = total + seen
        paid = sum(_is_paid(stack, key) for key in keys)
    print(f"queries at Douyin        {last}")
    print(f"most in a sliding second {most} (allowed: {MOST_IN_A_SECOND})")
    print(f"all asked after          {seconds:.1f} s (allowed: {LONGEST})")
    print(f"orders found paid        {paid} of {len(keys)}")
    return int(most > MOST_IN_A_SECOND or paid < len(keys) or seconds > LONGEST)


def _is_paid(stack: Stack, key: OrderKey) -> bool:
    row = {"pk": {"S": f"douyin#{ACCOUNT}#{key.order_id}"}, "sk": {"S": "ORDER"}}
    item = stack.plane.call("dynamodb", "GetItem", TableName=stack.refs["OrdersTable"], Key=row)["Item"]
    return bool(item["status"]["S"] == "paid")


if __name__ == "__main__":
    sys.exit(main())
