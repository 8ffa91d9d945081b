"""What the scan, one more try, the sweep and the redrive owe every platform that takes charges by itself."""

from typing import Any

import pytest

from countersign.errors import StoreUnavailableError
from countersign.orders.changes import RetryRequested
from countersign.store import keys
from countersign.store.record import OUTBOX_GRACE_SECONDS
from countersign.workers.retry import RetryJob
from tests.functions.conftest import excepted
from tests.workers.world import SCHEDULE, Charging


def emitted(world: Charging, number: str) -> list[str]:
    rows = [item for item in world.cloud.table() if item["pk"]["S"] == keys.order_pk(world.key(number))]
    return sorted(one["S"] for item in rows for one in item.get("emits", {"L": []})["L"])


def wish(world: Charging, number: str) -> Any:
    found = world.store.retry(world.key(number), "1")
    assert found is not None
    return found.child


def swept(world: Charging, number: str) -> int:
    """Let the sweep come after the stream's time; return how many events it put on the bus."""
    world.cloud.clock.shift(OUTBOX_GRACE_SECONDS + 1)
    before = _published(world, number)
    world.cloud.invoke("sweep", SCHEDULE)
    return len(_published(world, number) - before)


def _published(world: Charging, number: str) -> set[str]:
    pk = keys.order_pk(world.key(number))
    return {item["sk"]["S"] for item in world.cloud.table() if item["pk"]["S"] == pk and "published_at" in item}


def known(world: Charging) -> str:
    """Have a failed charge that is known here."""
    number = world.fail_charge()
    world.work("scan")
    return number


def want(world: Charging, number: str) -> None:
    """Have somebody want it tried again."""
    assert world.tell(RetryRequested("1", world.now), order_id=number) == "applied"


def test_a_failure_that_nobody_told_is_found_and_told_once_however_often_the_list_is_read(charging: Charging) -> None:
    number = known(charging)
    for _ in range(3):
        charging.work("scan", 600)

    assert charging.order(number).status == "failed"
    assert emitted(charging, number) == ["charge.failed", "order.failed"]


def test_E9_a_list_without_an_answer_changes_nothing_and_the_next_run_reads_it(charging: Charging) -> None:
    number = charging.fail_charge()
    charging.fail("scan")
    charging.work("scan")
    assert charging.store.get(charging.key(number)) is None
    charging.mend()

    charging.work("scan", 600)

    assert charging.order(number).status == "failed"


def test_E13_a_list_that_another_run_reads_is_left_alone(charging: Charging, monkeypatch: pytest.MonkeyPatch) -> None:
    number = charging.fail_charge()
    module = charging.cloud.module(f"{charging.platform}_scan")
    assert module.scans.lease(charging.account, now=charging.now) is not None
    charging.work("scan", 1)
    assert charging.store.get(charging.key(number)) is None

    charging.work("scan", 61)  # whoever had it has died
    assert charging.order(number).status == "failed"


def test_a_failed_charge_is_asked_about_until_it_is_over(charging: Charging) -> None:
    number = known(charging)
    charging.charge_later(number)
    charging.cloud.clock.shift(60)  # news of the very second of what is known would be asked about once more
    charging.try_again(number)

    charging.work("poll", charging.due_at(order_id=number) - charging.now)

    assert charging.order(number).status == "paid"
    assert charging.due_at(order_id=number) == 0
    assert emitted(charging, number) == ["charge.failed", "charge.recovered", "order.failed", "order.paid"]


def test_a_charge_is_tried_again_once_and_what_became_of_it_is_known(charging: Charging) -> None:
    number = known(charging)
    charging.charge_later(number)
    want(charging, number)
    for seconds in (1, 121, 3600):
        charging.work("retry", seconds)

    assert charging.tries() == 1
    assert (charging.order(number).status, wish(charging, number).status) == ("paid", "succeeded")


@pytest.mark.parametrize("succeeds", [True, False])
def test_D7_after_a_lost_answer_only_reading_tells(charging: Charging, succeeds: bool) -> None:
    number = known(charging)
    if succeeds:
        charging.charge_later(number)
    want(charging, number)
    charging.fail("process", after=True)
    charging.work("retry", 1)
    assert wish(charging, number).status == "processing"
    charging.mend()

    charging.work("retry", 60)

    assert charging.tries() == 1
    assert wish(charging, number).status == ("succeeded" if succeeds else "failed")


def test_a_call_of_which_nobody_hears_is_a_persons_and_never_made_again(charging: Charging) -> None:
    number = known(charging)
    want(charging, number)
    charging.fail("process")
    for seconds in (1, *[3600] * 7):
        charging.work("retry", seconds)

    assert charging.tries() == 1
    assert wish(charging, number).status == "needs_action"
    assert "needs_action" in {excepted(item) for item in charging.cloud.table()}


def test_what_the_platform_refuses_ends_the_wish_and_says_why(charging: Charging) -> None:
    number = known(charging)
    want(charging, number)
    charging.refuse_tries()

    charging.work("retry", 1)

    assert wish(charging, number).status == "failed"
    assert wish(charging, number).problem.code == "said_by_the_platform"
    assert not charging.due_at(keys.child_sk("retry_request", "1"), number)


def test_where_the_note_that_it_is_asked_cannot_be_written_nobody_is_asked(
    charging: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = known(charging)
    charging.charge_later(number)
    want(charging, number)

    def unavailable(*_: Any) -> bool:
        raise StoreUnavailableError("DynamoDB does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(RetryJob, "_report", unavailable)
        charging.work("retry", 1)
    assert charging.tries() == 0

    charging.work("retry", 61)
    assert charging.tries() == 1


def test_what_is_told_is_on_the_bus_once_although_nobody_heard_the_stream(charging: Charging) -> None:
    number = known(charging)
    assert [swept(charging, number), swept(charging, number)] == [1, 0]


def test_unreadable_news_of_a_charge_is_stored_and_refused_again_until_it_can_be_read(charging: Charging) -> None:
    number = known(charging)
    before = charging.order(number)
    assert charging.deliver_unreadable(number) == 200
    assert charging.due_at(order_id=number) == charging.now  # the platform is asked instead

    answer = charging.cloud.invoke(f"{charging.platform}_redrive", {"day": "2026-11-22"}, remaining_ms=900_000)

    assert (answer["looked_at"], answer["redriven"], len(answer["still_refused"])) == (1, 0, 1)
    assert charging.order(number) == before
