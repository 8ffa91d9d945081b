"""Creating payments at Douyin: what is refused here spends no order number, and what is refused says what differs."""

from typing import Any

import pytest

from countersign.orders.changes import OrderKey
from tests.functions.test_douyin import NEW, OLD, Douyin, douyin  # noqa: F401 - the fixture

# ruff: noqa: F811 - the fixture is every test's argument

IMAGE = "https://img.example.com/tea.png"
ITEM = {"sku_id": "1", "title": "tea", "price": 8800, "quantity": 1, "image_url": IMAGE}
ENTRY = {"path": "pages/order"}


def wanted(account: str) -> dict[str, Any]:
    return {"items": [ITEM], "entry": ENTRY} if account == NEW else {}


@pytest.mark.parametrize(
    ("account", "wrong"),
    [
        (OLD, {"description": "🧋🧋"}),
        (NEW, {"entry": {"path": "/pages/order"}}),
        (NEW, {"entry": {"path": "pages/order?x=1"}}),
        (NEW, {"items": [{**ITEM, "title": "🧋", "sku_id": "2"}]}),
        (OLD, {"expires_at": "2026-11-22T14:28:00+08:00"}),
    ],
)
def test_what_is_refused_before_douyin_hears_of_it_spends_no_number(
    douyin: Douyin, account: str, wrong: dict[str, Any]
) -> None:
    assert douyin.create(account, "A-1", **{**wanted(account), **wrong})[0] == 422
    assert douyin.store.get(OrderKey("douyin", account, "A-1")) is None

    assert douyin.create(account, "A-1", **wanted(account))[0] == 201


def test_a_number_that_guaranteed_payment_cannot_sign_is_refused_before_anything_is_recorded(douyin: Douyin) -> None:
    # Its signature leaves out every value that reads "null"; the trade system signs the text as a whole.
    assert douyin.create(OLD, "null")[0] == 422
    assert douyin.store.get(OrderKey("douyin", OLD, "null")) is None

    assert douyin.create(NEW, "null", **wanted(NEW))[0] == 201


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"minor": 4400}, "amount"),
        ({"description": "cake"}, "description"),
        ({"items": [ITEM]}, "items"),
        ({"entry": ENTRY}, "items or entry"),
        ({"expires_at": "2026-11-22T16:00:00+08:00"}, "expires_at"),
    ],
)
def test_a_409_says_which_terms_differ(douyin: Douyin, changed: dict[str, Any], named: str) -> None:
    douyin.create(OLD, "A-1")

    status, answer = douyin.create(OLD, "A-1", **changed)

    assert status == 409
    assert f"(pending): {named} differs" in answer["detail"]


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "tea\x01"},
        {"items": [{**ITEM, "title": "tea\x7f"}]},
        {"metadata": {"remark": "a\x85b"}},
        {"entry": {**ENTRY, "params": "\x00"}},
    ],
)
def test_C9_a_control_character_is_400_when_it_is_given(douyin: Douyin, changed: dict[str, Any]) -> None:
    assert douyin.create(OLD, "A-1", **changed)[0] == 400
    assert douyin.store.get(OrderKey("douyin", OLD, "A-1")) is None


def test_a_second_replacement_is_409_and_names_the_newest(douyin: Douyin) -> None:
    douyin.create(OLD, "A-1")
    assert douyin.create(OLD, "A-2", 7700, replaces="A-1")[0] == 201

    status, answer = douyin.create(OLD, "A-3", 6600, replaces="A-1")

    assert (status, "A-2" in answer["detail"]) == (409, True)
    assert douyin.store.get(OrderKey("douyin", OLD, "A-3")) is None
