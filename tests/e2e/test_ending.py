"""Ctrl-C in the middle of work: a clean end, and nothing left behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.testing import running_sandbox
from tests.e2e.conftest import Shop
from tests.sandbox.conftest import family, running


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

        eventually(lambda: not running(everything))
        assert all(call.exception() or call.result().status >= 500 for call in hanging)
