"""The sandbox for tests: a whole one over HTTP, or only its data plane with fresh tables and a function run at a time.

with running_sandbox() as sandbox:              # everything; throwaway accounts unless a folder is given
    sandbox.api("GET", "/orders", token=sandbox.token("orders:read"))
    sandbox.clock(advance=3600)

with ministack() as cloud:                      # a quarter of a second
    stack = cloud.stack()                       # the template's tables, queues and bus, new and empty
    stack.plane.call("dynamodb", "GetItem", TableName=stack.refs["OrdersTable"], Key=...)
    run = stack.run("WechatNotify", event, crash={"call": 2, "when": "after"})
    assert run.killed
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import parent_watch, simulation
from sandbox.clock import Clock
from sandbox.control import write_faults
from sandbox.dataplane import DataPlane, Ministack
from sandbox.deployment import Deployer, Function
from sandbox.provision import Provisioner
from sandbox.template import REGION, Template

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)


@dataclass
class Sandbox:
    """A running sandbox, seen from outside."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def state(self) -> Path:
        """Where the sandbox keeps its settings and logs."""
        return ROOT / ".sandbox" / str(self.port)

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def control_url(self) -> str:
        """Where the sandbox's own side is."""
        return f"http://127.0.0.1:{self.port + 1}"

    def api(
        self,
        method: str,
        path: str,
        body: bytes | Any = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Call the product."""
        authorization = {"authorization": f"Bearer {token}"} if token else {}
        return _call(self.port, method, path, body, {**authorization, **(headers or {})})

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control side, which must agree."""
        answer = _call(self.port + 1, method, path, body, {})
        if answer.status >= 300:
            raise AssertionError(f"{method} {path} answered {answer.status} {answer.body[:300]!r}")
        return answer.json()

    def page(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Ask the control side as a browser does, and take whatever it answers."""
        return _call(self.port + 1, method, path, body, headers or {})

    def token(self, *scopes: str, **wanted: Any) -> str:
        """Get a token with these scopes; `subject`, `accounts` and `client` as in `POST /token`."""
        return str(self.control("POST", "/token", {"scopes": scopes, **wanted})["access_token"])

    def clock(self, **wanted: Any) -> float:
        """Move the clock if anything is wanted; says what time it is now."""
        return float(self.control("POST", "/clock", wanted)["now"])

    def inbox(self, kind: str) -> list[dict[str, Any]]:
        """List what left the product, of one kind."""
        return list(self.control("GET", f"/inbox?kind={kind}"))

    def data_plane(self) -> DataPlane:
        """Reach behind the product, into its tables and queues."""
        return DataPlane(json.loads((self.state / "settings.json").read_bytes())["data_plane"])

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Take what lies in a queue of the template."""
        plane = self.data_plane()
        url = plane.call("sqs", "GetQueueUrl", QueueName=queue)["QueueUrl"]
        found = plane.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            plane.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(found)

    def stop(self, signum: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does, or at once where that does not help; says with which status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signum)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()


@contextlib.contextmanager
def running_sandbox(
    accounts: Path | None = None,
    template: Path = ROOT / "template.yaml",
    *,
    shown: bool = False,
    foreign: bool = False,
    seed: bool = False,
) -> Iterator[Sandbox]:
    """Run a whole sandbox on free ports; `shown` prints what it says and leaves its state folder.

    With `foreign` its tokens are those of another issuer than Cognito; with `seed` thirty orders are in it.
    """
    port = _free_ports()
    command = [sys.executable, "-m", "sandbox", "run", "--port", str(port), "--template", str(template)]
    command += ["--accounts", str(accounts)] if accounts else []
    command += ["--quiet"] if shown else []
    command += ["--foreign-issuer"] if foreign else []
    command += ["--seed"] if seed else []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=parent_watch.watched(),
                stdin=subprocess.DEVNULL,
                stdout=None if shown else file,
                stderr=None if shown else subprocess.STDOUT,
                start_new_session=True,
            )
        sandbox = Sandbox(port, process, output)
        try:
            _wait_ready(sandbox)
            if seed:
                _wait_said(sandbox, "orders are there")
            yield sandbox
        finally:
            sandbox.stop()
            if not shown:
                shutil.rmtree(sandbox.state, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """How one run of a function ended."""

    status: int
    answer: Any
    output: str
    requests: list[str]  # by name, each attempt of a call
    calls: list[str]  # by name, each call once

    @property
    def killed(self) -> bool:
        """Whether a kill point ended it."""
        return self.status == -signal.SIGKILL


class Starter:
    """A process with all libraries imported, which is forked for each run of a function (see invoke_once)."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "starter"
        self._process = subprocess.Popen(
            [sys.executable, "-P", ROOT / "sandbox" / "invoke_once.py", self._socket],
            env=parent_watch.watched({"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT / "layers/common")}),
        )

    def run(self, folder: Path, cwd: str, environment: dict[str, str], event: Any) -> tuple[int, str]:
        """Run a function once and return its exit status and what it printed; `folder` is the run's own."""
        asked, output = folder / "event", folder / "output"
        asked.write_text(json.dumps(event), encoding="utf-8")
        wanted = {"environment": environment, "folder": cwd, "event": str(asked), "output": str(output)}
        with self._connected() as connection, connection.makefile("rw") as lines:
            lines.write(f"{json.dumps(wanted)}\n")
            lines.flush()
            status = int(lines.readline())
        return status, output.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _connected(self) -> socket.socket:
        """Connect to it, as soon as it has imported everything."""
        while self._process.poll() is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(60)
            try:
                connection.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                time.sleep(0.05)
                continue
            return connection
        raise AssertionError("the process that starts functions has ended")


class Stack:
    """The template's resources in the local cloud, made for one test."""

    def __init__(
        self, plane: DataPlane, template: Path, folder: Path, starter: Starter, given: dict[str, str] | None = None
    ) -> None:
        stage = f"t{next(_numbers)}"
        parameters = {
            "Stage": stage,
            "PublicBaseUrl": "http://127.0.0.1",
            "JwtIssuer": "sandbox",
            "JwtAudience": "sandbox",
            **(given or {}),
        }
        parsed = Template(template, parameters)
        provisioner = Provisioner(parsed, plane, f"{stage}-")
        provisioner.everything()
        deployment = Deployer(parsed, plane, f"{stage}-").deploy()
        self.plane, self.stage = plane, stage
        self.functions = {function.name: function for function in deployment.functions}
        self.refs = {
            name: provisioner.attributes(name)["Ref"]
            for kind in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Events::EventBus")
            for name in parsed.resources(kind)
        }
        self._starter = starter
        self._folder = folder / stage
        self._folder.mkdir()
        self.clock = Clock(self._folder / "clock")

    def environment(self, function: str) -> dict[str, str]:
        """Make the environment in which a function finds this stack."""
        wanted: Function = self.functions[function]
        return {
            "PATH": os.environ.get("PATH", ""),
            **{name: os.environ[name] for name in ("SANDBOX_CALLS",) if name in os.environ},
            "AWS_ENDPOINT_URL": self.plane.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": wanted.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(wanted.memory),
            "LAMBDA_TASK_ROOT": wanted.folder,
            "_HANDLER": wanted.handler,
            "PYTHONPATH": os.pathsep.join([wanted.folder, *wanted.layers]),
            **wanted.environment,
        }

    def put_account(self, platform: str, account: str, document: dict[str, Any]) -> None:
        """Store an account's credentials."""
        simulation.store(self.plane, self.stage, {platform: {account: document}})

    def run(self, function: str, event: Any, *, crash: dict[str, Any] | None = None, **faults: Any) -> Run:
        """Run a function once, on this stack's clock, with fault points (see faultpoints)."""
        number = next(_numbers)
        folder = self._folder / str(number)
        folder.mkdir()
        plan = {"record": True, **faults, "crash": [{"id": "crash", **crash}] if crash else []}
        write_faults(folder, plan)
        wanted = self.functions[function]
        extra = {
            "SANDBOX_FAULTS": str(folder),
            "SANDBOX_CLOCK": str(self._folder / "clock"),
            "SANDBOX_TIMEOUT": str(wanted.timeout),
        }
        status, output = self._starter.run(folder, wanted.folder, {**self.environment(function), **extra}, event)
        answer = json.loads(output.rstrip().rpartition("\n")[2]) if status == 0 else None
        record = folder / "calls.jsonl"
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        requests = [json.loads(line) for line in lines]
        calls = {one["number"]: one["call"] for one in requests}
        return Run(status, answer, output, [one["call"] for one in requests], list(calls.values()))


@dataclass(frozen=True)
class LocalCloud:
    """A running data plane."""

    plane: DataPlane
    folder: Path
    starter: Starter

    def stack(self, template: Path = ROOT / "template.yaml", **given: str) -> Stack:
        """Everything that the template stores in, new and empty; `given` are parameters of the template."""
        return Stack(self.plane, template, self.folder, self.starter, given)


@contextlib.contextmanager
def ministack() -> Iterator[LocalCloud]:
    """Run only the data plane, on a free port."""
    with tempfile.TemporaryDirectory() as folder:
        server, starter = Ministack(Path(folder, "ministack")), Starter(Path(folder))
        try:
            yield LocalCloud(server.wait_ready(), Path(folder), starter)
        finally:
            starter.stop()
            server.stop()


def _call(port: int, method: str, path: str, body: bytes | Any, headers: dict[str, str]) -> Answer:
    if body is not None and not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), {"content-type": "application/json", **headers}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


def _wait_ready(sandbox: Sandbox, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and sandbox.process.poll() is None:
        # Nobody listens yet, or the sandbox ends while it answers: both are no answer.
        with contextlib.suppress(OSError, http.client.HTTPException):
            if _call(sandbox.port + 1, "GET", "/healthz", None, {}).status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(
        f"the sandbox did not start:\n{sandbox.output.read_text(encoding='utf-8', errors='replace')[-4000:]}"
    )


def _wait_said(sandbox: Sandbox, what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while what not in sandbox.output.read_text(encoding="utf-8", errors="replace"):
        if time.monotonic() > end:
            raise AssertionError(f"the sandbox did not say {what!r}")
        time.sleep(0.2)


def _free_ports() -> int:
    """Find a free port for a sandbox, which takes the next three as well."""
    while True:
        with contextlib.ExitStack() as held:
            first, *others = (held.enter_context(socket.socket()) for _ in range(4))
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                for further, one in enumerate(others, 1):
                    one.bind(("127.0.0.1", port + further))
                return port
