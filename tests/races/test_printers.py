"""Sixteen notices at one printer: one after another, or its counter would tell nothing; each once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from countersign.notices.receipt import PrintSettings
from countersign.store import OrderStore, printer_jobs
from tests.printers.counter import Counter
from tests.races.racing import NOW, at_once

KITCHEN = PrintSettings(printers=("kitchen",))


def test_one_of_many_gets_the_turn(stores: list[OrderStore], threads: ThreadPoolExecutor) -> None:
    def work(number: int, store: OrderStore) -> bool:
        return printer_jobs.take(store.client, store.table, "feie#raced", f"job-{number}", now=NOW) is not None

    taken = at_once([partial(work, number, store) for number, store in enumerate(stores)], threads)

    assert sum(taken) == 1


def test_receipts_that_come_at_once_are_printed_one_by_one(
    stores: list[OrderStore], threads: ThreadPoolExecutor
) -> None:
    hands = [Counter(store.client, table_name=store.table, patience=30.0) for store in stores]
    for hand in hands[1:]:
        hand.cloud = hands[0].cloud
    # Half of the answers are lost: without turns, others' receipts would hide what became of these.
    for hand in hands[::2]:
        hand.lose = {"Open_printMsg:1"}

    outcomes = at_once([partial(hand.send, f"race-{number}", KITCHEN) for number, hand in enumerate(hands)], threads)

    assert [outcome.state for outcome in outcomes] == ["sent"] * len(hands)
    assert len(hands[0].receipts("kitchen")) == len(hands)
