"""What a payments app tells Shopify; a test checks each document against the official schemas.

https://shopify.dev/docs/api/payments-apps. A session's state cannot be asked for: what was told is kept here.
"""

from collections.abc import Mapping

_CODED, _PLAIN = "userErrors { field message code }", "userErrors { field message }"
_NEXT = "nextAction { action context { ... on PaymentSessionActionsRedirect { redirectUrl } } }"


def _ended(kind: str, verb: str, errors: str, *, declared: str = "", given: str = "", fields: str = "id") -> str:
    name = f"{kind}Session{verb}"
    return (
        f"mutation {name[0].upper()}{name[1:]}($id: ID!{declared}) {{ "
        f"{name}(id: $id{given}) {{ {kind}Session {{ {fields} }} {errors} }} }}"
    )


# paymentSessionResolve and paymentSessionReject have errors without a code: to ask for one is a fault of the document.
DOCUMENTS: Mapping[str, str] = {
    "paymentSessionResolve": _ended(
        "payment",
        "Resolve",
        _PLAIN,
        declared=", $authorizationExpiresAt: DateTime",
        given=", authorizationExpiresAt: $authorizationExpiresAt",
        fields=f"id {_NEXT}",
    ),
    "paymentSessionReject": _ended(
        "payment",
        "Reject",
        _PLAIN,
        declared=", $reason: PaymentSessionRejectionReasonInput!",
        given=", reason: $reason",
        fields=f"id {_NEXT}",
    ),
    "paymentSessionPending": _ended(
        "payment",
        "Pending",
        _CODED,
        declared=", $pendingExpiresAt: DateTime!, $reason: PaymentSessionStatePendingReason!",
        given=", pendingExpiresAt: $pendingExpiresAt, reason: $reason",
        fields=f"id {_NEXT}",
    ),
    # https://shopify.dev/docs/api/payments-apps/2026-10/mutations/paymentSessionModal
    "paymentSessionModal": _ended(
        "payment",
        "Modal",
        _CODED,
        declared=", $action: ModalAction!, $expiresAt: DateTime",
        given=", action: $action, expiresAt: $expiresAt",
        fields=f"id {_NEXT}",
    ),
    "paymentSessionConfirm": _ended("payment", "Confirm", _CODED, fields=f"id {_NEXT}"),
    **{f"{kind}SessionResolve": _ended(kind, "Resolve", _CODED) for kind in ("refund", "capture", "void")},
    **{
        f"{kind}SessionReject": _ended(
            kind,
            "Reject",
            _CODED,
            declared=f", $reason: {kind.capitalize()}SessionRejectionReasonInput!",
            given=", reason: $reason",
        )
        for kind in ("refund", "capture", "void")
    },
    "paymentsAppConfigure": (
        "mutation PaymentsAppConfigure($externalHandle: String, $ready: Boolean!) { "
        "paymentsAppConfigure(externalHandle: $externalHandle, ready: $ready) { "
        f"paymentsAppConfiguration {{ externalHandle ready }} {_PLAIN} }} }}"
    ),
}
