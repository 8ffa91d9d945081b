"""Calls to Recharge: charges page by page, single ones, customers, the store, subscriptions to webhooks, one more try.

Reading is repeated after every answer that may be another one the next time; what moves money or makes something is
called once. Each call has its own parameters: with a cursor only `cursor` and `limit` go out, since filters are inside.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from countersign.errors import MalformedError, PlatformUnavailableError, RateLimitedError
from countersign.platforms.recharge import answers
from countersign.platforms.recharge.answers import BadAnswerError, CallRefusedError, UnknownNumberError
from countersign.platforms.recharge.pace import Bucket
from countersign.platforms.recharge.settings import Settings
from countersign.wire import Session

PAGE, LEAST_PAGE = 250, 25
MOST_PAGES = 100  # by page number; what lies behind is asked for anew, from where the last page ended
PAUSES = (1.0, 2.0, 4.0, 8.0)
TIMEOUT = (3.0, 30.0)  # connect, read: a large page takes long
_NEXT = re.compile(r"""rel=["']?next["']?""")
_CURSOR_GONE = frozenset({400, 404, 410, 422})
_PAGED = "2021-01"

Params = Sequence[tuple[str, str]]
Fields = Mapping[str, Any]


class CursorGoneError(PlatformUnavailableError):
    """Recharge does not know a list's cursor any more: the list is asked for anew, from where it was."""


class Page(NamedTuple):
    """One page of charges as Recharge wrote them."""

    charges: list[Fields]
    is_last: bool


class Client:
    """One store's calls; `bucket` waits until one may go out, `sleep` between those that are repeated."""

    def __init__(self, session: Session, settings: Settings, *, bucket: Bucket, sleep: Callable[[float], None]) -> None:
        self._session = session
        self._settings = settings
        self._bucket = bucket
        self._sleep = sleep
        self.page_size = PAGE

    def charges(
        self, *, status: str = "", since: str = "", until: str = "", sort: str = "updated_at-asc", limit: int = 0
    ) -> Iterator[Page]:
        """Yield the charges that changed from `since` on (as Recharge writes times, inclusive), page by page.

        Of one status where it is given, in the words of 2021-11. Raises CursorGoneError where the list ended before its
        end: what was yielded counts, and a new list begins where it was.
        """
        # https://developer.rechargepayments.com/2021-11/charges/charge_list
        # https://developer.rechargepayments.com/2021-01/charges/charge_list
        paged = self._settings.api_version == _PAGED
        filters = [
            ("status", status.upper() if paged else status),
            ("sort_by", sort),
            ("updated_at_min", since),
            ("updated_at_max", until),
        ]
        chosen = [(name, value) for name, value in filters if value]
        if limit:
            self.page_size = limit
        return self._numbered(chosen) if paged else self._by_cursor(chosen)

    def _by_cursor(self, filters: Params) -> Iterator[Page]:
        params, cursor = filters, ""
        passed: set[str] = set()
        while True:
            try:
                answer, _ = self._list(params)
            except (CallRefusedError, UnknownNumberError) as error:
                if cursor and (isinstance(error, UnknownNumberError) or error.status in _CURSOR_GONE):
                    raise CursorGoneError("Recharge does not know the list's cursor any more") from None
                raise
            following = answer.get("next_cursor")
            yield Page(answers.members(answer, "charges"), not following)
            if not following:
                return
            if not isinstance(following, str) or following in passed:
                raise PlatformUnavailableError("Recharge's list goes round in a circle")
            passed.add(following)
            cursor = following
            params = [("cursor", cursor)]

    def _numbered(self, filters: Params) -> Iterator[Page]:
        for number in range(1, MOST_PAGES + 1):
            size = self.page_size
            answer, link = self._list([("page", str(number)), *filters])
            if self.page_size != size:  # a page of another size is another page: what it begins with is not known
                raise CursorGoneError("the list goes on with smaller pages")
            charges = answers.members(answer, "charges")
            # Where no header says what follows, a full page may have one behind it, and only asking tells.
            last = not _NEXT.search(link) if link else len(charges) < size
            yield Page(charges, last)
            if last:
                return
        raise CursorGoneError("Recharge gives no more than 100 pages by number")

    def _list(self, params: Params) -> tuple[Any, str]:
        """Ask for one page; a smaller one where no answer came for a large one."""

        def ask() -> tuple[Any, str]:
            query = urlencode([("limit", str(self.page_size)), *params])
            return self._call("GET", f"/charges?{query}")

        def shrink() -> None:
            self.page_size = max(LEAST_PAGE, self.page_size // 2) if self.page_size > LEAST_PAGE else self.page_size

        answer, link = self._read(ask, shrink)
        if not isinstance(answer, dict):
            raise PlatformUnavailableError("Recharge's answer is no list of charges")
        return answer, link

    def charge(self, number: str) -> Fields | None:
        """Return a charge as it is now; None where Recharge does not know it (any more)."""
        return self._one(f"/charges/{quote(number, safe='')}", "charge")

    def customer(self, number: str) -> Fields | None:
        """Return a customer by Recharge's number."""
        return self._one(f"/customers/{quote(number, safe='')}", "customer")

    def customers(self, *, ids: Sequence[str] = (), shop_id: str = "") -> list[Fields]:
        """Return customers by Recharge's numbers (at most 250), or those whom the shop knows by `shop_id`."""
        # https://developer.rechargepayments.com/2021-11/customers/customers_list
        paged = self._settings.api_version == _PAGED
        name = "shopify_customer_id" if paged else "external_customer_id"
        query = {"limit": str(PAGE), **({"ids": ",".join(ids)} if ids else {name: shop_id})}
        answer, _ = self._read(lambda: self._call("GET", f"/customers?{urlencode(query)}"))
        return answers.members(answer, "customers")

    def store(self) -> Fields:
        """Return the store: its currency, its domain."""
        # https://developer.rechargepayments.com/2021-11/store
        path = "/shop" if self._settings.api_version == _PAGED else "/store"
        answer, _ = self._read(lambda: self._call("GET", path))
        return answers.member(answer, path.removeprefix("/"))

    def process(self, number: str) -> Fields:
        """Have a charge tried again: this moves money, so it is called once and its answer may stay unknown.

        Raises CallRefusedError or UnknownNumberError where Recharge did not try. Only stores with this right may.
        """
        # https://developer.rechargepayments.com/2021-11/charges/charge_process
        answer, _ = self._call("POST", f"/charges/{quote(number, safe='')}/process", {})
        return answers.member(answer, "charge")

    def subscriptions(self) -> list[Fields]:
        """Return the token's subscriptions to webhooks."""
        # https://developer.rechargepayments.com/2021-11/webhooks_endpoints
        answer, _ = self._read(lambda: self._call("GET", "/webhooks?limit=250"))
        return answers.members(answer, "webhooks")

    def subscribe(self, topic: str, address: str) -> None:
        """Subscribe an address to a topic. Once, for a second subscription would deliver everything twice."""
        self._call("POST", "/webhooks", {"topic": topic, "address": address})

    def _one(self, path: str, name: str) -> Fields | None:
        try:
            answer, _ = self._read(lambda: self._call("GET", path))
        except UnknownNumberError:
            return None
        return answers.member(answer, name)

    def _read(self, ask: Callable[[], tuple[Any, str]], shrink: Callable[[], None] = lambda: None) -> tuple[Any, str]:
        """Repeat a reading call until it has an answer that will stay."""
        for pause in (*PAUSES, 0.0):
            try:
                return ask()
            except RateLimitedError:
                self._bucket.refused()
                if not pause:
                    raise
            except PlatformUnavailableError as error:
                if not pause:
                    raise
                if not isinstance(error, BadAnswerError):  # none came in time: a smaller page may
                    shrink()
                self._sleep(pause)
        raise PlatformUnavailableError("Recharge does not answer")

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        headers = {
            "X-Recharge-Access-Token": self._settings.api_token.reveal(),
            "X-Recharge-Version": self._settings.api_version,
            "Accept": "application/json",
        }
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        self._bucket.wait()
        response = self._session.request(
            method, f"{self._settings.base}{path}", data=data, headers=headers, timeout=TIMEOUT
        )
        self._bucket.seen(response.headers)
        try:
            return answers.read(response), response.headers.get("Link", "")
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None
