"""Carriers: the codes that a platform takes, by the names that people know them by."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from countersign.errors import UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH

Json = dict[str, Any]


def carriers_json(platform: str, language: str = ENGLISH) -> Json:
    """Return the carriers of a platform that are known here; a platform may take more.

    `contact` says that the platform takes their parcels only with digits of the receiver's phone number.
    """
    which = 0 if language == ENGLISH else 1
    wanted: frozenset[str] = getattr(_module(platform), "WANTS_CONTACT", frozenset())
    rows = [{"code": code, "name": names[which], "contact": code in wanted} for code, names in _of(platform).items()]
    return {"platform": platform, "carriers": rows}


def require_code(platform: str, carrier: str) -> None:
    """Refuse a carrier's name where the platform wants its code; raises UnprocessableError naming the code.

    A code that is not known here is left to the platform: its list is longer than ours.
    """
    known = _of(platform)
    if not known or carrier in known:
        return
    wanted = carrier.casefold()
    for code, names in known.items():
        if wanted in (code.casefold(), *(name.casefold() for name in names)):
            raise refusal(UnprocessableError, because("carrier_is_named", carrier=carrier, code=code))
    if not carrier.isascii():
        raise refusal(UnprocessableError, because("carrier_unknown", carrier=carrier))


def _of(platform: str) -> Mapping[str, tuple[str, ...]]:
    found: Mapping[str, tuple[str, ...]] = getattr(_module(platform), "CARRIERS", {})
    return found


@cache
def _module(platform: str) -> ModuleType | None:
    if not re.fullmatch(r"[a-z0-9_]{1,32}", platform):
        return None
    try:
        return import_module(f"countersign.platforms.{platform}.carriers")
    except ModuleNotFoundError:
        return None
