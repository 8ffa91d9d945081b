"""What the console is told when it is deployed, and the one secret that it reads while it runs."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from botocore.exceptions import BotoCoreError, ClientError

from countersign import aws
from countersign.errors import KeysUnavailableError

FRESH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are; nothing in here is secret."""

    url: str  # the console's own address, without a path; empty before it is known
    api_url: str
    client_id: str
    authorize_url: str
    exchange_url: str
    revoke_url: str
    logout_url: str
    scopes: str
    table: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read what the template gives."""
        return cls(
            url=os.environ["CONSOLE_URL"],
            api_url=os.environ["API_URL"],
            client_id=os.environ["SIGN_IN_CLIENT"],
            authorize_url=os.environ["SIGN_IN_URL"],
            exchange_url=os.environ["SIGN_IN_EXCHANGE_URL"],
            revoke_url=os.environ["SIGN_IN_REVOKE_URL"],
            logout_url=os.environ["SIGN_OUT_URL"],
            scopes=os.environ["SIGN_IN_SCOPES"],
            table=os.environ["SESSIONS_TABLE"],
        )


def secret_reader() -> Callable[[], str]:
    """Return what reads the client's secret, of the document `countersign/{stage}/console`, kept for five minutes."""
    name = f"countersign/{os.environ['STAGE']}/console"

    @cache
    def read(_slot: int) -> str:
        try:
            text = aws.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
            return str(json.loads(text)["client_secret"])
        except (BotoCoreError, ClientError, KeyError, TypeError, ValueError):
            raise KeysUnavailableError("the console's client_secret cannot be read") from None

    return lambda: read(int(time.monotonic()) // FRESH_SECONDS)
