"""One stack with a store, and a cashier that takes the money for its orders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.bigcommerce.world import NOW, Shop, shop


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with mock_aws(), shop(clock, tmp_path, monkeypatch) as made:
        yield made
