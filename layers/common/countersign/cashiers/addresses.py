"""Which addresses a browser may be sent to, and calls may go to; pure."""

from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_safe(url: str, hosts: frozenset[str] | None = None) -> bool:
    """Tell whether an address is https (http on a loopback host), plainly written and on one of `hosts` if given."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    if hosts is not None and host not in hosts:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
