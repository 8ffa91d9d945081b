"""Calls of one store's API: orders of the older version, refunds and subscriptions of the newer one.

A token works for one store and is sent to no other host. What only reads is repeated where an answer may be another one
the next time; a status and a refund are written once.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from countersign.errors import PlatformUnavailableError
from countersign.platforms.bigcommerce import answers
from countersign.platforms.bigcommerce.answers import TooFrequentError, UnknownNumberError
from countersign.signing.credentials import Secret
from countersign.wire import Session

PAGE = 250  # the most that a list gives at once
MOST_PAGES = 200
MOST_WAIT = 3.0  # seconds: a function that waits longer is paid for waiting, and the due list comes again
BACK_OFF = (0.4, 1.2)
TIMEOUT = (2.0, 6.0)  # connect, read

Fields = Mapping[str, Any]


class Client:
    """One store's calls; `sleep` waits between those that are repeated."""

    def __init__(
        self,
        session: Session,
        *,
        base: str,
        store_hash: str,
        token: Secret,
        sleep: Callable[[float], None],
        tries: int = 2,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._session = session
        self._base = f"{base}/stores/{store_hash}"
        self._token = token
        self._sleep = sleep
        self._tries = tries
        self._timeout = timeout

    def order(self, number: str) -> Fields | None:
        """Return an order as it is now; None where the store has none of this number."""
        # https://developer.bigcommerce.com/docs/rest-management/orders#get-an-order
        try:
            return answers.row(self._repeat("GET", f"/v2/orders/{number}"))
        except UnknownNumberError:
            return None

    def orders(self, filters: Sequence[tuple[str, str]]) -> Iterator[list[Fields]]:
        """Yield the orders that satisfy filters, page by page.

        A filter that the store does not know is ignored: who asks looks at each row. Where it is the page's number that
        is ignored, every page would be the first one: raises PlatformUnavailableError.
        """
        # https://developer.bigcommerce.com/docs/rest-management/orders#get-all-orders
        before: list[Any] = []
        for number in range(1, MOST_PAGES + 1):
            query = urlencode([*filters, ("page", str(number)), ("limit", str(PAGE))])
            page = answers.rows(self._repeat("GET", f"/v2/orders?{query}"))
            if page and [row.get("id") for row in page] == before:
                raise PlatformUnavailableError("the store's list gives the same page again")
            before = [row.get("id") for row in page]
            yield page
            if len(page) < PAGE:
                return
        raise PlatformUnavailableError("the store's list has too many pages")

    def put_status(self, number: str, status_id: int) -> Fields:
        """Write an order's status, and nothing beside it: a body with products would take discounts away.

        Once: each one that is written sends its mails. Where no answer came, who asks reads what became of it.
        """
        # https://developer.bigcommerce.com/docs/rest-management/orders#update-an-order
        return answers.row(self._call("PUT", f"/v2/orders/{number}", {"status_id": status_id}))

    def refunds(self, number: str) -> list[Fields]:
        """Return the refunds that are recorded of an order."""
        # https://developer.bigcommerce.com/docs/rest-management/orders/order-refunds
        found = answers.data(self._repeat("GET", f"/v3/orders/{number}/payment_actions/refunds"))
        return answers.rows(found)

    def refund_quote(self, number: str, item: Fields) -> Fields:
        """Return what a refund of an order could be recorded with."""
        path = f"/v3/orders/{number}/payment_actions/refund_quotes"
        return answers.row(answers.data(self._repeat("POST", path, {"items": [item]})))

    def record_refund(self, number: str, item: Fields, payment: Fields) -> Fields:
        """Record a refund, once: no number of ours makes a second one the same."""
        path = f"/v3/orders/{number}/payment_actions/refunds"
        answer = self._call("POST", path, {"items": [item], "payments": [payment]})
        return answers.row(answers.data(answer))

    def store(self) -> Fields:
        """Return the store: its domain, its address."""
        # https://developer.bigcommerce.com/docs/rest-management/store-information
        return answers.row(self._repeat("GET", "/v2/store"))

    def hooks(self) -> list[Fields]:
        """Return the app's subscriptions in this store."""
        # https://developer.bigcommerce.com/docs/rest-management/webhooks
        return answers.rows(answers.data(self._repeat("GET", f"/v3/hooks?limit={PAGE}")))

    def create_hook(self, scope: str, destination: str, headers: Mapping[str, str] | None) -> None:
        """Subscribe an address to a scope; a second one of both is refused there."""
        self._call("POST", "/v3/hooks", hook(scope, destination, headers))

    def activate_hook(self, number: str) -> None:
        """Switch a subscription on again that the platform switched off."""
        self._repeat("PUT", f"/v3/hooks/{number}", {"is_active": True})

    def _repeat(self, method: str, path: str, body: Fields | None = None) -> Any:
        for attempt in range(1, self._tries + 1):
            try:
                return self._call(method, path, body)
            except (TooFrequentError, PlatformUnavailableError) as error:
                wait = error.wait if isinstance(error, TooFrequentError) else None
                wait = BACK_OFF[min(attempt, len(BACK_OFF)) - 1] if wait is None else wait
                if attempt == self._tries or wait > MOST_WAIT:
                    raise
                self._sleep(wait)
        raise PlatformUnavailableError("BigCommerce does not answer")

    def _call(self, method: str, path: str, body: Fields | None = None) -> Any:
        headers = {"X-Auth-Token": self._token.reveal(), "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        url = f"{self._base}{path}"
        return answers.read(self._session.request(method, url, data=data, headers=headers, timeout=self._timeout))


def hook(scope: str, destination: str, headers: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the body by which an address is subscribed to a scope."""
    return {"scope": scope, "destination": destination, "is_active": True, "headers": headers or None}
