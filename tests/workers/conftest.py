"""Every platform's world behind one name: a contract is held by all of them, and by one that does not exist."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from countersign.accounts import Accounts
from countersign.platforms.port import Connectors
from countersign.store import OrderStore
from countersign.store.rate_limit import RateLimiter
from tests.functions.conftest import Cloud, _provision, clock, cloud  # noqa: F401 - fixtures
from tests.functions.test_douyin import NEW, OLD, douyin  # noqa: F401 - fixtures
from tests.workers import acme
from tests.workers.worlds import Acme, DouyinWorld, Wechat, World

WORLDS = ("wechat-v3", "wechat-v2", "douyin-ecpay", "douyin-trade", "acme")
SETTLING = ("douyin-ecpay", "douyin-trade", "acme")


@pytest.fixture
def made_up(
    clock: time_machine.Traveller,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Acme]:
    with mock_aws():
        nobody: Any = None
        stack = Cloud(clock, nobody)
        _provision(stack, {"main": {"key": "k"}}, acme.PLATFORM)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        # Nobody waits for a slot here, so on a busy machine each would be slept through.
        monkeypatch.setattr("countersign.store.rate_limit.TOO_LATE_MS", 600_000)
        platform = acme.Platform(lambda: int(time.time()))
        store = OrderStore(stack.dynamodb, "Orders")
        limiter = RateLimiter(store.client, store.table, acme.PLATFORM, "acme-1", per_second=acme.CALLS_PER_SECOND)

        def connect(name: str, settings: Any) -> acme.Connector:
            return acme.Connector(name, platform, limiter.wait)

        yield Acme(stack, Connectors(Accounts(acme.PLATFORM, dict), connect), platform)


def _world(name: str, request: pytest.FixtureRequest) -> World:
    match name.split("-"):
        case ["wechat", version]:
            return Wechat(request.getfixturevalue("cloud"), {"v3": "shop", "v2": "classic"}[version])
        case ["douyin", system]:
            return DouyinWorld(request.getfixturevalue("douyin"), {"ecpay": OLD, "trade": NEW}[system])
    made: World = request.getfixturevalue("made_up")
    return made


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    """Return the world of each platform, one after another."""
    return _world(request.param, request)


@pytest.fixture(params=SETTLING)
def settling(request: pytest.FixtureRequest) -> World:
    """Return the world of each platform where the merchant asks for settlements."""
    return _world(request.param, request)
