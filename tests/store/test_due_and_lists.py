"""The due list's claims, the lists that people page through, and the rows beside the orders."""

from dataclasses import replace

import pytest

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Paid, Terms, Verified
from countersign.store import codec, dynamo, keys
from countersign.store.due import DueList
from countersign.store.quarantine import quarantine
from countersign.store.throttle import HINTS_PER_MINUTE, count_hint

NOW = 1_795_328_845


def opened(number: str, account: str = "shop") -> Change:
    key = OrderKey("wechat", account, number)
    terms = Terms(Money(100, "CNY"), "v3", "jsapi", "d", NOW, NOW + 7200)
    return Change(key, OrderCreated(terms), Operator("m"), "merchant", "1900099001", "v3")


def paid(number: str) -> Change:
    fact = Paid(f"42000029012026112214{number}", Money(100, "CNY"), NOW + 5)
    return Change(OrderKey("wechat", "shop", number), fact, Verified("k"), "notify", "1900099001", "v3")


@pytest.fixture
def due(dynamodb) -> DueList:
    return DueList(dynamodb, "Orders", "wechat_poll")


def test_a_new_order_is_due_at_its_first_rung_and_a_paid_one_no_more(store, due):
    store.record(opened("ORDER-1"), now=NOW)
    assert list(due.due(NOW + 9)) == []
    assert len(list(due.due(NOW + 10))) == 1

    store.record(paid("ORDER-1"), now=NOW + 11)
    assert list(due.due(NOW + 99_999)) == []


def test_two_runs_never_do_one_job(store, due):
    store.record(opened("ORDER-1"), now=NOW)
    [item] = due.due(NOW + 10)

    assert due.lease(item, now=NOW + 10)
    assert not due.lease(item, now=NOW + 10)
    assert list(due.due(NOW + 129)) == []
    assert len(list(due.due(NOW + 130))) == 1


def test_a_job_that_is_put_back_waits_for_its_time(store, due):
    store.record(opened("ORDER-1"), now=NOW)
    [item] = due.due(NOW + 10)
    due.lease(item, now=NOW + 10)

    assert due.reschedule(item, at=NOW + 30, leased=NOW + 130)
    assert [codec.as_number(row, "due_at") for row in due.due(NOW + 30)] == [NOW + 30]


def test_a_change_of_the_order_wins_over_putting_it_back(store, due):
    store.record(opened("ORDER-1"), now=NOW)
    [item] = due.due(NOW + 10)
    due.lease(item, now=NOW + 10)
    store.record(paid("ORDER-1"), now=NOW + 11)

    assert not due.reschedule(item, at=NOW + 30, leased=NOW + 130)
    assert list(due.due(NOW + 99_999)) == []


def test_looking_at_an_order_that_does_not_exist_makes_nothing(due, dynamodb):
    key = OrderKey("wechat", "shop", "NOBODY")

    assert not due.make_due(key, now=NOW)
    assert dynamo.read_many(dynamodb, "Orders", [(keys.order_pk(key), keys.ORDER)]) == {}


def test_a_published_event_leaves_the_sweeps_list(store, dynamodb):
    store.record(opened("ORDER-1"), now=NOW)
    store.record(paid("ORDER-1"), now=NOW + 11)
    sweep = DueList(dynamodb, "Orders", "sweep")
    [item] = sweep.due(NOW + 71)

    assert sweep.published(item, now=NOW + 72)
    assert list(sweep.due(NOW + 999)) == []


def test_E14_paging_gives_every_order_once_with_equal_times_and_no_gap(store, lists, monkeypatch):
    monkeypatch.setattr("countersign.store.lists.PAGE", 7)
    numbers = [f"ORDER-{number}" for number in range(40)]
    for index, number in enumerate(numbers):
        store.record(opened(number), now=NOW + index // 10)
    store.record(opened("FOREIGN", account="other"), now=NOW)

    seen, cursor = [], ""
    while True:
        orders, cursor = lists.page("wechat", "shop", cursor=cursor)
        if not orders:
            break
        seen += [order.key.order_id for order in orders]

    assert sorted(seen) == sorted(numbers)
    store.record(paid("ORDER-3"), now=NOW + 99)
    changed, _ = lists.page("wechat", "shop", cursor=cursor)
    assert [order.key.order_id for order in changed] == ["ORDER-3"]


def test_a_list_by_status_and_a_look_up_by_transaction(store, lists):
    store.record(opened("ORDER-1"), now=NOW)
    store.record(opened("ORDER-2"), now=NOW)
    store.record(paid("ORDER-2"), now=NOW + 5)

    orders, _ = lists.page("wechat", "shop", statuses=["paid"])
    assert [order.key.order_id for order in orders] == ["ORDER-2"]
    assert lists.by_transaction("wechat", "shop", "42000029012026112214ORDER-2") == OrderKey(
        "wechat", "shop", "ORDER-2"
    )
    assert lists.by_transaction("wechat", "shop", "42") is None


@pytest.mark.parametrize("cursor", ["x", "////", "W10=", "WyJhIiwgMV0=", "é"])
def test_a_cursor_that_is_not_ours_is_malformed(lists, cursor):
    with pytest.raises(MalformedError):
        lists.page("wechat", "shop", cursor=cursor)


def test_quarantined_bytes_are_kept_once_and_are_an_exception(dynamodb, lists):
    for _ in range(2):
        quarantine(
            dynamodb, "Orders", platform="wechat", account="shop", key_id="k", reason="no total", raw=b"{}", now=NOW
        )

    [item], _ = lists.exceptions(["quarantine"], lambda *_: True)
    assert codec.decompress(item["raw"]["B"]) == b"{}"
    assert item["reason"]["S"] == "no total"


def test_F2_hints_are_limited_for_each_account_and_minute(dynamodb):
    taken = [
        count_hint(dynamodb, "Orders", platform="wechat", account="shop", now=NOW) for _ in range(HINTS_PER_MINUTE)
    ]

    assert all(taken)
    assert not count_hint(dynamodb, "Orders", platform="wechat", account="shop", now=NOW)
    assert count_hint(dynamodb, "Orders", platform="wechat", account="other", now=NOW)
    assert count_hint(dynamodb, "Orders", platform="wechat", account="shop", now=NOW + 60)


def test_hints_are_counted_again_after_a_clock_was_set_back(dynamodb):
    def taken(now: int) -> bool:
        return bool(count_hint(dynamodb, "Orders", platform="wechat", account="shop", now=now))

    assert taken(NOW + 86_400)
    assert taken(NOW)


def test_containers_whose_clocks_differ_share_one_count(dynamodb):
    def taken(now: int) -> bool:
        return bool(count_hint(dynamodb, "Orders", platform="wechat", account="shop", now=now))

    assert all(taken(NOW + 60 * (number % 2)) for number in range(HINTS_PER_MINUTE + 1))  # one began the next minute
    assert not taken(NOW)
    assert not taken(NOW + 60)


def test_a_work_list_has_the_orders_that_somebody_must_act_on_and_reads_few_rows(store, lists, dynamodb):
    for number in range(30):
        store.record(opened(f"ORDER-{number}"), now=NOW)
    store.record(paid("ORDER-3"), now=NOW + 5)
    dynamodb.calls.clear()

    to_ship, _ = lists.page("wechat", "shop", work=["to_ship"])
    waiting, _ = lists.page("wechat", "shop", work=["waiting"])

    assert [order.key.order_id for order in to_ship] == ["ORDER-3"]
    assert len(waiting) == 29
    assert len(dynamodb.calls) == 2 * (keys.LIST_SHARDS + 1)


def quarantined(dynamodb, account: str, number: int, now: int) -> str:
    raw = f"{account} {number}".encode()
    return quarantine(
        dynamodb, "Orders", platform="wechat", account=account, key_id="k", reason="no total", raw=raw, now=now
    )


def test_exceptions_come_in_pages_by_kind_and_account_and_the_longest_listed_first(store, dynamodb, lists, monkeypatch):
    monkeypatch.setattr("countersign.store.lists.PAGE", 4)
    for number in range(11):
        quarantined(dynamodb, "shop", number, NOW + number // 3)
        quarantined(dynamodb, "other", number, NOW)

    pages, cursor = [], ""
    while True:
        page, following = lists.exceptions(["quarantine", "orphan"], lambda _, name: name == "shop", cursor=cursor)
        pages.append([codec.as_number(item, "listed_at") for item in page])
        if following == cursor:
            break
        cursor = following

    assert [len(page) for page in pages] == [4, 4, 3, 0]
    times = [at for page in pages for at in page]
    assert times == sorted(times)


def test_an_order_in_question_stays_listed_under_the_time_when_it_came_there(store, lists):
    store.record(opened("ORDER-1"), now=NOW)
    wrong = Paid("t1", Money(1, "CNY"), NOW + 5)
    change = Change(OrderKey("wechat", "shop", "ORDER-1"), wrong, Verified("k"), "notify", "1900099001", "v3")
    store.record(change, now=NOW + 6)
    store.record(replace(change, via="query"), now=NOW + 60)

    [item], _ = lists.exceptions(["review"], lambda *_: True)

    assert (codec.as_number(item, "listed_at"), codec.as_number(item, "updated_at")) == (NOW + 6, NOW + 60)


def test_what_strangers_send_fills_no_more_rows_of_an_account_than_its_day_allows(dynamodb, monkeypatch):
    monkeypatch.setattr("countersign.store.quarantine.PER_DAY", 3)
    became = [quarantined(dynamodb, "shop", number, NOW) for number in range(5)]

    assert became == ["kept", "kept", "last", "full", "full"]
    assert quarantined(dynamodb, "shop", 0, NOW) == "known"
    assert quarantined(dynamodb, "other", 0, NOW) == "kept"
    assert quarantined(dynamodb, "shop", 9, NOW + 86_400) == "kept"


def test_a_row_that_another_run_leased_meanwhile_is_not_given_out(store, due, dynamodb):
    for number in range(3):
        store.record(opened(f"ORDER-{number}"), now=NOW)
    run = due.due(NOW + 10)
    next(run)
    other = DueList(dynamodb, "Orders", "wechat_poll")
    left = [item for item in other.due(NOW + 10) if other.lease(item, now=NOW + 10)]

    assert len(left) == 3
    assert [item for item in run if due.lease(item, now=NOW + 10)] == []
