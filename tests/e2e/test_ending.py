"""Ctrl-C in the middle of work: a clean end, and nothing left behind."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.testing import running_sandbox
from tests.e2e.conftest import Shop


def family(pid: int) -> set[int]:
    """Return a process and everything that it started, directly or not."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in listing.splitlines()}
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and " Z" not in Path(f"/proc/{pid}/stat").read_text()}


def test_ctrl_c_amid_payments_leaves_no_process(eventually: Callable[..., Any]) -> None:
    with running_sandbox() as sandbox, ThreadPoolExecutor(5) as threads:
        shop = Shop(sandbox, sandbox.token("payments:write", "orders:read"))
        assert shop.create("before-the-end").status == 201
        shop.pay("before-the-end")
        sandbox.control("POST", "/faults", {"wechat": {"hang": {"match": "/v3/pay/transactions", "count": 4}}})
        hanging = [threads.submit(shop.create, f"hanging-{number}") for number in range(4)]
        eventually(lambda: len([entry for entry in sandbox.inbox("wechat") if entry.get("fault") == "hang"]) == 4)
        everything = family(sandbox.process.pid)
        assert len(everything) >= 5  # supervisor, data plane, runner, create, notify

        assert sandbox.stop() == 0

        eventually(lambda: not alive(everything))
        assert all(call.exception() or call.result().status >= 500 for call in hanging)
