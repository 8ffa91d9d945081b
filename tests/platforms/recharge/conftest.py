"""One stack with two stores at Recharge, one on each version of its API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from countersign.workers import scan
from tests.platforms.recharge.world import NOW, Recharge, document, recharge


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recharge]:
    monkeypatch.setattr(scan, "WRITERS", 1)  # moto is not right about transactions of several threads
    documents = {
        "store": document(),
        "older": document(api_token="sk_1x1_token_of_the_older", api_version="2021-01", currency="USD"),
        "unknown": document(api_token="sk_1x1_token_of_unknown", api_version="2021-01"),
    }
    with mock_aws(), recharge(clock, tmp_path, documents) as made:
        yield made
