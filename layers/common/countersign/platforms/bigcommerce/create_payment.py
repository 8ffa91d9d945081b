"""A shopper's page asks for the payment of one order: proof, amount, one attempt at the cashier, and a status token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from countersign.cashiers import attempts, create_payment
from countersign.cashiers.attempts import Attempt
from countersign.cashiers.opening import Cashiers
from countersign.errors import (
    ConflictError,
    NotFoundError,
    PlatformUnavailableError,
    RateLimitedError,
    RefusedError,
    UnprocessableError,
)
from countersign.http import HttpRequest
from countersign.orders.changes import OrderKey
from countersign.orders.reports import tells_more
from countersign.orders.state import Order
from countersign.orders.times import timestamp
from countersign.platforms.bigcommerce import connector, proof, translate
from countersign.platforms.bigcommerce.apps import Apps, Installation
from countersign.platforms.bigcommerce.connector import Connector
from countersign.platforms.bigcommerce.messages import StoreOrder
from countersign.platforms.bigcommerce.proof import Settled, Wish
from countersign.platforms.payment import Call, NewPayment
from countersign.runtime import callbacks
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore
from countersign.store.origins import Origins
from countersign.store.status_tokens import StatusTokens
from countersign.store.windows import Window

PER_MINUTE = 30  # calls of one address about one store, each of which costs the store one of its own
PER_HOUR = 10  # refusals about one order: then nobody hears anything of it until the hour is over
WITH_A_PERSON_WAITING: Mapping[str, Any] = {"tries": 2, "timeout": (2.0, 6.0)}
SUBJECT = "shopper"
Json = dict[str, Any]
Create = Callable[[Call, NewPayment], tuple[int, Json]]  # records an order and has its platform take it


@dataclass(frozen=True, slots=True)
class Desk:
    """What a call needs of the stack."""

    apps: Apps
    store: OrderStore
    accounts: Any  # the cashiers' accounts
    table: str  # whose rows expire
    create: Create
    base_url: str  # where cashiers send their notifications
    page_base: str = ""  # where our own cashier's pages begin; where this is empty, at the address that was called

    def take(self, request: HttpRequest, now: int) -> Json:
        """Return what the page does next. Raises NotFoundError for everything that a stranger could ask for."""
        wish = proof.read_wish(request.body)
        installation = self._installation(request, wish)
        key = translate.key_of(wish.store_hash, wish.order_id)
        refused = self._refused_before(request, key, now)
        if refused is not None:
            raise refused
        platform = connector.connect(wish.store_hash, installation, store=self.store, **WITH_A_PERSON_WAITING)
        order = platform.read(wish.order_id)
        if order is None:
            raise self._counted(key, NotFoundError("not_found"), now)
        unfit = proof.refusal(order, wish, installation.app, installation.rules, now=now)
        if isinstance(unfit, Settled):
            return self._answer(key, "PAID", now)
        if unfit is not None:
            raise self._counted(key, unfit, now)
        return self._attempt(request, installation, platform, order, now)

    def take_by_link(self, request: HttpRequest, store_hash: str, number: str, now: int) -> Json:
        """Return what follows for an order whose payment link was used: the link proves, and has an age of its own.

        Raises NotFoundError or ConflictError where the order may not be paid any more.
        """
        name = request.path_parameters["app"]
        app, store = self.apps.load(name), self.apps.store(name, store_hash)
        if store is None or not store.is_active:
            raise NotFoundError("unknown_store")
        installation = Installation(name, app, store)
        platform = connector.connect(store_hash, installation, store=self.store, **WITH_A_PERSON_WAITING)
        order = platform.read(number)
        if order is None:
            raise NotFoundError("not_found")
        unfit = proof.unfit(order, replace(installation.rules, max_age_seconds=proof.ANY_AGE), now=now)
        key = translate.key_of(store_hash, number)
        if isinstance(unfit, Settled):
            return self._answer(key, "PAID", now)
        if unfit is not None:
            raise unfit
        # The page is ours: its origin is not where the shopper comes back to.
        elsewhere = replace(request, headers={name: text for name, text in request.headers.items() if name != "origin"})
        return self._attempt(elsewhere, installation, platform, order, now)

    def _installation(self, request: HttpRequest, wish: Wish) -> Installation:
        name = request.path_parameters["app"]
        app, store = self.apps.load(name), self.apps.store(name, wish.store_hash)
        if store is None or not store.is_active:
            raise NotFoundError("unknown_store")
        installation = Installation(name, app, store)
        origin = request.header("origin")
        if origin and not Origins(self.store.client, self.store.table).allows(name, origin, installation.rules):
            raise NotFoundError("foreign_origin")
        return installation

    def _refused_before(self, request: HttpRequest, key: OrderKey, now: int) -> RefusedError | None:
        """Return why the store is not even asked."""
        if not self._window("calls", 60, PER_MINUTE).count(f"{request.source_ip} {key.account}", now=now):
            count("ShopperLimited")
            return RateLimitedError("too many calls of this address")
        if self._refusals.is_full(f"{key.account} {key.order_id}", now=now):
            return NotFoundError("too_many_refusals")
        return None

    def _counted(self, key: OrderKey, error: RefusedError, now: int) -> RefusedError:
        self._refusals.count(f"{key.account} {key.order_id}", now=now)
        return error

    @property
    def _refusals(self) -> Window:
        return self._window("refused", 3600, PER_HOUR)

    def _window(self, kind: str, seconds: int, most: int) -> Window:
        return Window(self.store.client, self.table, f"bigcommerce {kind}", seconds=seconds, most=most)

    def _attempt(
        self, request: HttpRequest, installation: Installation, platform: Connector, order: StoreOrder, now: int
    ) -> Json:
        """Create the order's attempt, or find the open one; whoever asks at the same moment comes to the same one."""
        key, cashier = translate.key_of(platform.tenant, order.number), ".".join(installation.rules.cashier_account)
        self._record(key, platform, order, now)
        if not cashier:
            raise NotFoundError("the store has no cashier")
        base = connector.base_of(key)
        found = attempts.current(
            self.store,
            key,
            proof.amount_of(order),
            cashier=cashier,
            next_key=lambda number: self._cashiers(request).key_of(cashier, f"{base}-{number}"),
            now=now,
        )
        if found.is_paid or self._was_paid_elsewhere(self._cashiers(request), found, now):
            return self._answer(key, "PAID", now)
        if found.order is not None and found.order.status == "review":
            return self._answer(key, "REVIEW", now)
        address, made = self._create(request, installation, order, found, f"{base}-{found.number}", now)
        count("PaymentPrepared")
        return {
            **self._answer(key, "CREATED", now),
            "cashier_url": address,
            "expires_at": timestamp(made.terms.expires_at) if made is not None else None,
        }

    def _create(
        self,
        request: HttpRequest,
        installation: Installation,
        order: StoreOrder,
        found: Attempt,
        reference: str,
        now: int,
    ) -> tuple[str, Order | None]:
        body = body_of(installation, order, found, reference, request.header("origin"))

        def call(platform: str, account: str, settings: Any) -> Call:
            return Call(platform, account, settings, SUBJECT, self.base_url, request.source_ip, now)

        try:
            _, answer = self.create(*self._cashiers(request).payment(found.cashier, body, call))
        except (ConflictError, RateLimitedError) as error:
            # Somebody else is at it, or the cashier is: what becomes of it is known soon.
            logger.warning("an attempt was not created now", extra={"reason": str(error)})
            raise PlatformUnavailableError("the cashier has the order in another state") from None
        return str(answer["client"]["cashier_url"]), self.store.get(found.key)

    def _cashiers(self, request: HttpRequest) -> Cashiers:
        page_base = self.page_base or f"https://{request.domain}"
        return Cashiers(self.accounts, self.store, self.table, page_base)

    def _was_paid_elsewhere(self, cashiers: Cashiers, found: Attempt, now: int) -> bool:
        """End the attempt before one that begins now at another cashier; tell whether it turned out to be paid."""
        old = found.before
        if old is None or found.order is not None or _place(old.key) == _place(found.key) or old.status == "closed":
            return False
        cashier = cashiers.connect(old.key, **create_payment.WITH_A_PERSON_WAITING)
        return attempts.was_paid(self.store, cashier, old, by=SUBJECT, now=now)

    def _record(self, key: OrderKey, platform: Connector, order: StoreOrder, now: int) -> None:
        """Record the order of the store, which the attempt is a part of, before the attempt."""
        told, known = platform.told(order, read_at=now), self.store.get(key)
        if known is None or tells_more(known, [change.fact for change in told]):
            callbacks.report(self.store.record_message(told, now=now))

    def _answer(self, key: OrderKey, status: str, now: int) -> Json:
        token = StatusTokens(self.store.client, self.table).issue(key, now=now)
        return {"status": status, "status_token": token}


def body_of(
    installation: Installation, order: StoreOrder, found: Attempt, reference: str, origin: str
) -> create_payment.PaymentBody:
    """Return what is asked of the cashier: the same whoever asks, so that a second call is about the same payment."""
    known = found.order.terms if found.order is not None else None
    # The first page that asked is where the shopper comes back to: a cashier takes one address for one payment.
    origin = dict(known.metadata).get("origin", "") if known is not None else origin
    origin = origin or min(installation.rules.allowed_origins, default="")
    if not origin:
        raise UnprocessableError("the store has no address that a shopper could come back to")
    amount, before = proof.amount_of(order), found.before
    replaces = before.key.order_id if before is not None and _place(before.key) == _place(found.key) else ""
    return create_payment.PaymentBody(
        order_id=reference,
        amount=create_payment.Amount(minor=amount.minor, currency=amount.currency),
        description=f"Order {order.number}",
        return_url=f"{origin}/checkout/order-confirmation/{order.number}",
        locale=order.locale or None,
        part_of=create_payment.PartOf(
            platform=translate.PLATFORM, account=installation.store.store_hash, order_id=order.number
        ),
        replaces=(known.replaces if known is not None else replaces) or None,
        metadata={"origin": origin},
    )


def _place(key: OrderKey) -> tuple[str, str]:
    """Return where an attempt is: another one can replace it there."""
    return key.platform, key.account
