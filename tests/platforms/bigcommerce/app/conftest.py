"""An app that two stores may install; the one of `installed` has it."""

from collections.abc import Iterator

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.bigcommerce.app.world import NOW, OTHER, STORE, AppWorld, app_document, app_world, store_document


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
def installed(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWorld]:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://pay.example.com")
    documents = {"app": app_document(), f"app/{STORE}": store_document(), f"app/{OTHER}": store_document(OTHER)}
    with mock_aws(), app_world(clock, documents) as made:
        yield made
