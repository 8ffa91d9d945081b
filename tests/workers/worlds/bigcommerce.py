"""BigCommerce's stack for its sample events: an app in a store, with the simulator behind the session.

The contract suites are about platforms that take or refund money: here a cashier does, whose worlds are its own.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto import mock_aws

from countersign.workers import scan
from tests.functions.conftest import ROOT
from tests.platforms.bigcommerce.world import BASE, shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.functions.conftest import Cloud
    from tests.workers.world import Made

STORE = "g5cd38wq1"


@contextmanager
def for_events(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Make the functions, with the accounts that the sample events are for."""
    # moto is not right about transactions of several threads
    request.getfixturevalue("monkeypatch").setattr(scan, "WRITERS", 1)
    folder = ROOT / "tests/accounts/bigcommerce"
    app = json.loads((folder / "app.json").read_text(encoding="utf-8")) | {"api_base": BASE}
    store = json.loads((folder / f"app/{STORE}.json").read_text(encoding="utf-8")) | {"api_base": BASE}
    clock, place = request.getfixturevalue("clock"), request.getfixturevalue("tmp_path")
    with mock_aws(), shop(clock, place, request.getfixturevalue("monkeypatch"), app, {STORE: store}) as made:
        yield made.cloud


WORLDS: dict[str, Made] = {}
