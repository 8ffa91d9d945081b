"""Every error that Countersign raises on purpose, split by what the caller should do about it.

CountersignError
├── RefusedError                    do not repeat the request as it is
│   ├── MalformedError              400  not the shape that the sender promised
│   ├── NotGenuineError             401  nothing in the request may be believed
│   │   ├── InvalidSignatureError        signature absent, garbled or wrong
│   │   │   ├── StaleTimestampError      signed too long ago, or in the future
│   │   │   ├── UnknownKeyError          signed with a key that is not configured
│   │   │   └── SignatureProbeError      a platform's deliberate wrong signature
│   │   ├── UndecryptableError           signature good, ciphertext does not open (alarm)
│   │   └── TenantMismatchError          genuine, but somebody else's (alarm)
│   ├── ForbiddenError              403  known caller, not allowed
│   ├── NotFoundError               404  no such account, order or question
│   ├── ConflictError               409  the order's state forbids it
│   │   └── InProgressError              the first call of its kind still runs: come again
│   ├── TooLargeError               413  over the limit of its route
│   ├── UnsupportedEncodingError    415  compressed or otherwise encoded
│   ├── UnprocessableError          422  well-formed, but something needed is missing or contradictory
│   └── RateLimitedError            429  too many unsigned hints
└── TemporaryError                  503  repeat the same request later
    ├── KeysUnavailableError             the account's keys cannot be read or must not be used
    ├── StoreUnavailableError            the table did not take the write
    ├── UnreadableError                  a stored row is not one that this version can read
    ├── ContentionError                  others kept changing the same order
    └── PlatformUnavailableError    502  the platform's answer is missing or cannot be believed: outcome unknown

Messages name reasons, never payloads, header values or keys.
"""

from typing import Any


class CountersignError(Exception):
    """Base of all errors raised on purpose."""

    status = 500
    reason: Any = None  # an orders.reasons.Reason, where it has a code of its own


class RefusedError(CountersignError):
    """The request is refused for good."""

    status = 400


class MalformedError(RefusedError):
    """The bytes are not the shape that the sender promised."""


class NotGenuineError(RefusedError):
    """Nothing in the request may be believed."""

    status = 401


class InvalidSignatureError(NotGenuineError):
    """The signature is absent, garbled or wrong."""


class StaleTimestampError(InvalidSignatureError):
    """The signed time is outside the window."""


class UnknownKeyError(InvalidSignatureError):
    """The key that the request names is not configured."""


class SignatureProbeError(InvalidSignatureError):
    """The platform tests whether signatures are checked."""


class UndecryptableError(NotGenuineError):
    """The signature is good but the ciphertext does not open: our key is wrong."""


class TenantMismatchError(NotGenuineError):
    """The message is genuine but names another merchant or environment."""


class ForbiddenError(RefusedError):
    """The caller is known and may not do this."""

    status = 403


class NotFoundError(RefusedError):
    """There is no such account, order or question, or the caller may not know of it."""

    status = 404


class ConflictError(RefusedError):
    """The order's present state forbids the request."""

    status = 409


class InProgressError(ConflictError):
    """The first call with the same key still runs: come again in a while."""


class TooLargeError(RefusedError):
    """The body is over the limit of its route."""

    status = 413


class UnsupportedEncodingError(RefusedError):
    """The body arrives compressed or otherwise encoded."""

    status = 415


class UnprocessableError(RefusedError):
    """The request is well-formed but lacks or contradicts something."""

    status = 422


class RateLimitedError(RefusedError):
    """Too many unsigned hints for one account."""

    status = 429


class TemporaryError(CountersignError):
    """The same request may succeed later."""

    status = 503


class KeysUnavailableError(TemporaryError):
    """The account's keys cannot be read, or must not be used."""


class StoreUnavailableError(TemporaryError):
    """The table did not take the write, or its answer is unknown."""


class UnreadableError(TemporaryError):
    """A stored row is not one that this version can read, as after a roll-back."""


class ContentionError(TemporaryError):
    """Others kept changing the same order for the whole deadline."""


class PlatformUnavailableError(TemporaryError):
    """The platform's answer is missing or cannot be believed: the outcome is unknown."""

    status = 502
