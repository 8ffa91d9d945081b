"""Who must act on a failed charge, by Recharge's word for the failure; a word that is not here is kept and shown.

The list of codes is open: what a new one means nobody here can know, so it is the staff's to read, and no customer is
ever written to because of it.
"""

from countersign.orders.charges import CUSTOMER, LATER, MERCHANT, UNKNOWN

CLOSED = "CLOSED_MAX_RETRIES_REACHED"  # the last try has failed
CARD_RENEWED = "CARD_UPDATED_NOW_PENDING_NEXT_ATTEMPT"

# Recharge's support article on managing order errors has the official list; these are what it and connectors name.
_GROUPS = {
    CUSTOMER: (
        CLOSED,
        "ACCOUNT_CLOSED",
        "AUTHENTICATION_REQUIRED",
        "CARD_DECLINED",
        "CARD_EXPIRED",
        "CARD_NOT_SUPPORTED",
        "CUSTOMER_NEEDS_TO_UPDATE_CARD",
        "DO_NOT_HONOR",
        "EXPIRED_CARD",
        "INCORRECT_CVC",
        "INCORRECT_NUMBER",
        "INCORRECT_ZIP",
        "INVALID_ACCOUNT",
        "INVALID_CVC",
        "INVALID_EXPIRY_MONTH",
        "INVALID_EXPIRY_YEAR",
        "INVALID_NUMBER",
        "INVALID_PAYMENT_METHOD",
        "LOST_CARD",
        "NO_PAYMENT_METHOD",
        "PAYMENT_METHOD_NOT_FOUND",
        "PICKUP_CARD",
        "STOLEN_CARD",
    ),
    LATER: (
        CARD_RENEWED,
        "CALL_ISSUER",
        "CARD_VELOCITY_EXCEEDED",
        "INSUFFICIENT_FUNDS",
        "ISSUER_NOT_AVAILABLE",
        "PAYMENT_PROVIDER_ERROR",
        "PROCESSING_ERROR",
        "RATE_LIMITED",
        "TRANSIENT_ERROR",
        "TRY_AGAIN_LATER",
    ),
    MERCHANT: (
        "CURRENCY_NOT_SUPPORTED",
        "DISCOUNT_ERROR",
        "FRAUD_SUSPECTED",
        "FRAUDULENT",
        "INVALID_ADDRESS",
        "PAYMENT_GATEWAY_NOT_CONFIGURED",
        "PRODUCT_DOES_NOT_EXIST",
        "SHIPPING_ADDRESS_INVALID",
        "SHIPPING_RATE_ERROR",
        "SHOPIFY_ERROR",
        "STORE_CLOSED",
        "TAX_RATE_ERROR",
        "UNEXPECTED_INVENTORY_LEVEL",
        "VARIANT_DOES_NOT_EXIST",
    ),
}
_BY_CODE = {code: group for group, codes in _GROUPS.items() for code in codes}


def group(error_type: str) -> str:
    """Return who must act on a failure; Recharge writes its words in either case."""
    return _BY_CODE.get(error_type.upper(), UNKNOWN)
