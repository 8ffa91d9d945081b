"""One row for each printer: whose turn it is, and the job of which nothing is known."""

import json
from dataclasses import dataclass, field
from typing import Any

from countersign.errors import ContentionError
from countersign.store import codec, dynamo, keys
from countersign.store.codec import Item, number, text

# Longer than a turn but for one where every call is slow; then the doubt in the book keeps others from sending.
LEASE_SECONDS = 45
MAX_OUTCOMES = 50  # of jobs whose notices have not come back to ask


@dataclass(slots=True)
class PrinterJobs:
    """What is remembered of a printer between turns.

    `doubt` is the job that went out last and whose answer did not come: until it is judged nothing else may be sent,
    or the printer's counters would tell nothing. `verdicts` are for notices that come back later than others print.
    """

    unconfirmed_job: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)


def take(client: Any, table: str, printer: str, job: str, *, now: int) -> PrinterJobs | None:
    """Take the printer's turn for a job; None while another job has it."""
    for _ in dynamo.attempts():
        try:
            answer = dynamo.call(
                client.update_item,
                TableName=table,
                Key=_key(printer),
                UpdateExpression="SET holder = :job, leased_until = :until",
                # A lease further ahead than it can be is of a clock that was moved back.
                ConditionExpression="attribute_not_exists(leased_until) OR NOT (leased_until BETWEEN :now AND :until)",
                ExpressionAttributeValues={
                    ":job": text(job),
                    ":now": number(now),
                    ":until": number(now + LEASE_SECONDS),
                },
                ReturnValues="ALL_NEW",
            )
        except dynamo.StaleViewError as error:
            if dynamo.is_condition(error):
                return None
            continue
        return _read(answer.get("Attributes", {}))
    return None


def keep(client: Any, table: str, printer: str, job: str, book: PrinterJobs, *, leave: bool = False) -> None:
    """Write the book, and end the turn with `leave`; raises ContentionError if the turn is not the job's any more."""
    for name in list(book.outcomes)[:-MAX_OUTCOMES]:
        del book.outcomes[name]
    values = {":job": text(job), ":book": text(json.dumps({"doubt": book.unconfirmed_job, "verdicts": book.outcomes}))}
    for attempt in dynamo.attempts():
        try:
            dynamo.call(
                client.update_item,
                TableName=table,
                Key=_key(printer),
                UpdateExpression=f"SET book = :book{' REMOVE holder, leased_until' if leave else ''}",
                ConditionExpression="holder = :job",
                ExpressionAttributeValues=values,
            )
        except dynamo.StaleViewError as error:
            if not dynamo.is_condition(error):
                continue
            if not (leave and attempt):  # else the turn was left before, and the answer was lost
                raise ContentionError("the turn at the printer went to another job") from None
        return


def _key(printer: str) -> dict[str, dict[str, str]]:
    return {"pk": text(f"PRINTER#{keys.part(printer)}"), "sk": text("PRINTER")}


def _read(item: Item) -> PrinterJobs:
    book: dict[str, Any] = json.loads(codec.as_text(item, "book") or "{}")
    return PrinterJobs(dict(book.get("doubt", {})), dict(book.get("verdicts", {})))
