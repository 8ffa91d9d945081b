"""Amounts as Stripe writes them: not always in the minor units of ISO 4217."""

from countersign.errors import MalformedError, UnprocessableError
from countersign.money import CURRENCIES, Money, exponent

# https://docs.stripe.com/currencies#zero-decimal https://docs.stripe.com/currencies#special-cases
_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS = "BHD JOD KWD OMR TND"  # of which the last digit must be 0
_ALWAYS_HUNDREDTHS = "ISK UGX"  # which have no decimals: the last two digits must be 0
_NOT_THERE = "CUP ERN IQD IRR KPW LYD SDG SSP SYP VED VES"


def to_stripe(amount: Money) -> int:
    """Return an amount as Stripe wants it; UnprocessableError where it cannot be said exactly: nothing is rounded."""
    currency = amount.currency  # three letters, so that it is in a list of those or not
    if currency not in CURRENCIES or currency in _NOT_THERE:
        raise UnprocessableError("currency_not_supported: Stripe takes no payments in this currency")
    shift = _exponent(currency) - exponent(currency)
    value, rest = _shifted(amount.minor, shift)
    if rest or (currency in _THOUSANDTHS and value % 10):
        raise UnprocessableError("amount_not_representable: Stripe takes this currency in larger steps only")
    return value


def from_stripe(value: object, currency: object) -> Money:
    """Return an amount that Stripe wrote; raises MalformedError."""
    if type(value) is not int or value < 0 or not isinstance(currency, str):
        raise MalformedError("an amount is not an integer and a currency")
    code = currency.upper()
    if code not in CURRENCIES:
        raise MalformedError("a currency is not one of ISO 4217")
    minor, rest = _shifted(value, exponent(code) - _exponent(code))
    if rest:
        raise MalformedError("an amount has more decimals than its currency")
    return Money(minor, code)


def _exponent(currency: str) -> int:
    """Return how many decimals Stripe writes a currency with."""
    if currency in _WHOLE:
        return 0
    if currency in _THOUSANDTHS:
        return 3
    return 2 if currency in _ALWAYS_HUNDREDTHS else exponent(currency)


def _shifted(value: int, digits: int) -> tuple[int, int]:
    """Return a value with so many digits more, or fewer and what is lost by that."""
    step: int = 10 ** abs(digits)
    return (value * step, 0) if digits >= 0 else divmod(value, step)
