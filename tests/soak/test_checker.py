"""The checker of the soak finds what it is there to find."""

from typing import Any, cast

import pytest

from tests.soak.checker import Sandbox, compare

Json = dict[str, Any]


class Books:
    """Three ledgers that agree on one payment, until a test spoils one of them."""

    def __init__(self) -> None:
        self.truth: Json = {
            "out_trade_no": "a",
            "state": "SUCCESS",
            "transaction_id": "T1",
            "total": 8800,
            "currency": "CNY",
        }
        self.shown: Json | None = {
            "status": "paid",
            "transaction_id": "T1",
            "paid": {"minor": 8800, "currency": "CNY"},
            "review": [],
            "events": [{"event_id": "opened.1", "kind": "opened", "decision": "applied"}],
        }
        self.sent = ["order.paid.1", "order.paid.1"]  # twice under one id is no fault

    def transactions(self) -> list[Json]:
        return [self.truth]

    def order(self, _: str) -> Json | None:
        return self.shown

    def listed(self) -> set[str]:
        return {"a"}

    def bus(self) -> list[Json]:
        return [{"detail-type": "order.paid", "detail": {"order_id": "a", "id": name}} for name in self.sent]


def verdict(books: Books) -> tuple[int, int, int, int]:
    found = compare(cast("Sandbox", books))
    assert found.good is (found.payments == 1 and not (found.lost or found.double or found.unpublished))
    return found.payments, len(found.lost), len(found.double), len(found.unpublished)


def test_books_that_agree_are_good() -> None:
    assert verdict(Books()) == (1, 0, 0, 0)


@pytest.mark.parametrize("spoilt", [{"status": "pending"}, {"transaction_id": "T2"}, {"paid": {"minor": 1}}])
def test_what_the_product_shows_otherwise_is_lost(spoilt: Json) -> None:
    books = Books()
    books.shown = {**(books.shown or {}), **spoilt}

    assert verdict(books) == (1, 1, 0, 0)


def test_an_absent_order_is_lost() -> None:
    books = Books()
    books.shown = None

    assert verdict(books) == (1, 1, 0, 0)


def test_silence_on_the_bus_is_unpublished() -> None:
    books = Books()
    books.sent = []

    assert verdict(books) == (1, 0, 0, 1)


def test_another_id_on_the_bus_is_double() -> None:
    books = Books()
    books.sent.append("order.paid.2")

    assert verdict(books) == (1, 0, 1, 0)


def test_a_second_opening_or_the_same_event_twice_is_double() -> None:
    books = Books()
    assert books.shown is not None
    books.shown["events"] *= 2

    assert verdict(books) == (1, 0, 2, 0)


def test_paid_here_and_unpaid_at_wechat_is_double() -> None:
    books = Books()
    books.truth["state"] = "NOTPAY"

    assert verdict(books) == (0, 0, 1, 0)
