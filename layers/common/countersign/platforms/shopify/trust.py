"""How long the certificates are good by which Shopify's requests to a payments app are believed; pure.

https://shopify.dev/docs/apps/build/payments/considerations#mtls-configuration. The gateway goes on trusting a chain
until its last second and then lets nobody in: every shop's payments fail at once.
"""

from typing import NamedTuple

from countersign.errors import MalformedError
from countersign.signing import chains

DAY = 86_400
WARN_DAYS = 60  # the threshold of TrustStoreEndsAlarm


class Trust(NamedTuple):
    """What there is to say of a bundle: whole days until its first certificate ends, none below 0, and whose it is."""

    days_left: int
    subject: str
    certificates: int

    @property
    def ends_soon(self) -> bool:
        """Tell whether somebody has to bring the next bundle."""
        return self.days_left < WARN_DAYS


def read(bundle: bytes, now: int) -> Trust:
    """Return what a bundle (PEM) says at a moment in epoch seconds; raises MalformedError where it is none."""
    try:
        found = chains.members(bundle.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedError("the bundle is no text") from None
    first = found[0]
    return Trust(max(0, (first.ends_at - now) // DAY), first.subject, len(found))
