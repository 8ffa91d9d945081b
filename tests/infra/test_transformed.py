"""What CloudFormation really gets: the template after SAM's transform, which gives names and roles of its own."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from tests.infra.reading import ROOT, events, functions
from tools import policies
from tools.policies import Need

pytestmark = pytest.mark.artifact

# The property that would name a resource for the whole account and region.
NAMES = {
    "AWS::ApiGatewayV2::Api": "Name",
    "AWS::Budgets::Budget": "BudgetName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::Cognito::UserPool": "UserPoolName",
    "AWS::Cognito::UserPoolDomain": "Domain",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
}


@cache
def transformed() -> dict[str, dict[str, Any]]:
    python = ROOT / ".venv-sam" / "bin" / "python"
    done = subprocess.run(
        [python, ROOT / "tools" / "transformed.py"], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for template in transformed().values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


CHOSEN: tuple[Any, ...] = ({"Ref": "SignInDomain"},)  # a domain of the merchant's own, given to each stack


def fixed_names(templates: dict[str, dict[str, Any]]) -> set[str]:
    """Return the resources whose name is the same in every stack of an account."""
    return {
        f"{resource['Type']} {name}"
        for template in templates.values()
        for name, resource in template["Resources"].items()
        if (given := resource.get("Properties", {}).get(NAMES.get(resource["Type"], ""))) is not None
        and not re.search(r"\$\{(Stage|AWS::StackName)\}", json.dumps(given))
        and given not in CHOSEN
    }


def test_nothing_has_a_fixed_name() -> None:
    assert fixed_names(transformed()) == set()


def test_a_fixed_name_would_be_seen() -> None:
    named = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Name": "SweepEveryMinute"}}
    free = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "q-${Stage}"}}}

    assert fixed_names({"t": {"Resources": {"A": named, "B": free}}}) == {"AWS::Scheduler::Schedule A"}


def test_the_schedules_share_one_role() -> None:
    schedules = resources("AWS::Scheduler::Schedule")

    assert len(schedules) == len(list(events("ScheduleV2")))
    assert {json.dumps(one["Target"]["RoleArn"]) for one in schedules.values()} == {
        json.dumps({"Fn::GetAtt": ["SchedulesRole", "Arn"]}),
        json.dumps({"Ref": "SchedulesRoleArn"}),  # what an application is given
    }


def test_no_stage_of_an_api_names_a_route() -> None:
    stages = resources("AWS::ApiGatewayV2::Stage")

    assert len(stages) == len(resources("AWS::ApiGatewayV2::Api")) == 6
    assert not [name for name, stage in stages.items() if "RouteSettings" in stage]


def test_an_access_log_needs_no_resource_policy() -> None:
    (name,) = {
        json.dumps(log["LogGroupName"]) for log in resources("AWS::Logs::LogGroup").values() if log.get("LogGroupName")
    }

    assert "/aws/vendedlogs/" in name


def test_a_runtime_changes_only_with_a_deployment() -> None:
    lambdas = resources("AWS::Lambda::Function")

    assert set(functions()) < set(lambdas)
    assert {json.dumps(one["RuntimeManagementConfig"]) for one in lambdas.values()} == {
        '{"UpdateRuntimeOn": "FunctionUpdate"}'
    }


def test_the_root_has_room_for_more() -> None:
    done = subprocess.run(
        [ROOT / ".venv-sam" / "bin" / "python", ROOT / "tools" / "transformed.py", "--count"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert set(re.findall(r"^(\S+): \d+ resources$", done.stdout, re.MULTILINE)) == set(transformed())


class TestPolicies:
    """How calls and policies are compared; the calls are those of the demo and of all tests (`make policies`)."""

    ALLOWED = frozenset(
        {
            Need("f", "dynamodb:PutItem", "OrdersTable"),
            Need("acme_poll", "sqs:SendMessage", "FailureQueue"),
            Need("f", "x:Y", "*"),
        }
    )

    def test_a_call_that_nothing_allows_is_a_gap(self) -> None:
        calls = {
            Need("f", "dynamodb:PutItem", "OrdersTable"),
            Need("f", "x:Y", "*"),
            Need("f", "dynamodb:GetItem", "T"),
        }

        assert policies.compare(calls, set(self.ALLOWED)) == ([Need("f", "dynamodb:GetItem", "T")], [])

    def test_what_nobody_calls_and_nothing_excuses_is_too_much(self) -> None:
        calls = {Need("f", "dynamodb:PutItem", "OrdersTable")}

        assert policies.compare(calls, set(self.ALLOWED)) == ([], [Need("f", "x:Y", "*")])

    def test_every_role_of_a_function_is_read(self) -> None:
        allows = set(policies.allowed(policies.every(transformed())))

        assert {need.function for need in allows} == {policies.snake(name) for name in functions()}
        assert Need("publish", "events:PutEvents", "EventBus") in allows
        assert Need("sweep", "dynamodb:Query", "OrdersTable/index/due") in allows
        assert not [need for need in allows if need.resource.startswith("{")]

    def test_what_a_platforms_part_attaches_to_a_role_is_allowed_too(self) -> None:
        secret = {"Fn::Sub": "arn:x:secret:countersign/${Stage}/acme/*"}
        document = {"Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}]}
        made = {
            "Notify": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["NotifyRole", "Arn"]}}},
            "NotifyRole": {"Type": "AWS::IAM::Role", "Properties": {}},
            "AcmeNotices": {
                "Type": "AWS::IAM::Policy",
                "Properties": {"Roles": [{"Ref": "NotifyRole"}], "PolicyDocument": document},
            },
            "AcmeSchedules": {
                "Type": "AWS::IAM::Policy",
                "Properties": {"Roles": [{"Ref": "SchedulesRole"}], "PolicyDocument": document},
            },
        }

        assert list(policies.allowed(made)) == [Need("notify", "secretsmanager:GetSecretValue", "secret/acme")]

    def test_every_reason_excuses_something(self) -> None:
        allows = set(policies.allowed(policies.every(transformed())))
        used = {policies.reason(need) for need in allows}

        assert set(policies.REASONS.values()) <= used
        assert all(
            any(fnmatchcase(need.function, who) and need[1:] == what for need in allows)
            for (who, *what_of) in policies.REASONS
            for what in [tuple(what_of)]
        )

    def test_a_reason_names_an_action_and_a_function_by_its_job(self) -> None:
        wild = {key for key in policies.REASONS if "*" in key[1] or key[0] == "*"}

        assert wild == {("*", policies.BASIC, "*")}  # every function has a log

    def test_a_reason_is_not_for_whoever_else_is_allowed_the_same(self) -> None:
        excused = Need("acme_callback", "sqs:SendMessage", "FailureQueue")

        assert policies.compare(set(), {excused}) == ([], [excused])
