"""Calls to Douyin, by whichever system an order was created with.

The session brings time-outs, verified TLS and no redirects, and raises PlatformUnavailableError where no answer came.
So do we where an answer cannot be believed: the outcome is unknown then, and a query tells. Every query waits for its
slot.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import TYPE_CHECKING, BinaryIO

from countersign.errors import PlatformUnavailableError
from countersign.platforms.douyin import answers
from countersign.platforms.douyin.answers import (
    CallRefusedError,
    TooFrequentError,
    UnknownNumberError,
)
from countersign.platforms.douyin.api_ecpay import ApiEcpay
from countersign.platforms.douyin.messages import Payment, Refund, Settlement
from countersign.platforms.douyin.payments import Item, PaymentRequest, Prepared
from countersign.platforms.douyin.settings import Settings
from countersign.wire import Session

if TYPE_CHECKING:
    from countersign.platforms.douyin.api_trade import ApiTrade

__all__ = ["CallRefusedError", "Client", "Item", "PaymentRequest", "Prepared", "TooFrequentError", "UnknownNumberError"]


class Client:
    """One app's calls; `system` is that of the order, `pace` waits until the app may be asked again."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        *,
        now: Callable[[], int],
        nonce: Callable[[], str],
        token: Callable[[str], str],
        pace: Callable[[], None],
    ) -> None:
        self._session = session
        self._settings = settings
        self._now = now
        self._nonce = nonce
        self._token = token
        self._pace = pace

    def create(self, payment: PaymentRequest, *, system: str) -> Prepared:
        """Create an order, or prepare one created with the same terms again."""
        if system == "trade":
            return self._trade.create(payment, now=self._now(), nonce=self._nonce())
        return self._ecpay.create(payment, now=self._now())

    def query(self, out_order_no: str, *, system: str) -> Payment | None:
        """Ask what became of an order; None where Douyin does not know it."""
        self._pace()
        try:
            api = self._trade if system == "trade" else self._ecpay
            return api.query(out_order_no)
        except UnknownNumberError:
            return None

    def query_platform_number(self, order_id: str) -> Payment | None:
        """Ask the trade system about an order of which only Douyin's number is known."""
        self._pace()
        try:
            return self._trade.query_platform_number(order_id)
        except UnknownNumberError:
            return None

    def refund(
        self,
        out_order_no: str,
        out_refund_no: str,
        amount: int,
        *,
        system: str,
        reason: str,
        settled: bool,
        notify_url: str,
    ) -> str:
        """Ask for a refund and return Douyin's number of it: accepted, not refunded."""
        if system != "trade":
            return self._ecpay.refund(
                out_order_no, out_refund_no, amount, reason=reason, settled=settled, notify_url=notify_url
            )
        self._pace()
        order_id, items = self._trade.items(out_order_no)
        parameters = json.dumps({"order_id": out_order_no, "refund_id": out_refund_no}, separators=(",", ":"))
        entry = (self._settings.goods.entry_path, parameters)
        return self._trade.refund(
            order_id, out_refund_no, amount, items=items, reason=reason, entry=entry, notify_url=notify_url
        )

    def query_refund(self, out_refund_no: str, platform_refund_id: str, *, system: str) -> Refund | None:
        """Ask what became of a refund; None where Douyin does not know it."""
        self._pace()
        try:
            if system != "trade":
                return self._ecpay.query_refund(out_refund_no)
            wanted = {"refund_id": platform_refund_id} if platform_refund_id else {"out_refund_no": out_refund_no}
            return next(iter(self._trade.query_refunds(wanted)), None)
        except UnknownNumberError:
            return None

    def audit(self, refund_id: str, *, agree: bool, reason: str) -> None:
        """Tell our decision about a refund that the user asked for: the trade system only has those."""
        self._trade.audit(refund_id, agree=agree, reason=reason)

    def fulfil(self, out_order_no: str, word: str) -> None:
        """Tell how far an order's goods are: the trade system only wants to know."""
        self._pace()
        order_id, items = self._trade.items(out_order_no)
        self._trade.fulfil(order_id, items, word)

    def settle(
        self,
        out_order_no: str,
        out_settle_no: str,
        *,
        system: str,
        shares: Sequence[tuple[str, int]],
        notify_url: str,
    ) -> str:
        """Ask for an order to be settled and return Douyin's number of it: accepted, not settled."""
        api = self._trade if system == "trade" else self._ecpay
        return api.settle(out_order_no, out_settle_no, shares=shares, notify_url=notify_url)

    def settlements(self, out_order_no: str, *, system: str) -> tuple[Settlement, ...]:
        """Return every settlement of an order, those that Douyin made by itself among them."""
        self._pace()
        try:
            api = self._trade if system == "trade" else self._ecpay
            return api.settlements(out_order_no)
        except UnknownNumberError:
            return ()

    def bill(self, kind: str, day: date, file: BinaryIO) -> None:
        """Write a day's table of payments or refunds into a file; empty where there was no business.

        Guaranteed payment's address gives the bills of both systems, while the account has its SALT. Raises
        PlatformUnavailableError while Douyin has not made it.
        """
        name = f"{day:%Y%m%d}"
        if self._settings.salts:
            self._write(self._ecpay.bill(kind, name), file)
            return
        for link in self._trade.bill(kind, name):
            self._write(self._session.fetch("GET", link), file)

    @staticmethod
    def _write(answer: AbstractContextManager[tuple[int, Iterator[bytes]]], file: BinaryIO) -> None:
        begin = file.tell()
        with answer as (status, chunks):
            if status != 200:
                raise PlatformUnavailableError(f"Douyin answered HTTP {status} instead of a bill")
            last = b""
            for chunk in chunks:
                file.write(chunk)
                last = chunk or last
        if last and not last.endswith(b"\n"):
            file.write(b"\n")  # another part of the table may follow
        file.seek(begin)
        if file.read(1) == b"{":
            raise answers.refusal_of(b"{" + file.read(answers.MAX_BYTES))
        file.seek(0, 2)

    @property
    def _ecpay(self) -> ApiEcpay:
        return ApiEcpay(self._session, self._settings)

    @property
    def _trade(self) -> "ApiTrade":
        # RSA's import is for accounts of the trade system only.
        from countersign.platforms.douyin.api_trade import ApiTrade

        return ApiTrade(self._session, self._settings, self._token)
