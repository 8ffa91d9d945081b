"""Both makers' clouds as the product meets them, and a person who turns printers off and on."""

from __future__ import annotations

import json
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.simulators.printers import feie
from sandbox.simulators.printers.faults import Faults
from sandbox.simulators.printers.feie import Feie
from sandbox.simulators.printers.shop import ABNORMAL, OFFLINE, OK, Clock, Shop
from sandbox.simulators.printers.yilianyun import Yilianyun

if TYPE_CHECKING:
    from pathlib import Path

Headers = dict[str, str]
Reply = tuple[int, Headers, bytes]
FORM = "application/x-www-form-urlencoded"


class Inbox(Protocol):
    """Where everything that was received is shown."""

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """Keep one entry."""
        ...


class Simulator:
    """Feie under /feie and Yilianyun under /yilianyun, for the printers of every account document."""

    sees_all_accounts = True

    def __init__(
        self,
        clock: Clock,
        accounts: dict[str, dict[str, dict[str, Any]]],
        inbox: Inbox,
        public_base_url: str,
        state_dir: Path,
    ) -> None:
        self._clock, self._inbox = clock, inbox
        self._stopped = threading.Event()
        self._faults = Faults()
        self.shop = Shop(accounts, clock, lambda entry: inbox.add("receipt", entry))
        self._feie, self._yilianyun = Feie(self.shop, clock, self._faults), Yilianyun(self.shop, clock, self._faults)

    @staticmethod
    def prepare_account(document: dict[str, Any], api_base: str) -> dict[str, Any]:
        """Point every printer of an account document to this simulator, whatever platform the account is of."""
        if not document.get("printers"):
            return document
        printers = [
            {**printer, "api_base": printer.get("api_base") or f"{api_base}/{printer.get('kind')}"}
            for printer in document["printers"]
        ]
        return {**document, "printers": printers}

    @staticmethod
    def throwaway_accounts() -> dict[str, dict[str, Any]]:
        """Make none: printers belong to the accounts of platforms."""
        return {}

    def start(self) -> None:
        """Nothing runs in the background."""

    def stop(self) -> None:
        """Let hanging answers go."""
        self._stopped.set()

    def faults(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Turn the misbehaviour knobs; returns those that are set."""
        return self._faults.set(wanted)

    def control(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Let something happen in the shop.

        `printer` {"name", "state": ok|offline|abnormal} turns a printer off or on, `press` {"name"} prints a receipt of
        another system's, `token` {} makes Yilianyun's tokens void.
        """
        name, wanted = path.rpartition("_control/")[2].strip("/"), body or {}
        if name == "token":
            self._yilianyun.forget_tokens()
            return 200, {}
        printer = next((one for one in self.shop.printers.values() if one.name == wanted.get("name")), None)
        if printer is None or name not in ("printer", "press"):
            return 404, {"error": "there is no such control call, or no such printer"}
        with self.shop.lock:
            if name == "press":
                self.shop.take(printer, feie.foreign_job(self._clock.now()))
            elif wanted.get("state") in (OK, OFFLINE, ABNORMAL):
                printer.state = str(wanted["state"])
                self.shop.run(printer)
            else:
                return 400, {"error": f"state is one of {OK}, {OFFLINE}, {ABNORMAL}"}
        return 200, {"name": printer.name, "state": printer.state, "jobs": len(printer.jobs)}

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Answer one call of the product."""
        subject = f"{method} {path}?{query} {urllib.parse.unquote_plus(body.decode('utf-8', 'replace'))}"
        failure = self._failure(subject)
        reply: Reply = failure[0] if failure else (200, {}, b"")
        if failure is None or failure[1]:
            answered = self._answer(path, {name.lower(): value for name, value in headers.items()}, body, subject)
            reply = failure[0] if failure else answered
        slow = self._faults.take("timeout", subject)
        self._inbox.add("printers", {"method": method, "path": path, "status": reply[0], **_seen(body)})
        if slow is not None:
            self._stopped.wait(float(slow.get("seconds", 12)))
        return reply

    def _failure(self, subject: str) -> tuple[Reply, bool] | None:
        """Return the failure the knobs want, and whether the work is done all the same."""
        if (wanted := self._faults.take("error500", subject)) is not None:
            return (500, {}, b""), bool(wanted.get("after"))
        if (wanted := self._faults.take("not_json", subject)) is not None:
            return (502, {"Content-Type": "text/html"}, b"<h1>502 Bad Gateway</h1>"), bool(wanted.get("after"))
        return None

    def _answer(self, path: str, headers: Headers, body: bytes, subject: str) -> Reply:
        if not headers.get("content-type", "").startswith(FORM):
            return 415, {}, b""
        fields = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        maker, _, rest = path.lstrip("/").partition("/")
        try:
            with self.shop.lock:
                if maker == "feie" and f"/{rest}" == feie.PATH:
                    return _json(self._feie.answer(fields, subject))
                if maker == "yilianyun":
                    return _json(self._yilianyun.answer(f"/{rest}", fields, subject))
        except (KeyError, ValueError) as error:
            return 400, {}, str(error).encode()
        return 404, {}, b"not found"


def _json(content: dict[str, Any]) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(content, ensure_ascii=False).encode()


def _seen(body: bytes) -> dict[str, str]:
    """Pick out which call it is, for the inbox; no secret, no token and no text."""
    fields = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
    return {name: fields[name] for name in ("apiname", "sn", "machine_code", "origin_id") if name in fields}
