"""A table as template.yaml declares it, in moto: single-threaded, so its faults with concurrency do not matter here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from countersign.store import OrderStore, dynamo, tokens
from countersign.store.lists import OrderLists
from sandbox.template import Template
from tests import quick_moto  # noqa: F401 - what it does to moto

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
SETTINGS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


class Counted:
    """A DynamoDB client that counts its calls and can lose answers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.lost_answers: dict[str, list[Exception]] = {}

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if self.faults.get(name):
                raise self.faults[name].pop(0)
            answer = operation(**arguments)
            if self.lost_answers.get(name):
                raise self.lost_answers[name].pop(0)
            return answer

        return call


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    # A busy machine may need longer than a handler has; a test about the deadline sets its own.
    monkeypatch.setattr(dynamo, "BUDGET_SECONDS", 60.0)
    monkeypatch.setattr(tokens, "PATIENCE_SECONDS", 60.0)
    with mock_aws():
        client = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        template = Template(TEMPLATE, {"Stage": "test"})
        declared = template.resources("AWS::DynamoDB::Table")["OrdersTable"]
        client.create_table(TableName="Orders", **{name: declared[name] for name in SETTINGS})
        yield Counted(client)


@pytest.fixture
def store(dynamodb: Counted) -> OrderStore:
    return OrderStore(dynamodb, "Orders")


@pytest.fixture
def lists(dynamodb: Counted) -> OrderLists:
    return OrderLists(dynamodb, "Orders")
