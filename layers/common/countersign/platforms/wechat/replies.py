"""The words in which WeChat wants to be answered; anything but these makes it send the notice again."""

from countersign.errors import CountersignError
from countersign.http import HttpReply, json_reply

PUSH_ACCEPTED = "success"
_XML = "<xml><return_code><![CDATA[{}]]></return_code><return_msg><![CDATA[{}]]></return_msg></xml>"


def accepted(system: str) -> HttpReply:
    """Acknowledge: API v2 wants exactly this text, API v3 looks at the status only."""
    if system == "v2":
        return HttpReply(200, _XML.format("SUCCESS", "OK"), "text/xml")
    return HttpReply(204)


def refused(system: str, error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received."""
    reason = type(error).__name__
    if system == "v2":
        return HttpReply(error.status, _XML.format("FAIL", reason), "text/xml")
    return json_reply(error.status, {"code": "FAIL", "message": reason})


def push_accepted() -> HttpReply:
    """Acknowledge a pushed message."""
    return HttpReply(200, PUSH_ACCEPTED, "text/plain")


def url_checked(echo: str) -> HttpReply:
    """Answer the check of a message push's URL with what WeChat wants to hear again."""
    return HttpReply(200, echo, "text/plain", {"x-content-type-options": "nosniff"})


def push_refused(error: CountersignError) -> HttpReply:
    """Refuse a pushed message, with the name of the reason: WeChat pushes it again."""
    return HttpReply(error.status, type(error).__name__, "text/plain")
