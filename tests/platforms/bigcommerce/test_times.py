"""What answers cost: a stranger learns nothing from how long one takes, and who pays waits for the cashier, not for us.

Times are of the processor, by this thread alone: a busy machine changes no verdict.
"""

import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import botocore.client
import pytest

from tests.cashiers.world import Wire as CashierWire
from tests.platforms.bigcommerce.world import Json, Shop
from tests.platforms.bigcommerce.world import Wire as StoreWire

GUESSED = "00000000-0000-4000-8000-000000000000"
SAMPLES = 200
CLOSE = 1.2
CALL_MS = 5.0  # what a call of DynamoDB or SQS takes from a function in the same region
MOST_MS = 150.0  # that a warm call may take beside the store's and the cashier's own answers
MOST_CALLS = 24


class Meter:
    """Adds up how long and how often others were asked, by who it is."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        for owner, name, who in (
            (botocore.client.BaseClient, "_make_api_call", "aws"),
            (StoreWire, "send", "store"),
            (CashierWire, "send", "cashier"),
        ):
            patch.setattr(owner, name, self._metered(getattr(owner, name), who))

    def _metered(self, call: Callable[..., Any], who: str) -> Callable[..., Any]:
        def metered(*args: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args, **options)
            finally:
                self.spent[who] += time.thread_time() - began  # type: ignore[assignment] # a Counter of seconds
                self.calls[who] += 1

        return metered

    def of(self, ask: Callable[[], Any]) -> float:
        """Return the milliseconds that a call took beside those of others."""
        self.spent.clear()
        self.calls.clear()
        began = time.thread_time()
        ask()
        return 1000 * (time.thread_time() - began - sum(self.spent.values()))


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    return Meter(monkeypatch)


def strangers(world: Shop) -> dict[str, Callable[[Json, str], tuple[int, Json]]]:
    """Return what strangers ask, each about an order that is read and not theirs, or not to be paid."""

    def asks(**how: Any) -> Callable[[Json, str], tuple[int, Json]]:
        return lambda order, ip: world.ask(order, ip=ip, **how)

    return {
        "guessed cart": asks(cart_id=GUESSED),
        "forged token": asks(customer_jwt="a.b.c"),
        "forged token, no cart": asks(cart_id=None, customer_jwt="a.b.c"),
        "no such order": asks(order_id=987_654),
        "its own cart, another method": asks(),
        "its own cart, closed": asks(),
        "closed, guessed cart": asks(cart_id=GUESSED),
    }


def order_for(world: Shop, kind: str) -> Json:
    how: Json = {"method": "Credit card"} if "method" in kind else {}
    return world.make("order", **how, **({"status_id": 5} if "closed" in kind else {}))


def addresses() -> Iterator[str]:
    return (f"198.51.{a}.{b}" for a, b in itertools.product(range(256), range(1, 255)))


@pytest.mark.soak
def test_strangers_answers_have_medians_within_a_fifth(world: Shop) -> None:
    kinds, ips = strangers(world), addresses()
    spent: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:  # whatever is done once
        assert kinds[kind](order_for(world, kind), next(ips))[0] in (404, 409)
    for number in range(SAMPLES):
        if number % 5 == 0:
            world.cloud.clock.shift(3600)  # refusals about the number that nobody has are counted by the hour
        for kind, ask in kinds.items():
            order, ip = order_for(world, kind), next(ips)
            began = time.thread_time()
            status, _ = ask(order, ip)
            spent[kind].append(1000 * (time.thread_time() - began))
            assert status in (404, 409)
    medians = {kind: statistics.median(times) for kind, times in spent.items()}
    for kind, median in medians.items():
        print(f"{kind:32} {median:8.2f} ms, median of {SAMPLES}")

    assert max(medians.values()) <= CLOSE * min(medians.values()), medians


@pytest.mark.soak
def test_a_warm_call_takes_little_beside_what_the_store_and_the_cashier_take(world: Shop, meter: Meter) -> None:
    ips = addresses()
    world.ask(world.make("order"), ip=next(ips))
    own, calls = [], []
    for _ in range(SAMPLES):
        order, ip = world.make("order"), next(ips)
        world.cloud.clock.shift(1)  # the store allows so many calls in half a minute

        def ask(order: Json = order, ip: str = ip) -> None:
            assert world.ask(order, ip=ip)[0] == 200

        own.append(meter.of(ask))
        calls.append(meter.calls["aws"])
    p95 = statistics.quantiles(own, n=20)[-1]
    print(f"create-payment, warm: {p95:.1f} ms of our own at p95, and {max(calls)} calls of AWS of {CALL_MS} ms")

    assert p95 + max(calls) * CALL_MS <= MOST_MS


def test_what_a_warm_call_asks_of_others_is_counted(world: Shop, meter: Meter) -> None:
    world.start()
    order = world.make("order")

    meter.of(lambda: world.ask(order))

    assert (meter.calls["store"], meter.calls["cashier"]) == (1, 1)
    assert 0 < meter.calls["aws"] <= MOST_CALLS, meter.calls
