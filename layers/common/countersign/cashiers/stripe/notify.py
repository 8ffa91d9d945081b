"""Stripe's events: verified, read, and told in our words."""

from countersign.cashiers.notices import Door, Notification, Told
from countersign.cashiers.stripe import replies, settings, signing, translate
from countersign.cashiers.stripe.settings import Settings
from countersign.cashiers.stripe.signing import VerifiedEvent
from countersign.errors import MalformedError
from countersign.http import HttpRequest
from countersign.orders.changes import Verified


def parse(request: HttpRequest, account: Settings, now: int) -> Notification:
    """Return an event that Stripe signed for an endpoint of this account; NotGenuineError otherwise."""
    return _notification(signing.verify(request, account, now=now))


def reparse(body: bytes, account: Settings, key_id: str) -> Notification:
    """Return an event that was verified when it came."""
    return _notification(signing.reverify(body, key_id=key_id))


def _notification(genuine: VerifiedEvent) -> Notification:
    def changes(name: str) -> Told:
        if genuine.problem:
            raise MalformedError(genuine.problem)
        return translate.event_to_changes(genuine.fields, name, Verified(genuine.key_id))

    return Notification(genuine.key_id, genuine.content, changes, _reference(genuine))


def _reference(genuine: VerifiedEvent) -> str:
    """Return our number of the payment where an event that cannot be read names it."""
    data = genuine.fields.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    found = subject.get("client_reference_id") if isinstance(subject, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= 64 else ""


DOOR = Door(settings.load, parse, reparse, replies.accepted, replies.refused, refuses_unreadable=False)
