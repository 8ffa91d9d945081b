"""What is next of an order: whom it needs first, then what happens by itself and when."""

from dataclasses import replace

import pytest

from countersign.money import Money
from countersign.orders.refunds import Refund
from countersign.orders.sentences import LANGUAGES
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order
from countersign.orders.upcoming import upcoming, upcoming_json
from tests.printers.counter import order as paid

NOW = 1795328845


def order() -> Order:
    """Return an order that is paid and sent, about which nothing is left to do."""
    return replace(paid(), shipped="sent")


def refund(status: str) -> Refund:
    return Refund("rf1", Money(3000, "CNY"), status, "merchant")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "WeChat is asked again within a minute"),
        (60, "WeChat is asked again within a minute"),
        (61, "WeChat is asked again in 2 minutes"),
        (480, "WeChat is asked again in 8 minutes"),
        (7200, "WeChat is asked again in 120 minutes"),
        (7201, "WeChat is asked again in 3 hours"),
        (172800, "WeChat is asked again in 48 hours"),
        (172801, "WeChat is asked again in 3 days"),
    ],
)
def test_when_the_platform_is_asked_again_is_said_in_round_numbers_that_are_never_too_early(seconds, text):
    (step,) = upcoming_json(upcoming(order(), (), due_at=NOW + seconds, due={}, now=NOW))

    assert step["text"] == text


def test_an_order_about_which_nothing_is_due_says_so():
    (step,) = upcoming_json(upcoming(order(), (), due_at=None, due={}, now=NOW))

    assert (step["code"], step["at"]) == ("next.nothing", None)


def test_a_paid_order_waits_to_be_sent():
    assert upcoming(paid(), (), due_at=None, due={}, now=NOW)[0].reason.code == "next.to_ship"


def test_what_needs_a_person_comes_before_what_happens_by_itself():
    children = (refund("requested"), Shipment("sh1", "recorded", "express", (), True, "anna", NOW))

    steps = upcoming(order(), children, due_at=NOW + 900, due={("shipment", "sh1"): NOW + 30}, now=NOW)

    assert [step.reason.code for step in steps] == [
        "next.refund_to_approve",
        "next.shipment_on_its_way",
        "next.asked_in_minutes",
    ]
    assert upcoming_json(steps)[0]["text"] == "The refund of 30.00 CNY waits for somebody else than its requester"


@pytest.mark.parametrize(
    ("status", "at", "code"),
    [
        ("needs_action", None, "next.refund_needs_a_person"),
        ("needs_action", NOW, "next.refund_needs_a_person"),
        ("processing", NOW + 60, "next.refund_on_its_way"),
        ("succeeded", None, "next.nothing"),
    ],
)
def test_a_refund_says_whether_it_waits_for_a_person_or_for_the_platform(status, at, code):
    due = {} if at is None else {("refund", "rf1"): at}

    steps = upcoming(order(), (refund(status),), due_at=None, due=due, now=NOW)

    assert steps[0].reason.code == code
    assert all(one["text"] for language in LANGUAGES for one in upcoming_json(steps, language))
