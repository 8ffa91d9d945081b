"""Send a notice to the merchant's own system."""

from collections.abc import Mapping
from typing import Protocol

from countersign.errors import PlatformUnavailableError
from countersign.notices import webhook
from countersign.notices.outcome import Outcome
from countersign.notices.webhook import Envelope, WebhookSettings
from countersign.runtime.webhook_http import AddressRefusedError

GONE = 410  # Standard Webhooks: the endpoint wants no more


class Sender(Protocol):
    """What is used of `runtime.webhook_http.Egress`."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post and return the status; raises AddressRefusedError or PlatformUnavailableError."""


def send(settings: WebhookSettings, envelope: Envelope, *, session: Sender, now: int) -> Outcome:
    """Send once; everything but a success, an endpoint that is gone or an address that is refused is tried again."""
    try:
        status = session.post(settings.url, envelope.body, webhook.headers(envelope, settings.secrets, now=now))
    except AddressRefusedError as error:
        return Outcome("failed", f"the webhook's address {error}", "webhook")
    except PlatformUnavailableError as error:
        return Outcome("again", f"the merchant's endpoint: {error}", "webhook")
    if 200 <= status < 300:
        return Outcome("sent", "", "webhook")
    if status == GONE:
        return Outcome("failed", "the merchant's endpoint answered HTTP 410: it wants no more", "webhook")
    if 300 <= status < 400:
        return Outcome(
            "again", f"the merchant's endpoint answered HTTP {status}: redirects are not followed", "webhook"
        )
    return Outcome("again", f"the merchant's endpoint answered HTTP {status}", "webhook")
