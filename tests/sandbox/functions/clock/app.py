"""Answers with every clock it can read, and keeps a note of each tick of its schedule."""

import time
from datetime import UTC, datetime

import small


def handler(event, context):
    if event.get("tick"):
        small.note("tick", time.time())
        return None
    return {
        "time": time.time(),
        "time_ns": time.time_ns(),
        "now": datetime.now(UTC).timestamp(),
        "monotonic": time.monotonic(),
        "remaining": context.get_remaining_time_in_millis(),
    }
