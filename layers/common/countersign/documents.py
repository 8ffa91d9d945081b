"""Fields of an account document, typed; KeysUnavailableError names the field and the reason, never the value."""

from collections.abc import Mapping
from typing import Any

from countersign.errors import KeysUnavailableError


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
