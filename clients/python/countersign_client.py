"""A client of Countersign's merchant API, made by tools/make_client.py from its OpenAPI document: do not edit.

    api = Client("https://….execute-api.….amazonaws.com", lambda: token)
    for order in api.list_orders(account="wechat/main", work="to_ship").json["orders"]:
        print(order["order_id"], order["amount"])

Standard library only, Python 3.11 or later. A refusal is raised as `ApiError`, whose `code` and `args_of` stay from
version to version; what the gateway itself refuses has the code `gateway`. Nothing is repeated by itself: create calls,
refunds, shipments and notes take an `idempotency_key`, under which the same call again is the same thing.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Required, TypedDict

TIMEOUT_SECONDS = 30
_ON_THIS_MACHINE = {("http", "127.0.0.1"), ("http", "localhost")}
Transport = Callable[[str, str, Mapping[str, str], bytes | None], "Reply"]


class Reply(NamedTuple):
    """An answer: its status, its headers in small letters, and its bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The content of a JSON answer; None of an empty one, as 204 is."""
        return json.loads(self.body) if self.body else None


class ApiError(Exception):
    """A refusal: `code` and `args_of` say why, `detail` says so to people in the language that was asked for."""

    def __init__(self, reply: Reply) -> None:
        problem: dict[str, Any] = {}
        if reply.headers.get("content-type", "").partition(";")[0].strip() == "application/problem+json":
            problem = reply.json
        self.status = reply.status
        self.code = str(problem.get("code", "gateway"))
        self.args_of: dict[str, Any] = dict(problem.get("args", {}))
        self.detail = str(problem.get("detail", ""))
        self.reply = reply
        super().__init__(f"{self.status} {self.code}: {self.detail}")


class Amount(TypedDict, total=False):
    """Money: whole minor units and a currency."""

    minor: Required[int]
    currency: Required[str]


class BatchShipment(TypedDict, total=False):
    """One line of many: which order, and what of it was sent."""

    tracking_no: str
    carrier: str
    description: str
    contact: str
    goods: list[GoodsBody]
    method: Literal["express", "local", "virtual", "pickup"]
    parcels: list[ParcelBody]
    complete: bool
    shared: bool
    platform: Required[str]
    account: Required[str]
    order_id: Required[str]


class BillOf(TypedDict, total=False):
    """Which platform's bill of the day shall be compared again."""

    platform: Required[str]


class CancelWish(TypedDict, total=False):
    """Why an order is cancelled, whether its goods go back into stock, and whether the platform tells the buyer."""

    reason: Required[Literal["customer", "declined", "fraud", "inventory", "other", "staff"]]
    restock: Required[bool]
    notify: bool
    note: str


class CaptureWish(TypedDict, total=False):
    """How much is taken of what is held; all of it without an amount."""

    transaction_id: str
    amount: Amount | None


class CashierAmount(TypedDict, total=False):
    """Money of the contract: integer minor units and a currency."""

    minor: Required[int]
    currency: Required[str]


class CashierCustomer(TypedDict, total=False):
    """Who pays, as far as the cashier may know."""

    email: str | None
    ip: str | None


class CashierPartOf(TypedDict, total=False):
    """The order of a shop that the payment is for: its totals count the money."""

    platform: Required[str]
    account: Required[str]
    order_id: Required[str]


class CashierPaymentBody(TypedDict, total=False):
    """The body of `POST /cashier/{name}/{account}/payments`."""

    order_id: Required[str]
    amount: Required[CashierAmount]
    description: Required[str]
    return_url: Required[str]
    cancel_url: str | None
    locale: str | None
    customer: CashierCustomer
    part_of: CashierPartOf | None
    capture: Literal["automatic", "manual"]
    replaces: str | None
    expires_at: str | None
    metadata: dict[str, str] | None
    lookup: list[str] | None


class Dismissal(TypedDict, total=False):
    """Why nothing remains to be done about an exception."""

    note: Required[str]


class DouyinAmountBody(TypedDict, total=False):
    """Money of the contract; Douyin takes fen only."""

    minor: Required[int]
    currency: Required[Literal["CNY"]]


class DouyinEntryBody(TypedDict, total=False):
    """The mini program's page for the order."""

    path: Required[str]
    params: str | None


class DouyinItemBody(TypedDict, total=False):
    """One line of what is bought."""

    sku_id: Required[str]
    title: Required[str]
    price: Required[int]
    quantity: Required[int]
    image_url: str | None


class DouyinPayerBody(TypedDict, total=False):
    """Who pays; Douyin asks the payer itself, so neither is needed to pay: `openid` is for order sync."""

    openid: str | None
    login_code: str | None


class DouyinPaymentBody(TypedDict, total=False):
    """The body of `POST /douyin/{account}/payments`."""

    order_id: Required[str]
    amount: Required[DouyinAmountBody]
    description: Required[str]
    payer: DouyinPayerBody
    items: list[DouyinItemBody] | None
    entry: DouyinEntryBody | None
    replaces: str | None
    expires_at: str | None
    client_ip: str | None
    metadata: dict[str, str] | None
    lookup: list[str] | None


class Explained(TypedDict, total=False):
    """Why nothing remains to be done about a difference of a platform's bill."""

    platform: Required[str]
    note: Required[str]


class GoodsBody(TypedDict, total=False):
    """So many of one line of the order, by the platform's own number of the line."""

    line_id: Required[str]
    quantity: Required[int]


class Judgement(TypedDict, total=False):
    """The amount that the person saw who decides; where given, it must be the refund's."""

    amount: Amount | None


class LinkWish(TypedDict, total=False):
    """For how many seconds a payment link shall live: three days where nothing is said, two weeks at most."""

    expires_in: int | None


class LookupWish(TypedDict, total=False):
    """What a customer says, and in which account an order is looked for by it."""

    account: Required[str]
    value: Required[str]


class MarkPaidWish(TypedDict, total=False):
    """What the person saw that is due, and came another way than by the platform."""

    amount: Required[Amount]


class NoteWish(TypedDict, total=False):
    """What somebody writes beside an order."""

    note: Required[str]


class NoticeAgain(TypedDict, total=False):
    """Why a notice may be sent once more of which nobody knows whether it was: somebody has looked."""

    seen: Literal["", "not printed"]


class ParcelBody(TypedDict, total=False):
    """One parcel; `carrier` is the platform's code of the carrier, `contact` a masked phone number if it wants one."""

    tracking_no: str
    carrier: str
    description: str
    contact: str
    goods: list[GoodsBody]


class RefundWish(TypedDict, total=False):
    """What shall be refunded: everything that is left where no amount is given."""

    amount: Amount | None
    reason: str
    source: Literal["merchant", "shopper"]


class Resolution(TypedDict, total=False):
    """The answer to an open question."""

    decision: Required[str]
    note: str


# A time in which deliveries may have been lost: what changed in it is read anew, and proved read.
RestoreWish = TypedDict("RestoreWish", {"from": Required[str], "to": Required[str]}, total=False)


class Settlement(TypedDict, total=False):
    """What a person did about a refund that the platform could not make."""

    outcome: Required[Literal["refunded_elsewhere", "given_up"]]
    note: Required[str]


class SettlementWish(TypedDict, total=False):
    """Who else gets a part of the order; nobody where empty."""

    shares: list[Share]


class Share(TypedDict, total=False):
    """What another receiver gets of a settlement."""

    merchant_uid: Required[str]
    amount: Required[Amount]


class ShipmentBatch(TypedDict, total=False):
    """Up to a hundred shipments, each of which is recorded or refused by itself."""

    shipments: Required[list[BatchShipment]]


class ShipmentWish(TypedDict, total=False):
    """What was sent: one parcel, or several as `parcels`; `complete` is false while something remains to be sent."""

    tracking_no: str
    carrier: str
    description: str
    contact: str
    goods: list[GoodsBody]
    method: Literal["express", "local", "virtual", "pickup"]
    parcels: list[ParcelBody]
    complete: bool
    shared: bool


class ShopifyBuyerBody(TypedDict, total=False):
    """What the checkout is filled in with; none of it is kept here."""

    email: str | None
    phone: str | None
    country_code: str | None


class ShopifyCartBody(TypedDict, total=False):
    """The body of `POST /shopify/{shop}/carts`; `reference` is the merchant's own number, found again on the order."""

    reference: Required[str]
    lines: Required[list[ShopifyLineBody]]
    buyer: ShopifyBuyerBody | None
    client_ip: str | None
    note: str | None
    discount_codes: list[str] | None
    attributes: dict[str, str] | None


class ShopifyLineBody(TypedDict, total=False):
    """One line of the cart: a variant, not a product."""

    variant_id: Required[str]
    quantity: int
    selling_plan_id: str | None
    attributes: dict[str, str] | None


class VoidWish(TypedDict, total=False):
    """Which authorization is let go, where the order has several."""

    transaction_id: str


class WechatAmount(TypedDict, total=False):
    """Money of the contract: integer minor units and a currency."""

    minor: Required[int]
    currency: Required[Literal["CNY"]]


class WechatEntry(TypedDict, total=False):
    """The front end's page for the order."""

    path: Required[str]
    params: str | None


class WechatH5(TypedDict, total=False):
    """Where an H5 payment starts: a site (its address is `app_url`), or an app that opens one."""

    type: Required[Literal["iOS", "Android", "Wap"]]
    app_name: str | None
    app_url: str | None
    bundle_id: str | None
    package_name: str | None


class WechatItem(TypedDict, total=False):
    """One line of what is bought."""

    sku_id: Required[str]
    title: Required[str]
    price: Required[int]
    quantity: Required[int]
    image_url: str | None


class WechatPayer(TypedDict, total=False):
    """Who pays: the openid under the appid, or the code that `wx.login` gave."""

    openid: str | None
    login_code: str | None


class WechatPaymentBody(TypedDict, total=False):
    """The body of `POST /wechat/{account}/payments`."""

    order_id: Required[str]
    amount: Required[WechatAmount]
    description: Required[str]
    payer: WechatPayer
    method: Literal["jsapi", "native", "h5"]
    h5: WechatH5 | None
    items: list[WechatItem] | None
    entry: WechatEntry | None
    appid: str | None
    replaces: str | None
    expires_at: str | None
    client_ip: str | None
    metadata: dict[str, str] | None
    lookup: list[str] | None


class Client:
    """The merchant API at `base_url`; `token` is asked before each call, so that it may be fetched anew."""

    def __init__(
        self, base_url: str, token: Callable[[], str], *, language: str = "", transport: Transport | None = None
    ) -> None:
        where = urllib.parse.urlsplit(base_url)
        if where.scheme != "https" and (where.scheme, where.hostname) not in _ON_THIS_MACHINE:
            raise ValueError("a token is only sent over https")
        self._base_url, self._token, self._language = base_url.rstrip("/"), token, language
        self._transport = transport or send

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Call a path and return the answer; raises ApiError for a refusal. What is None is left out.

        304 is an answer: what the caller has by `if-none-match` is still so.
        """
        sent = {"authorization": f"Bearer {self._token()}", "accept": "application/json"}
        sent |= {"accept-language": self._language} if self._language else {}
        sent |= {name: str(value) for name, value in (headers or {}).items() if value is not None}
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        data = None
        if body is not None:
            data, sent["content-type"] = json.dumps(body, ensure_ascii=False).encode(), "application/json"
        url = self._base_url + path + (f"?{urllib.parse.urlencode(asked)}" if asked else "")
        reply = self._transport(method, url, sent, data)
        if reply.status >= 300 and reply.status != 304:
            raise ApiError(reply)
        return reply

    def accounts(self) -> Reply:
        """List the accounts that are used and that the token may see, and how each does: news, gaps, quarantine.

        Needs orders:read.
        """
        return self.request("GET", "/accounts")

    def restore_account(self, platform: str, account: str, body: RestoreWish) -> Reply:
        """Have everything read anew that changed in a time, and proved read where the platform's list allows it.

        Needs operate.
        """
        return self.request("POST", f"/accounts/{_part(platform)}/{_part(account)}/restore", body=body)

    def activity_of_account(
        self,
        *,
        account: str,
        person: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """List who did what in an account, newest first; a page may hold few although more follow.

        Needs orders:read.
        """
        return self.request(
            "GET",
            "/activity",
            query={"account": account, "person": person, "from": from_, "to": to, "limit": limit, "cursor": cursor},
        )

    def carriers(self, *, platform: str) -> Reply:
        """List the carriers of a platform that are known here, by the codes that shipments take.

        Needs orders:read.
        """
        return self.request("GET", "/carriers", query={"platform": platform})

    def create_cashier_payment(
        self, name: str, account: str, body: CashierPaymentBody, *, idempotency_key: str | None = None
    ) -> Reply:
        """Create a payment: 201, or 200 with fresh parameters for an order of before.

        Needs payments:write.
        """
        return self.request(
            "POST",
            f"/cashier/{_part(name)}/{_part(account)}/payments",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def list_changes(self, *, account: str | None = None, after: str | None = None) -> Reply:
        """Tell which orders changed since the cursor `after`, of all accounts or of one: 204 where none did.

        Needs orders:read.
        """
        return self.request("GET", "/changes", query={"account": account, "after": after})

    def list_charges(
        self,
        *,
        account: str,
        status: str | None = None,
        group: str | None = None,
        customer: str | None = None,
        shop_customer: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        format: Literal["json", "csv", ""] | None = None,
    ) -> Reply:
        """List an account's charges, as JSON or as CSV: which failed, why, who must act, and when they are tried again.

        Needs orders:read.
        """
        return self.request(
            "GET",
            "/charges",
            query={
                "account": account,
                "status": status,
                "group": group,
                "customer": customer,
                "shop_customer": shop_customer,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
                "format": format,
            },
        )

    def retry_charge(self, account: str, charge_id: str) -> Reply:
        """Have the platform try a failed charge again, once; it is read just before and afterwards.

        Needs payments:write.
        """
        return self.request("POST", f"/charges/{_part(account)}/{_part(charge_id)}/retry")

    def counts(self, *, account: str, if_none_match: str | None = None) -> Reply:
        """Say how much waits on each list of an account; 304 where that is what the caller has (`If-None-Match`).

        Needs orders:read.
        """
        return self.request("GET", "/counts", query={"account": account}, headers={"if-none-match": if_none_match})

    def create_douyin_payment(
        self, account: str, body: DouyinPaymentBody, *, idempotency_key: str | None = None
    ) -> Reply:
        """Create a payment: 201, or 200 with fresh parameters for an order of before.

        Needs payments:write.
        """
        return self.request(
            "POST", f"/douyin/{_part(account)}/payments", body=body, headers={"idempotency-key": idempotency_key}
        )

    def list_exceptions(
        self,
        *,
        account: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """Return what a person must look at, longest listed first.

        Needs orders:read.
        """
        return self.request(
            "GET", "/exceptions", query={"account": account, "kind": kind, "limit": limit, "cursor": cursor}
        )

    def dismiss_exception(self, exception_id: str, body: Dismissal) -> Reply:
        """Take an orphan, quarantined news or a failed notice off the list; its row stays, and can still be redriven.

        Needs refunds:approve.
        """
        return self.request("POST", f"/exceptions/{_part(exception_id)}/dismiss", body=body)

    def export_finding(self, exception_id: str, *, cursor: str | None = None) -> Reply:
        """Return all that is kept about what a finding names: the answer for a customer who wants to know.

        Needs evidence:read.
        """
        return self.request("POST", f"/exceptions/{_part(exception_id)}/export", query={"cursor": cursor})

    def look_up(self, body: LookupWish) -> Reply:
        """Find the newest orders by what a customer says; people only, and each look is in the activity.

        Needs orders:read.
        """
        return self.request("POST", "/lookup", body=body)

    def erase_lookup(self, body: LookupWish) -> Reply:
        """Have no order found by what a customer said any more, for good.

        Needs refunds:approve.
        """
        return self.request("POST", "/lookup/erase", body=body)

    def whoami(self) -> Reply:
        """Say who the token's bearer is, and what the token allows.

        Needs any token.
        """
        return self.request("GET", "/me")

    def list_orders(
        self,
        *,
        account: str,
        status: str | None = None,
        work: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        transaction_id: str | None = None,
        reference: str | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """List an account's orders by their last change, oldest first; `sort=-updated` newest first.

        Needs orders:read.
        """
        return self.request(
            "GET",
            "/orders",
            query={
                "account": account,
                "status": status,
                "work": work,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "transaction_id": transaction_id,
                "reference": reference,
                "cursor": cursor,
            },
        )

    def get_order(self, platform: str, account: str, order_id: str) -> Reply:
        """Return one order with its refunds and events.

        Needs orders:read.
        """
        return self.request("GET", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}")

    def cancel_order(
        self, platform: str, account: str, order_id: str, body: CancelWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Have the platform cancel the order; what was paid goes back by a refund, not by this.

        Needs payments:write.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/cancel",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def capture_order(
        self, platform: str, account: str, order_id: str, body: CaptureWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Have the platform take what is held for the order; its answer alone says that it did.

        Needs payments:write.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/capture",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def close_order(self, platform: str, account: str, order_id: str) -> Reply:
        """Close the order at the platform, as soon as the platform allows.

        Needs payments:write.
        """
        return self.request("POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/close")

    def see_evidence(self, platform: str, account: str, order_id: str, event_id: str) -> Reply:
        """Show the bytes that an event was made of; who looks is recorded beside the order and in the activity.

        Needs evidence:read.
        """
        return self.request(
            "POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/events/{_part(event_id)}/evidence"
        )

    def explain_order(self, platform: str, account: str, order_id: str) -> Reply:
        """Say why the order is in its state, and what happens next.

        Needs orders:read.
        """
        return self.request("GET", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/explanation")

    def mark_order_paid(
        self, platform: str, account: str, order_id: str, body: MarkPaidWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Have the platform mark as paid what a person says came another way; a second one agrees above a limit.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/mark-paid",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def note_order(
        self, platform: str, account: str, order_id: str, body: NoteWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Put a person's note beside the order, for good.

        Needs orders:read.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/notes",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def send_notice_again(
        self, platform: str, account: str, order_id: str, notice_id: str, body: NoticeAgain | None = None
    ) -> Reply:
        """Have a notice that has ended sent once more; of one that may have been sent somebody must have looked first.

        Needs orders:ship.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/notices/{_part(notice_id)}/again",
            body=body,
        )

    def make_payment_link(self, platform: str, account: str, order_id: str, body: LinkWish) -> Reply:
        """Make a link by which somebody pays the order; the one before ends.

        Needs payments:link.
        """
        return self.request(
            "POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/payment-link", body=body
        )

    def end_payment_link(self, platform: str, account: str, order_id: str) -> Reply:
        """End the order's payment link, if it has one.

        Needs payments:link.
        """
        return self.request("DELETE", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/payment-link")

    def refresh_order(self, platform: str, account: str, order_id: str) -> Reply:
        """Have the platform asked about the order now.

        Needs orders:read.
        """
        return self.request("POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refresh")

    def request_refund(
        self, platform: str, account: str, order_id: str, body: RefundWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Ask for a refund; somebody else approves it.

        Needs refunds:request.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refunds",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def approve_refund(
        self, platform: str, account: str, order_id: str, refund_id: str, body: Judgement | None = None
    ) -> Reply:
        """Approve a refund that somebody else asked for; a worker makes it at the platform.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refunds/{_part(refund_id)}/approve",
            body=body,
        )

    def reject_refund(
        self, platform: str, account: str, order_id: str, refund_id: str, body: Judgement | None = None
    ) -> Reply:
        """Reject a refund that somebody else asked for.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refunds/{_part(refund_id)}/reject",
            body=body,
        )

    def resolve_refund(self, platform: str, account: str, order_id: str, refund_id: str, body: Settlement) -> Reply:
        """Say what a person did about a refund that needed one.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refunds/{_part(refund_id)}/resolve",
            body=body,
        )

    def retry_refund(self, platform: str, account: str, order_id: str, refund_id: str) -> Reply:
        """Have the platform asked again under the same number, after its reason to refuse was mended.

        Needs refunds:approve.
        """
        return self.request(
            "POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/refunds/{_part(refund_id)}/retry"
        )

    def resolve_review(self, platform: str, account: str, order_id: str, review_id: str, body: Resolution) -> Reply:
        """Answer an open question: accept the payment, refund it, or dismiss the question.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/review/{_part(review_id)}/resolve",
            body=body,
        )

    def settle_order(self, platform: str, account: str, order_id: str, body: SettlementWish) -> Reply:
        """Settle the order as soon as its period is over; shares go to others than the seller.

        Needs payments:write.
        """
        return self.request(
            "POST", f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/settlements", body=body
        )

    def ship_order(
        self, platform: str, account: str, order_id: str, body: ShipmentWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Record a shipment; a worker tells the platform, and the buyer hears of it.

        Needs orders:ship.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/shipments",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def timeline_of_order(
        self,
        platform: str,
        account: str,
        order_id: str,
        *,
        sort: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """Tell what was said, told, noted and looked at, newest first; `sort=at` oldest first.

        Needs orders:read.
        """
        return self.request(
            "GET",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/timeline",
            query={"sort": sort, "limit": limit, "cursor": cursor},
        )

    def void_order(
        self, platform: str, account: str, order_id: str, body: VoidWish, *, idempotency_key: str | None = None
    ) -> Reply:
        """Have the platform let go what is held for the order.

        Needs payments:write.
        """
        return self.request(
            "POST",
            f"/orders/{_part(platform)}/{_part(account)}/{_part(order_id)}/void",
            body=body,
            headers={"idempotency-key": idempotency_key},
        )

    def reconciliation_of_days(self, *, account: str, from_: str, to: str) -> Reply:
        """Say for each day of up to a month whether its bill was compared, and how many differences it has.

        Needs orders:read.
        """
        return self.request("GET", "/reconciliation", query={"account": account, "from": from_, "to": to})

    def reconciliation(
        self, account: str, date: str, *, platform: str | None = None, format: Literal["json", "csv", ""] | None = None
    ) -> Reply:
        """Return what comparing the bills of a day found, as JSON or as CSV.

        Needs orders:read.
        """
        return self.request(
            "GET", f"/reconciliation/{_part(account)}/{_part(date)}", query={"platform": platform, "format": format}
        )

    def compare_bill(self, account: str, date: str, body: BillOf) -> Reply:
        """Have a day's bill compared (again) by the platform's bill function; the report says how it ended.

        Needs refunds:approve.
        """
        return self.request("POST", f"/reconciliation/{_part(account)}/{_part(date)}/compare", body=body)

    def resolve_difference(self, account: str, date: str, difference_id: str, body: Explained) -> Reply:
        """Say what a difference of a day's bill came from, where no later bill explains it; people only.

        Needs refunds:approve.
        """
        return self.request(
            "POST",
            f"/reconciliation/{_part(account)}/{_part(date)}/differences/{_part(difference_id)}/resolve",
            body=body,
        )

    def reconciliation_lines(
        self,
        account: str,
        date: str,
        *,
        platform: str,
        status: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """List what comparing a day's bill of a platform found, a line for each difference (`status` open, resolved).

        Needs orders:read.
        """
        return self.request(
            "GET",
            f"/reconciliation/{_part(account)}/{_part(date)}/lines",
            query={"platform": platform, "status": status, "limit": limit, "cursor": cursor},
        )

    def list_refunds(
        self,
        *,
        status: str | None = None,
        account: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Reply:
        """List refunds, least recently changed first.

        Needs orders:read.
        """
        return self.request(
            "GET", "/refunds", query={"status": status, "account": account, "limit": limit, "cursor": cursor}
        )

    def search(self, *, q: str, account: str | None = None) -> Reply:
        """Find the order behind exactly this number: an order's, a transaction's, refund's, settlement's or parcel's.

        Needs orders:read.
        """
        return self.request("GET", "/search", query={"q": q, "account": account})

    def ship_orders(self, body: ShipmentBatch, *, idempotency_key: str | None = None) -> Reply:
        """Record up to a hundred shipments; each line says by itself what became of it.

        Needs orders:ship.
        """
        return self.request("POST", "/shipments/batch", body=body, headers={"idempotency-key": idempotency_key})

    def create_shopify_cart(self, shop: str, body: ShopifyCartBody, *, idempotency_key: str | None = None) -> Reply:
        """Make a cart whose order will have the merchant's reference: no order is made yet.

        Needs payments:write.
        """
        return self.request(
            "POST", f"/shopify/{_part(shop)}/carts", body=body, headers={"idempotency-key": idempotency_key}
        )

    def create_wechat_payment(
        self, account: str, body: WechatPaymentBody, *, idempotency_key: str | None = None
    ) -> Reply:
        """Create a payment: 201, or 200 with fresh parameters for an order of before.

        Needs payments:write.
        """
        return self.request(
            "POST", f"/wechat/{_part(account)}/payments", body=body, headers={"idempotency-key": idempotency_key}
        )


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """Send a request with the standard library; redirects are not followed, for they would take the token along."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - see Client
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, {name.lower(): value for name, value in error.headers.items()}, error.read())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="")
