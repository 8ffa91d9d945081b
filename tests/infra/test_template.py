"""The template keeps what the design promises about routes, time, storage, failures and names."""

import ast
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from countersign.api.scopes import SCOPES as SCOPED
from countersign.notices.settings import EVENTS
from tests.infra.reading import (
    PACKAGE,
    ROOT,
    callbacks,
    events,
    functions,
    imports,
    mount,
    nested,
    own_environment,
    platform_of,
    platforms,
    resources,
    room,
    routes,
    shipped,
    snake,
    template,
    tree,
)

PLATFORM_PATIENCE = 5.0
HANDLER_BUDGET = 3.5
# The contract of the merchant API. What a platform adds to it is said by rules, not by names.
ROUTES = {
    "POST /orders/{platform}/{account}/{order_id}/settlements": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/capture": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/void": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/cancel": "payments:write",
    "POST /orders/{platform}/{account}/{order_id}/mark-paid": "refunds:approve",
    "POST /orders/{platform}/{account}/{order_id}/shipments": "orders:ship",
    "POST /orders/{platform}/{account}/{order_id}/payment-link": "payments:link",
    "DELETE /orders/{platform}/{account}/{order_id}/payment-link": "payments:link",
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
    "GET /orders/{platform}/{account}/{order_id}/timeline": "orders:read",
    "POST /orders/{platform}/{account}/{order_id}/events/{event_id}/evidence": "evidence:read",
    "POST /orders/{platform}/{account}/{order_id}/notes": "orders:read",
    "POST /orders/{platform}/{account}/{order_id}/notices/{notice_id}/again": "orders:ship",
    "GET /activity": "orders:read",
    "GET /accounts": "orders:read",
    "GET /changes": "orders:read",
    "POST /lookup": "orders:read",
    "POST /lookup/erase": "refunds:approve",
    "GET /counts": "orders:read",
    "GET /carriers": "orders:read",
    "POST /shipments/batch": "orders:ship",
    "GET /search": "orders:read",
    "GET /reconciliation": "orders:read",
    "GET /refunds": "orders:read",
    "GET /reconciliation/{account}/{date}": "orders:read",
    "GET /reconciliation/{account}/{date}/lines": "orders:read",
    "POST /reconciliation/{account}/{date}/compare": "refunds:approve",
    "POST /reconciliation/{account}/{date}/differences/{difference_id}/resolve": "refunds:approve",
    "GET /exceptions": "orders:read",
    "GET /charges": "orders:read",
    "POST /charges/{account}/{charge_id}/retry": "payments:write",
    "POST /accounts/{platform}/{account}/restore": "operate",
    "POST /exceptions/{exception_id}/dismiss": "refunds:approve",
    "POST /exceptions/{exception_id}/export": "evidence:read",
    "GET /me": "",
}
MOST_ROUTES = 30  # of one function: a change to what is read is no change to what people decide
SCOPES = {
    "payments:write", "payments:link", "orders:read", "orders:ship", "refunds:request", "refunds:approve",
    "evidence:read", "operate",
}  # fmt: skip
PERIODS = {
    "rate(1 minute)": 60,
    "rate(10 minutes)": 600,
    "rate(1 hour)": 3600,
    "rate(12 hours)": 43_200,
    "cron(0/30 10-23 * * ? *)": 1800,
}
FUNCTIONS = sorted(functions())
# What the bus tells it becomes a row only when it runs: until then the bus and Lambda must come again.
TOLD_ONCE = {"Notify"}
TOLD_OF_OTHERS = {
    "BigcommerceSync": ["cashier", "wechat"],  # a payment by QR code is WeChat's
    "ShopifyResolve": ["cashier", "wechat"],
}  # what becomes of a payment is said by the cashier that takes it
TOLD_BY_PARTNERS = {"ShopifyEvents"}
SCHEDULED = sorted({name for name, _ in events("ScheduleV2")} - TOLD_ONCE)
BY_HAND = sorted(name for name, function in functions().items() if "Events" not in function)
APIS = resources("AWS::Serverless::HttpApi")
QUEUES = resources("AWS::SQS::Queue")
ALARMS = resources("AWS::CloudWatch::Alarm")


def text_of(value: Any) -> str:
    return json.dumps(value)


def app_of(name: str) -> Path:
    return ROOT / "functions" / snake(name) / "app.py"


class TestShoppersDomain:
    SHOPPERS = {"Fn::Sub": "https://${ShopperDomain}"}  # noqa: RUF012 - never changed

    def test_shoppers_have_a_domain_of_their_own_where_one_is_named_and_it_leads_to_their_api_alone(self) -> None:
        name = resources("AWS::ApiGatewayV2::DomainName")["ShopperDomainName"]
        mapping = resources("AWS::ApiGatewayV2::ApiMapping")["ShopperDomainMapping"]

        assert name["DomainName"] == {"Ref": "ShopperDomain"}
        (how,) = name["DomainNameConfigurations"]
        assert (how["EndpointType"], how["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
        assert how["CertificateArn"] == {"Ref": "ShopperCertificateArn"}
        assert mapping["ApiId"] == {"Ref": "ShopperApi"}
        assert "ApiMappingKey" not in mapping

    def test_whoever_writes_an_address_for_a_browser_writes_that_one(self) -> None:
        told = [one["Environment"]["Variables"] for one in functions().values() if "Environment" in one]
        addresses = [one["SHOPPER_BASE_URL"] for one in told if "SHOPPER_BASE_URL" in one]
        own = [one for one in addresses if one != {"Ref": "ShopperBaseUrl"}]  # what the payments app is given

        assert len(own) > 5
        assert {text_of(one["Fn::If"][:2]) for one in own} == {text_of(["HasShopperDomain", self.SHOPPERS])}
        given = json.dumps(resources("AWS::Serverless::Application")["PaymentsApp"]["Parameters"]["ShopperBaseUrl"])
        assert "HasShopperDomain" in given


class TestMutualTls:
    def test_G7_the_payments_app_is_reached_through_its_domain_alone_which_asks_for_a_certificate(self) -> None:
        api = APIS["PaymentsAppApi"]

        assert api["DisableExecuteApiEndpoint"] is True
        assert api["Domain"]["EndpointConfiguration"] == "REGIONAL"
        assert api["Domain"]["SecurityPolicy"] == "TLS_1_2"
        trust = api["Domain"]["MutualTlsAuthentication"]
        assert trust["TruststoreUri"] == {"Fn::Sub": "s3://${TrustStoreBucket}/${TrustStoreObject}"}
        assert not [name for name, one in APIS.items() if name != "PaymentsAppApi" and "Domain" in one]

    def test_its_functions_answer_nowhere_else(self) -> None:
        assert {event["ApiId"]["Ref"] for _, event in events("HttpApi") if event["Path"].endswith("-session")} == {
            "PaymentsAppApi"
        }


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

        assert not {"FunctionName", "Handler", "Runtime", "Architectures"} & set(own)

    def test_only_what_calls_stripe_has_its_package_and_no_callback_does(self) -> None:
        layered = {
            name: own["Layers"] for name, own in resources("AWS::Serverless::Function").items() if "Layers" in own
        }
        calling = {name for name in FUNCTIONS if "countersign.cashiers.stripe.client" in reached_from(name)}

        assert calling
        console = layered.pop("Console")

        assert console == [{"Ref": "ConsoleLayer"}]  # what renders pages is carried by nothing else
        assert layered == {name: [{"Ref": "StripeLayer"}] for name in calling}
        assert not calling & set(callbacks())

    def test_a_callback_is_called_like_its_path(self) -> None:
        for name, event in events("HttpApi"):
            if event["ApiId"] == {"Ref": "CallbackApi"}:
                words = [part for part in event["Path"].split("/") if part and not part.startswith("{")]
                assert snake(name) == "_".join(words)


class TestRoutes:
    def test_they_are_the_contract(self) -> None:
        scopes = {
            key: event.get("Auth", {}).get("AuthorizationScopes")
            for key, (name, event) in routes().items()
            if platform_of(name) is None and event["ApiId"] == {"Ref": "HttpApi"}
        }

        # Any token may ask who it is: the gateway still wants one.
        assert scopes == {key: [scope, f"countersign/{scope}"] if scope else None for key, scope in ROUTES.items()}

    def test_each_function_checks_again_what_the_gateway_checks(self) -> None:
        assert dict(SCOPED) == ROUTES

    def test_no_function_serves_more_routes_than_a_person_can_overlook(self) -> None:
        served = Counter(name for name, _ in routes().values())

        assert {"OrdersApi", "DecisionsApi", "AccountsApi"} <= set(served)
        assert max(served.values()) <= MOST_ROUTES

    def test_a_platform_adds_its_callbacks_and_its_payments_under_its_name_and_account(self) -> None:
        added = {key: (name, event) for key, (name, event) in routes().items() if platform_of(name)}

        assert {platform_of(name) for name, _ in added.values()} == set(platforms())
        for key, (name, event) in added.items():
            mounted = mount(str(platform_of(name)))
            named = re.sub("{app}|{shop}", "{account}", key)  # an app delivers for its shops, a cart is of one of them
            assert named.partition(" ")[2].startswith(mounted)
            if name not in callbacks() and event["ApiId"] not in ({"Ref": "ShopperApi"}, {"Ref": "PaymentsAppApi"}):
                assert named in {f"POST {mounted}payments", f"POST {mounted}carts"}
                assert event["Auth"] == {"AuthorizationScopes": ["payments:write", "countersign/payments:write"]}

    def test_only_callbacks_and_the_api_description_go_without_a_token(self) -> None:
        served: dict[str, set[str]] = {api: set() for api in APIS}
        for key, (name, event) in routes().items():
            served[event["ApiId"]["Ref"]].add(name if name in callbacks() else key)

        assert served.keys() == {"HttpApi", "CallbackApi", "PublicApi", "ShopperApi", "PaymentsAppApi", "ConsoleApi"}
        # A person's session is looked at by the console itself, and each call of its by the merchant API.
        assert served["ConsoleApi"] == {"GET /", "GET /{proxy+}", "POST /{proxy+}"}
        # Who calls shows a certificate (TestMutualTls).
        kinds = ("capture", "confirm", "payment", "refund", "void")
        assert served["PaymentsAppApi"] == {f"POST /shopify/{{app}}/{kind}-session" for kind in kinds}
        assert served["CallbackApi"] == set(callbacks())
        assert served["PublicApi"] == {"GET /openapi.json"}
        # A shopper's page says what it is about by a token that nobody can guess; where an app is installed its
        # platform vouches for who calls, a storefront's page proves its order, and its script is everybody's.
        apps = {key for key in served["ShopperApi"] if "/{app}/" in key and "{token}" not in key}
        assert all("{token}" in key for key in served["ShopperApi"] - apps)
        for name in {routes()[key][0] for key in apps}:
            assert reached_from(name) & {
                f"{room(str(platform_of(name)))}.{proof}"
                for proof in ("app_calls", "installation", "script", "shopper")
            }
        assert APIS["HttpApi"]["Auth"]["DefaultAuthorizer"] == "Jwt"
        assert not [name for name, api in APIS.items() if "Auth" in api and name != "HttpApi"]
        assert all("Authorizer" not in event.get("Auth", {}) for _, event in events("HttpApi"))

    def test_a_callback_shares_its_limit_with_nobody_and_no_limit_names_a_route(self) -> None:
        limits = {name: api["DefaultRouteSettings"]["ThrottlingRateLimit"] for name, api in APIS.items()}

        assert limits["CallbackApi"] > limits["HttpApi"] > limits["PublicApi"] > 0
        assert all(api["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0 for api in APIS.values())
        # API Gateway refuses a stage that names a route that is gone, and with it the deployment or its rollback.
        assert not [name for name, api in APIS.items() if "RouteSettings" in api]

    def test_an_open_get_is_of_the_low_limit_or_the_platforms_check_of_a_callbacks_own_url(self) -> None:
        for key, (_, event) in routes().items():
            if key.startswith("GET ") and event["ApiId"] == {"Ref": "CallbackApi"}:
                assert f"POST {event['Path']}" in routes()

    def test_a_callback_is_called_where_the_payment_said(self) -> None:
        creates = [name for name in FUNCTIONS if name.endswith("CreatePayment")]

        assert creates
        for name in creates:
            given = own_environment(functions()[name])["PUBLIC_BASE_URL"]["Fn::If"]
            assert given == ["HasPublicBaseUrl", {"Ref": "PublicBaseUrl"}, {"Fn::GetAtt": "CallbackApi.ApiEndpoint"}]

    def test_the_access_log_holds_no_personal_data(self) -> None:
        for api in APIS.values():
            logged = api["AccessLogSettings"]["Format"]

            assert set(json.loads(logged)) >= {"requestId", "route", "status", "latencyMs"}
            assert not re.search(
                r"identity|\$context\.path|querystring|authorizer|userAgent|integrationErrorMessage", logged
            )

    def test_the_user_pool_knows_the_scopes(self) -> None:
        server = resources("AWS::Cognito::UserPoolResourceServer")["ResourceServer"]

        assert {scope["ScopeName"] for scope in server["Scopes"]} == SCOPES
        assert set(ROUTES.values()) - {""} == SCOPES

    def test_a_machine_cannot_approve(self) -> None:
        clients = resources("AWS::Cognito::UserPoolClient")

        assert "countersign/refunds:approve" not in clients["MachineClient"]["AllowedOAuthScopes"]
        assert "countersign/refunds:approve" in clients["PeopleClient"]["AllowedOAuthScopes"]


class TestIdentity:
    """Who may call, where the stack has an identity of its own."""

    def test_it_is_a_stack_of_its_own_and_never_in_china(self) -> None:
        assert template()["Resources"]["Identity"]["Condition"] == "OwnUserPool"
        assert "InChina" in text_of(template()["Conditions"]["OwnUserPool"])
        for region in ("cn-north-1", "cn-northwest-1"):
            assert region in text_of(template()["Conditions"]["InChina"])
            assert region in text_of(template()["Rules"]["IssuerInChina"]["RuleCondition"])
            assert region in text_of(nested()["Identity"]["Conditions"])
        assert {one["Condition"] for one in nested()["Identity"]["Resources"].values()} == {
            "OutsideChina",
            "HasConsole",
            "HasSignInDomain",
        }
        assert nested()["Identity"]["Conditions"]["HasConsole"]["Fn::And"][0] == {"Condition": "OutsideChina"}
        assert not [name for name, one in template()["Resources"].items() if "Cognito" in one["Type"]]

    def test_a_person_needs_a_second_factor(self) -> None:
        pool = resources("AWS::Cognito::UserPool")["UserPool"]

        assert pool["MfaConfiguration"] == "ON"
        assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
        assert pool["AutoVerifiedAttributes"] == ["email"]

    def test_a_machine_asks_for_a_token_once_a_day(self) -> None:
        machine = resources("AWS::Cognito::UserPoolClient")["MachineClient"]

        assert (machine["AccessTokenValidity"], machine["TokenValidityUnits"]) == (24, {"AccessToken": "hours"})

    def test_a_persons_token_lives_a_quarter_of_an_hour(self) -> None:
        people = resources("AWS::Cognito::UserPoolClient")["PeopleClient"]

        assert (people["AccessTokenValidity"], people["TokenValidityUnits"]) == (15, {"AccessToken": "minutes"})

    def test_the_console_signs_in_with_a_secret_that_no_environment_and_no_output_holds(self) -> None:
        client = resources("AWS::Cognito::UserPoolClient")["ConsoleClient"]

        assert client["GenerateSecret"] is True
        assert client["AllowedOAuthFlows"] == ["code"]
        assert client["CallbackURLs"] == [{"Fn::Sub": "${ConsoleUrl}/signed-in"}]
        assert client["EnableTokenRevocation"] is True
        assert (client["AccessTokenValidity"], client["RefreshTokenValidity"]) == (15, 12)
        assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "RefreshToken": "hours"}
        # An answer that was lost is asked for again within this grace.
        assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
        documents = [template(), *nested().values()]
        holders = [
            name for one in documents for name, made in one["Resources"].items() if "ClientSecret" in text_of(made)
        ]
        assert holders == ["ConsoleSecret"]
        assert not [one for one in documents if "ClientSecret" in text_of(one.get("Outputs", {}))]

    def test_people_sign_in_at_a_domain_of_the_shops_own_where_it_has_one(self) -> None:
        made, domains = nested()["Identity"], resources("AWS::Cognito::UserPoolDomain")

        assert domains["SignInPages"]["Domain"] == {"Ref": "SignInDomain"}
        assert domains["SignInPages"]["CustomDomainConfig"] == {"CertificateArn": {"Ref": "SignInCertificateArn"}}
        assert made["Resources"]["SignInPages"]["Condition"] == "HasSignInDomain"
        # Programs that ask for tokens at Cognito's own domain go on doing so.
        assert made["Resources"]["UserPoolDomain"]["Condition"] == "OutsideChina"
        for name in ("PagesUrl", "SignInUrl"):
            assert '"Fn::If": ["HasSignInDomain", {"Fn::Sub": "https://${SignInDomain}"}' in json.dumps(
                made["Outputs"][name]
            )
        assert template()["Outputs"]["SignInDomainTarget"]["Value"] == {"Fn::GetAtt": "Identity.Outputs.DomainTarget"}
        assert template()["Outputs"]["ConsoleDomainTarget"]["Value"] == {
            "Fn::GetAtt": "ConsoleApp.Outputs.DomainTarget"
        }

    def test_what_it_outputs_the_stack_outputs(self) -> None:
        inner, outer = nested()["Identity"]["Outputs"], template()["Outputs"]

        assert {"UserPoolId", "SignInUrl", "TokenEndpoint"} <= set(inner)
        for name in set(inner) - {
            "Issuer",
            "ConsoleClientId",
            "PagesUrl",
            "DomainTarget",
        }:  # these are the console's own matter
            assert outer[name]["Value"] == {"Fn::GetAtt": f"Identity.Outputs.{name}"}

    @pytest.mark.parametrize(
        ("stage", "good"),
        [
            ("dev", True),
            ("prod-eu-1", True),
            ("my-aws", False),
            ("amazonia", False),
            ("cognito", False),
            ("Prod", False),
        ],
    )
    def test_a_stage_is_a_name_that_cognito_takes(self, stage: str, good: bool) -> None:
        assert bool(re.match(template()["Parameters"]["Stage"]["AllowedPattern"], stage)) is good


class TestCost:
    def test_what_costs_by_the_piece_is_off_until_it_is_wanted(self) -> None:
        defaults = {name: one.get("Default") for name, one in template()["Parameters"].items()}

        assert defaults["DetailedMetrics"] == "off"
        assert defaults["Alarms"] == "essential"
        for api in APIS.values():
            assert api["DefaultRouteSettings"]["DetailedMetricsEnabled"] == {
                "Fn::If": ["HasDetailedMetrics", True, False]
            }

    def test_ten_alarms_are_essential(self) -> None:
        alarms = {name: one for name, one in template()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}

        assert not [name for name, one in alarms.items() if "Condition" in one]  # the others are in alarms.yaml
        assert template()["Resources"]["MoreAlarms"]["Condition"] == "AllAlarms"
        assert len(alarms) == 10  # as many as an account has for nothing

    def test_a_budget_that_nears_its_end_is_told(self) -> None:
        (budget,) = resources("AWS::Budgets::Budget").values()

        assert {one["Subscribers"][0]["Address"]["Ref"] for one in budget["NotificationsWithSubscribers"]} == {
            "AlarmEmail"
        }


class TestTime:
    def test_a_callback_answers_within_the_platforms_patience(self) -> None:
        called = [(name, event) for name, event in events("HttpApi") if event["ApiId"] == {"Ref": "CallbackApi"}]

        assert called
        for name, event in called:
            gateway = event["TimeoutInMillis"] / 1000
            assert HANDLER_BUDGET < functions()[name]["Timeout"] < gateway < PLATFORM_PATIENCE
            assert functions()[name]["MemorySize"] >= 1024

    def test_a_merchants_call_ends_before_the_gateway_gives_up(self) -> None:
        assert all(functions()[name]["Timeout"] < 30 for name, _ in events("HttpApi"))

    def test_a_schedule_does_not_overlap_itself(self) -> None:
        for name, event in events("ScheduleV2"):
            assert functions()[name]["Timeout"] < PERIODS[event["ScheduleExpression"]]

    def test_a_message_stays_hidden_while_it_is_worked_on(self) -> None:
        for name, event in events("SQS"):
            queue = QUEUES[event["Queue"]["Fn::GetAtt"].removesuffix(".Arn")]
            assert queue["VisibilityTimeout"] >= 6 * functions()[name]["Timeout"]


class TestFailures:
    def test_a_schedule_has_dead_letters_and_no_retries(self) -> None:
        scheduled = list(events("ScheduleV2"))

        assert scheduled
        for _, event in scheduled:
            assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "FailureQueue.Arn"}}
            assert event["RetryPolicy"]["MaximumRetryAttempts"] == 0

    def test_whoever_works_on_what_is_due_is_woken(self) -> None:
        due = {name for name in FUNCTIONS if "countersign.store.due" in imports(app_of(name))}

        assert due
        assert due <= set(SCHEDULED) | TOLD_ONCE | {name for name, _ in events("DynamoDB")}

    def test_a_rule_of_the_bus_has_dead_letters_and_no_retries(self) -> None:
        ruled = list(events("EventBridgeRule"))

        assert {name for name, _ in ruled} > TOLD_ONCE
        for name, event in ruled:
            if name in TOLD_BY_PARTNERS:  # on the partner's bus, or on ours, where nobody can name its source
                assert event["EventBusName"]["Fn::If"][1:] == [{"Ref": f"{name[:-1]}Source"}, {"Ref": "EventBus"}]
                assert event["Pattern"]["source"][0]["prefix"].startswith("aws.partner/")
                assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "FailureQueue.Arn"}}
                assert event["RetryPolicy"]["MaximumRetryAttempts"] > 0
                continue
            # The bus only hastens what the schedule would do: a lost event costs a minute.
            assert name in {*SCHEDULED, *TOLD_ONCE}
            own = [platform_of(name)]
            told = event["Pattern"].get("detail", {}).get("platform")
            assert name in TOLD_ONCE or told in (own, TOLD_OF_OTHERS.get(name))
            assert event["EventBusName"] == {"Ref": "EventBus"}
            # Our own functions wake polls; what has happened is told to everybody.
            assert event["Pattern"]["source"] in (["countersign"], ["countersign.work"])
            work = {"Poll": ["order.due"], "Bill": ["bill.due"]}
            if event["Pattern"]["source"] == ["countersign.work"]:
                assert event["Pattern"]["detail-type"] == work[name[-4:]]
            assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "FailureQueue.Arn"}}
            assert (event["RetryPolicy"]["MaximumRetryAttempts"] == 0) is (name not in TOLD_ONCE)

    def test_only_rules_of_our_bus_may_write_dead_letters(self) -> None:
        (policy,) = resources("AWS::SQS::QueuePolicy").values()
        (statement,) = policy["PolicyDocument"]["Statement"]

        assert policy["Queues"] == [{"Ref": "FailureQueue"}]
        ours, partners = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert ours["Fn::Sub"].endswith("rule/countersign-${Stage}/*")
        assert partners["Fn::Sub"].endswith("rule/aws.partner/shopify.com/*")

    @pytest.mark.parametrize("name", [*SCHEDULED, *BY_HAND])
    def test_lambda_repeats_nothing_by_itself(self, name: str) -> None:
        asynchronous = functions()[name]["EventInvokeConfig"]

        assert asynchronous["MaximumRetryAttempts"] == 0
        assert asynchronous["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "FailureQueue.Arn"}

    def test_who_is_told_only_once_is_told_again(self) -> None:
        for name in TOLD_ONCE | TOLD_BY_PARTNERS:
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
        # In alarms.yaml a parameter of the queue's own name holds its name.
        watched = {
            next(iter(alarm["Dimensions"][0]["Value"].values())).removesuffix(".QueueName")
            for alarm in ALARMS.values()
            if alarm.get("Namespace") == "AWS/SQS" and alarm["Threshold"] == 1
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
        "name", sorted(name for name, alarm in ALARMS.items() if alarm.get("Namespace") == "Countersign")
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

    def test_sessions_end_by_themselves(self) -> None:
        table = resources("AWS::DynamoDB::Table")["SessionsTable"]

        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}
        assert "PointInTimeRecoverySpecification" not in table  # a session that ended must not be restored

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
            if not parameter.get("AllowedPattern", "").startswith("^(arn:"):  # it names one, and holds nothing else
                assert parameter.get("NoEcho") or not re.search(r"(?i)secret|password|token|key|credential", name)

    def test_the_template_holds_no_secret(self) -> None:
        text = "".join(
            (ROOT / name).read_text(encoding="utf-8")
            for name in (
                "template.yaml",
                "identity.yaml",
                "alarms.yaml",
                "payments-app.yaml",
                "shops.yaml",
                "console.yaml",
            )
        )

        assert not re.search(r"-----BEGIN|\bAKIA[0-9A-Z]{16}\b|[0-9a-zA-Z+/]{40,}={0,2}\b", text)

    def test_globals_know_no_platform(self) -> None:
        assert not [name for name in platforms() if name in text_of(template()["Globals"]).lower()]


def read_by(module: str) -> set[str]:
    """Return the environment variables that a function's own module and the modules it imports read."""
    return {name for current in modules_from(module) for name in variables(shipped()[current])}


@cache
def variables(path: Path) -> frozenset[str]:
    """Return the environment variables that a file reads, each of which must be there."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
                found.add(name)
    return frozenset(found)


def reached_from(function: str) -> frozenset[str]:
    """Return the modules of ours that a function imports, directly or not."""
    return modules_from(f"functions.{snake(function)}.app")


@cache
def modules_from(module: str) -> frozenset[str]:
    """Return a module and all of ours that it imports, directly or not."""
    reached, waiting = {module}, [module]
    while waiting:
        following = {name for name in imports(shipped()[waiting.pop()]) if name in shipped()} - reached
        reached |= following
        waiting.extend(following)
    return frozenset(reached)
