"""In which time zone people read the times of a notice: the account's, or else the one in which its platform works."""

import importlib
import importlib.util
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from countersign.errors import KeysUnavailableError


def load(document: Mapping[str, object], platform: str) -> tzinfo:
    """Return the zone that `time_zone` names (IANA, like Asia/Shanghai); KeysUnavailableError if there is none such."""
    name = document.get("time_zone")
    if name is None:
        return of_platform(platform)
    try:
        return _zone(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise KeysUnavailableError("time_zone is not a name like Asia/Shanghai") from None


@cache
def of_platform(platform: str) -> tzinfo:
    """Return the zone that the platform's package names as TIME_ZONE; UTC where it names none."""
    module = f"countersign.platforms.{platform}"
    if not platform.isidentifier() or importlib.util.find_spec(module) is None:
        return UTC
    name = getattr(importlib.import_module(module), "TIME_ZONE", "UTC")
    return _zone(name)


def _zone(name: object) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(str(name))
