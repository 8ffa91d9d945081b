"""One data plane and one set of keys for all worlds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.simulators.wechat import Simulator
from sandbox.testing import LocalCloud, ministack
from tests.crash.world import World, world


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with ministack() as running:
        yield running


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    # Prepared here once, so that the simulator makes its keys before worlds are made side by side.
    return Simulator.prepare_account(Simulator.throwaway_accounts()["shop"], "")


@pytest.fixture
def stage(cloud: LocalCloud, document: dict[str, Any], tmp_path: Path) -> Iterator[World]:
    with world(cloud, document, tmp_path) as made:
        yield made
