"""What workers ask of a platform: `platforms/<name>/connector.py` answers those of these protocols that it has.

What a platform says comes back as changes under the key of the order that it is about. A call that has no believable
answer raises TemporaryError, so that its outcome is unknown and it is asked about; one that the platform, or our own
check before it, refuses for good raises RefusedError (`is_final`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from countersign.accounts import Accounts
from countersign.errors import (
    CountersignError,
    InProgressError,
    MalformedError,
    NotGenuineError,
    RateLimitedError,
    RefusedError,
    UnprocessableError,
)
from countersign.orders.changes import Change
from countersign.orders.instructions import Instruction, Prospect
from countersign.orders.reasons import Reason
from countersign.orders.reconcile import BillLine
from countersign.orders.refunds import Refund
from countersign.orders.settlements import Settlement
from countersign.orders.shipments import Shipment
from countersign.orders.state import Order

Changes = tuple[Change, ...]
Asked = TypeVar("Asked", covariant=True)


class RefundRefusedError(UnprocessableError):
    """The platform does not make a refund; `problem` says what a person must do.

    `whole_account` is true where every refund of the account would be refused just now.
    """

    def __init__(self, problem: Reason, *, whole_account: bool = False) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.whole_account = whole_account


def is_final(error: CountersignError) -> bool:
    """Tell whether repeating a call would be refused again, so that a person must act.

    To be slowed down passes, and what could not be read or believed leaves the outcome of a call unknown.
    """
    passes = RateLimitedError | InProgressError | MalformedError | NotGenuineError
    return isinstance(error, RefusedError) and not isinstance(error, passes)


class Queries(Protocol):
    """Every platform: what became of an order or a refund, once it is asked. Empty and None: it knows of none."""

    @property
    def tenant(self) -> str:
        """Return what the platform calls the account."""

    def query_order(self, order: Order, *, now: int) -> Changes:
        """Return what the platform says about an order that is recorded here."""

    def import_order(self, change: Change, *, now: int) -> Changes:
        """Return what it says about an order that is not recorded here, of which `change` tells.

        Of one that was made at the platform its beginning comes first (OrderCreated); where `change` names only the
        platform's numbers, the answer's key says whose they are.
        """

    def query_child(self, change: Change, system: str) -> Changes:
        """Return what it says about the refund or settlement that `change` names, of an order of `system`."""

    def query_refund(self, order: Order, refund: Refund) -> Change | None:
        """Return what it says about a refund that is recorded here."""


class Closes(Queries, Protocol):
    """A platform whose orders are polled until they are paid or over."""

    def close(self, order: Order, *, now: int) -> Change | None:
        """End an order and return what is true then; None while it cannot be ended.

        Raises ConflictError where the payer was faster, or is at it.
        """


class Refunds(Queries, Protocol):
    """A platform that makes refunds; two calls about one order are `refund_pause` seconds apart (0: no pause)."""

    @property
    def refund_pause(self) -> int:
        """Return the seconds between two refunds of one order."""

    def prepare_refund(self, order: Order, *, now: int) -> Changes:
        """Return what must be known before money can go back, beyond the order itself."""

    def refund(self, order: Order, refund: Refund) -> Change:
        """Make a refund, the same one however often it is called; raises RefundRefusedError where it is not taken."""

    def audit(self, order: Order, refund: Refund) -> Changes:
        """Tell what the merchant decided about a refund that the payer asked the platform for."""


class Settles(Queries, Protocol):
    """A platform where the merchant asks for the settlement of each order."""

    @property
    def receivers(self) -> tuple[tuple[str, int], ...]:
        """Return who gets a part of each settlement by the account document: (receiver, basis points)."""

    def query_settlements(self, order: Order) -> Changes:
        """Return what the platform says about an order's settlements, those that it made by itself among them."""

    def settle(self, order: Order, settlement: Settlement) -> str:
        """Ask for a settlement and return the platform's number of it; the same one however often it is called."""


class Shipped(NamedTuple):
    """What a platform made of a shipment: a status to record, or none and when to come again (epoch seconds).

    `status` is reported, superseded (it has the order as sent without this shipment) or needs_action: then `problem`
    says what a person must do.
    """

    status: str = ""
    problem: Reason | None = None
    again: int | None = None


class Ships(Protocol):
    """A platform that is told what was sent."""

    @property
    def tenant(self) -> str:
        """Return what the platform calls the account."""

    def ship(
        self, order: Order, shipment: Shipment, earlier: tuple[Shipment, ...], *, attempts: int, now: int
    ) -> Shipped:
        """Tell the platform of a shipment that is `recorded`; see what became of one that waits for a person.

        `earlier` are the order's shipments before it, of which none is only recorded any more. After an attempt the
        platform may have it already, so it is told nothing twice that must not be told twice.
        """


class Bills(Queries, Protocol):
    """A platform that makes a bill of each day."""

    def certificate_ends(self) -> Mapping[str, int]:
        """Return when each certificate of the account's document ends (epoch seconds), by its field; none is empty."""

    def latest_day(self, now: int) -> date:
        """Return the latest day that has a bill, as the platform counts days."""

    def span(self, day: date) -> tuple[int, int]:
        """Return the first second of a day where the platform is, and of the next one (epoch seconds)."""

    def bill(self, day: date, folder: Path) -> AbstractContextManager[Iterator[BillLine]]:
        """Fetch a day's bill into `folder`, see that it is whole, and read it; nothing where there was no business."""


class Scanned(NamedTuple):
    """A page of a platform's list: what it tells, each entry one message, and where the list is then.

    `place` is where a list that breaks off after this page goes on; empty where older entries may follow. `latest` is
    the latest place on the page, `unreadable` counts the entries that were left out.
    """

    messages: tuple[Changes, ...]
    place: str
    latest: str
    unreadable: int = 0


class Scans(Protocol):
    """A platform whose list of changes is read from a place on; places are the platform's own texts."""

    @property
    def overlap(self) -> int:
        """Return the seconds by which a list begins before the place where the last one ended."""

    def beginning(self, now: int) -> str:
        """Return the place from which everything that can be listed lies ahead."""

    def place(self, at: int) -> str:
        """Return the place of a moment (epoch seconds)."""

    def earlier(self, place: str, seconds: int) -> str:
        """Return the place that many seconds before one."""

    def moment(self, place: str) -> int:
        """Return a place as epoch seconds: places in several forms are compared as moments."""

    def scan(self, since: str, *, everything: bool, now: int) -> Iterator[Scanned]:
        """Yield what changed from a place on (inclusive), page by page: what needs somebody, or everything."""


class Import(NamedTuple):
    """A file of a part of a platform's history, which the platform writes when it is asked to.

    `state` is running, done, failed or gone. `lines` and `orders` are what the platform itself says the file has;
    `address` is where it is, empty where there is nothing to read; `reason` is the platform's word for a failure.
    """

    number: str
    state: str
    lines: int = 0
    orders: int = 0
    address: str = ""
    reason: str = ""


class ImportPage(NamedTuple):
    """Some orders of such a file: what they say, and how many lines and orders of it were read up to here."""

    page: Scanned
    lines: int
    orders: int


class Imports(Scans, Protocol):
    """A platform that writes a long history into a file; what the file tells is the same as what a list does."""

    def start_import(self, since: str, until: str) -> Import | None:
        """Have a file of what changed last between two places written, or find the one that was begun before.

        None while the platform is at another one of ours: one is written at a time.
        """

    def import_state(self, number: str) -> Import:
        """Return how a file stands."""

    def imported(self, address: str, *, begun_at: int, skip: int, whole: bool) -> Iterator[ImportPage]:
        """Yield what a file tells, of which the first `skip` orders are counted only; `begun_at` is when it was begun.

        Of a file that is not `whole` the last order is left out: some of it may not be there.

        Raises PlatformUnavailableError where the file is not whole: what was yielded counts, and no more.
        """


class Subscribes(Protocol):
    """A platform that delivers what it was subscribed to, and ends subscriptions by itself."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that must be subscribed to."""

    def subscribed(self) -> frozenset[tuple[str, str]]:
        """Return (topic, address) of every subscription that there is."""

    def subscribe(self, topic: str, address: str) -> None:
        """Subscribe an address to a topic, once."""


@runtime_checkable
class Proves(Protocol):
    """A platform that lists the numbers of what changed, so that a gap can be proved closed."""

    def changed(self, since: str, until: str) -> Iterator[tuple[str, int]]:
        """Yield (order number, when it changed last) of what changed last between two places, both included."""


class Retries(Queries, Protocol):
    """A platform that takes charges by itself, and tries one again when it is asked to."""

    def process(self, order: Order, *, now: int) -> Changes:
        """Have a charge tried again, once, and return what the platform says of it then.

        Raises RefusedError where it was not tried, TemporaryError where nobody knows.
        """


class Instructs(Queries, Protocol):
    """A platform that takes instructions about an order's money."""

    def prospect(self, order: Order, instruction: Instruction) -> tuple[Changes, Prospect]:
        """Read the order: return what it says, and what that means for an instruction.

        Raises InstructionRefusedError where it cannot be done.
        """

    def instruct(self, order: Order, instruction: Instruction, prospect: Prospect) -> None:
        """Have it done, by one call; what became of it is read.

        Raises InstructionRefusedError where it was not done, TemporaryError where nobody knows.
        """


class Connectors(Generic[Asked]):
    """A platform's connectors in one container: one for each account, made anew where its document changed."""

    def __init__(self, accounts: Accounts, connect: Callable[[str, Any], Asked]) -> None:
        self.accounts = accounts
        self._connect = connect
        self._made: dict[str, tuple[Any, Asked]] = {}

    def __call__(self, name: str) -> Asked:
        """Return an account's connector; raises what `Accounts.load` raises."""
        settings = self.accounts.load(name)
        made = self._made.get(name)
        if made is None or made[0] != settings:
            made = self._made[name] = (settings, self._connect(name, settings))
        return made[1]
