"""What the poll owes every platform: lost news healed, orders ended, news of unknown orders brought to a person."""

import pytest

from countersign.orders.changes import Change, CloseRequested, Hint, OrderKey, Unrecognised, Verified
from countersign.store import keys
from tests.workers.world import ORDER, World

LIFE = 7200 + 31  # longer than any of these orders lives


def unknown(world: World, number: str = "ORDER-9999", **members: object) -> Change:
    key = OrderKey(world.platform, world.account, number)
    return Change(key, Unrecognised("type", "X"), Verified("k"), "notify", **members)  # type: ignore[arg-type]


def test_a_lost_notice_is_healed_by_the_first_query(world: World) -> None:
    world.create()
    world.pay()

    world.work("poll", 10)

    assert world.order().status == "paid"
    assert world.due_at() == 0


def test_E9_no_answer_changes_nothing_and_is_asked_for_again(world: World) -> None:
    world.create()
    world.pay()
    world.fail(1)

    world.work("poll", 10)
    assert (world.order().status, world.due_at()) == (
        "pending" if world.order().prepared else "created",
        world.now + 60,
    )

    world.work("poll", 60)
    assert world.order().status == "paid"


def test_an_order_whose_time_is_over_ends(world: World) -> None:
    world.create()

    world.work("poll", LIFE)

    assert world.order().status == "closed"
    world.work("poll", 301)  # a payer on the password screen may have paid after all
    assert world.due_at() == 0


def test_a_wish_to_close_is_done_as_soon_as_the_platform_allows_it(world: World) -> None:
    world.create()
    world.cloud.clock.shift(1)
    assert world.tell(CloseRequested(world.now)) == "applied"

    world.work("poll", 9)
    assert world.order().status == ("closed" if world.closable_after == 0 else "pending")

    world.work("poll", 291)
    assert world.order().status == ("pending" if world.closable_after is None else "closed")


def test_an_order_that_the_platform_does_not_end_is_asked_about_ever_more_slowly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    connector = world.connectors("poll")(world.account)
    monkeypatch.setattr(type(connector), "query_order", lambda *_, **__: ())
    monkeypatch.setattr(type(connector), "close", lambda *_, **__: None)
    ended = world.order().terms.expires_at + 30
    waited = {}

    for over in (10, 1000, 86_400):
        world.work("poll", ended + over - world.now)
        waited[over] = world.due_at() - world.now

    assert waited == {10: 60, 1000: 250, 86_400: 3600}


def test_a_person_hears_of_an_orphan_although_the_platform_does_not_answer(world: World) -> None:
    """And nobody asks for ever: the platform is asked ever more slowly, and after a day the person's list has it."""
    world.store.record(unknown(world), now=world.now)
    world.fail()

    for seconds in (60, 900):
        world.work("poll", seconds)
    assert len(world.orphans()) == 1
    for seconds in (3600 - 960, 3 * 3600, 20 * 3600):
        world.work("poll", seconds)
    assert not [item for item in world.cloud.table() if "orphan" in item and "due_at" in item]


def test_an_orphan_that_the_platform_wants_asked_about_more_slowly_reaches_a_person_too(world: World) -> None:
    world.store.record(unknown(world), now=world.now)
    world.slow_down(1000)

    for seconds in (60, 900):
        world.work("poll", seconds)

    assert len(world.orphans()) == 1


def test_an_orphan_that_the_platform_does_not_know_is_asked_about_ever_more_slowly(world: World) -> None:
    world.store.record(unknown(world), now=world.now)

    for seconds in (60, 60, 780, 60, 60, 3600):
        world.work("poll", seconds)

    assert len(world.orphans()) == 1
    world.work("poll", 2 * 86_400)
    assert not [item for item in world.cloud.table() if "orphan" in item and "due_at" in item]


def test_an_orphan_that_names_no_order_of_ours_is_never_asked_about(world: World) -> None:
    world.store.record(unknown(world, "~envelope"), now=world.now)

    for seconds in (60, 840):
        world.work("poll", seconds)

    assert world.calls() == 0
    assert len(world.orphans()) == 1


def test_an_orphan_whose_order_came_by_now_is_attached(world: World) -> None:
    change = unknown(world, ORDER)
    world.store.record(change, now=world.now)
    world.create()

    world.work("poll", 60)

    row = world.row(keys.EVENT + keys.event_id(change))
    assert "orphan" not in row
    assert "due_at" not in row


def test_what_nobody_signed_about_a_known_order_has_the_platform_asked_at_once(world: World) -> None:
    world.create()
    world.pay()
    hint = Change(world.key(), Unrecognised("message", "X"), Hint(), "push")
    world.store.record(hint, now=world.now)

    world.work("poll")

    assert world.order().status == "paid"
    assert "due_at" not in world.row(keys.EVENT + keys.event_id(hint))


@pytest.mark.parametrize("number", ["ORDER-9999", "~envelope"])
def test_what_nobody_signed_about_no_order_of_ours_ends_with_the_question(world: World, number: str) -> None:
    hint = Change(OrderKey(world.platform, world.account, number), Unrecognised("message", "X"), Hint(), "push")
    world.store.record(hint, now=world.now)

    for seconds in (60, 900):
        world.work("poll", seconds)

    assert world.orphans() == []
    assert not [item for item in world.cloud.table() if "orphan" in item or "due_at" in item]


def test_E6_a_row_that_cannot_be_read_backs_off_and_the_others_go_on(world: World) -> None:
    for number in (ORDER, "ORDER-0002"):
        world.create(number)
        world.pay(number)
    world.spoil()

    world.work("poll", 10)

    assert world.order("ORDER-0002").status == "paid"
    assert world.due_at() == world.now + 60
