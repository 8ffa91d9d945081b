"""Recording changes: one read, one transaction, evidence, uniqueness, orphans, lost answers."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import ContentionError, StoreUnavailableError
from countersign.money import Money
from countersign.orders.changes import (
    Change,
    Fact,
    Hint,
    Operator,
    OrderCreated,
    OrderKey,
    OrderReported,
    Paid,
    Queried,
    RefundReported,
    Report,
    Terms,
    Trust,
    Verified,
)
from countersign.orders.state import Order
from countersign.store import OrderStore, codec, dynamo, keys, orphans
from countersign.workers import publish

KEY = OrderKey("wechat", "shop", "A|b*-_1")
NOW = 1_795_328_845
TXN = "4200002901202611221403050001"
RAW = b'{"id":"40910694"}'


def opened(key: OrderKey = KEY, minor: int = 8800, replaces: str = "") -> Change:
    terms = Terms(
        Money(minor, "CNY"), "v3", "jsapi", "digest", NOW, NOW + 7200, replaces=replaces, metadata=(("a", "b"),)
    )
    return Change(key, OrderCreated(terms), Operator("merchant"), "merchant", "1900099001", "v3")


def news(
    fact: Fact, key: OrderKey = KEY, trust: Trust | None = None, via: str = "notify", envelope: str = ""
) -> Change:
    return Change(key, fact, trust or Verified("PUB_KEY_ID_1"), via, "1900099001", "v3", "", envelope)


def paid(minor: int = 8800, txn: str = TXN) -> Paid:
    return Paid(txn, Money(minor, "CNY"), NOW + 60, minor)


def event_rows(dynamodb, key: OrderKey = KEY):
    rows = dynamo.read_all(
        dynamodb,
        TableName="Orders",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :e)",
        ExpressionAttributeValues={":pk": {"S": keys.order_pk(key)}, ":e": {"S": "EVENT#"}},
    )
    return list(rows)


def test_a_fresh_callback_costs_one_read_and_one_transaction_and_a_duplicate_one_read(store, dynamodb):
    store.record(opened(), now=NOW)
    dynamodb.calls.clear()

    first = store.record(news(paid(), envelope="id-1"), now=NOW + 61, raw=RAW)
    assert dynamodb.calls == ["batch_get_item", "transact_write_items"]

    dynamodb.calls.clear()
    again = store.record(news(paid(), envelope="id-2"), now=NOW + 99, raw=RAW)
    assert dynamodb.calls == ["batch_get_item"]

    assert (first.outcome, again.outcome) == ("applied", "duplicate")
    order = store.get(KEY)
    assert order is not None and order.status == "paid"
    assert order.version == 2


def test_the_event_row_keeps_the_evidence(store, dynamodb):
    store.record(opened(), now=NOW)

    outcome = store.record(news(paid(), envelope="id-1"), now=NOW + 61, raw=RAW)

    row = next(row for row in event_rows(dynamodb) if codec.event_id(row) == outcome.event_id)
    assert codec.decompress(row["raw"]["B"]) == RAW
    assert row["digest"]["B"] == hashlib.sha256(RAW).digest()
    assert row["trust"]["S"] == "verified"
    assert row["key_id"]["S"] == "PUB_KEY_ID_1"
    assert row["envelope_id"]["S"] == "id-1"
    assert [emitted["S"] for emitted in row["emits"]["L"]] == ["order.paid"]
    assert row["due_shard"]["S"].startswith("sweep#")


def test_A17_a_replay_under_a_new_envelope_is_a_duplicate(store):
    store.record(opened(), now=NOW)
    store.record(news(paid(), envelope="id-1"), now=NOW + 61, raw=RAW)

    assert store.record(news(paid(), envelope="id-9"), now=NOW + 99, raw=b"other bytes").outcome == "duplicate"


def test_D12_a_callback_and_a_poll_of_one_fact_are_two_events_and_one_transition(store, dynamodb):
    store.record(opened(), now=NOW)

    first = store.record(news(paid()), now=NOW + 61)
    second = store.record(news(paid(), trust=Queried("k"), via="query"), now=NOW + 62)

    assert (first.emits, second.emits) == (("order.paid",), ())
    assert len(event_rows(dynamodb)) == 3


def test_D9_news_of_an_unknown_order_is_kept_as_an_orphan_and_attached_when_the_order_appears(store, dynamodb):
    first = store.record(news(paid()), now=NOW, raw=RAW)
    assert first.outcome == "orphan"
    [row] = event_rows(dynamodb)
    assert int(row["due_at"]["N"]) == NOW + 60
    assert row["due_shard"]["S"].startswith("wechat_poll#")

    store.record(opened(), now=NOW + 5)
    assert orphans.attach(store, KEY, now=NOW + 6) == 1

    order = store.get(KEY)
    assert order is not None and order.status == "paid"
    attached = next(row for row in event_rows(dynamodb) if row["kind"]["S"] == "paid")
    assert "orphan" not in attached
    assert codec.decompress(attached["raw"]["B"]) == RAW
    assert attached["due_shard"]["S"].startswith("sweep#")
    assert orphans.attach(store, KEY, now=NOW + 7) == 0
    assert store.record(news(paid()), now=NOW + 8).outcome == "duplicate"


def test_an_old_orphan_is_told_once(store, dynamodb):
    store.record(news(paid()), now=NOW)
    [row] = event_rows(dynamodb)

    assert orphans.raise_alarm(store, row, now=NOW + 900)
    assert not orphans.raise_alarm(store, row, now=NOW + 901)
    told = [row for row in event_rows(dynamodb) if "emits" in row]
    assert [emitted["S"] for emitted in told[0]["emits"]["L"]] == ["order.orphan"]


def test_B11_one_transaction_for_two_orders_is_a_question_on_both(store):
    other = OrderKey("wechat", "shop", "OTHER-1")
    store.record(opened(), now=NOW)
    store.record(opened(other), now=NOW)
    store.record(news(paid()), now=NOW + 61)

    second = store.record(news(paid(), key=other), now=NOW + 62)

    assert second.order is not None and second.order.status == "review"
    first = store.get(KEY)
    assert first is not None and first.status == "paid"
    assert [question.reason for question in first.review_items] == ["transaction_of_another_order"]


def test_of_an_order_and_its_replacement_both_paid_the_later_is_a_question_whichever_came_first(store):
    new = OrderKey("wechat", "shop", "NEW-01")
    store.record(opened(), now=NOW)
    store.record(opened(new, 9900, replaces=KEY.order_id), now=NOW)
    first = Paid("42000029012026112214030500002", Money(9900, "CNY"), NOW + 59)
    store.record(news(first, key=new), now=NOW + 61)

    late = store.record(news(paid()), now=NOW + 62)

    assert late.order is not None and late.order.status == "paid"
    assert [question.review_id for question in late.order.review_items] == ["double_payment.NEW-01"]
    told = store.get(new)
    assert told is not None and told.others_paid == ((KEY.order_id, NOW + 60),) and told.review_items == ()
    assert told.replacements == ()


def test_creating_a_replacement_marks_the_replaced_order_and_a_second_one_is_refused(store):
    new, third = OrderKey("wechat", "shop", "NEW-01"), OrderKey("wechat", "shop", "NEW-02")
    store.record(opened(), now=NOW)
    store.record(opened(new, 9900, replaces=KEY.order_id), now=NOW + 1)

    refused = store.record(opened(third, 9900, replaces=KEY.order_id), now=NOW + 2)

    assert refused.outcome == "refused" and "NEW-01" in str(refused.reason)
    assert store.get(third) is None
    old = store.get(KEY)
    assert old is not None and old.replacements == ("NEW-01",)


def test_a_refund_made_in_the_console_becomes_a_child(store, lists):
    store.record(opened(), now=NOW)
    store.record(news(paid()), now=NOW + 61)

    store.record(news(RefundReported("c1", Money(100, "CNY"), "succeeded", at=NOW + 99)), now=NOW + 100)

    history = lists.history(KEY)
    assert history is not None
    assert [(refund.refund_id, refund.source, refund.status) for refund in history.refunds] == [
        ("c1", "console", "succeeded")
    ]
    assert history.order.status == "partially_refunded"


def test_a_refund_number_of_another_order_is_a_question(store):
    other = OrderKey("wechat", "shop", "OTHER-1")
    store.record(opened(), now=NOW)
    store.record(opened(other), now=NOW)
    refund = RefundReported("r1", Money(100, "CNY"), "succeeded", at=NOW + 99)
    store.record(news(refund), now=NOW + 100)

    second = store.record(news(refund, key=other), now=NOW + 101)

    assert second.order is not None
    assert [question.reason for question in second.order.review_items] == ["refund_of_another_order"]
    assert second.order.refunded == 0


def test_B7_an_unsigned_hint_is_kept_for_a_query_and_claims_no_numbers(store, dynamodb):
    store.record(opened(), now=NOW)

    store.record(news(RefundReported("r1", Money(100, "CNY"), "succeeded"), trust=Hint()), now=NOW + 1)

    hint = next(row for row in event_rows(dynamodb) if row["trust"]["S"] == "hint")
    assert hint["due_shard"]["S"].startswith("wechat_poll#")
    assert int(hint["due_at"]["N"]) == NOW + 1
    alias = (keys.alias_pk("wechat", "shop", "refund", "r1"), "ALIAS")
    assert dynamo.read_many(dynamodb, "Orders", [alias]) == {}
    order = store.get(KEY)
    assert order is not None and order.refunded == 0


def test_E2_a_commit_whose_answer_was_lost_is_not_applied_twice(store, dynamodb):
    store.record(opened(), now=NOW)
    dynamodb.lost_answers["transact_write_items"] = [ReadTimeoutError(endpoint_url="x")]

    outcome = store.record(news(paid()), now=NOW + 61)

    assert outcome.outcome == "duplicate"
    order = store.get(KEY)
    assert order is not None and (order.status, order.version) == ("paid", 2)
    assert len(event_rows(dynamodb)) == 2


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "TransactionInProgressException"])
def test_E3_a_busy_table_is_asked_again(store, dynamodb, code):
    store.record(opened(), now=NOW)
    busy = ClientError({"Error": {"Code": code, "Message": ""}}, "TransactWriteItems")
    dynamodb.faults["transact_write_items"] = [busy, busy]

    assert store.record(news(paid()), now=NOW + 61).outcome == "applied"


def test_E3_a_conflict_is_read_and_decided_again(store, dynamodb):
    store.record(opened(), now=NOW)
    response = {"Error": {"Code": "TransactionCanceledException", "Message": ""}}
    response["CancellationReasons"] = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    dynamodb.faults["transact_write_items"] = [ClientError(response, "TransactWriteItems")]

    assert store.record(news(paid()), now=NOW + 61).outcome == "applied"
    assert dynamodb.calls[-2:] == ["batch_get_item", "transact_write_items"]


def test_E3_a_table_that_stays_busy_is_an_error_and_no_success(store, dynamodb, monkeypatch):
    store.record(opened(), now=NOW)
    monkeypatch.setattr(dynamo, "BUDGET_SECONDS", 0.05)
    busy = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "TransactWriteItems")
    dynamodb.faults["transact_write_items"] = [busy] * 5000

    with pytest.raises(StoreUnavailableError):
        store.record(news(paid()), now=NOW + 61)


def test_E3_an_order_that_keeps_changing_is_contention(store, dynamodb, monkeypatch):
    store.record(opened(), now=NOW)
    monkeypatch.setattr(dynamo, "BUDGET_SECONDS", 0.05)
    response = {"Error": {"Code": "TransactionCanceledException", "Message": ""}}
    response["CancellationReasons"] = [{"Code": "ConditionalCheckFailed"}]
    dynamodb.faults["transact_write_items"] = [ClientError(response, "TransactWriteItems")] * 5000

    with pytest.raises(ContentionError):
        store.record(news(paid()), now=NOW + 61)


def test_unprocessed_keys_are_asked_for_again(store, dynamodb):
    store.record(opened(), now=NOW)
    real = dynamodb._client.batch_get_item
    half = iter([True])

    def stingy(**arguments):
        answer = real(**arguments)
        if next(half, False):
            return {"Responses": {"Orders": []}, "UnprocessedKeys": arguments["RequestItems"]}
        return answer

    dynamodb._client.batch_get_item = stingy

    assert store.record(news(paid()), now=NOW + 61).outcome == "applied"


def test_an_order_survives_the_table(store):
    store.record(opened(), now=NOW)
    outcome = store.record(news(paid(1)), now=NOW + 61)

    assert store.get(KEY) == outcome.order
    assert isinstance(outcome.order, Order)


ids = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(st.tuples(ids, ids, ids), st.tuples(ids, ids, ids))
def test_B13_ids_with_delimiters_never_collide(first, second):
    one, two = keys.order_pk(OrderKey(*first)), keys.order_pk(OrderKey(*second))

    assert (one == two) == (first == second)
    assert keys.order_key(one) == OrderKey(*first)


@given(st.sampled_from([paid(), paid(1), paid(8800, "4200002901202611221403050009")]), st.sampled_from(["a", "b"]))
def test_D14_the_event_id_covers_what_the_news_says_and_nothing_of_the_envelope(fact, envelope):
    same = keys.event_id(news(fact, envelope=envelope)) == keys.event_id(news(paid(), envelope="z"))

    assert same == (fact == paid())


def test_the_store_of_a_function_calls_nothing_when_it_is_made():
    assert OrderStore.from_environment().table == "Orders"


def reported(version: int, amount: int, **more: object) -> OrderReported:
    terms = Terms(
        Money(amount, "EUR"),
        "",
        "web",
        f"d{amount}",
        NOW,
        NOW + 9000,
        external=True,
        pays="parts",
        includes_refunds=True,
        test=True,
    )
    return OrderReported(terms, Report(version, 0, **more))  # type: ignore[arg-type]


def shop_news(*facts: Fact) -> tuple[Change, ...]:
    return tuple(Change(SHOP_ORDER, fact, Verified("k"), "webhook", external=True) for fact in facts)


SHOP_ORDER = OrderKey("acme", "shop", "1001")


def test_one_message_of_several_facts_is_one_event_and_one_version_of_the_order(store, dynamodb):
    refunded = RefundReported("r1", Money(10, "EUR"), "succeeded", at=NOW)
    message = shop_news(Paid("t1", Money(100, "EUR"), NOW), refunded, reported(1, 90, received=100))

    outcome = store.record_message(message, now=NOW)

    assert (outcome.outcome, outcome.order) == ("applied", store.get(SHOP_ORDER))
    order = store.get(SHOP_ORDER)
    assert order is not None
    assert (order.status, order.paid, order.refunded, order.version, order.test) == (
        "partially_refunded",
        100,
        10,
        1,
        True,
    )
    assert [refund.refund_id for refund in store.refunds(SHOP_ORDER)] == ["r1"]
    (row,) = event_rows(dynamodb, SHOP_ORDER)
    assert [reason.code for reason in codec.as_reasons(row)] == ["reported", "paid_up", "refund_is"]
    assert store.record_message(message, now=NOW + 1).outcome == "duplicate"


def test_the_bus_hears_from_what_to_what_a_total_changed_and_that_it_is_a_test(store, dynamodb):
    store.record_message(shop_news(reported(1, 90)), now=NOW)
    store.record_message(shop_news(reported(2, 120)), now=NOW + 1)

    (row,) = (row for row in event_rows(dynamodb, SHOP_ORDER) if "emits" in row)
    (entry,) = publish.entries(row, "bus")

    detail = json.loads(entry["Detail"])
    assert entry["DetailType"] == "order.repriced"
    assert (detail["from"], detail["to"], detail["test"]) == (
        {"minor": 90, "currency": "EUR"},
        {"minor": 120, "currency": "EUR"},
        True,
    )


def test_money_of_an_order_that_is_made_at_the_platform_is_asked_about_at_once(store, dynamodb):
    assert store.record_message(shop_news(Paid("t1", Money(100, "EUR"), NOW)), now=NOW).outcome == "orphan"

    (row,) = event_rows(dynamodb, SHOP_ORDER)

    assert codec.as_number(row, "due_at") == NOW
    store.record_message(shop_news(reported(1, 100)), now=NOW + 1)
    assert orphans.attach(store, SHOP_ORDER, now=NOW + 2) == 1
    order = store.get(SHOP_ORDER)
    assert order is not None
    assert order.status == "paid"
