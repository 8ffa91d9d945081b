"""When a schedule is due: EventBridge Scheduler's `rate(...)`, `cron(...)` and `at(...)`, by the sandbox clock."""

from __future__ import annotations

import calendar
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sandbox.template import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.deployment import Schedule

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_NAMES = {
    name: number
    for names in (calendar.month_abbr[1:], ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"))
    for number, name in enumerate((text.upper() for text in names), 1)
}


def next_after(expression: str, timezone: str, moment: float) -> float | None:
    """Find the first time after a moment at which an expression fires."""
    kind, _, rest = expression.partition("(")
    text = rest.rstrip(")").strip()
    if kind == "rate":
        count, unit = text.split()
        return moment + int(count) * _UNITS[unit.rstrip("s")]
    zone = ZoneInfo(timezone)
    if kind == "at":
        once = datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
        return once if once > moment else None
    if kind == "cron":
        return _next_cron(text, zone, moment)
    raise ValueError(f"the sandbox does not know the schedule {expression}")


def _next_cron(text: str, zone: ZoneInfo, moment: float) -> float | None:
    minutes, hours, days, months, weekdays, years = text.split()
    day = datetime.fromtimestamp(moment, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(366 * 5):
        if (
            day.year in _values(years, 1970, 2199)
            and day.month in _values(months, 1, 12)
            and (days == "?" or _day_matches(days, day))
            and (weekdays == "?" or day.isoweekday() % 7 + 1 in _values(weekdays, 1, 7))
        ):
            for hour in sorted(_values(hours, 0, 23)):
                for minute in sorted(_values(minutes, 0, 59)):
                    due = day.replace(hour=hour, minute=minute).timestamp()
                    if due > moment:
                        return due
        day = (day + timedelta(hours=30)).replace(hour=0)
    return None


def _day_matches(days: str, day: datetime) -> bool:
    if days == "L":
        return day.day == calendar.monthrange(day.year, day.month)[1]
    return day.day in _values(days, 1, 31)


def _values(field: str, first: int, last: int) -> set[int]:
    """List the numbers that one cron field names."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        start = first if low in ("*", "?") else _number(low)
        end = _number(high) if high else last if low in ("*", "?") or step else start
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(text: str) -> int:
    return _NAMES.get(text.upper()) or int(text)


class Timetable:
    """Fires each schedule when sandbox time has passed its moment: once, however far time jumped."""

    def __init__(self, schedules: list[Schedule], now: float) -> None:
        self._seen = now
        self._due = {schedule.name: next_after(schedule.expression, schedule.timezone, now) for schedule in schedules}
        self._schedules = schedules

    async def tick(self, now: float, fire: Callable[[Schedule, float], Awaitable[None]]) -> None:
        """Fire what has become due."""
        turned_back = now < self._seen
        self._seen = now
        for schedule in self._schedules:
            due = self._due[schedule.name]
            if due is not None and due <= now:
                await fire(schedule, due)
            elif not turned_back:
                continue
            self._due[schedule.name] = next_after(schedule.expression, schedule.timezone, now)


def event(schedule: Schedule, due: float) -> str:
    """Make what the function gets: the schedule's own input, else what EventBridge Scheduler sends without one.

    It looks like a rule's scheduled event and is none: its source is `aws.scheduler`, and its detail is a text.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """
    if schedule.payload is not None:
        return schedule.payload
    content = {
        "version": "0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{schedule.name} {due}")),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule.name}"],
        "detail": "{}",
    }
    return json.dumps(content, separators=(",", ":"))
