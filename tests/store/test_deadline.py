"""All attempts for one change end by one deadline; what comes after an error has one of its own.

Python ends the loop over `attempts` while the error leaves it, although the error's traceback lives on: it keeps the
frames, and not what they were iterating over. Handling an error relies on that wherever it writes.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from countersign.errors import ContentionError, CountersignError, StoreUnavailableError
from countersign.orders.changes import Change, Closed, OrderKey, Queried
from countersign.store import OrderStore, dynamo
from countersign.store.codec import number, text
from countersign.store.due import DueList
from countersign.workers import loop

NOW = 1_795_328_845
KEY = OrderKey("acme", "main", "A-1")
ITEM = {"pk": text("acme#main#A-1"), "sk": text("ORDER"), "due_at": number(NOW), "due_shard": text("acme_poll#0")}


class Clock:
    """A time that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Table:
    """A table that refuses to be read, after a while, and takes an update at its second try."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.updates = 0

    def batch_get_item(self, **_: Any) -> Any:
        self.clock.sleep(dynamo.BUDGET_SECONDS)
        raise _error("AccessDeniedException")

    def update_item(self, **_: Any) -> Any:
        self.updates += 1
        if self.updates % 2:
            raise _error("ThrottlingException")
        return {"Attributes": ITEM}


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "x")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(dynamo, "time", made)
    return made


def test_an_error_that_is_being_handled_leaves_no_deadline_behind(clock: Clock) -> None:
    table = Table(clock)
    change = Change(KEY, Closed(NOW), Queried(), "query")
    try:
        OrderStore(table, "Orders").record(change, now=NOW)
    except CountersignError:
        written = dynamo.update_if(table, "Orders", ITEM, "SET a = :a", "b = :b")

    assert (written, table.updates) == (True, 2)


def test_an_item_whose_job_failed_is_put_back_with_as_many_tries_as_any(clock: Clock) -> None:
    table = Table(clock)
    store = OrderStore(table, "Orders")

    class Job:
        def process(self, item: Any, attempts: int) -> int | None:
            store.record(Change(KEY, Closed(NOW), Queried(), "query"), now=NOW)
            return None

        def retry_at(self, item: Any, attempts: int, error: CountersignError) -> int | None:
            return NOW + 60

    with pytest.raises(StoreUnavailableError, match="AccessDenied"):
        loop.attempt(dict(ITEM), DueList(table, "Orders", "acme_poll"), Job(), now=NOW)

    assert table.updates == 4  # the lease and putting it back, each at its second try


def test_attempts_within_attempts_end_by_the_first_ones_deadline(clock: Clock) -> None:
    began = clock.now
    ends: list[float] = []

    def change() -> None:
        for _ in dynamo.attempts():
            try:
                for _ in dynamo.attempts():
                    clock.sleep(0.3)
            except (ContentionError, StoreUnavailableError):
                ends.append(clock.now)
                raise

    with pytest.raises(StoreUnavailableError):
        change()

    assert len(ends) == 1
    assert clock.now - began <= dynamo.BUDGET_SECONDS + 0.3
