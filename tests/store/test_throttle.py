"""Turns: one at a time for an order, with a pause between."""

from countersign.orders.changes import OrderKey
from countersign.store.throttle import acquire_slot, cool_down, cooling_until, count_daily

KEY, OTHER = OrderKey("wechat", "shop", "ORDER-1"), OrderKey("wechat", "shop", "ORDER-2")
NOW = 1_795_328_845


def test_a_turn_is_taken_once_and_again_after_the_pause(store):
    def take(now: int, key: OrderKey = KEY, what: str = "refund") -> bool:
        return acquire_slot(store.client, store.table, key, what, now=now, pause=70)

    assert take(NOW)
    assert not take(NOW)
    assert not take(NOW + 69)
    assert take(NOW + 70)
    assert not take(NOW + 71)
    assert take(NOW + 71, OTHER)
    assert take(NOW + 71, what="shipment")


def test_a_clock_that_was_set_back_does_not_block_an_order(store):
    assert acquire_slot(store.client, store.table, KEY, "refund", now=NOW + 10**6, pause=70)

    assert acquire_slot(store.client, store.table, KEY, "refund", now=NOW, pause=70)


def test_a_rest_is_heard_of_by_everybody(store):
    def until(account: str = "shop", what: str = "refunds") -> int:
        return cooling_until(store.client, store.table, "wechat", account, what)

    assert until() == 0
    cool_down(store.client, store.table, "wechat", "shop", "refunds", until=NOW + 60)

    assert (until(), until("classic"), until(what="bills")) == (NOW + 60, 0, 0)


def test_a_day_takes_so_many_and_says_which_was_the_last(store):
    def counted(now: int = NOW, account: str = "shop", what: str = "rows") -> int:
        names = {"platform": "wechat", "account": account, "what": what}
        return count_daily(store.client, store.table, **names, now=now, most=3)

    assert [counted() for _ in range(5)] == [1, 2, 3, 0, 0]
    assert (counted(account="other"), counted(what="news")) == (1, 1)
    assert [counted(NOW + 86_400), counted(NOW + 86_400)] == [1, 2]
    assert counted() == 1  # a clock that was set back since begins its day anew
