"""Entry points: an event in, a reply out, and every known error in the words that the caller understands."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from countersign.errors import (
    CountersignError,
    RefusedError,
    StoreUnavailableError,
)
from countersign.http import HttpReply, HttpRequest, read_head, read_request
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store import account_names

CALLBACK_LIMIT = 64 * 1024

Handler = Callable[[HttpRequest, int], HttpReply]
Refused = Callable[[HttpRequest | None, CountersignError], HttpReply]
Event = dict[str, Any]


def mark_accounts(client: Any, table: str) -> None:
    """Mark the accounts for which something was created or recorded, whose names are no guesses."""
    try:
        account_names.mark(client, table)
    except StoreUnavailableError as error:  # the answer is as good without the mark, and the next success tries again
        logger.warning("an account's mark was not written", extra={"reason": str(error)})


def entrypoint(
    *, refused: Refused, limit: int = CALLBACK_LIMIT, counted: str = ""
) -> Callable[[Handler], Callable[[Event, Any], Event]]:
    """Make a Lambda handler of `handler(request, now)`.

    Errors of ours become a metric, a log line with the reason and the reply that `refused` gives; anything else leaves,
    so that Lambda's Errors metric, the 5xx alarm and the sender's retry all work. `counted` is the metric of answers
    that are no success, for a sender who goes away where too many are not.
    """

    def decorate(handler: Handler) -> Callable[[Event, Any], Event]:
        @wraps(handler)
        @invocation
        def lambda_handler(event: Event, _context: Any) -> Event:
            request = None
            try:
                request = read_head(event)  # what a refusal of the body is worded by
                request = read_request(event, limit=limit, head=request)
                reply = handler(request, int(time.time()))
            except CountersignError as error:
                count(type(error).__name__)
                log = logger.warning if isinstance(error, RefusedError) else logger.error
                log("refused", extra={"error": type(error).__name__, "reason": str(error)})
                reply = refused(request, error)
            if counted and not 200 <= reply.status < 300:
                count(counted)
            return reply.to_event()

        return lambda_handler

    return decorate
