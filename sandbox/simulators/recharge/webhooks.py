"""How Recharge delivers: both signatures, 19 more tries in 48 hours, and then the subscription is deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.signers import recharge
from sandbox.simulating import postman
from sandbox.simulators.recharge.charges import Charge, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.simulating.postman import Message
    from sandbox.simulators.recharge.accounts import Store, Subscription

# 19 more tries; the last one 48 hours after the first.
RETRIES = (60, 120, 300, 600, 900, 1800, 3600, *(13785,) * 12)
SPOILS = {
    "forge": "send the message with a signature of a secret that is not the store's",
    "stale": "send it as if it had been signed 48 hours and a second before",
    "bad_new_signature": "send a wrong timestamped signature beside a good one of the older kind",
    "lying_topic": "name another topic in the header, which nothing signs",
    "legacy_only": "send the older signature alone",
    "unreadable": "send a genuine body that has no amount that can be read",
}


class Delivery(postman.Delivery):
    """One delivery to one subscription; `ended` is called when it was tried for the last time, in vain."""

    def __init__(
        self, store: Store, subscription: Subscription, charge: Charge, body: bytes, ended: Callable[[], None]
    ) -> None:
        subject = f"{subscription.topic} {charge.id}"
        super().__init__(subscription.address, subject, RETRIES, charge.deliveries, tuple(SPOILS))
        self.store, self.topic, self.body, self.ended = store, subscription.topic, body, ended

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the delivery, signed at this moment."""
        secret, at, body = self.store.secret, int(now), self.body
        if spoil == "unreadable":
            body = json.dumps({"charge": {**json.loads(body)["charge"], "total_price": "much"}}).encode()
        made = recharge.headers("another-secret-0123456789abcdef" if spoil == "forge" else secret, body, at)
        if spoil == "stale":
            made["X-Recharge-Webhook-Signature"] = recharge.timestamped(secret, body, at - 172_801)
        if spoil == "bad_new_signature":
            made["X-Recharge-Webhook-Signature"] = recharge.timestamped("another-secret-0123456789abcdef", body, at)
        if spoil == "lying_topic":
            made["X-Recharge-Topic"] = "charge/paid" if self.topic != "charge/paid" else "charge/failed"
        if spoil == "legacy_only":
            del made["X-Recharge-Webhook-Signature"], made["X-Recharge-Webhook-Timestamp"]
        return postman.Message(made, body)

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether Recharge is content: anything outside 200-299 is a failure."""
        taken = super().takes(status, answer)
        if not taken and self.tries >= len(self.retries):
            self.ended()
        return taken

    def labels(self) -> dict[str, Any]:
        """Return which topic it is of."""
        return {"topic": self.topic}


def body_of(charge: Charge, version: str) -> bytes:
    """Return what is delivered about a charge, in the shape of a version of the API."""
    return json.dumps({"charge": shown(charge, version)}, ensure_ascii=False, separators=(",", ":")).encode()
