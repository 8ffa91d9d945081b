"""Who is a person: only whose token proves it, whatever the issuer's machines look like."""

import pytest

from countersign.errors import ForbiddenError
from countersign.runtime.caller import from_claims

# Access tokens as the issuers document them, as API Gateway hands their claims on.
COGNITO_PERSON = {"sub": "3f0c-anna", "username": "anna", "client_id": "4q1spa", "token_use": "access"}
PEOPLE = {
    "Auth0": {"sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": "my_client_id", "https://shop.example/person": "yes"},
    "Okta": {"sub": "anna@shop.example", "uid": "00uid4BxXw6I6TV4m0g3", "cid": "0oa1spa", "person": "yes"},
    "Entra ID": {"sub": "AAAAA", "oid": "oid-anna", "azp": "app-1", "idtyp": "user"},
    "Keycloak": {"sub": "7f0c", "azp": "console", "preferred_username": "anna", "person": "yes"},
}
PROOFS = {
    "Auth0": ("https://shop.example/person", "yes"),
    "Okta": ("person", "yes"),
    "Entra ID": ("idtyp", "user"),
    "Keycloak": ("person", "yes"),
}
MACHINES = {
    "Cognito": {"sub": "4q1machine", "client_id": "4q1machine", "token_use": "access"},
    "Okta": {"sub": "0oa1machine", "cid": "0oa1machine", "scp": "[refunds:approve]"},
    "Auth0": {"sub": "abc123@clients", "azp": "abc123", "gty": "client-credentials"},
    "Auth0, RFC 9068": {"sub": "abc123@clients", "client_id": "abc123"},
    "Auth0, grants listed": {"sub": "abc123", "client_id": "other", "gty": "[refresh_token client-credentials]"},
    "Keycloak": {
        **{"sub": "7f0c", "azp": "backend", "client_id": "backend"},
        "preferred_username": "service-account-backend",
    },
    "Keycloak, older": {"sub": "7f0c", "azp": "backend", "clientId": "backend", "clientHost": "10.0.0.1"},
    "Entra ID": {"sub": "oid-1", "oid": "oid-1", "azp": "app-1", "appid": "app-1", "idtyp": "app"},
    "Entra ID, v1 without idtyp": {"sub": "oid-1", "oid": "oid-1", "appid": "app-1"},
    "nobody": {},
    "no subject": {"username": "anna", "client_id": "4q1spa"},
    "empty subject": {"sub": "", "username": "anna", "client_id": "4q1spa"},
}


@pytest.fixture(autouse=True)
def no_proof_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERSON_CLAIM", raising=False)
    monkeypatch.delenv("PERSON_VALUE", raising=False)


def proved_by(monkeypatch: pytest.MonkeyPatch, claim: str, value: str) -> None:
    monkeypatch.setenv("PERSON_CLAIM", claim)
    monkeypatch.setenv("PERSON_VALUE", value)


def test_a_person_of_the_own_user_pool_is_one() -> None:
    caller = from_claims({**COGNITO_PERSON, "accounts": "[wechat/shop douyin/app]"})

    assert (caller.is_person, caller.subject) == (True, "3f0c-anna")
    assert caller.accounts == {"wechat/shop", "douyin/app"}
    caller.require_person()


@pytest.mark.parametrize("without", ["username", "client_id"])
def test_half_a_proof_is_none(without: str) -> None:
    assert not from_claims({name: value for name, value in COGNITO_PERSON.items() if name != without}).is_person


@pytest.mark.parametrize("issuer", MACHINES)
def test_a_machine_never_counts_as_a_person(issuer: str) -> None:
    caller = from_claims({**MACHINES[issuer], "accounts": "*"})

    assert not caller.is_person
    with pytest.raises(ForbiddenError):
        caller.require_person()


@pytest.mark.parametrize("issuer", [name for name in MACHINES if name not in ("nobody", "no subject", "empty subject")])
@pytest.mark.parametrize("proof", [*PROOFS.values(), ("username", "anna")])
def test_a_machine_that_was_given_the_proof_by_mistake_is_still_one(
    issuer: str, proof: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, value = proof
    given = {**MACHINES[issuer], claim: value, **({"username": "anna"} if claim != "username" else {})}
    if claim == "idtyp" and issuer.startswith("Entra ID"):
        given["idtyp"] = "app"
    weak = issuer == "Entra ID, v1 without idtyp"  # nothing but the proof that it was given tells it from a person
    proved_by(monkeypatch, claim, value)

    assert from_claims(given).is_person is (weak and claim != "idtyp")


@pytest.mark.parametrize("issuer", PEOPLE)
def test_with_another_issuer_the_claim_that_the_stack_names_proves_a_person(
    issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = PEOPLE[issuer]
    assert not from_claims(person).is_person  # nobody said yet what proves one

    claim, value = PROOFS[issuer]
    proved_by(monkeypatch, claim, value)
    assert from_claims(person).is_person
    assert from_claims({**person, claim: f"[staff {value}]"}).is_person
    assert not from_claims({**person, claim: f"{value}s"}).is_person
    assert not from_claims({**person, claim: ""}).is_person
    assert not from_claims(COGNITO_PERSON).is_person  # the named proof replaces the usual one


@pytest.mark.parametrize("issuer", PEOPLE)
def test_a_claim_without_its_value_proves_nobody(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proved_by(monkeypatch, PROOFS[issuer][0], "")

    assert not from_claims({**PEOPLE[issuer], PROOFS[issuer][0]: ""}).is_person
    assert not from_claims(PEOPLE[issuer]).is_person
