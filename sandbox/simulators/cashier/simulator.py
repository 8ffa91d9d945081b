"""The cashiers as the product meets them: their APIs and pages, each below its own name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from sandbox.simulating import simulator
from sandbox.simulators.cashier import accounts, hc1_wire
from sandbox.simulators.cashier.accounts import Merchants
from sandbox.simulators.cashier.control import CashierControl
from sandbox.simulators.cashier.hc1 import Hc1
from sandbox.simulators.cashier.stripe import SPOILS, Stripe

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """An HC1 cashier and Stripe, with every merchant that the accounts name."""

    NAME = "cashier"
    FAULTS: ClassVar[dict[str, str]] = {**hc1_wire.SPOILS, **SPOILS} | {
        "stripe_notify_first": "let the shopper pay at Stripe, and tell, before a create call is answered",
        "stripe_refund_pending": "take a refund at Stripe and leave it pending",
        "notify_first": "let the shopper pay, and notify, before a create call is answered",
        "answer_of_another": "sign an answer for another request than the one that is answered",
        "refund_pending": "take a refund and leave it pending",
        "refund_failed": "let a refund fail",
        "unavailable": "answer 503",
    }
    FAILURES: ClassVar[dict[str, Any]] = {"unavailable": (503, None)}
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self._hc1 = Hc1(clock, Merchants(accounts), self._faults, self._postman)
        bases = [urlsplit(str(one.get("api_base", ""))) for one in accounts.values()]
        self._stripe = Stripe(clock, accounts, self._faults, self._postman)
        self._hc1.page_base = self._stripe.page_base = next(
            (f"{base.scheme}://{base.netloc}" for base in bases if base.netloc), ""
        )
        self._control = CashierControl(self._hc1, self._stripe)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the cashier that its path names."""
        if call.path.startswith("/hc1/"):
            return self._hc1.answer(call)
        if call.path.startswith("/stripe/"):
            return self._stripe.answer(call)
        return self.json_reply(404, {"error": "no such cashier"}), None

    def seen(self, call: Call) -> Json:
        """Pick what the inbox shows: the merchant's number."""
        try:
            content = json.loads(call.body) if call.body else {}
        except ValueError:
            return {}
        names = ("merchant_payment_id", "merchant_refund_id", "merchant_capture_id")
        return {name: content[name] for name in names if isinstance(content, dict) and name in content}

    def problem(self, reply: Reply) -> Json:
        """Pick the error's code of an answer."""
        if reply[0] < 400:
            return {}
        try:
            return {"refused": json.loads(reply[2])["error"]["code"]}
        except (ValueError, KeyError, TypeError):
            return {"refused": reply[0]}
