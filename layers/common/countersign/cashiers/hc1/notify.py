"""An HC1 cashier's notifications: verified, read, and told in our words."""

from countersign.cashiers.hc1 import messages, replies, settings, signing, translate
from countersign.cashiers.hc1.settings import Settings
from countersign.cashiers.hc1.signing import VerifiedMessage
from countersign.cashiers.notices import PLATFORM, Door, Notification, Told
from countersign.errors import MalformedError, TenantMismatchError
from countersign.http import HttpRequest
from countersign.orders.changes import OrderKey, Verified


def parse(request: HttpRequest, account: Settings, now: int) -> Notification:
    """Return a notification that the cashier signed for this account; NotGenuineError otherwise."""
    return _notification(signing.verify_notification(request, account, now=now), account)


def reparse(body: bytes, account: Settings, key_id: str) -> Notification:
    """Return a notification that was verified when it came."""
    return _notification(signing.reverify(body, key_id=key_id), account)


def _notification(genuine: VerifiedMessage, account: Settings) -> Notification:
    if not genuine.problem and genuine.fields.get("merchant_id", account.merchant_id) != account.merchant_id:
        raise TenantMismatchError("the notification names another merchant")

    def changes(name: str) -> Told:
        if genuine.problem:
            raise MalformedError(genuine.problem)
        told = messages.read_notification(genuine.fields, account.merchant_id)
        key = OrderKey(PLATFORM, name, told.payment.reference)
        return translate.notification_to_changes(told, key, account.merchant_id, Verified(genuine.key_id))

    nonce = f"{genuine.key_id}.{genuine.nonce}" if genuine.nonce else ""
    return Notification(
        genuine.key_id,
        genuine.content,
        changes,
        messages.reference_of(genuine.fields),
        nonce,
        genuine.signed_at + signing.NONCE_SECONDS,
    )


DOOR = Door(settings.load, parse, reparse, replies.accepted, replies.refused, refuses_unreadable=True)
