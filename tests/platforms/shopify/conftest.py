"""One stack with an app in two shops."""

from collections.abc import Iterator

import pytest
import time_machine
from moto import mock_aws

from countersign.workers import scan
from tests.platforms.shopify.world import NOW, Shopify, documents, shopify


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def waits(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long is waited for a shop; the clock moves on, and nobody waits."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.shift(seconds)

    monkeypatch.setattr("time.sleep", sleep)
    return waited


@pytest.fixture
def world(
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
) -> Iterator[Shopify]:
    monkeypatch.setattr(scan, "WRITERS", 1)  # moto is not right about transactions of several threads
    with mock_aws(), shopify(clock, documents()) as made:
        yield made
