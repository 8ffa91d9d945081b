"""An app that two stores may install; the one of `installed` has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from moto import mock_aws

from tests.cashiers.world import Cashiers, cashiers
from tests.platforms.bigcommerce.app.world import (
    NOW,
    OTHER,
    STORE,
    AppWorld,
    app_document,
    app_world,
    store_document,
    store_order,
)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWorld]:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://pay.example.com")
    with mock_aws(), app_world(clock, {"app": app_document()}) as made:
        yield made


@pytest.fixture
def paying(
    clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[AppWorld, Cashiers]]:
    """Return a store whose order 10400 waits for 88.00 USD, and its cashier."""
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://pay.example.com")
    monkeypatch.setenv("SHOPPER_BASE_URL", "https://pay.example.com")
    documents = {"app": app_document(), f"app/{STORE}": store_document(STORE)}
    with (
        mock_aws(),
        cashiers(clock, tmp_path, monkeypatch) as hosted,
        app_world(clock, documents, hosted.cloud) as made,
    ):
        made.there.orders["10400"] = store_order()
        made.check()
        yield made, hosted


@pytest.fixture
def installed(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWorld]:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://pay.example.com")
    documents = {"app": app_document(), f"app/{STORE}": store_document(), f"app/{OTHER}": store_document(OTHER)}
    with mock_aws(), app_world(clock, documents) as made:
        yield made
