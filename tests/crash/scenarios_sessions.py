"""A payments app's sessions, killed at each external call, and what Shopify, buyers and workers do afterwards."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests.crash.scenarios import LEASE_SECONDS, RECORD, Scenario
from tests.crash.world_sessions import REFERENCE, SHOP, SessionsWorld, sessions_world

if TYPE_CHECKING:
    from sandbox.testing import Run

POLLED_SECONDS = 7300  # later than the payment could be paid: the last time at which its cashier is asked of itself
_scenario = functools.partial(Scenario, world=sessions_world)


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
ABOUT = (*BEGUN, READ, QUERY)  # the payment that it is about, and what was asked for before
WINNER = (*(READ,) * 3,)  # the checkout's attempts, and which of its sessions counts
LOADED = (READ, SECRET, READ)  # the session as it is decided; the app, and whether the shop lets it in
GRAPHQL = f"http.POST /shopify/{SHOP}/payments_apps/api/2026-10/graphql.json"
TOLD = (GRAPHQL, *RECORD, UPDATE)  # Shopify took it, and nothing is due
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
            *(SECRET, SECRET),  # the app, and the cashier's account
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
            *TOLD,
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
        (*ABOUT, *WINNER, *(READ, READ), *RECORD, READ, *RECORD, READ, UPDATE),  # asked for, and approved
        _after("refund", "killed-r001", amount="30.00"),
        _told,
        _refund_again,
    ),
    "payments app, refund made": _scenario(
        (*ABOUT, *WINNER, *(READ, READ), *RECORD, *RECORD, *LOADED, *TOLD),
        _refund_made,
        _told,
        _work_again,
    ),
    "payments app, refund of a part": _scenario(
        (
            *(*ABOUT, *WINNER, READ, QUERY),
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
        (*ABOUT, *WINNER, *(READ, READ), READ, READ, SECRET, *RECORD, *(READ, READ), *TOLD),
        _after("refund", "killed-r001", amount="100.01"),
        _told,
        _work_again,
    ),
    "payments app, capture": _scenario(
        (
            *(*ABOUT, *WINNER, QUERY),
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
            *(*ABOUT, *WINNER, QUERY),
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
}
