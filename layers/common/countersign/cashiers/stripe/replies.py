"""How Stripe wants to be answered: any 2xx, or it sends the event again for three days."""

from countersign.errors import CountersignError, NotGenuineError
from countersign.http import HttpReply, json_reply


def accepted() -> HttpReply:
    """Acknowledge."""
    return json_reply(200, {"received": True})


def refused(error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received; Stripe's own samples answer 400."""
    status = 400 if isinstance(error, NotGenuineError) else error.status
    return json_reply(status, {"error": type(error).__name__})
