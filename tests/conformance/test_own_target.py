"""How Countersign's own sandbox is made a target: an order is closed however busy the machine is."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from conformance.merchant import CannotRun, Order
from conformance.receivers import grades, ours

ORDER = Order("CONFABC0001", 100, "USD", "the order")


@dataclass
class Sandbox:
    """Closes an order once its clock has been moved so often."""

    moves: int
    asked: list[str] = field(default_factory=list)
    now: float = 0.0

    def call(self, method: str, path: str, body: Any = None, **_: Any) -> tuple[int, Any]:
        if method == "POST":
            self.now += body["advance"]
            self.moves -= 1
        return 200, {"now": self.now}

    def authorized(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        return 200, {"status": "closed" if self.moves <= 0 else "pending"}


def merchant(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, name: str) -> ours.OurMerchant:
    monkeypatch.setattr(ours, "LOOK", 0.0)
    return ours.OurMerchant(sandbox, ours.PLACES[name])  # type: ignore[arg-type]  # what it uses of one


@pytest.mark.parametrize("moves", [1, 7])
def test_the_clock_is_moved_on_until_an_order_is_closed(monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    sandbox = Sandbox(moves)
    shop = merchant(monkeypatch, sandbox, "stripe")
    ahead = shop.ahead

    shop.close(ORDER)

    assert sandbox.asked[0] == "POST /orders/cashier/stripe.kit/CONFABC0001/close"
    assert (sandbox.moves, shop.ahead - ahead) == (0, sandbox.now)  # what is signed carries the sandbox's time


def test_where_only_time_closes_an_order_it_is_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(1)

    merchant(monkeypatch, sandbox, "douyin").close(ORDER)

    assert not [call for call in sandbox.asked if call.startswith("POST")]
    assert sandbox.now > ours.LIVES


def test_an_order_that_is_never_closed_is_not_judged_and_our_own_grades_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotRun, match=r"the order was to be closed, and is pending$"):
        merchant(monkeypatch, Sandbox(10**6), "stripe").close(ORDER)
    cases = [
        {"id": "state.paid", "outcome": "pass", "what": ""},
        {"id": "state.closed", "outcome": "not judged", "what": "could not run: the order was to be closed"},
        {"id": "state.late", "outcome": "not judged", "what": "the platform has no such news"},
    ]
    assert grades._missed({"verdict": {"cases": cases}}) == ["state.closed"]
