"""The merchant API: what people and the merchant's systems decide about orders; the refund desk."""

import os
import time
from functools import partial
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query

from countersign import aws
from countersign.api import activity, lookup, restore
from countersign.api import reconciliation as reports
from countersign.api.bodies import (
    BillOf,
    CancelWish,
    CaptureWish,
    Dismissal,
    Explained,
    Judgement,
    LinkWish,
    LookupWish,
    MarkPaidWish,
    NoteWish,
    NoticeAgain,
    RefundWish,
    Resolution,
    RestoreWish,
    Settlement,
    SettlementWish,
    ShipmentBatch,
    ShipmentWish,
    VoidWish,
)
from countersign.api.charges import ChargeService
from countersign.api.export import Exports
from countersign.api.instructions import InstructionService
from countersign.api.orders import OrderService, ShipmentOfOrder
from countersign.api.payment_links import PaymentLinkService
from countersign.api.refunds import RefundService
from countersign.api.routing import ORDER, REFUND, Json, MerchantApi, Name
from countersign.api.story import StoryService
from countersign.api.wake import wake, wake_bill
from countersign.orders.changes import OrderKey
from countersign.runtime.caller import Caller
from countersign.store import OrderStore
from countersign.store.journal import Deed
from countersign.store.lists import OrderLists
from countersign.store.notices import NoticeStore
from countersign.store.reconciliation import Day, ReconciliationStore

api = MerchantApi()
store = OrderStore.from_environment()
lists = OrderLists.from_environment()
notices = NoticeStore.from_environment()
bills = ReconciliationStore.from_environment()
events = aws.client("events")

DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
BATCH_SECONDS = 5  # of the ten that the function has: the last one begun may wait for the table
IdempotencyKey = Annotated[str, Header(max_length=255)]


def _desk() -> OrderService:
    waking = partial(wake, events, os.environ["EVENT_BUS_NAME"])
    return OrderService(store, lists, api.caller, int(time.time()), waking, language=api.language)


def _links() -> PaymentLinkService:
    table, base_url = os.environ["IDEMPOTENCY_TABLE_NAME"], os.environ["SHOPPER_BASE_URL"]
    return PaymentLinkService(store, table, api.caller, int(time.time()), base_url=base_url)


def _refund_desk() -> RefundService:
    return RefundService(store, lists, api.caller, int(time.time()), language=api.language)


@api.router.post(f"{ORDER}/refresh")
def refresh_order(platform: Name, account: Name, order_id: Name) -> tuple[Json, int]:
    """Have the platform asked about the order now."""
    return _desk().refresh(api.key(platform, account, order_id)), HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/close")
def close_order(platform: Name, account: Name, order_id: Name) -> tuple[Json, int]:
    """Close the order at the platform, as soon as the platform allows."""
    return _desk().close(api.key(platform, account, order_id)), HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/settlements")
def settle_order(platform: Name, account: Name, order_id: Name, wish: SettlementWish) -> tuple[Json, int]:
    """Settle the order as soon as its period is over; shares go to others than the seller."""
    shares = tuple((share.merchant_uid, share.amount.minor) for share in wish.shares)
    return _desk().settle(api.key(platform, account, order_id), shares), HTTPStatus.ACCEPTED


def _instructions() -> InstructionService:
    return InstructionService(store, api.caller, int(time.time()), language=api.language)


@api.router.post(f"{ORDER}/capture")
def capture_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[CaptureWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Have the platform take what is held for the order; its answer alone says that it did."""
    key, amount = api.key(platform, account, order_id), wish.amount.to_money() if wish.amount else None
    made = _instructions().capture(key, amount, transaction_id=wish.transaction_id, once=idempotency_key)
    return made, HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/void")
def void_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[VoidWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Have the platform let go what is held for the order."""
    key = api.key(platform, account, order_id)
    return _instructions().void(key, transaction_id=wish.transaction_id, once=idempotency_key), HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/cancel")
def cancel_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[CancelWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Have the platform cancel the order; what was paid goes back by a refund, not by this."""
    made = _instructions().cancel(
        api.key(platform, account, order_id),
        reason=wish.reason,
        restock=wish.restock,
        notify=wish.notify,
        note=wish.note,
        once=idempotency_key,
    )
    return made, HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/mark-paid")
def mark_order_paid(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[MarkPaidWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Have the platform mark as paid what a person says came another way; a second one agrees above a limit."""
    key = api.key(platform, account, order_id)
    return _instructions().mark_paid(key, wish.amount.to_money(), once=idempotency_key), HTTPStatus.ACCEPTED


@api.router.post(f"{ORDER}/shipments")
def ship_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[ShipmentWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Record a shipment; a worker tells the platform, and the buyer hears of it."""
    key = api.key(platform, account, order_id)
    shipment = _desk().ship(
        key, wish.method, wish.to_parcels(), complete=wish.complete, shared=wish.shared, once=idempotency_key
    )
    return shipment, HTTPStatus.CREATED


@api.router.post("/shipments/batch")
def ship_orders(wish: Annotated[ShipmentBatch, Body()], idempotency_key: IdempotencyKey = "") -> Json:
    """Record up to a hundred shipments; each line says by itself what became of it."""
    wanted = [
        ShipmentOfOrder(
            OrderKey(one.platform, one.account, one.order_id), one.method, one.to_parcels(), one.complete, one.shared
        )
        for one in wish.shipments
    ]
    answer = _desk().ship_many(wanted, until=time.monotonic() + BATCH_SECONDS, once=idempotency_key)
    for row in answer["results"]:
        if row["shipment"] is not None:
            deed = Deed("shipped", row["order_id"], row["shipment"]["shipment_id"])
            activity.add(lists, api.caller, row["platform"], row["account"], deed, now=int(time.time()))
    return answer


@api.router.post(f"{ORDER}/review/<review_id>/resolve")
def resolve_review(
    platform: Name, account: Name, order_id: Name, review_id: Name, answer: Resolution
) -> tuple[Json, int]:
    """Answer an open question: accept the payment, refund it, or dismiss the question.

    202 where a second person must say the same before it counts.
    """
    key, review_id = api.key(platform, account, order_id), api.decoded("review_id", review_id)
    order = _desk().resolve(key, review_id, decision=answer.decision, note=answer.note)
    is_open = any(question["review_id"] == review_id for question in order["review"])
    return order, HTTPStatus.ACCEPTED if is_open else HTTPStatus.OK


@api.router.post(f"{ORDER}/refunds")
def request_refund(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[RefundWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Ask for a refund; somebody else approves it."""
    key = api.key(platform, account, order_id)
    amount = wish.amount.to_money() if wish.amount else None
    refund = _refund_desk().request(key, amount, reason=wish.reason, source=wish.source, once=idempotency_key)
    return refund, HTTPStatus.CREATED


@api.router.post(f"{REFUND}/approve")
def approve_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, seen: Annotated[Judgement | None, Body()] = None
) -> Json:
    """Approve a refund that somebody else asked for; a worker makes it at the platform."""
    return _judge(api.key(platform, account, order_id), refund_id, approved=True, seen=seen)


@api.router.post(f"{REFUND}/reject")
def reject_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, seen: Annotated[Judgement | None, Body()] = None
) -> Json:
    """Reject a refund that somebody else asked for."""
    return _judge(api.key(platform, account, order_id), refund_id, approved=False, seen=seen)


def _judge(key: OrderKey, refund_id: str, *, approved: bool, seen: Judgement | None) -> Json:
    amount = seen.amount.to_money() if seen and seen.amount else None
    return _refund_desk().judge(key, api.decoded("refund_id", refund_id), approved=approved, amount=amount)


@api.router.post(f"{REFUND}/retry")
def retry_refund(platform: Name, account: Name, order_id: Name, refund_id: Name) -> Json:
    """Have the platform asked again under the same number, after its reason to refuse was mended."""
    return _refund_desk().retry(api.key(platform, account, order_id), api.decoded("refund_id", refund_id))


@api.router.post(f"{REFUND}/resolve")
def resolve_refund(
    platform: Name, account: Name, order_id: Name, refund_id: Name, done: Annotated[Settlement, Body()]
) -> Json:
    """Say what a person did about a refund that needed one."""
    key = api.key(platform, account, order_id)
    return _refund_desk().resolve(key, api.decoded("refund_id", refund_id), outcome=done.outcome, note=done.note)


def _story() -> StoryService:
    return StoryService(lists, api.caller, int(time.time()), language=api.language)


@api.router.post(f"{ORDER}/payment-link")
def make_payment_link(
    platform: Name, account: Name, order_id: Name, wish: Annotated[LinkWish, Body()]
) -> tuple[Json, int]:
    """Make a link by which somebody pays the order; the one before ends."""
    return _links().make(api.key(platform, account, order_id), wish.expires_in), HTTPStatus.CREATED


@api.router.delete(f"{ORDER}/payment-link")
def end_payment_link(platform: Name, account: Name, order_id: Name) -> Json:
    """End the order's payment link, if it has one."""
    return _links().end(api.key(platform, account, order_id))


@api.router.post(f"{ORDER}/notes")
def note_order(
    platform: Name,
    account: Name,
    order_id: Name,
    wish: Annotated[NoteWish, Body()],
    idempotency_key: IdempotencyKey = "",
) -> tuple[Json, int]:
    """Put a person's note beside the order, for good."""
    key = api.key(platform, account, order_id)
    return _story().note(key, wish.note, once=idempotency_key), HTTPStatus.CREATED


@api.router.post(f"{ORDER}/events/<event_id>/evidence")
def see_evidence(platform: Name, account: Name, order_id: Name, event_id: Name) -> Json:
    """Show the bytes that an event was made of; who looks is recorded beside the order and in the activity."""
    return _story().evidence(api.key(platform, account, order_id), api.decoded("event_id", event_id))


@api.router.post(f"{ORDER}/notices/<notice_id>/again")
def send_notice_again(
    platform: Name,
    account: Name,
    order_id: Name,
    notice_id: Name,
    looked: Annotated[NoticeAgain | None, Body()] = None,
) -> tuple[Json, int]:
    """Have a notice that has ended sent once more; of one that may have been sent somebody must have looked first."""
    key, number = api.key(platform, account, order_id), api.decoded("notice_id", notice_id)
    return _story().again(notices, key, number, seen=looked.seen if looked else ""), HTTPStatus.ACCEPTED


@api.router.post("/exceptions/<exception_id>/dismiss")
def dismiss_exception(exception_id: Annotated[str, Path(max_length=2048)], done: Annotated[Dismissal, Body()]) -> Json:
    """Take an orphan, quarantined news or a failed notice off the list; its row stays, and can still be redriven."""
    _desk().dismiss(api.decoded("exception_id", exception_id), note=done.note)
    return {"dismissed": True}


@api.router.post("/exceptions/<exception_id>/export")
def export_finding(
    exception_id: Annotated[str, Path(max_length=2048)],
    cursor: Annotated[str, Query(max_length=4, pattern="^[0-9]*$")] = "",
) -> Json:
    """Return all that is kept about what a finding names: the answer for a customer who wants to know.

    For people; each look is in the activity. The page whose cursor is null ends the document.
    """
    exports = Exports(store, lists, api.caller, int(time.time()), language=api.language)
    return exports.of_finding(api.decoded("exception_id", exception_id), cursor=cursor)


@api.router.post("/reconciliation/<account>/<date>/compare")
def compare_bill(
    account: Name, date: Annotated[str, Path(pattern=DAY)], wish: Annotated[BillOf, Body()]
) -> tuple[Json, int]:
    """Have a day's bill compared (again) by the platform's bill function; the report says how it ended."""
    day = Day(wish.platform, api.decoded("account", account), date)
    waking = partial(wake_bill, events, os.environ["EVENT_BUS_NAME"])
    platforms = os.environ["BILLS_PLATFORMS"]
    answer = reports.ask_again(bills, api.caller, day, wake=waking, platforms=platforms, now=int(time.time()))
    _add(day, "bill_comparison_asked", day.day)
    return answer, HTTPStatus.ACCEPTED


@api.router.post("/reconciliation/<account>/<date>/differences/<difference_id>/resolve")
def resolve_difference(
    account: Name, date: Annotated[str, Path(pattern=DAY)], difference_id: Name, done: Annotated[Explained, Body()]
) -> Json:
    """Say what a difference of a day's bill came from, where no later bill explains it; people only."""
    day, name = Day(done.platform, api.decoded("account", account), date), api.decoded("difference_id", difference_id)
    line = reports.resolve(bills, api.caller, day, name, note=done.note, now=int(time.time()), language=api.language)
    _add(day, "difference_resolved", line["order_id"] or "", name)
    return line


def _add(day: Day, what: str, *subject: str) -> None:
    activity.add(lists, api.caller, day.platform, day.account, Deed(what, *subject), now=int(time.time()))


@api.router.post("/lookup")
def look_up(wish: Annotated[LookupWish, Body()]) -> Json:
    """Find the newest orders by what a customer says; people only, and each look is in the activity."""
    return lookup.find(lists, api.caller, wish.account, wish.value, now=int(time.time()))


@api.router.post("/lookup/erase")
def erase_lookup(wish: Annotated[LookupWish, Body()]) -> Json:
    """Have no order found by what a customer said any more, for good."""
    return lookup.erase(lists, api.caller, wish.account, wish.value, now=int(time.time()))


@api.router.post("/charges/<account>/<charge_id>/retry")
def retry_charge(account: Name, charge_id: Name) -> tuple[Json, int]:
    """Have the platform try a failed charge again, once; it is read just before and afterwards."""
    names = api.decoded("account", account), api.decoded("charge_id", charge_id)
    desk = ChargeService(store, lists, api.caller, int(time.time()), language=api.language)
    return desk.retry(OrderKey(os.environ["CHARGES_PLATFORM"], *names)), HTTPStatus.ACCEPTED


@api.router.post("/accounts/<platform>/<account>/restore")
def restore_account(platform: Name, account: Name, wish: Annotated[RestoreWish, Body()]) -> tuple[Json, int]:
    """Have everything read anew that changed in a time, and proved read where the platform's list allows it.

    For people. The bus tells `subscription.restored` with the interval and how many were missing: 0.
    """
    since, until = (int(moment.timestamp()) for moment in (wish.since, wish.until))
    names = api.decoded("platform", platform), api.decoded("account", account)
    return restore.ask(lists, api.caller, *names, since, until, now=int(time.time())), HTTPStatus.ACCEPTED


def _record(event: Json, caller: Caller) -> None:
    names, charges = event.get("pathParameters") or {}, os.environ["CHARGES_PLATFORM"]
    activity.record(lists, caller, event["routeKey"], names, charges=charges, now=int(time.time()))


lambda_handler = api.handler(_record)
