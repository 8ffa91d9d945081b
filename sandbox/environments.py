"""Execution environments: one process per concurrent invocation of a function, warm between them, killed when late."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import http_server
from sandbox.http_server import Reply, Request
from sandbox.provision import function_arn
from sandbox.template import REGION

if TYPE_CHECKING:
    from sandbox.deployment import Function

MOST_ENVIRONMENTS = 8
_INIT_SECONDS = 10.0
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
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

    def __init__(self, function: Function, state: Path, extra: dict[str, str], sink: LineSink) -> None:
        self._function, self._state, self._extra, self._sink = function, state, extra, sink
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
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(_BOOTSTRAP),
            env=self._variables(address),
            cwd=self._function.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.pid = self._process.pid
        self._watcher = asyncio.create_task(self._watch())

    async def invoke(self, event: bytes) -> Outcome:
        """Run the function once; what is late is killed."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        self._taken, self._answer = False, loop.create_future()
        self._events.put_nowait((str(uuid.uuid4()), event))
        try:
            if not self._ready.is_set():
                async with asyncio.timeout(_INIT_SECONDS):
                    await self._started_or_ended()
            async with asyncio.timeout(self._function.timeout):
                return await self._answer
        except TimeoutError:
            self.kill()
            self._sink(self._function.name, f"[ERROR] Task timed out after {time.monotonic() - started:.2f} seconds")
            return Outcome.error("Sandbox.Timedout", f"Task timed out after {self._function.timeout:.2f} seconds")

    async def _started_or_ended(self) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._ready, self.ended)]
        try:
            await asyncio.wait(waits, return_when="FIRST_COMPLETED")
        finally:
            for wait in waits:
                wait.cancel()

    def kill(self) -> None:
        """End the process at once; it gets no more events even before it is seen to have ended."""
        self._doomed = True
        with contextlib.suppress(ProcessLookupError):
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
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
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
            if self._init_error:
                self._answer.set_result(self._init_error)
            elif self._taken or not self._ready.is_set():
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
            "SANDBOX_PARENT": str(os.getpid()),
            **self._extra,
            **function.environment,
        }


class Pool:
    """The environments of one function: as many as are needed at once, up to a limit."""

    def __init__(self, function: Function, state: Path, extra: dict[str, str], sink: LineSink) -> None:
        self.function = function
        self._make: Callable[[], Environment] = lambda: Environment(function, state, extra, sink)
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[Environment]] = deque()
        self._replacements: set[asyncio.Task[None]] = set()
        self.all: set[Environment] = set()

    async def invoke(self, event: bytes) -> Outcome:
        """Run the function once, in a warm environment if one is free."""
        while True:
            environment = await self._acquire()
            try:
                return await environment.invoke(event)
            except NotTakenError:
                continue
            finally:
                self._release(environment)

    async def _acquire(self) -> Environment:
        while self._idle:
            environment = self._idle.pop()
            if environment.alive:
                return environment
            self.all.discard(environment)
        if len(self.all) < MOST_ENVIRONMENTS:
            return await self._started()
        turn: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return await turn

    async def _started(self) -> Environment:
        environment = self._make()
        self.all.add(environment)
        await environment.start()
        return environment

    def _release(self, environment: Environment) -> None:
        """Hand the environment to who waits longest; a dead one is replaced for them."""
        alive = environment.alive and not environment.busy
        if not alive:
            environment.kill()
            self.all.discard(environment)
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.done():
                continue
            if alive:
                turn.set_result(environment)
            else:
                replacement = asyncio.create_task(self._replace(turn))
                self._replacements.add(replacement)
                replacement.add_done_callback(self._replacements.discard)
            return
        if alive:
            self._idle.append(environment)

    async def _replace(self, turn: asyncio.Future[Environment]) -> None:
        environment = await self._started()
        if turn.done():
            self._release(environment)
        else:
            turn.set_result(environment)
