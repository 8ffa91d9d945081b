"""A committed delivery, replayed: what every sample event does by itself is held for all platforms at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.recharge.world import BASE, Recharge, recharge

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "events" / "recharge"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


@pytest.fixture
def stack(clock: time_machine.Traveller, tmp_path: Path) -> Iterator[Recharge]:
    document = json.loads((ROOT / "tests/accounts/recharge/store.json").read_text(encoding="utf-8"))
    with mock_aws(), recharge(clock, tmp_path, {"store": document | {"api_base": BASE}}) as made:
        yield made


def _send(stack: Recharge, name: str) -> Any:
    stack.cloud.clock.move_to(INDEX[name]["now"])
    event = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return stack.cloud.invoke(name.split(".")[0], event, remaining_ms=900_000)


def test_A17_a_replay_under_a_new_header_that_nothing_signs_changes_nothing(stack: Recharge) -> None:
    _send(stack, "recharge_webhook.failed.json")
    before = sorted(map(str, stack.cloud.table()))

    assert _send(stack, "recharge_webhook.replayed.json")["statusCode"] == 200
    assert sorted(map(str, stack.cloud.table())) == before
