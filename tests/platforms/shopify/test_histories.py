"""Whatever happens to orders, and however it becomes known, each ends as the shop's own ledger has it."""

import random
import time

import pytest
import time_machine

from tests.platforms.shopify.histories import Histories, Record
from tests.platforms.shopify.world import NOW

ORDERS = 5000
KNOWN = 3_138_330_555  # a run of the suite is a verdict about the code, not about its luck: the soak draws a new one
SEED = random.SystemRandom().randrange(2**32)
LISTED = 1898306964  # parts of refunds in two currencies that the list alone tells of: their orders have to be asked


def lived(clock: time_machine.Traveller, seed: int, count: int) -> Histories:
    clock.move_to(NOW)
    histories = Histories(clock, seed)
    histories.live(count, 8)
    clock.shift(600)
    return histories


def told_and_then_asked(clock: time_machine.Traveller, histories: Histories, *, drop: float) -> None:
    """Deliver, read the list if some were dropped, and ask once about each order that this gave reason to ask about.

    An answer that differs from what a delivery said of the same moment is asked about once more, and that is the end.
    """
    record, now = Record(), int(NOW + 10**6)
    histories.deliver(record, drop=drop, twice=0.2)
    if drop:
        for sold in histories.sold:
            record.list_one(sold, now)
    histories.follow(record, now + 60)
    assert histories.disagreements(record) == []
    histories.follow(record, now + 120)
    assert (histories.disagreements(record), record.asked) == ([], set())


def read_alone(histories: Histories) -> None:
    record = Record()
    for _ in range(2):  # the second time nothing is new
        for sold in histories.sold:
            record.list_one(sold, int(NOW + 10**6))
    assert histories.disagreements(record) == []
    assert len(record.seen) <= 2 * len(histories.sold)


def imported_alone(histories: Histories) -> None:
    record = Record()
    assert histories.import_file(record, int(NOW + 10**6)) == len(histories.sold)
    assert histories.disagreements(record) == []


@pytest.mark.parametrize("drop", [0.0, 0.3])
def test_two_hundred_orders_that_are_told_in_any_sequence_agree_with_the_shop(
    clock: time_machine.Traveller, drop: float
) -> None:
    told_and_then_asked(clock, lived(clock, KNOWN, 200), drop=drop)


def test_two_hundred_orders_that_are_only_read_agree_with_the_shop(clock: time_machine.Traveller) -> None:
    read_alone(lived(clock, KNOWN, 200))


def test_two_hundred_orders_that_are_only_imported_agree_with_the_shop(clock: time_machine.Traveller) -> None:
    imported_alone(lived(clock, KNOWN, 200))


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [SEED, LISTED], ids=["drawn", "listed"])
def test_five_thousand_orders_agree_with_the_shop(clock: time_machine.Traveller, seed: int) -> None:
    print(f"seed {seed}")
    began = time.process_time()
    histories = lived(clock, seed, ORDERS)

    def done(way: str) -> None:
        print(f"{ORDERS} orders {way}: 0 differ, {time.process_time() - began:.0f} s of CPU so far")

    for drop, what in ((0.0, "none is lost"), (0.3, "three of ten are lost")):
        told_and_then_asked(clock, histories, drop=drop)
        done(f"by {len(histories.posted)} deliveries in any sequence, of which {what}")
    read_alone(histories)
    done("by the list alone")
    imported_alone(histories)
    done("by the bulk operation's file alone")
