"""The `_control` calls of a simulator: what a person or a test makes happen on the platform's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


class ControlError(Exception):
    """The caller asked for something that cannot be; the text says what."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RefusedError(Exception):
    """A rule of the platform says no; what a control call is answered is the text and `told`, with 409."""

    told: Json = {}  # noqa: RUF012 - replaced, never changed


class Control:
    """Calls by name; each takes the body that was posted and returns what is answered."""

    def __init__(self) -> None:
        self._calls: dict[str, Callable[[Json], Json]] = {}

    def offer(self, **calls: Callable[[Json], Json]) -> None:
        """Add calls."""
        self._calls |= calls

    def __contains__(self, name: str) -> bool:
        return name in self._calls

    def call(self, name: str, body: Json) -> tuple[int, Json]:
        """Carry out one call: its HTTP status and its answer."""
        work = self._calls.get(name)
        if work is None:
            return 404, {"error": f"there is no control call {name!r}; there are {sorted(self._calls)}"}
        try:
            return 200, work(body)
        except ControlError as error:
            return error.status, {"error": str(error)}
        except RefusedError as refused:
            return 409, {"error": str(refused), **refused.told}
        except (KeyError, TypeError, ValueError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}
