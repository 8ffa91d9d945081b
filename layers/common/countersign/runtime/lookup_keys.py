"""The keys under which lookups are stored: the secret `countersign/{stage}/lookup/keys`, current first, then previous.

A merchant who wants no lookups makes no such secret. To change the key, put a new one in front: what was stored under
the previous one is found while that one stays; once it is taken out, nobody can find anything by it again.
"""

import os
import time

from botocore.exceptions import BotoCoreError, ClientError

from countersign import aws
from countersign.errors import KeysUnavailableError, MalformedError, UnprocessableError
from countersign.http import read_json
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal

FRESH_SECONDS = 300
MIN_BYTES = 32
MOST = 4
_kept: list[tuple[float, tuple[bytes, ...]]] = []


def load() -> tuple[bytes, ...]:
    """Return the keys; raises UnprocessableError where the merchant has none, KeysUnavailableError for bad ones."""
    clock = time.monotonic()
    if _kept and clock - _kept[0][0] < FRESH_SECONDS:
        return _kept[0][1]
    keys = _parse(_read())
    _kept[:] = [(clock, keys)]
    return keys


def _read() -> str:
    try:
        answer = aws.client("secretsmanager").get_secret_value(
            SecretId=f"countersign/{os.environ['STAGE']}/lookup/keys"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise refusal(UnprocessableError, because("lookup_is_off")) from None
        raise KeysUnavailableError("the keys of lookups cannot be read") from error
    except BotoCoreError as error:
        raise KeysUnavailableError("Secrets Manager does not answer") from error
    return str(answer["SecretString"])


def _parse(text: str) -> tuple[bytes, ...]:
    try:
        document = read_json(text)
    except MalformedError:
        document = None
    match document:
        case {"keys": [str(), *_] as keys} if len(keys) <= MOST and all(isinstance(key, str) for key in keys):
            found = tuple(key.encode() for key in keys)
            if all(len(key) >= MIN_BYTES for key in found):
                return found
    raise KeysUnavailableError(f"the keys of lookups are 1 to {MOST} texts of {MIN_BYTES} bytes or more")
