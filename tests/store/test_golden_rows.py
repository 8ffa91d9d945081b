"""Rows as they lie in merchants' tables: whatever is changed here, they stay readable, and are written so again.

`golden_rows.json` has one row of each kind, bytes in base64. A row is never edited: a name in it is a name for good. A
new kind of row is a new entry; a new field is no change, for a row without it has its default.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError
from countersign.orders.changes import OrderKey, OrderReported, Paid, RefundReported
from countersign.runtime.access_tokens import GrantedToken
from countersign.signing.credentials import Secret
from countersign.store import codec, evidence, installed, keys, printer_jobs, throttle
from countersign.store.authorizations import AuthorizationStore
from countersign.store.children import child_item, child_of
from countersign.store.grants import GrantStore
from countersign.store.notices import NoticeStore
from countersign.store.order_sync import OrderSyncStore, SyncState
from countersign.store.present import event_json, notice_json
from countersign.store.quarantine import Quarantine
from countersign.store.reconciliation import ReconciliationStore
from countersign.store.tokens import SharedToken

NOW = 1_795_328_845
KEY = OrderKey("wechat", "shop", "ORDER-1")
Rows = dict[str, dict[str, Any]]


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value


def golden() -> Rows:
    content = json.loads(Path(__file__).with_suffix("").with_name("golden_rows.json").read_text())
    return {name: {key: _attribute(value) for key, value in row.items()} for name, row in content.items()}


def later(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a later version might have written it: with an attribute and a field that nobody here knows."""
    known = dict(row)
    if "facts" in row:
        facts = json.loads(row["facts"]["S"])
        if isinstance(facts.get("terms"), dict):
            facts["terms"]["invented_since"] = {"a": 1}
        known["facts"] = {"S": json.dumps({**facts, "invented_since": [1]})}
    if "change" in row:
        said = [{**one, "since": 1, "fact": {**one["fact"], "since": "x"}} for one in json.loads(row["change"]["S"])]
        known["change"] = {"S": json.dumps(said)}
    return {**known, "invented_since": {"M": {"a": {"N": "1"}}}}


ROWS = golden()
EVENTS = [name for name in ROWS if name.startswith("event")]
CHILDREN = ["refund", "settlement", "shipment"]


@pytest.fixture
def table(store) -> Iterator[Any]:
    for row in ROWS.values():
        store.client.put_item(TableName=store.table, Item=row)
    return store


@pytest.mark.parametrize("name", ["order", "order in parts"])
def test_an_orders_row_is_read_and_written_so_again(name):
    row = ROWS[name]

    order = codec.read_order(row)

    due_at = codec.as_number(row, "due_at")
    assert codec.order_item(order, owner=f"{order.key.platform}_poll", due_at=due_at, known=row) == row
    assert codec.read_order(later(row)) == order


def test_an_orders_row_says_what_it_said():
    order, parts = codec.read_order(ROWS["order"]), codec.read_order(ROWS["order in parts"])

    assert (order.status, order.version, order.terms.amount.minor) == ("partially_refunded", 7, 8800)
    assert [(claim.transaction_id, claim.total.minor) for claim in order.claims] == [
        ("42000001", 8800),
        ("42000002", 1),
    ]
    assert [item.review_id for item in order.review_items] == ["amount_mismatch.42000002"]
    assert (order.terms.lines[0].title, order.terms.metadata) == ("凤凰单丛", (("table", "12"),))
    assert (order.refunded, order.reserved, order.shipped, order.replacements) == (1000, 1000, "part", ("ORDER-2",))
    assert (parts.status, parts.paid, parts.test, parts.money_of) == ("partially_paid", 4000, True, None)


@pytest.mark.parametrize("name", CHILDREN)
def test_a_childs_row_is_read_and_written_so_again(name):
    row = ROWS[name]

    child = child_of(row)

    updated_at = codec.as_number(row, "updated_at")
    assert updated_at is not None
    assert child_item(KEY, child, now=updated_at, known=row) == row
    assert child_of(later(row)) == child


def test_a_childs_row_says_what_it_said():
    refund, settlement, shipment = (child_of(ROWS[name]) for name in CHILDREN)

    assert (refund.refund_id, refund.status, refund.amount.minor, refund.reported) == (
        "rf1",
        "needs_action",
        1000,
        (1000,),
    )
    assert (settlement.settlement_id, settlement.shares) == ("ORDER-1", (("uid", 2640),))
    assert (shipment.parcels[0].tracking_no, shipment.complete) == ("SF123", False)


@pytest.mark.parametrize("name", EVENTS)
def test_an_events_row_is_read_and_what_it_said_is_written_so_again(name):
    row = ROWS[name]

    changes = codec.read_changes(row)

    assert codec.dump_changes(changes, row["kind"]["S"]) == row["change"]["S"]
    assert codec.read_changes(later(row)) == changes
    assert event_json(later(row)) == event_json(row)
    assert event_json(row)["reason"]


def test_an_events_row_says_what_it_said(table):
    single, several = (codec.read_changes(ROWS[name]) for name in ("event", "event of several facts"))

    assert [type(change.fact) for change in single] == [Paid]
    assert [type(change.fact) for change in several] == [OrderReported, Paid, RefundReported]
    assert (single[0].trust.name, single[0].trust.key_id, single[0].via) == ("verified", "PUB_KEY_ID_1", "notify")
    assert evidence.read(table.client, table.table, ROWS["event"]) == bytes(range(256)) * 8
    shown = event_json(ROWS["event"])
    assert (shown["event_id"], shown["kind"], shown["reasons"]) == (
        f"paid.notify.{'a' * 64}",
        "paid",
        [{"code": "paid", "args": {"amount": "88.00 CNY"}}],
    )


def test_the_rows_by_which_an_order_is_found_lead_to_it(table, lists):
    assert lists.by_transaction("wechat", "shop", "42000001") == KEY
    assert ROWS["alias"]["pk"]["S"] == keys.alias_pk("wechat", "shop", "refund", "rf1")
    assert keys.order_key(ROWS["alias"]["order"]["S"]) == KEY


def test_the_rows_beside_an_order_are_understood(table):
    assert OrderSyncStore(table.client, table.table).read(KEY) == SyncState("paid", NOW)
    assert not throttle.acquire_slot(table.client, table.table, KEY, "refund", now=NOW, pause=70)
    notice = NoticeStore(table.client, table.table).lease(ROWS["notice"], now=NOW + 9, seconds=60)
    assert notice is not None
    assert (notice.event.key, notice.event.detail_type, notice.attempts, notice.memo) == (
        KEY,
        "order.paid",
        2,
        {"job": "1"},
    )
    assert notice_json(ROWS["notice"])["status"] == "pending"


def test_the_rows_of_accounts_apps_and_printers_are_understood(table):
    client, name = table.client, table.table
    assert throttle.cooling_until(client, name, "wechat", "shop", "refunds") == NOW + 60
    assert not throttle.count_hint(client, name, platform="wechat", account="shop", now=NOW)
    assert (
        throttle.count_daily(client, name, platform="wechat", account="shop", what="quarantine", now=NOW, most=9) == 9
    )
    token = SharedToken(client, name, platform="wechat", app="wx1", fetch=lambda: ("new", 1), now=lambda: NOW)
    assert token.get() == "token"
    jobs = printer_jobs.take(client, name, "feie#1", "job-2", now=NOW)
    assert jobs is not None
    assert (jobs.unconfirmed_job, jobs.outcomes) == ({"job": "job-1"}, {"job-0": "printed"})


def test_the_rows_of_an_installation_are_understood(table):
    client, name, shop = table.client, table.table, "vec-shop.myshopify.com"
    found = installed.installed(client, name, "shopify", "app", shop)
    scopes = frozenset({"read_orders", "read_all_orders"})
    assert found == installed.Installed(shop, "0f" * 16, "70011223344", scopes, NOW - 86_400, open=True, seeded=False)
    assert list(installed.installed_everywhere(client, name, "shopify", "app")) == [found]
    authorizations = AuthorizationStore(client, name, "shopify")
    state = authorizations.state(shop)
    assert (state.ended_at, state.because, state.is_over(found.id), state.is_over("0e" * 16)) == (
        NOW,
        "superseded",
        False,
        True,
    )
    secrets = (Secret("the_secret_that_came_since"), Secret("golden_client_secret_4d"))
    grants = GrantStore(client, name, platform="shopify", app="app", secrets=secrets)
    token = GrantedToken(grants, authorizations, shop, renew=pytest.fail, now=lambda: NOW)
    assert token.get() == "shpat_golden"
    another = GrantStore(client, name, platform="shopify", app="app", secrets=secrets[:1])
    with pytest.raises(KeysUnavailableError, match="no secret of the account opens the box"):
        GrantedToken(another, authorizations, shop, renew=pytest.fail, now=lambda: NOW).get()


def test_a_quarantined_row_is_read(table):
    message = Quarantine(table.client, table.table, "wechat").read(ROWS["quarantined"])

    assert (message.account, message.source, message.raw, message.hint) == ("shop", "notify", b'{"id":"1"}', False)


def test_a_days_reconciliation_is_read(table):
    [report] = ReconciliationStore(table.client, table.table).report("shop", "2026-11-21")

    assert (report["status"], report["bill"]) == ("done", {"payments": 3})
    assert [(one["what"], one["order_id"], one["status"]) for one in report["differences"]] == [
        ("payment_amount", "ORDER-1", "open")
    ]
