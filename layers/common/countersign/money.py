"""Money as an integer number of minor units and an ISO 4217 currency."""

import re

from countersign.errors import MalformedError
from countersign.values import dataclass

MAX_MINOR = 2**53 - 1  # the largest integer that every JSON reader keeps exact

# ISO 4217 table A.1: currencies whose minor unit is not 2 digits.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = {**dict.fromkeys(_NO_DECIMALS.split(), 0), **dict.fromkeys(_THREE_DECIMALS.split(), 3)}
# Circulating currencies of ISO 4217 with 0, 2 or 3 decimals: what is not here has no amount that can be believed.
_OTHERS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset({*_OTHERS.split(), *_EXPONENTS} - {"UYI"})
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount: `minor` units (fen, cents; never negative) of `currency`."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int or not 0 <= self.minor <= MAX_MINOR:
            raise MalformedError("amount is not an integer of minor units")
        if not isinstance(self.currency, str) or not _CURRENCY.fullmatch(self.currency):
            raise MalformedError("currency is not an ISO 4217 code")

    def __str__(self) -> str:
        digits = exponent(self.currency)
        text = str(self.minor).rjust(digits + 1, "0")
        return f"{text[:-digits]}.{text[-digits:]} {self.currency}" if digits else f"{text} {self.currency}"

    def to_json(self) -> dict[str, int | str]:
        """Return the contract's form, `{"minor": 8800, "currency": "CNY"}`."""
        return {"minor": self.minor, "currency": self.currency}


def exponent(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (0, 2 or 3)."""
    return _EXPONENTS.get(currency, 2)


def from_decimal(text: str, currency: str) -> Money:
    """Read a decimal string such as `88.00`; more decimals than the currency has are an error, never rounded."""
    match = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise MalformedError("amount is not a decimal string")
    whole, fraction = match[1], match[2] or ""
    digits = exponent(currency)
    if len(fraction) > digits and fraction[digits:].strip("0"):
        raise MalformedError("amount has more decimals than its currency")
    return Money(int(whole + fraction[:digits].ljust(digits, "0")), currency)
