"""Runs the product: the HTTP API, function environments, schedules and mappings.

A process of its own, so that tests can kill it: the listening sockets belong to the supervisor, which starts the next.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import socket
import sys
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import certificates, gateway, http_server, parent_watch, schedules
from sandbox.clock import ClockReader
from sandbox.dataplane import DataPlane
from sandbox.deployment import Deployment, Schedule
from sandbox.environments import Environment, Pool
from sandbox.faultpoints import snake_case
from sandbox.http_server import Reply, Request
from sandbox.mappings import Asynchronous, QueueFeed, RuleFeed, StreamFeed
from sandbox.nursery import Nursery
from sandbox.tokens import Authorizer, ForbiddenError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_MOST_BYTES = 10 << 20
_MOST_REMEMBERED = 2000
_MOST_OF_AN_ANSWER = 2000
_ERROR_SIGNS = ('"level":"ERROR"', '"level":"CRITICAL"', "[ERROR]", "Traceback (most recent call last)")


class Runner:
    """Everything of the product that runs in this process."""

    def __init__(self, state: Path, settings: dict[str, Any]) -> None:
        self._state, self._settings = state, settings
        self._clock = ClockReader(state / "clock")
        self._deployment = Deployment.load(state / "deployment.json")
        self._plane = DataPlane(settings["data_plane"])
        public_key = (state / "issuer.pem").read_bytes()
        self._authorizer = Authorizer(self._deployment.issuer, self._deployment.audience, public_key)
        extra = {"AWS_ENDPOINT_URL": settings["data_plane"], "AWS_ENDPOINT_URL_SQS": settings["queues"]}
        extra |= {name: os.environ[name] for name in ("SANDBOX_CALLS",) if name in os.environ}
        starts, nursery = asyncio.Semaphore(os.cpu_count() or 2), Nursery()
        self._pools = {
            function.name: Pool(
                function, lambda function: Environment(function, state, extra, self._log, nursery), starts
            )
            for function in self._deployment.functions
        }
        self._asynchronous = Asynchronous(self._plane, self._clock, self._pools)
        self._tasks: set[asyncio.Task[None]] = set()
        self._came: deque[dict[str, Any]] = deque(maxlen=_MOST_REMEMBERED)
        self._numbers = itertools.count(1)
        (state / "logs").mkdir(exist_ok=True)

    async def run(
        self, api: socket.socket, control: socket.socket, mutual: socket.socket, console: socket.socket
    ) -> None:
        """Serve until killed."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
        for mapping in self._deployment.mappings:
            pool = self._pools[mapping.function]
            match mapping.kind:
                case "sqs":
                    self._spawn(QueueFeed(mapping, self._plane, pool).run())
                case "stream":
                    self._spawn(StreamFeed(mapping, self._plane, pool, self._clock, self._state).run())
                case "rule":
                    self._spawn(RuleFeed(mapping, self._plane, pool.function, self._asynchronous).run())
        self._spawn(self._keep_time())
        await http_server.serve(self._api, api, _MOST_BYTES)
        await http_server.serve(self._closed, mutual, _MOST_BYTES, tls=certificates.context(self._state))
        await http_server.serve(self._pages, console, _MOST_BYTES)
        await (await http_server.serve(self._control, control)).serve_forever()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            traceback.print_exception(error)
            os._exit(1)  # the supervisor starts a fresh runner, as the cloud would

    async def _closed(self, request: Request) -> Reply:
        """Answer who showed a certificate."""
        return await self._api(request, mutual_tls=True)

    async def _pages(self, request: Request) -> Reply:
        """Answer a person's browser."""
        return await self._api(request, console=True)

    async def _api(self, request: Request, *, mutual_tls: bool = False, console: bool = False) -> Reply:
        here = (mutual_tls, console)
        routes = [route for route in self._deployment.routes if (route.mutual_tls, route.console) == here]
        found = gateway.match(routes, request.method, request.path)
        if found is None:
            return gateway.message(404, "Not Found")
        now, claims = self._clock.now(), None
        if found.route.scopes is not None:
            try:
                claims = self._authorizer.claims(request.header("authorization"), found.route.scopes, now)
            except UnauthorizedError:
                return gateway.message(401, "Unauthorized", [("WWW-Authenticate", "Bearer")])
            except ForbiddenError:
                challenge = f'Bearer scope="{" ".join(found.route.scopes)}" error="insufficient_scope"'
                return gateway.message(403, "Forbidden", [("WWW-Authenticate", challenge)])
        event = gateway.event(request, found, claims, now, self._settings["port"])
        started = time.monotonic()
        reply = await self._invoke(found, event)
        if found.route.scopes is None:
            self._remember(request, found, reply, now, time.monotonic() - started)
        return reply

    async def _invoke(self, found: gateway.Match, event: dict[str, Any]) -> Reply:
        work = asyncio.create_task(self._pools[found.route.function].invoke(json.dumps(event).encode()))
        try:
            async with asyncio.timeout(found.route.timeout):
                outcome = await asyncio.shield(work)
        except TimeoutError:
            return gateway.message(503, "Service Unavailable")
        return gateway.message(500, "Internal Server Error") if outcome.failed else gateway.reply(outcome.payload)

    def _remember(self, request: Request, found: gateway.Match, reply: Reply, now: float, seconds: float) -> None:
        """Keep what platforms and shoppers were answered, for who asks what a message came to."""
        answered = {
            "number": next(self._numbers),
            "at": now,
            "method": request.method,
            "path": request.path,
            "function": snake_case(found.route.function),
            "status": reply.status,
            "seconds": round(seconds, 4),
            "answer": reply.body[:_MOST_OF_AN_ANSWER].decode("utf-8", "replace"),
        }
        self._came.append(answered)

    async def _control(self, request: Request) -> Reply:
        """Answer what the supervisor asks of a runner."""
        wanted = json.loads(request.body or b"{}")
        match request.path:
            case "/healthz":
                return _json({"status": "ready"})
            case "/kill":
                return _json({"killed": self._kill(wanted.get("function"))})
            case "/requests":
                return _json({"requests": [one for one in self._came if one["number"] > wanted.get("after", 0)]})
            case "/invoke":
                pool = self._pool(str(wanted.get("function")))
                if pool is None:
                    return _json({"message": "no such function"}, 404)
                outcome = await pool.invoke(json.dumps(wanted.get("event")).encode())
                return _json({"failed": outcome.failed, "payload": json.loads(outcome.payload or b"null")})
        return _json({"message": "Not Found"}, 404)

    def _pool(self, name: str) -> Pool | None:
        return next((pool for own, pool in self._pools.items() if name in (own, snake_case(own))), None)

    def _kill(self, name: str | None) -> int | None:
        """Kill one environment, one at work if there is any; say which process that was."""
        pool = self._pool(name) if name else None
        pools = ([pool] if pool else []) if name else list(self._pools.values())
        alive = [environment for pool in pools for environment in pool.all if environment.alive]
        if not alive:
            return None
        victim = random.choice([environment for environment in alive if environment.busy] or alive)  # noqa: S311
        victim.kill()
        return victim.pid

    async def _keep_time(self) -> None:
        timetable = schedules.Timetable(self._deployment.schedules, self._clock.now())
        while True:
            await timetable.tick(self._clock.now(), self._fire)
            await asyncio.sleep(0.1)

    async def _fire(self, schedule: Schedule, due: float) -> None:
        function = self._pools[schedule.function].function
        self._spawn(self._asynchronous.invoke(function, schedules.event(schedule, due)))

    def _log(self, function: str, line: str) -> None:
        with (self._state / "logs" / f"{snake_case(function)}.log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        if any(sign in line for sign in _ERROR_SIGNS):
            print(f"[{snake_case(function)}] {line}", flush=True)


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), [("Content-Type", "application/json")])


def main() -> None:
    """`python -m sandbox.runner STATE API_FD CONTROL_FD MUTUAL_TLS_FD CONSOLE_FD`."""
    parent_watch.end_with_starter()
    state, sockets = Path(sys.argv[1]), [socket.socket(fileno=int(number)) for number in sys.argv[2:6]]
    settings = json.loads((state / "settings.json").read_bytes())
    runner = Runner(state, settings)
    asyncio.run(runner.run(*sockets))


if __name__ == "__main__":
    main()
