"""One stack with a payments app, and a cashier behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.shopify.payments.world import Checkout, checkout
from tests.platforms.shopify.world import NOW


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with mock_aws(), checkout(clock, tmp_path, monkeypatch) as made:
        yield made
