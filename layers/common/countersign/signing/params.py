"""The form in which signed parameters are put in a row."""

from collections.abc import Mapping


def canonical(fields: Mapping[str, str], *, without: str) -> str:
    """Return `a=1&b=2`, sorted by name in ASCII order, leaving out empty values and the field `without`."""
    return "&".join([f"{name}={fields[name]}" for name in sorted(fields) if name != without and fields[name]])
