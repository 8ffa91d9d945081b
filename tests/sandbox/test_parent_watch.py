"""Whoever starts a sandbox, its end ends the sandbox: SIGKILL anywhere in the chain leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import parent_watch
from sandbox.testing import ROOT
from tests.sandbox.conftest import TEMPLATE, family, processes, running

SECONDS = 120.0  # to start, on a machine that does much else
WAITS = """
import time
from pathlib import Path
from sandbox.testing import running_sandbox

def test_that_never_ends():
    with running_sandbox(template=Path({template!r})) as sandbox:
        assert sandbox.api("GET", "/echo/a").status == 200
        Path({started!r}).touch()
        time.sleep(170)
"""
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start something in a session of its own, as a terminal does; whatever is left of it in the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: Any, **options: Any) -> subprocess.Popen[bytes]:
        with (tmp_path / "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **options,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        for pid in running(family(process.pid)) if process.returncode is None else ():
            os.kill(pid, signal.SIGKILL)
        process.wait()


def killed(
    process: subprocess.Popen[bytes], victim: int, eventually: Callable[..., Any], *, stays: int = 0
) -> set[int]:
    """Kill one process of a family and wait until all are gone but the one that may stay; returns who was there."""
    everything = family(process.pid)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    if victim == process.pid:
        process.wait()
    eventually(lambda: not running(everything - {stays}), 60)
    print(f"{len(everything)} processes gone {time.monotonic() - began:.1f} s after SIGKILL")
    return everything


def children(pid: int) -> set[int]:
    return {child for child, process in processes().items() if process.parent == pid}


@pytest.mark.parametrize("who", ["make", "demo"])
def test_a_killed_demo_leaves_no_process(
    who: str, start: Start, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    make = start("make", "-o", "env", "demo")
    eventually(lambda: "creates DEMO-0001" in (tmp_path / "output").read_text(), SECONDS)
    (demo,) = children(make.pid)

    everything = killed(make, {"make": make.pid, "demo": demo}[who], eventually)

    assert len(everything) >= 6  # make, demo, supervisor, data plane, runner, a function


@pytest.mark.parametrize("who", ["pytest", "worker"])
def test_a_killed_test_run_leaves_no_process(
    who: str, start: Start, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    started, inner = tmp_path / "started", tmp_path / "test_inner.py"
    inner.write_text(WAITS.format(template=str(TEMPLATE), started=str(started)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml", "-n", "1"]
    run = start(*command, inner, env=environment)
    eventually(started.exists, SECONDS)
    (worker,) = children(run.pid)

    victim, stays = {"pytest": (run.pid, 0), "worker": (worker, run.pid)}[who]
    everything = killed(run, victim, eventually, stays=stays)

    assert len(everything) >= 6  # pytest, its worker, supervisor, data plane, runner, a function


def test_what_was_asked_to_end_with_another_process_does_not_run_on_without_it(start: Start) -> None:
    environment = {**os.environ, "ENDS_WITH_PROCESS": "1"}  # not its parent: as if that had died before it started

    orphan = start(sys.executable, "-m", "sandbox.parent_watch", "http.server", "0", env=environment)

    assert orphan.wait(SECONDS) == 1


def test_only_a_direct_child_ends_with_the_one_that_asked(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os; print(os.environ.get('ENDS_WITH_PROCESS', 'not inherited'))")

    child = start(sys.executable, "-P", parent_watch.__file__, script, env=parent_watch.watched())

    assert child.wait(SECONDS) == 0
    assert (tmp_path / "output").read_text() == "not inherited\n"


def test_a_command_that_starts_others_ends_with_all_of_them(start: Start, eventually: Callable[..., Any]) -> None:
    group = [sys.executable, "-P", parent_watch.__file__, "--group", "sh", "-c", "sleep 1000 & sleep 1000; :"]
    starter = start(
        sys.executable,
        "-c",
        f"""
import subprocess
from sandbox import parent_watch
subprocess.run({group!r}, env=parent_watch.watched())
""",
    )
    eventually(lambda: len(family(starter.pid)) == 5, SECONDS)  # starter, the watch, sh, both sleeps

    killed(starter, starter.pid, eventually)


def test_a_command_in_a_group_gives_back_its_exit_status(start: Start) -> None:
    command = [sys.executable, "-P", parent_watch.__file__, "--group", "sh", "-c", "exit 7"]

    assert start(*command, env=parent_watch.watched()).wait(SECONDS) == 7
