"""Every platform's world behind one name: a contract is held by all of them, and by one that does not exist."""

import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.store import OrderStore
from countersign.store.rate_limit import RateLimiter
from tests.functions.conftest import Cloud, _provision, clock, cloud  # noqa: F401 - fixtures
from tests.functions.test_douyin import douyin  # noqa: F401 - a fixture
from tests.workers import nowhere
from tests.workers.world import Charging, Made, World
from tests.workers.worlds.nowhere import Nowhere

WORLDS: dict[str, Made] = {}
for file in sorted((Path(__file__).parent / "worlds").glob("*.py")):
    WORLDS |= import_module(f"tests.workers.worlds.{file.stem}").WORLDS


@pytest.fixture
def made_up(
    clock: time_machine.Traveller,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Nowhere]:
    with mock_aws():
        nobody: Any = None
        stack = Cloud(clock, nobody)
        _provision(stack, {"main": {"key": "k"}}, nowhere.PLATFORM)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        # Nobody waits for a slot here, so on a busy machine each would be slept through.
        monkeypatch.setattr("countersign.store.rate_limit.TOO_LATE_MS", 600_000)
        platform = nowhere.Platform(lambda: int(time.time()))
        store = OrderStore(stack.dynamodb, "Orders")
        limiter = RateLimiter(
            store.client, store.table, nowhere.PLATFORM, "nowhere-1", per_second=nowhere.CALLS_PER_SECOND
        )

        def connect(name: str, settings: Any) -> nowhere.Connector:
            return nowhere.Connector(name, platform, limiter.wait)

        yield Nowhere(stack, Connectors(Accounts(nowhere.PLATFORM, dict), connect), platform)


@pytest.fixture(params=[name for name, made in WORLDS.items() if issubclass(made.kind, World)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return the world of each platform where orders are paid, one after another."""
    with WORLDS[request.param].open(request) as made:
        yield made


@pytest.fixture(params=[name for name, made in WORLDS.items() if issubclass(made.kind, World) and made.kind.bills])
def billing(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return the world of each platform that lists a day's business."""
    with WORLDS[request.param].open(request) as made:
        yield made


@pytest.fixture(params=[name for name, made in WORLDS.items() if issubclass(made.kind, World) and made.kind.settles])
def settling(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return the world of each platform where the merchant asks for settlements."""
    with WORLDS[request.param].open(request) as made:
        yield made


@pytest.fixture(params=[name for name, made in WORLDS.items() if issubclass(made.kind, Charging)])
def charging(request: pytest.FixtureRequest) -> Iterator[Charging]:
    """Return the world of each platform that takes charges by itself."""
    with WORLDS[request.param].open(request) as made:
        yield made
