"""The kept connections to the merchant API and to whoever signs people in."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import certifi
import urllib3

from countersign import __version__
from countersign.errors import TemporaryError

CONNECT_SECONDS, READ_SECONDS = 1.5, 10.5  # the API has ten, and the function two calls of it
MAX_ANSWER = 6 * 1024 * 1024
Json = dict[str, Any]


class NoAnswerError(TemporaryError):
    """No answer came: whether the other side did what it was asked is unknown."""


class Reply(NamedTuple):
    """An answer: its status, its headers in small letters, and its bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The content of an answer that is a JSON object; empty where it is something else."""
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def is_good(self) -> bool:
        """Whether what was asked was done."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The API's own word for a refusal; `gateway` where its gateway refused."""
        return "" if self.is_good else str(self.json.get("code", "gateway"))


Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


@cache
def _connections() -> urllib3.PoolManager:
    return urllib3.PoolManager(
        num_pools=4,
        maxsize=4,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        retries=False,
        headers={"user-agent": f"countersign-console/{__version__}"},
    )


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
    """Send and return the answer, whatever its status; raises NoAnswerError where none came."""
    try:
        reply = _connections().request(
            method, url, body=body, headers={**_connections().headers, **headers}, redirect=False, preload_content=False
        )
        content = reply.read(MAX_ANSWER + 1)
        reply.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NoAnswerError(f"no answer: {type(error).__name__}") from None
    if len(content) > MAX_ANSWER:
        raise NoAnswerError("the answer is too large")
    return Reply(reply.status, {name.lower(): value for name, value in reply.headers.items()}, content)
