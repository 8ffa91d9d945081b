"""BigCommerce as the product meets it: takes its calls, and delivers what happens to orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator
from sandbox.simulators.bigcommerce import accounts, hooks
from sandbox.simulators.bigcommerce.accounts import Stores
from sandbox.simulators.bigcommerce.api import Api
from sandbox.simulators.bigcommerce.control import BigcommerceControl
from sandbox.simulators.bigcommerce.hooks import Hooks
from sandbox.simulators.bigcommerce.orders import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """Every store's API, the login, and the webhooks."""

    NAME = "bigcommerce"
    FAULTS: ClassVar[dict[str, str]] = hooks.SPOILS | {
        "ignore_filter": "list the oldest orders, whatever was asked for",
        "ignore_page": "give the list's first page, whichever was asked for",
        "moved_meanwhile": "give the order `status_id` (5) right after it was read",
        "unavailable": "answer 503, as a store in maintenance does",
    }
    FAILURES: ClassVar[dict[str, Any]] = {
        "rate_limited": (429, {"status": 429, "title": "Too many requests"}),
        "unavailable": (503, None),
    }
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        stores, ledger = Stores(accounts), Ledger()
        told = Hooks(clock, self._postman)
        self._api = Api(stores, ledger, told, self._faults)
        self._control = BigcommerceControl(stores, ledger, told, self._api)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the API, or show a shopper the page of her order."""
        if (shown := self._api.page(call)) is not None:
            return shown, None
        try:
            (status, headers, content), store = self._api.answer(call)
        except (KeyError, IndexError, StopIteration, TypeError, ValueError) as error:
            return self.json_reply(400, [{"status": 400, "message": f"{type(error).__name__}: {error}"}]), None
        status, own, body = self.json_reply(status, content)
        return (status, {**own, **headers}, body), store

    def seen(self, call: Call) -> Json:
        """Pick what the inbox shows: the query; nothing of an order's address."""
        return {"query": call.query} if call.query else {}

    def problem(self, reply: Reply) -> Json:
        """Pick the error of an answer."""
        return {"refused": reply[0]} if reply[0] >= 400 else {}
