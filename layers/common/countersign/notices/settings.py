"""The fields `notices` and `printers` of an account document, typed one by one.

A notice that is wrong fails alone, with the reason: payments, and other notices, must not suffer from it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple

from countersign.errors import KeysUnavailableError
from countersign.notices import content, dunning_mail, payment_link_mail, receipt, webhook, wechat_message, zones
from countersign.notices.dunning_mail import DunningMail
from countersign.notices.payment_link_mail import PaymentLinkMail
from countersign.notices.receipt import PrintSettings
from countersign.notices.webhook import WebhookSettings
from countersign.notices.wechat_message import Message

EVENTS = frozenset(content.EVENTS_ZH)
CHANNELS = ("message", "print", "email", "webhook")
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,47}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")


class Email(NamedTuple):
    """An e-mail of plain text."""

    to: tuple[str, ...]
    sender: str
    subject: str
    text: str


Content = Message | Email | PrintSettings | WebhookSettings | DunningMail | PaymentLinkMail


class Notice(NamedTuple):
    """One notice; `problem` says why it cannot be sent, then `content` is None."""

    name: str
    channel: str
    on: frozenset[str]
    fallback: str = ""
    content: Content | None = None
    problem: str = ""


class Notices(NamedTuple):
    """All notices of an account that are switched on, and its printers' documents; `warnings` are for the log."""

    by_name: Mapping[str, Notice] = MappingProxyType({})
    printers: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    zone: tzinfo = UTC

    def wanted(self, event: str) -> list[Notice]:
        """Return the notices that an event of the bus is told by."""
        return [notice for notice in self.by_name.values() if event in notice.on]


class _Place(NamedTuple):
    """What a notice's own fields are read beside: the rest of the document, and which addresses are trusted."""

    document: Mapping[str, object]
    trusted: Collection[str]


def load(document: Mapping[str, object], *, platform: str = "", trusted: Collection[str] = ()) -> Notices:
    """Type an account document's notices; raises nothing. `trusted` are origins that webhooks may call anyway."""
    place = _Place(document, trusted)
    entries = document.get("notices") or {}
    if not isinstance(entries, Mapping):
        return Notices(warnings=("notices is not an object: there are none",))
    found: dict[str, Notice] = {}
    warnings: list[str] = []
    try:
        zone = zones.load(document, platform)
    except KeysUnavailableError as error:
        zone = zones.of_platform(platform)
        warnings.append(f"{error}: times are told as the platform's")
    printers = document.get("printers") or []
    if not isinstance(printers, list) or not all(isinstance(printer, Mapping) for printer in printers):
        printers = []
        warnings.append("printers is not a list of objects: there are none")
    for name, entry in entries.items():
        try:
            if not _NAME.fullmatch(str(name)):
                raise KeysUnavailableError("its name is not of letters, digits, _ . and -")
            if not isinstance(entry, Mapping):
                raise KeysUnavailableError("it is not an object")
            if _is_on(entry):
                notice = _notice(str(name), entry, place)
                found[notice.name] = notice
                if notice.problem:
                    warnings.append(f"notices.{notice.name}: {notice.problem}")
        except KeysUnavailableError as error:
            warnings.append(f"a notice is left out: {error}")
    _add_mails_to_customers(document, found, warnings)
    warnings += [
        f"notices.{notice.name}: its fallback does not exist or is switched off"
        for notice in found.values()
        if notice.fallback and notice.fallback not in found
    ]
    return Notices(MappingProxyType(found), tuple(printers), tuple(warnings), zone)


# What is written to customers by itself: its name, which is that of its channel's kind, and what it is about.
_TO_CUSTOMERS: tuple[tuple[str, str, str, Callable[[Mapping[str, object]], Content | None]], ...] = (
    (dunning_mail.FIELD, "dunning", "charge.failed", dunning_mail.load),
    (payment_link_mail.FIELD, "payment_link", payment_link_mail.EVENT, payment_link_mail.load),
)


def _add_mails_to_customers(document: Mapping[str, object], found: dict[str, Notice], warnings: list[str]) -> None:
    """Add the e-mails to customers that the merchant switched on."""
    for name, channel, event, read in _TO_CUSTOMERS:
        try:
            mail = read(document)
        except KeysUnavailableError as error:
            warnings.append(f"{name}: {error}: customers are not written to")
            continue
        if mail is not None:
            found[name] = Notice(name, channel, frozenset({event}), content=mail)


def _is_on(entry: Mapping[str, Any]) -> bool:
    enabled = entry.get("enabled", True)
    if type(enabled) is not bool:
        raise KeysUnavailableError("enabled is not true or false")
    return enabled


def _notice(name: str, entry: Mapping[str, Any], place: _Place) -> Notice:
    events = entry.get("on") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise KeysUnavailableError("on is not a list of events")
    on, channel, fallback = frozenset(events), str(entry.get("channel")), str(entry.get("fallback") or "")
    try:
        if unknown := on - EVENTS:
            raise KeysUnavailableError(f"on names {len(unknown)} events that do not exist")
        if channel not in _CONTENTS:
            raise KeysUnavailableError(f"channel is not one of {', '.join(CHANNELS)}")
        return Notice(name, channel, on, fallback, _CONTENTS[channel](entry, place))
    except KeysUnavailableError as error:
        return Notice(name, channel if channel in CHANNELS else "", on & EVENTS, fallback, problem=str(error))


def _message(entry: Mapping[str, Any], _: _Place) -> Message:
    return wechat_message.load(entry)


def _email(entry: Mapping[str, Any], _: _Place) -> Email:
    (sender,) = _texts({"from": [entry.get("from")]}, "from", _ADDRESS)
    return Email(
        _texts(entry, "to", _ADDRESS),
        sender,
        content.require_known(_text(entry, "subject", required=True), "subject"),
        content.require_known(_text(entry, "text", required=True), "text"),
    )


def _print(entry: Mapping[str, Any], _: _Place) -> PrintSettings:
    return receipt.load(entry)


def _webhook(entry: Mapping[str, Any], place: _Place) -> WebhookSettings:
    return webhook.load(entry, trusted=place.trusted)


_CONTENTS: Mapping[str, Callable[[Mapping[str, Any], _Place], Content]] = {
    "message": _message,
    "email": _email,
    "print": _print,
    "webhook": _webhook,
}


def _text(entry: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = entry.get(name)
    if value is None or value == "":
        if required:
            raise KeysUnavailableError(f"{name} is missing")
        return ""
    if not isinstance(value, str) or not value.strip():
        raise KeysUnavailableError(f"{name} is not text")
    return value


def _texts(entry: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    values = entry.get(name)
    if not isinstance(values, list) or not values:
        raise KeysUnavailableError(f"{name} is not a list, or an empty one")
    if not all(isinstance(value, str) and pattern.fullmatch(value) for value in values):
        raise KeysUnavailableError(f"{name} holds something that is none")
    return tuple(dict.fromkeys(values))
