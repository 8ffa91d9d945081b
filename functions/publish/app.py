"""Stream of the orders table: put what happened on the event bus."""

import time
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from countersign import aws
from countersign.runtime.telemetry import count, invocation, logger
from countersign.store.due import DueList
from countersign.workers.publish import beat, publish

processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
due = DueList.from_environment("sweep")
events = aws.client("events")


def publish_record(record: DynamoDBRecord) -> None:
    """Publish one new event row."""
    sent = publish(record.raw_event["dynamodb"]["NewImage"], events=events, due=due, now=int(time.time()))
    count("Published", sent)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """Publish each record; those that failed are given back to the stream one by one."""
    rows = [record["dynamodb"].get("NewImage", {}) for record in event["Records"]]
    beat(rows, set(), due=due, now=int(time.time()))
    result = process_partial_response(event, publish_record, processor, context=context)
    failed = len(result["batchItemFailures"])
    if failed:
        count("PublishFailed", failed)
        logger.error("the bus did not take everything", extra={"failed": failed, "of": len(event["Records"])})
    return result
