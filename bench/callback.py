"""The warm callback path: our handler as it ships, build A and the floor, in one process against one stub.

`python callback.py tls|plain` prints its figures as JSON; run.py starts it, so that nothing else shares its process.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloud
from cloud import HERE, ROOT, Cloud
from peers import floor
from vectors import ACCOUNT, AMOUNT, MCHID, Vectors

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
OURS, PEER, FLOOR = "countersign", "A: Powertools + boto3", "floor"

NOTICES = 20
REPEATS = 24
CONTEXT = SimpleNamespace(
    function_name="wechat-notify",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:ap-southeast-1:123456789012:function:wechat-notify",
    aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 4000,
)


def load(path: Path, name: str) -> Handler:
    """Import a function's app.py under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler: Handler = module.lambda_handler
    return handler


def seed(order_ids: list[str]) -> None:
    """Create the orders as wechat_create_payment does, so that what the stub answers is what DynamoDB would."""
    from countersign.money import Money
    from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Prepared, Terms
    from countersign.store import OrderStore

    now = int(time.time())
    store = OrderStore.from_environment()
    terms = Terms(Money(AMOUNT, "CNY"), "v3", "jsapi", "d" * 64, now, now + 7200, description="Two books")
    for order_id in order_ids:
        key = OrderKey("wechat", ACCOUNT, order_id)
        for fact in (OrderCreated(terms), Prepared()):
            store.record(Change(key, fact, Operator("merchant"), "merchant", MCHID, "v3"), now=now)


def timed(handler: Handler, events: list[dict[str, Any]]) -> float:
    """Return the median CPU microseconds of this thread for one event."""
    spent = []
    for event in events:
        before = time.thread_time_ns()
        answer = handler(event, CONTEXT)
        spent.append(time.thread_time_ns() - before)
        assert answer["statusCode"] in (200, 204), answer
    return statistics.median(spent) / 1e3


def measure(stub: Cloud, handlers: dict[str, tuple[Handler, list[dict[str, Any]]]]) -> dict[str, Any]:
    """Run all builds in turn, the order rotated from repeat to repeat; a fresh pass, then the same notices again."""
    names = list(handlers)
    figures: dict[str, Any] = {name: {"fresh": [], "duplicate": []} for name in names}
    for repeat in range(-1, REPEATS):
        turn = (repeat + 1) % len(names)
        for name in names[turn:] + names[:turn]:
            handler, events = handlers[name]
            stub.control("/restore")
            gc.collect()
            fresh = timed(handler, events)
            after_fresh = stub.control("/stats")
            duplicate = timed(handler, events)
            after_duplicate = stub.control("/stats")
            if repeat < 0:  # the warm-up is for counting
                figures[name]["requests"] = _counted(after_fresh, after_duplicate, len(events))
                continue
            figures[name]["fresh"].append(fresh)
            figures[name]["duplicate"].append(duplicate)
    return figures


def _counted(fresh: dict[str, Any], both: dict[str, Any], events: int) -> dict[str, Any]:
    first = {name: count / events for name, count in fresh["requests"].items()}
    second = {name: (both["requests"][name] - fresh["requests"].get(name, 0)) / events for name in both["requests"]}
    sent = sum(fresh["bytes"].values()) / events, (sum(both["bytes"].values()) - sum(fresh["bytes"].values())) / events
    return {
        "fresh": {name: count for name, count in first.items() if count},
        "duplicate": {name: count for name, count in second.items() if count},
        "bytes": {"fresh": sent[0], "duplicate": sent[1]},
    }


def main(transport: str) -> dict[str, Any]:
    """Measure over one transport."""
    cloud.pin(cloud.CODE_CPU)
    made = Vectors()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=transport == "tls") as stub:
        cloud.adopt(stub.environment(made))
        notices = [made.notice(number) for number in range(NOTICES)]
        ours = [notice.event(f"/wechat/{ACCOUNT}/notify") for notice in notices]
        peers = [notice.event("/wechat/notify") for notice in notices]
        handlers: dict[str, tuple[Handler, list[dict[str, Any]]]] = {
            OURS: (load(ROOT / "functions" / "wechat_notify" / "app.py", "ours"), ours),
            PEER: (load(HERE / "peers" / "powertools" / "app.py", "powertools_peer"), peers),
            FLOOR: (floor.Callback(made, peers), peers),
        }
        seed([notice.order_id for notice in notices])
        handlers[OURS][0](made.notice(NOTICES).event(f"/wechat/{ACCOUNT}/notify"), CONTEXT)  # reads the account once
        stub.control("/keep")
        return measure(stub, handlers)


if __name__ == "__main__":
    keep = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the functions' own log lines
    result = json.dumps(main(sys.argv[1]))
    os.write(keep, result.encode())
