"""Roles, through the gateway: a token has what its client asks for, less what its bearer's role lacks.

Once as Cognito makes it, with the code of the claims trigger as it is deployed, and once from another issuer, whose
claims the template's parameters name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.testing import ROOT, Sandbox, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = (
    "payments:write",
    "orders:read",
    "orders:ship",
    "refunds:request",
    "refunds:approve",
    "evidence:read",
    "payments:link",
    "operate",
)
REFUND = "/orders/wechat/shop/ROLE-0001/refunds"
Json = dict[str, Any]


@pytest.fixture(scope="module", params=[False, True], ids=["as Cognito", "of another issuer"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with running_sandbox(ROOT / "tests/accounts", foreign=request.param) as running:
        yield running


def token(sandbox: Sandbox, *roles: str, subject: str = "anna") -> str:
    return sandbox.token(*ALL, roles=list(roles), subject=subject, name=subject.title(), accounts=["wechat/shop"])


def test_M5_a_token_of_role_shop_is_403_at_approve_although_its_client_asks_for_the_scope(sandbox: Sandbox) -> None:
    machine = sandbox.token("payments:write", "orders:read", client=True)
    body = {
        "order_id": "ROLE-0001",
        "amount": {"minor": 8800, "currency": "CNY"},
        "description": "Milk tea",
        "payer": {"openid": "oPayer00000000000000000000001"},
    }
    assert sandbox.api("POST", "/wechat/shop/payments", body, token=machine).status == 201
    sandbox.control("POST", "/wechat/_control/pay", {"account": "shop", "out_trade_no": "ROLE-0001"})
    wish = {"amount": {"minor": 100, "currency": "CNY"}, "reason": "leaked"}
    asked = sandbox.api("POST", REFUND, wish, token=token(sandbox, "support", subject="sue"))
    assert asked.status == 201, asked.body
    approve = f"{REFUND}/{asked.json()['refund_id']}/approve"

    refused = [
        sandbox.api("POST", approve, token=token(sandbox, *roles)).status
        for roles in (["shop"], ["support"], ["operator"], ["chief"], [])
    ]
    allowed = sandbox.api("POST", approve, token=token(sandbox, "shop", "finance"))

    assert refused == [403] * 5
    assert (allowed.status, allowed.json()["status"]) == (200, "approved")


def test_a_person_is_told_who_they_are_and_what_they_may(sandbox: Sandbox) -> None:
    told = sandbox.api("GET", "/me", token=token(sandbox, "shop")).json()

    assert (told["name"], told["person"], told["roles"]) == ("Anna", True, ["shop"])
    assert told["accounts"] == ["wechat/shop"]
    assert told["scopes"] == ["orders:read", "orders:ship", "payments:link", "refunds:request"]


def test_a_machine_has_no_role_and_its_clients_scopes(sandbox: Sandbox) -> None:
    told = sandbox.api("GET", "/me", token=sandbox.token("orders:read", client=True, roles=["admin"])).json()

    assert (told["person"], told["scopes"]) == (False, ["orders:read"])
