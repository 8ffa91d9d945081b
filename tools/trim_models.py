"""Cut botocore's data down to the operations that we call: `python tools/trim_models.py`.

botocore lists hundreds of folders and reads whole service models and the end points of every service when a client is
made, the largest part of a cold start after its import. What is written here holds the same definitions, without
documentation, for our operations alone; it is the only folder that our clients look in. A test compares it with the
botocore that is installed.
"""

import json
from pathlib import Path
from typing import Any

import botocore.session

TARGET = Path(__file__).parents[1] / "layers" / "common" / "countersign" / "aws" / "models"
OPERATIONS = {
    "dynamodb": (
        "BatchGetItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "events": ("PutEvents",),
    "secretsmanager": ("CreateSecret", "GetSecretValue", "ListSecrets", "PutSecretValue"),
    "sesv2": ("SendEmail",),
    "sqs": ("SendMessage", "SendMessageBatch"),
}
# Looks for table names in every request, to find endpoints that belong to an account: we use a region's endpoint.
_UNUSED = ("documentation", "operationContextParams", "endpointdiscovery")


def trimmed(service: str) -> tuple[str, dict[str, Any]]:
    """Return a service's API version and its model for our operations."""
    loader = botocore.session.Session().get_component("data_loader")
    model = loader.load_service_model(service, "service-2")
    operations = {name: _clean(model["operations"][name]) for name in OPERATIONS[service]}
    shapes: dict[str, Any] = {}
    for operation in operations.values():
        for member in (operation.get("input"), operation.get("output"), *operation.get("errors", ())):
            if member:
                _collect(member["shape"], model["shapes"], shapes)
    metadata = model["metadata"]
    return metadata["apiVersion"], {
        "version": model["version"],
        "metadata": metadata,
        "operations": operations,
        "shapes": dict(sorted(shapes.items())),
    }


def _collect(name: str, shapes: dict[str, Any], found: dict[str, Any]) -> None:
    if name in found:
        return
    shape = found[name] = _clean(shapes[name])
    members = [
        *shape.get("members", {}).values(),
        *(shape[part] for part in ("member", "key", "value") if part in shape),
    ]
    for member in members:
        _collect(member["shape"], shapes, found)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(member) for name, member in value.items() if name not in _UNUSED}
    if isinstance(value, list):
        return [_clean(member) for member in value]
    return value


def endpoints(loader: Any) -> dict[str, Any]:
    """Return every partition's end points, for our services alone."""
    data = dict(loader.load_data("endpoints"))
    prefixes = {loader.load_service_model(name, "service-2")["metadata"]["endpointPrefix"] for name in OPERATIONS}
    data["partitions"] = [
        {
            **partition,
            "services": {name: known for name, known in partition["services"].items() if name in prefixes},
        }
        for partition in data["partitions"]
    ]
    return data


def files() -> dict[str, Any]:
    """Return everything that our clients read, by path."""
    loader = botocore.session.Session().get_component("data_loader")
    found = {
        "endpoints.json": endpoints(loader),
        "partitions.json": loader.load_data("partitions"),
        "_retry.json": {"definitions": {}, "retry": {}},  # only legacy retries read more
        "sdk-default-configuration.json": loader.load_data("sdk-default-configuration"),
    }
    for service in OPERATIONS:
        version, model = trimmed(service)
        found[f"{service}/{version}/service-2.json"] = model
        found[f"{service}/{version}/endpoint-rule-set-1.json"] = loader.load_service_model(
            service, "endpoint-rule-set-1"
        )
    return found


def main() -> None:
    """Write every file."""
    for path, content in files().items():
        target = TARGET / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
