"""One row for each printer: whose turn it is, and the job of which nothing is known."""

import json
from dataclasses import dataclass, field
from typing import Any

from countersign.errors import ContentionError
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

# Longer than a turn but for one where every call is slow; then the unconfirmed job keeps others from sending.
LEASE_SECONDS = 45
MAX_OUTCOMES = 50  # of jobs whose notices have not come back to ask


@dataclass(slots=True)
class PrinterJobs:
    """What is remembered of a printer between turns.

    `unconfirmed_job` is the job that went out last and whose answer did not come: until it is known what became of it
    nothing else may be sent, or the printer's counters would tell nothing. `outcomes` are for notices that come back
    later than others print.
    """

    unconfirmed_job: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)


def take(client: Any, table: str, printer: str, job: str, *, now: int) -> PrinterJobs | None:
    """Take the printer's turn for a job; None while another job has it."""
    item = dynamo.update(
        client,
        table,
        _key(printer),
        "SET holder = :job, leased_until = :until",
        # A lease further ahead than it can be is of a clock that was moved back.
        "attribute_not_exists(leased_until) OR NOT (leased_until BETWEEN :now AND :until)",
        {":job": text(job), ":now": number(now), ":until": number(now + LEASE_SECONDS)},
        "ALL_NEW",
    )
    return None if item is None else _read(item)


def keep(client: Any, table: str, printer: str, job: str, book: PrinterJobs, *, leave: bool = False) -> None:
    """Write what is remembered, and `leave` the turn if so asked; raises ContentionError if another job has it."""
    for name in list(book.outcomes)[:-MAX_OUTCOMES]:
        del book.outcomes[name]
    content = json.dumps({"unconfirmed_job": book.unconfirmed_job, "outcomes": book.outcomes})
    condition = "holder = :job"
    if leave:  # or the turn was left before, and the answer was lost
        condition += " OR (attribute_not_exists(holder) AND jobs = :jobs)"
    expression = f"SET jobs = :jobs{' REMOVE holder, leased_until' if leave else ''}"
    values = {":job": text(job), ":jobs": text(content)}
    if not dynamo.update_if(client, table, _key(printer), expression, condition, values):
        raise ContentionError("the turn at the printer went to another job")


def _key(printer: str) -> dict[str, dict[str, str]]:
    return {"pk": text(f"PRINTER#{keys.part(printer)}"), "sk": text("PRINTER")}


def _read(item: Item) -> PrinterJobs:
    book: dict[str, Any] = json.loads(codec.as_text(item, "jobs") or "{}")
    return PrinterJobs(dict(book.get("unconfirmed_job", {})), dict(book.get("outcomes", {})))
