"""What all processes share about a platform: slots in time, and one access token."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from countersign.errors import PlatformUnavailableError
from countersign.store import tokens
from countersign.store.rate_limit import MOST_WAITING, RateLimiter
from countersign.store.tokens import EARLY_SECONDS, LEASE_SECONDS, SharedToken

NOW = 1_795_328_845


def pace(client: Any, per_second: int = 24) -> RateLimiter:
    return RateLimiter(client, "Orders", "douyin", "tt1", per_second=per_second)


@pytest.mark.parametrize("per_second", [24, 5])
def test_slots_are_as_far_apart_as_the_platform_wants_and_nobody_gets_one_twice(dynamodb: Any, per_second: int) -> None:
    makers = [pace(dynamodb, per_second) for _ in range(3)]

    slots = [makers[index % 3]._take(NOW * 1000) for index in range(40)]

    assert slots == [NOW * 1000 + 1000 // per_second * index for index in range(40)]


def test_after_a_pause_slots_begin_anew(dynamodb: Any) -> None:
    maker = pace(dynamodb)
    maker._take(NOW * 1000)

    assert maker._take((NOW + 60) * 1000) == (NOW + 60) * 1000


def test_a_clock_that_was_moved_back_does_not_stop_everything(dynamodb: Any) -> None:
    maker = pace(dynamodb)
    maker._take((NOW + 86_400) * 1000)

    assert maker._take(NOW * 1000) == NOW * 1000
    assert MOST_WAITING * maker._gap_ms < 86_400_000


@pytest.mark.parametrize(("per_second", "callers"), [(24, 300), (5, 60), (1, 60)])
def test_however_many_wait_at_a_slow_pace_each_has_a_slot_of_its_own(
    dynamodb: Any, per_second: int, callers: int
) -> None:
    makers = [pace(dynamodb, per_second) for _ in range(3)]

    slots = [makers[index % 3]._take(NOW * 1000 + index) for index in range(callers)]

    assert slots == [NOW * 1000 + 1000 // per_second * index for index in range(callers)]


def test_waiting_takes_as_long_as_the_slots_are_apart(dynamodb: Any) -> None:
    maker = pace(dynamodb)
    began = time.monotonic()

    for _ in range(6):
        maker.wait()

    assert time.monotonic() - began >= 5 / 24 * 0.9


class Fetches:
    """A platform that gives tokens."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> tuple[str, int]:
        self.given += 1
        return f"clt.{self.given}", 7200


class Clock:
    """A time that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def shared(client: Any, fetch: Any, clock: Clock) -> SharedToken:
    return SharedToken(client, "Orders", platform="douyin", app="tt1", fetch=fetch, now=clock)


def test_one_token_serves_everybody_until_shortly_before_its_end(dynamodb: Any) -> None:
    fetch, clock = Fetches(), Clock()

    assert {shared(dynamodb, fetch, clock).get() for _ in range(5)} == {"clt.1"}
    clock.now += 7200 - EARLY_SECONDS
    assert shared(dynamodb, fetch, clock).get() == "clt.2"
    assert fetch.given == 2


def test_a_refused_token_is_replaced_once(dynamodb: Any) -> None:
    fetch, clock = Fetches(), Clock()
    first = shared(dynamodb, fetch, clock).get()

    assert [shared(dynamodb, fetch, clock).get(first) for _ in range(3)] == ["clt.2"] * 3


def test_while_one_fetches_the_others_go_on_with_the_old_token(dynamodb: Any) -> None:
    clock, fetch = Clock(), Fetches()
    shared(dynamodb, fetch, clock).get()
    clock.now += 7200 - EARLY_SECONDS
    meanwhile: list[str] = []

    def slow() -> tuple[str, int]:
        meanwhile.append(shared(dynamodb, pytest.fail, clock).get())
        return "clt.new", 7200

    assert shared(dynamodb, slow, clock).get() == "clt.new"
    assert meanwhile == ["clt.1"]


def test_who_has_no_token_waits_for_the_one_that_is_fetched(dynamodb: Any) -> None:
    clock, began, fetches = Clock(), threading.Event(), Fetches()

    def slow() -> tuple[str, int]:
        began.set()
        time.sleep(0.3)
        return fetches()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared(dynamodb, slow, clock).get)
        began.wait(5)
        second = pool.submit(shared(dynamodb, slow, clock).get)

    assert (first.result(), second.result(), fetches.given) == ("clt.1", "clt.1", 1)


def test_who_read_before_a_new_token_was_written_uses_that_one_instead_of_fetching_another(dynamodb: Any) -> None:
    clock, fetches = Clock(), Fetches()
    late = shared(dynamodb, fetches, clock)
    lease, clock_when_ended = late._lease, NOW + LEASE_SECONDS + 1

    def after_another(token: str) -> bool:
        late._lease = lease  # type: ignore[method-assign]
        shared(dynamodb, fetches, clock).get()
        clock.now = clock_when_ended
        return lease(token)

    late._lease = after_another  # type: ignore[method-assign]

    assert (late.get(), fetches.given) == ("clt.1", 1)


def test_a_process_that_died_while_fetching_is_followed_by_another(dynamodb: Any, monkeypatch: Any) -> None:
    clock = Clock()
    monkeypatch.setattr(tokens, "PATIENCE_SECONDS", 0)

    def dies() -> tuple[str, int]:
        raise PlatformUnavailableError("no answer")

    with pytest.raises(PlatformUnavailableError):
        shared(dynamodb, dies, clock).get()
    with pytest.raises(PlatformUnavailableError, match="another process"):
        shared(dynamodb, Fetches(), clock).get()
    clock.now += LEASE_SECONDS + 1

    assert shared(dynamodb, Fetches(), clock).get() == "clt.1"
