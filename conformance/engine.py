"""Plays cases against a target and keeps what was sent and what came."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .merchant import CannotRun, Merchant, Order, State

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from .platforms.base import Platform
    from .wire import Exchange, Message, Reply, Target

Json = dict[str, Any]
COULD_NOT = "could not run"
LATER, TRIES = (429, 503), 6
SETTLE = 8.0  # seconds that a genuine payment has to arrive in the order
# As they are, and inside JSON or HTML: there quotes and line ends are written otherwise.
_QUOTE = rb"(?:\\?\"|&quot;|&#34;)"
TRACES = re.compile(
    rb"Traceback \(most recent call last\)|File " + _QUOTE + rb"[^\"\\&\n]{1,300}\.py" + _QUOTE + rb", line \d+"
    rb"|(?:^|\\n|<br ?/?>)(?:\s|&nbsp;)+at [^\n]{1,300}?[:(]\d+|\.java:\d+\)|\.cs:line \d+|\.rb:\d+:in |\.go:\d+"
    rb"|goroutine \d+ \[|node_modules/|/site-packages/|Fatal error: |on line <b>\d+|\.php(?::\d+|\(\d+\)| on line \d+)",
    re.MULTILINE,
)


class Failed(Exception):
    """A case did not hold; says what came, in words that a second run would use too."""


class NotJudged(Exception):
    """A case cannot be judged here; says why."""


@dataclass(frozen=True)
class Case:
    """One thing that a receiver has to get right."""

    id: str
    title: str
    level: int
    weight: int
    gain: str  # what somebody gains where it does not hold
    play: Callable[[Play], None]
    critical: bool = False
    needs: tuple[str, ...] = ()


@dataclass
class Result:
    """What came of a case."""

    case: Case
    outcome: str  # pass | fail | not judged
    what: str = ""
    exchanges: list[Exchange] = field(default_factory=list)


class Clock(Protocol):
    """Tells the time in seconds since 1970."""

    def __call__(self) -> float:
        """Return now."""


@dataclass
class Play:
    """One case being played."""

    run: Run
    case: Case
    random: random.Random
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def platform(self) -> Platform:
        """The platform that is played."""
        return self.run.platform

    def now(self) -> int:
        """Return the moment that messages carry."""
        return int(self.run.clock())

    def token(self, length: int = 32) -> str:
        """Return letters and digits, the same for the same seed."""
        return "".join(
            self.random.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789") for _ in range(length)
        )

    def hexadecimal(self, length: int = 32) -> str:
        """Return hexadecimal digits, the same for the same seed."""
        return "".join(self.random.choice("0123456789abcdef") for _ in range(length))

    def digits(self, length: int) -> str:
        """Return digits, the first no zero."""
        return self.random.choice("123456789") + "".join(self.random.choice("0123456789") for _ in range(length - 1))

    def order(self, minor: int = 0, label: str = "the order") -> Order:
        """Make an order at the merchant's, where that is possible."""
        self.run.made += 1
        number = self.platform.number(self.run.name, self.run.made)
        order = Order(number, minor or self.random.randrange(500, 90_000), self.platform.currency, label, self.now())
        if "create" in self.run.merchant.can and self.platform.merchant_creates:
            order.names = self.run.merchant.create(order)
        return order

    def victim(self) -> Order:
        """Return an order that nobody paid yet; the same for all forgeries, until one succeeds."""
        if self.run.victim is None:
            self.run.victim = self.order(label="the order")
        return self.run.victim

    def send(self, message: Message) -> Reply:
        """Send a message and keep what came."""
        exchange = self.run.target.send(message)
        self.exchanges.append(exchange)
        return exchange.reply

    def send_patiently(self, message: Message, later: Container[int] = LATER) -> Reply:
        """Send a message, again where the answer is "later": platforms do, and a busy machine is no fault."""
        for _ in range(self.run.tries):
            reply = self.send(message)
            if reply.status not in later:
                break
            time.sleep(self.run.pause)
            if later is not LATER and not self.platform.same_bytes_again:
                message = self.platform.repeat(self, message)
        return reply

    def send_together(self, messages: Sequence[Message]) -> list[Reply]:
        """Send messages at the same moment."""
        exchanges = self.run.target.send_together(messages)
        self.exchanges += exchanges
        return [one.reply for one in exchanges]

    @property
    def stateful(self) -> bool:
        """Whether the order can be looked at."""
        return self.run.level >= 2 and "state" in self.run.merchant.can and self.platform.judges_state

    def accepts(self, message: Message, what: str = "a genuine message") -> Reply:
        """Send what has to be acknowledged; platforms send again what was answered with a server error."""
        reply = self.send_patiently(message, range(500, 600))
        if not self.platform.acknowledged(reply):
            raise Failed(f"{what} was not acknowledged: {said(reply)}")
        return reply

    def refuses(self, message: Message, what: str, order: Order | None = None) -> Reply:
        """Send what must not be acknowledged, and must not pay the order."""
        reply = self.send_patiently(message)
        if self.platform.acknowledged(reply):
            self.run.victim = None
            raise Failed(f"{what} was acknowledged: {said(reply)}")
        if order is not None and self.stateful:
            word = self.run.merchant.state(order).word
            if word in (*self.run.paid, *self.run.refunded):
                self.run.victim = None
                raise Failed(f"{what} was refused ({said(reply)}), but {order.label} is {word!r}")
        return reply

    def is_paid(self, word: str) -> bool:
        """Say whether the merchant's word means that the order is paid."""
        return word in self.run.paid

    def becomes_paid(self, order: Order) -> None:
        """Wait until the order is paid."""
        started = time.monotonic()
        while True:
            state = self.run.merchant.state(order)
            if self.is_paid(state.word):
                self.run.lag = max(self.run.lag, time.monotonic() - started)
                break
            if time.monotonic() - started > self.run.settle:
                raise Failed(f"{order.label} did not become paid: it is {state.word!r}")
            time.sleep(0.05)
        if state.paid is not None and state.paid != order.minor:
            raise Failed(f"{order.label} of {order.minor} counts {state.paid} as paid")
        if state.times is not None and state.times != 1:
            raise Failed(f"{order.label} became paid {state.times} times")

    def stays_unpaid(self, order: Order, before: str = "") -> None:
        """Give the target as long as a genuine payment took, and look whether the order is final."""
        time.sleep(min(self.run.lag * 1.5, 2.0))
        word = self.run.merchant.state(order).word
        if word in self.run.paid or word in self.run.refunded:
            raise Failed(f"{before} {order.label} is {word!r}".strip())

    def unchanged_word(self, order: Order, before: State, what: str) -> None:
        """Look whether an order is still what it was; that it was touched is no fault."""
        time.sleep(min(self.run.lag * 1.5, 2.0))
        word = self.run.merchant.state(order).word
        if word != before.word:
            raise Failed(f"{what} changed {order.label} from {before.word!r} to {word!r}")

    def unchanged(self, order: Order, before: State, what: str) -> None:
        """Look whether an order is what it was."""
        time.sleep(min(self.run.lag * 1.5, 2.0))
        after = self.run.merchant.state(order)
        if after.word != before.word:
            raise Failed(f"{what} changed {order.label} from {before.word!r} to {after.word!r}")
        if after.paid != before.paid or after.times != before.times:
            raise Failed(
                f"{what} was counted again: {order.label} has {after.paid} paid, {after.times or 'some'} times"
            )
        if after.version != before.version:
            raise Failed(f"{what} changed {order.label}")


@dataclass
class Run:
    """All cases of a platform against one target."""

    platform: Platform
    target: Target
    merchant: Merchant
    level: int = 1
    seed: int = 1
    name: str = ""  # goes into the orders' numbers: another for each run against the same target
    clock: Clock = time.time
    paid: tuple[str, ...] = ("paid",)
    refunded: tuple[str, ...] = ("refunded", "partially_refunded")
    settle: float = SETTLE
    pause: float = 1.0  # seconds before a message is sent again that was answered "later"
    tries: int = TRIES  # how often it is sent then
    only: str = ""
    made: int = 0
    victim: Order | None = None
    lag: float = 0.0
    results: list[Result] = field(default_factory=list)

    def cases(self) -> list[Case]:
        """Return the cases up to the level."""
        from .cases import cases_of

        return [case for case in cases_of(self.platform) if case.level <= self.level and self.only in case.id]

    def play(self, told: Callable[[Result], None] | None = None) -> list[Result]:
        """Play them all, in their order."""
        for case in self.cases():
            result = self._play(case)
            self.results.append(result)
            if told:
                told(result)
        return self.results

    def _play(self, case: Case) -> Result:
        missing = [need for need in case.needs if not self._has(need)]
        if missing:
            return Result(case, "not judged", f"needs {', '.join(missing)}")
        play = Play(self, case, random.Random(f"{self.seed} {self.platform.name} {case.id}"))  # noqa: S311 - repeatable
        try:
            case.play(play)
        except Failed as failed:
            return Result(case, "fail", str(failed), play.exchanges)
        except NotJudged as reason:
            return Result(case, "not judged", str(reason), play.exchanges)
        except CannotRun as error:
            return Result(case, "not judged", f"{COULD_NOT}: {error}", play.exchanges)
        return Result(case, "pass", "", play.exchanges)

    def _has(self, need: str) -> bool:
        if need == "state" and not self.platform.judges_state:
            return False
        if need == "create":
            return not self.platform.merchant_creates or "create" in self.merchant.can
        return need in self.merchant.can

    def every_exchange(self) -> list[Exchange]:
        """Return everything that was sent so far."""
        return [exchange for result in self.results for exchange in result.exchanges]


def said(reply: Reply) -> str:
    """Name an answer in words that a second run would use too."""
    return f"answered {reply.status}" if reply.status else "no answer came"
