"""The one hardened session for calls to platforms."""

from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from countersign import __version__
from countersign.errors import PlatformUnavailableError

TIMEOUT = (2.0, 6.0)  # connect, read: in seconds


class _Session(requests.Session):
    """Time-outs on every call, no redirects, TLS always verified, nothing taken from the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # a CA bundle or proxy from the environment must not change whom we believe
        self.headers["User-Agent"] = f"countersign/{__version__} (+python-requests)"
        self.max_redirects = 0
        self.mount("https://", HTTPAdapter(max_retries=0))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send; raises PlatformUnavailableError where no answer came: the outcome is unknown."""
        kwargs.setdefault("timeout", TIMEOUT)
        kwargs["allow_redirects"] = False
        try:
            return super().request(*args, **kwargs)
        except requests.RequestException as error:
            raise PlatformUnavailableError(f"no answer: {type(error).__name__}") from None


@cache
def session() -> requests.Session:
    """Return the container's session."""
    return _Session()
