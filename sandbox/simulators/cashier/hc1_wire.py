"""HC1 on the wire, from the cashier's side: it checks requests, signs its answers and its notifications."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from conformance.signers import hc1
from sandbox.simulating import postman
from sandbox.simulators.cashier.hc1_ledger import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.simulators.cashier.accounts import Merchant
    from sandbox.simulators.cashier.hc1_ledger import Payment

RETRIES = (15, 60, 300, 900, 3600, 14_400, 43_200, 86_400)
SPOILS = {
    "forge": "send the notification signed with another secret",
    "stale": "send it as if it had been signed 301 seconds before",
    "replayed": "send it twice with the same nonce, byte for byte",
    "unreadable": "send a genuine body whose amount is text",
    "other_merchant": "send a genuine body that names another merchant",
}
Json = dict[str, Any]


class Delivery(postman.Delivery):
    """One notification about one payment; a repetition has a new nonce and the same event id."""

    def __init__(self, merchant: Merchant, payment: Payment, event_type: str, now: int) -> None:
        subject = f"{event_type} {payment.reference}"
        super().__init__(payment.notify_url, subject, RETRIES, payment.deliveries, tuple(SPOILS))
        self.merchant, self.event_type = merchant, event_type
        self.content: Json = {
            "event_id": f"evt_{secrets.token_hex(12)}",
            "event_type": event_type,
            "created_at": stamp(now),
            "merchant_id": merchant.merchant_id,
            "data": payment.shown(),
        }
        self._last_nonce = ""

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> postman.Message:
        """Write the notification, signed at this moment."""
        content, (name, secret), at = self.content, self.merchant.current, int(now)
        if spoil == "unreadable":
            content = {**content, "data": {**content["data"], "amount": {"value": "8.80", "currency": "USD"}}}
        if spoil == "other_merchant":
            content = {**content, "merchant_id": "m_somebody_else"}
        if spoil == "forge":
            secret = "another-secret-that-is-long-enough-0123456789"  # noqa: S105 - nobody's
        if spoil == "stale":
            at -= 301
        body = json.dumps(content, separators=(",", ":")).encode()
        nonce = self._last_nonce if spoil == "replayed" and self._last_nonce else secrets.token_hex(16)
        self._last_nonce = nonce
        return postman.Message(
            hc1.headers((name, secret), ["HC1", "NOTIFY", self.merchant.merchant_id], body, at, nonce), body
        )

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether the cashier is content: 200 and exactly this content."""
        try:
            return status == 200 and json.loads(answer) == {"result": "ok"}
        except ValueError:
            return False

    def labels(self) -> dict[str, Any]:
        """Return what was told."""
        return {"event": self.event_type}
