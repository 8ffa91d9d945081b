"""What a secret is, and which values must never be used as one."""

import re

from countersign.errors import KeysUnavailableError

MIN_BYTES = 16

# What people leave in a document that they copied: never a key, whatever its length.
_PLACEHOLDER = re.compile(
    r"<.*>|\{\{.*\}\}|\$\{.*\}"
    r"|.*(?:change[-_ ]?me|replace[-_ ]?me|placeholder|your[-_ ]|insert[-_ ]|x{6}|\*{3}).*",
    re.IGNORECASE | re.DOTALL,
)


class Secret:
    """A text that no repr, message or log shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def secret(
    value: object, name: str, *, refused: frozenset[str] = frozenset(), size: int | None = None, least: int = MIN_BYTES
) -> Secret:
    """Return the value as a Secret, or refuse it by the field's name and the reason, never by its value.

    `refused` are values that a platform publishes as samples; `size` is the only length in bytes that is right, `least`
    the shortest one.
    """
    if not isinstance(value, str):
        raise KeysUnavailableError(f"{name} is not text")
    if not value.strip():
        raise KeysUnavailableError(f"{name} is empty")
    if value != value.strip():
        raise KeysUnavailableError(f"{name} has space around it")
    if _PLACEHOLDER.fullmatch(value) or (len(set(value)) < 3 and least > 1):
        raise KeysUnavailableError(f"{name} is a placeholder")
    if value in refused:
        raise KeysUnavailableError(f"{name} is the sample that the platform publishes")
    length = len(value.encode("utf-8", "surrogatepass"))
    if size is not None and length != size:
        raise KeysUnavailableError(f"{name} must be exactly {size} bytes, it has {length}")
    if length < least:
        raise KeysUnavailableError(f"{name} is shorter than {least} bytes")
    return Secret(value)
