"""What a scene of the demo is played on: a running sandbox, spoken to over HTTP, and a book of what differed."""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from clients.python.countersign_client import ApiError, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.python.countersign_client import Reply
    from sandbox.testing import Sandbox

PATIENCE = 20.0
EVERYTHING = ("payments:write", "orders:read", "refunds:approve")
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
Json = dict[str, Any]


class DemoError(RuntimeError):
    """A simulator did not do what a scene needs."""


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: Any


@dataclass
class Stage:
    """A running sandbox and the book of what differed."""

    sandbox: Sandbox
    differences: list[str] = field(default_factory=list)
    checks: int = 0

    def call(self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Answer:
        """Call the product as the merchant's backend does, with a person's fresh token."""
        token = (headers or {}).pop("token", None)
        return self.answer(lambda api: api.request(method, path, body=body, headers=headers), token)

    def answer(self, called: Callable[[Client], Reply], token: str | None = None) -> Answer:
        """Call the product with its own client, and return a refusal as an answer too."""
        given = token or self.token()
        try:
            reply = called(Client(self.sandbox.base_url, lambda: given))
        except ApiError as error:
            reply = error.reply
        try:
            return Answer(reply.status, reply.json)
        except ValueError:
            return Answer(reply.status, reply.body.decode("utf-8", "replace"))

    def token(self, *scopes: str, subject: str = "anna", machine: bool = False) -> str:
        """Return an access token of a person, or of the shop's backend."""
        wanted: Json = {"client": True} if machine else {"subject": subject}
        return self.sandbox.token(*(scopes or EVERYTHING), **wanted)

    def now(self) -> float:
        """Return sandbox time."""
        return float(self.sandbox.control("GET", "/clock")["now"])

    def advance(self, seconds: float, why: str) -> None:
        """Let sandbox time pass."""
        self.sandbox.clock(advance=seconds)
        self.tell("clock", f"{datetime.timedelta(seconds=seconds)} later: {why}")

    def faults(self, **wanted: Any) -> None:
        """Turn a simulator's misbehaviour knobs."""
        self.sandbox.control("POST", "/faults", wanted)

    def happen(self, platform: str, what: str, body: Json) -> Json:
        """Make something happen at a platform's simulator."""
        try:
            return dict(self.sandbox.control("POST", f"/{platform}/_control/{what}", body))
        except AssertionError as error:
            raise DemoError(str(error)) from None

    def order(self, platform: str, account: str, order_id: str, part: str = "") -> Json:
        """Return an order as the merchant sees it."""
        if part:
            answer = self.call("GET", f"/orders/{platform}/{account}/{quote(order_id, safe='')}{part}")
        else:
            answer = self.answer(lambda api: api.get_order(platform, account, order_id))
        return answer.body if isinstance(answer.body, dict) else {"status": f"HTTP {answer.status}"}

    def inbox(self, kind: str, about: str) -> list[Json]:
        """Return what of a kind left the product about an order."""
        return [entry for entry in self.sandbox.inbox(kind) if about in str(entry)]

    def bus(self, order_id: str) -> list[str]:
        """Return what the bus carried about an order: each distinct detail id once."""
        told = [entry for entry in self.sandbox.inbox("bus") if entry["source"] == "countersign"]
        entries = [entry for entry in told if entry["detail"].get("order_id") == order_id]
        return sorted({entry["detail"].get("id"): str(entry["detail-type"]) for entry in entries}.values())

    def scene(self, title: str) -> None:
        """Announce a scene."""
        print(f"\n{title}\n{'-' * len(title)}")

    def tell(self, who: str, what: str) -> None:
        """Print one line of the time-line."""
        at = datetime.datetime.fromtimestamp(self.now(), BEIJING)
        print(f"{at:%m-%d %H:%M:%S}  {who:<9} {what}", flush=True)

    def expect(self, what: str, actual: object, wanted: object) -> bool:
        """Compare, print, and remember a difference."""
        self.checks += 1
        if actual == wanted:
            print(f"{'':16}ok        {what}: {_short(actual)}", flush=True)
            return True
        self.differences.append(f"{what}: wanted {wanted!r}, got {actual!r}")
        print(f"{'':16}DIFFERS   {what}: wanted {_short(wanted)}, got {_short(actual)}", flush=True)
        return False

    def expect_soon(self, what: str, look: Callable[[], object], wanted: object) -> bool:
        """Compare, giving the background work some real seconds."""
        end = time.monotonic() + PATIENCE
        while (actual := look()) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        return self.expect(what, actual, wanted)

    def explain(self, platform: str, account: str, order_id: str) -> None:
        """Print why an order is as it is, in the product's own words."""
        told = self.answer(lambda api: api.explain_order(platform, account, order_id)).body
        self.tell("why", str(told.get("summary", told)))
        for step in told.get("steps", []):
            at = datetime.datetime.fromisoformat(step["at"]).astimezone(BEIJING)
            said = f"{at:%m-%d %H:%M:%S} {step['said']}, {step['trust']}"
            print(f"{'':16}{said}: {step['decision']}, {step['why']}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 140 else f"{text[:137]}..."
