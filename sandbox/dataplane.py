"""The data plane: ministack as a process of its own, and a plain client for its JSON protocols."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sandbox import parent_watch
from sandbox.template import REGION

_ROOT = Path(__file__).resolve().parent.parent
_TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "streams": ("DynamoDBStreams_20120810", "1.0"),
    "sqs": ("AmazonSQS", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
    "kms": ("TrentService", "1.1"),
}


class DataPlaneError(Exception):
    """The data plane refused a call."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class _Connection(http.client.HTTPConnection):
    """Closes itself when the thread that it belongs to has ended."""

    def __del__(self) -> None:
        self.close()


def _authorization(service: str) -> str:
    scope = f"sandbox/20260101/{REGION}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


class DataPlane:
    """Calls the local cloud; safe to use from many threads."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._host, _, port = endpoint.removeprefix("http://").partition(":")
        self._port = int(port)
        self._local = threading.local()

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Perform one operation."""
        status, body = self.forward(service, operation, json.dumps(parameters).encode())
        answer: dict[str, Any] = json.loads(body) if body else {}
        if status >= 300:
            code = str(answer.get("__type", status)).rpartition("#")[2]
            raise DataPlaneError(code, str(answer.get("message") or answer.get("Message") or ""))
        return answer

    def forward(self, service: str, operation: str, body: bytes) -> tuple[int, bytes]:
        """Pass on a request that is already JSON."""
        target, version = _TARGETS[service]
        headers = {
            "Content-Type": f"application/x-amz-json-{version}",
            "X-Amz-Target": f"{target}.{operation}",
            "Authorization": _authorization(service),
        }
        for fresh in (False, True):  # a connection that idled too long is replaced once
            connection = self._connection(fresh)
            try:
                connection.request("POST", "/", body, headers)
                reply = connection.getresponse()
                return reply.status, reply.read()
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if fresh:
                    raise
        raise AssertionError("unreachable")

    def mails(self) -> list[dict[str, Any]]:
        """Return what SES has sent so far, oldest first."""
        messages = self._rest("GET", "/_ministack/ses/messages")["messages"]
        return [mail for account in messages.values() for mail in account]

    def verify_sender(self, domain: str) -> None:
        """Let SES send from a domain, as after its DNS records were made."""
        self._rest("POST", "/v2/email/identities", {"EmailIdentity": domain})

    def put_object(self, bucket: str, name: str, content: bytes) -> None:
        """Put an object into S3, in a bucket that is made for it."""
        for path, body in ((f"/{bucket}", b""), (f"/{bucket}/{name}", content)):
            connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
            try:
                connection.request("PUT", path, body, {"Authorization": _authorization("s3")})
                reply = connection.getresponse()
                reply.read()
            finally:
                connection.close()
            if reply.status >= 300:
                raise DataPlaneError(str(reply.status), f"{path} was not put")

    def _rest(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": _authorization("ses")}
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def _connection(self, fresh: bool) -> http.client.HTTPConnection:
        if fresh or not hasattr(self._local, "connection"):
            self._local.connection = _Connection(self._host, self._port, timeout=30)
        connection: http.client.HTTPConnection = self._local.connection
        return connection


class Ministack:
    """The data plane's process."""

    def __init__(self, state: Path) -> None:
        python = Path(os.environ.get("SANDBOX_CLOUD_PYTHON") or _ROOT / ".venv-cloud" / "bin" / "python")
        if not python.exists():
            sys.exit("the local cloud is not installed: run `make env`")
        port = free_port()
        temporary = state / "tmp"
        temporary.mkdir(parents=True)
        self.plane = DataPlane(f"http://127.0.0.1:{port}")
        with (state / "ministack.log").open("wb") as log:
            self.process = subprocess.Popen(
                [python, "-P", parent_watch.__file__, "ministack"],
                env=parent_watch.watched(
                    {
                        "PATH": os.environ.get("PATH", ""),
                        "HOME": str(temporary),
                        "TMPDIR": str(temporary),
                        "BIND_HOST": "127.0.0.1",
                        "GATEWAY_PORT": str(port),
                        "IOT_MTLS_ENABLED": "0",
                        "SFTP_ENABLED": "0",
                        "LOG_LEVEL": "WARNING",
                        "STATE_DIR": str(temporary / "state"),
                        "S3_DATA_DIR": str(temporary / "s3"),
                    }
                ),
                cwd=temporary,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def wait_ready(self, seconds: float = 20) -> DataPlane:
        """Wait until it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.plane.call("sqs", "ListQueues")
            except OSError:
                time.sleep(0.02)
            else:
                return self.plane
        self.stop()
        raise RuntimeError("ministack did not start; see ministack.log in the sandbox's state folder")

    def stop(self) -> None:
        """End it; its data is thrown away with it."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
