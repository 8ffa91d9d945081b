"""Runs functions, each once and in a process of its own: `python -P sandbox/invoke_once.py SOCKET`.

For tests that kill a function at a certain call. Most of a start is the import of libraries, so one process imports
them and is forked for each run; the function's own modules, and what reads its environment when it is imported, are
imported afterwards. A run is asked for by a line of JSON on a connection to the socket:

    {"environment": {...}, "folder": cwd, "event": file, "output": file}

and answered, once it has ended, by its exit status as `subprocess` says it (-9 where it was killed). The event is JSON;
the answer is the last line of the output. In the environment SANDBOX_FAULTS names the folder of the run's fault plan
(see faultpoints), SANDBOX_CLOCK the sandbox's clock file, both optional; everything else is the function's own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_ROOT = str(Path(__file__).resolve().parent.parent)


def main() -> None:
    """Import the libraries, then fork for each connection until whoever started this ends."""
    sys.path.insert(0, _ROOT)
    from sandbox import bootstrap, faultpoints, nursery, parent_watch
    from sandbox.clock import ClockReader

    sys.path.remove(_ROOT)
    parent_watch.end_with_starter()
    nursery.prepare()
    gc.freeze()  # what all share is never copied because a collection touched it
    tools = SimpleNamespace(
        travel=bootstrap.travel, install=faultpoints.install, end_with=parent_watch.end_with, clock=ClockReader
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for the runs are not waited for
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen()
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _attend(connection, tools)
            connection.close()


def _attend(connection: socket.socket, tools: Any) -> None:
    """Fork once more for the run itself, and say how it ended."""
    starter = os.getppid()
    tools.end_with(starter)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw") as lines:
        wanted = json.loads(lines.readline())
        attendant = os.getpid()
        run = os.fork()
        if run == 0:
            tools.end_with(attendant)
            os._exit(_run(wanted, tools))
        _, status = os.waitpid(run, 0)
        lines.write(f"{os.waitstatus_to_exitcode(status)}\n")
    os._exit(0)


def _run(wanted: dict[str, Any], tools: Any) -> int:
    output = os.open(wanted["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    try:
        answer = _answer(json.loads(Path(wanted["event"]).read_bytes()), tools)
    except BaseException:  # as the interpreter does for a process of its own
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    print(f"\n{json.dumps(answer)}", flush=True)
    return 0


def _answer(event: Any, tools: Any) -> Any:
    """Prepare the process as the bootstrap does, call the handler, return what it returns."""
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    if folder := os.environ.get("SANDBOX_FAULTS"):
        tools.install(Path(folder), name)
    if clock := os.environ.get("SANDBOX_CLOCK"):
        tools.travel(tools.clock(Path(clock)))
    module, _, handler = os.environ["_HANDLER"].rpartition(".")
    end = time.monotonic() + float(os.environ["SANDBOX_TIMEOUT"])
    context = SimpleNamespace(
        aws_request_id="00000000-0000-4000-8000-000000000000",
        function_name=name,
        function_version="$LATEST",
        invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name="once",
        get_remaining_time_in_millis=lambda: max(0, int((end - time.monotonic()) * 1000)),
    )
    return getattr(importlib.import_module(module), handler)(event, context)


if __name__ == "__main__":
    main()
