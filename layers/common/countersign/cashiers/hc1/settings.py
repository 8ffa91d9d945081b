"""The fields of an HC1 cashier's account document, typed, with unusable keys refused."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from countersign.cashiers.addresses import is_safe
from countersign.documents import as_choice, as_keys, as_list, as_mapping, as_text
from countersign.errors import KeysUnavailableError
from countersign.signing.credentials import Secret, secret
from countersign.values import dataclass

KINDS = ("sale", "authorization", "capture", "void", "refund")
LEAST_SECRET = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MERCHANT = re.compile(r"[!-~]{1,64}", re.ASCII)  # a line of what is signed: no space, no line break
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


class Key(NamedTuple):
    """One key: what the cashier calls it, and the secret that both sides have."""

    id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Settings:
    """One account at a cashier; `keys` hold the current key first, then previous ones."""

    merchant_id: str
    keys: tuple[Key, ...]
    base: str  # the address that calls go to
    cashier_hosts: frozenset[str]  # where its pages may be
    kinds: frozenset[str] = frozenset({"sale", "refund"})
    paid_late_policy: str = "ask"
    review_refund: str = "two_persons"
    is_test: bool = False  # the contract knows no test mode: a cashier to try has an address of its own
    warnings: tuple[str, ...] = ()

    def key(self, key_id: str) -> Key | None:
        """Return the key of a name."""
        return next((key for key in self.keys if key.id == key_id), None)


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason, never the value."""
    warnings: list[str] = []
    merchant_id = as_text(document, "merchant_id", required=True)
    if not _MERCHANT.fullmatch(merchant_id):
        raise KeysUnavailableError("merchant_id is not 1 to 64 printable characters without spaces")
    keys = as_keys(document, "keys", _key, warnings, needed=True)
    if not keys:
        raise KeysUnavailableError("keys is empty: nothing could be signed or verified")
    if len({key.id for key in keys}) < len(keys):
        raise KeysUnavailableError("keys holds one id twice")
    base = _address(document, "api_base") or _address(document, "base_url", required=True)
    hosts = [_host(host, f"cashier_hosts[{index}]") for index, host in enumerate(as_list(document, "cashier_hosts"))]
    return Settings(
        merchant_id=merchant_id,
        keys=keys,
        base=base,
        cashier_hosts=frozenset(hosts or [urlsplit(base).hostname or ""]),
        kinds=_kinds(document),
        paid_late_policy=as_choice(document, "paid_late_policy", ("ask", "refund", "keep")),
        review_refund=as_choice(document, "review_refund", ("two_persons", "one_person")),
        warnings=tuple(warnings),
    )


def _key(entry: object, name: str) -> Key:
    fields = as_mapping(entry, name)
    key_id = as_text(fields, "id", required=True)
    if not _KEY_ID.fullmatch(key_id):
        raise KeysUnavailableError(f"{name}.id has another form than a key's name")
    value = secret(fields.get("secret"), f"{name}.secret", least=LEAST_SECRET)
    if not value.reveal().isascii():
        raise KeysUnavailableError(f"{name}.secret is not ASCII")
    return Key(key_id, value)


def _address(document: Mapping[str, object], name: str, *, required: bool = False) -> str:
    value = as_text(document, name, required=required).rstrip("/")
    if value and not is_safe(value):
        raise KeysUnavailableError(f"{name} is not an https address, or http on this machine")
    return value


def _host(value: object, name: str) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise KeysUnavailableError(f"{name} is not the name of a host")
    return value


def _kinds(document: Mapping[str, object]) -> frozenset[str]:
    given = as_list(document, "kinds") or ["sale", "refund"]
    found = frozenset(kind for kind in given if isinstance(kind, str))
    if len(found) < len(given) or not found <= set(KINDS):
        raise KeysUnavailableError(f"kinds holds something else than {', '.join(KINDS)}")
    if "authorization" in found and not {"capture", "void"} <= found:
        raise KeysUnavailableError("kinds has authorization without capture and void: what is held could not be ended")
    return found
