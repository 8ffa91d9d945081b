"""What an order of a store comes to, and what a payment has written to it."""

import pytest

from countersign.errors import MalformedError
from countersign.money import Money
from countersign.orders.changes import Change, Operator, OrderCreated, OrderKey, Terms
from countersign.orders.decide import decide
from countersign.platforms.bigcommerce import settlement


def order(total: object, currency: str = "USD", **members: object) -> dict[str, object]:
    return {"total_inc_tax": total, "default_currency_code": currency, **members}


@pytest.mark.parametrize(
    ("given", "due"),
    [
        (order("18.6000", "KWD"), Money(18_600, "KWD")),
        (order("18.6050", "KWD"), Money(18_605, "KWD")),
        (order("0.6", "BHD"), Money(600, "BHD")),
        (order("1.605", "JOD"), Money(1_605, "JOD")),
        (order("4480.0000", "JPY"), Money(4480, "JPY")),
        (order("5000", "UGX"), Money(5000, "UGX")),
        (order("120.0000", "ISK"), Money(120, "ISK")),
        (order("69.8400", store_credit_amount="9.8400", gift_certificate_amount="10"), Money(5000, "USD")),
        (order("69.8400", store_credit_amount="100.0000"), Money(0, "USD")),
        (order(0), Money(0, "USD")),
        (order("5.00", store_credit_amount="", gift_certificate_amount=None), Money(500, "USD")),
    ],
)
def test_C3_an_order_comes_to_what_is_left_of_its_total(given: dict[str, object], due: Money) -> None:
    assert settlement.due(given) == due


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (order("18.6055", "KWD"), "amount_not_representable"),
        (order("44.8000", "JPY"), "amount_not_representable"),
        (order("69.8450"), "amount_not_representable"),
        (order("1e3"), "not a decimal"),
        (order("-1.00"), "not a decimal"),
        (order(False), "not a decimal"),
        (order(None), "total_inc_tax is missing"),
        (order(""), "total_inc_tax is missing"),
        (order("1.00", store_credit_amount=False), "not a decimal"),
        (order("1.00", "XAU"), "currency_not_supported"),
        (order("1.00", ""), "currency_not_supported"),
    ],
)
def test_C3_what_cannot_be_said_exactly_is_refused_and_never_rounded(given: dict[str, object], reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        settlement.due(given)


@pytest.mark.parametrize("status_id", range(15))
def test_nothing_is_written_for_an_attempt_that_nobody_paid(status_id: int) -> None:
    terms = Terms(Money(6984, "USD"), "hc1", "automatic", "d", 1, 2)
    key = OrderKey("cashier", "hc1.main", "bc-1")
    attempt = decide(None, Change(key, OrderCreated(terms), Operator("m"), "merchant")).order

    assert attempt is not None
    assert settlement.step(attempt, status_id, is_digital=False) == settlement.Step(None, "PENDING")
