"""Leasing, processing and putting back: written once, so held once for every worker."""

from types import SimpleNamespace
from typing import Any

import pytest

from countersign.errors import ContentionError, CountersignError, UnreadableError
from countersign.store.due import LEASE_SECONDS
from countersign.workers import loop

NOW = 1_795_328_845
LEASED = NOW + LEASE_SECONDS


class List:
    """A due list that writes down what is done to its items."""

    def __init__(self, *, free: bool = True) -> None:
        self.free = free
        self.calls: list[Any] = []

    def lease(self, item: Any, *, now: int, seconds: int) -> bool:
        self.calls.append(("lease", now + seconds))
        return self.free

    def reschedule(self, item: Any, *, at: int, leased: int) -> bool:
        self.calls.append(("reschedule", at, leased))
        return True

    def complete(self, item: Any, *, leased: int) -> bool:
        self.calls.append(("complete", leased))
        return True


class Job:
    """Answers what it was made with; an error is raised."""

    def __init__(self, answer: int | CountersignError | None, retry: int | None = NOW + 60) -> None:
        self.answer, self.retry = answer, retry
        self.seen: list[Any] = []

    def process(self, item: Any, attempts: int) -> int | None:
        self.seen.append(attempts)
        if isinstance(self.answer, CountersignError):
            raise self.answer
        return self.answer

    def retry_at(self, item: Any, attempts: int, error: CountersignError) -> int | None:
        self.seen.append((attempts, type(error)))
        return self.retry


def attempt(due: List, job: Job, item: Any = None, **options: Any) -> bool:
    return loop.attempt(item or {}, due, job, now=NOW, **options)  # type: ignore[arg-type]


def test_what_is_processed_is_put_back_for_the_time_that_the_job_names():
    due, job = List(), Job(NOW + 30)

    assert attempt(due, job, {"attempts": {"N": "3"}})
    assert due.calls == [("lease", LEASED), ("reschedule", NOW + 30, LEASED)]
    assert job.seen == [3]


def test_what_has_nothing_left_to_do_leaves_the_list():
    due = List()

    assert attempt(due, Job(None), lease=90)
    assert due.calls == [("lease", NOW + 90), ("complete", NOW + 90)]


def test_what_somebody_else_has_is_not_processed():
    due, job = List(free=False), Job(None)

    assert not attempt(due, job)
    assert (len(due.calls), job.seen) == (1, [])


@pytest.mark.parametrize("error", [ContentionError("x"), UnreadableError("x")])
def test_what_fails_is_put_back_for_later_and_the_run_hears_of_it(error):
    due, job = List(), Job(error)

    with pytest.raises(type(error)):
        attempt(due, job, {"attempts": {"N": "2"}})
    assert due.calls[-1] == ("reschedule", NOW + 60, LEASED)
    assert job.seen == [2, (2, type(error))]


def test_what_fails_for_the_last_time_leaves_the_list():
    due = List()

    with pytest.raises(ContentionError):
        attempt(due, Job(ContentionError("x"), retry=None))
    assert due.calls[-1] == ("complete", LEASED)


def test_neither_a_failure_nor_an_age_that_cannot_be_read_ends_a_run(capsys):
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
    looked: list[Any] = []

    def look(item: Any, now: int) -> bool:
        looked.append(item)
        if item == "unreadable":
            raise UnreadableError("a stored row cannot be read")
        return True

    def age(item: Any, now: int) -> int:
        if item == "unreadable":
            raise UnreadableError("a stored row cannot be read")
        return 7

    items: Any = ["unreadable", "good"]
    assert loop.work(items, context, look, enough_ms=1, worked="W", failed="F", age=age) == 7
    assert looked == ["unreadable", "good"]
    assert "left for later" in capsys.readouterr().out


def test_a_run_ends_while_there_is_time_to_end_it():
    left = iter([30, 10])
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: next(left))
    looked: list[Any] = []

    loop.work([{}, {}], context, lambda item, now: bool(looked.append(item)), enough_ms=20, worked="W", failed="F")

    assert len(looked) == 1
