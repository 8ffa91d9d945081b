"""AWS from behind: a stack's outputs, calls by AWS's own names, invocations, and how each fails."""

from __future__ import annotations

import io
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from countersign_cli.cloud import Aws, SandboxCloud
from countersign_cli.exits import StopError
from countersign_cli.profiles import Profile
from countersign_cli.sandbox_side import SandboxSide
from tests.cli.conftest import NOW
from tests.infra.reading import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Asked, Fakes

PROFILE = Profile("prod", stack="countersign-prod", region="us-east-1")
STACK = {
    "Parameters": [{"ParameterKey": "Stage", "ParameterValue": "prod"}],
    "Outputs": [
        {"OutputKey": "OrdersTableName", "OutputValue": "the-table"},
        {"OutputKey": "WechatRedriveFunction", "OutputValue": "the-function"},
    ],
}


class CloudFormation:
    """What is used of it: moto's own needs packages that nothing else here does."""

    def describe_stacks(self, **asked: Any) -> dict[str, Any]:
        assert asked == {"StackName": "countersign-prod"}
        return {"Stacks": [STACK]}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        found = Aws(PROFILE)
        found._clients["cloudformation"] = CloudFormation()
        yield found


def test_outputs_and_the_stage_are_the_stacks(aws: Aws) -> None:
    assert (aws.output("OrdersTableName"), aws.output("Nothing"), aws.stage) == ("the-table", "", "prod")


def test_calls_are_made_by_awss_own_names(aws: Aws) -> None:
    aws.call("secretsmanager", "CreateSecret", Name="countersign/prod/wechat/shop", SecretString="{}")

    assert aws.call("secretsmanager", "GetSecretValue", SecretId="countersign/prod/wechat/shop")["SecretString"] == "{}"


def test_a_refusal_is_told_by_its_code_and_never_by_its_text(aws: Aws) -> None:
    with pytest.raises(StopError) as refused:
        aws.call("secretsmanager", "GetSecretValue", SecretId="countersign/prod/wechat/unheard-of")

    assert refused.value.status == 3
    assert refused.value.arguments == {"call": "secretsmanager:GetSecretValue", "why": "ResourceNotFoundException"}


class Lambda:
    def __init__(self, answer: Any, *, failed: bool = False) -> None:
        self.answer, self.failed = answer, failed
        self.asked: dict[str, Any] = {}

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        told = {"FunctionError": "Unhandled"} if self.failed else {}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **told}


def test_a_function_is_found_by_the_output_that_names_it(aws: Aws) -> None:
    aws._clients["lambda"] = function = Lambda({"looked_at": 1})

    assert aws.invoke("wechat_redrive", {"day": "2026-11-22"}) == {"looked_at": 1}
    assert function.asked == {"FunctionName": "the-function", "Payload": b'{"day": "2026-11-22"}'}


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("MalformedError", 2, "day is not a day"),
        ("NotFoundError", 3, "day is not a day"),
        ("ConflictError", 4, "day is not a day"),
        # Any other error's text could hold what was worked on.
        ("ValueError", 6, ""),
        ("Runtime.ExitError", 6, ""),
    ],
)
def test_a_function_that_failed_tells_what_it_may(aws: Aws, kind: str, status: int, why: str) -> None:
    aws._clients["lambda"] = Lambda({"errorType": kind, "errorMessage": "day is not a day"}, failed=True)

    with pytest.raises(StopError) as failed:
        aws.invoke("wechat_redrive", {})

    assert (failed.value.status, failed.value.arguments["why"]) == (status, why)


def test_an_invocation_is_never_sent_twice_by_itself(aws: Aws) -> None:
    config = aws._client("lambda").meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout > 300  # as long as the function may work


def test_a_profile_without_a_stack_is_misuse() -> None:
    with pytest.raises(StopError) as refused:
        Aws(Profile("prod"))
    assert refused.value.status == 2


def test_the_sandboxs_data_plane_is_spoken_to_as_aws_is(fakes: Fakes) -> None:
    plane = {"endpoint": "http://127.0.0.1:9", "stage": "sandbox", "outputs": {"OrdersTableName": "t"}}
    fakes.on("GET /plane", plane)
    fakes.on("POST ", {"Items": []})
    cloud = SandboxCloud(SandboxSide(8080, fakes.transport), fakes.transport)

    assert cloud.call("dynamodb", "Query", TableName=cloud.output("OrdersTableName")) == {"Items": []}
    [asked] = fakes.calls("POST ")
    assert (asked.headers["x-amz-target"], asked.json) == ("DynamoDB_20120810.Query", {"TableName": "t"})

    fakes.on("POST ", {"__type": "com.amazonaws#ResourceNotFoundException"}, 400)
    with pytest.raises(StopError) as refused:
        cloud.call("dynamodb", "Query")
    assert refused.value.status == 3


def test_a_sandboxs_secret_is_as_old_as_its_own_clock_says(fakes: Fakes) -> None:
    stored: dict[str, Any] = {"CreatedDate": NOW - 4 * 86_400, "Name": "s"}  # by the machine's clock, days behind

    def plane(asked: Asked) -> dict[str, Any]:
        if asked.headers["x-amz-target"].endswith("TagResource"):
            stored["Tags"] = asked.json["Tags"]
        return stored

    fakes.on("GET /plane", {"endpoint": "http://127.0.0.1:9", "stage": "sandbox", "outputs": {}})
    fakes.on("POST ", plane)
    cloud = SandboxCloud(SandboxSide(8080, fakes.transport), fakes.transport)
    assert cloud.stored_at(stored) == NOW - 4 * 86_400

    cloud.store("s", "{}")

    assert cloud.stored_at(stored) == NOW
    targets = [asked.headers["x-amz-target"].rpartition(".")[2] for asked in fakes.calls("POST ")]
    assert targets == ["DescribeSecret", "TagResource", "PutSecretValue", "DescribeSecret"]


def test_a_secret_is_stored_as_another_version(aws: Aws) -> None:
    aws.call("secretsmanager", "CreateSecret", Name="countersign/prod/wechat/shop", SecretString="{}")

    aws.store("countersign/prod/wechat/shop", '{"mchid": "1"}')

    found = aws.call("secretsmanager", "GetSecretValue", SecretId="countersign/prod/wechat/shop")
    assert found["SecretString"] == '{"mchid": "1"}'
    assert abs(aws.stored_at(found) - time.time()) < 3600


def test_the_template_has_the_outputs_that_are_asked_for() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "cli").rglob("*.py"))
    asked = set(re.findall(r'\.output\("(\w+)"\)', sources))
    platforms = ("Wechat", "Douyin", "Recharge", "Shopify", "Bigcommerce", "Cashier")
    redrives = {f"{name}RedriveFunction" for name in platforms}

    assert {"OrdersTableName", "FailureQueueUrl", "AlarmTopicArn", "ApiUrl"} <= asked
    assert {name for name in asked | redrives if f"\n  {name}:" not in template} == set()


def test_the_user_pool_knows_the_address_that_a_browser_comes_back_to() -> None:
    from countersign_cli import sign_in

    assert f'"{sign_in.RETURN_URL}"' in (ROOT / "identity.yaml").read_text(encoding="utf-8")
