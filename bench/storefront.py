"""A store's confirmation page in a whole sandbox: how soon its order has a payment, and what a stranger can measure.

`python bench/storefront.py` prints milliseconds of the wall clock, warm. Promised: of 20 payments 19 are created
within what the cashier itself takes and 150 ms more; and among answers to who has no proof, once the store was asked
for the order, the medians of 200 lie within 20 %, so that the time says nothing of the reason. Every caller has an
address of its own, for an address and an order are answered so often only. Returns 1 where a promise is not held.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from sandbox.demo.bigcommerce import APP, ORIGIN, STORE
from sandbox.testing import Sandbox, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

PAYMENTS, REFUSALS, MORE_MS, WITHIN = 100, 200, 150.0, 1.2
# A store that is asked about so often within so many seconds does not yet answer that these are too many calls.
QUOTA, WINDOW, REST = 10, 31, 3.0
GUESSED = "15c3d719-22ef-49a8-a811-c549786d02c3"
Json = dict[str, Any]


class Store:
    """Shoppers and strangers before one store."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._asked = 0
        self._addresses = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(range(1, 250), repeat=3))

    def order(self, **how: Any) -> Json:
        """Make an order that nobody asked about yet."""
        made: Json = self.sandbox.control("POST", "/bigcommerce/_control/order", {"account": STORE, **how})
        return made

    def asked(self, order: Json, expected: int, **changes: Any) -> float:
        """Ask for an order's payment as its page does; the milliseconds that it took."""
        self._asked += 1
        if self._asked % QUOTA == 0:
            self.sandbox.clock(advance=WINDOW)
            time.sleep(REST)  # what is due by then is over: in the cloud it has other processors
        wish = {"store_hash": order["store"], "order_id": order["id"], "cart_id": order["cart_id"], **changes}
        return self._timed(self.sandbox.port, f"/bigcommerce/{APP}/payments", wish, {"origin": ORIGIN}, expected)

    def at_the_cashier(self) -> float:
        """Ask the cashier for a payment; without a signature it refuses at once, so it takes no less when it agrees."""
        return self._timed(self.sandbox.port + 1, "/cashier/hc1/v1/payments", {}, {}, 401)

    def _timed(self, port: int, path: str, body: Json, headers: dict[str, str], expected: int) -> float:
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=60, source_address=(next(self._addresses), 0)
        )
        content, begun = json.dumps(body).encode(), time.perf_counter()
        connection.request("POST", path, content, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        told = answer.read()
        took = (time.perf_counter() - begun) * 1000
        connection.close()
        if answer.status != expected:
            raise SystemExit(f"{path} was answered {answer.status} instead of {expected}: {told[:200]!r}")
        return took


def strangers(store: Store) -> dict[str, Callable[[], float]]:
    """Return what somebody without proof tries, each about an order that nobody asked about."""
    kept = store.order()
    return {
        "a guessed cart": lambda: store.asked(store.order(), 404, cart_id=GUESSED),
        "the cart of another order": lambda: store.asked(store.order(), 404, cart_id=kept["cart_id"]),
        "a forged token of a customer": lambda: store.asked(store.order(), 404, customer_jwt="a.b.c"),
        "a guessed cart, order closed": lambda: store.asked(store.order(status_id=5), 404, cart_id=GUESSED),
        "a guessed cart, other method": lambda: store.asked(store.order(method="Credit card"), 404, cart_id=GUESSED),
    }


def main() -> int:
    """Measure both, and print them."""
    with running_sandbox() as sandbox:
        store = Store(sandbox)
        for _ in range(10):
            store.asked(store.order(), 200)
        cashier = [store.at_the_cashier() for _ in range(PAYMENTS)]
        created = [store.asked(store.order(), 200) for _ in range(PAYMENTS)]
        tries = strangers(store)
        refused: dict[str, list[float]] = {name: [] for name in tries}
        for _ in range(REFUSALS):  # in turn, so that whatever else the machine does falls on all of them
            for name, ask in tries.items():
                refused[name].append(ask())
    own, ours = _p95(cashier), _p95(created)
    print(f"payment created: p95 {ours:.0f} ms, the cashier's own {own:.0f} ms; promised {own + MORE_MS:.0f} ms")
    medians = {name: statistics.median(found) for name, found in refused.items()}
    for name, one in medians.items():
        print(f"{name}: median of {REFUSALS} {one:.1f} ms")
    apart = max(medians.values()) / min(medians.values())
    print(f"the longest median is {apart:.2f} of the shortest; promised {WITHIN:.2f}")
    held = ours <= own + MORE_MS and apart <= WITHIN
    print("each promise is held" if held else "a promise is NOT held")
    return 0 if held else 1


def _p95(found: list[float]) -> float:
    return sorted(found)[int(len(found) * 0.95)]


if __name__ == "__main__":
    sys.exit(main())
