"""Whatever fails in whatever sequence, no receipt comes out twice, and one that is said to be sent comes out once."""

import contextlib
import itertools

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from countersign.notices.receipt import PrintSettings
from tests.printers.counter import FEIE, YILIANYUN, Counter, PowerCutError
from tests.store.conftest import Counted

CALLS = (
    "Open_queryPrinterStatus",
    "Open_queryOrderInfoByDate",
    "Open_printMsg",
    "Open_queryOrderState",
    "oauth",
    "getprintstatus",
    "index",
    *("Open_printMsg", "index") * 4,  # where it matters most
)
NOTICES = ("n1", "n2", "n3")
FAULT = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["lose", "dead", "cut"]), st.sampled_from(CALLS)),
    st.tuples(st.sampled_from(["write done", "write not done"]), st.integers(1, 7)),
    st.tuples(st.just("state"), st.sampled_from(["kitchen offline", "kitchen ok", "bar abnormal", "bar ok"])),
)
STEP = st.tuples(st.sampled_from(NOTICES), FAULT, st.sampled_from([0, 5, 46, 60, 400]))
_numbers = itertools.count(1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("n1", ("lose", "Open_printMsg"), 0)], first="kitchen")
@example(steps=[("n1", ("lose", "index"), 0), ("n2", ("cut", "index"), 46)], first="bar")
@example(
    steps=[("n1", ("cut", "Open_printMsg"), 5), ("n2", None, 46), ("n3", ("dead", "Open_printMsg"), 46)],
    first="kitchen",
)
@given(steps=st.lists(STEP, min_size=1, max_size=8), first=st.sampled_from(["kitchen", "bar"]))
def test_E15_no_receipt_comes_out_twice(
    dynamodb: Counted, steps: list[tuple[str, tuple[str, str | int] | None, int]], first: str
) -> None:
    # Printers of their own for each example: the table is one for all.
    number = f"1{next(_numbers):08d}"
    documents = [{**FEIE, "sn": number}, {**YILIANYUN, "machine_code": number, "client_id": number}]
    counter = Counter(dynamodb, documents, patience=0)
    wanted = PrintSettings(printers=("kitchen", "bar") if first == "kitchen" else ("bar", "kitchen"))
    said: dict[str, str] = {}

    def attempt(notice: str) -> None:
        with contextlib.suppress(PowerCutError):
            said[notice] = "again"
            said[notice] = counter.send(notice, wanted, said=notice).state

    for notice, fault, seconds in steps:
        disturb(counter, fault)
        attempt(notice)
        counter.table.cut = (0, False)
        counter.clock.at += seconds
    for name in ("kitchen", "bar"):
        counter.control("printer", name=name, state="ok")
    for lines in (counter.lose, counter.dead, counter.cut):
        lines.clear()
    for _ in range(4):
        counter.clock.at += 60
        for notice in NOTICES:
            attempt(notice)

    printed = {notice: sum(f"备注：{notice}" in text for text in counter.receipts()) for notice in NOTICES}
    assert said == dict.fromkeys(NOTICES, "sent")
    assert printed == dict.fromkeys(NOTICES, 1)


def disturb(counter: Counter, fault: tuple[str, str | int] | None) -> None:
    """Let the next call of a name, or a write from now on, fail."""
    match fault:
        case ("lose" | "dead" | "cut" as what, str(call)):
            getattr(counter, what).add(f"{call}:{counter.calls.count(call) + 1}")
        case ("write done" | "write not done" as what, int(number)):
            counter.table.cut = (len(counter.table.writes) + number, what == "write done")
        case ("state", str(told)):
            name, state = told.split()
            counter.control("printer", name=name, state=state)
