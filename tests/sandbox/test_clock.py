"""One clock for functions, schedules, delays and tokens, which tests move as they like."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.deployment import Schedule
from sandbox.schedules import Timetable, event, next_after
from sandbox.testing import Sandbox

NOON = 1795262400.0  # 2026-11-21 12:00 UTC, a Saturday


def test_functions_see_the_moved_clock_and_real_monotonic_time(small: Sandbox) -> None:
    before = small.api("GET", "/clock").json()
    small.clock(now=NOON, frozen=True)
    started = time.monotonic()
    first = small.api("GET", "/clock").json()
    time.sleep(0.2)
    second = small.api("GET", "/clock").json()

    assert first["time"] == second["time"] == first["now"] == NOON
    assert first["time_ns"] == int(NOON * 1e9)
    assert 0.2 <= second["monotonic"] - first["monotonic"] <= time.monotonic() - started
    assert first["monotonic"] > before["monotonic"]


def test_a_warm_function_follows_the_clock_years_back_and_ahead(small: Sandbox) -> None:
    for moment in (NOON + 5 * 366 * 86400, NOON - 20 * 366 * 86400):
        small.clock(now=moment, frozen=True)
        answer = small.api("GET", "/clock").json()

        assert answer["time"] == moment
        assert 0 < answer["remaining"] <= 3000


def test_time_can_run_faster(small: Sandbox) -> None:
    start = small.clock(now=NOON, rate=1000)
    time.sleep(0.3)

    assert small.control("GET", "/clock")["now"] - start >= 300


def test_a_wrong_wish_is_refused_and_changes_nothing(small: Sandbox) -> None:
    small.clock(now=NOON, frozen=True)

    for wish in ({"now": "noon"}, {"rate": 0}, {"later": 1}, {"advance": True}):
        with pytest.raises(AssertionError, match="answered 400"):
            small.control("POST", "/clock", wish)

    assert small.control("GET", "/clock") == {"now": NOON, "frozen": True, "rate": 1.0}


def test_advancing_fires_a_schedule_once(
    small: Sandbox, notes: Callable[[str], list[Any]], eventually: Callable[..., Any]
) -> None:
    small.clock(now=NOON, frozen=True)
    time.sleep(0.3)  # the timetable looks ten times a second

    small.clock(advance=3 * 3600)
    eventually(lambda: NOON + 3 * 3600 in notes("tick"))
    time.sleep(0.5)

    assert notes("tick").count(NOON + 3 * 3600) == 1


def test_a_delay_runs_on_the_sandbox_clock(
    small: Sandbox, notes: Callable[[str], list[Any]], eventually: Callable[..., Any]
) -> None:
    small.clock(frozen=True)
    assert small.api("POST", "/send", {"MessageBody": "later", "DelaySeconds": 600}).status == 200
    assert small.api("POST", "/send", {"MessageBody": "now"}).status == 200
    eventually(lambda: any(note["body"] == "now" for note in notes("queue")))
    assert all(note["body"] != "later" for note in notes("queue"))

    small.clock(advance=601)

    eventually(lambda: any(note["body"] == "later" for note in notes("queue")))


def test_setting_the_clock_back_does_not_stop_schedules() -> None:
    schedule = Schedule("s", "f", "rate(1 hour)", "UTC", None)
    table, fired = Timetable([schedule], NOON), []

    async def fire(_: Schedule, due: float) -> None:
        fired.append(due)

    async def story() -> None:
        await table.tick(NOON - 1_000_000, fire)
        await table.tick(NOON - 1_000_000 + 3601, fire)

    import asyncio

    asyncio.run(story())

    assert fired == [NOON - 1_000_000 + 3600]


@pytest.mark.parametrize(
    ("expression", "timezone", "expected"),
    [
        ("rate(1 minute)", "UTC", NOON + 60),
        ("rate(2 days)", "UTC", NOON + 2 * 86400),
        ("cron(0 10 * * ? *)", "UTC", NOON + 22 * 3600),
        ("cron(30 9 * * ? *)", "Asia/Shanghai", NOON + 13.5 * 3600),
        ("cron(0/15 * * * ? *)", "UTC", NOON + 900),
        ("cron(0 0 ? * MON *)", "UTC", NOON + 36 * 3600),
        ("cron(0 0 L * ? *)", "UTC", NOON + 8.5 * 86400),
        ("cron(0 0 1 JAN ? 2027)", "UTC", 1798761600.0),
        ("at(2026-11-21T13:00:00)", "UTC", NOON + 3600),
        ("at(2026-11-21T11:00:00)", "UTC", None),
    ],
)
def test_schedules_are_read_as_eventbridge_reads_them(expression: str, timezone: str, expected: float | None) -> None:
    assert next_after(expression, timezone, NOON) == expected


def test_a_frozen_clock_stands_and_a_released_one_goes_on(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    clock.change({"now": NOON, "frozen": True})
    time.sleep(0.02)
    assert clock.now() == NOON

    before = time.monotonic()
    clock.change({"frozen": False})
    time.sleep(0.02)
    assert NOON + 0.02 <= clock.now() <= NOON + time.monotonic() - before


def test_a_schedule_without_an_input_sends_what_the_scheduler_sends() -> None:
    sent = json.loads(event(Schedule("SweepEveryMinute", "Sweep", "rate(1 minute)", "UTC", None), 1_795_328_845.0))

    assert (sent["source"], sent["detail-type"], sent["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert sent["time"] == "2026-11-22T06:27:25Z"
    assert sent["resources"][0].startswith("arn:aws:scheduler:")


def test_a_schedules_own_input_is_sent_as_it_is() -> None:
    assert event(Schedule("s", "f", "rate(1 minute)", "UTC", '{"a": 1}'), 0.0) == '{"a": 1}'
