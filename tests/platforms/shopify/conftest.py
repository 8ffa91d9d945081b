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
def world(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    monkeypatch.setattr(scan, "WRITERS", 1)  # moto is not right about transactions of several threads
    monkeypatch.setattr("time.sleep", clock.shift)  # what is waited for a shop passes, and nobody waits
    with mock_aws(), shopify(clock, documents()) as made:
        yield made
