"""What is written down of functions' calls of AWS is what IAM is asked for."""

import json
import os
from pathlib import Path

import pytest

from sandbox import calls
from sandbox.testing import LocalCloud


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("dynamodb", "GetItem", {"TableName": "t"}, [("dynamodb:GetItem", "t")]),
        ("dynamodb", "Query", {"TableName": "t", "IndexName": "i"}, [("dynamodb:Query", "t/index/i")]),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"t": {}}}, [("dynamodb:BatchGetItem", "t")]),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]},
            [("dynamodb:PutItem", "t"), ("dynamodb:ConditionCheckItem", "u")],
        ),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://q"}, [("sqs:SendMessage", "http://q")]),
        ("events", "PutEvents", {"Entries": [{"EventBusName": "b"}]}, [("events:PutEvents", "b")]),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "countersign/t/wechat/shop"},
            [("secretsmanager:GetSecretValue", "secret/wechat")],
        ),
        ("sesv2", "SendEmail", {}, [("ses:SendEmail", "identity")]),
        ("kms", "Encrypt", {}, [("kms:Encrypt", "*")]),
    ],
)
def test_a_call_is_the_actions_that_iam_is_asked_for(service: str, operation: str, parameters, expected) -> None:
    assert list(calls.actions(service, operation, parameters)) == expected


def test_a_resource_goes_by_the_variable_that_holds_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TABLE", "t5-Some")

    assert list(calls.actions("dynamodb", "PutItem", {"TableName": "t5-Some"})) == [("dynamodb:PutItem", "$SOME_TABLE")]


def test_a_functions_calls_are_written_down(cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CALLS", str(tmp_path))
    stack = cloud.stack()

    assert stack.run("Sweep", {}).status == 0

    lines = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    query = {"function": "sweep", "action": "dynamodb:Query", "resource": "$TABLE_NAME/index/due"}
    assert query in lines
    assert len(lines) == len({json.dumps(line) for line in lines})
    assert not (tmp_path / f"{os.getpid()}.jsonl").exists()
