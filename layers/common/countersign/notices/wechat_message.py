"""A WeChat subscription message: what an account document says of it, and what its template takes."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.documents import as_text
from countersign.errors import KeysUnavailableError
from countersign.notices import content

MAX_RECIPIENTS = 5  # each is a call of its own, and all must fit into one run
_OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_KEY = re.compile(r"[a-z_]+[0-9]+")

# What a value of a template may hold, by the letters of its key: characters, protocols/wechat 3.3.
# https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
LIMITS = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,
    "phrase": 5,
}
DEFAULT_LIMIT = 20
UNCUT = frozenset({"amount", "time", "date"})  # half an amount or time would be another one
_LATIN_NAME = 20
_ASCII_ONLY = frozenset({"character_string", "number", "letter"})
_EMPTY = {"phrase": "无", "number": "0", "amount": "0"}


class Message(NamedTuple):
    """A WeChat subscription message: to the buyer where `to` is empty."""

    to: tuple[str, ...]
    template_id: str
    page: str
    data: tuple[tuple[str, str], ...]
    state: str


def load(entry: Mapping[str, Any]) -> Message:
    """Type a message; KeysUnavailableError names the field and the reason."""
    to = entry.get("to")
    recipients: tuple[str, ...] = ()
    if to != "buyer":
        recipients = _people(entry)
        if len(recipients) > MAX_RECIPIENTS:
            raise KeysUnavailableError(f"to names more than {MAX_RECIPIENTS} people: make another notice for them")
    data = entry.get("data")
    if not isinstance(data, Mapping) or not data:
        raise KeysUnavailableError("data is not an object of the template's values")
    values = []
    for key, text in data.items():
        if not _KEY.fullmatch(str(key)) or not isinstance(text, str):
            raise KeysUnavailableError("data has a key that is not like thing1, or a value that is not text")
        values.append((str(key), content.require_known(text, f"data.{key}")))
    state = as_text(entry, "state") or "formal"
    if state not in ("formal", "trial", "developer"):
        raise KeysUnavailableError("state is not one of formal, trial, developer")
    page = content.require_known(as_text(entry, "page"), "page")
    return Message(recipients, as_text(entry, "template_id", required=True), page, tuple(values), state)


def _people(entry: Mapping[str, Any]) -> tuple[str, ...]:
    people = entry.get("to")
    if not isinstance(people, list) or not people:
        raise KeysUnavailableError("to is not a list, or an empty one")
    if not all(isinstance(person, str) and _OPENID.fullmatch(person) for person in people):
        raise KeysUnavailableError("to holds something that is none")
    return tuple(dict.fromkeys(people))


def template_value(key: str, text: str, *, at: str) -> str:
    """Return a value as WeChat's template takes it: no longer than its kind holds, and never empty.

    `at` is what stands where a time is unknown.
    """
    kind = key.rstrip("0123456789")
    text = " ".join(text.split())
    if kind in _ASCII_ONLY:
        text = "".join(character for character in text if " " < character <= "~")
    if not text:
        return at if kind in ("time", "date") else _EMPTY.get(kind, "-")
    if kind in UNCUT:
        return text
    limit = LIMITS.get(kind, DEFAULT_LIMIT)
    if kind == "name" and text.isascii():
        limit = _LATIN_NAME
    if len(text) <= limit:
        return text
    return f"{text[: limit - 1]}…" if kind in ("thing", "name") else text[:limit]
