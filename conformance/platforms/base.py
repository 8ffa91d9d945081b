"""What the kit has to know of a platform to play it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engine import Case, Play
    from ..merchant import Order
    from ..wire import Message, Reply

Json = dict[str, Any]
FORGED = "goods for nothing: whoever finds the address says that orders are paid"
REPLAY = "an old message of the platform's works for ever: whoever once saw one sends it when it suits"


@dataclass(frozen=True)
class Forgery:
    """A message that nobody may believe."""

    id: str
    title: str
    make: Callable[[Play, Order], Message]
    gain: str = FORGED
    weight: int = 8
    critical: bool = True
    may_be_taken: bool = False  # it is genuine: it may be acknowledged, where it pays nothing
    of_old: bool = False  # makes an old message look new: says nothing of who believes old ones anyway


class Platform(ABC):
    """One platform and one version of its messages."""

    name: ClassVar[str]
    title: ClassVar[str]
    page: ClassVar[str]  # where the platform says how its messages are signed and answered
    patience: ClassVar[float]  # seconds after which it counts as not answered
    window: ClassVar[int | None]  # seconds that a signature is fresh, None where nothing signed says when
    currency: ClassVar[str]
    merchant_creates: ClassVar[bool] = True  # whether orders are the merchant's before they are paid
    judges_state: ClassVar[bool] = True
    old_is_refused: ClassVar[bool] = True  # else it may be acknowledged, and must not pay
    names_currency: ClassVar[bool] = True
    same_bytes_again: ClassVar[bool] = True  # whether a repetition may be the same request

    def __init__(self, keys: Json) -> None:
        self.keys = keys

    @classmethod
    @abstractmethod
    def new_keys(cls) -> Json:
        """Make throwaway keys of both sides, as JSON."""

    @abstractmethod
    def values(self) -> Json:
        """Return what the target has to be configured with."""

    @abstractmethod
    def secrets(self) -> list[str]:
        """Return what no answer and no report may hold."""

    def number(self, run: str, count: int) -> str:
        """Return an order's number: nothing that could be taken for live money."""
        return f"CONF{run}{count:04d}"

    @abstractmethod
    def payment(self, play: Play, order: Order, **changes: Any) -> Message:
        """Return a genuine message that the order is paid; each call is another message about the same payment.

        Changes: `minor`, `currency`, `merchant` (another's), `word` (a state that is not "paid"), `at` (seconds from
        now), `spelling` (the same facts in other bytes), `content` (a signed body instead).
        """

    def repeat(self, play: Play, message: Message) -> Message:
        """Return how the platform sends a message again: the same bytes, where it does not say otherwise."""
        return message

    def garbage(self, play: Play, body: bytes) -> Message:
        """Return a message whose body is garbage."""
        return self.payment(play, play.victim()).with_body(body)

    @abstractmethod
    def forgeries(self) -> list[Forgery]:
        """Return the ways in which this platform's messages are forged."""

    @abstractmethod
    def words(self) -> list[tuple[str, str]]:
        """Return `(word, what it means)`: states in a genuine message that are not "paid"."""

    def others(self) -> list[Case]:
        """Return cases that only this platform has."""
        return []

    def acknowledged(self, reply: Reply) -> bool:
        """Say whether the platform would not send the message again."""
        return 200 <= reply.status < 300

    def exact(self, reply: Reply) -> bool:
        """Say whether the answer is in the platform's own words."""
        return self.acknowledged(reply)
