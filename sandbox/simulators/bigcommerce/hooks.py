"""How BigCommerce delivers: signed or not, eleven more tries in two days, then the hook is off; bad domains wait."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from conformance.signers import standard_webhooks
from sandbox.simulating import postman

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.simulating.postman import Clock, Message, Postman
    from sandbox.simulators.bigcommerce.accounts import Hook, Store
    from sandbox.simulators.bigcommerce.orders import Order

RETRIES = (60, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 50400, 86400)
WINDOW, ENOUGH, LEAST, BLOCKED = 120, 100, 0.9, 180
SPOILS = {
    "forge": "sign the message with a secret that is not the app's",
    "stale": "send it as if it had been signed five minutes and a second before",
    "unsigned": "send it without a signature, with the hook's own headers alone",
    "unreadable": "send a genuine body that is no JSON",
}
Json = dict[str, Any]


def headers(secret: str, body: bytes, now: int, *, message_id: str) -> dict[str, str]:
    """Return the headers of a signed delivery (Standard Webhooks): the key is the client secret as it is written."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "akka-http/10.0.10",
        **standard_webhooks.headers(secret.encode(), body, now, message_id=message_id),
    }


def body_of(store: str, scope: str, data: Json, now: int) -> bytes:
    """Return a delivery's body; its hash is a label that nobody outside can make again."""
    label = hashlib.sha1(json.dumps(data).encode(), usedforsecurity=False).hexdigest()
    content = {"producer": f"stores/{store}", "hash": label, "created_at": now, "store_id": "1001234567"}
    return json.dumps({**content, "scope": scope, "data": data}, separators=(",", ":")).encode()


class Delivery(postman.Delivery):
    """One delivery to one hook, which is switched off when it was tried for the last time in vain."""

    def __init__(self, hooks: Hooks, store: Store, hook: Hook, body: bytes, attempts: list[Json], now: float) -> None:
        super().__init__(hook.destination, hook.scope, RETRIES, attempts, tuple(SPOILS))
        self.hooks, self.store, self.hook, self.body, self.at = hooks, store, hook, body, now
        self.message_id = f"msg_{uuid.uuid4().hex}"

    def message(
        self, now: float, *, spoil: str = "", parameters: Mapping[str, Any] | None = None, copy: int = 0
    ) -> Message:
        """Write the delivery, signed at this moment."""
        body = b'{"producer":' if spoil == "unreadable" else self.body
        at = int(now) - (301 if spoil == "stale" else 0)
        secret = "another-secret-0123456789abcdef" if spoil == "forge" else self.store.secret
        made = headers(secret, body, at, message_id=self.message_id)
        if spoil == "unsigned":
            made = {name: value for name, value in made.items() if not name.startswith("webhook-")}
        return postman.Message({**made, **(self.hook.headers or {})}, body)

    def takes(self, status: int | None, answer: bytes) -> bool:
        """Say whether BigCommerce is content, and note it for the domain."""
        taken = super().takes(status, answer)
        self.hooks.note(self.url, taken)
        if not taken and self.tries >= len(self.retries):
            self.hook.is_active = False
        return taken

    def labels(self) -> Json:
        """Return which scope it is of."""
        return {"scope": self.hook.scope}


class Hooks:
    """What is delivered, and which domains are blocked for answering badly."""

    def __init__(self, clock: Clock, post: Postman) -> None:
        self.clock, self._postman = clock, post
        self._answers: dict[str, deque[tuple[float, bool]]] = {}
        self.blocked: dict[str, float] = {}

    def tell(self, store: Store, order: Order, scope: str, **more: Any) -> None:
        """Deliver that something happened to an order, to every hook of its scope."""
        now = self.clock.now()
        body = body_of(store.hash, scope, {"type": "order", "id": order.id, **more}, int(now))
        for hook in store.hooks:
            if hook.is_active and hook.scope == scope:
                self.send(Delivery(self, store, hook, body, order.deliveries, now))

    def send(self, delivery: Delivery) -> None:
        """Post a delivery, or keep it while its domain is blocked."""
        wait = self.blocked.get(_domain(delivery.url), 0.0) - self.clock.now()
        if wait > 0:
            self._postman.later(wait, lambda: self._postman.post(delivery))
        else:
            self._postman.post(delivery)

    def note(self, url: str, taken: bool) -> None:
        """Note an answer: under nine of ten in two minutes, once there were a hundred, the domain waits."""
        now, domain = self.clock.now(), _domain(url)
        answers = self._answers.setdefault(domain, deque())
        answers.append((now, taken))
        while answers and answers[0][0] < now - WINDOW:
            answers.popleft()
        good = sum(taken for _, taken in answers)
        if len(answers) >= ENOUGH and good < LEAST * len(answers):
            self.blocked[domain] = now + BLOCKED


def _domain(url: str) -> str:
    return url.split("/")[2]
