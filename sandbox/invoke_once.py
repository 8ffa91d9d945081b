"""Runs one function once, in this process: `python -P sandbox/invoke_once.py`.

The event comes on stdin, the answer goes to the last line of stdout. For tests that kill a function at a certain call.
SANDBOX_FAULTS names the folder of its fault plan (see faultpoints), SANDBOX_CLOCK the sandbox's clock file, both
optional; everything else is the function's own environment.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

_ROOT = str(Path(__file__).resolve().parent.parent)


def main() -> None:
    """Prepare the process as the bootstrap does, call the handler, print what it returns."""
    sys.path.insert(0, _ROOT)
    from sandbox import bootstrap, faultpoints, parent_watch
    from sandbox.clock import ClockReader

    sys.path.remove(_ROOT)
    parent_watch.end_with_starter()
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    if folder := os.environ.get("SANDBOX_FAULTS"):
        faultpoints.install(Path(folder), name)
    if clock := os.environ.get("SANDBOX_CLOCK"):
        bootstrap.travel(ClockReader(Path(clock)))
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
    answer = getattr(importlib.import_module(module), handler)(json.load(sys.stdin), context)
    print(f"\n{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
