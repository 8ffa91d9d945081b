"""What calls to others are made with: a session and its answers, as far as any client here uses them."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

TRANSIENT = frozenset(
    {408, 500, 502, 503, 504}
)  # statuses that say nothing of what was asked: the same call may follow


class Response(Protocol):
    """What is used of an HTTP response."""

    status_code: int

    @property
    def content(self) -> bytes:
        """Return the bytes of the body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers; their names have no case."""


class Session(Protocol):
    """What is used of `requests.Session`; `timeout` is connect and read, in seconds."""

    def request(
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> Response:
        """Send one request; raises PlatformUnavailableError where no answer came."""

    def fetch(
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        most: int | None = 0,
    ) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Send one request and give its status and body piece by piece; raises as `request` does, while reading too.

        `most` bytes are read, 0: what a function's disk holds, None: all, for who keeps nothing of it.
        """
