"""Who a command speaks as: PKCE, machines, and where what proves it is kept."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import stat
import threading
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from countersign_cli import profiles, sign_in
from countersign_cli.commands import login
from countersign_cli.exits import StopError
from countersign_cli.options import Context
from countersign_cli.profiles import Profile

if TYPE_CHECKING:
    from tests.cli.conftest import Asked, Fakes

PROFILE = Profile(
    "prod",
    api_url="https://api.example",
    authorize_url="https://id.example/authorize",
    token_url="https://id.example/oauth2/token",
    client_id="people",
)
SECRET = "the-secret-of-the-machine"


@pytest.fixture(autouse=True)
def without_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_keyring", lambda: None)


def form(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((asked.body or b"").decode()).items()}


@pytest.fixture
def known(fakes: Fakes) -> Fakes:
    profiles.write(fakes.home, PROFILE)
    made = {"access_token": "a-person's-token", "refresh_token": "a-refresh-token", "expires_in": 900}
    fakes.on("POST /oauth2/token", made)
    fakes.on("GET /me", {"id": "u", "name": "Ann"})
    return fakes


def test_a_pasted_return_signs_in_by_pkce(known: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[sign_in.Visit] = []
    begin = sign_in.begin
    monkeypatch.setattr(sign_in, "begin", lambda profile: begun.append(begin(profile)) or begun[-1])
    monkeypatch.setattr("click.prompt", lambda *_, **__: f"http://localhost:8399/?code=c0de&state={begun[0].state}")

    result = known.run("login", "--paste", sandbox=False)

    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun[0].url).query).items()}
    sent = form(known.calls("POST /oauth2/token")[0])
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (challenge, "S256")
    assert asked["redirect_uri"] == sent["redirect_uri"] == "http://localhost:8399/"
    assert "countersign/refunds:approve" in asked["scope"]
    assert (result.exit_code, result.stdout) == (0, "signed in to prod as Ann\n")
    assert "a-person's-token" not in result.output


@pytest.mark.parametrize(
    "came",
    [
        "http://localhost:8399/?code=c0de&state=another",
        "http://localhost:8399/?code=c0de",
        "http://localhost:8399/?state={state}",
        "http://localhost:8399/?error=access_denied&state={state}",
        "",
    ],
)
def test_a_return_of_another_sign_in_is_refused(came: str) -> None:
    visit = sign_in.begin(PROFILE)

    with pytest.raises(StopError) as refused:
        sign_in.code_of(visit, came.format(state=visit.state))
    assert refused.value.status == 5


def test_the_browser_comes_back_to_this_machine(known: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(sign_in, "LOOPBACK_PORT", port)

    def browse(url: str) -> bool:
        state = parse_qs(urlsplit(url).query)["state"][0]

        def come() -> None:
            for path in ("/favicon.ico", f"/?code=c0de&state={state}"):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).close()
                except urllib.error.HTTPError as missing:
                    missing.close()

        threading.Thread(target=come).start()
        return True

    monkeypatch.setattr(login.webbrowser, "open", browse)

    assert known.run("login", sandbox=False).exit_code == 0
    assert form(known.calls("POST /oauth2/token")[0])["code"] == "c0de"


def test_what_proves_a_person_is_readable_by_its_owner_alone(known: Fakes) -> None:
    context = Context(transport=known.transport, home=known.home)
    sign_in.finish(PROFILE, known.home, context, sign_in.begin(PROFILE), "c0de")

    [kept] = (known.home / "sign-in").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert json.loads(kept.read_text(encoding="utf-8"))["refresh_token"] == "a-refresh-token"
    assert "a-person" not in repr(sign_in.token(PROFILE, known.home, context))


def test_a_token_is_used_until_it_ends_and_then_made_anew(known: Fakes) -> None:
    context = Context(transport=known.transport, home=known.home)
    sign_in.finish(PROFILE, known.home, context, sign_in.begin(PROFILE), "c0de")
    sign_in.token(PROFILE, known.home, context)
    assert len(known.calls("POST /oauth2/token")) == 1

    [kept] = (known.home / "sign-in").iterdir()
    content = json.loads(kept.read_text(encoding="utf-8"))
    profiles.keep(kept, json.dumps({**content, "ends": time.time() + 30}))
    known.on("POST /oauth2/token", {"access_token": "another", "expires_in": 900})

    assert sign_in.token(PROFILE, known.home, context).access == "another"
    assert form(known.calls("POST /oauth2/token")[1])["grant_type"] == "refresh_token"
    # Cognito does not repeat the refresh token: it stays the one that we have.
    assert json.loads(kept.read_text(encoding="utf-8"))["refresh_token"] == "a-refresh-token"


def test_a_sign_in_that_was_ended_elsewhere_is_forgotten_and_is_5(known: Fakes) -> None:
    context = Context(transport=known.transport, home=known.home)
    sign_in.remember(PROFILE, known.home, {"access_token": "t", "refresh_token": "r", "expires_in": 0})
    known.on("POST /oauth2/token", {"error": "invalid_grant"}, 400)

    result = known.run("explain", "A-1", sandbox=False)

    assert result.exit_code == 5
    assert list((known.home / "sign-in").iterdir()) == []
    with pytest.raises(StopError, match="not_signed_in"):
        sign_in.token(PROFILE, known.home, context)


def test_signed_out_nothing_is_left(known: Fakes) -> None:
    sign_in.remember(PROFILE, known.home, {"access_token": "t", "refresh_token": "r", "expires_in": 900})

    assert known.run("logout", sandbox=False).exit_code == 0
    assert list((known.home / "sign-in").iterdir()) == []


class TestMachines:
    @pytest.fixture
    def machine(self, known: Fakes) -> Fakes:
        known.environ |= {"COUNTERSIGN_CLIENT_ID": "erp", "COUNTERSIGN_CLIENT_SECRET": SECRET}
        known.on("GET /search", {"found": []})
        return known

    def test_its_token_is_asked_for_once_a_day(self, machine: Fakes) -> None:
        machine.on("POST /oauth2/token", {"access_token": "machine", "expires_in": 86400})

        machine.run("explain", "A-1", sandbox=False)
        machine.run("explain", "A-1", sandbox=False)

        [asked] = machine.calls("POST /oauth2/token")
        assert form(asked) == {"grant_type": "client_credentials"}
        assert asked.headers["authorization"] == f"Basic {base64.b64encode(f'erp:{SECRET}'.encode()).decode()}"
        assert {one.headers["authorization"] for one in machine.calls("GET /search")} == {"Bearer machine"}

    def test_its_secret_is_kept_nowhere_and_shown_nowhere(self, machine: Fakes) -> None:
        machine.on("POST /oauth2/token", {"error": "invalid_client"}, 401)

        result = machine.run("explain", "A-1", sandbox=False)
        held = "".join(path.read_text(encoding="utf-8") for path in machine.home.rglob("*") if path.is_file())

        assert result.exit_code == 5
        assert SECRET not in result.output + held

    def test_half_of_one_is_misuse(self, machine: Fakes) -> None:
        del machine.environ["COUNTERSIGN_CLIENT_SECRET"]

        assert machine.run("explain", "A-1", sandbox=False).exit_code == 2


class TestProfiles:
    def test_they_are_kept_and_read_again(self, fakes: Fakes) -> None:
        other = Profile('we"ird', api_url="https://b.example", production=False)
        profiles.write(fakes.home, PROFILE)
        profiles.write(fakes.home, other)

        assert profiles.read(fakes.home) == ({"prod": PROFILE, 'we"ird': other}, "prod")
        assert profiles.chosen(fakes.home, 'we"ird') == other

    @pytest.mark.parametrize("text", ["[profiles.a]\nsecret = 'x'", "= 1", "[profiles.a]\napi_ur = ''"])
    def test_what_cannot_be_read_is_misuse(self, fakes: Fakes, text: str) -> None:
        profiles.keep(fakes.home / "config.toml", text)

        assert fakes.run("explain", "A-1", sandbox=False).exit_code == 2

    def test_one_that_is_not_there_is_named(self, known: Fakes) -> None:
        result = known.run("--profile", "nowhere", "explain", "A-1", sandbox=False)

        assert (result.exit_code, "prod" in result.stderr) == (2, True)

    def test_a_stack_sets_one_up(self, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
        outputs = {
            "ApiUrl": "https://api.example",
            "SignInUrl": "https://id.example/oauth2/authorize?response_type=code",
            "TokenEndpoint": "https://id.example/oauth2/token",
            "PeopleClientId": "people",
        }

        class Stack:
            def output(self, name: str) -> str:
                return outputs[name]

        fakes.cloud = Stack()
        fakes.run("login", "--stack", "countersign-prod", "--paste", given="nothing\n", sandbox=False)

        [profile] = profiles.read(fakes.home)[0].values()
        assert profile.authorize_url == "https://id.example/oauth2/authorize"
        assert (profile.name, profile.client_id, profile.production) == ("countersign-prod", "people", True)

    def test_a_token_is_sent_over_https_alone(self, fakes: Fakes) -> None:
        profiles.write(
            fakes.home, Profile("p", api_url="https://a.example", token_url="http://id.example/t", client_id="c")
        )
        fakes.environ |= {"COUNTERSIGN_CLIENT_ID": "erp", "COUNTERSIGN_CLIENT_SECRET": SECRET}

        assert fakes.run("explain", "A-1", sandbox=False).exit_code == 2
        assert fakes.asked == []
