"""What became of one attempt to send a notice."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """How an attempt ended.

    `state` is sent, again (later, by the channel's ladder), failed (for good) or unknown (a person must look: it is
    never repeated). `reason` is for staff and names nobody; `via` says what carried it (a printer's name).
    """

    state: str
    reason: str = ""
    via: str = ""
