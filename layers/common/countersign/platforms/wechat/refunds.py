"""A refund to be made, and what a person can do where WeChat does not make it."""

from dataclasses import dataclass

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.platforms.wechat import payments

REASON_BYTES = 80
_SETTINGS = "The account's settings do not fit: correct them, then retry"
_UNKNOWN_ORDER = "WeChat knows no such paid order: compare with the merchant console, then retry or resolve"
_RULE = "A rule of WeChat forbids it: the merchant console says which; then retry or resolve"
# By WeChat's word without `_`, since spellings changed over the years.
_REFUSALS = {
    "NOTENOUGH": "The merchant account's balance is too low: top it up, then retry",
    "USERACCOUNTABNORMAL": "The payer's account is gone: refund another way, then resolve",
    "TRADEOVERDUE": "The payment is too old for a refund by WeChat: refund another way, then resolve",
    "REFUNDFEEMISMATCH": "WeChat has another amount under this number: look in the merchant console, then resolve",
    "NOAUTH": "The merchant number may not refund by API: allow it in the merchant console, then retry",
    "CERTERROR": "WeChat does not take the merchant's certificate: renew merchant_cert_pem, then retry",
    "ORDERNOTEXIST": _UNKNOWN_ORDER,
    "RESOURCENOTEXISTS": _UNKNOWN_ORDER,
    "INVALIDTRANSACTIONID": _UNKNOWN_ORDER,
    "SIGNERROR": _SETTINGS,
    "APPIDNOTEXIST": _SETTINGS,
    "APPIDMCHIDNOTMATCH": _SETTINGS,
    "MCHIDNOTEXIST": _SETTINGS,
    "MCHNOTEXISTS": _SETTINGS,
    "INVALIDREQUEST": _RULE,
    "RULELIMIT": _RULE,
    "TRADEERROR": _RULE,
    "ERROR": _RULE,
}


# Refusals that every refund of the account would meet just now.
OF_THE_ACCOUNT = frozenset(
    {
        "NOTENOUGH",
        "NOAUTH",
        "CERTERROR",
        "SIGNERROR",
        "APPIDNOTEXIST",
        "APPIDMCHIDNOTMATCH",
        "MCHIDNOTEXIST",
        "MCHNOTEXISTS",
    }
)


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What shall go back to a payer; calls with the same `refund_id` are one refund."""

    refund_id: str
    transaction_id: str
    amount: Money
    total: Money
    reason: str
    notify_url: str  # where the console says, if empty

    @property
    def shown_reason(self) -> str:
        """The reason as far as WeChat takes it, cut between characters."""
        return self.reason.encode("utf-8", "ignore")[:REASON_BYTES].decode("utf-8", "ignore")


def check(refund: RefundRequest) -> None:
    """Refuse what WeChat would refuse."""
    payments.require(refund.refund_id, payments.REFUND_NUMBER, "refund_id")
    if not 0 < refund.amount.minor <= refund.total.minor or refund.amount.currency != refund.total.currency:
        raise UnprocessableError("the refund does not fit its payment")


def problem(code: str, hint: str = "") -> str:
    """Return what a person can do about a refusal; `code` is WeChat's word without `_`, `hint` what it says besides."""
    advice = _REFUSALS.get(code, "Look the reason up in the merchant console, then retry or resolve")
    return f"{advice} ({code}: {hint})" if hint else f"{advice} ({code})"
