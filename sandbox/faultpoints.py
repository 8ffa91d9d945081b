"""Kill and fault points around every external call of a function: its AWS calls and its calls of platforms.

`install(folder, function)` watches `folder/faults.json`, which may change at any time:

    {"crash": [{"id", "call"?, "when": "before"|"after", "function"?, "count": 1, "probability": 1.0}],
     "aws": [{"id", "call"?, "kind", "function"?, "count": 1, "probability": 1.0, "seconds": 1}],
     "record": true}

Trouble with AWS has the kinds `throttle`, `conflict`, `error500`, `timeout_before`, `timeout_after` (it is done, but
the answer is lost) and `hang` (for some seconds).

A call is named `dynamodb.TransactWriteItems`, `sqs.SendMessage`, `http.POST /v3/pay/transactions/jsapi` (`*` and `?`
are wild cards), or is the number of the call in its invocation, from 1. Each attempt of an AWS call is a request on the
wire, which trouble meets by its name; they have one number, as how many a busy machine needs is chance. Counts hold
across processes: each use is claimed by making a file, which only one process can do. With `record`, calls are written
to `folder/calls.jsonl`. Nothing is imported before the function imports it.
"""

from __future__ import annotations

import fnmatch
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from sandbox import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

_SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events", "TrentService": "kms"}
_PATHS = {"email/outbound-emails": "sesv2.SendEmail"}
_REFUSALS = {
    "throttle": (400, "ThrottlingException"),
    "conflict": (400, "TransactionConflictException"),
    "error500": (500, "InternalServerError"),
}


class FaultPoints:
    """The fault points of one process."""

    def __init__(self, folder: Path, function: str) -> None:
        self._folder, self._function = folder, function
        self._path = folder / "faults.json"
        self._claims = folder / "claims"
        self._stamp = (0, 0, 0)
        self._plan: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._calls, self._request_id = 0, ""

    def begin(self, request_id: str) -> None:
        """Begin an invocation: calls are counted from one again."""
        self._calls, self._request_id = 0, request_id

    def around(
        self, name: str, send: Callable[[], Any], broken: Callable[[str], Any] | None = None, *, again: bool = False
    ) -> Any:
        """Make an external call (or `again`, after it failed), unless the plan wants something else to happen."""
        with self._lock:
            self._calls += not again
            number = self._calls
        plan = self._current()
        if plan.get("record"):
            self._record(number, name)
        self._crash(plan, "before", number, name)
        fault = self._aws_fault(plan, number, name) if broken else {}
        kind = fault.get("kind", "")
        if kind == "hang":
            time.sleep(fault.get("seconds", 1))
        answer = send() if kind in ("", "hang", "timeout_after") else None
        if broken and kind not in ("", "hang"):
            answer = broken(kind)
        self._crash(plan, "after", number, name)
        return answer

    def _current(self) -> dict[str, Any]:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp != self._stamp:
                self._plan = json.loads(self._path.read_bytes())
                self._stamp = stamp
        except FileNotFoundError:
            self._plan = {}
        return self._plan

    def _crash(self, plan: dict[str, Any], when: str, number: int, name: str) -> None:
        for crash in plan.get("crash", ()):
            if crash.get("when", "before") == when and self._matches(crash, number, name) and self._claim(crash):
                os.kill(os.getpid(), signal.SIGKILL)

    def _aws_fault(self, plan: dict[str, Any], number: int, name: str) -> dict[str, Any]:
        for fault in plan.get("aws", ()):
            if self._matches(fault, number, name) and self._claim(fault):
                return dict(fault)
        return {}

    def _matches(self, wanted: dict[str, Any], number: int, name: str) -> bool:
        call = wanted.get("call", "*")
        named = number == call if isinstance(call, int) else fnmatch.fnmatchcase(name, call)
        return named and wanted.get("function", self._function) in (self._function, snake_case(self._function))

    def _claim(self, wanted: dict[str, Any]) -> bool:
        if wanted.get("probability", 1.0) < 1.0:
            import random  # it brings hashlib, which a cold start need not pay for

            if random.random() >= wanted["probability"]:  # noqa: S311 - a die for tests
                return False
        self._claims.mkdir(exist_ok=True)
        for use in range(wanted.get("count", 1)):
            try:
                os.close(os.open(self._claims / f"{wanted['id']}-{use}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return True
        return False

    def _record(self, number: int, name: str) -> None:
        entry = {"function": self._function, "request_id": self._request_id, "number": number, "call": name}
        with (self._folder / "calls.jsonl").open("ab", buffering=0) as file:
            file.write(json.dumps(entry).encode() + b"\n")


def snake_case(name: str) -> str:
    """`WechatNotify` as its folder is called: `wechat_notify`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def install(folder: Path, function: str) -> FaultPoints:
    """Put fault points around the calls of this process, as soon as it imports what makes them."""
    points = FaultPoints(folder, function)
    patches = {
        "botocore.endpoint": lambda module: _patch_botocore(module, points),
        "botocore.client": lambda module: calls.watch(module, lambda: snake_case(function)),
        "requests.adapters": lambda module: _patch_requests(module, points),
        "countersign.runtime.webhook_http": lambda module: _patch_egress(module, points),
    }
    for name in set(patches) & set(sys.modules):
        patches.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _AfterImport(patches))
    return points


def _patch_botocore(module: Any, points: FaultPoints) -> None:
    """Stand between botocore and whatever transport a client has."""
    send = module.Endpoint._send

    def patched(endpoint: Any, request: Any) -> Any:
        name = _aws_call(request)
        again = b"attempt=1;" not in request.headers.get("amz-sdk-request", b"attempt=1;")
        return points.around(
            name, lambda: send(endpoint, request), lambda kind: _broken(request.url, kind, name), again=again
        )

    module.Endpoint._send = patched


def _patch_requests(module: Any, points: FaultPoints) -> None:
    send = module.HTTPAdapter.send

    def patched(adapter: Any, request: Any, *arguments: Any, **options: Any) -> Any:
        name = f"http.{request.method} {request.path_url.partition('?')[0]}"
        return points.around(name, lambda: send(adapter, request, *arguments, **options))

    module.HTTPAdapter.send = patched


def _patch_egress(module: Any, points: FaultPoints) -> None:
    """Stand before the calls of merchants' own addresses, which go round requests."""
    post = module.Egress.post

    def patched(way_out: Any, url: str, *arguments: Any) -> Any:
        name = f"http.POST /{url.partition('://')[2].partition('/')[2].partition('?')[0]}"
        return points.around(name, lambda: post(way_out, url, *arguments))

    module.Egress.post = patched


def _aws_call(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"unknown")
    text = target.decode() if isinstance(target, bytes) else str(target)
    if text == "unknown":  # a service with a path for each operation
        return _PATHS.get(request.url.partition("/v2/")[2], f"unknown.{request.url.rpartition('/')[2]}")
    service, _, operation = text.partition(".")
    return f"{_SERVICES.get(service, service)}.{operation}"


def _broken(url: str, kind: str, name: str) -> Any:
    """Lose the connection, or answer as a service does that is too busy, or DynamoDB where transactions meet."""
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import ReadTimeoutError

    if kind.startswith("timeout"):
        raise ReadTimeoutError(endpoint_url=url, error="injected")
    status, code = _REFUSALS[kind]
    text: dict[str, Any] = {"__type": code, "message": "injected"}
    if kind == "conflict" and name.endswith(".TransactWriteItems"):
        text["__type"] = "TransactionCanceledException"
        text["message"] = "Transaction cancelled, please refer cancellation reasons for specific reasons"
        text["CancellationReasons"] = [{"Code": "TransactionConflict", "Message": "injected"}]
    headers: Any = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(url, status, headers, _RawBody(json.dumps(text).encode()))


class _RawBody(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        """Read as urllib3's responses are read."""
        yield self.read()


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a patch right after a module was imported."""

    def __init__(self, patches: dict[str, Callable[[Any], None]]) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module as usual, with the patch behind its loader."""
        if name not in self._patches:
            return None
        patch = self._patches.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            patch(module)

        loader.exec_module = exec_module
        return spec
