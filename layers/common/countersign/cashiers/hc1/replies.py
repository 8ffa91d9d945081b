"""How an HC1 cashier wants to be answered: 200 with exactly this content, or it sends the notification again."""

from countersign.errors import CountersignError
from countersign.http import HttpReply, json_reply


def accepted() -> HttpReply:
    """Acknowledge."""
    return json_reply(200, {"result": "ok"})


def refused(error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received."""
    retryable = error.status >= 500
    content = {"code": type(error).__name__, "message": "refused", "request_id": "", "retryable": retryable}
    return json_reply(error.status, {"error": content})
