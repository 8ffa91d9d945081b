"""Recharge as the product meets it: takes its calls, tries charges, delivers what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator
from sandbox.simulators.recharge import accounts, webhooks
from sandbox.simulators.recharge.accounts import Stores
from sandbox.simulators.recharge.api import Api, RefusedError
from sandbox.simulators.recharge.charges import Ledger
from sandbox.simulators.recharge.control import RechargeControl
from sandbox.simulators.recharge.dunning import Dunning

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """Both versions of the API, the dunning of every store, and the webhooks."""

    NAME = "recharge"
    FAULTS: ClassVar[dict[str, str]] = webhooks.SPOILS | {
        "cursor_gone": "answer that a list's cursor does not exist any more",
        "unsorted": "list charges in no sequence",
        "no_link": "list charges by page number without the header that says what follows",
        "no_scope": "answer that the token lacks a scope",
        "unavailable": "answer 503",
    }
    FAILURES: ClassVar[dict[str, Any]] = {
        "rate_limited": (429, {"warning": "too many requests"}),
        "no_scope": (403, {"errors": "the token has no such scope"}),
        "unavailable": (503, None),
    }
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        dunning = Dunning(clock, Stores(accounts), Ledger(), self._postman)
        self._api = Api(dunning, self._faults)
        self._control = RechargeControl(dunning, self._api)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the API."""
        try:
            (status, headers, content), store = self._api.answer(call)
        except RefusedError as refused:
            return self.json_reply(refused.status, refused.said), None
        except (KeyError, TypeError, ValueError) as error:
            return self.json_reply(400, {"errors": str(error)}), None
        status, own, body = self.json_reply(status, content)
        return (status, {**own, **headers}, body), store.account

    def seen(self, call: Call) -> Json:
        """Pick what the inbox shows: a subscription's topic; queries name no person."""
        shown: Json = {"query": call.query} if call.query else {}
        if call.method == "POST" and call.path == "/webhooks":
            try:
                shown["topic"] = json.loads(call.body).get("topic")
            except (ValueError, AttributeError):
                shown["topic"] = None
        return shown

    def problem(self, reply: Reply) -> Json:
        """Pick the error of an answer."""
        return {"refused": reply[0]} if reply[0] >= 400 else {}
