"""Recharge's simulator behind the contract suites, by either version of its API."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from moto import mock_aws

from countersign.workers import scan
from tests.functions.conftest import ROOT
from tests.platforms.recharge.world import BASE, Recharge, document, recharge
from tests.workers.world import Charging, Made

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.functions.conftest import Cloud

ACCOUNTS = {
    "store": document(),
    "older": document(api_token="sk_1x1_token_of_the_older", api_version="2021-01", currency="USD"),
}


class RechargeWorld(Charging):
    """Recharge in one version of its API."""

    platform = "recharge"

    def __init__(self, stack: Recharge, account: str) -> None:
        super().__init__(stack.cloud, account)
        self.stack = stack

    def fail_charge(self) -> str:
        return str(self.stack.make("charge", self.account, will="CARD_DECLINED", attempt=True)["id"])

    def charge_later(self, number: str) -> None:
        self.stack.make("will", self.account, charge_id=int(number), will="")

    def try_again(self, number: str) -> None:
        self.stack.make("attempt", self.account, charge_id=int(number))

    def fail(self, what: str, *, after: bool = False) -> None:
        match = {"scan": "/charges?", "process": "/process"}[what]
        if after:
            self.stack.wire.lost = [match]
        else:
            self.stack.wire.simulator.faults({"error500": {"match": match.rstrip("?"), "count": 1000}})

    def refuse_tries(self) -> None:
        self.stack.wire.simulator.faults({"no_scope": {"match": "process"}})

    def mend(self) -> None:
        self.stack.wire.lost = []
        self.stack.wire.simulator.faults({"clear": True})

    def tries(self) -> int:
        return sum(call.endswith("/process") for call in self.stack.wire.sent)

    def deliver_unreadable(self, number: str) -> int:
        self.stack.subscribe_all(self.account, self.stack.documents[self.account]["api_version"])
        self.stack.make("note", self.account, charge_id=int(number), note="door 5")
        (answer,) = self.stack.deliver(spoil="unreadable")
        return answer


@contextmanager
def for_events(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Make the functions, with the account that the sample events are for."""
    store = json.loads((ROOT / "tests/accounts/recharge/store.json").read_text(encoding="utf-8")) | {"api_base": BASE}
    with _recharge({"store": store}, request) as made:
        yield made.cloud


@contextmanager
def _opened(account: str, request: pytest.FixtureRequest) -> Iterator[RechargeWorld]:
    request.getfixturevalue("monkeypatch").setattr("time.sleep", lambda seconds: None)
    with _recharge(ACCOUNTS, request) as made:
        yield RechargeWorld(made, account)


@contextmanager
def _recharge(documents: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Recharge]:
    # moto is not right about transactions of several threads
    request.getfixturevalue("monkeypatch").setattr(scan, "WRITERS", 1)
    clock, folder = request.getfixturevalue("clock"), request.getfixturevalue("tmp_path")
    with mock_aws(), recharge(clock, folder, documents) as made:
        yield made


WORLDS = {
    "recharge-2021-11": Made(RechargeWorld, partial(_opened, "store")),
    "recharge-2021-01": Made(RechargeWorld, partial(_opened, "older")),
}
