"""How BigCommerce wants to be answered: 2xx at once; under 90 % of those it blocks the whole domain for minutes."""

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest, json_reply


def accepted() -> HttpReply:
    """Acknowledge; BigCommerce wants no body."""
    return HttpReply(200)


def refused(_request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received."""
    return json_reply(error.status, {"error": type(error).__name__})
