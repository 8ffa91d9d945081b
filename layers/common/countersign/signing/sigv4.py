"""AWS Signature Version 4 for one kind of request: a JSON body, posted to a path that needs no escapes."""

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """What a role's session is signed with; `token` is empty for a user's long-lived keys."""

    access_key: str
    secret_key: str
    token: str = ""


def headers(
    credentials: Credentials,
    *,
    region: str,
    service: str,
    host: str,
    content_type: str,
    target: str,
    body: bytes,
    moment: str,
    path: str = "/",
) -> Mapping[str, str]:
    """Return the headers that sign a request; `moment` is UTC as `20261122T062725Z`."""
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    signed = {"content-type": content_type, "host": host, "x-amz-date": moment}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    if target:  # services with a path for each operation have none
        signed["x-amz-target"] = target
    names = ";".join(signed)
    canonical = "".join([f"{name}:{value}\n" for name, value in signed.items()])
    request = f"POST\n{path}\n\n{canonical}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _key_of_the_day(credentials.secret_key, moment[:8], region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={credentials.access_key}/{scope}"
    made = {
        "X-Amz-Date": moment,
        "Authorization": f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}",
    }
    if credentials.token:
        made["X-Amz-Security-Token"] = credentials.token
    return made


@lru_cache(maxsize=8)
def _key_of_the_day(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
