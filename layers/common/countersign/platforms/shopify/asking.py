"""What becomes of a session that Shopify asks for: recorded first, and answered the same however often it comes."""

from dataclasses import dataclass
from urllib.parse import quote

from countersign.errors import CountersignError, NotFoundError, StoreUnavailableError, UnprocessableError
from countersign.http import HttpReply, HttpRequest, json_reply
from countersign.orders.changes import OrderKey, SessionConfirmed
from countersign.orders.sessions import CONFIRM, PAYMENT, session_id
from countersign.platforms.shopify import sessions
from countersign.platforms.shopify.apps import Apps
from countersign.platforms.shopify.sessions import PLATFORM, Request
from countersign.platforms.shopify.settings import BY_CODE, Payments
from countersign.runtime import callbacks
from countersign.runtime.entrypoint import mark_accounts
from countersign.runtime.telemetry import count, logger
from countersign.signing import nonces
from countersign.store import OrderStore
from countersign.store.sessions import Found, SessionStore

LIMIT = 256 * 1024


def refused(_request: HttpRequest | None, error: CountersignError) -> HttpReply:
    """Refuse with an empty object, as Shopify wants it: it comes again, and shows the buyer an error then."""
    return json_reply(error.status, {})


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes sessions of one kind; `base_url` is where buyers' browsers are sent."""

    about: str
    apps: Apps
    store: OrderStore
    base_url: str

    def take(self, request: HttpRequest, now: int) -> HttpReply:
        """Record a session and answer it. Raises what stands in the way, and then nothing was recorded."""
        name, host = request.path_parameters["app"], sessions.shop_of(request)
        app = self.apps.load(name)
        shop = self.apps.shop(name, app, host) if app.payments is not None else None
        if app.payments is None or shop is None:
            raise NotFoundError("shop_not_installed")
        asked = sessions.read(self.about, host, request.body)
        if request.header("shopify-api-version") not in ("", app.api_version):
            count("ApiVersionDiffers")
        found = self._known(asked) or self._record(asked, name, app.payments, now)
        if found.session.digest != asked.digest:
            count("SessionDiffers")
            logger.error("a session came again and says something else: it stays as it was", extra={"account": host})
        mark_accounts(self.store.client, self.store.table)
        if self.about == PAYMENT and not found.session.is_shown_there:
            return json_reply(201, {"redirect_url": page_url(self.base_url, host, found)})
        return json_reply(201, {})

    def _known(self, asked: Request) -> Found | None:
        return SessionStore(self.store).find(PLATFORM, asked.shop, asked.about, asked.id)

    def _record(self, asked: Request, name: str, payments: Payments, now: int) -> Found:
        _require_kind(asked, payments)  # of what is new: what was taken is answered the same, whatever is taken since
        key, test = self._order_of(asked, now)
        account = (payments.test_cashier if test else payments.cashier) if asked.about == PAYMENT else ""
        # Where Shopify's own window shows what is to be scanned, there is no page: also not one that nobody knows of.
        has_page = asked.about == PAYMENT and not (payments.modal and account.startswith(BY_CODE))
        page = nonces.nonce() + nonces.nonce() if has_page else ""
        told = sessions.asked(asked, key, name, account=account, page=page, test=test, now=now)
        if asked.about == PAYMENT and SessionStore(self.store).winner(key):
            told = told[1:]  # money is there by another session: what this one would cost is nothing of the checkout's
        callbacks.report(self.store.record_message(told, now=now))
        count("SessionAsked")
        # Copies that come at the same moment are one: whichever was first is what all are answered by.
        found = self._known(asked) or SessionStore(self.store).read(key, session_id(asked.about, asked.id))
        if found is None:
            raise StoreUnavailableError("the session was recorded and cannot be read back")
        return found

    def _order_of(self, asked: Request, now: int) -> tuple[OrderKey, bool]:
        """Return the order that a request belongs to, and whether it is a test: as the payment was."""
        if asked.about == PAYMENT:
            return sessions.key_of(asked.shop, asked.group, test=asked.test), asked.test
        paid = SessionStore(self.store).find(PLATFORM, asked.shop, PAYMENT, asked.payment_id)
        if paid is not None:
            return paid.key, paid.session.test
        count("SessionOfUnknownPayment")
        key = sessions.key_of_stray(asked)
        callbacks.report(self.store.record(sessions.stray(asked, key, now=now), now=now))
        return key, asked.test


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Takes Shopify's word whether a payment whose money is held may be taken."""

    apps: Apps
    store: OrderStore

    def take(self, request: HttpRequest, now: int) -> HttpReply:
        """Record it and answer. Raises what stands in the way, and then nothing was recorded."""
        name, host = request.path_parameters["app"], sessions.shop_of(request)
        app = self.apps.load(name)
        if app.payments is None or self.apps.shop(name, app, host) is None:
            raise NotFoundError("shop_not_installed")
        number, accepted = sessions.read_confirmation(request.body)
        found = SessionStore(self.store).find(PLATFORM, host, PAYMENT, number)
        if found is None or found.session.app != name:
            raise NotFoundError("no such session")
        if found.session.operation != CONFIRM or found.session.confirmed is not None:
            # Nobody asked, or it is known: recorded, it would be what the word that is asked for later repeats.
            count("SessionConfirmedUnasked")
            return json_reply(201, {})
        fact = SessionConfirmed(found.session.session_id, accepted, now)
        callbacks.report(self.store.record(sessions.change(found.key, fact), now=now))
        if accepted:
            count("SessionConfirmed")
        else:
            count("SessionUnconfirmed")
        return json_reply(201, {})


def page_url(base_url: str, host: str, found: Found) -> str:
    """Return the address of the page where a buyer pays a session."""
    number = found.session.session_id.partition(".")[2]
    app = quote(found.session.app, safe="")
    return f"{base_url}/shopify/{app}/pay/{host}/{quote(number, safe='')}/{found.session.page}"


def _require_kind(asked: Request, payments: Payments) -> None:
    wanted = asked.kind or asked.about
    if wanted not in payments.kinds:
        raise UnprocessableError(f"the app takes no {wanted}: its payments.kinds say so")
