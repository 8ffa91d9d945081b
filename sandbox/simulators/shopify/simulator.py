"""Shopify as the product meets it: which apps and shops there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.simulating import simulator
from sandbox.simulators.shopify import accounts
from sandbox.simulators.shopify.accounts import Installations

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """Every app, and the shops where it is installed."""

    NAME = "shopify"
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self.installations = Installations(accounts)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the API: without a token of an installation nobody gets further."""
        found = self.installations.with_token(call.headers.get("x-shopify-access-token", ""))
        if found is None:
            said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return self.json_reply(401, {"errors": said}), None
        return self.json_reply(404, {"errors": "Not Found"}), f"{found.app.name}/{found.host}"
