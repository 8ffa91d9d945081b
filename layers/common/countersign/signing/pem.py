"""PEM blocks (RFC 7468) in what people paste into a document, whatever openssl or a console printed around them."""

import re

from countersign.errors import KeysUnavailableError, MalformedError
from countersign.signing.encoding import from_base64

PRIVATE_KEYS = ("PRIVATE KEY", "RSA PRIVATE KEY")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----")


def pem_body(text: str, label: str, name: str) -> bytes:
    """Return the DER inside the first PEM block of that label; `name` is the field to blame.

    Text around it means nothing (RFC 7468, section 2): openssl prints bag attributes, subject and issuer there.
    """
    _, begin, rest = text.partition(f"-----BEGIN {label}-----")
    inside, end, _ = rest.partition(f"-----END {label}-----")
    if not begin or not end:
        raise KeysUnavailableError(f"{name} is not a PEM block labelled {label}")
    try:
        return from_base64("".join(inside.split()))
    except MalformedError:
        raise KeysUnavailableError(f"{name} is damaged: not base64 inside") from None


def pem_blocks(text: str, *labels: str) -> tuple[str, ...]:
    """Return every PEM block of these labels that a text holds, each by itself and without what stands around it."""
    found = [match[0] for match in _BLOCK.finditer(text) if match[1] in labels]
    return tuple(f"{block}\n" for block in found)
