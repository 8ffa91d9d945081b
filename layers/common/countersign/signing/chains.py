"""Bundles of X.509 certificates (PEM), and until when each is good."""

from typing import NamedTuple

from cryptography import x509

from countersign.errors import MalformedError
from countersign.signing.pem import pem_blocks


class Member(NamedTuple):
    """One certificate of a bundle: whose it is, and its last moment in epoch seconds."""

    subject: str
    ends_at: int


def members(text: str) -> tuple[Member, ...]:
    """Return the certificates of a bundle, the one that ends first at the front; raises MalformedError."""
    try:
        found = [x509.load_pem_x509_certificate(block.encode()) for block in pem_blocks(text, "CERTIFICATE")]
        told = [Member(one.subject.rfc4514_string(), int(one.not_valid_after_utc.timestamp())) for one in found]
    except ValueError:
        raise MalformedError("a certificate of the bundle cannot be read") from None
    if not told:
        raise MalformedError("the bundle holds no certificate")
    return tuple(sorted(told, key=lambda one: one.ends_at))
