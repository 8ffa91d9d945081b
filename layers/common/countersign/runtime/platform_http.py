"""The hardened sessions for calls to platforms: the container's one, and one for each client certificate."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import create_urllib3_context

from countersign import __version__
from countersign.errors import KeysUnavailableError, PlatformUnavailableError

MAX_DOWNLOAD = 400 * 1024 * 1024  # what a function's own disk holds
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

    @contextmanager
    def fetch(
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        most: int | None = 0,
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Send and give the answer's status and body piece by piece, for what is too large to hold.

        `most` bytes are read, 0: what a function's disk holds, None: all, for who keeps nothing of it.
        """
        response = self.request(method, url, data=data, headers=headers, stream=True)
        try:
            yield response.status_code, _pieces(response, MAX_DOWNLOAD if most == 0 else most)
        finally:
            response.close()


def _pieces(response: requests.Response, most: int | None) -> Iterator[bytes]:
    size = 0
    try:
        for piece in response.iter_content(64 * 1024):
            size += len(piece)
            if most is not None and size > most:
                raise PlatformUnavailableError("the answer is too large")
            yield piece
    except requests.RequestException as error:
        raise PlatformUnavailableError(f"the answer broke off: {type(error).__name__}") from None


@cache
def session() -> "_Session":
    """Return the container's session."""
    return _Session()


class _CertifiedAdapter(HTTPAdapter):
    """Shows a client certificate; OpenSSL reads it from files only, so it lies in a private folder for that moment."""

    def __init__(self, certificate_pem: str, private_key_pem: str) -> None:
        self._context = create_urllib3_context()
        with tempfile.TemporaryDirectory() as folder:  # for our eyes only (0700), and gone at once
            certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            certificate.write_text(certificate_pem, encoding="ascii")
            key.write_text(private_key_pem, encoding="ascii")
            try:
                # The password is asked for on the terminal where none is given.
                self._context.load_cert_chain(certificate, key, password="")
            except (OSError, ValueError):
                raise KeysUnavailableError(
                    "merchant_cert_pem and merchant_private_key_pem are not a certificate and its key"
                ) from None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give every connection the certificate."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


@lru_cache(maxsize=16)
def certified_session(certificate_pem: str, private_key_pem: str) -> _Session:
    """Return a session of its own for a client certificate: a connection made without one must not be reused."""
    if not certificate_pem or not private_key_pem:
        raise KeysUnavailableError("merchant_cert_pem or merchant_private_key_pem is missing")
    made = _Session()
    made.mount("https://", _CertifiedAdapter(certificate_pem, private_key_pem))
    return made
