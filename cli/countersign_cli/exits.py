"""How commands end: the status says to a script what the sentence on standard error says to a person."""

from __future__ import annotations

OK = 0
FOUND = 1  # a check found something, or not all of what was asked for was done
USAGE = 2
NOT_FOUND = 3
REFUSED = 4  # a rule says no
NOT_SIGNED_IN = 5
UNAVAILABLE = 6  # nobody can say: try again
INTERRUPTED = 130  # Ctrl-C, as shells have it


class StopError(Exception):
    """Ends a command with a status and a sentence of `texts`, which holds no secret."""

    def __init__(self, status: int, code: str, /, **arguments: object) -> None:
        super().__init__(code)
        self.status, self.code, self.arguments = status, code, arguments


def of_answer(status: int) -> int:
    """Return how a command ends that the API answered with this HTTP status."""
    if status == 401:
        return NOT_SIGNED_IN
    if status == 404:
        return NOT_FOUND
    return UNAVAILABLE if status == 429 or status >= 500 else REFUSED
