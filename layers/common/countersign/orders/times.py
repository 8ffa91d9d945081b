"""Times in the words of the HTTP contract."""

from datetime import UTC, datetime


def timestamp(seconds: int | None) -> str | None:
    """Return RFC 3339 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
