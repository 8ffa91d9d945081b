"""Roles: what a person's client asks for is one thing, what the person's role allows another."""

from typing import Any

import pytest

from countersign.runtime.caller import from_claims
from countersign.runtime.roles import ROLES, allowed
from tests.infra.reading import nested

ALL = {
    *("payments:write", "orders:read", "orders:ship", "refunds:request", "refunds:approve", "payments:link"),
    *("evidence:read", "operate"),
}
FOREIGN = {"sub": "auth0|anna", "azp": "console", "https://shop.example/person": "yes", "scope": " ".join(sorted(ALL))}


def trigger() -> dict[str, Any]:
    """Return what the code of the claims trigger defines."""
    found: dict[str, Any] = {}
    code = nested()["Identity"]["Resources"]["TokenClaims"]["Properties"]["Code"]["ZipFile"]
    exec(compile(code, "identity.yaml", "exec"), found)  # noqa: S102 - our own template
    return found


def issued(groups: list[str], source: str = "TokenGeneration_HostedAuth") -> dict[str, Any]:
    """Return what Cognito is told about an access token, in the shape of its trigger V3."""
    event = {
        "triggerSource": source,
        "request": {
            "userAttributes": {"sub": "3f0c", "email": "anna@shop.example", "name": "Anna"},
            "groupConfiguration": {"groupsToOverride": groups},
            "scopes": [f"countersign/{scope}" for scope in ALL],
        },
        "response": {},
    }
    answer = trigger()["lambda_handler"](event, None)
    return dict(answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"])


def cognito(groups: list[str]) -> dict[str, str]:
    """Return the claims of a person's access token as the gateway hands them on, after the trigger."""
    told = issued(groups)
    asked = [f"countersign/{scope}" for scope in sorted(ALL)]
    claims = {
        name: f"[{' '.join(of)}]" if isinstance(of, list) else of for name, of in told["claimsToAddOrOverride"].items()
    }
    scope = " ".join(one for one in asked if one not in told["scopesToSuppress"])
    return {"sub": "3f0c", "username": "anna", "client_id": "spa", "scope": scope, **claims}


def test_the_trigger_and_the_functions_have_one_table():
    own = trigger()

    assert {role: frozenset(scopes) for role, scopes in own["ROLES"].items()} == dict(ROLES)
    assert set(own["SCOPES"]) == ALL == set(ROLES["admin"])


@pytest.mark.parametrize("role", ROLES)
def test_M5_a_role_takes_away_what_the_client_asks_for_and_the_role_lacks(role):
    caller = from_claims(cognito([f"role:{role}", "wechat/shop"]))

    assert caller.scopes == ROLES[role]
    assert (caller.accounts, caller.roles, caller.name) == (frozenset({"wechat/shop"}), (role,), "Anna")
    assert caller.is_person


@pytest.mark.parametrize("groups", [[], ["*"], ["role:"], ["role:chief"], ["finance"], ["ROLE:finance"]])
def test_somebody_without_a_role_may_do_nothing(groups):
    assert from_claims(cognito(groups)).scopes == frozenset()


def test_several_roles_add_up():
    assert from_claims(cognito(["role:shop", "role:finance"])).scopes == ROLES["shop"] | ROLES["finance"]


def test_a_machine_has_its_clients_scopes_and_no_role():
    told = issued([], "TokenGeneration_ClientCredentials")

    assert told == {"claimsToAddOrOverride": {"accounts": ["*"]}}


@pytest.fixture
def foreign(monkeypatch):
    monkeypatch.setenv("PERSON_CLAIM", "https://shop.example/person")
    monkeypatch.setenv("PERSON_VALUE", "yes")
    monkeypatch.setenv("ROLE_CLAIM", "https://shop.example/roles")
    monkeypatch.setenv("ACCOUNTS_CLAIM", "https://shop.example/accounts")
    monkeypatch.setenv("NAME_CLAIM", "nickname")


@pytest.mark.parametrize("role", ROLES)
def test_M5_another_issuers_token_is_bounded_by_the_claim_that_the_parameters_name(foreign, role):
    claims = {"https://shop.example/roles": f"[{role}]", "https://shop.example/accounts": "[wechat/shop]"}

    caller = from_claims({**FOREIGN, **claims, "nickname": "Anna", "roles": "[admin]", "accounts": "[*]", "name": "x"})

    assert (caller.scopes, caller.roles) == (ROLES[role], (role,))
    assert (caller.accounts, caller.name) == (frozenset({"wechat/shop"}), "Anna")


def test_another_issuers_person_without_the_claim_may_do_nothing(foreign):
    assert from_claims({**FOREIGN, "roles": "[admin]"}).scopes == frozenset()


def test_another_issuers_machine_keeps_its_scopes(foreign):
    machine = {"sub": "abc@clients", "azp": "abc", "gty": "client-credentials", "scope": "payments:write orders:read"}

    assert from_claims(machine).scopes == {"payments:write", "orders:read"}


def test_roles_that_there_are_not_allow_nothing():
    assert allowed([]) == allowed(["chief", "role:chief", ""]) == frozenset()
