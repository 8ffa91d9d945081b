"""What is wrong with account documents, before they are deployed: `countersign doctor --accounts DIR`.

Each `{platform}/{account}.json`, `{platform}/{app}/{account}.json` of who installed an app, and
`cashier/{name}/{account}.json`, goes through its own loader; then every key in it is read, which the loader leaves to
the function that needs it, and all documents are compared with each other. What is found names fields and reasons,
never a value.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from countersign.documents import NOT_USED
from countersign.errors import KeysUnavailableError, MalformedError
from countersign.http import read_json
from countersign.signing import published, rsa
from countersign.signing.credentials import MIN_BYTES, Secret, secret

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
SOON = 30 * DAY
# Whose account it is on the platform: two documents for one would both hear of its orders, bills and refunds.
# A service provider's merchant number is told apart by the sub-merchant's.
IDENTITIES = (("mchid", "sub_mchid"), ("app_id",), ("client_id",), ("merchant_id", "base"))
# What belongs to an app, which several accounts may share; everything else is one account's own.
OF_AN_APP = ("mini_program_secret", "push.")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}", re.ASCII)  # as the product reads it in its URLs


class Finding(NamedTuple):
    """One thing to mend (an error) or to know (a warning)."""

    level: str
    where: str
    what: str


class Value(NamedTuple):
    """A text of a loaded document: where it stands, and whether the loader takes it for a secret."""

    field: str
    text: str
    is_secret: bool

    @property
    def is_pem(self) -> bool:
        """Tell whether it is a key or a certificate."""
        return self.text.lstrip().startswith("-----BEGIN ")


class Account(NamedTuple):
    """A document that its loader takes."""

    name: str
    settings: Any
    values: tuple[Value, ...]


def lint(folder: Path, now: int) -> list[Finding]:
    """Return what is wrong with the documents of a folder."""
    paths = sorted([*folder.glob("*/*.json"), *folder.glob("*/*/*.json")])
    if not paths:
        return [Finding("error", str(folder), "no {platform}/{account}.json is there")]
    return examine({path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes() for path in paths}, now)


def examine(documents: Mapping[str, bytes], now: int) -> list[Finding]:
    """Return what is wrong with documents, by their names (`{platform}/{account}`)."""
    found: list[Finding] = []
    accounts: list[Account] = []
    for name, content in documents.items():
        try:
            account = _load(name, content)
        except KeysUnavailableError as error:
            found.append(Finding("error", name, str(error)))
            continue
        accounts.append(account)
        found += [Finding(level, name, what) for level, what in _alone(account, now)]
    return [*found, *_together(accounts)]


def _load(name: str, content: bytes) -> Account:
    loader = _loader(name.rpartition("/")[0])
    if not _NAME.fullmatch(name.rpartition("/")[2]):
        raise KeysUnavailableError("the account's name is not a to z, 0 to 9, . and -, at most 100 characters")
    try:
        document = read_json(content)
    except MalformedError as error:
        raise KeysUnavailableError(f"the document is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise KeysUnavailableError("the document is not an object")
    settings = loader(document)
    return Account(name, settings, tuple(_values(settings)))


def _loader(folder: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return the loader of a platform, of an app's installation at one, or of a cashier, found by its folder's name."""
    platform, _, below = folder.partition("/")
    module, load = f"countersign.platforms.{platform}", "load_installation" if below else "load"
    if platform == "cashier":
        platform, module, load = below, f"countersign.cashiers.{below}", "load"
    known = platform.isidentifier() and importlib.util.find_spec(module) is not None
    found = importlib.import_module(f"{module}.settings") if known and _has_settings(module) else None
    if not hasattr(found, load):
        raise KeysUnavailableError("there is no such platform")
    loader: Callable[[Mapping[str, Any]], Any] = getattr(found, load)
    return loader


def _has_settings(module: str) -> bool:
    return importlib.util.find_spec(f"{module}.settings") is not None


def _values(value: Any, field: str = "") -> Iterator[Value]:
    """Yield every text in a loaded document."""
    if isinstance(value, str):
        yield Value(field, value, is_secret=False)
    elif isinstance(value, Secret):
        yield Value(field, value.reveal(), is_secret=True)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _values(member, f"{field}[{name}]")
    elif dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
        names = value._fields if hasattr(value, "_fields") else [one.name for one in dataclasses.fields(value)]
        for name in names:
            if name != "warnings":
                yield from _values(getattr(value, name), f"{field}.{name}".lstrip("."))
    elif isinstance(value, tuple | list):
        for index, member in enumerate(value):
            yield from _values(member, f"{field}[{index}]")


def _alone(account: Account, now: int) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one document."""
    told = list(getattr(account.settings, "warnings", ()))
    # The product does without such a key; whoever deploys the document wants it.
    yield from (("error" if text.endswith(NOT_USED) else "warning", text) for text in told)
    for value in account.values:
        if value.is_secret and published.is_published(value.text):
            yield "error", f"{value.field} is a key of this project's tests: everybody knows it"
        if value.is_pem:
            yield from _pem(value, account, now)
        elif value.is_secret:
            problem = _refusal(secret, value.text, value.field, least=1)
            if problem:
                yield "error", problem
            elif len(value.text.encode()) < MIN_BYTES and not any(text.startswith(value.field) for text in told):
                yield "warning", f"{value.field} is shorter than {MIN_BYTES} bytes: it can be guessed"
    if getattr(account.settings, "api_base", ""):
        yield "warning", "api_base is set: the platform's own address is not used, which only the sandbox wants"


def _refusal(read: Callable[..., object], text: str, field: str, **options: int) -> str:
    """Return why a text cannot be read as what it is for, or nothing."""
    try:
        read(text, field, **options)
    except KeysUnavailableError as error:
        return str(error)
    return ""


def _private_key(pem: str, field: str) -> None:
    rsa.sign(pem, b"", field)


def _pem(value: Value, account: Account, now: int) -> Iterator[tuple[str, str]]:
    if "PRIVATE KEY" in value.text:
        problem = _refusal(_private_key, value.text, value.field)
    elif "CERTIFICATE" not in value.text:
        problem = _refusal(rsa.public_key, value.text, value.field)
    else:
        problem = _refusal(rsa.certificate, value.text, value.field)
        if not problem:
            yield from _age(value, account, now)
    if problem:
        yield "error", problem


def _age(value: Value, account: Account, now: int) -> Iterator[tuple[str, str]]:
    ends = rsa.certificate(value.text, value.field).not_after
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    if ends < now:
        # One that was replaced may stay in its list: it verifies nothing any more.
        level = "warning" if _has_successor(value, account, now) else "error"
        yield level, f"{value.field} has expired on {day}"
    elif ends < now + SOON:
        yield "warning", f"{value.field} expires on {day}"


def _has_successor(value: Value, account: Account, now: int) -> bool:
    base = value.field.partition("[")[0]
    others = [one for one in account.values if one.field.partition("[")[0] == base and one is not value]
    return any(
        not _refusal(rsa.certificate, one.text, one.field) and rsa.certificate(one.text, one.field).valid_at(now)
        for one in others
    )


def _together(accounts: list[Account]) -> Iterator[Finding]:
    """Yield what is wrong between documents, and where one key stands twice in a document."""
    owners: dict[tuple[str, tuple[str, ...], tuple[str, ...]], str] = {}
    keys: dict[str, tuple[Account, Value]] = {}
    for account in accounts:
        for fields in IDENTITIES:
            identity = tuple(str(getattr(account.settings, field, "")) for field in fields)
            if not identity[0]:
                continue
            owner = owners.setdefault((account.name.partition("/")[0], fields, identity), account.name)
            if owner != account.name:
                named = " and ".join(field for field, value in zip(fields, identity, strict=True) if value)
                are = "are those" if " and " in named else "is the one"
                yield Finding("error", account.name, f"{named} {are} of {owner}: one document for each")
        for value in account.values:
            if not value.is_secret:
                continue
            other, same = keys.setdefault(_plain(value.text), (account, value))
            if same is value:
                continue
            if other is account:
                yield Finding("warning", account.name, f"{value.field} is the same as {same.field}")
            elif not (_is_of_one_app(account, value, other, same) or _is_of_one_provider(account, other)):
                yield Finding("error", account.name, f"{value.field} is the same as {same.field} of {other.name}")


def _is_of_one_app(account: Account, value: Value, other: Account, same: Value) -> bool:
    appid = getattr(account.settings, "appid", "")
    shared = value.field.startswith(OF_AN_APP) and same.field.startswith(OF_AN_APP)
    return shared and bool(appid) and appid == getattr(other.settings, "appid", "")


def _is_of_one_provider(account: Account, other: Account) -> bool:
    """Tell whether both are sub-merchants of one service provider, whose keys both documents hold."""
    provider = getattr(account.settings, "mchid", "")
    sub_merchants = all(getattr(one.settings, "sub_mchid", "") for one in (account, other))
    return bool(provider) and provider == getattr(other.settings, "mchid", "") and sub_merchants


def _plain(text: str) -> str:
    """Return a key as its characters alone: a PEM may be wrapped in many ways."""
    return re.sub(r"-----[A-Z ]+-----|\s", "", text)
