"""What feeds functions besides HTTP: queues, the table's stream, rules of the bus; with retries and dead letters."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from sandbox import patterns
from sandbox.provision import function_arn
from sandbox.template import REGION

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.clock import ClockReader
    from sandbox.dataplane import DataPlane
    from sandbox.deployment import Function, Mapping
    from sandbox.environments import Outcome, Pool


class Asynchronous:
    """Invocations that nobody waits for: retried as Lambda does, then kept as dead letters."""

    def __init__(self, plane: DataPlane, clock: ClockReader, pools: dict[str, Pool]) -> None:
        self._plane, self._clock, self._pools = plane, clock, pools

    async def invoke(self, function: Function, event: str) -> None:
        """Run until it succeeds or its retries are used up; they wait a minute, then two, of sandbox time."""
        for attempt in range(function.retries + 1):
            due = self._clock.now() + 60 * attempt
            while attempt and self._clock.now() < due:
                await asyncio.sleep(0.1)
            outcome = await self._pools[function.name].invoke(event.encode())
            if not outcome.failed:
                return
        if function.dead_letters:
            record = _failure(function.name, "RetriesExhausted", function.retries + 1, outcome)
            record["requestPayload"] = json.loads(event)
            await send(self._plane, function.dead_letters, json.dumps(record))


class QueueFeed:
    """Gives a queue's messages to its function; those that it takes are deleted, others come back by themselves."""

    def __init__(self, mapping: Mapping, plane: DataPlane, pool: Pool) -> None:
        self._mapping, self._plane, self._pool = mapping, plane, pool
        self._slots = asyncio.Semaphore(mapping.concurrency)

    async def run(self) -> None:
        """Receive for ever."""
        async with asyncio.TaskGroup() as deliveries:
            while True:
                await self._slots.acquire()
                messages = await receive(self._plane, self._mapping.source, min(10, self._mapping.batch_size))
                delivery = deliveries.create_task(self._deliver(messages))
                delivery.add_done_callback(lambda _: self._slots.release())

    async def _deliver(self, messages: list[dict[str, Any]]) -> None:
        records = [self._record(message) for message in messages]
        passing = [record for record in records if _wanted(self._mapping, record)]
        failed: set[str] = set()
        if passing:
            outcome = await self._pool.invoke(json.dumps({"Records": passing}).encode())
            everything = {record["messageId"] for record in passing}
            failed = (
                _failed_items(outcome, everything) if self._mapping.partial else everything if outcome.failed else set()
            )
        done = [message for message in messages if message["MessageId"] not in failed]
        await delete(self._plane, self._mapping.source, done)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.arn,
            "awsRegion": REGION,
        }


class RuleFeed:
    """Gives the events of a rule to its function, one by one and asynchronously."""

    def __init__(self, mapping: Mapping, plane: DataPlane, function: Function, asynchronous: Asynchronous) -> None:
        self._mapping, self._plane, self._function, self._asynchronous = mapping, plane, function, asynchronous

    async def run(self) -> None:
        """Receive for ever."""
        async with asyncio.TaskGroup() as deliveries:
            while True:
                for message in await receive(self._plane, self._mapping.source, 10):
                    deliveries.create_task(self._deliver(message))

    async def _deliver(self, message: dict[str, Any]) -> None:
        await self._asynchronous.invoke(self._function, message["Body"])
        await delete(self._plane, self._mapping.source, [message])


class StreamFeed:
    """Gives a table's changes to its function in order; where it stopped is kept on disk."""

    def __init__(self, mapping: Mapping, plane: DataPlane, pool: Pool, clock: ClockReader, state: Path) -> None:
        self._mapping, self._plane, self._pool, self._clock = mapping, plane, pool, clock
        self._position = state / f"stream-{mapping.function}"

    async def run(self) -> None:
        """Read for ever."""
        iterator = await self._iterator()
        while True:
            page = await asyncio.to_thread(
                self._plane.call, "streams", "GetRecords", ShardIterator=iterator, Limit=self._mapping.batch_size
            )
            iterator = page["NextShardIterator"]
            if records := page["Records"]:
                await self._deliver([self._record(record) for record in records])
                self._position.write_text(records[-1]["dynamodb"]["SequenceNumber"], encoding="ascii")
            else:
                await asyncio.sleep(0.1)

    async def _iterator(self) -> str:
        place: dict[str, Any] = {"ShardIteratorType": self._mapping.start}
        if self._position.exists():
            sequence = self._position.read_text(encoding="ascii")
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence}
        source = {"StreamArn": self._mapping.source}
        stream = await asyncio.to_thread(self._plane.call, "streams", "DescribeStream", **source)
        self._shard = stream["StreamDescription"]["Shards"][0]["ShardId"]  # the local stream has one
        source["ShardId"] = self._shard
        answer = await asyncio.to_thread(self._plane.call, "streams", "GetShardIterator", **source, **place)
        return str(answer["ShardIterator"])

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        record["dynamodb"]["ApproximateCreationDateTime"] = int(self._clock.now())
        return {**record, "eventSourceARN": self._mapping.arn}

    async def _deliver(self, records: list[dict[str, Any]], attempt: int = 0) -> None:
        """Deliver until every record is taken, has used up its retries, or was filtered out."""
        records = [record for record in records if _wanted(self._mapping, record)]
        while records:
            outcome = await self._pool.invoke(json.dumps({"Records": records}).encode())
            everything = {_sequence(record) for record in records}
            failed = (
                _failed_items(outcome, everything) if self._mapping.partial else everything if outcome.failed else set()
            )
            if not failed:
                return
            # Lambda goes on from the first failure: what came before it is done, whatever came after it comes again.
            first = min(index for index, record in enumerate(records) if _sequence(record) in failed)
            attempt = attempt + 1 if first == 0 else 1
            records = records[first:]
            if 0 <= self._mapping.attempts < attempt:
                await self._give_up(records, attempt, outcome)
                return
            await asyncio.sleep(min(0.2 * 2 ** min(attempt, 6), 10) / max(self._clock.rate, 1))
            if self._mapping.bisect and len(records) > 1:
                middle = len(records) // 2
                await self._deliver(records[:middle], attempt)
                records = records[middle:]

    async def _give_up(self, records: list[dict[str, Any]], attempts: int, outcome: Outcome) -> None:
        if self._mapping.on_failure:
            record = _failure(self._mapping.function, "RetryAttemptsExhausted", attempts, outcome)
            record["DDBStreamBatchInfo"] = {
                "shardId": self._shard,
                "startSequenceNumber": _sequence(records[0]),
                "endSequenceNumber": _sequence(records[-1]),
                "batchSize": len(records),
                "streamArn": self._mapping.arn,
            }
            await send(self._plane, self._mapping.on_failure, json.dumps(record))


def _sequence(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _wanted(mapping: Mapping, record: dict[str, Any]) -> bool:
    if "body" in record:  # a queue's filter looks into a JSON body
        try:
            record = {**record, "body": json.loads(record["body"])}
        except ValueError:
            return not mapping.filters
    return not mapping.filters or any(patterns.matches(pattern, record) for pattern in mapping.filters)


def _failed_items(outcome: Outcome, everything: set[str]) -> set[str]:
    """Which items a batch response names; a name that was not given means all of them, as in the cloud."""
    if outcome.failed:
        return everything
    answer = json.loads(outcome.payload)
    failures = answer.get("batchItemFailures") or [] if isinstance(answer, dict) else []
    named = {item.get("itemIdentifier") for item in failures}
    return named if named <= everything else everything


def _failure(function: str, condition: str, attempts: int, outcome: Outcome) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn(function),
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(outcome.payload),
    }


async def receive(plane: DataPlane, url: str, most: int) -> list[dict[str, Any]]:
    """Wait for messages of a queue, at most a few seconds."""
    wanted = {
        "MaxNumberOfMessages": most,
        "WaitTimeSeconds": 5,
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }
    answer = await asyncio.to_thread(plane.call, "sqs", "ReceiveMessage", QueueUrl=url, **wanted)
    return list(answer.get("Messages", []))


async def send(plane: DataPlane, url: str, body: str) -> None:
    """Send a message to a queue."""
    await asyncio.to_thread(plane.call, "sqs", "SendMessage", QueueUrl=url, MessageBody=body)


async def delete(plane: DataPlane, url: str, messages: list[dict[str, Any]]) -> None:
    """Delete messages; one that has come back already is somebody else's."""
    entries = [{"Id": str(index), "ReceiptHandle": item["ReceiptHandle"]} for index, item in enumerate(messages)]
    if entries:
        await asyncio.to_thread(plane.call, "sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries)
