"""Makes the template's tables, queues and bus in the local cloud, each when something first refers to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.template import ACCOUNT, REGION, Attributes, Template

if TYPE_CHECKING:
    from sandbox.dataplane import DataPlane

_TABLE_SETTINGS = ("AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "ProvisionedThroughput", "BillingMode")
_INDEX_SETTINGS = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")
_QUEUE_SETTINGS = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)


class Provisioner:
    """Gives each resource its attributes in the local cloud, making it first if it is one that lives there."""

    def __init__(self, template: Template, plane: DataPlane, prefix: str, api_url: str = "") -> None:
        self._template, self._plane, self._prefix, self._api_url = template, plane, prefix, api_url
        self._made: dict[str, Attributes] = {}
        template.attributes = self.attributes
        self._nested = [
            Provisioner(application, plane, f"{prefix}{name}-", api_url)
            for name, application in template.applications().items()
        ]

    def everything(self) -> None:
        """Make all that the sandbox knows how to make, nested applications' resources too."""
        for nested in self._nested:
            nested.everything()
        for kind in _MAKERS:
            for name in self._template.resources(kind):
                self.attributes(name)

    def attributes(self, name: str) -> Attributes:
        """Say what `Ref` and `GetAtt` of a resource give."""
        if name not in self._made:
            kind = self._template.kind_of(name)
            properties = self._template.resources(kind).get(name, {})
            self._made[name] = _MAKERS.get(kind, _elsewhere)(self, name, properties)
        return self._made[name]

    def _table(self, name: str, properties: dict[str, Any]) -> Attributes:
        wanted = self._template.resolve(properties)
        table = f"{self._prefix}{name}"
        settings = {key: wanted[key] for key in _TABLE_SETTINGS if key in wanted}
        if indexes := wanted.get("GlobalSecondaryIndexes"):
            settings["GlobalSecondaryIndexes"] = [
                {key: index[key] for key in _INDEX_SETTINGS if key in index} for index in indexes
            ]
        if stream := wanted.get("StreamSpecification"):
            settings["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
        made = self._plane.call("dynamodb", "CreateTable", TableName=table, **settings)["TableDescription"]
        return {"Ref": table, "Arn": made["TableArn"], "StreamArn": made.get("LatestStreamArn", "")}

    def _queue(self, name: str, properties: dict[str, Any]) -> Attributes:
        wanted = self._template.resolve(properties)
        queue = f"{self._prefix}{name}" + (".fifo" if wanted.get("FifoQueue") else "")
        return make_queue(self._plane, queue, {key: wanted[key] for key in _QUEUE_SETTINGS if key in wanted})

    def _bus(self, name: str, properties: dict[str, Any]) -> Attributes:
        bus = self._template.resolve(properties.get("Name")) or f"{self._prefix}{name}"
        made = self._plane.call("events", "CreateEventBus", Name=bus)
        return {"Ref": bus, "Name": bus, "Arn": made["EventBusArn"]}

    def _api(self, name: str, properties: dict[str, Any]) -> Attributes:
        """One port serves all APIs here but those that ask for a certificate or are for people."""
        return {"Ref": name, "ApiEndpoint": self._api_url or f"{name}.ApiEndpoint"}

    def _key(self, name: str, properties: dict[str, Any]) -> Attributes:
        made = self._plane.call("kms", "CreateKey", Description=name)["KeyMetadata"]
        return {"Ref": made["KeyId"], "Arn": made["Arn"]}


def make_queue(plane: DataPlane, name: str, settings: dict[str, Any]) -> Attributes:
    """Make one queue."""
    attributes = {
        key: json.dumps(value)
        if isinstance(value, dict)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for key, value in settings.items()
    }
    url = plane.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
    return {"Ref": url, "QueueUrl": url, "QueueName": name, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}


def _elsewhere(provisioner: Provisioner, name: str, properties: dict[str, Any]) -> Attributes:
    """Attributes of a resource that lives in the runner (functions, the API) or only in the cloud (roles, alarms)."""
    kinds = {"Function": "lambda", "Topic": "sns", "LogGroup": "logs", "Role": "iam"}
    kind = provisioner._template.kind_of(name).rpartition("::")[2]
    arn = f"arn:aws:{kinds.get(kind, kind.lower())}:{REGION}:{ACCOUNT}:{name}"
    if kind == "Function":
        arn = function_arn(name)
    return {"Ref": arn if kind == "Topic" else name, "Arn": arn, "TopicArn": arn}


def function_arn(name: str) -> str:
    """Name a function of the template as AWS does."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


_MAKERS = {
    "AWS::Serverless::HttpApi": Provisioner._api,
    "AWS::KMS::Key": Provisioner._key,
    "AWS::SQS::Queue": Provisioner._queue,
    "AWS::DynamoDB::Table": Provisioner._table,
    "AWS::Events::EventBus": Provisioner._bus,
}
