"""The sandbox's sign-in page: a code with PKCE, tokens that rotate, and nothing for who is not the console."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jwt
import pytest

from sandbox.signin import (
    ACCESS_SECONDS,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE_SECONDS,
    GRACE_SECONDS,
    NEXT_SECONDS,
    PEOPLE,
    REFRESH_SECONDS,
    SignIn,
)
from sandbox.testing import Sandbox
from sandbox.tokens import Authorizer, ForbiddenError, Issuer

CONSOLE = "http://127.0.0.1:8082"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ALL = "openid countersign/orders:read orders:ship countersign/refunds:request countersign/refunds:approve"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": f"{CONSOLE}/signed-in",
    "scope": ALL,
    "state": "a state & more",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Desk:
    """The console's side of a sign-in, at a time that tests move."""

    def __init__(self, issuer: Issuer) -> None:
        self.now = 1_800_000_000.0
        self.page = SignIn(issuer, lambda: self.now, CONSOLE)

    def authorize(self, method: str = "POST", **changes: Any) -> tuple[int, dict[str, str], bytes]:
        asked = {**ASKED, "person": "ann", **changes}
        text = urlencode({name: value for name, value in asked.items() if value is not None})
        query, body = (text, b"") if method == "GET" else ("", text.encode())
        return self.page.handle(method, "/oauth2/authorize", query, {}, body)

    def back(self, **changes: Any) -> dict[str, str]:
        """Return what the console is told."""
        status, headers, _ = self.authorize(**changes)
        assert status == 303
        url = urlsplit(headers["Location"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == ASKED["redirect_uri"]
        return {name: values[0] for name, values in parse_qs(url.query).items()}

    def post(
        self, path: str, headers: dict[str, str] | None = None, **form: Any
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        secret = {} if headers and "authorization" in headers else {"client_secret": CLIENT_SECRET}
        wanted = {"client_id": CLIENT_ID, **secret, **form}
        body = urlencode({name: value for name, value in wanted.items() if value is not None}).encode()
        status, reply_headers, reply = self.page.handle("POST", path, "", FORM | (headers or {}), body)
        return status, reply_headers, json_of(reply)

    def redeem(self, code: str, /, **changes: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"]}
        return self.post("/oauth2/token", **{**wanted, "code_verifier": VERIFIER, **changes})

    def refresh(self, token: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        return self.post("/oauth2/token", grant_type="refresh_token", refresh_token=token)

    def signed_in(self, person: str = "ann") -> dict[str, Any]:
        return self.redeem(self.back(person=person)["code"])[2]


def json_of(reply: bytes) -> dict[str, Any]:
    return dict(json.loads(reply or b"{}"))


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("issuer") / "issuer.pem"


@pytest.fixture(scope="module")
def issuer(public: Path) -> Issuer:
    return Issuer("http://127.0.0.1:8081/issuer", public)


@pytest.fixture
def desk(issuer: Issuer) -> Desk:
    return Desk(issuer)


@pytest.fixture
def claims(public: Path, desk: Desk) -> Callable[..., dict[str, Any]]:
    """Have the gateway's authorizer read an access token."""
    authorizer = Authorizer("http://127.0.0.1:8081/issuer", ["countersign-sandbox"], public.read_bytes())
    return lambda token, *scopes: authorizer.claims(f"Bearer {token}", list(scopes), desk.now)


@pytest.mark.parametrize(("language", "who"), [("en", "Who are you?"), ("zh-CN", "您是谁?")])
def test_the_page_shows_everybody_and_no_script(desk: Desk, language: str, who: str) -> None:
    status, headers, page = desk.authorize("GET", lang=language)
    text = page.decode()

    assert status == 200
    assert who in text
    assert all(f'value="{person.id}"' in text for person in PEOPLE)
    assert "a state &amp; more" in text
    assert "<script" not in text
    assert f"form-action 'self' {CONSOLE};" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_what_is_asked_for_comes_back_as_text_and_never_as_markup(desk: Desk) -> None:
    _, _, page = desk.authorize("GET", state='"><script>x</script>', scope="orders:read", nonce="<b>")

    assert b"<script" not in page
    assert b"<b>" not in page


def test_a_code_and_its_verifier_are_an_access_token_of_fifteen_minutes(
    desk: Desk, claims: Callable[..., dict[str, Any]]
) -> None:
    told = desk.back()
    status, headers, given = desk.redeem(told["code"])

    assert told["state"] == ASKED["state"]
    assert (status, given["expires_in"], given["token_type"]) == (200, ACCESS_SECONDS, "Bearer")
    assert headers["Cache-Control"] == "no-store"
    claimed = claims(given["access_token"], "orders:read", "countersign/orders:read")
    assert (claimed["sub"], claimed["name"], claimed["roles"]) == ("ann", "Ann", ["shop"])
    assert claimed["exp"] - claimed["iat"] == ACCESS_SECONDS


@pytest.mark.parametrize(
    ("person", "scopes"),
    [
        ("ann", {"countersign/orders:read", "orders:ship", "countersign/refunds:request"}),
        ("bob", {"countersign/orders:read", "countersign/refunds:request", "countersign/refunds:approve"}),
        ("sue", {"countersign/orders:read", "countersign/refunds:request"}),
        ("otto", {"countersign/orders:read"}),
        ("ada", set(ALL.split()) - {"openid"}),
    ],
)
def test_M5_scopes_are_those_of_the_role_whatever_the_console_asks_for(
    desk: Desk, claims: Callable[..., dict[str, Any]], person: str, scopes: set[str]
) -> None:
    token = desk.signed_in(person)["access_token"]

    assert set(jwt.decode(token, options={"verify_signature": False})["scope"].split()) == scopes
    if "countersign/refunds:approve" not in scopes:
        with pytest.raises(ForbiddenError):
            claims(token, "refunds:approve", "countersign/refunds:approve")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example.com/signed-in"},
        {"redirect_uri": f"{CONSOLE}/signed-in/"},
        {"redirect_uri": f"{CONSOLE}/signed-in?more"},
        {"redirect_uri": "http://localhost:8082/signed-in"},
        {"redirect_uri": None},
        {"client_id": "another"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_way_back_is_a_page_and_no_redirect(desk: Desk, method: str, changes: dict[str, Any]) -> None:
    status, headers, page = desk.authorize(method, **changes)

    assert status == 400
    assert "Location" not in headers
    assert b"evil" not in page


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "orders:read everything"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"person": "mallory"}, "access_denied"),
        ({"person": ""}, "access_denied"),
    ],
)
def test_what_cannot_be_granted_goes_back_with_its_state_and_without_a_code(
    desk: Desk, changes: dict[str, Any], error: str
) -> None:
    assert desk.back(**changes) == {"error": error, "state": ASKED["state"]}


def test_a_parameter_that_comes_twice_is_refused(desk: Desk) -> None:
    query = urlencode([*ASKED.items(), ("redirect_uri", "https://evil.example.com")])

    assert desk.page.handle("GET", "/oauth2/authorize", query, {}, b"")[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": None},
        {"code_verifier": "\N{SNOWMAN}" * 43},
        {"redirect_uri": f"{CONSOLE}/other"},
        {"redirect_uri": None},
        {"code": "guessed"},
    ],
)
def test_a_code_is_worth_nothing_without_what_belongs_to_it(desk: Desk, changes: dict[str, Any]) -> None:
    code = desk.back()["code"]

    assert desk.redeem(code, **changes)[::2] == (400, {"error": "invalid_grant"})
    if "code" not in changes:
        assert desk.redeem(code)[0] == 400, "there is no second try"


def test_a_short_verifier_is_refused_although_its_challenge_fits(desk: Desk) -> None:
    short = base64.urlsafe_b64encode(hashlib.sha256(b"short").digest()).rstrip(b"=").decode()

    assert desk.redeem(desk.back(code_challenge=short)["code"], code_verifier="short")[0] == 400


def test_a_replayed_code_ends_what_came_of_it(desk: Desk) -> None:
    code = desk.back()["code"]
    given = desk.redeem(code)[2]

    assert desk.redeem(code)[::2] == (400, {"error": "invalid_grant"})
    assert desk.refresh(given["refresh_token"])[0] == 400


def test_a_code_is_short_lived(desk: Desk) -> None:
    code = desk.back()["code"]
    desk.now += CODE_SECONDS

    assert desk.redeem(code)[0] == 400


def test_a_refresh_token_is_good_once_and_for_a_lost_answer(desk: Desk) -> None:
    first = desk.signed_in()["refresh_token"]
    second = desk.refresh(first)[2]["refresh_token"]
    desk.now += GRACE_SECONDS - 1
    repeated = desk.refresh(first)

    assert second != first
    assert repeated[0] == 200
    desk.now += 1
    assert desk.refresh(first)[::2] == (400, {"error": "invalid_grant"})
    assert desk.refresh(second)[0] == 200
    assert desk.refresh(repeated[2]["refresh_token"])[0] == 200


def test_rotation_makes_no_sign_in_longer(desk: Desk) -> None:
    token = desk.signed_in()["refresh_token"]
    for _ in range(3):
        desk.now += REFRESH_SECONDS / 4
        token = desk.refresh(token)[2]["refresh_token"]
    desk.now += REFRESH_SECONDS / 4

    assert desk.refresh(token)[0] == 400


def test_revoking_any_token_of_a_sign_in_ends_all_of_them_and_no_other_sign_in(desk: Desk) -> None:
    first, other = desk.signed_in()["refresh_token"], desk.signed_in()["refresh_token"]
    second = desk.refresh(first)[2]["refresh_token"]

    assert desk.post("/oauth2/revoke", token=first)[0] == 200
    assert desk.refresh(first)[0] == 400
    assert desk.refresh(second)[0] == 400
    assert desk.refresh(other)[0] == 200
    assert desk.post("/oauth2/revoke", token="unknown")[0] == 200
    assert desk.post("/oauth2/revoke")[0] == 400


def test_the_client_may_be_named_in_the_header(desk: Desk) -> None:
    text = f"{quote(CLIENT_ID)}:{quote(CLIENT_SECRET)}"
    header = {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    assert desk.redeem(desk.back()["code"], headers=header)[0] == 200
    assert desk.redeem(desk.back()["code"], headers=header, client_secret=CLIENT_SECRET)[0] == 400


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke"])
@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({}, {"client_secret": "wrong"}),
        ({}, {"client_secret": None}),
        ({}, {"client_id": "another"}),
        ({"authorization": "Basic " + base64.b64encode(b"sandbox-console:wrong").decode()}, {}),
        ({"authorization": "Basic !"}, {}),
        ({"authorization": "Bearer x"}, {}),
    ],
)
def test_a_wrong_secret_gets_nothing_and_uses_nothing_up(
    desk: Desk, path: str, headers: dict[str, str], form: dict[str, Any]
) -> None:
    code = desk.back()["code"]
    status, reply_headers, answer = desk.post(
        path, headers, grant_type="authorization_code", code=code, code_verifier=VERIFIER, token="x", **form
    )

    assert (status, answer) == (401, {"error": "invalid_client"})
    assert reply_headers["WWW-Authenticate"].startswith("Basic")
    assert desk.redeem(code)[0] == 200


def test_other_grants_and_other_bodies_are_refused(desk: Desk) -> None:
    assert desk.post("/oauth2/token", grant_type="password")[::2] == (400, {"error": "unsupported_grant_type"})
    assert desk.post("/oauth2/token", {"content-type": "application/json"})[::2] == (400, {"error": "invalid_request"})
    assert desk.page.handle("GET", "/oauth2/token", "", {}, b"")[0] == 404


def test_who_was_chosen_at_the_desk_need_not_choose_again_once_and_soon(desk: Desk) -> None:
    def expects(person: str) -> int:
        return desk.page.handle("POST", "/next", "", {}, json.dumps({"person": person}).encode())[0]

    assert expects("bob") == 200
    assert desk.authorize("GET")[0] == 303
    assert desk.authorize("GET")[0] == 200, "once"
    expects("bob")
    desk.now += NEXT_SECONDS
    assert desk.authorize("GET")[0] == 200, "soon"
    assert expects("mallory") == 400
    expects("bob")
    assert desk.authorize("GET", redirect_uri="https://evil.example.com/")[0] == 400


def test_signing_out_goes_back_to_the_console_and_nowhere_else(desk: Desk) -> None:
    def leave(uri: str, client: str = CLIENT_ID) -> tuple[int, str | None]:
        query = urlencode({"client_id": client, "logout_uri": uri})
        status, headers, _ = desk.page.handle("GET", "/logout", query, {}, b"")
        return status, headers.get("Location")

    assert leave(f"{CONSOLE}/signed-out") == (303, f"{CONSOLE}/signed-out")
    for uri in ("https://evil.example.com/", f"{CONSOLE}.evil.example.com/", f"{CONSOLE}@evil.example.com/", "//x", ""):
        assert leave(uri) == (400, None)
    assert leave(f"{CONSOLE}/", "another") == (400, None)


def test_a_running_sandbox_signs_people_in_for_its_own_console(small: Sandbox) -> None:
    asked = urlencode({**ASKED, "redirect_uri": f"http://127.0.0.1:{small.port + 2}/signed-in"})

    shown = small.page("GET", f"/issuer/oauth2/authorize?{asked}")
    own = {"origin": small.control_url, **FORM}
    chosen = small.page("POST", "/issuer/oauth2/authorize", f"{asked}&person=bob".encode(), own)
    foreign = small.page(
        "POST",
        "/issuer/oauth2/authorize",
        f"{asked}&person=bob".encode(),
        FORM | {"origin": "https://evil.example.com"},
    )

    assert shown.status == 200
    assert chosen.status == 303
    assert foreign.status == 403
