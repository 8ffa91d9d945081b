"""Takes changes; those of a `thing-bad` fail."""

import small


def handler(event, context):
    for record in event["Records"]:
        name = record["dynamodb"]["Keys"]["pk"]["S"]
        small.note("stream", name)
        if name.startswith("thing-bad"):
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
