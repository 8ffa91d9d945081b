"""A payments app's sessions, killed at each external call, and what Shopify, buyers and workers do afterwards."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests.crash.scenarios import LEASE_SECONDS, RECORD, Scenario
from tests.crash.world_sessions import (
    BY_CODE_REFERENCE,
    REFERENCE,
    SHOP,
    SessionsWorld,
    ShownWorld,
    sessions_world,
    shown_world,
)

if TYPE_CHECKING:
    from sandbox.testing import Run

POLLED_SECONDS = 7300  # later than the payment could be paid: the last time at which its cashier is asked of itself
_scenario = functools.partial(Scenario, world=sessions_world)
_confirmed = functools.partial(Scenario, world=functools.partial(sessions_world, confirm=True))
_shown = functools.partial(Scenario, world=shown_world)


def _ask_again(stage: SessionsWorld, _: Any) -> list[Run]:
    stage.advance(5)  # the first step of Shopify's retry table
    return [stage.ask(stage.payment)]


def _open_again(stage: SessionsWorld, _: Any) -> list[Run]:
    stage.advance(31)
    return [stage.visit()]


def _work_again(stage: SessionsWorld, _: Any) -> list[Run]:
    later = []
    for seconds in (LEASE_SECONDS, LEASE_SECONDS):
        stage.advance(seconds)
        later.append(stage.work())
    return later


def _void_again(stage: SessionsWorld, _: Any) -> list[Run]:
    """Let the worker come, and who polls the cashier, until nothing is due: what is let go is closed here."""
    later = _work_again(stage, None)
    for seconds in (POLLED_SECONDS, POLLED_SECONDS):
        stage.advance(seconds)
        later.append(stage.work("CashierPoll"))
    return later


def _refund_again(stage: SessionsWorld, _: Any) -> list[Run]:
    """Let the desk and the worker come in turn until the money went back and Shopify knows."""
    later = []
    for _turn in range(3):
        stage.advance(LEASE_SECONDS)
        later += [stage.work(), stage.work("CashierRefund")]
    stage.advance(LEASE_SECONDS)
    return [*later, *_work_again(stage, None)]


def _after(about: str, number: str, *, held: bool = False, amount: str = "", captured: str = "") -> Any:
    """Return how a session comes to be asked for about a payment that was made, or is held and captured in part."""

    def prepare(stage: SessionsWorld) -> Any:
        stage.paid(**({"kind": "authorization"} if held else {}))
        if captured:
            first = stage.wanted("capture", "killed-c000", payment=stage.payment.body["id"], amount=captured)
            stage.made(stage.ask(first), stage.told())
            assert first.told == ["Resolve"]
            stage.advance(1)
        asked = stage.wanted(about, number, payment=stage.payment.body["id"], **({"amount": amount} if amount else {}))
        stage.made(stage.ask(asked))
        return asked

    return prepare


def _paid_unheard(stage: SessionsWorld) -> None:
    stage.asked_and_opened()
    stage.pays()


def _held_unheard(stage: SessionsWorld) -> None:
    stage.asked_and_opened(kind="authorization")
    stage.pays()


def _refund_made(stage: SessionsWorld) -> Any:
    asked = _after("refund", "killed-r001", amount="30.00")(stage)
    stage.made(stage.told(), stage.told(function="CashierRefund", word="refund.approved"))
    return asked


def _held_for_a_word(stage: SessionsWorld) -> None:
    stage.asked_and_opened()
    stage.pays()


def _until(stage: SessionsWorld, told: str) -> None:
    """Let the worker come until Shopify knows: on a busy machine a call of before may have been given up."""
    for _turn in range(5):
        if stage.payment.told != [told]:
            stage.advance(LEASE_SECONDS)
            stage.made(stage.work())
    assert stage.payment.told == [told]


def _asked_for_a_word(stage: SessionsWorld) -> None:
    _held_for_a_word(stage)
    stage.made(stage.told())
    _until(stage, "Confirm")


def _given_a_word(accepted: bool) -> Any:
    def prepare(stage: SessionsWorld) -> None:
        _asked_for_a_word(stage)
        stage.made(stage.confirm(accepted))

    return prepare


def _shown_nowhere(stage: ShownWorld) -> None:
    stage.made(stage.ask(stage.payment))
    stage.shopify.faults({"no_modal": 100})


def _scanned_unheard(stage: ShownWorld) -> None:
    stage.made(stage.ask(stage.payment), stage.seen())
    _until(stage, "Modal")
    stage.scans()


def _close_again(stage: ShownWorld, _: Any) -> list[Run]:
    """Let the worker come until WeChat lets the payment be closed, which it does after five minutes."""
    later = []
    for _turn in range(4):
        stage.advance(LEASE_SECONDS)
        later.append(stage.work())
    return later


def _say_again(stage: SessionsWorld, _: Any) -> list[Run]:
    stage.advance(5)
    return [stage.confirm(True), *_work_again(stage, None)]


def _told(stage: SessionsWorld, _: Any, crash: dict[str, Any] | None) -> Run:
    return stage.told(crash)


READ, QUERY, UPDATE = "dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.UpdateItem"
SECRET = "secretsmanager.GetSecretValue"
PAYMENTS = "/cashier/hc1/v1/payments"
PAYMENT = f"{PAYMENTS}/{REFERENCE}"
BEGUN = (
    READ,  # which checkout the payment is for
    *(QUERY, UPDATE),  # its sessions are due now
    *(QUERY, UPDATE),  # lease
    READ,
)
ABOUT = (READ, QUERY)  # the payment that it is about, and what was asked for before
OF_SALE = (
    *(READ, QUERY, UPDATE, UPDATE),  # the payment's session is looked at too: money may have come beside what counts
    *(QUERY, UPDATE),
    *(READ, READ, READ, READ),  # it, its attempts, and it again
    UPDATE,  # nothing is due of it
    *(UPDATE, READ),
)
PAYING = (READ, READ)  # the checkout's attempts
LOADED = (READ, SECRET, READ)  # the session as it is decided; the app, and whether the shop lets it in
GRAPHQL = f"http.POST /shopify/{SHOP}/payments_apps/api/2026-10/graphql.json"
TOLD = (GRAPHQL, *RECORD, UPDATE)  # Shopify took it, and nothing is due
PAID = (GRAPHQL, *RECORD, *(READ, READ), UPDATE)  # and no money came by another attempt
AT_WECHAT = "/wechat/v3/pay/transactions"
BY_CODE = f"{AT_WECHAT}/out-trade-no/{BY_CODE_REFERENCE}"
SHOWN = (
    *(QUERY, UPDATE),  # the checkout's sessions are due now
    *(QUERY, UPDATE),  # lease
    READ,
    SECRET,  # where it is paid
    READ,  # no attempt yet
    READ,
    SECRET,  # whether the app is in the shop still
    QUERY,  # the checkout's other sessions
    SECRET,  # WeChat's account
    READ,
    *RECORD,  # opened
    f"http.POST {AT_WECHAT}/native",
    *RECORD,  # prepared
    QUERY,  # orphans
    "sqs.SendMessageBatch",
    READ,  # what the window shows
    *RECORD,  # what Shopify will be told
    *(READ, READ),
    GRAPHQL,
)
ASKED_FIRST = (*BEGUN, *(READ, READ), SECRET, f"http.GET {PAYMENT}", READ)  # money is held there, as before
SCENARIOS = {
    "payments app, session": _scenario(
        (
            SECRET,
            *(READ, READ),  # whether it is known, and whether another session of the checkout was paid
            *RECORD,
            *(READ, READ),  # as all copies are answered
            *("dynamodb.PutItem",) * 2,  # which accounts there are
        ),
        lambda _: None,
        lambda stage, _, crash: stage.ask(stage.payment, crash),
        _ask_again,
    ),
    "payments app, page": _scenario(
        (
            *(READ, READ),  # the session
            *(READ, READ),  # who was paid; no attempt yet
            SECRET,  # whether the app is in the shop still
            QUERY,  # the checkout's other sessions
            SECRET,  # the cashier's account
            READ,
            *RECORD,  # opened
            f"http.POST {PAYMENTS}",
            *RECORD,  # prepared
            QUERY,  # orphans
            "sqs.SendMessageBatch",
        ),
        lambda stage: stage.made(stage.ask(stage.payment)),
        lambda stage, _, crash: stage.visit(crash),
        _open_again,
    ),
    "payments app, resolve": _scenario(
        (
            *BEGUN,
            *(READ, READ),  # the checkout's attempts
            SECRET,
            f"http.GET {PAYMENT}",
            *RECORD,  # it is paid
            UPDATE,  # this session counts
            *RECORD,  # so is the checkout
            *RECORD,  # what Shopify will be told
            *LOADED,
            *PAID,
        ),
        _paid_unheard,
        _told,
        _work_again,
    ),
    "payments app, resolve, held": _scenario(
        (
            *BEGUN,
            *(READ, READ),
            SECRET,
            f"http.GET {PAYMENT}",
            *(READ, "dynamodb.PutItem"),  # it is not paid
            UPDATE,
            SECRET,  # whether Shopify is asked first, and for how long it is held
            *RECORD,  # money is held
            *RECORD,
            *(READ, READ),
            *TOLD,
        ),
        _held_unheard,
        _told,
        _work_again,
    ),
    "payments app, refund": _scenario(
        (*OF_SALE, *ABOUT, *PAYING, *(READ, READ), *RECORD, READ, *RECORD, READ, UPDATE),  # asked for, and approved
        _after("refund", "killed-r001", amount="30.00"),
        _told,
        _refund_again,
    ),
    "payments app, refund made": _scenario(
        (*OF_SALE, *ABOUT, *PAYING, *(READ, READ), *RECORD, *RECORD, *LOADED, *TOLD),
        _refund_made,
        _told,
        _work_again,
    ),
    "payments app, refund of a part": _scenario(
        (
            *(*BEGUN, *ABOUT, *PAYING, READ, QUERY),
            *RECORD,  # it is begun here
            SECRET,
            f"http.POST {PAYMENT}/refunds",
            *RECORD,  # it was made
            *RECORD,
            *LOADED,
            *TOLD,
        ),
        _after("refund", "killed-r001", held=True, amount="30.00", captured="60.00"),
        _told,
        _work_again,
    ),
    "payments app, refund refused": _scenario(
        (*OF_SALE, *ABOUT, *PAYING, *(READ, READ), READ, READ, SECRET, *RECORD, *(READ, READ), *TOLD),
        _after("refund", "killed-r001", amount="100.01"),
        _told,
        _work_again,
    ),
    "payments app, capture": _scenario(
        (
            *(*BEGUN, *ABOUT, *PAYING, QUERY),
            SECRET,
            f"http.POST {PAYMENT}/captures",
            *RECORD,  # what is held still
            *RECORD,  # what is paid
            *RECORD,
            *LOADED,
            *TOLD,
        ),
        _after("capture", "killed-c001", held=True, amount="60.00"),
        _told,
        _work_again,
    ),
    "payments app, void": _scenario(
        (
            *(*BEGUN, *ABOUT, *PAYING, QUERY),
            SECRET,
            f"http.GET {PAYMENT}",  # nothing was captured by whatever way
            f"http.POST {PAYMENT}/void",
            *RECORD,
            *RECORD,  # nothing is held
            UPDATE,  # nobody needs a warning
            *RECORD,
            *LOADED,
            *TOLD,
        ),
        _after("void", "killed-v001", held=True),
        _told,
        _void_again,
    ),
    "payments app, confirm": _confirmed(
        (
            *(*ASKED_FIRST, "dynamodb.PutItem"),  # it is not paid
            SECRET,  # whether Shopify is asked first
            UPDATE,  # this session counts
            *RECORD,  # that it is asked
            *(READ, READ),
            *TOLD,
        ),
        _held_for_a_word,
        _told,
        _work_again,
    ),
    "payments app, word": _confirmed(
        (SECRET, *(READ, READ), *RECORD),
        _asked_for_a_word,
        lambda stage, _, crash: stage.confirm(True, crash),
        _say_again,
    ),
    "payments app, confirmed": _confirmed(
        (
            *(*ASKED_FIRST, SECRET, UPDATE),
            f"http.POST {PAYMENT}/captures",
            f"http.GET {PAYMENT}",
            *RECORD,  # it is paid
            UPDATE,  # this session counts
            *RECORD,  # so is the checkout
            *RECORD,  # what Shopify will be told
            *(READ, READ),
            *PAID,
        ),
        _given_a_word(True),
        _told,
        _work_again,
    ),
    "payments app, unconfirmed": _confirmed(
        (
            *(*ASKED_FIRST, SECRET, UPDATE),
            f"http.GET {PAYMENT}",  # nothing was captured by whatever way
            f"http.POST {PAYMENT}/void",
            *RECORD,  # nothing is held
            *RECORD,
            *(READ, READ),
            *PAID,
        ),
        _given_a_word(False),
        _told,
        _void_again,
    ),
    "payments app, window": _shown(
        (*SHOWN, *RECORD, UPDATE),
        lambda stage: stage.made(stage.ask(stage.payment)),
        lambda stage, _, crash: stage.seen(crash),
        _work_again,
    ),
    "payments app, window refused": _shown(
        (
            *SHOWN,
            *(READ, READ),
            SECRET,
            f"http.POST {BY_CODE}/close",
            f"http.GET {BY_CODE}",
            *RECORD,
            *RECORD,  # what Shopify will be told at once, by the next run
            UPDATE,
        ),
        _shown_nowhere,
        lambda stage, _, crash: stage.seen(crash),
        _close_again,
    ),
    "payments app, scanned": _shown(
        (
            *(READ, QUERY, UPDATE),  # which checkout the payment is for, whose sessions are due now
            *(QUERY, UPDATE),
            *(READ, SECRET),
            *(READ, READ),  # the checkout's attempts
            SECRET,
            f"http.GET {BY_CODE}",
            *RECORD,  # it is paid
            UPDATE,  # this session counts
            *RECORD,  # so is the checkout
            *RECORD,  # what Shopify will be told
            *LOADED,
            *PAID,
        ),
        _scanned_unheard,
        _told,
        _work_again,
    ),
}
