"""What cases of several platforms look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..engine import Failed

if TYPE_CHECKING:
    from ..engine import Play
    from ..merchant import Order


def other_end(signature: str) -> str:
    """Return a signature whose last characters are others: who compares beginnings takes it for the right one."""
    kept, end = signature[:-9], signature[-9:]
    return kept + "".join(one if not one.isalnum() else "0" if one != "0" else "1" for one in end)


def settles(play: Play, order: Order) -> None:
    """Wait until the order is paid or refunded: either says that the money was seen."""
    end = time.monotonic() + play.run.settle
    good = (*play.run.paid, *play.run.refunded)
    while (word := play.run.merchant.state(order).word) not in good:
        if time.monotonic() > end:
            raise Failed(f"{order.label} is {word!r}")
        time.sleep(0.05)
