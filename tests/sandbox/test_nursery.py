"""Functions are forked of one process that has imported libraries, and see no difference."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sandbox import nursery
from sandbox.clock import Clock
from sandbox.deployment import Function
from sandbox.environments import Environment, Outcome
from sandbox.nursery import Nursery

SOURCE = """
import os, sys, time
MARK = os.environ["MARK"]
print("begun", MARK)
def lambda_handler(event, context):
    if event == "die":
        os.kill(os.getpid(), 9)
    return {"mark": MARK, "now": time.time(), "parent": os.getppid(), "path": sys.path[0], "cwd": os.getcwd(),
            "libraries": sorted({"botocore.client", "cryptography.x509"} & set(sys.modules)),
            "left": [name for name in ("SANDBOX_STATE", "ENDS_WITH_PROCESS") if name in os.environ]}
"""
pytestmark = pytest.mark.skipif(not nursery.IS_SAFE, reason="functions are forked on Linux only")


class Room:
    """Functions under one nursery, and what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nursery = folder, Nursery()
        self.lines, self.made = list[str](), list[Environment]()
        self.clock = Clock(folder / "clock")
        (folder / "app.py").write_text(SOURCE, encoding="utf-8")

    async def start(self, mark: str, source: str = "") -> Environment:
        if source:
            (self.folder / "app.py").write_text(source, encoding="utf-8")
        function = Function("Mark", str(self.folder), [], "app.lambda_handler", 20, 128, {"MARK": mark}, 0, None)
        made = Environment(function, self.folder, {}, lambda _, line: self.lines.append(line), self.nursery)
        await made.start()
        self.made.append(made)
        return made


def answer(outcome: Outcome) -> Any:
    assert not outcome.failed, outcome.payload
    return json.loads(outcome.payload)


def run(folder: Path, work: Callable[[Room], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        room = Room(folder)
        try:
            await work(room)
        finally:
            await room.nursery.stop()
            await asyncio.gather(*(one.ended.wait() for one in room.made))

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_a_function_has_its_own_environment_clock_and_output_and_shared_libraries(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        room.clock.change({"advance": 86_400 * 365})
        one, other = await room.start("one"), await room.start("other")
        assert [await one.ready(), await other.ready()] == [None, None]
        said, also = answer(await one.invoke(b'"x"')), answer(await other.invoke(b'"x"'))
        assert (said["mark"], also["mark"], said["cwd"]) == ("one", "other", str(tmp_path))
        assert said["parent"] == also["parent"] != os.getpid()
        assert (said["libraries"], said["left"]) == (["botocore.client", "cryptography.x509"], [])
        assert said["path"] == str(tmp_path)
        assert abs(said["now"] - room.clock.now()) < 60
        one.kill()
        other.kill()
        await asyncio.gather(one.ended.wait(), other.ended.wait())
        assert {"begun one", "begun other"} <= set(room.lines)

    run(tmp_path, work)


def test_one_that_is_killed_at_work_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        one, other = await room.start("one"), await room.start("other")
        await asyncio.gather(one.ready(), other.ready())
        died = await one.invoke(b'"die"')
        assert died.failed
        assert b"signal: 9" in died.payload
        assert answer(await other.invoke(b'"x"'))["mark"] == "other"

    run(tmp_path, work)


def test_one_that_cannot_start_gives_its_own_error(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        made = await room.start("one", 'raise ValueError("no such thing")')
        failure = await made.ready()
        assert failure is not None
        assert b"no such thing" in failure.payload

    run(tmp_path, work)


def test_what_is_forked_takes_its_children_along_and_another_one_is_started(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        first = await room.start("first")
        await first.ready()
        os.kill(answer(await first.invoke(b'"x"'))["parent"], signal.SIGKILL)
        await first.ended.wait()
        second = await room.start("second")
        assert await second.ready() is None
        assert answer(await second.invoke(b'"x"'))["mark"] == "second"

    run(tmp_path, work)
