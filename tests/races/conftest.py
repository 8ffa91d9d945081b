"""Sixteen stores over one table of ministack, whose transactions are serial as DynamoDB's are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from countersign.store import OrderStore, dynamo
from sandbox.testing import LocalCloud, Stack, ministack
from tests.races.racing import WRITERS, Rounds, client


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with ministack() as running:
        yield running


@pytest.fixture(scope="session")
def stack(cloud: LocalCloud) -> Stack:
    return cloud.stack()


@pytest.fixture(scope="session")
def stores(stack: Stack) -> list[OrderStore]:
    return [OrderStore(client(stack), stack.refs["OrdersTable"]) for _ in range(WRITERS)]


@pytest.fixture(scope="session")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WRITERS) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _a_deadline_is_so_many_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads share two processors with whatever else runs here: their deadlines are not the wall's."""
    monkeypatch.setattr(dynamo, "time", Rounds())
