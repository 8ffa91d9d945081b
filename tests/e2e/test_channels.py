"""A merchant's endpoint that misbehaves, and printers, over real connections: payments do not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.testing import Sandbox, running_sandbox
from tests.e2e.conftest import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox of our own: the throwaway shop has printers and a webhook."""
    with running_sandbox() as running:
        yield running


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    yield Shop(sandbox, sandbox.token("payments:write", "orders:read", expires_in=10**6))
    sandbox.control("DELETE", "/faults")


def notice(shop: Shop, order_id: str, name: str) -> dict[str, Any]:
    """Return an order's notice of that name, once it was tried."""
    rows = {row["name"]: row for row in shop.order(order_id).get("notices", [])}
    found: dict[str, Any] = rows.get(name, {})
    return found if found.get("attempts") and found.get("status") != "sending" else {}


def bought(shop: Shop, order_id: str) -> None:
    """Let somebody buy and pay; WeChat's notices are answered within its patience."""
    assert shop.create(order_id).status == 201
    trade = shop.pay(order_id)
    assert {delivery["status"] for delivery in trade["deliveries"]} == {204}


def hooks(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    return [entry for entry in shop.sandbox.inbox("webhook") if entry["body"]["data"]["order_id"] == order_id]


def test_G2_a_webhook_arrives_signed_and_says_which_version(shop: Shop, eventually: Callable[..., Any]) -> None:
    bought(shop, "hook-1")

    row = eventually(lambda: notice(shop, "hook-1", "erp"))

    assert (row["status"], row["attempts"]) == ("sent", 1)
    (hook,) = hooks(shop, "hook-1")
    assert (hook["verified"], hook["status"]) == (True, 200)
    assert hook["body"]["type"] == "order.paid"
    assert hook["body"]["data"]["order"]["status"] == "paid"
    assert hook["body"]["data"]["version"] <= shop.order("hook-1")["version"]
    assert "oPayer" not in str(hook)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ({"huge": 1}, "sent", None),
        ({"redirect": 1}, "pending", "the merchant's endpoint answered HTTP 302: redirects are not followed"),
        ({"status": {"status": 500}}, "pending", "the merchant's endpoint answered HTTP 500"),
        ({"status": {"status": 410}}, "failed", "the merchant's endpoint answered HTTP 410: it wants no more"),
    ],
)
def test_E15_an_endpoint_that_misbehaves(
    shop: Shop, eventually: Callable[..., Any], fault: dict[str, Any], status: str, reason: str | None
) -> None:
    order_id = f"hook-{'-'.join(fault)}-{status}"
    shop.sandbox.control("POST", "/faults", {"merchant": fault})
    bought(shop, order_id)

    row = eventually(lambda: notice(shop, order_id, "erp"))

    assert (row["status"], row["reason"]) == (status, reason)
    assert shop.order(order_id)["status"] == "paid"


def test_E15_an_endpoint_that_hangs_holds_up_no_payment(shop: Shop, eventually: Callable[..., Any]) -> None:
    shop.sandbox.control("POST", "/faults", {"merchant": {"hang": {"seconds": 20}}})

    bought(shop, "hook-hangs")  # WeChat waits for five seconds and counts the answer as none afterwards
    assert shop.order("hook-hangs")["status"] == "paid"

    row = eventually(lambda: notice(shop, "hook-hangs", "erp"), 30)
    assert (row["status"], row["reason"]) == ("pending", "the merchant's endpoint: no answer: not in time")


def test_a_receipt_whose_answer_is_lost_is_printed_once(shop: Shop, eventually: Callable[..., Any]) -> None:
    shop.sandbox.control("POST", "/faults", {"printers": {"error500": {"match": "Open_printMsg", "after": True}}})
    bought(shop, "printed-once")

    row = eventually(lambda: notice(shop, "printed-once", "receipt"))

    assert (row["status"], row["via"].partition(" ")[0]) == ("sent", "counter")
    texts = [entry["text"] for entry in shop.sandbox.inbox("receipt") if "printed-once" in entry["text"]]
    assert len(texts) == 1
