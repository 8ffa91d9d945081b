"""A refund to be made, and what a person can do where WeChat does not make it."""

from dataclasses import dataclass

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.orders.reasons import Reason, because
from countersign.platforms.wechat import payments

REASON_BYTES = 80
# WeChat wants a minute between two refunds of one order; ours is longer, as calls travel for different times.
PAUSE_SECONDS = 70
# By WeChat's word without `_`, since spellings changed over the years.
_REFUSALS = {
    "NOTENOUGH": "wechat.balance_too_low",
    "USERACCOUNTABNORMAL": "wechat.payer_account_gone",
    "TRADEOVERDUE": "wechat.payment_too_old",
    "REFUNDFEEMISMATCH": "wechat.refund_amount_differs",
    "NOAUTH": "wechat.refunds_not_allowed",
    "CERTERROR": "wechat.certificate_not_taken",
    "ORDERNOTEXIST": "wechat.no_such_paid_order",
    "RESOURCENOTEXISTS": "wechat.no_such_paid_order",
    "INVALIDTRANSACTIONID": "wechat.no_such_paid_order",
    "SIGNERROR": "wechat.settings_do_not_fit",
    "APPIDNOTEXIST": "wechat.settings_do_not_fit",
    "APPIDMCHIDNOTMATCH": "wechat.settings_do_not_fit",
    "MCHIDNOTEXIST": "wechat.settings_do_not_fit",
    "MCHNOTEXISTS": "wechat.settings_do_not_fit",
    "INVALIDREQUEST": "wechat.forbidden_by_a_rule",
    "RULELIMIT": "wechat.forbidden_by_a_rule",
    "TRADEERROR": "wechat.forbidden_by_a_rule",
    "ERROR": "wechat.forbidden_by_a_rule",
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


def problem(code: str, hint: str = "") -> Reason:
    """Return what a person can do about a refusal; `code` is WeChat's word without `_`, `hint` what it says besides."""
    return because(_REFUSALS.get(code, "wechat.refund_refused"), code=f"{code}: {hint}" if hint else code)
