"""Writes things, sends messages, emits events."""

import json
import os

import boto3
import small

dynamodb, sqs, events = small.table(), boto3.client("sqs"), boto3.client("events")


def handler(event, context):
    body = json.loads(event.get("body") or "{}")
    match event["routeKey"]:
        case "POST /send":
            return sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], **body)["MessageId"]
        case "POST /emit":
            entry = {"EventBusName": os.environ["BUS_NAME"], "Source": "small", "Detail": json.dumps(body["detail"])}
            return events.put_events(Entries=[{**entry, "DetailType": body["type"]}])["FailedEntryCount"]
    name = {"pk": {"S": event["pathParameters"]["id"]}}
    dynamodb.get_item(TableName=os.environ["TABLE_NAME"], Key=name, ConsistentRead=True)
    put = {"TableName": os.environ["TABLE_NAME"], "Item": name, "ConditionExpression": "attribute_not_exists(pk)"}
    dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    return {"statusCode": 201, "body": "stored"}
