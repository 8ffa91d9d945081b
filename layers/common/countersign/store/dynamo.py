"""DynamoDB calls with their errors in our words."""

import random
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from countersign.errors import ContentionError, StoreUnavailableError
from countersign.store.codec import Item

# When the last attempt for one change may begin; a call takes at most 1.5 s, and the handler has 3.5 s.
BUDGET_SECONDS = 2.0
_CONDITION_FAILED = {"ConditionalCheckFailed", "TransactionConflict"}
_RETRYABLE = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_CANCELLED_RETRYABLE = {"ThrottlingError", "ProvisionedThroughputExceeded"}
BATCH = 50  # rows read at once for an index's entries: a batch read takes up to 100 keys and 16 MB
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
LONGEST_PK, LONGEST_SK = 2048, 1024  # bytes
_PLACEHOLDER = r"#(\w+)"


class StaleViewError(Exception):
    """What was read has changed since: read again and decide again."""


def is_condition(error: StaleViewError) -> bool:
    """Tell whether a condition of ours failed, rather than the table being busy."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "ConditionalCheckFailedException"


def first_condition_failed(error: StaleViewError) -> bool:
    """Tell whether it was the first item of what was written whose condition failed."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    reasons = cause.response.get("CancellationReasons")
    return reasons[0].get("Code") == "ConditionalCheckFailed" if reasons else is_condition(error)


class _Trouble(threading.local):
    """What a thread's attempts are up against: their common deadline, and whether the table answered at all."""

    deadline: float | None = None
    contended = False


_trouble = _Trouble()


def attempts() -> Iterator[int]:
    """Yield attempt numbers with full jitter between them while there is time; attempts within attempts share it.

    Raises ContentionError at the end where others were faster each time, StoreUnavailableError where nothing answered.
    """
    outer = _trouble.deadline
    deadline = time.monotonic() + BUDGET_SECONDS if outer is None else outer
    _trouble.deadline = deadline
    attempt = 0
    try:
        while True:
            yield attempt
            attempt += 1
            pause = random.uniform(0, min(0.4, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
            if time.monotonic() + pause >= deadline:
                if _trouble.contended:
                    raise ContentionError("the order kept changing until the deadline")
                raise StoreUnavailableError("DynamoDB did not answer before the deadline")
            time.sleep(pause)
    finally:
        _trouble.deadline = outer


def call(operation: Any, **arguments: Any) -> dict[str, Any]:
    """Call DynamoDB once.

    Raises StaleViewError where a condition failed or the outcome must be read anew, StoreUnavailableError otherwise.
    """
    try:
        result: dict[str, Any] = operation(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "TransactionCanceledException":
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & (_CONDITION_FAILED | _CANCELLED_RETRYABLE):
                _trouble.contended = bool(reasons & _CONDITION_FAILED)
                raise StaleViewError from error
        if code == "ConditionalCheckFailedException" or code in _RETRYABLE:
            _trouble.contended = code in ("ConditionalCheckFailedException", "TransactionConflictException")
            raise StaleViewError from error
        raise StoreUnavailableError(f"DynamoDB refused: {code}") from error
    except BotoCoreError as error:
        # The answer is lost, the write may stand: reading again tells.
        _trouble.contended = False
        raise StaleViewError from error
    return result


def update(
    client: Any,
    table: str,
    row: Mapping[str, Any],
    expression: str,
    condition: str,
    values: Mapping[str, dict[str, Any]],
    returned: str = "NONE",
) -> Item | None:
    """Update the item that has `row`'s key if `condition` holds (an empty one always does); None where it does not.

    `#name` in an expression stands for the attribute of that name, which may be one of DynamoDB's own words. Returns
    the attributes that `returned` asks for. One whose answer was lost is repeated: a condition that its own write made
    false then gives None.
    """
    arguments: dict[str, Any] = {
        "TableName": table,
        "Key": {name: row[name] for name in (("pk", "sk") if "pk" in row else ("id",))},
        "UpdateExpression": expression,
    }
    if condition:  # an empty one is refused
        arguments["ConditionExpression"] = condition
    if values:
        arguments["ExpressionAttributeValues"] = dict(values)
    names = {found.group(): found.group(1) for found in re.finditer(_PLACEHOLDER, f"{expression} {condition}")}
    if names:
        arguments["ExpressionAttributeNames"] = names
    if returned != "NONE":
        arguments["ReturnValues"] = returned
    answer = _if_condition(client.update_item, arguments)
    return None if answer is None else answer.get("Attributes", {})


def update_if(
    client: Any,
    table: str,
    row: Mapping[str, Any],
    expression: str,
    condition: str,
    values: Mapping[str, dict[str, Any]] | None = None,
) -> bool:
    """Update the item that has `row`'s key if `condition` holds; tell whether it did."""
    return update(client, table, row, expression, condition, values or {}) is not None


def put_if_absent(client: Any, table: str, item: Item, *, key: str = "pk") -> bool:
    """Put an item; False, and nothing changes, where there is one under its key, of which `key` is an attribute."""
    condition = f"attribute_not_exists({key})"
    return (
        _if_condition(client.put_item, {"TableName": table, "Item": item, "ConditionExpression": condition}) is not None
    )


def put(client: Any, table: str, item: Item) -> None:
    """Put an item, whatever was there."""
    for _ in attempts():
        try:
            call(client.put_item, TableName=table, Item=item)
        except StaleViewError:
            continue
        return


def _if_condition(operation: Any, arguments: dict[str, Any]) -> dict[str, Any] | None:
    for _ in attempts():
        try:
            return call(operation, **arguments)
        except StaleViewError as error:
            if is_condition(error):
                return None
    raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before


def is_key(pk: str, sk: str) -> bool:
    """Tell whether an item can have this key, which callers may have named."""
    return len(pk.encode()) <= LONGEST_PK and len(sk.encode()) <= LONGEST_SK


def read_expiring(client: Any, table: str, name: str) -> Item | None:
    """Read an item of the table whose rows expire, by its id; None where there is none. It may be over already."""
    for _ in attempts():
        try:
            answer = call(client.get_item, TableName=table, Key={"id": {"S": name}}, ConsistentRead=True)
        except StaleViewError:
            continue
        item: Item | None = answer.get("Item")
        return item
    raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before


def read_many(client: Any, table: str, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
    """Read items consistently in one batch; keys that DynamoDB did not process are asked for again, never absent.

    A key that is longer than one can be is of no item: DynamoDB would refuse the others with it.
    """
    rows = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in wanted if is_key(pk, sk)]
    if not rows:
        return {}
    pending: Any = {table: {"Keys": rows, "ConsistentRead": True}}
    found: dict[tuple[str, str], Item] = {}
    for _ in attempts():
        try:
            answer = call(client.batch_get_item, RequestItems=pending)
        except StaleViewError:
            continue
        for item in answer["Responses"].get(table, []):
            found[item["pk"]["S"], item["sk"]["S"]] = item
        pending = answer.get("UnprocessedKeys")
        if not pending:
            break
    return found


def read_all(client: Any, **query: Any) -> Iterator[Item]:
    """Yield all items of a query, page by page."""
    start: Any = None
    while True:
        page = {**query, "ExclusiveStartKey": start} if start else query
        answer = _read(client.query, page)
        yield from answer["Items"]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def read_counts(client: Any, **query: Any) -> Iterator[int]:
    """Yield how many items each page of a query with Select=COUNT found."""
    start: Any = None
    while True:
        page = {**query, "ExclusiveStartKey": start} if start else query
        answer = _read(client.query, page)
        yield int(answer["Count"])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def whole_rows(client: Any, table: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yield the whole rows of an index's entries, in their sequence, a batch at a time; what is gone is left out."""
    remaining = iter(items)
    while entries := list(islice(remaining, BATCH)):
        rows = [(entry["pk"]["S"], entry["sk"]["S"]) for entry in entries]
        found = read_many(client, table, rows)
        yield from (found[row] for row in rows if row in found)


def _read(operation: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    for _ in attempts():
        try:
            return call(operation, **arguments)
        except StaleViewError:
            continue
    raise StoreUnavailableError("DynamoDB does not answer")  # attempts() raised before
