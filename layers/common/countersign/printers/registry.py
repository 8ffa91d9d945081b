"""The kinds of printers that there are, by the word in the account document."""

from collections.abc import Callable, Mapping
from typing import Any

from countersign.errors import KeysUnavailableError
from countersign.printers import feie, yilianyun
from countersign.printers.port import Printer, Reach

KINDS: Mapping[str, Callable[[Mapping[str, Any], Reach], Printer]] = {
    "feie": feie.connect,
    "yilianyun": yilianyun.connect,
}


def connect(document: Mapping[str, Any], reach: Reach) -> Printer:
    """Return a printer; KeysUnavailableError names the field that is wrong, and the reason."""
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        raise KeysUnavailableError(f"printers[].kind is not one of {', '.join(KINDS)}")
    return kind(document, reach)
