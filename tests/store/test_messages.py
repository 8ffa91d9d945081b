"""One message of several facts, its evidence, and what a lost race costs."""

import os
from dataclasses import replace

import pytest

from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Closed,
    Fact,
    OrderKey,
    OrderReported,
    Paid,
    PlatformEvent,
    RefundReported,
    Replaced,
    Report,
    Terms,
    Verified,
)
from countersign.store import OrderStore, codec, dynamo, evidence, keys, orphans
from tests.store.test_record import KEY, NOW, RAW, event_rows, news, opened, paid

SHOP = OrderKey("shopify", "shop", "5001")
TERMS = Terms(Money(9000, "EUR"), "2026-10", "", "d", NOW, 0, pays="parts", external=True)


def said(*facts: Fact) -> tuple[Change, ...]:
    return tuple(Change(SHOP, fact, Verified("k"), "notify", "shop-1", "2026-10") for fact in facts)


def part(number: int, minor: int) -> Paid:
    return Paid(f"tx{number}", Money(minor, "EUR"), NOW + number)


def report(version: int = NOW, received: int = 0) -> OrderReported:
    return OrderReported(TERMS, Report(version, 0, received))


def test_the_facts_of_one_message_are_decided_in_sequence_and_written_as_one_event(store, dynamodb):
    refund = RefundReported("r1", Money(500, "EUR"), "succeeded", at=NOW + 9)
    message = said(report(), part(1, 4000), part(2, 5000), refund)

    outcome = store.record_message(message, now=NOW, raw=RAW)

    assert dynamodb.calls == ["batch_get_item", "transact_write_items"]
    order = store.get(SHOP)
    assert order is not None and order == outcome.order
    assert (order.paid, order.refunded, order.version) == (9000, 500, 1)
    [row] = event_rows(dynamodb, SHOP)
    assert codec.read_changes(row) == message
    assert len(codec.as_reasons(row)) == 4
    found = store.refund(SHOP, "r1")
    assert found is not None and found.child.status == "succeeded"


def test_a_message_told_again_is_a_duplicate_and_one_that_says_more_is_not(store):
    store.record_message(said(report(), part(1, 4000)), now=NOW)

    assert store.record_message(said(report(), part(1, 4000)), now=NOW + 1).outcome == "duplicate"
    assert store.record_message(said(report(), part(1, 4000), part(2, 1)), now=NOW + 1).outcome == "applied"
    assert store.record_message(said(report()), now=NOW + 2).outcome != "duplicate"


def test_a_message_of_one_fact_is_the_event_that_the_fact_alone_is():
    assert keys.event_id(news(paid())) == keys.event_id(*[news(paid())])
    assert keys.event_id(news(paid())) != keys.event_id(news(paid()), news(Closed(NOW)))


def test_the_largest_message_is_read_in_one_batch(store, dynamodb):
    asked: list[int] = []
    real = dynamodb._client.batch_get_item

    def counting(**arguments):
        asked.append(len(arguments["RequestItems"]["Orders"]["Keys"]))
        return real(**arguments)

    dynamodb._client.batch_get_item = counting
    facts = [replace(part(number, 100), channel_id=f"bank{number}") for number in range(19)]

    store.record_message(said(report(), *facts), now=NOW)

    assert dynamodb.calls.count("batch_get_item") == 1
    assert asked[0] <= 100


def test_a_message_of_more_facts_or_about_two_orders_is_refused_before_anything_is_read(store, dynamodb):
    with pytest.raises(ValueError, match="facts about one order"):
        store.record_message(said(*[part(number, 1) for number in range(21)]), now=NOW)
    with pytest.raises(ValueError, match="facts about one order"):
        store.record_message((*said(part(1, 1)), news(paid())), now=NOW)

    assert dynamodb.calls == []


def test_a_message_of_several_facts_waits_for_its_order_whole(store, dynamodb):
    payment, refund = part(1, 4000), RefundReported("r1", Money(500, "EUR"), "succeeded", at=NOW + 9)
    assert store.record_message(said(payment, refund), now=NOW, raw=RAW).outcome == "orphan"
    [row] = event_rows(dynamodb, SHOP)
    store.record_message(said(report()), now=NOW + 5)

    assert orphans.attach(store, SHOP, now=NOW + 6) == 1

    order = store.get(SHOP)
    assert order is not None and (order.paid, order.refunded) == (4000, 500)
    attached = next(one for one in event_rows(dynamodb, SHOP) if one["sk"] == row["sk"])
    assert evidence.read(store.client, store.table, attached) == RAW


@pytest.mark.parametrize("size", [0, 1, 200, 700, 5000, 60_000])
def test_evidence_of_any_size_is_kept_whole_in_rows_of_at_most_a_kilobyte_beside_the_event(store, dynamodb, size):
    raw = os.urandom(size)  # what is encrypted does not compress
    store.record(opened(), now=NOW)

    outcome = store.record(news(paid()), now=NOW + 61, raw=raw)

    row = next(one for one in event_rows(dynamodb) if codec.event_id(one) == outcome.event_id)
    assert evidence.read(store.client, store.table, row) == raw
    assert codec.item_bytes(row) <= evidence.KILOBYTE
    rest = (row["pk"]["S"], keys.evidence_sk(outcome.event_id))
    assert (rest in dynamo.read_many(store.client, store.table, [rest])) == (size > 200)


def test_reading_an_order_never_reads_the_rest_of_its_evidence(store, lists, dynamodb):
    store.record(opened(), now=NOW)
    store.record(news(paid()), now=NOW + 61, raw=os.urandom(60_000))
    answers = []
    real = dynamodb._client.query
    dynamodb._client.query = lambda **arguments: answers.append(real(**arguments)) or answers[-1]

    history = lists.history(KEY)

    assert history is not None and len(history.events) == 2
    assert sum(codec.item_bytes(item) for answer in answers for item in answer["Items"]) < 4096


def test_erased_evidence_is_gone_and_its_digest_and_what_it_said_stay(store, lists):
    store.record(opened(), now=NOW)
    outcome = store.record(news(paid()), now=NOW + 61, raw=os.urandom(3000))

    assert evidence.erase(store.client, store.table, KEY, outcome.event_id, now=NOW + 99)

    history = lists.history(KEY)
    assert history is not None
    row = next(one for one in history.events if codec.event_id(one) == outcome.event_id)
    assert evidence.read(store.client, store.table, row) == b""
    assert codec.read_change(row).fact == paid()
    assert len(row["digest"]["B"]) == 32
    rest = (row["pk"]["S"], keys.evidence_sk(outcome.event_id))
    assert "raw" not in dynamo.read_many(store.client, store.table, [rest])[rest]
    assert not evidence.erase(store.client, store.table, KEY, "paid.notify.none", now=NOW)


def overtaken(dynamodb, monkeypatch, *first: Change) -> None:
    """Have other changes be recorded between our read and our write, once."""
    real = dynamodb._client.transact_write_items
    waiting = [first]

    def late(**arguments):
        if waiting:
            dynamodb._client.transact_write_items = real
            for change in waiting.pop():
                OrderStore(dynamodb._client, "Orders").record(change, now=NOW + 61)
        return real(**arguments)

    dynamodb._client.transact_write_items = late


def test_who_loses_against_the_same_event_knows_after_one_more_read_and_without_a_pause(store, dynamodb, monkeypatch):
    store.record(opened(), now=NOW)
    dynamodb.calls.clear()
    overtaken(dynamodb, monkeypatch, news(paid()))
    monkeypatch.setattr(dynamo.time, "sleep", lambda _: pytest.fail("nobody is waited for"))

    outcome = store.record(news(paid()), now=NOW + 61)

    assert outcome.outcome == "duplicate"
    assert outcome.order is not None and outcome.order.status == "paid"
    assert dynamodb.calls == ["batch_get_item", "transact_write_items", "batch_get_item"]


def test_of_two_replacements_at_once_the_second_is_refused(store, dynamodb, monkeypatch):
    store.record(opened(), now=NOW)
    one, other = (OrderKey("wechat", "shop", number) for number in ("NEW-01", "NEW-02"))
    overtaken(dynamodb, monkeypatch, opened(one, replaces=KEY.order_id))

    second = store.record(opened(other, replaces=KEY.order_id), now=NOW + 1)

    assert second.outcome == "refused"
    assert dict(second.reason.args)["order_id"] == "NEW-01"
    assert store.get(other) is None
    replaced = store.get(KEY)
    assert replaced is not None and replaced.replacements == ("NEW-01",)


def test_a_replacement_waits_for_no_payment_that_came_meanwhile(store, dynamodb, monkeypatch):
    store.record(opened(), now=NOW)
    overtaken(dynamodb, monkeypatch, news(paid()))

    late = store.record(opened(OrderKey("wechat", "shop", "NEW-01"), replaces=KEY.order_id), now=NOW + 1)

    assert late.outcome == "refused"
    assert late.reason.code == "purchase_paid"


def test_an_event_of_the_platforms_wakes_the_poll_and_a_replaced_order_says_by_what(store, dynamodb):
    store.record(opened(), now=NOW)
    store.record(news(PlatformEvent("PAY", NOW)), now=NOW + 400)

    row = dynamo.read_many(dynamodb, "Orders", [(keys.order_pk(KEY), keys.ORDER)])[keys.order_pk(KEY), keys.ORDER]
    assert codec.as_number(row, "due_at") == NOW + 400
    assert store.record(news(Replaced("NEW-09", NOW)), now=NOW + 401).outcome == "applied"
