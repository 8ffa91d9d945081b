"""Shopify as the product meets it: takes its calls, lets things happen in shops, delivers what happened."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from sandbox.simulating import simulator
from sandbox.simulating.control import ControlError
from sandbox.simulators.shopify import accounts, oauth, orders, payments, webhooks
from sandbox.simulators.shopify.accounts import Installations
from sandbox.simulators.shopify.admin import Admin
from sandbox.simulators.shopify.carts import Carts
from sandbox.simulators.shopify.oauth import OAuth
from sandbox.simulators.shopify.payments import PaymentsApp
from sandbox.simulators.shopify.shops import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.simulating.postman import Clock
    from sandbox.simulating.simulator import Call, Inbox, Reply

Json = dict[str, Any]
PAYMENT_SCOPES = {"write_payment_gateways", "write_payment_sessions"}
_PAGE = re.compile(r"/([a-z0-9.-]+)/admin/oauth/authorize")
_TOKEN = re.compile(r"/([a-z0-9.-]+)/admin/oauth/access_token")
_STOREFRONT = re.compile(r"/([a-z0-9.-]+)/api/([a-z0-9-]+)/graphql\.json")
_FILE = re.compile(r"/([a-z0-9.-]+)/bulk/([0-9]{1,9})\.jsonl")
_PATH = re.compile(r"/([a-z0-9.-]+)/(admin|payments_apps)/api/([a-z0-9-]+)/graphql\.json")


class Simulator(simulator.Simulator):
    """Every app, the shops where it is installed, their Admin API and their webhooks."""

    NAME = "shopify"
    FAULTS: ClassVar[dict[str, str]] = webhooks.SPOILS | {
        "throttled": "answer that the shop's bucket is empty",
        "ignore_filter": "ignore a list's filter, and warn of it",
        "ignore_silently": "ignore a list's filter without a word",
        "bulk_short": "leave the last third of a bulk operation's file out",
        "bulk_children_first": "write the lines of orders before the orders",
        "bulk_empty": "write nothing into the file, and count what should be in it",
        "bulk_partial": "fail in the middle, and offer what there is",
        "cart_refused": "object to a cart",
        "cart_warned": "make a cart, and warn that there is not enough of something",
        "carts_busy": "say that no carts are made just now",
        "money_refused": "object to a capture, a void, a cancellation or a mark as paid",
        "capture_status": "leave a capture in a `status`",
        "refund_refused": "object to a refund",
        "refund_status": "leave a refund's movements in a `status`, or in `statuses` one by one",
        "stuck_cursor": "answer a list's cursor that does not advance",
        "revoked": "answer that the access token is not one",
        "denied": "answer that the access token lacks a scope",
        "no_modal": "say that this method has no window that could show a code",
        "no_confirm": "say that nobody is asked before money of this method is taken",
        "no_pending": "say that money of this method cannot be on its way",
        "unread": "say for some seconds that the app's answer to the request was not read yet",
        "older_version": "answer in another version of the API than was asked for",
    }
    FAILURES: ClassVar[dict[str, Any]] = {
        "revoked": (401, {"errors": "[API] Invalid API key or access token"}),
        "denied": (200, {"errors": [{"message": "Access denied", "extensions": {"code": "ACCESS_DENIED"}}]}),
    }
    prepare_account = staticmethod(accounts.prepare)
    throwaway_accounts = staticmethod(accounts.throwaway)

    def __init__(
        self, clock: Clock, accounts: dict[str, Json], inbox: Inbox, public_base_url: str, state_dir: Path
    ) -> None:
        super().__init__(clock, accounts, inbox, public_base_url, state_dir)
        self.installations = Installations(accounts)
        self.oauth = OAuth(self.installations)
        self.shops: dict[tuple[str, str], Shop] = {}
        self.apis: dict[tuple[str, str], Admin] = {}
        self.carts: dict[tuple[str, str], Carts] = {}
        # Beside the sandbox's API, where a certificate is shown; tests carry requests by hand.
        port = urlsplit(public_base_url).port or 0
        carry = payments.sender(state_dir.parent, port + 3, "a")
        self.payments = PaymentsApp(clock, self._postman, self._faults, carry)
        self._open()
        self._control.offer(
            session=self._session,
            sessions=lambda _: {gid: one.shown() for gid, one in self.payments.sessions.items()},
            ready=lambda _: dict(self.payments.ready),
            checkout=self._checkout,
            **{
                name: self._happening(name)
                for name in ("create", "pay", "refund", "settle", "edit", "cancel", "touch", "send")
            },
            subscribe=self._subscribe,
            subscriptions=self._subscriptions,
            drop_subscriptions=self._drop_subscriptions,
            silence=self._silence,
            install_link=self._install_link,
            uninstall=self._uninstall,
            revoke=self._revoke,
            grant_scopes=self._grant_scopes,
            bulk_seconds=self._bulk_seconds,
            order=lambda body: orders.order_node(self._shop(body).named(body)),
            ledger=self._ledger,
        )

    def _open(self) -> None:
        """Open the shops where an app came lately."""
        for key, one in self.installations.all.items():
            if key not in self.shops:
                self.shops[key] = Shop(self._clock, one, self._postman)
                self.apis[key] = Admin(self._clock, self.shops[key], self._faults)
                self.carts[key] = Carts(self.shops[key], self._faults)

    def answer(self, call: Call) -> tuple[Reply, str | None]:
        """Answer a call of the API: without the token of an installation nobody gets further."""
        if (asking := _PAGE.fullmatch(call.path)) is not None:
            leads = self.oauth.authorize(asking[1], call.query, self._clock.now())
            self._open()
            return ((302, {"Location": leads}, b"") if leads else self.json_reply(400, {"error": "?"})), asking[1]
        if (token := _TOKEN.fullmatch(call.path)) is not None:
            status, given = self.oauth.tokens(token[1], json.loads(call.body), self._clock.now())
            return self.json_reply(status, given), token[1]
        if (cart := _STOREFRONT.fullmatch(call.path)) is not None:
            return self._storefront(cart[1], call), cart[1]
        if (file := _FILE.fullmatch(call.path)) is not None:
            return self._file(file[1], int(file[2])), file[1]
        match = _PATH.fullmatch(call.path)
        found = self.installations.with_token(call.headers.get("x-shopify-access-token", ""), self._clock.now())
        if match is None or call.method != "POST":
            return self.json_reply(404, {"errors": "Not Found"}), None
        if found is None or found.host != match[1]:
            said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return self.json_reply(401, {"errors": said}), None
        version = "2026-07" if self._faults.take("older_version", call.path) is not None else match[3]
        try:
            if match[2] == "admin":
                content = self.apis[found.app.name, found.host].answer(call.body)
            elif set(found.scopes) >= PAYMENT_SCOPES:
                content = self.payments.answer(found.host, call.body)
            else:
                content = self.FAILURES["denied"][1]
        except (KeyError, TypeError, ValueError) as error:
            return self.json_reply(400, {"errors": str(error)}), None
        status, own, body = self.json_reply(200, content)
        return (status, {**own, "X-Shopify-API-Version": version}, body), found.host

    def _file(self, host: str, number: int) -> Reply:
        """Answer the file of a bulk operation: whoever knows its address may have it."""
        found = next((api.bulks.file(number) for (_, name), api in self.apis.items() if name == host), None)
        return self.json_reply(404, {}) if found is None else (200, {"Content-Type": "application/jsonl"}, found)

    def _storefront(self, host: str, call: Call) -> Reply:
        """Answer a call of the Storefront API, whose tokens are other ones than the Admin API's."""
        token = call.headers.get("shopify-storefront-private-token", "")
        found = self.installations.with_storefront_token(host, token)
        if found is None or call.method != "POST":
            return self.json_reply(401, {"errors": [{"message": "", "extensions": {"code": "UNAUTHORIZED"}}]})
        try:
            return self.json_reply(200, self.carts[found.app.name, found.host].answer(json.loads(call.body)))
        except (KeyError, TypeError, ValueError) as error:
            return self.json_reply(400, {"errors": str(error)})

    def seen(self, call: Call) -> Json:
        """Pick what the inbox shows: the operation's name, and what a list was asked for."""
        try:
            wanted = json.loads(call.body)
            return {"operation": wanted["query"].split("(")[0].split("{")[0], "variables": wanted.get("variables")}
        except (ValueError, KeyError, AttributeError, TypeError):
            return {}

    def problem(self, reply: Reply) -> Json:
        """Pick the error of an answer."""
        return {"refused": reply[0]} if reply[0] >= 400 else {}

    def _shop(self, body: Json) -> Shop:
        for (app, host), shop in self.shops.items():
            if body.get("shop", host) == host and body.get("app", app) == app:
                return shop
        raise ControlError(404, "there is no such shop")

    def _happening(self, name: str) -> Callable[[Json], Json]:
        def happen(body: Json) -> Json:
            order = getattr(self._shop(body), name)(body)
            return {"order": order.id, "name": f"#{order.number}", "status": order.financial_status}

        return happen

    def _session(self, body: Json) -> Json:
        """Have a checkout, or a merchant in the shop's admin, ask the payments app for a session."""
        app = self.installations.apps[str(body.get("app", "payments"))]
        return self.payments.ask(app.name, str(body["shop"]), app.version, body).shown()

    def _checkout(self, body: Json) -> Json:
        """Have a buyer go through a cart's checkout: it becomes an order with the cart's attributes."""
        shop = self._shop(body)
        made = self.carts[shop.installation.app.name, shop.installation.host].buy(str(body["cart"]))
        return {"order": made.id, "name": f"#{made.number}", "status": made.financial_status}

    def _subscribe(self, body: Json) -> Json:
        made = self._shop(body).subscribe(body["topic"], body["address"], body.get("kind", "shop"))
        return {"subscribed": made is not None}

    def _subscriptions(self, body: Json) -> Json:
        shop = self._shop(body)
        there = [{"topic": one.topic, "address": one.address, "kind": one.kind} for one in shop.subscriptions]
        return {"subscriptions": there, "ended": shop.ended}

    def _drop_subscriptions(self, body: Json) -> Json:
        shop = self._shop(body)
        kept = [one for one in shop.subscriptions if one.kind != "shop"]
        gone, shop.subscriptions = len(shop.subscriptions) - len(kept), kept
        return {"dropped": gone}

    def _install_link(self, body: Json) -> Json:
        """Sign the visit with which Shopify opens an app for a shop's merchant, installed or not."""
        names = sorted(self.installations.apps)
        app, host = self.installations.apps[body.get("app", names[0])], str(body["shop"])
        query = oauth.install_link(self.installations.of(app.name, host), app.secret, host, self._clock.now())
        return {"app": app.name, "query": query}

    def _uninstall(self, body: Json) -> Json:
        """Have the merchant remove the app: its tokens and its own subscriptions are gone, and it is told."""
        shop = self._shop(body)
        shop.farewell()
        shop.installation.forget()
        return {"installed": False}

    def _revoke(self, body: Json) -> Json:
        """Take the app's tokens away without a word."""
        self._shop(body).installation.forget()
        return {"installed": False}

    def _grant_scopes(self, body: Json) -> Json:
        """Change what the app may do in a shop, and tell it."""
        shop = self._shop(body)
        shop.change_scopes(tuple(body["scopes"]))
        return {"scopes": list(shop.installation.scopes)}

    def _bulk_seconds(self, body: Json) -> Json:
        """Say how long the shop's bulk operations take from now on; 0: a file is there as soon as it is asked for."""
        one = self._shop(body).installation
        bulks = self.apis[one.app.name, one.host].bulks
        bulks.seconds = int(body["seconds"])
        return {"seconds": bulks.seconds}

    def _silence(self, body: Json) -> Json:
        self._shop(body).silent = bool(body.get("silent", True))
        return {"silent": self._shop(body).silent}

    def _ledger(self, _: Json) -> Json:
        return {
            f"{app}/{host}": {str(number): orders.order_node(order) for number, order in shop.orders.items()}
            for (app, host), shop in self.shops.items()
        }
