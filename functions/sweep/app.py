"""Every minute: publish again what the stream did not bring to the bus."""

import time
from typing import Any

from countersign import aws
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.store.due import LEASE_SECONDS, DueList
from countersign.store.record import waiting_since
from countersign.workers.publish import PublishFailedError, beat, publish

ENOUGH_TIME_MS = 5_000

due = DueList.from_environment("sweep")
events = aws.client("events")


@invocation
def lambda_handler(_event: dict[str, Any], context: Any) -> None:
    """ReportedPayment and publish each event that is due, until little time is left; the next run takes the rest."""
    now = int(time.time())
    age, told = 0, set[tuple[str, str]]()
    for item in due.due(now):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        age = max(age, now - waiting_since(item, now))
        if not due.lease(item, now=now, seconds=LEASE_SECONDS):
            continue
        beat([item], told, due=due, now=now)
        try:
            count("Published", publish(item, events=events, due=due, now=now))
        except PublishFailedError as error:
            count("PublishFailed")
            logger.error("not published; due again after its lease", extra={"reason": str(error)})
    seconds("OutboxAgeSeconds", age)
