"""Strict reading of the fields of a v3 call, with the errors that WeChat answers."""

from __future__ import annotations

import datetime
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
EARLIEST_EXPIRY = 60
LATEST_EXPIRY = 90 * 86400
# A product writes its expiry a moment before we read it.
CLOCK_TOLERANCE = 5


@dataclass
class ApiError(Exception):
    """An error answer of API v3."""

    status: int
    code: str
    message: str
    detail: dict[str, Any] = field(default_factory=dict)


def invalid(pointer: str, issue: str, value: object = None) -> ApiError:
    """Build WeChat's answer to a field it does not take."""
    detail = {"field": f"/{pointer}", "issue": issue, "location": "body", "value": value}
    return ApiError(400, "PARAM_ERROR", f"输入源“/body/{pointer}”{issue}", detail)


def find(body: dict[str, Any], pointer: str) -> object:
    """Return the value at `a/b`, None where it is absent."""
    value: object = body
    for name in pointer.split("/"):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(pointer, "映射到值字段时类型错误", type(value).__name__)
        value = value.get(name)
    return value


def text(
    body: dict[str, Any], pointer: str, limit: int, *, required: bool = True, pattern: re.Pattern[str] | None = None
) -> str:
    """Read a string of at most `limit` characters; an optional one that is absent reads as empty."""
    value = find(body, pointer)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise invalid(pointer, "必填项缺失或类型错误", value)
    if not 1 <= len(value) <= limit and (required or value):
        raise invalid(pointer, f"长度应在1与{limit}之间", len(value))
    if pattern is not None and not pattern.fullmatch(value):
        raise invalid(pointer, "格式错误", value)
    return value


def fen(body: dict[str, Any], pointer: str, minimum: int = 1) -> int:
    """Read a whole number of fen; 1.0, "1" and true are not numbers here."""
    value = find(body, pointer)
    if type(value) is not int or value < minimum:
        raise invalid(pointer, "应为整数，单位为分", value)
    return value


def choice(body: dict[str, Any], pointer: str, choices: tuple[str, ...], *, required: bool = True) -> str:
    """Read one of several words."""
    value = text(body, pointer, 64, required=required)
    if value and value not in choices:
        raise invalid(pointer, f"不在枚举值{choices}中", value)
    return value


def optional(body: dict[str, Any], pointer: str, kind: type) -> None:
    """Refuse an optional field of another type."""
    value = find(body, pointer)
    if value is not None and type(value) is not kind:
        raise invalid(pointer, "映射到值字段时类型错误", type(value).__name__)


def notify_url(value: str, limit: int, public_base_url: str) -> str:
    """Check a notify_url: public https without query string; the sandbox's own address passes as public."""
    sound = value.startswith(("https://", public_base_url)) and "?" not in value and "#" not in value
    if not sound or len(value) > limit:
        raise invalid("notify_url", "应为不带参数的https地址", value)
    return value


def address(value: str) -> bool:
    """Say whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def expiry(value: str, now: float) -> float | None:
    """Read `time_expire`: RFC 3339 with seconds and zone, one minute to 90 days ahead."""
    if not value:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", value):
        raise invalid("time_expire", "应为RFC3339格式", value)
    try:
        at = datetime.datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        raise invalid("time_expire", "应为RFC3339格式", value) from error
    if not now + EARLIEST_EXPIRY - CLOCK_TOLERANCE <= at <= now + LATEST_EXPIRY + CLOCK_TOLERANCE:
        raise invalid("time_expire", "应在1分钟后、90天内", value)
    return at
