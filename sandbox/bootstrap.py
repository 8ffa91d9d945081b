"""Starts one function as AWS's runtime does, on the sandbox's clock and with its fault points.

The function's code is untouched and knows nothing of this: what differs from `python -m awslambdaric` happens before it
is imported. Run with `python -P`, so that this folder never comes onto the module path.
"""

from __future__ import annotations

import os
import sys
import time
import types
from pathlib import Path
from typing import Any

_ROOT = str(Path(__file__).resolve().parent.parent)


def travel(clock: Any) -> Any:
    """Make every reading of the wall clock in this process the sandbox's; monotonic time stays real.

    time-machine's C extension does this for `time` and `datetime` alike. Its Python half would import unittest and uuid
    into every cold start, so the extension is given the two names of it that it looks for. Returns the extension.
    """
    import _time_machine  # type: ignore[import-not-found]

    stand_in: Any = types.ModuleType("time_machine")
    stand_in._time_machine, stand_in.traveller_stack = _time_machine, [clock]
    sys.modules["time_machine"] = stand_in
    _time_machine.patch()
    return _time_machine


def main() -> None:
    """Prepare the process, then hand it to AWS's runtime client for good."""
    sys.path.insert(0, _ROOT)
    from sandbox import faultpoints, parent_watch
    from sandbox.clock import ClockReader

    sys.path.remove(_ROOT)
    parent_watch.end_with_starter()
    state = Path(os.environ.pop("SANDBOX_STATE"))
    faults = faultpoints.install(state, os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    extension = travel(ClockReader(state / "clock"))

    import awslambdaric.__main__  # type: ignore[import-untyped]
    from awslambdaric import bootstrap, lambda_context

    # A deadline is a duration: moving the clock in the middle of an invocation must not use it up.
    lambda_context.time = types.SimpleNamespace(time=lambda: extension.original_time_ns() / 1e9)
    handle = bootstrap.handle_event_request

    def handle_event_request(client: Any, handler: Any, invoke_id: str, *rest: Any) -> None:
        faults.begin(invoke_id)
        handle(client, handler, invoke_id, *rest)

    bootstrap.handle_event_request = handle_event_request
    awslambdaric.__main__.main([__file__, os.environ["_HANDLER"]])


if __name__ == "__main__":
    time.tzset()
    main()
