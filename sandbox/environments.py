"""Execution environments: one process per concurrent invocation of a function, warm between them, killed when late."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import http_server
from sandbox.http_server import Reply, Request
from sandbox.provision import function_arn
from sandbox.template import REGION

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.deployment import Function
    from sandbox.nursery import Nursery

MOST_ENVIRONMENTS = 8
_INIT_SECONDS = 30.0
_PREFIX = "/2018-06-01/runtime/"

LineSink = Callable[[str, str], None]


@dataclass(frozen=True)
class Outcome:
    """What an invocation gave: the function's answer, or its error as Lambda words it."""

    payload: bytes
    failed: bool = False

    @classmethod
    def error(cls, kind: str, text: str) -> Outcome:
        """Make an error that the function could not report itself."""
        return cls(json.dumps({"errorType": kind, "errorMessage": text}).encode(), failed=True)


class NotTakenError(Exception):
    """The environment died before it took the event; another one may have it."""


class Environment:
    """One process under AWS's runtime client, and the Runtime API that it talks to."""

    def __init__(
        self, function: Function, state: Path, extra: dict[str, str], sink: LineSink, nursery: Nursery
    ) -> None:
        self._function, self._state, self._extra, self._sink = function, state, extra, sink
        self._nursery = nursery
        self._events: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._ready = asyncio.Event()
        self._taken = False
        self._answer: asyncio.Future[Outcome] | None = None
        self._init_error: Outcome | None = None
        self.ended = asyncio.Event()
        self._doomed = False

    async def start(self) -> None:
        """Start the process; it announces itself by asking for its first event."""
        self._server = await http_server.serve(self._runtime_api)
        address = "{}:{}".format(*self._server.sockets[0].getsockname())
        function, variables = self._function, self._variables(address)
        self._process = await self._nursery.start(function.layers, variables, function.folder)
        self.pid = self._process.pid
        self._watcher = asyncio.create_task(self._watch())

    async def ready(self) -> Outcome | None:
        """Wait until it asks for its first event; returns the error of one that never does."""
        waits = [asyncio.create_task(event.wait()) for event in (self._ready, self.ended)]
        await asyncio.wait(waits, timeout=_INIT_SECONDS, return_when="FIRST_COMPLETED")
        for wait in waits:
            wait.cancel()
        if self._ready.is_set():
            return None
        self.kill()
        return self._init_error or Outcome.error("Runtime.ExitError", "The function ended, or hung, while it started")

    async def invoke(self, event: bytes) -> Outcome:
        """Run the function once; what is late is killed."""
        started = time.monotonic()
        self._taken, self._answer = False, asyncio.get_running_loop().create_future()
        self._events.put_nowait((str(uuid.uuid4()), event))
        try:
            async with asyncio.timeout(self._function.timeout):
                return await self._answer
        except TimeoutError:
            self.kill()
            self._sink(self._function.name, f"[ERROR] Task timed out after {time.monotonic() - started:.2f} seconds")
            return Outcome.error("Sandbox.Timedout", f"Task timed out after {self._function.timeout:.2f} seconds")

    def kill(self) -> None:
        """End the process at once; it gets no more events even before it is seen to have ended."""
        self._doomed = True
        self._process.kill()

    @property
    def alive(self) -> bool:
        """Whether it may get events."""
        return not self._doomed and not self.ended.is_set()

    @property
    def busy(self) -> bool:
        """Whether the function is at work."""
        return self._answer is not None and not self._answer.done()

    async def _runtime_api(self, request: Request) -> Reply:
        call = request.path.removeprefix(_PREFIX)
        if call == "invocation/next":
            self._ready.set()
            request_id, event = await self._events.get()
            self._taken = True
            deadline = int((time.time() + self._function.timeout) * 1000)
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": function_arn(self._function.name),
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
                "Content-Type": "application/json",
            }
            return Reply(200, event, list(headers.items()))
        outcome = Outcome(request.body, failed=not call.endswith("/response"))
        if call == "init/error":
            self._init_error = outcome
        elif self._answer and not self._answer.done():
            self._answer.set_result(outcome)
        return Reply(202, b'{"status":"OK"}', [("Content-Type", "application/json")])

    async def _watch(self) -> None:
        """Pass on what the process prints until it ends, then settle what it left open."""
        rest = b""
        while chunk := await self._process.stdout.read(64 * 1024):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._sink(self._function.name, line.decode("utf-8", "replace"))
        if rest:
            self._sink(self._function.name, rest.decode("utf-8", "replace"))
        code = await self._process.wait()
        self.ended.set()
        self._server.close()
        if self._answer and not self._answer.done():
            if self._taken:
                what = f"signal: {-code}" if code < 0 else f"exit status {code}"
                self._answer.set_result(Outcome.error("Runtime.ExitError", f"Error: Runtime exited with error: {what}"))
            else:
                self._answer.set_exception(NotTakenError())

    def _variables(self, address: str) -> dict[str, str]:
        function = self._function
        return {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "AWS_LAMBDA_RUNTIME_API": address,
            "LAMBDA_TASK_ROOT": function.folder,
            "_HANDLER": function.handler,
            "PYTHONPATH": os.pathsep.join([function.folder, *function.layers]),
            "SANDBOX_STATE": str(self._state),
            **self._extra,
            **function.environment,
        }


class Pool:
    """The environments of one function: as many as are needed at once, up to a limit.

    Nobody waits for an environment of their own: whichever is free or has started first serves who waits longest. Few
    start at once (`starts` is shared by all pools), for here they share the cores that each would have alone in AWS.
    """

    def __init__(self, function: Function, make: Callable[[Function], Environment], starts: asyncio.Semaphore) -> None:
        self.function = function
        self._make, self._starts = make, starts
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[Environment | Outcome]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self.all: set[Environment] = set()

    async def invoke(self, event: bytes) -> Outcome:
        """Run the function once, in a warm environment if one is free."""
        while True:
            environment = await self._acquire()
            if isinstance(environment, Outcome):
                return environment
            try:
                return await environment.invoke(event)
            except NotTakenError:
                continue
            finally:
                self._release(environment)

    async def _acquire(self) -> Environment | Outcome:
        while self._idle:
            environment = self._idle.pop()
            if environment.alive:
                return environment
            self.all.discard(environment)
        turn: asyncio.Future[Environment | Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._grow()
        return await turn

    def _grow(self) -> None:
        if len(self._starting) < len(self._waiting) and len(self.all) + len(self._starting) < MOST_ENVIRONMENTS:
            task = asyncio.create_task(self._start())
            self._starting.add(task)
            task.add_done_callback(self._started)

    async def _start(self) -> None:
        async with self._starts:
            if not self._waiting:
                return
            environment = self._make(self.function)
            try:
                await environment.start()
                failure = await environment.ready()
            except OSError as error:  # such as no code folder
                failure = Outcome.error("Runtime.ExitError", str(error))
        if failure:
            self._serve(failure)
        else:
            self.all.add(environment)
            self._release(environment)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        self._grow()

    def _release(self, environment: Environment) -> None:
        if not environment.alive or environment.busy:
            environment.kill()
            self.all.discard(environment)
            self._grow()
        elif not self._serve(environment):
            self._idle.append(environment)

    def _serve(self, turn: Environment | Outcome) -> bool:
        """Give the first of those who wait what they wait for."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(turn)
                return True
        return False
