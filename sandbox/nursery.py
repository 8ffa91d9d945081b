"""Starts function processes by forking one that has imported their libraries: `python -P sandbox/nursery.py FD`.

Most of a cold start is the import of libraries: half a second of a core for each of dozens of processes, which in AWS
have a core each and here share a few. One process for each set of layers imports them from those layers and is forked;
what is the function's own, and what reads its environment when it is imported, is imported afterwards, so that a
function sees no difference. Where there is no safe fork (macOS) a `Child` is an interpreter of its own.

FD is a socket of datagrams. Each asks for one process: {"environment": {...}, "folder": cwd} as JSON, and with it two
descriptors, where the process writes, and where its id is written at once and its exit status once it has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

_ROOT = str(Path(__file__).resolve().parent.parent)
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_MOST_BYTES = 1 << 17
IS_SAFE = sys.platform.startswith("linux")
LIBRARIES = (
    "awslambdaric.lambda_runtime_marshaller",  # its client is not among them: it reads its address when it is imported
    "aws_lambda_powertools.event_handler.openapi.params",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "botocore.session",
    "botocore.client",
    "botocore.endpoint",
    "cryptography.x509",
    "cryptography.hazmat.primitives.serialization",
    "pydantic",
    "requests",
    "countersign.store",
)
READS_ITS_ENVIRONMENT = "countersign.runtime.telemetry"  # the logger's service name


def prepare() -> None:
    """Import what every function imports; a function of a test may have fewer layers."""
    for name in LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    if READS_ITS_ENVIRONMENT in sys.modules:
        raise AssertionError(f"{READS_ITS_ENVIRONMENT} must be imported in the function's own environment")


class Child:
    """One process that a runner has started, however that was."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, ended: asyncio.Future[int]) -> None:
        self.pid, self.stdout, self._ended = pid, stdout, ended

    async def wait(self) -> int:
        """Wait for its end; returns its exit status, as `subprocess` says it (-9 where it was killed)."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """End it at once."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The processes that are forked, one for each set of layers; each is started when it is first needed."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, ...], socket.socket] = {}
        self._waits: set[asyncio.Task[int]] = set()

    async def start(self, layers: list[str], environment: dict[str, str], folder: str) -> Child:
        """Start a function; raises OSError."""
        if not IS_SAFE:
            return await self._spawned(environment, folder)
        try:
            return await self._forked(tuple(layers), environment, folder)
        except ConnectionError:  # the process that is forked has ended: another one is started
            return await self._forked(tuple(layers), environment, folder)

    async def stop(self) -> None:
        """End all that were forked, and what they were forked of."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        await asyncio.gather(*self._waits)

    async def _spawned(self, environment: dict[str, str], folder: str) -> Child:
        from sandbox import parent_watch

        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(_BOOTSTRAP),
            env=parent_watch.watched(environment),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        return Child(process.pid, process.stdout, self._task(process.wait()))

    async def _forked(self, layers: tuple[str, ...], environment: dict[str, str], folder: str) -> Child:
        if not os.path.isdir(folder):  # noqa: PTH112 - as an interpreter of its own would find out
            raise FileNotFoundError(folder)
        link = self._links.get(layers) or await self._begun(layers)
        output, output_end = os.pipe()
        report, report_end = os.pipe()
        wanted = json.dumps({"environment": environment, "folder": folder}).encode()
        try:
            socket.send_fds(link, [wanted], [output_end, report_end])
        except OSError as error:
            os.close(output)
            os.close(report)
            if isinstance(error, ConnectionError):
                self._forget(layers, link)
            raise
        finally:
            os.close(output_end)
            os.close(report_end)
        stdout, reports = await _reader(output), await _reader(report)
        line = await reports.readline()
        if not line:
            self._forget(layers, link)
            raise ConnectionError("the process that starts functions has ended")
        return Child(int(line), stdout, self._task(_status(reports)))

    def _forget(self, layers: tuple[str, ...], link: socket.socket) -> None:
        """Close a link whose process has ended; another start may have forgotten it and begun a new one meanwhile."""
        if self._links.get(layers) is link:
            del self._links[layers]
            link.close()

    async def _begun(self, layers: tuple[str, ...]) -> socket.socket:
        from sandbox import parent_watch

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            plain = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                __file__,
                str(theirs.fileno()),
                env=parent_watch.watched(
                    {**plain, "LANG": "en_US.UTF-8", "TZ": ":UTC", "PYTHONPATH": os.pathsep.join(layers)}
                ),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._task(process.wait())
        if layers in self._links:  # another start was first
            ours.close()
        return self._links.setdefault(layers, ours)

    def _task(self, work: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
        task = asyncio.create_task(work)
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)
        return task


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    file = os.fdopen(descriptor, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader


async def _status(reports: asyncio.StreamReader) -> int:
    """Return what the forked process says of one that ended; it dies itself by the same signal as they."""
    return int(await reports.readline() or -signal.SIGKILL)


def main() -> None:
    """Import the libraries, then fork for each datagram until whoever started this ends."""
    sys.path.insert(0, _ROOT)
    from sandbox import bootstrap, parent_watch

    parent_watch.end_with_starter()
    import sandbox.faultpoints  # noqa: F401 - every function has them

    sys.path.remove(_ROOT)
    prepare()
    gc.freeze()  # what all share is never copied because a collection touched it
    link = socket.socket(fileno=int(sys.argv[1]))
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing wakes
    children: dict[int, int] = {}  # where each one's end is reported
    parent = os.getpid()
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not link:
                    os.read(woken, 4096)
                    _report(children)
                    continue
                data, descriptors, _, _ = socket.recv_fds(link, _MOST_BYTES, 2)
                if not data:
                    return
                output, report = descriptors
                if (pid := os.fork()) == 0:
                    parent_watch.end_with(parent)
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (link.detach(), woken, wakes, report, selector.fileno(), *children.values()):
                        os.close(one)
                    os._exit(_run(json.loads(data), output, bootstrap.main))
                os.close(output)
                children[pid] = report
                os.write(report, f"{pid}\n".encode())


def _report(children: dict[int, int]) -> None:
    """Say how those ended that have ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            report = children.pop(found[0])
            with contextlib.suppress(BrokenPipeError):
                os.write(report, f"{os.waitstatus_to_exitcode(found[1])}\n".encode())
            os.close(report)


def _run(wanted: dict[str, Any], output: int, work: Any) -> int:
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    time.tzset()
    sys.path.insert(0, wanted["folder"])  # its layers stand there already
    try:
        work()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # as the interpreter does for a process of its own
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
