"""Douyin's functions, killed at each of their external calls, and what everybody else does afterwards."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from countersign.money import Money
from countersign.orders.changes import Change, Operator, Parcel, RefundDecided, RefundRequested, ShipmentRequested
from countersign.platforms.douyin.translate import user_refund_number
from tests.crash.scenarios import (
    ACCOUNTS,
    DUE,
    IN_PROGRESS_SECONDS,
    LEASE_SECONDS,
    MISSING,
    OUTBOX_SECONDS,
    RECORD,
    Scenario,
)
from tests.crash.world_douyin import KEY, PERIOD, DouyinWorld, douyin_world

if TYPE_CHECKING:
    from sandbox.simulators.douyin.postman import Delivery
    from sandbox.testing import Run

REFUND_ID = "rfcrash"
BILL_HOUR = 20 * 3600  # from noon to a moment when the day's bill is there
Crash = dict[str, Any] | None

_scenario = functools.partial(Scenario, world=douyin_world)


def _repeat_create(stage: DouyinWorld, _: None) -> list[Run]:
    stage.advance(IN_PROGRESS_SECONDS)
    return [stage.create()]


def _pay(stage: DouyinWorld) -> Delivery:
    stage.opened("ecpay")
    return stage.paid_at_douyin()


def _user_asks(stage: DouyinWorld) -> Delivery:
    stage.paid("trade")
    stage.happens("user_refund", amount=1000)
    return stage.posted.pop()


def _redeliver(stage: DouyinWorld, delivery: Delivery) -> list[Run]:
    stage.advance(15)  # the first step of Douyin's retry table
    again = stage.callback(delivery)
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.work("Sweep")]


def _pay_unheard(stage: DouyinWorld) -> None:
    _pay(stage)
    stage.advance(11)


def _poll_again(stage: DouyinWorld, _: None) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    return [stage.work("DouyinPoll")]


def _refund_approved(stage: DouyinWorld, system: str) -> None:
    stage.paid(system)
    asked = RefundRequested(REFUND_ID, Money(1000, "CNY"), "too small", stage.now)
    stage.recorded(Change(KEY, asked, Operator("ben"), "operator"))
    _judge(stage, REFUND_ID)


def _judge(stage: DouyinWorld, refund_id: str) -> None:
    stage.recorded(Change(KEY, RefundDecided(refund_id, True, stage.now), Operator("anna"), "operator"))


def _user_refund_approved(stage: DouyinWorld) -> None:
    stage.callback(_user_asks(stage))
    (refund,) = stage._platform.ledger.trades()[0].refunds
    _judge(stage, user_refund_number(refund.refund_id))


def _refund_again(stage: DouyinWorld, _: None) -> list[Run]:
    """Let the schedule come; later the money has gone back, its callback is lost, and the schedule comes again."""
    stage.advance(LEASE_SECONDS)
    again = stage.work("DouyinRefund")
    stage.advance(60)
    stage.douyin_goes_on()
    stage.advance(7200)
    return [again, stage.work("DouyinRefund")]


def _to_be_settled(stage: DouyinWorld) -> None:
    stage.paid("ecpay", settle=True)
    stage.advance(PERIOD)


def _settle_again(stage: DouyinWorld, _: None) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    again = stage.work("DouyinSettle")
    stage.advance(60)
    stage.douyin_goes_on()
    stage.advance(7200)
    return [again, stage.work("DouyinSettle")]


def _to_be_told(stage: DouyinWorld) -> None:
    stage.paid("ecpay", payer="_000PayerOnADevice")


def _to_be_shipped(stage: DouyinWorld) -> None:
    stage.paid("trade")
    parcel = (Parcel("shunfeng", "SF1234567890"),)
    asked = ShipmentRequested("shcrash", "express", parcel, complete=True, at=stage.now)
    stage.recorded(Change(KEY, asked, Operator("ben"), "operator"))


def _ship_again(stage: DouyinWorld, _: None) -> list[Run]:
    stage.advance(LEASE_SECONDS)
    return [stage.work("DouyinShip")]


def _bill_with_a_stranger(stage: DouyinWorld) -> None:
    stage.paid("ecpay")
    stage.known_at_douyin("STRANGER", "ecpay")
    stage.happens("pay", out_order_no="STRANGER")
    stage.advance(BILL_HOUR)


def _bill_again(stage: DouyinWorld, _: None) -> list[Run]:
    stage.advance(1800)
    again = stage.work("DouyinBill")
    stage.advance(OUTBOX_SECONDS)
    return [again, stage.work("Sweep")]


ECPAY = "http.POST /douyin/api/apps/ecpay/v1"
TRADE = "http.POST /douyin/api/trade_basic/v1/developer"
KEYS = "secretsmanager.GetSecretValue"
CLAIM = SLOT = LATER = "dynamodb.UpdateItem"
TOKEN = ("dynamodb.BatchGetItem", "dynamodb.UpdateItem", "http.POST /douyin/oauth/client_token/", "dynamodb.PutItem")
APP_TOKEN = (*TOKEN[:2], "http.POST /douyin/api/apps/v2/token", TOKEN[-1])

SCENARIOS = {
    "douyin create": _scenario(
        (
            KEYS,
            "dynamodb.PutItem",  # Idempotency-Key: in progress
            "dynamodb.BatchGetItem",
            *RECORD,  # opened
            f"{ECPAY}/create_order",
            *RECORD,  # prepared
            "dynamodb.Query",  # orphans
            "sqs.SendMessageBatch",
            "dynamodb.UpdateItem",  # Idempotency-Key: the answer
            ACCOUNTS,
        ),
        lambda _: None,
        lambda stage, _, crash: stage.create(crash),
        _repeat_create,
    ),
    "douyin callback, paid": _scenario(
        (KEYS, *RECORD, ACCOUNTS),
        _pay,
        lambda stage, delivery, crash: stage.callback(delivery, crash),
        _redeliver,
    ),
    "douyin callback, user's refund": _scenario(
        (
            KEYS,
            *RECORD,
            ACCOUNTS,
        ),
        _user_asks,
        lambda stage, delivery, crash: stage.callback(delivery, crash),
        _redeliver,
    ),
    "douyin poll": _scenario(
        (
            "dynamodb.BatchGetItem",
            CLAIM,
            KEYS,
            SLOT,
            f"{ECPAY}/query_order",
            *RECORD,
            "dynamodb.Query",  # orphans
            LATER,
        ),
        _pay_unheard,
        lambda stage, _, crash: stage.woken(crash),
        _poll_again,
    ),
    "douyin refund, ecpay": _scenario(
        (
            "dynamodb.Query",  # what is due of the order
            CLAIM,
            "dynamodb.BatchGetItem",
            KEYS,
            "dynamodb.BatchGetItem",  # whether the account rests
            SLOT,
            f"{ECPAY}/query_platform_order",
            f"{ECPAY}/create_refund",
            *RECORD,
            "dynamodb.BatchGetItem",
            LATER,
        ),
        lambda stage: _refund_approved(stage, "ecpay"),
        lambda stage, _, crash: stage.told("DouyinRefund", "refund.approved", crash),
        _refund_again,
    ),
    "douyin refund, trade": _scenario(
        (
            "dynamodb.Query",
            CLAIM,
            "dynamodb.BatchGetItem",
            KEYS,
            "dynamodb.BatchGetItem",
            SLOT,
            *TOKEN,
            f"{TRADE}/settle_query/",
            *(SLOT, SLOT),  # the next one, as the first was taken at this very moment
            "dynamodb.BatchGetItem",  # the token that is there
            f"{TRADE}/order_query/",
            "dynamodb.BatchGetItem",
            f"{TRADE}/refund_create/",
            *RECORD,
            "dynamodb.BatchGetItem",
            LATER,
        ),
        lambda stage: _refund_approved(stage, "trade"),
        lambda stage, _, crash: stage.told("DouyinRefund", "refund.approved", crash),
        _refund_again,
    ),
    "douyin refund audit": _scenario(
        (
            "dynamodb.Query",
            CLAIM,
            "dynamodb.BatchGetItem",
            KEYS,
            *TOKEN,
            f"{TRADE}/refund_audit_callback/",
            *RECORD,
            "dynamodb.BatchGetItem",
            LATER,
        ),
        _user_refund_approved,
        lambda stage, _, crash: stage.told("DouyinRefund", "refund.approved", crash),
        _refund_again,
    ),
    "douyin settle": _scenario(
        (
            *DUE,
            CLAIM,
            "dynamodb.BatchGetItem",
            KEYS,
            SLOT,
            f"{ECPAY}/query_platform_order",
            "dynamodb.BatchGetItem",
            *RECORD,  # who gets what
            f"{ECPAY}/settle",
            *RECORD,
            LATER,
            *("dynamodb.Query",) * 2,
        ),
        _to_be_settled,
        lambda stage, _, crash: stage.work("DouyinSettle", crash),
        _settle_again,
    ),
    "douyin ship, order sync": _scenario(
        (
            *DUE,
            CLAIM,
            "dynamodb.BatchGetItem",
            KEYS,
            *("dynamodb.Query",) * 2,  # refunds and shipments
            "dynamodb.BatchGetItem",  # what Douyin was told
            "dynamodb.UpdateItem",  # the stamp
            *APP_TOKEN,
            "http.POST /douyin/api/apps/order/v2/push",
            *("dynamodb.UpdateItem",) * 2,  # it was told, and nothing is due any more
            *("dynamodb.Query",) * 2,
        ),
        _to_be_told,
        lambda stage, _, crash: stage.work("DouyinShip", crash),
        _ship_again,
    ),
    "douyin ship, trade": _scenario(
        (
            "dynamodb.Query",
            CLAIM,
            "dynamodb.BatchGetItem",
            "dynamodb.Query",  # shipments
            KEYS,
            SLOT,
            *TOKEN,
            f"{TRADE}/order_query/",
            "dynamodb.BatchGetItem",
            f"{TRADE}/fulfill_push_status/",
            *RECORD,
            "dynamodb.UpdateItem",
        ),
        _to_be_shipped,
        lambda stage, _, crash: stage.told("DouyinShip", "shipment.created", crash),
        _ship_again,
    ),
    "douyin bill": _scenario(
        (
            "secretsmanager.ListSecrets",
            KEYS,
            "dynamodb.BatchGetItem",  # which days are done
            "dynamodb.UpdateItem",  # the day is taken
            *("http.GET /douyin/api/apps/bills",) * 2,
            "dynamodb.Query",  # what was open
            "dynamodb.BatchGetItem",  # the bill's orders
            SLOT,
            f"{ECPAY}/query_order",
            "dynamodb.TransactWriteItems",  # the difference, and its event
            *MISSING,
            "dynamodb.PutItem",  # the day is done
        ),
        _bill_with_a_stranger,
        lambda stage, _, crash: stage.work("DouyinBill", crash),
        _bill_again,
    ),
}
