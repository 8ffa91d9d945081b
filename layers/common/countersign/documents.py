"""Fields of an account document, typed; KeysUnavailableError names the field and the reason, never the value."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from countersign.errors import KeysUnavailableError

T = TypeVar("T")
NOT_USED = "it is not used"


def as_list(document: Mapping[str, object], name: str) -> list[object]:
    """Return a list; an empty one where the field is absent."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise KeysUnavailableError(f"{name} is not a list")
    return value


def as_text(document: Mapping[str, object], name: str, *, required: bool = False) -> str:
    """Return a text; an empty one where the field is absent."""
    value = document.get(name)
    if value is None or value == "":
        if required:
            raise KeysUnavailableError(f"{name} is missing")
        return ""
    if not isinstance(value, str) or not value.strip():
        raise KeysUnavailableError(f"{name} is not text")
    return value


def as_choice(document: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str:
    """Return one of `choices`; the first where the field is absent."""
    value = as_text(document, name) or choices[0]
    if value not in choices:
        raise KeysUnavailableError(f"{name} is not one of {', '.join(choices)}")
    return value


def as_mapping(value: object, name: str) -> Mapping[str, Any]:
    """Return an object's members."""
    if not isinstance(value, Mapping):
        raise KeysUnavailableError(f"{name} is not an object")
    return value


def as_serial(document: Mapping[str, object], name: str) -> str:
    """Return a certificate's serial in upper-case hex, also from the forms that openssl and browsers show."""
    value = as_text(document, name).strip().upper().removeprefix("SERIAL=").removeprefix("0X")
    return value.replace(":", "").replace(" ", "")


def as_keys(
    document: Mapping[str, object],
    name: str,
    read: Callable[[object, str], T],
    warnings: list[str],
    *,
    needed: bool = False,
) -> tuple[T, ...]:
    """Return a list of keys, the current one first; `read` takes an entry and the name to blame for it.

    Where the list is `needed`, its current key must be usable. What else cannot be used is left out and named in
    `warnings`: a key that few need, or that is replaced already, must not stop what all the others are for.
    """
    try:
        entries = as_list(document, name)
    except KeysUnavailableError as error:
        if needed:
            raise
        warnings.append(f"{error}: {NOT_USED}")
        return ()
    keys: list[T] = []
    for index, entry in enumerate(entries):
        try:
            keys.append(read(entry, f"{name}[{index}]"))
        except KeysUnavailableError as error:
            if needed and index == 0:
                raise
            warnings.append(f"{error}: {NOT_USED}")
    return tuple(keys)


def as_optional(read: Callable[[], T], default: T, warnings: list[str]) -> T:
    """Return what `read` makes of a field that only few functions need; else the default, and a warning."""
    try:
        return read()
    except KeysUnavailableError as error:
        warnings.append(f"{error}: {NOT_USED}")
        return default
