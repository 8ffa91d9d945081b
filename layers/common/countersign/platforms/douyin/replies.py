"""The words in which Douyin wants to be answered; anything but these makes it send the callback again."""

import json
from collections.abc import Mapping
from typing import Any

from countersign.errors import CountersignError
from countersign.http import HttpReply, HttpRequest, json_reply


def accepted(data: Mapping[str, Any] | None = None) -> HttpReply:
    """Acknowledge; `data` is what some callbacks want to know."""
    content: dict[str, Any] = {"err_no": 0, "err_tips": "success"}
    return json_reply(200, content if data is None else {**content, "data": data})


def refund_number(out_refund_no: str, order_id: str, entry_path: str) -> Mapping[str, Any]:
    """Return what `pre_create_refund` asks: our number for the user's refund, and the page that shows it."""
    parameters = json.dumps({"order_id": order_id, "refund_id": out_refund_no}, separators=(",", ":"))
    return {"out_refund_no": out_refund_no, "order_entry_schema": {"path": entry_path, "params": parameters}}


def refused(_request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse, with the name of the reason and nothing of what was received."""
    return json_reply(error.status, {"err_no": error.status, "err_tips": type(error).__name__})
