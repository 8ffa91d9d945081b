"""Yilianyun's cloud: a path for each call, errors as strings in an HTTP 200, jobs that print once by their number."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from sandbox.simulators.printers.shop import ABNORMAL, OFFLINE, OK, Job, Printer, Shop

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock

STATES = {OFFLINE: "0", OK: "1", ABNORMAL: "2"}
LIFETIME = 30 * 24 * 3600
TOKENS_A_DAY = 20
Fields = dict[str, str]


class RefusedError(Exception):
    """A call that is answered with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Yilianyun:
    """Answers the calls."""

    def __init__(self, shop: Shop, clock: Clock, faults: Faults) -> None:
        self._shop, self._clock, self._faults = shop, clock, faults
        self._numbers = itertools.count(1)
        self._tokens: dict[str, str] = {}  # app -> the one that is taken now
        self._given: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], str] = {}  # printer and origin_id -> job

    def answer(self, path: str, fields: Fields, subject: str) -> dict[str, Any]:
        """Answer one call."""
        calls = {
            "/oauth/oauth": self._token,
            "/print/index": self._print,
            "/printer/getprintstatus": self._state,
        }
        try:
            self._check(fields)
            call = calls.get(path)
            if call is None:
                raise RefusedError("2", "no such interface")
            if call != self._token:
                self._check_token(fields, subject)
                if (refused := self._faults.take("refuse", subject)) is not None:
                    raise RefusedError(str(refused.get("code", "33")), "打印失败")
            return {"error": "0", "error_description": "success", "body": call(fields, subject)}
        except RefusedError as error:
            return {"error": error.code, "error_description": str(error), "body": ""}

    def forget_tokens(self) -> None:
        """Take no token any more that was given."""
        self._tokens.clear()

    def _check(self, fields: Fields) -> None:
        app, timestamp = fields.get("client_id", ""), fields.get("timestamp", "")
        known = [one.credentials for one in self._shop.of_kind("yilianyun") if one.credentials.get("client_id") == app]
        if not known:
            raise RefusedError("1", "client_id error")
        told = f"{app}{timestamp}{known[0].get('client_secret', '')}"
        expected = hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()
        if len(timestamp) != 10 or not hmac.compare_digest(expected, fields.get("sign", "")):
            raise RefusedError("8", "sign error")
        if uuid.UUID(fields.get("id", "")).version != 4:
            raise RefusedError("2", "id error")

    def _check_token(self, fields: Fields, subject: str) -> None:
        token = self._tokens.get(fields["client_id"])
        if self._faults.take("bad_token", subject) is not None or not token or fields.get("access_token") != token:
            raise RefusedError("18", "access_token error")

    def _token(self, fields: Fields, _: str) -> dict[str, Any]:
        if (fields.get("grant_type"), fields.get("scope")) != ("client_credentials", "all"):
            raise RefusedError("2", "grant_type error")
        app, day = fields["client_id"], time.strftime("%Y-%m-%d", time.gmtime(self._clock.now()))
        self._given[app, day] = self._given.get((app, day), 0) + 1
        if self._given[app, day] > TOKENS_A_DAY:
            raise RefusedError("20", "too many tokens today")
        self._tokens[app] = secrets.token_hex(20)
        return {"access_token": self._tokens[app], "refresh_token": secrets.token_hex(20), "expires_in": LIFETIME}

    def _printer(self, fields: Fields) -> Printer:
        printer = self._shop.printers.get(("yilianyun", fields.get("machine_code", "")))
        if printer is None or printer.credentials.get("client_id") != fields["client_id"]:
            raise RefusedError("9", "the printer is not this application's")
        return printer

    def _print(self, fields: Fields, _: str) -> dict[str, str]:
        printer, origin = self._printer(fields), fields.get("origin_id", "")
        if not 1 <= len(origin) <= 32 or not fields.get("content"):
            raise RefusedError("2", "origin_id or content error")
        known = self._seen.get((printer.number, origin)) if fields.get("idempotence") == "1" else None
        if known is None:
            known = str(next(self._numbers))
            self._seen[printer.number, origin] = known
            day = time.strftime("%Y-%m-%d", time.gmtime(self._clock.now() + 8 * 3600))
            self._shop.take(printer, Job(known, day, fields["content"], 1, None))
        return {"id": known, "origin_id": origin}

    def _state(self, fields: Fields, subject: str) -> dict[str, str]:
        printer = self._printer(fields)
        for state in (OFFLINE, ABNORMAL):
            if self._faults.take(state, subject) is not None:
                return {"state": STATES[state]}
        return {"state": STATES[printer.state]}
