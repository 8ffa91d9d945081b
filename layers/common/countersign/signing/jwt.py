"""JSON Web Tokens that somebody signed with a secret we share (RFC 7519 in the compact form of RFC 7515): pure.

Libraries take what a caller forgot to forbid: another algorithm, a token without an end, another's audience. Here the
caller names the algorithms and claims that there must be, and times are always looked at.
"""

import binascii
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from countersign.errors import InvalidSignatureError, MalformedError, StaleTimestampError
from countersign.http import read_json
from countersign.signing import digests

LEEWAY = 60  # seconds by which two clocks may differ
HS256, HS512 = "HS256", "HS512"
_HMAC: Mapping[str, Callable[[bytes, bytes], str]] = {HS256: digests.hmac_sha256, HS512: digests.hmac_sha512}
_SEGMENT = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_MOST_BYTES = 16 * 1024


def claims(
    token: str, keys: Sequence[bytes], *, algorithms: Collection[str], needed: Collection[str], audience: str, now: int
) -> tuple[Mapping[str, Any], int]:
    """Return what a token says and the index of the key that signed it; times are epoch seconds.

    Looks at the shape, the algorithm, critical extensions (none is known), the signature, the `needed` claims, the
    times and the audience, in this order.
    Raises InvalidSignatureError with the reason as one word, StaleTimestampError for `expired` and `not_yet_valid`.
    """
    segments = token.split(".")
    if len(token) > _MOST_BYTES or len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):
        raise InvalidSignatureError("malformed")
    head = _object(segments[0])
    algorithm = head.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidSignatureError("bad_alg")
    if "crit" in head:  # names what must be understood, and nothing beyond the standard is (RFC 7515, 4.1.11)
        raise InvalidSignatureError("bad_crit")
    index = _signer(segments, keys, _HMAC[algorithm])
    said = _object(segments[1])
    if missing := [name for name in needed if said.get(name) in (None, "")]:
        raise InvalidSignatureError(f"missing_claim {missing[0]}")
    _check_times(said, now)
    named = said.get("aud")
    if audience not in (named if isinstance(named, list) else [named]) or not audience:
        raise InvalidSignatureError("wrong_audience")
    return said, index


def _signer(segments: Sequence[str], keys: Sequence[bytes], mac: Callable[[bytes, bytes], str]) -> int:
    content = f"{segments[0]}.{segments[1]}".encode()
    for index, key in enumerate(keys):
        # The text is compared, not its bytes: base64 that ends in other bits would be a second spelling.
        if digests.equal(segments[2], _text(bytes.fromhex(mac(key, content)))):
            return index
    raise InvalidSignatureError("bad_signature")


def _check_times(said: Mapping[str, Any], now: int) -> None:
    times = {name: said[name] for name in ("exp", "nbf", "iat") if said.get(name) is not None}
    if any(isinstance(time, bool) or not isinstance(time, int | float) for time in times.values()):
        raise InvalidSignatureError("malformed")
    if "exp" in times and now >= times["exp"] + LEEWAY:
        raise StaleTimestampError("expired")
    if any(times.get(name, now) > now + LEEWAY for name in ("nbf", "iat")):
        raise StaleTimestampError("not_yet_valid")


def _object(segment: str) -> Mapping[str, Any]:
    try:
        value = read_json(binascii.a2b_base64(segment.replace("-", "+").replace("_", "/") + "=" * (-len(segment) % 4)))
    except (MalformedError, binascii.Error):
        raise InvalidSignatureError("malformed") from None
    if not isinstance(value, dict):
        raise InvalidSignatureError("malformed")
    return value


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode().rstrip("=").replace("+", "-").replace("/", "_")
