"""Throwaway keys of each platform, made once: RSA keys take longer than the cases that are played with them."""

from functools import cache
from typing import Any

from conformance.platforms import PLATFORMS


@cache
def keys(name: str) -> dict[str, Any]:
    return PLATFORMS[name].new_keys()


def settling(mistake: str) -> float:
    """Return for how long a payment is waited for: what writes before it answers has written it."""
    return 1.0 if mistake == "200 before write" else 0.2
