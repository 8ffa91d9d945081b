"""Tell WeChat of a shipment: its shipping management of one for a payment, the mini store of one for its own orders."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import KeysUnavailableError, PlatformUnavailableError
from countersign.orders.changes import OrderKey, Paid, Queried
from countersign.orders.reasons import Reason
from countersign.orders.sentences import sentence
from countersign.orders.shipments import SHIPMENT_PATIENCE, Shipment, next_shipment_step, retry_shipment_at
from countersign.orders.state import Order
from countersign.platforms.port import Shipped
from countersign.platforms.wechat import answers, apps, connector, payments, shipping, store_orders, translate
from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.miniprogram import MiniProgram, MiniProgramRefusedError
from countersign.platforms.wechat.settings import Settings
from countersign.platforms.wechat.shipping import OrderSeen
from countersign.platforms.wechat.store_orders import StoreOrder
from countersign.store import OrderStore
from countersign.store.throttle import acquire_slot

# WeChat orders the uploads of a payment by the time that they name, so two never go out in one second; ours are further
# apart, as calls travel for different times.
PAUSE_SECONDS = 10
STORE = "store"  # the system of orders that the mini store made


class _NeedsPersonError(Exception):
    """Nothing can be told WeChat until a person has acted; `problem` says how."""

    def __init__(self, problem: Reason) -> None:
        super().__init__(problem.code)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """An account's WeChat as the shipping worker needs it: its client, its mini program and its mini store."""

    settings: Settings
    client: Client
    mini_program: Callable[[], MiniProgram]
    mini_store: Callable[[], MiniProgram]
    store: OrderStore

    @property
    def tenant(self) -> str:
        """Return the merchant number."""
        return self.settings.mchid

    def ship(
        self, order: Order, shipment: Shipment, earlier: tuple[Shipment, ...], *, attempts: int, now: int
    ) -> Shipped:
        """Tell WeChat of a shipment, or see whether a person has shipped in a console what waited for one."""
        if shipment.status == "needs_action":
            return self._shipped_elsewhere(order, shipment, now)
        reported = tuple(known for known in earlier if known.status == "reported")
        try:
            told = self._tell(order, shipment, reported, attempts, now)
        except _NeedsPersonError as error:
            return Shipped("needs_action", error.problem)
        except MiniProgramRefusedError as error:
            return _refused(shipment, error.code, attempts, now)
        return Shipped("reported") if told else Shipped(again=now + PAUSE_SECONDS)

    def _shipped_elsewhere(self, order: Order, shipment: Shipment, now: int) -> Shipped:
        try:
            status = self._status_elsewhere(order, shipment)
        except MiniProgramRefusedError:
            status = ""
        if not status:
            return Shipped(again=next_shipment_step(shipment, now))
        return Shipped(status, shipment.problem if status == "superseded" else None)

    def _status_elsewhere(self, order: Order, shipment: Shipment) -> str:
        numbers = {parcel.tracking_no for parcel in shipment.parcels if parcel.tracking_no}
        if order.terms.system == STORE:
            if self.settings.store is None:
                return ""
            sold = self._store_order(self.mini_store(), order.key.order_id, self.settings.store.order_path)
            ours, shipped = numbers <= set(sold.waybills), sold.status in store_orders.SHIPPED
            return ("reported" if ours else "superseded") if shipped else ""
        if self.settings.mini_program_secret is None or order.payment is None:
            return ""
        seen = self._seen(self.mini_program(), order.payment.transaction_id)
        if seen is None or not (seen.shipped or seen.has(shipment)):
            return ""
        return "reported" if seen.has(shipment) else "superseded"

    def _tell(self, order: Order, shipment: Shipment, reported: tuple[Shipment, ...], attempts: int, now: int) -> bool:
        """Tell whom it concerns; False while another call about the order may still travel."""
        if order.terms.system == STORE:
            return self._tell_store(order, shipment, now)
        # Shipping management is for payments made in mini programs: for others there is nobody to tell.
        if order.terms.method != "jsapi" or shipping.repeats(shipment, reported):
            return True
        if obstacle := shipping.obstacle(shipment, reported):
            raise _NeedsPersonError(obstacle)
        if self.settings.mini_program_secret is None:
            raise _NeedsPersonError(shipping.NO_SECRET)
        transaction_id, openid = self._payment(order, now)
        program = self.mini_program()
        # After any doubt WeChat is asked first: telling it again what it has would use up the chance to correct it.
        if attempts and self._is_known(program, transaction_id, shipment, reported):
            return True
        if not self._slot(order.key, now):
            return False
        body = shipping.upload(
            shipment,
            reported,
            transaction_id=transaction_id,
            openid=openid,
            goods=order.terms.description or order.key.order_id,
            now=now,
        )
        try:
            program.call(shipping.UPLOAD, body)
        except MiniProgramRefusedError as error:
            if not shipping.is_done(error.code):
                raise
        return True

    def _payment(self, order: Order, now: int) -> tuple[str, str]:
        """Ask for the payment, and return its number and the payer's openid: who paid is in no record of ours."""
        system = (order.payment.system if order.payment else "") or order.terms.system
        answer = self.client.query(order.key.order_id, system=system)
        if answer is None:
            raise _NeedsPersonError(shipping.NOT_PAID)
        transaction = answer.message
        change = translate.transaction_to_change(
            transaction,
            self.settings,
            order.key.account,
            system=system,
            via="query",
            trust=Queried(answer.key_id),
            now=now,
        )
        if not isinstance(change.fact, Paid):
            raise _NeedsPersonError(shipping.NOT_PAID)
        appid, openid = payments.payer_of(transaction, self.settings)
        if appid not in ("", self.settings.payer_appid):
            raise _NeedsPersonError(shipping.OTHER_APP)
        if not openid:
            raise _NeedsPersonError(shipping.NO_OPENID)
        return transaction.transaction_id, openid

    def _is_known(
        self, program: MiniProgram, transaction_id: str, shipment: Shipment, reported: tuple[Shipment, ...]
    ) -> bool:
        seen = self._seen(program, transaction_id)
        if seen is None or seen.has(shipment):
            return seen is not None
        if seen.shipped and not any(known.complete for known in reported):
            raise _NeedsPersonError(shipping.OTHER_PARCELS)
        return False

    def _seen(self, program: MiniProgram, transaction_id: str) -> OrderSeen | None:
        """Ask what WeChat has of a payment's shipping; None where it does not know the payment (yet)."""
        try:
            answer = program.call(shipping.GET_ORDER, {"transaction_id": transaction_id})
        except MiniProgramRefusedError as error:
            if error.code != shipping.UNKNOWN_PAYMENT:
                raise
            return None
        with answers.believed():
            return shipping.read_order(answer)

    def _tell_store(self, order: Order, shipment: Shipment, now: int) -> bool:
        settings = self.settings
        if settings.store is None:
            raise _NeedsPersonError(shipping.NO_STORE)
        program = self.mini_store()
        seen = self._store_order(program, order.key.order_id, settings.store.order_path)
        if seen.status in store_orders.SHIPPED:
            return True
        if obstacle := shipping.store_obstacle(shipment, seen):
            raise _NeedsPersonError(obstacle)
        if not self._slot(order.key, now):
            return False
        try:
            program.call(settings.store.delivery_path, shipping.store_delivery(shipment, seen))
        except MiniProgramRefusedError:
            # Which code says that it was sent already is not sure, and what the order says is.
            seen = self._store_order(program, order.key.order_id, settings.store.order_path)
            if seen.status not in store_orders.SHIPPED:
                raise
        return True

    def _store_order(self, program: MiniProgram, order_id: str, path: str) -> StoreOrder:
        answer = program.call(path, {"order_id": order_id})
        with answers.believed():
            seen = store_orders.read(answer)
        if seen.order_id != order_id:
            raise PlatformUnavailableError("the store answered about another order")
        return seen

    def _slot(self, key: OrderKey, now: int) -> bool:
        return acquire_slot(self.store.client, self.store.table, key, "ship", now=now, pause=PAUSE_SECONDS)


def _refused(shipment: Shipment, code: int, attempts: int, now: int) -> Shipped:
    if now < shipment.requested_at + SHIPMENT_PATIENCE:
        if code in shipping.OF_THE_ACCOUNT:
            # All shipments of the account wait for one person: an alarm calls for them.
            raise KeysUnavailableError(sentence(shipping.problem(code)))
        if code == shipping.UNKNOWN_PAYMENT:
            return Shipped(again=retry_shipment_at(attempts, now))
    return Shipped("needs_action", shipping.problem(code))


def connect(name: str, settings: Settings, *, store: OrderStore) -> Fulfilment:
    """Return how an account's WeChat is told of shipments; `store` holds slots and tokens that all processes share."""

    def now() -> int:
        return int(time.time())

    return Fulfilment(
        settings,
        connector.connect(name, settings, store=store).client,
        lambda: apps.mini_program(settings, store, now=now),
        lambda: apps.mini_store(settings, store, now=now),
        store,
    )
