"""Money is integers with a currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import MalformedError
from countersign.money import MAX_MINOR, Money, from_decimal


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("88.00", "CNY", 8800),
        ("0.1", "CNY", 10),
        ("1", "JPY", 1),
        ("1.234", "KWD", 1234),
        ("5.000", "JPY", 5),
        ("0", "CNY", 0),
    ],
)
def test_C10_a_decimal_string_is_exact(text, currency, minor):
    assert from_decimal(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text", ["1.999", "-1", "+1", " 1", "1 ", "1_0", "1e2", "", ".5", "1.", "01", "１", "NaN", 1.0, None]
)
def test_C9_anything_else_is_malformed(text):
    with pytest.raises(MalformedError):
        from_decimal(text, "CNY")


@pytest.mark.parametrize("minor", [True, 1.0, "1", None, -1, MAX_MINOR + 1])
def test_C8_C9_minor_units_are_non_negative_integers_that_json_keeps(minor):
    with pytest.raises(MalformedError):
        Money(minor, "CNY")


@pytest.mark.parametrize("currency", ["cny", "CN", "CNYY", "", None, "ＣＮＹ"])
def test_a_currency_is_three_capital_letters(currency):
    with pytest.raises(MalformedError):
        Money(1, currency)


@given(st.integers(0, MAX_MINOR), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_money_is_read_back_from_what_it_says(minor, currency):
    amount, _, name = str(Money(minor, currency)).partition(" ")

    assert (from_decimal(amount, currency), name) == (Money(minor, currency), currency)
