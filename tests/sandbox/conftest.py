"""A sandbox that runs the small product of this folder, shared by the tests that only look at it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import LocalCloud, Sandbox, ministack, running_sandbox

TEMPLATE = Path(__file__).with_name("template.yaml")


def family(pid: int) -> set[int]:
    """Find a process and everything that it started, directly or not."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in listing.splitlines()}
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def running(pids: set[int]) -> set[int]:
    """Leave out what has ended, reaped or not."""
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and " Z" not in Path(f"/proc/{pid}/stat").read_text()}


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    with running_sandbox(template=TEMPLATE) as sandbox:
        yield sandbox


@pytest.fixture
def small(shared: Sandbox) -> Iterator[Sandbox]:
    """Lend the shared sandbox, and put time and faults back afterwards."""
    yield shared
    shared.control("DELETE", "/faults")
    shared.clock(now=time.time(), frozen=False, rate=1)


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with ministack() as running:
        yield running


@pytest.fixture
def notes(shared: Sandbox) -> Callable[[str], list[Any]]:
    """Read what workers noted, of one kind."""
    plane = shared.data_plane()

    def read(kind: str) -> list[Any]:
        items = plane.call("dynamodb", "Scan", TableName="sandbox-Table", ConsistentRead=True)["Items"]
        found = [item for item in items if item.get("kind") == {"S": kind}]
        return [json.loads(item["value"]["S"]) for item in sorted(found, key=lambda item: item["pk"]["S"])]

    return read


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until something is true, and give it back."""

    def wait(condition: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError("it did not happen in time")

    return wait
