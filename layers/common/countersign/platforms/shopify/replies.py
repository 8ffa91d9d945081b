"""How Shopify wants to be answered: anything but 2xx makes it send again, and after eight failures stop for good."""

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest, json_reply


def accepted() -> HttpReply:
    """Acknowledge."""
    return HttpReply(200)


def refused(_request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received."""
    return json_reply(error.status, {"error": type(error).__name__})
