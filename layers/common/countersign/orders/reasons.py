"""Reasons: why something is as it is, as a code with arguments. Sentences are made of them where people read them."""

import re

from countersign.money import Money
from countersign.values import dataclass

MAX_CHARACTERS = 300
# Controls, line separators and what XML and UTF-8 cannot hold: none of it reaches a log, a mail or a page.
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+"  # compiled where a text needs it, which is rare


@dataclass(frozen=True, slots=True)
class Reason:
    """A code and its arguments by name; a sentence for each language is in `sentences.py` or in a platform's folder.

    An amount is a text such as `88.00 CNY`; whatever somebody outside wrote is one line of bounded length.
    """

    code: str
    args: tuple[tuple[str, str | int], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the contract's form, `{"code": "paid", "args": {"amount": "88.00 CNY"}}`."""
        return {"code": self.code, "args": dict(self.args)}


def because(code: str, /, **args: Money | str | int) -> Reason:
    """Return a reason; texts among its arguments are cleaned and cut to 300 characters."""
    return Reason(
        code, tuple((name, value if type(value) is int else cleaned(str(value))) for name, value in args.items())
    )


def cleaned(text: str) -> str:
    """Return a text from outside as one line of bounded length."""
    line = text if text.isprintable() else re.sub(_CONTROL, " ", text)
    line = line.strip()
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"
