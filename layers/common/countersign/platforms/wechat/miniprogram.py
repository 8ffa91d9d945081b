"""Calls to a mini program's own back end (api.weixin.qq.com): messages to people, shipping, the mini store.

Nothing signs these answers but TLS. Errors come as `errcode` in an HTTP 200.
"""

# https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from countersign.errors import KeysUnavailableError, MalformedError, PlatformUnavailableError, UnprocessableError
from countersign.http import read_json
from countersign.platforms.wechat.answers import MAX_BYTES
from countersign.platforms.wechat.settings import LOGIN_HOST, Settings
from countersign.signing.credentials import Secret, secret
from countersign.wire import Response, Session

TOKEN_REFUSED = frozenset({40001, 40014, 42001})
DAILY_LIMIT = 45009
# Busy, or asked too often: the same call may work later, and may have worked now.
UNKNOWN = frozenset({-1, 44990, DAILY_LIMIT, 45011})
Json = dict[str, Any]


class Token(Protocol):
    """An app's access token, one for all processes."""

    def get(self, refused: str = "") -> str:
        """Return the token; one that WeChat `refused` is replaced."""


class MiniProgramRefusedError(UnprocessableError):
    """WeChat refused the call for good; `code` is its errcode. Its text is dropped: it may repeat what was sent."""

    def __init__(self, code: int) -> None:
        super().__init__(f"WeChat refused: errcode {code}")
        self.code = code


class MiniProgramBusyError(PlatformUnavailableError):
    """WeChat is busy, or was asked too often; `code` is its errcode."""

    def __init__(self, code: int) -> None:
        super().__init__(f"WeChat answered errcode {code}: the outcome is unknown")
        self.code = code


def fetch_token(session: Session, settings: Settings, appid: str, app_secret: Secret | None) -> tuple[str, int]:
    """Ask for an app's token, and return it with the seconds that it lives.

    The stable one: who asks again gets the same until shortly before its end, so nobody's token dies by it.
    """
    # https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html
    if app_secret is None:
        raise KeysUnavailableError("the app's secret is missing: it cannot be acted for")
    body = {
        "grant_type": "client_credential",
        "appid": appid,
        "secret": secret(app_secret.reveal(), "mini_program_secret").reveal(),
        "force_refresh": False,
    }
    answer = _read(_post(session, f"{_host(settings)}/cgi-bin/stable_token", body))
    token, lifetime = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token or type(lifetime) is not int:
        raise PlatformUnavailableError("WeChat's answer holds no access token")
    return token, lifetime


class MiniProgram:
    """One app's calls; `token` is shared by all processes, and replaced once where WeChat does not take it."""

    def __init__(self, session: Session, settings: Settings, token: Token) -> None:
        self._session = session
        self._settings = settings
        self._token = token

    def ready(self) -> None:
        """Have a token, so that what fails afterwards is the call itself."""
        self._token.get()

    def call(self, path: str, body: Mapping[str, Any]) -> Json:
        """Call and return WeChat's answer.

        Raises MiniProgramRefusedError (its code says what for) or PlatformUnavailableError: the outcome is unknown.
        """
        refused = ""
        for _ in range(2):
            token = self._token.get(refused)
            query = urlencode({"access_token": token})
            try:
                return _read(_post(self._session, f"{_host(self._settings)}{path}?{query}", body))
            except MiniProgramRefusedError as error:
                if error.code not in TOKEN_REFUSED:
                    raise
                refused = token
        raise PlatformUnavailableError("WeChat takes no access token, not even a new one")


def _host(settings: Settings) -> str:
    return settings.api_base or LOGIN_HOST


def _post(session: Session, url: str, body: Mapping[str, Any]) -> Response:
    # Written once and as UTF-8: escaped characters would be shown to people as they are.
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return session.request("POST", url, data=data, headers={"Content-Type": "application/json"})


def _read(response: Response) -> Json:
    if response.status_code != 200:
        raise PlatformUnavailableError(f"WeChat answered HTTP {response.status_code}")
    if len(response.content) > MAX_BYTES:
        raise PlatformUnavailableError("WeChat's answer is too large")
    try:
        answer = read_json(response.content)
    except MalformedError:
        raise PlatformUnavailableError("WeChat's answer is not JSON") from None
    if not isinstance(answer, dict):
        raise PlatformUnavailableError("WeChat's answer is not an object")
    code = answer.get("errcode", 0)
    if type(code) is not int:
        raise PlatformUnavailableError("WeChat's answer has an errcode that is no number")
    if code in UNKNOWN:
        raise MiniProgramBusyError(code)
    if code:
        raise MiniProgramRefusedError(code)
    return answer
