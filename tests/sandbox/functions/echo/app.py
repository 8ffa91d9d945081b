"""Answers with the event, or with whatever the body tells it to answer."""

import json
import logging
import os
from pathlib import Path


def handler(event, context):
    if event["routeKey"] == "POST /reply":
        return json.loads(event["body"])
    logging.error("echoed %s", event["rawPath"])
    return {
        "event": event,
        "remaining": context.get_remaining_time_in_millis(),
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
    }
