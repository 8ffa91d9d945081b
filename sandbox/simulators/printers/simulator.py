"""Both makers' clouds as the product meets them, and a person who turns printers off and on."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.simulating import simulator
from sandbox.simulating.control import ControlError
from sandbox.simulators.printers import feie
from sandbox.simulators.printers.feie import Feie
from sandbox.simulators.printers.shop import ABNORMAL, OFFLINE, OK, Printer, Shop
from sandbox.simulators.printers.yilianyun import Yilianyun

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

FORM = "application/x-www-form-urlencoded"
Json = dict[str, Any]


class Simulator(simulator.Simulator):
    """Feie under /feie and Yilianyun under /yilianyun, for the printers of every account document."""

    NAME = "printers"
    FAULTS: ClassVar[dict[str, str]] = {
        "refuse": "refuse with `code`",
        "offline": "say that the printer is offline",
        "abnormal": "say that the printer has no paper or an open lid",
        "bad_token": "take no access token (Yilianyun)",
    }
    sees_all_accounts = True

    def __init__(
        self, clock: Clock, accounts: dict[str, dict[str, Json]], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self.shop = Shop(accounts, clock, lambda entry: inbox.add("receipt", entry))
        self._feie, self._yilianyun = Feie(self.shop, clock, self._faults), Yilianyun(self.shop, clock, self._faults)
        self._control.offer(token=self._forget_tokens, press=self._press, printer=self._turn)

    @staticmethod
    def prepare_account(document: Json, api_base: str) -> Json:
        """Point every printer of an account document to this simulator, whatever platform the account is of."""
        if not document.get("printers"):
            return document
        printers = [
            {**printer, "api_base": printer.get("api_base") or f"{api_base}/{printer.get('kind')}"}
            for printer in document["printers"]
        ]
        return {**document, "printers": printers}

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of either maker's API."""
        return self._answer(call), None

    def _answer(self, call: Call) -> Reply:
        if not call.headers.get("content-type", "").startswith(FORM):
            return 415, {}, b""
        fields = dict(urllib.parse.parse_qsl(call.body.decode(), keep_blank_values=True))
        maker, _, rest = call.path.lstrip("/").partition("/")
        try:
            with self.shop.lock:
                if maker == "feie" and f"/{rest}" == feie.PATH:
                    return self.json_reply(200, self._feie.answer(fields, call.subject))
                if maker == "yilianyun":
                    return self.json_reply(200, self._yilianyun.answer(f"/{rest}", fields, call.subject))
        except (KeyError, ValueError) as error:
            return 400, {}, str(error).encode()
        return 404, {}, b"not found"

    def seen(self, call: Call) -> Json:
        """Pick out which call it is; no secret, no token and no text."""
        fields = dict(urllib.parse.parse_qsl(call.body.decode("utf-8", "replace")))
        return {name: fields[name] for name in ("apiname", "sn", "machine_code", "origin_id") if name in fields}

    def _forget_tokens(self, _: Json) -> Json:
        """Make Yilianyun's tokens void: {}."""
        self._yilianyun.forget_tokens()
        return {}

    def _press(self, body: Json) -> Json:
        """Print a receipt of another system's: {"name"}."""
        with self.shop.lock:
            printer = self._printer(body)
            self.shop.take(printer, feie.foreign_job(self._clock.now()))
            return _shown(printer)

    def _turn(self, body: Json) -> Json:
        """Turn a printer off or on: {"name", "state": ok|offline|abnormal}."""
        if body.get("state") not in (OK, OFFLINE, ABNORMAL):
            raise ControlError(400, f"state is one of {OK}, {OFFLINE}, {ABNORMAL}")
        with self.shop.lock:
            printer = self._printer(body)
            printer.state = str(body["state"])
            self.shop.run(printer)
            return _shown(printer)

    def _printer(self, body: Json) -> Printer:
        for printer in self.shop.printers.values():
            if printer.name == body.get("name"):
                return printer
        raise ControlError(404, f"there is no printer {body.get('name')!r}")


def _shown(printer: Printer) -> Json:
    return {"name": printer.name, "state": printer.state, "jobs": len(printer.jobs)}
