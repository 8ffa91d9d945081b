"""Which AWS calls functions make: one line for each kind of call, written while demo and tests run.

With SANDBOX_CALLS=<folder> every process that runs functions appends `{"function", "action", "resource"}` to a file of
its own there, each different line once. `tools/policies.py` compares them with what the roles allow. An action is what
IAM asks for: a transaction is its parts, and a batch its single call. A resource goes by the environment variable in
which the function found it (`$TABLE_NAME/index/due`), so that it is the same in every stack; a secret goes by its
platform.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
_TRANSACTED = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def actions(service: str, operation: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a call needs as (action, resource)."""
    match service, operation:
        case "dynamodb", _:
            yield from _of_tables(operation, parameters)
        case "sqs", "SendMessage" | "SendMessageBatch":
            yield "sqs:SendMessage", _named(parameters["QueueUrl"])
        case "events", "PutEvents":
            for entry in parameters["Entries"]:
                yield "events:PutEvents", _named(entry["EventBusName"])
        case "secretsmanager", "GetSecretValue" | "PutSecretValue":
            yield f"secretsmanager:{operation}", _secret(parameters["SecretId"])
        case "secretsmanager", "CreateSecret":
            yield "secretsmanager:CreateSecret", _secret(parameters["Name"])
        case "sesv2", "SendEmail":
            yield "ses:SendEmail", "identity"
        case "s3", "GetObject":
            yield "s3:GetObjectVersion" if "VersionId" in parameters else "s3:GetObject", "object"
        case _:
            yield f"{service}:{operation}", "*"


def _of_tables(operation: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for part in parameters["TransactItems"]:
            for kind, content in part.items():
                yield f"dynamodb:{_TRANSACTED[kind]}", _named(content["TableName"])
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in parameters["RequestItems"]:
            yield f"dynamodb:{operation}", _named(table)
    else:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        yield f"dynamodb:{operation}", _named(parameters["TableName"]) + index


def _named(resource: str) -> str:
    """Name the environment variable that holds a resource's name."""
    return next((f"${name}" for name, value in sorted(os.environ.items()) if value == resource), resource)


def _secret(name: str) -> str:
    parts = name.split("/")
    return f"secret/{parts[2]}" if parts[0] == "countersign" and len(parts) > 2 else name


def function_on_the_stack() -> str | None:
    """Name the function whose module is at work in this thread, for tests that run functions in their own process."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        parts = frame.f_code.co_filename.rsplit("/", 3)
        if len(parts) == 4 and parts[1] == "functions" and parts[3] == "app.py":
            return parts[2]
        frame = frame.f_back
    return None


def watch(client: Any, function: Callable[[], str | None]) -> None:
    """Write down what the clients of the module `botocore.client` are asked for, where SANDBOX_CALLS names a folder."""
    folder = os.environ.get("SANDBOX_CALLS")
    if not folder:
        return
    make, seen = client.BaseClient._make_api_call, set()

    def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if caller := function():
            for action, resource in actions(self.meta.service_model.service_name, operation, parameters):
                if (caller, action, resource) not in seen:
                    seen.add((caller, action, resource))
                    _append(folder, {"function": caller, "action": action, "resource": resource})
        return make(self, operation, parameters)

    client.BaseClient._make_api_call = recorded


def _append(folder: str, line: dict[str, str]) -> None:
    with open(f"{folder}/{os.getpid()}.jsonl", "ab", buffering=0) as file:  # noqa: PTH123 - a cold start pays for pathlib
        file.write(json.dumps(line).encode() + b"\n")
