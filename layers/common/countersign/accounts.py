"""Credentials per platform and account: read from Secrets Manager, kept for five minutes, parsed once."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign import aws
from countersign.errors import KeysUnavailableError, MalformedError, NotFoundError, RateLimitedError
from countersign.http import read_json
from countersign.runtime.telemetry import logger
from countersign.signing.published import published_key
from countersign.store import account_names

FRESH_SECONDS = 300
STALE_SECONDS = 3600  # how long keys are used on while Secrets Manager does not answer
UNKNOWN_SECONDS = 60
UNKNOWN_PER_MINUTE = 30  # names that turn out not to exist and are looked up in Secrets Manager, in one container
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}", re.ASCII)


@dataclass(slots=True)
class _Entry:
    settings: Any
    text: str
    loaded_at: float


class Accounts:
    """One platform's accounts; `parse` turns a document into the platform's settings.

    Where documents lie in a folder of their own, `orders_of` says of a name which account, platform and name, has its
    orders: that one is listed where people look, and a folder is not.
    """

    def __init__(
        self,
        platform: str,
        parse: Callable[[Mapping[str, Any]], Any],
        *,
        orders_of: Callable[[str], tuple[str, str]] | None = None,
    ) -> None:
        self.platform = platform
        self.parse = parse
        self._orders_of = orders_of
        self._entries: dict[str, _Entry] = {}
        self._unknown: dict[str, float] = {}

    def load(self, name: str) -> Any:
        """Return the account's settings.

        Raises NotFoundError (unknown name), RateLimitedError (too many unknown names tried) or KeysUnavailableError
        (the document cannot be read, or holds keys that must not be used). However many names strangers make up, one
        that is marked is looked up: creating a payment marks it before a callback can come.
        """
        if not _NAME.fullmatch(name):
            raise NotFoundError("no such account")
        entry = self._entries.get(name)
        clock = time.monotonic()
        if entry is not None and clock - entry.loaded_at < FRESH_SECONDS:
            return entry.settings
        marked = entry is None and self._refuse_guessing(name, clock)
        try:
            text = _read(self.platform, name)
        except NotFoundError:
            self._entries.pop(name, None)
            self._unknown[name] = clock
            if marked:  # the account is gone: its name is looked up no more often than any other
                self._forget(name)
            raise
        except KeysUnavailableError:
            if entry is not None and clock - entry.loaded_at < STALE_SECONDS:
                return entry.settings
            raise
        if entry is None or entry.text != text:
            if entry is None and not marked:
                account_names.unmarked.add((self.platform, name))
            if entry is None and self._orders_of is not None:
                account_names.unmarked.add(self._orders_of(name))
            entry = _Entry(self._parse(text), text, clock)
        entry.loaded_at = clock
        self._entries[name] = entry
        return entry.settings

    def names(self) -> Iterator[str]:
        """Yield every account of the platform, for work that nobody's call names one for."""
        prefix = f"countersign/{os.environ['STAGE']}/{self.platform}/"
        page: dict[str, Any] = {"Filters": [{"Key": "name", "Values": [prefix]}]}
        while True:
            try:
                answer = aws.client("secretsmanager").list_secrets(**page)
            except (BotoCoreError, ClientError) as error:
                raise KeysUnavailableError("the accounts cannot be listed") from error
            for entry in answer["SecretList"]:
                name = str(entry["Name"]).removeprefix(prefix)
                if entry["Name"].startswith(prefix) and _NAME.fullmatch(name):
                    yield name
            if not answer.get("NextToken"):
                return
            page["NextToken"] = answer["NextToken"]

    def _forget(self, name: str) -> None:
        """Take back the mark of a name that has no document any more."""
        account_names.forget(aws.client("dynamodb"), os.environ["TABLE_NAME"], self.platform, name)

    def _refuse_guessing(self, name: str, clock: float) -> bool:
        """Refuse a name that is likely made up; True where it is none, for its mark was found."""
        self._unknown = {known: at for known, at in self._unknown.items() if clock - at < UNKNOWN_SECONDS}
        if name not in self._unknown and len(self._unknown) < UNKNOWN_PER_MINUTE:
            return False
        # Marked: another container has loaded it, maybe a moment after it was unknown here.
        if account_names.is_remembered(aws.client("dynamodb"), os.environ["TABLE_NAME"], self.platform, name):
            return True
        if name in self._unknown:
            raise NotFoundError("no such account")
        raise RateLimitedError("too many unknown accounts")

    def _parse(self, text: str) -> Any:
        try:
            document = read_json(text)
        except MalformedError:
            raise KeysUnavailableError("the account's document is not JSON") from None
        if not isinstance(document, dict):
            raise KeysUnavailableError("the account's document is not an object")
        if field := published_key(document):
            raise KeysUnavailableError(f"{field} is a key of this project's tests: everybody knows it")
        settings = self.parse(document)
        for warning in getattr(settings, "warnings", ()):
            logger.warning("account document", extra={"platform": self.platform, "reason": warning})
        return settings


class AccountDocuments:
    """One platform's documents that the product writes by itself: of shops and stores where an app was installed.

    They lie where the merchant's own do, so that who may read a platform's keys is said in one place, and they are
    encrypted under the same key.
    """

    def __init__(self, platform: str) -> None:
        self.platform = platform

    def read(self, name: str) -> dict[str, Any]:
        """Return a document as it is now, past every cache; raises NotFoundError or KeysUnavailableError."""
        try:
            document = read_json(_read(self.platform, name))
        except MalformedError:
            raise KeysUnavailableError("the account's document is not JSON") from None
        if not isinstance(document, dict):
            raise KeysUnavailableError("the account's document is not an object")
        return document

    def write(self, name: str, document: Mapping[str, Any], *, forget: bool = False) -> None:
        """Keep a document; what was there before is kept by Secrets Manager as the previous one, unless to `forget`.

        Raises KeysUnavailableError where it was not kept.
        """
        text = json.dumps(document, ensure_ascii=False)
        try:
            # A version that is neither the current nor the previous one is deleted: two puts leave none of before.
            for _ in range(2 if forget else 1):
                self._put(name, text)
        except (BotoCoreError, ClientError) as error:
            raise KeysUnavailableError("the account's document cannot be written") from error

    def _put(self, name: str, text: str) -> None:
        secrets = aws.client("secretsmanager")
        try:
            secrets.put_secret_value(SecretId=_secret_id(self.platform, name), SecretString=text)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            key = os.environ.get("ENCRYPTED_UNDER", "")
            under = {"KmsKeyId": key} if key else {}
            secrets.create_secret(Name=_secret_id(self.platform, name), SecretString=text, **under)


def _read(platform: str, name: str) -> str:
    """Return a document as it is written; raises NotFoundError or KeysUnavailableError."""
    try:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=_secret_id(platform, name))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise NotFoundError("no such account") from None
        raise KeysUnavailableError("the account's document cannot be read") from error
    except BotoCoreError as error:
        raise KeysUnavailableError("Secrets Manager does not answer") from error
    return str(answer["SecretString"])


def _secret_id(platform: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFoundError("no such account")
    return f"countersign/{os.environ['STAGE']}/{platform}/{name}"
