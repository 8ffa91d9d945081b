"""Calls to a shop's Admin API, about orders and subscriptions to webhooks, and for carts to its Storefront API.

Reading is repeated, never sooner than after a second, while the shop's bucket is empty or Shopify has no answer; what
makes something is called once.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from countersign.errors import KeysUnavailableError, MalformedError, PlatformUnavailableError
from countersign.money import Money
from countersign.orders.changes import Parcel
from countersign.platforms.shopify import answers, documents, messages, mutations
from countersign.platforms.shopify.answers import LEAST_WAIT, CallRefusedError, NewCart, Refundable, ThrottledError
from countersign.platforms.shopify.settings import App, Shop
from countersign.runtime.telemetry import count
from countersign.signing.credentials import Secret
from countersign.wire import Session

PAGE = 25  # orders: what a page may cost is reserved before it is asked, and 1,000 points are the most
ID_PAGE = 250
PAUSES = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 30.0  # in one function's run
TIMEOUT = (3.0, 30.0)
CART_TIMEOUT, CART_WAIT = (2.0, 8.0), 4.0  # somebody waits for the answer, and the gateway for half a minute
STANDS_STILL = "Shopify's list does not advance"
Fields = Mapping[str, Any]


class Page(NamedTuple):
    """One page of orders as Shopify wrote them."""

    orders: Sequence[Fields]
    is_last: bool


def base_of(app: App, shop: Shop) -> str:
    """Return the address of a shop; its name was checked before it became one."""
    sandbox = shop.api_base or app.api_base
    return f"{sandbox}/{shop.shop}" if sandbox else f"https://{shop.shop}"


def fetch_token(session: Session, app: App, shop: Shop) -> tuple[str, int]:
    """Return a token for an app of the shop's own organisation, and for how many seconds it lives.

    Raises CallRefusedError where Shopify gives none, PlatformUnavailableError where it has no answer.
    """
    # https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
    if not app.client_id or not app.client_secrets:
        raise KeysUnavailableError("client_id or client_secrets is missing: no token can be fetched")
    wanted = {
        "client_id": app.client_id,
        "client_secret": app.client_secrets[0].reveal(),
        "grant_type": "client_credentials",
    }
    response = session.request(
        "POST",
        f"{base_of(app, shop)}/admin/oauth/access_token",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        timeout=TIMEOUT,
    )
    token, lifetime = answers.read_token(response)
    return token, lifetime


def _pages(ask: Callable[[str | None], Fields]) -> Iterator[tuple[Fields, bool]]:
    """Yield each page of a list and whether it is the last; `ask` gives the one behind a cursor.

    Raises PlatformUnavailableError where a page leads nowhere, or to one that was read already.
    """
    after: str | None = None
    passed: set[str] = set()
    while True:
        page = ask(after)
        info = answers.member(page, "pageInfo")
        yield page, not info.get("hasNextPage")
        if not info.get("hasNextPage"):
            return
        after = info.get("endCursor")
        if not isinstance(after, str) or not after or after in passed:
            raise PlatformUnavailableError(STANDS_STILL)
        passed.add(after)


class Client:
    """One shop's calls; `sleep` waits between those that are repeated.

    `token` gives the token, and another one in the place of one that was refused; empty where there is none.
    """

    API = "admin"

    def __init__(
        self,
        session: Session,
        app: App,
        shop: Shop,
        *,
        token: Callable[[str], str],
        sleep: Callable[[float], None],
    ) -> None:
        self._session = session
        self._app = app
        self._shop = shop
        self._token = token
        self._sleep = sleep

    def orders(self, query: str, *, ids_only: bool = False) -> Iterator[Page]:
        """Yield the orders that a query finds, oldest change first, page by page.

        Raises PlatformUnavailableError where the list does not advance: what was yielded counts, and no more.
        """
        document, first = (documents.ORDER_IDS, ID_PAGE) if ids_only else (documents.ORDERS, PAGE)

        def ask(after: str | None) -> Fields:
            return answers.member(self._ask(document, {"first": first, "after": after, "query": query}), "orders")

        for page, is_last in _pages(ask):
            found = [self.whole(node) for node in answers.nodes(page)]
            yield Page(found, is_last)
            if not found and not is_last:
                raise PlatformUnavailableError(STANDS_STILL)

    def order(self, number: str) -> Fields | None:
        """Return an order as it is now; None where the shop does not know it (any more)."""
        return self._order(documents.ORDER, number)

    def whole(self, node: Fields) -> Fields:
        """Return an order that was read, once more where the list of its movements of money was cut off."""
        listed = node.get("transactions")
        if not isinstance(listed, list) or len(listed) <= answers.MOST_TRANSACTIONS:
            return node
        found = self._ask(documents.WHOLE_ORDER, {"id": node.get("id")}).get("order")
        return {**node, **found} if isinstance(found, dict) else node

    def _order(self, document: str, number: str) -> Fields | None:
        found = self._ask(document, {"id": f"gid://shopify/Order/{number}"}).get("order")
        return self.whole(found) if isinstance(found, dict) else None

    def refundable(self, number: str) -> Fields | None:
        """Return an order with its refunds and what can go back of it; None where the shop does not know it."""
        return self._order(documents.REFUNDABLE, number)

    def refund(self, number: str, parts: Sequence[tuple[Refundable, Money]], *, note: str, key: str) -> Fields:
        """Make a refund, the same one for the same `key`; raises KeyUsedError where the key was another call's.

        `parts` says how much goes back of which payment, in the currency that the buyer was charged in.
        """
        # https://shopify.dev/docs/api/admin-graphql/2026-10/input-objects/RefundInput
        order = f"gid://shopify/Order/{number}"
        transactions = [
            {
                "orderId": order,
                "kind": "REFUND",
                "gateway": payment.gateway,
                "amount": str(amount).partition(" ")[0],
                "parentId": f"gid://shopify/OrderTransaction/{payment.parent_id}" if payment.parent_id else None,
            }
            for payment, amount in parts
        ]
        currency = parts[0][1].currency
        wanted = {"orderId": order, "currency": currency, "note": note, "notify": False, "transactions": transactions}
        return answers.member(self._call(documents.REFUND, {"input": wanted, "key": key}), "refundCreate")

    def instructable(self, number: str) -> Fields | None:
        """Return an order with what it says of instructions; None where the shop does not know it."""
        return self._order(documents.INSTRUCTABLE, number)

    def capture(self, number: str, authorization: str, amount: Money) -> str:
        """Take an amount of an authorization, once; returns what Shopify objects to, as the next three do."""
        wanted = {
            "id": f"gid://shopify/Order/{number}",
            "parentTransactionId": f"gid://shopify/OrderTransaction/{authorization}",
            "amount": str(amount).partition(" ")[0],
            "currency": amount.currency,
        }
        return self._objection(documents.CAPTURE, {"input": wanted}, "orderCapture")

    def void(self, authorization: str) -> str:
        """Let an authorization go, once."""
        wanted = {"id": f"gid://shopify/OrderTransaction/{authorization}"}
        return self._objection(documents.VOID, wanted, "transactionVoid")

    def cancel(self, number: str, *, reason: str, restock: bool, notify: bool, note: str) -> str:
        """Have an order cancelled, once; Shopify does it some time later."""
        words = {"id": f"gid://shopify/Order/{number}", "reason": reason.upper(), "note": note or None}
        wanted = {**words, "restock": restock, "notify": notify}
        return self._objection(documents.CANCEL, wanted, "orderCancel", "orderCancelUserErrors")

    def mark_paid(self, number: str) -> str:
        """Record a manual payment of all that an order still asks for, once."""
        wanted = {"input": {"id": f"gid://shopify/Order/{number}"}}
        return self._objection(documents.MARK_PAID, wanted, "orderMarkAsPaid")

    def fulfillable(self, number: str) -> Fields | None:
        """Return what is to be sent of an order; None where the shop does not know it."""
        return self._order(documents.FULFILLABLE, number)

    def to_send(self, fulfillment_order: str) -> Iterator[Fields]:
        """Yield the lines of a fulfilment order, each with what is left of it to send."""
        return self._lines(documents.GOODS_TO_SEND, "FulfillmentOrder", fulfillment_order, "lineItems")

    def sent(self, fulfillment: str) -> Iterator[Fields]:
        """Yield the lines of a fulfilment, each with what was sent of it."""
        return self._lines(documents.GOODS_SENT, "Fulfillment", fulfillment, "fulfillmentLineItems")

    def _lines(self, document: str, kind: str, number: str, name: str) -> Iterator[Fields]:
        def ask(after: str | None) -> Fields:
            answer = self._ask(document, {"id": f"gid://shopify/{kind}/{number}", "after": after})
            return answers.member(answers.member(answer, kind[0].lower() + kind[1:]), name)

        for page, _ in _pages(ask):
            yield from answers.nodes(page)

    def fulfil(self, goods: Mapping[str, Sequence[tuple[str, int]]], parcels: Sequence[Parcel]) -> str:
        """Make a fulfilment of goods that lie at one place; returns what Shopify objects to.

        `goods` are (line, how many) by fulfilment order; where none are named, all that is left of it. It has one
        carrier for all numbers; the buyer is told as the shop's own settings say of fulfilments.
        """
        # https://shopify.dev/docs/api/admin-graphql/2026-10/input-objects/FulfillmentInput
        numbers = list(dict.fromkeys(parcel.tracking_no for parcel in parcels if parcel.tracking_no))
        company = next((parcel.carrier for parcel in reversed(parcels) if parcel.carrier), "")
        groups: list[dict[str, Any]] = []
        for number, lines in goods.items():
            group: dict[str, Any] = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{number}"}
            if lines:
                group["fulfillmentOrderLineItems"] = [
                    {"id": f"gid://shopify/FulfillmentOrderLineItem/{line}", "quantity": quantity}
                    for line, quantity in lines
                ]
            groups.append(group)
        wanted: dict[str, Any] = {"lineItemsByFulfillmentOrder": groups, "notifyCustomer": True}
        if numbers:
            wanted["trackingInfo"] = {"company": company or None, "numbers": numbers}
        return self._objection(documents.FULFIL, {"fulfillment": wanted}, "fulfillmentCreate")

    def _objection(self, document: str, variables: Mapping[str, Any], name: str, errors: str = "userErrors") -> str:
        payload = answers.member(self._call(document, variables), name)
        return answers.refusals({"userErrors": payload.get(errors)})

    def shop(self) -> Fields:
        """Return the shop that the token is of."""
        return answers.member(self._ask(documents.SHOP, {}), "shop")

    def installation(self) -> tuple[str, frozenset[str]]:
        """Return the number of the shop that the token is of, and what the app may do there."""
        answer = self._ask(documents.INSTALLATION, {})
        number = messages.digits(answers.member(answer, "shop").get("id"))
        listed = answers.member(answer, "currentAppInstallation").get("accessScopes")
        if not number or not isinstance(listed, list):
            raise PlatformUnavailableError("Shopify's answer has no shop, or no scopes")
        handles = (one.get("handle") if isinstance(one, dict) else None for one in listed)
        return number, frozenset(handle for handle in handles if isinstance(handle, str))

    def subscriptions(self) -> list[Fields]:
        """Return the shop's own subscriptions to webhooks; those of the app's configuration are in no list."""

        def ask(after: str | None) -> Fields:
            return answers.member(self._ask(documents.SUBSCRIPTIONS, {"after": after}), "webhookSubscriptions")

        return [node for page, _ in _pages(ask) for node in answers.nodes(page)]

    def subscribe(self, topic: str, address: str, fields: Sequence[str] = ()) -> str:
        """Subscribe an address to a topic, once; returns what Shopify objects to, empty where it did it.

        Of `fields` bodies have nothing else, where there are any: names and addresses of buyers do not come at all.
        """
        subscription: dict[str, Any] = {"uri": address, "format": "JSON"}
        if fields:
            subscription["includeFields"] = list(fields)
        answer = self._call(documents.SUBSCRIBE, {"topic": topic, "subscription": subscription})
        return answers.refusals(answers.member(answer, "webhookSubscriptionCreate"))

    def start_bulk(self, query: str) -> Fields | None:
        """Have Shopify write all orders that a query finds into a file; None while another such work of ours runs."""
        answer = answers.member(self._call(documents.START_BULK, {"query": query}), "bulkOperationRunQuery")
        if answers.codes(answer) & {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}:
            return None
        if said := answers.refusals(answer):
            raise CallRefusedError(200, said)
        return answers.member(answer, "bulkOperation")

    def bulk(self, number: str) -> Fields | None:
        """Return a bulk operation as it is now; None where there is none (any more)."""
        found = self._ask(documents.BULK, {"id": number}).get("bulkOperation")
        return found if isinstance(found, dict) else None

    def bulks(self) -> list[Fields]:
        """Return the latest bulk operations, the newest first."""
        return answers.nodes(answers.member(self._ask(documents.BULKS, {}), "bulkOperations"))

    @contextmanager
    def bulk_file(self, address: str) -> Iterator[Iterator[bytes]]:
        """Give a bulk operation's file piece by piece; its address is a secret of its own, and gets no token."""
        if not address.startswith(("https://", base_of(self._app, self._shop) + "/")):
            raise PlatformUnavailableError("the bulk operation's file has no address")
        with self._session.fetch("GET", address, most=None) as (status, pieces):
            if status != 200:
                raise PlatformUnavailableError(f"the bulk operation's file answers HTTP {status}")
            yield pieces

    def _ask(self, document: str, variables: Mapping[str, Any]) -> Fields:
        """Repeat a reading call until it has an answer that will stay."""
        waited = 0.0
        for pause in (*PAUSES, 0.0):
            try:
                return self._call(document, variables)
            except ThrottledError as error:
                wait = max(error.wait, pause)
                if not pause or waited + wait > LONGEST_WAIT:
                    raise
            except PlatformUnavailableError:
                if not pause:
                    raise
                wait = pause
            self._sleep(max(LEAST_WAIT, wait))
            waited += wait
        raise PlatformUnavailableError("Shopify does not answer")

    def _call(self, document: str, variables: Mapping[str, Any]) -> Fields:
        token = self._token("")
        try:
            return self._send(token, document, variables)
        except CallRefusedError as error:
            another = self._token(token) if error.status == 401 else token
            if another == token:
                raise
            return self._send(another, document, variables)

    def _send(self, token: str, document: str, variables: Mapping[str, Any]) -> Fields:
        if not token:
            raise KeysUnavailableError("the shop has no access token: nothing can be asked")
        version = self._app.api_version
        response = self._session.request(
            "POST",
            f"{base_of(self._app, self._shop)}/{self.API}/api/{version}/graphql.json",
            data=json.dumps({"query": document, "variables": variables}).encode(),
            headers={
                "X-Shopify-Access-Token": token,
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            timeout=TIMEOUT,
        )
        # A version that is not supported any more is answered as the oldest one that is: nothing fails.
        if response.headers.get("X-Shopify-API-Version", version) != version:
            count("ApiVersionFellForward")
        try:
            return answers.read(response)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None


class PaymentsClient(Client):
    """One shop's Payments Apps API: each call is made once, for whoever calls keeps what is to be repeated."""

    API = "payments_apps"

    def answer(self, mutation: str, arguments: Mapping[str, Any]) -> Fields:
        """Make a mutation and return its payload; raises what `answers.read` raises."""
        return answers.member(self._call(mutations.DOCUMENTS[mutation], arguments), mutation)


class Storefront:
    """One shop's Storefront API; `sleep` waits where the shop has no room just now."""

    def __init__(
        self, session: Session, app: App, shop: Shop, *, token: Secret, sleep: Callable[[float], None]
    ) -> None:
        self._session = session
        self._app = app
        self._shop = shop
        self._token = token
        self._sleep = sleep

    def create_cart(self, wanted: Mapping[str, Any], *, buyer_ip: str = "") -> NewCart:
        """Make a cart; `buyer_ip` is what Shopify judges robots by, where the call is not the buyer's own.

        Raises CartRefusedError with what Shopify objects to, ThrottledError where there is no room for longer than a
        caller waits, PlatformUnavailableError where nobody knows.
        """
        try:
            answer = self._send(wanted, buyer_ip)
        except ThrottledError as error:  # nothing was made
            if error.wait > CART_WAIT:
                raise
            self._sleep(error.wait)
            answer = self._send(wanted, buyer_ip)
        return answers.read_cart(answers.member(answer, "cartCreate"))

    def _send(self, wanted: Mapping[str, Any], buyer_ip: str) -> Fields:
        # https://shopify.dev/docs/api/usage/authentication#access-tokens-for-the-storefront-api
        headers = {
            "Shopify-Storefront-Private-Token": self._token.reveal(),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        response = self._session.request(
            "POST",
            f"{base_of(self._app, self._shop)}/api/{self._app.api_version}/graphql.json",
            data=json.dumps({"query": documents.CART, "variables": {"input": wanted}}).encode(),
            headers=headers | ({"Shopify-Storefront-Buyer-IP": buyer_ip} if buyer_ip else {}),
            timeout=CART_TIMEOUT,
        )
        try:
            return answers.read(response)
        except MalformedError as error:
            raise PlatformUnavailableError(str(error)) from None
