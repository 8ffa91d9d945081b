"""What a mini store's answer means: an order with its terms, paid, waiting or over; and nothing about people."""

from typing import Any

import pytest

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import (
    Closed,
    Flagged,
    Line,
    OrderCreated,
    OrderKey,
    Paid,
    Prepared,
    Queried,
    Unrecognised,
)
from countersign.orders.decide import decide
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat import store_changes, store_orders
from tests.platforms.wechat.pushing import OPENID, ORDER_ID, STORE, STORE_APPID, account
from tests.platforms.wechat.support import MCHID, NOW

NUMBER = str(ORDER_ID)
KEY = OrderKey("wechat", "shop", NUMBER)
SETTINGS = account()
PAY = {"payment_method": 1, "pay_time": NOW - 5, "transaction_id": "4200002901202611221403050001"}


def answer(status: int = 20, *, pay: Any = PAY, **detail: Any) -> dict[str, Any]:
    """Return an answer of the store."""
    return {
        "errcode": 0,
        "order": {
            "order_id": NUMBER,
            "create_time": NOW - 60,
            "status": status,
            "openid": OPENID,
            "order_detail": {
                "product_infos": [
                    {"product_id": "1", "sku_id": "2", "title": "奶茶 Milk tea", "sku_cnt": 2, "sale_price": 1900},
                    {"product_id": "3", "sku_id": "4", "title": "Cake\n\t", "sku_cnt": 1, "sale_price": 500},
                ],
                "price_info": {"product_price": 4300, "order_price": 4800, "freight": 500},
                "pay_info": pay,
                "delivery_info": {"address_info": {"user_name": "王小明", "tel_number": "13800138000"}},
                **detail,
            },
        },
    }


def told(status: int, *, pay: Any = PAY) -> list[Any]:
    """Return the facts of a state."""
    order = store_orders.read(answer(status, pay=pay))
    return [change.fact for change in store_changes.changes(order, SETTINGS, KEY, now=NOW)]


def test_an_order_begins_with_what_the_store_asks_for_it() -> None:
    change = store_changes.opened(store_orders.read(answer()), SETTINGS, KEY)

    assert isinstance(change.fact, OrderCreated)
    terms = change.fact.terms
    assert (terms.amount, terms.system, terms.method) == (Money(4800, "CNY"), "store", "store")
    assert (terms.created_at, terms.expires_at) == (NOW - 60, NOW - 60 + store_changes.LIFETIME)
    assert terms.lines == (Line("奶茶 Milk tea", 2, 1900), Line("Cake", 1, 500))
    assert (terms.description, terms.appid, terms.external) == ("奶茶 Milk tea +1", STORE_APPID, True)
    assert (change.trust, change.via, change.tenant, change.system) == (Queried(), "query", MCHID, "store")


PAID = Paid("4200002901202611221403050001", Money(4800, "CNY"), NOW - 5)


@pytest.mark.parametrize(
    ("status", "facts"),
    [
        *[(status, [Prepared()]) for status in (10, 12, 13)],
        *[(status, [PAID]) for status in (20, 21, 30, 100)],
        (250, [Closed(NOW)]),
        (200, [PAID, Flagged("cancelled_after_payment", NUMBER), Closed(NOW)]),
        (77, [Unrecognised("store status", "77")]),
    ],
)
def test_every_state_has_its_meaning(status: int, facts: list[Any]) -> None:
    assert told(status) == facts


def test_an_order_that_was_cancelled_unpaid_asks_nobody() -> None:
    assert told(200, pay={}) == [Closed(NOW)]


def test_a_payment_after_which_the_store_cancelled_is_a_question() -> None:
    order = store_orders.read(answer(200))
    state = None
    for change in (store_changes.opened(order, SETTINGS, KEY), *store_changes.changes(order, SETTINGS, KEY, now=NOW)):
        state = decide(state, change).order

    assert state is not None
    assert state.payment is not None
    assert [question.reason for question in state.review_items] == ["cancelled_after_payment"]
    assert not state.paid_late


@pytest.mark.parametrize("pay", [None, {}, {"pay_time": NOW}, {"transaction_id": ""}])
def test_a_paid_state_without_a_payment_is_not_believed(pay: Any) -> None:
    with pytest.raises(MalformedError):
        told(20, pay=pay)


@pytest.mark.parametrize("number", ["4200\n", "42 00", "4200,1", ""])
def test_C15_a_transaction_number_that_is_none_is_not_believed(number: str) -> None:
    with pytest.raises(MalformedError):
        told(20, pay={**PAY, "transaction_id": number})


def test_goods_without_a_title_do_not_hide_a_payment() -> None:
    product = {"product_id": "1", "sku_id": "2", "title": " ", "sku_cnt": 1, "sale_price": 1}
    order = store_orders.read(answer(product_infos=[product]))
    opened = store_changes.opened(order, SETTINGS, KEY).fact

    assert isinstance(opened, OrderCreated)
    assert (opened.terms.lines, opened.terms.description) == ((), "")


def test_a_long_title_and_many_goods_are_cut() -> None:
    product = {"product_id": "1", "sku_id": "2", "title": "茶" * 300, "sku_cnt": 1, "sale_price": 1}
    order = store_orders.read(answer(product_infos=[product] * 120))
    opened = store_changes.opened(order, SETTINGS, KEY).fact

    assert isinstance(opened, OrderCreated)
    assert (len(opened.terms.lines), len(opened.terms.lines[0].title)) == (100, 256)
    assert len(opened.terms.description) == 127
    assert opened.terms.description.endswith(" +99")


def test_H1_nothing_about_people_is_taken() -> None:
    order = store_orders.read(answer())
    kept = f"{order} {store_changes.opened(order, SETTINGS, KEY)}"

    assert not [word for word in (OPENID, "王小明", "13800138000") if word in kept]


def test_the_stores_path_is_configurable_and_a_path() -> None:
    loaded = account(store={**STORE, "order_path": "/shop/order/get"}).store

    assert loaded is not None
    assert loaded.order_path == "/shop/order/get"
    for wrong in ("https://evil.example", "shop", "/a/../b", "/a?b=1", "//evil.example/x"):
        with pytest.raises(wechat_settings.KeysUnavailableError, match="order_path"):
            account(store={**STORE, "order_path": wrong})
