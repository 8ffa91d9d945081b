"""A sandbox that runs the small product of this folder, shared by the tests that only look at it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.testing import LocalCloud, Sandbox, ministack, running_sandbox

TEMPLATE = Path(__file__).with_name("template.yaml")


class Process(NamedTuple):
    parent: int
    state: str


def processes() -> dict[int, Process]:
    """List what this machine runs in one look: what ends between two looks would fail whoever reads it."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in listing.splitlines())
    return {int(pid): Process(int(parent), state) for pid, parent, state in rows}


def family(pid: int) -> set[int]:
    """Find a process and everything that it started, directly or not."""
    listed, found = processes(), {pid}
    while grown := {child for child, process in listed.items() if process.parent in found} - found:
        found |= grown
    return found


def running(pids: set[int]) -> set[int]:
    """Leave out what has ended, reaped or not."""
    return {pid for pid, process in processes().items() if pid in pids and not process.state.startswith("Z")}


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
