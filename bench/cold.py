"""The first answer of a new process under AWS's own runtime client, from start to response, over TLS.

`python cold.py` prints its figures as JSON; run.py starts it.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cloud
from callback import OURS, PEER, seed
from cloud import HERE, ROOT
from vectors import ACCOUNT, Vectors

ECHO = "empty function"
STARTS = 15
_ARN = "arn:aws:lambda:ap-southeast-1:123456789012:function:wechat-notify"


class RuntimeApi(http.server.ThreadingHTTPServer):
    """The Runtime API: hands out one event, takes its answer, lets the next request wait."""

    daemon_threads = True

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Calls)
        self.event = json.dumps(event).encode()
        self.taken = False
        self.answer = b""
        self.answered_at = 0.0
        self.answered, self.ended = threading.Event(), threading.Event()

    def handle_error(self, *_: Any) -> None:
        """Take it that a killed process resets its connection."""


class _Calls(http.server.BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.taken:
            self.server.ended.wait(30)
            return
        self.server.taken = True
        self.send_response(200)
        for name, value in {
            "Lambda-Runtime-Aws-Request-Id": "52fdfc07-2182-154f-163f-5f0f9a621d72",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 4000),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            "Content-Type": "application/json",
            "Content-Length": str(len(self.server.event)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self) -> None:
        at = time.perf_counter()
        if self.path.endswith("/response"):
            self.server.answered_at = at
        self.server.answer = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def start(folder: Path, event: dict[str, Any], environment: dict[str, str]) -> tuple[float, float]:
    """Return the milliseconds of CPU and of wall time from a process's start to its first answer."""
    with RuntimeApi(event) as api:
        serving = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        variables = {
            **environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": "app.lambda_handler",
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "layers" / "common")]),
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "app.lambda_handler"],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            preexec_fn=_on_code_cpu,
        )
        try:
            assert api.answered.wait(30), "no answer"
        finally:
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            api.ended.set()
            api.shutdown()
        assert json.loads(api.answer).get("statusCode") in (200, 204), api.answer
        return (usage.ru_utime + usage.ru_stime) * 1e3, (api.answered_at - started) * 1e3


def main() -> dict[str, Any]:
    """Start every build in turn, STARTS times."""
    made = Vectors()
    with tempfile.TemporaryDirectory() as folder, cloud.running(made, Path(folder), tls=True) as stub:
        environment = stub.environment(made)
        cloud.adopt(environment)
        builds = {
            OURS: (ROOT / "functions" / "wechat_notify", f"/wechat/{ACCOUNT}/notify"),
            PEER: (HERE / "peers" / "powertools", "/wechat/notify"),
            ECHO: (HERE / "peers" / "echo", "/"),
        }
        notice = made.notice(1)
        seed([notice.order_id])
        stub.control("/keep")
        figures: dict[str, Any] = {name: {"cpu": [], "wall": []} for name in builds}
        for turn in range(-1, STARTS):
            for name, (code, path) in builds.items():
                stub.control("/restore")
                cpu, wall = start(code, notice.event(path), environment)
                if turn >= 0:
                    figures[name]["cpu"].append(cpu)
                    figures[name]["wall"].append(wall)
        return figures


def _on_code_cpu() -> None:
    cloud.pin(cloud.CODE_CPU)


if __name__ == "__main__":
    print(json.dumps(main()))
