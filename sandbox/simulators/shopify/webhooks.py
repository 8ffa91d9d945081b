"""How Shopify delivers: one signature over the bytes, headers that nobody signs, and eight more tries in four hours."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from conformance.signers import shopify
from sandbox.simulating import postman

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.simulating.postman import Message
    from sandbox.simulators.shopify.accounts import Installation
    from sandbox.simulators.shopify.shops import Subscription


def headers(secret: str, body: bytes, *, topic: str, shop: str, now: int, version: str = "2026-10") -> dict[str, str]:
    """Return the headers of a delivery; only the body is signed. The same delivery has the same ids."""
    name = f"{topic} {shop} {now} {hashlib.sha256(body).hexdigest()}"
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": shopify.signature(secret, body),
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-API-Version": version,
        "X-Shopify-Webhook-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"delivery {name}")),
        "X-Shopify-Event-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"event {name}")),
        "X-Shopify-Triggered-At": f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%S.000000Z}",
    }


# Eight more tries, the last one four hours after the first.
# https://shopify.dev/docs/apps/build/webhooks/subscribe/https#receive-webhooks
RETRIES = (60, 120, 300, 600, 1200, 2400, 3720, 6000)
SPOILS = {
    "forge": "send the message with a signature of a secret that is not the app's",
    "lying_topic": "name another topic in the header, which nothing signs",
    "unreadable": "send a genuine body whose times cannot be read",
}


class Delivery(postman.Delivery):
    """One delivery to one subscription; `ended` is called when it was tried for the last time, in vain."""

    def __init__(
        self,
        installation: Installation,
        subscription: Subscription,
        body: bytes,
        at: float,
        ended: Callable[[Subscription], None],
    ) -> None:
        super().__init__(subscription.address, f"{subscription.topic} {body[:200]!r}", RETRIES, spoiling=tuple(SPOILS))
        self.installation, self.subscription, self.body, self.at, self.ended = (
            installation,
            subscription,
            body,
            int(at),
            ended,
        )

    @property
    def topic(self) -> str:
        """The topic as headers write it."""
        first, _, rest = self.subscription.topic.lower().rpartition("_")
        return f"{first}/{rest}"

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the delivery: a retry has the same bytes and ids as the first try."""
        app, body = self.installation.app, self.body
        secret = app.admin_secret if self.subscription.kind == "admin" else app.secret
        if spoil == "unreadable":
            body = json.dumps({**json.loads(body), "updated_at": "yesterday", "processed_at": "yesterday"}).encode()
        topic = "orders/paid" if spoil == "lying_topic" else self.topic
        signed = "another-secret-0123456789abcdef" if spoil == "forge" else secret
        made = headers(signed, body, topic=topic, shop=self.installation.host, now=self.at, version=app.version)
        return postman.Message(made, body)

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether Shopify is content: anything outside 200-299 is a failure, the last of which ends it."""
        taken = super().takes(status, answer)
        if not taken and self.tries >= len(self.retries):
            self.ended(self.subscription)
        return taken

    def labels(self) -> dict[str, Any]:
        """Return which topic it is of."""
        return {"topic": self.topic}
