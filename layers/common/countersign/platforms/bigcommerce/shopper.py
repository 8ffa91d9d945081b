"""What a shopper's browser is answered: from which origins, in which words, and what became of its order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.cashiers import attempts
from countersign.cashiers.opening import Cashiers
from countersign.errors import CountersignError, NotGenuineError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.platforms.bigcommerce import payment_link, settlement
from countersign.platforms.bigcommerce.apps import Apps
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count
from countersign.store import OrderStore, throttle
from countersign.store.origins import Origins
from countersign.store.status_tokens import StatusTokens

STALE_SECONDS = 5
FINAL = ("PAID", "REVIEW", "EXPIRED", "FAILED")
ONE_TRY: Mapping[str, Any] = {"tries": 1, "timeout": (1.5, 3.0)}
NO_STORE = {"cache-control": "no-store", "vary": "origin", "x-content-type-options": "nosniff"}
# A code for people who look at the page's console; who has no proof reads the same of everything.
_CODES = {400: "invalid_request", 401: "unauthorized", 404: "not_found", 429: "too_many_requests"}
_BEARER = re.compile(r"Bearer ([0-9a-f]{64})", re.ASCII)
_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Door:
    """How browsers are answered about one app."""

    apps: Apps
    store: OrderStore

    def headers(self, request: HttpRequest) -> dict[str, str]:
        """Return the headers of every answer; one that a page of a store may read says from where it was asked."""
        origin = request.headers.get("origin", "")
        if not origin or not self._knows(request.path_parameters.get("app", ""), origin):
            return NO_STORE
        return {**NO_STORE, "access-control-allow-origin": origin}

    def preflight(self, request: HttpRequest) -> HttpReply:
        """Answer whether a page may call: only from an origin of the app's or of one of its stores."""
        allowed = {
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "authorization, content-type",
            "access-control-max-age": "600",
        }
        headers = self.headers(request)
        known = "access-control-allow-origin" in headers
        return HttpReply(204, headers={**headers, **(allowed if known else {})})

    def refused(self, request: HttpRequest | None, error: CountersignError) -> HttpReply:
        """Refuse in the words of whoever asks: a script, or somebody who has a payment link before them.

        To a script every 404 is the same, whatever its reason, and later is said with a time.
        """
        if request is not None and "token" in request.path_parameters:
            return payment_link.refused(request, error)
        reason = str(error)
        code = _CODES.get(error.status) or (reason if _CODE.fullmatch(reason) else "try_again")
        again = {"retry-after": "5"} if error.status in (429, 502, 503) else {}
        headers = self.headers(request) if request is not None else NO_STORE
        return json_reply(error.status, {"error": {"code": code}}, headers={**headers, **again})

    def _knows(self, app: str, origin: str) -> bool:
        try:
            return Origins(self.store.client, self.store.table).allows(app, origin, self.apps.load(app).rules)
        except CountersignError:
            return False


@dataclass(frozen=True, slots=True)
class Status:
    """How a page's token is answered."""

    apps: Apps
    store: OrderStore
    accounts: Any  # the cashiers' accounts
    table: str  # whose rows expire

    def answer(self, request: HttpRequest, now: int) -> dict[str, Any]:
        """Return what became of the token's order; NotGenuineError (401) for any other token."""
        match = _BEARER.fullmatch(request.headers.get("authorization", ""))
        key = StatusTokens(self.store.client, self.table).order_of(match[1], now=now) if match else None
        installed = self.apps.store(request.path_parameters["app"], key.account) if key is not None else None
        if key is None or installed is None:
            raise NotGenuineError("no such token")
        begun = attempts.of(self.store, key)
        newest = begun[-1] if begun else None
        if newest is not None and state_of(begun, None) not in FINAL and now - newest.updated_at >= STALE_SECONDS:
            self._ask(newest, now)
            begun = attempts.of(self.store, key)
        order = self.store.get(key)
        changed = [one.updated_at for one in (*begun, *([order] if order is not None else []))]
        return {"status": state_of(begun, order), "updated_at": timestamp(max(changed, default=now))}

    def _ask(self, attempt: Order, now: int) -> None:
        """Ask the cashier, so that a late notification keeps no shopper waiting; one page at a time."""
        table = self.store.table
        if not throttle.acquire_slot(self.store.client, table, attempt.key, "status", now=now, pause=STALE_SECONDS):
            return
        try:
            connector = Cashiers(self.accounts, self.store).connect(attempt.key, **ONE_TRY)
            for change in connector.query_order(attempt, now=now):
                callbacks.report(self.store.record(change, now=now))
        except CountersignError:
            count("StatusQueryFailed")  # the next page asks again, and so does whoever polls


def state_of(begun: tuple[Order, ...], order: Order | None) -> str:
    """Return what a page is told of an order: CREATED, PENDING, PAID, FAILED, EXPIRED or REVIEW."""
    if order is not None and order.paid and order.balance_due == 0:
        return "PAID"
    paid = next((one for one in begun if one.payment is not None), None)
    attempt = paid or (begun[-1] if begun else None)
    if attempt is None or attempt.status == "created":
        return "CREATED"
    state = settlement.step(attempt, settlement.AWAITING_PAYMENT, is_digital=False).state
    return state if state in ("PENDING", "REVIEW", "FAILED", "EXPIRED") else "PAID"
