"""One stack with accounts at every cashier."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from tests.cashiers.world import NOW, Cashiers, cashiers


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cashiers]:
    with mock_aws(), cashiers(clock, tmp_path, monkeypatch) as made:
        yield made
