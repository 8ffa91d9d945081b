"""Takes messages; those that say `bad` fail."""

import small


def handler(event, context):
    bad = [record for record in event["Records"] if record["body"] == "bad"]
    for record in event["Records"]:
        small.note("queue", {"body": record["body"], "count": record["attributes"]["ApproximateReceiveCount"]})
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in bad]}
