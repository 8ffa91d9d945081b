"""Tell WeChat of shipments: its shipping management of those of payments, the mini store of those of its own orders."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.errors import CountersignError, KeysUnavailableError, PlatformUnavailableError
from countersign.orders.changes import Change, OrderKey, Paid, Queried, ShipmentReported
from countersign.orders.shipments import SHIPMENT_PATIENCE, Shipment, next_shipment_step, retry_shipment_at
from countersign.orders.state import Order
from countersign.platforms.wechat import answers, shipping, store_orders, translate
from countersign.platforms.wechat.connector import Reach
from countersign.platforms.wechat.messages import Transaction
from countersign.platforms.wechat.miniprogram import MiniProgram, MiniProgramRefusedError
from countersign.platforms.wechat.settings import Settings
from countersign.platforms.wechat.shipping import OrderSeen
from countersign.platforms.wechat.store_orders import StoreOrder
from countersign.store import OrderStore, Outcome, codec, keys
from countersign.store.children import child_of
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.throttle import acquire_slot

# WeChat orders the uploads of a payment by the time that they name, so two never go out in one second; ours are further
# apart, as calls travel for different times.
PAUSE_SECONDS = 10
LEASE_SECONDS = 90  # longer than a run, and no rung of the ladder: what was recorded meanwhile must differ from it
STORE = "store"  # the system of orders that the mini store made

ReachFor = Callable[[str], Reach]
AppFor = Callable[[Settings], MiniProgram]
Report = Callable[[Outcome], None]


class _NeedsPersonError(Exception):
    """Nothing can be told WeChat until a person has acted; the text says how."""


@dataclass(frozen=True, slots=True)
class ShipWork:
    """One run: the store, the due list, how to reach an account's WeChat, its mini program and its mini store."""

    store: OrderStore
    due: DueList
    reach: ReachFor
    mini_program: AppFor
    mini_store: AppFor
    report: Report
    now: int

    def look(self, item: Item) -> bool:
        """ReportedPayment a due shipment and tell WeChat of it; False where somebody else does it.

        Raises a CountersignError after putting the shipment back for a later time.
        """
        if not self.due.lease(item, now=self.now, seconds=LEASE_SECONDS):
            return False
        looks = codec.as_number(item, "attempts") or 0
        try:
            again = self._work(keys.order_key(item["pk"]["S"]), child_of(item).shipment_id, looks)
        except CountersignError:
            self.due.reschedule(item, at=retry_shipment_at(looks, self.now), leased=self.now + LEASE_SECONDS)
            raise
        # What was recorded meanwhile has put the shipment in its place already: then neither of these does anything.
        if again is None:
            self.due.complete(item, leased=self.now + LEASE_SECONDS)
        else:
            self.due.reschedule(item, at=again, leased=self.now + LEASE_SECONDS)
        return True

    def _work(self, key: OrderKey, shipment_id: str, looks: int) -> int | None:
        order = self.store.get(key)
        # In the sequence in which they were recorded; of one second, what completes the order comes last.
        shipments = tuple(sorted(self.store.shipments(key), key=lambda known: (known.requested_at, known.complete)))
        shipment = next((known for known in shipments if known.shipment_id == shipment_id), None)
        if order is None or shipment is None:
            return None
        reach = self.reach(key.account)
        if shipment.status == "needs_action":
            return self._look_at_question(order, shipment, reach.settings)
        if shipment.status != "recorded":
            return None
        older = shipments[: shipments.index(shipment)]
        if any(known.status == "recorded" for known in older):
            return self.now + PAUSE_SECONDS
        try:
            told = self._told(order, shipment, shipments, looks, reach)
        except _NeedsPersonError as error:
            self._record(order, shipment, "needs_action", reach.settings, problem=str(error))
            return None
        except MiniProgramRefusedError as error:
            return self._refused(order, shipment, error.code, looks, reach.settings)
        if not told:
            return self.now + PAUSE_SECONDS
        self._close_questions(order, shipment, older, reach.settings)
        self._record(order, shipment, "reported", reach.settings)
        return None

    def _close_questions(
        self, order: Order, shipment: Shipment, older: tuple[Shipment, ...], settings: Settings
    ) -> None:
        """Once WeChat has the whole order, no earlier shipment waits for a person any more."""
        for known in older if shipment.complete else ():
            if known.status == "needs_action":
                self._record(order, known, "superseded", settings, problem=known.problem)

    def _look_at_question(self, order: Order, shipment: Shipment, settings: Settings) -> int | None:
        """See whether a person has shipped in a console what waited for one; nothing is told WeChat."""
        try:
            status = self._became_elsewhere(order, shipment, settings)
        except MiniProgramRefusedError:
            status = ""
        if not status:
            return next_shipment_step(shipment, self.now)
        problem = shipment.problem if status == "superseded" else ""
        self._record(order, shipment, status, settings, problem=problem)
        return None

    def _became_elsewhere(self, order: Order, shipment: Shipment, settings: Settings) -> str:
        numbers = {parcel.tracking_no for parcel in shipment.parcels if parcel.tracking_no}
        if order.terms.system == STORE:
            if settings.store is None:
                return ""
            sold = self._store_order(self.mini_store(settings), order.key.order_id, settings.store.order_path)
            ours, shipped = numbers <= set(sold.waybills), sold.status in store_orders.SHIPPED
            return ("reported" if ours else "superseded") if shipped else ""
        if settings.mini_program_secret is None or order.payment is None:
            return ""
        seen = self._seen(self.mini_program(settings), order.payment.transaction_id)
        if seen is None or not (seen.shipped or seen.has(shipment)):
            return ""
        return "reported" if seen.has(shipment) else "superseded"

    def _told(
        self, order: Order, shipment: Shipment, shipments: tuple[Shipment, ...], looks: int, reach: Reach
    ) -> bool:
        """Tell whom it concerns; False while another call about the order may still travel."""
        if order.terms.system == STORE:
            return self._tell_store(order, shipment, reach.settings)
        reported = tuple(known for known in shipments if known.status == "reported")
        # Shipping management is for payments made in mini programs: for others there is nobody to tell.
        if order.terms.method != "jsapi" or shipping.repeats(shipment, reported):
            return True
        if obstacle := shipping.obstacle(shipment, reported):
            raise _NeedsPersonError(obstacle)
        if reach.settings.mini_program_secret is None:
            raise _NeedsPersonError(shipping.NO_SECRET)
        transaction = self._transaction(order, reach)
        program = self.mini_program(reach.settings)
        # After any doubt WeChat is asked first: telling it again what it has would use up the chance to correct it.
        if looks and self._is_known(program, transaction.transaction_id, shipment, reported):
            return True
        if not self._turn(order.key):
            return False
        body = shipping.upload(
            shipment,
            reported,
            transaction_id=transaction.transaction_id,
            openid=transaction.openid,
            goods=order.terms.description or order.key.order_id,
            now=self.now,
        )
        try:
            program.call(shipping.UPLOAD, body)
        except MiniProgramRefusedError as error:
            if not shipping.is_done(error.code):
                raise
        return True

    def _transaction(self, order: Order, reach: Reach) -> Transaction:
        """Ask for the payment: who paid is in no record of ours."""
        system = (order.payment.system if order.payment else "") or order.terms.system
        answer = reach.client.query(order.key.order_id, system=system)
        if answer is None:
            raise _NeedsPersonError(shipping.NOT_PAID)
        transaction = answer.message
        change = translate.transaction_to_change(
            transaction,
            reach.settings,
            order.key.account,
            system=system,
            via="query",
            trust=Queried(answer.key_id),
            now=self.now,
        )
        if not isinstance(change.fact, Paid):
            raise _NeedsPersonError(shipping.NOT_PAID)
        if transaction.appid not in ("", reach.settings.appid):
            raise _NeedsPersonError(shipping.OTHER_APP)
        if not transaction.openid:
            raise _NeedsPersonError(shipping.NO_OPENID)
        return transaction

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

    def _tell_store(self, order: Order, shipment: Shipment, settings: Settings) -> bool:
        if settings.store is None:
            raise _NeedsPersonError(shipping.NO_STORE)
        program = self.mini_store(settings)
        seen = self._store_order(program, order.key.order_id, settings.store.order_path)
        if seen.status in store_orders.SHIPPED:
            return True
        if obstacle := shipping.store_obstacle(shipment, seen):
            raise _NeedsPersonError(obstacle)
        if not self._turn(order.key):
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

    def _turn(self, key: OrderKey) -> bool:
        return acquire_slot(self.store.client, self.store.table, key, "ship", now=self.now, pause=PAUSE_SECONDS)

    def _refused(self, order: Order, shipment: Shipment, code: int, looks: int, settings: Settings) -> int | None:
        if self.now < shipment.requested_at + SHIPMENT_PATIENCE:
            if code in shipping.OF_THE_ACCOUNT:
                # All shipments of the account wait for one person: an alarm calls for them.
                raise KeysUnavailableError(shipping.problem(code))
            if code == shipping.UNKNOWN_PAYMENT:
                return retry_shipment_at(looks, self.now)
        self._record(order, shipment, "needs_action", settings, problem=shipping.problem(code))
        return None

    def _record(self, order: Order, shipment: Shipment, status: str, settings: Settings, *, problem: str = "") -> None:
        fact = ShipmentReported(shipment.shipment_id, status, problem, self.now)
        change = Change(order.key, fact, Queried(), "ship", settings.mchid, order.terms.system)
        self.report(self.store.record(change, now=self.now))
