"""What became of one attempt to send a notice."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """`state` is sent, again (later), failed (for good) or unknown (a person looks); `reason` is in words for staff."""

    state: str
    reason: str = ""
    via: str = ""
