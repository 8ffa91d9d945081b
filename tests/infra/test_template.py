"""The template keeps what the design promises about routes, time, storage, failures and names."""

import ast
import json
import re
from typing import Any

import pytest

from countersign.notices.settings import EVENTS
from tests.infra.reading import (
    PACKAGE,
    ROOT,
    events,
    functions,
    imports,
    is_open,
    own_environment,
    resources,
    routes,
    shipped,
    snake,
    template,
    tree,
)

PLATFORM_PATIENCE = 5.0
HANDLER_BUDGET = 3.5
ROUTES = {
    "POST /wechat/{account}/notify": None,
    "POST /wechat/{account}/push": None,
    "GET /wechat/{account}/push": None,
    "POST /douyin/{account}/callback": None,
    "GET /openapi.json": None,
    "POST /douyin/{account}/payments": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/settlements": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/shipments": "orders:ship",
    "POST /wechat/{account}/payments": "payments:write",
    "GET /orders": "orders:read",
    "GET /orders/{platform}/{account}/{order_id}": "orders:read",
    "GET /orders/{platform}/{account}/{order_id}/explanation": "orders:read",
    "POST /orders/{platform}/{account}/{order_id}/refresh": "orders:read",
    "POST /orders/{platform}/{account}/{order_id}/close": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/review/{review_id}/resolve": "refunds:approve",
    "POST /orders/{platform}/{account}/{order_id}/refunds": "refunds:request",
    "POST /orders/{platform}/{account}/{order_id}/refunds/{refund_id}/approve": "refunds:approve",
    "POST /orders/{platform}/{account}/{order_id}/refunds/{refund_id}/reject": "refunds:approve",
    "POST /orders/{platform}/{account}/{order_id}/refunds/{refund_id}/retry": "refunds:approve",
    "POST /orders/{platform}/{account}/{order_id}/refunds/{refund_id}/resolve": "refunds:approve",
    "GET /refunds": "orders:read",
    "GET /reconciliation/{account}/{date}": "orders:read",
    "GET /exceptions": "orders:read",
}
SCOPES = {"payments:write", "orders:read", "orders:ship", "refunds:request", "refunds:approve"}
SCHEDULED = [
    *("DouyinBill", "DouyinPoll", "DouyinRefund", "DouyinSettle", "DouyinShip"),
    *("WechatPoll", "WechatRefund", "WechatShip", "WechatBill", "Sweep"),
]
# What the bus tells it becomes a row only when it runs: until then the bus and Lambda must come again.
TOLD_ONCE = {"Notify"}
BY_HAND = ["DouyinRedrive", "WechatRedrive"]
FUNCTIONS = sorted(functions())
QUEUES = resources("AWS::SQS::Queue")
ALARMS = resources("AWS::CloudWatch::Alarm")


def text_of(value: Any) -> str:
    return json.dumps(value)


class TestNames:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_is_called_like_its_folder(self, name: str) -> None:
        assert functions()[name]["CodeUri"] == f"functions/{snake(name)}"
        assert (ROOT / "functions" / snake(name) / "app.py").is_file()

    def test_every_folder_is_deployed(self) -> None:
        folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

        assert folders == {snake(name) for name in FUNCTIONS}

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_no_function_has_a_fixed_name_or_a_handler_of_its_own(self, name: str) -> None:
        own = resources("AWS::Serverless::Function")[name]

        assert not {"FunctionName", "Handler", "Runtime", "Layers", "Architectures"} & set(own)

    def test_a_callback_is_called_like_its_path(self) -> None:
        for route, (name, event) in routes().items():
            if is_open(event) and route.startswith("POST "):
                words = [part for part in event["Path"].split("/") if part and not part.startswith("{")]
                assert snake(name) == "_".join(words)


class TestRoutes:
    def test_they_are_the_contract(self) -> None:
        scopes = {key: event["Auth"].get("AuthorizationScopes") for key, (_, event) in routes().items()}

        assert scopes == {
            key: None if scope is None else [scope, f"countersign/{scope}"] for key, scope in ROUTES.items()
        }

    def test_only_callbacks_and_the_api_description_go_without_a_token(self) -> None:
        assert {key for key, (_, event) in routes().items() if is_open(event)} == {
            key for key, scope in ROUTES.items() if scope is None
        }
        assert resources("AWS::Serverless::HttpApi")["HttpApi"]["Auth"]["DefaultAuthorizer"] == "Jwt"

    def test_all_are_served_by_the_one_api(self) -> None:
        assert all(event["ApiId"] == {"Ref": "HttpApi"} for _, event in events("HttpApi"))

    def test_they_are_throttled(self) -> None:
        api = resources("AWS::Serverless::HttpApi")["HttpApi"]

        settings = [api["DefaultRouteSettings"], *api["RouteSettings"].values()]

        assert all(one["ThrottlingRateLimit"] > 0 and one["ThrottlingBurstLimit"] > 0 for one in settings)
        assert set(api["RouteSettings"]) <= set(routes())

    def test_the_access_log_holds_no_personal_data(self) -> None:
        logged = resources("AWS::Serverless::HttpApi")["HttpApi"]["AccessLogSettings"]["Format"]

        assert set(json.loads(logged)) >= {"requestId", "route", "status", "latencyMs"}
        assert not re.search(
            r"identity|\$context\.path|querystring|authorizer|userAgent|integrationErrorMessage", logged
        )

    def test_the_user_pool_knows_the_scopes(self) -> None:
        server = resources("AWS::Cognito::UserPoolResourceServer")["ResourceServer"]

        assert {scope["ScopeName"] for scope in server["Scopes"]} == SCOPES
        assert {scope for scope in ROUTES.values() if scope} <= SCOPES

    def test_a_machine_cannot_approve(self) -> None:
        clients = resources("AWS::Cognito::UserPoolClient")

        assert "countersign/refunds:approve" not in clients["MachineClient"]["AllowedOAuthScopes"]
        assert "countersign/refunds:approve" in clients["PeopleClient"]["AllowedOAuthScopes"]


class TestTime:
    def test_a_callback_answers_within_the_platforms_patience(self) -> None:
        callbacks = [(name, event) for name, event in events("HttpApi") if is_open(event) and event["Method"] == "POST"]

        assert callbacks
        for name, event in callbacks:
            gateway = event["TimeoutInMillis"] / 1000
            assert HANDLER_BUDGET < functions()[name]["Timeout"] < gateway < PLATFORM_PATIENCE
            assert functions()[name]["MemorySize"] >= 1024

    def test_a_merchants_call_ends_before_the_gateway_gives_up(self) -> None:
        assert all(functions()[name]["Timeout"] < 30 for name, _ in events("HttpApi"))

    def test_a_schedule_does_not_overlap_itself(self) -> None:
        for name, event in events("ScheduleV2"):
            period = {"rate(1 minute)": 60, "cron(0/30 10-23 * * ? *)": 1800}[event["ScheduleExpression"]]
            assert functions()[name]["Timeout"] < period

    def test_a_message_stays_hidden_while_it_is_worked_on(self) -> None:
        for name, event in events("SQS"):
            queue = QUEUES[event["Queue"]["Fn::GetAtt"].removesuffix(".Arn")]
            assert queue["VisibilityTimeout"] >= 6 * functions()[name]["Timeout"]


class TestFailures:
    def test_a_schedule_has_dead_letters_and_no_retries(self) -> None:
        scheduled = list(events("ScheduleV2"))

        assert {name for name, _ in scheduled} == set(SCHEDULED) | TOLD_ONCE
        for _, event in scheduled:
            assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "FailureQueue.Arn"}}
            assert event["RetryPolicy"]["MaximumRetryAttempts"] == 0

    def test_a_rule_of_the_bus_has_dead_letters_and_no_retries(self) -> None:
        ruled = list(events("EventBridgeRule"))

        workers = {"WechatRefund", "WechatShip", "DouyinRefund", "DouyinShip"}
        assert {name for name, _ in ruled} == workers | TOLD_ONCE
        for name, event in ruled:
            assert event["EventBusName"] == {"Ref": "EventBus"}
            assert event["Pattern"]["source"] == ["countersign"]
            assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "FailureQueue.Arn"}}
            assert (event["RetryPolicy"]["MaximumRetryAttempts"] == 0) is (name not in TOLD_ONCE)

    def test_only_rules_of_our_bus_may_write_dead_letters(self) -> None:
        (policy,) = resources("AWS::SQS::QueuePolicy").values()
        (statement,) = policy["PolicyDocument"]["Statement"]

        assert policy["Queues"] == [{"Ref": "FailureQueue"}]
        assert statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith("rule/countersign-${Stage}/*")

    @pytest.mark.parametrize("name", [*SCHEDULED, *BY_HAND])
    def test_lambda_repeats_nothing_by_itself(self, name: str) -> None:
        asynchronous = functions()[name]["EventInvokeConfig"]

        assert asynchronous["MaximumRetryAttempts"] == 0
        assert asynchronous["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "FailureQueue.Arn"}

    def test_who_is_told_only_once_is_told_again(self) -> None:
        for name in TOLD_ONCE:
            asynchronous = functions()[name]["EventInvokeConfig"]

            assert asynchronous["MaximumRetryAttempts"] == 2
            assert asynchronous["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "FailureQueue.Arn"}

    def test_notices_hear_of_every_event_that_they_may_ask_for(self) -> None:
        (told,) = [event for name, event in events("EventBridgeRule") if name == "Notify"]

        assert set(told["Pattern"]["detail-type"]) == EVENTS

    def test_a_bad_record_does_not_hold_up_the_stream(self) -> None:
        ((name, stream),) = events("DynamoDB")

        assert name == "Publish"
        assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert stream["BisectBatchOnFunctionError"] is True
        assert 0 < stream["MaximumRetryAttempts"] <= 10
        assert 0 < stream["MaximumRecordAgeInSeconds"] <= 86400
        assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "FailureQueue.Arn"}

    def test_the_stream_shows_only_events_with_something_to_say(self) -> None:
        ((_, stream),) = events("DynamoDB")

        inserted, attached = (json.loads(one["Pattern"]) for one in stream["FilterCriteria"]["Filters"])

        assert inserted["eventName"] == ["INSERT"]
        assert attached["eventName"] == ["MODIFY"]
        assert attached["dynamodb"]["OldImage"]["orphan"]["N"] == [{"exists": True}]
        assert attached["dynamodb"]["NewImage"]["orphan"]["N"] == [{"exists": False}]
        for pattern in (inserted, attached):
            assert pattern["dynamodb"]["Keys"]["sk"]["S"] == [{"prefix": "EVENT#"}]

    def test_a_queue_that_is_worked_off_has_dead_letters(self) -> None:
        for _, event in events("SQS"):
            redrive = QUEUES[event["Queue"]["Fn::GetAtt"].removesuffix(".Arn")]["RedrivePolicy"]
            assert redrive["deadLetterTargetArn"]["Fn::GetAtt"].removesuffix(".Arn") in QUEUES

    def test_one_dead_letter_rings(self) -> None:
        consumed = {event["Queue"]["Fn::GetAtt"].removesuffix(".Arn") for _, event in events("SQS")}
        watched = {
            alarm["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
            for alarm in ALARMS.values()
            if alarm["Namespace"] == "AWS/SQS" and alarm["Threshold"] == 1
        }

        assert watched == set(QUEUES) - consumed

    @pytest.mark.parametrize("name", sorted(ALARMS))
    def test_an_alarm_reaches_somebody_and_is_quiet_without_data(self, name: str) -> None:
        assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert ALARMS[name]["TreatMissingData"] == "notBreaching"
        assert ALARMS[name]["AlarmDescription"]

    def test_every_alarm_says_what_a_person_does(self) -> None:
        table = (
            (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Alarms")[2].partition("##")[0]
        )

        assert set(re.findall(r"`(\w+Alarm)`", table)) == set(ALARMS)

    @pytest.mark.parametrize(
        "name", sorted(name for name, alarm in ALARMS.items() if alarm["Namespace"] == "Countersign")
    )
    def test_an_alarm_watches_what_the_code_counts(self, name: str) -> None:
        metric = ALARMS[name]["MetricName"]
        sources = "\n".join(path.read_text(encoding="utf-8") for path in shipped().values())

        # Refusals are counted under the name of their class.
        assert re.search(rf"""["']{metric}["']|class {metric}\(""", sources)
        assert ALARMS[name]["Dimensions"] == [{"Name": "service", "Value": {"Fn::Sub": "countersign-${Stage}"}}]


class TestLogs:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_has_a_log_group_of_its_own(self, name: str) -> None:
        assert functions()[name]["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
        assert f"{name}Logs" in resources("AWS::Logs::LogGroup")

    @pytest.mark.parametrize("name", sorted(resources("AWS::Logs::LogGroup")))
    def test_a_log_is_not_kept_for_ever(self, name: str) -> None:
        assert resources("AWS::Logs::LogGroup")[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


class TestStorage:
    def test_orders_survive_mistakes(self) -> None:
        table = template()["Resources"]["OrdersTable"]

        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}

    @pytest.mark.parametrize("name", sorted(resources("AWS::DynamoDB::Table")))
    def test_tables_are_encrypted_and_paid_by_request(self, name: str) -> None:
        table = resources("AWS::DynamoDB::Table")[name]

        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert table["BillingMode"] == "PAY_PER_REQUEST"

    def test_the_indexes_are_those_that_the_store_reads(self) -> None:
        indexes = {
            index["IndexName"] for index in resources("AWS::DynamoDB::Table")["OrdersTable"]["GlobalSecondaryIndexes"]
        }
        sources = "\n".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "store").rglob("*.py"))

        assert indexes == set(re.findall(r"""IndexName["']?\s*[=:]\s*["'](\w+)["']""", sources))

    def test_idempotency_rows_expire(self) -> None:
        table = resources("AWS::DynamoDB::Table")["IdempotencyTable"]

        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}

    @pytest.mark.parametrize("name", sorted(QUEUES))
    def test_queues_are_encrypted(self, name: str) -> None:
        assert QUEUES[name]["SqsManagedSseEnabled"] is True


class TestEnvironment:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_finds_every_variable_it_reads(self, name: str) -> None:
        given = set(own_environment(functions()[name])) | {"AWS_REGION"}

        assert read_by(f"functions.{snake(name)}.app") <= given

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_variables_hold_names_not_secrets(self, name: str) -> None:
        for variable, value in own_environment(functions()[name]).items():
            assert not re.search(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|(^|_)KEY", variable)
            assert isinstance(value, dict) or value == "Countersign"

    def test_no_parameter_takes_a_secret(self) -> None:
        for name, parameter in template()["Parameters"].items():
            assert parameter.get("NoEcho") or not re.search(r"(?i)secret|password|token|key|credential", name)

    def test_the_template_holds_no_secret(self) -> None:
        text = (ROOT / "template.yaml").read_text(encoding="utf-8")

        assert not re.search(r"-----BEGIN|\bAKIA[0-9A-Z]{16}\b|[0-9a-zA-Z+/]{40,}={0,2}\b", text)

    def test_globals_know_no_platform(self) -> None:
        assert "wechat" not in text_of(template()["Globals"]).lower()


def read_by(module: str) -> set[str]:
    """Return the environment variables that a function's own module and the modules it imports read."""
    found: set[str] = set()
    reached, waiting = {module}, [module]
    while waiting:
        current = waiting.pop()
        for node in ast.walk(tree(shipped()[current])):
            match node:
                case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
                    found.add(name)
        following = {name for name in imports(shipped()[current]) if name in shipped()} - reached
        reached |= following
        waiting.extend(following)
    return found
