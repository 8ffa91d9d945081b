"""Each function may do what it does and nothing beside (properties H2 and H3)."""

import re
from typing import Any

import pytest

from tests.infra.reading import (
    ROOT,
    as_list,
    attached,
    callbacks,
    events,
    functions,
    nested,
    platform_of,
    platforms,
    resources,
    routes,
    snake,
    statements,
    usual,
)

FUNCTIONS = sorted(functions())
SECRETS = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:countersign/${Stage}/{platform}/*"
)
# Works for every platform, since the accounts of each may have notices.
FOR_ALL_PLATFORMS = {"Notify"}
# Called by a shopper's page, which has nothing to say that an order could be found by later.
FOR_SHOPPERS = {"BigcommerceCreatePayment"}
# Make and look for what orders are found by: their keys are nobody else's.
LOOKS_UP = {
    "DecisionsApi",
    *(name for name in functions() if name.endswith("CreatePayment") and name not in FOR_SHOPPERS),
    *("RechargeWebhook", "ShopifyEvents", "ShopifyWebhook"),  # a shop's orders are found by what it says of customers
}
# A payment by QR code is an order of a WeChat account.
# What a store's order is paid by is a payment at a cashier.
ALSO_READS = {
    "CashierCreatePayment": ["wechat"],
    "BigcommerceCreatePayment": ["cashier", "wechat"],
    "BigcommercePaymentStatus": ["cashier", "wechat"],
    "ShopifyPay": ["cashier", "wechat"],
    "ShopifyResolve": ["cashier", "wechat"],
}
# A shopper's page shows what is recorded, and what Shopify delivers is readable without its account's document.
WITHOUT_KEYS = {"BigcommerceRedrive", "BigcommerceScript", "CashierPay", "ShopifyRedrive", "ShopifyTrust"}
# Functions of the application behind mutual TLS, a file of its own.
PAYMENTS_APP = {f"Shopify{about}Session" for about in ("Payment", "Refund", "Capture", "Void", "Confirm")}
TRUST_STORE = "arn:${AWS::Partition}:s3:::${PaymentsAppTrustStoreBucket}/${PaymentsAppTrustStoreObject}"
# Renders pages for people by the merchant API: its sessions, and the secret of its own client at the issuer.
CONSOLE_SECRET = SECRETS.replace("{platform}/*", "console-??????")
BY_HAND = sorted(name for name, function in functions().items() if "Events" not in function)
# Shops and stores where an app was installed have documents that the product writes.
KEEPS_DOCUMENTS = {"BigcommerceAuth", "BigcommerceCheck", "BigcommerceUninstall"}
WRITING = {"secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"}
CALLBACK_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "kms:Decrypt",
    "secretsmanager:GetSecretValue",
}


def actions(function: dict[str, Any]) -> set[str]:
    return {action for statement in statements(function) for action in as_list(statement["Action"])}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_policies_are_inline_and_allow_named_actions(name: str) -> None:
    function = functions()[name]

    assert "Role" not in function
    assert all(isinstance(policy, dict) and set(policy) == {"Version", "Statement"} for policy in function["Policies"])
    assert all(statement["Effect"] == "Allow" for statement in statements(function))
    assert all(re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", action) for action in actions(function))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_statement_names_one_resource(name: str) -> None:
    read = platforms() if name in FOR_ALL_PLATFORMS else [platform_of(name), *ALSO_READS.get(name, ())]
    read = [*read, "lookup"] if name in LOOKS_UP else read
    for statement in statements(functions()[name]):
        resource = statement["Resource"]
        if statement["Action"] == "secretsmanager:ListSecrets":
            assert resource == "*"  # AWS knows no narrower one
            continue
        if statement["Action"] in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert resource == {"Ref": "SecretsKeyArn"}
            assert list(statement["Condition"]["StringLike"]) == ["kms:ViaService"]
            continue
        assert isinstance(resource, dict)
        if name == "ShopifyTrust":
            assert resource == {"Fn::Sub": TRUST_STORE}
            continue
        if statement["Action"] == "ses:SendEmail":
            # Recipients are resources too in SES's sandbox: what is narrow is the sender.
            assert statement["Condition"] == {"StringLike": {"ses:FromAddress": {"Fn::Sub": "*@${NoticeMailDomain}"}}}
            continue
        match resource:
            case {"Fn::GetAtt": attribute}:
                assert attribute.endswith(".Arn")
            case {"Ref": "OrdersTableArn"}:  # what a nested application is told of the table
                assert name in PAYMENTS_APP
            case {"Fn::Sub": text} if statement["Action"] in {"secretsmanager:GetSecretValue", *WRITING}:
                # The accounts of its own platform: their names are the merchant's, so only the last part is open.
                wanted = [SECRETS.replace("{platform}", str(platform)) for platform in read]
                assert text in ([CONSOLE_SECRET] if name == "Console" else wanted)
            case {"Fn::Sub": text}:
                assert re.fullmatch(r"\$\{OrdersTable\.Arn\}/index/\w+", text)
            case _:
                pytest.fail(f"{name}: {resource}")


def test_a_callback_records_and_does_nothing_else() -> None:
    assert callbacks()
    for name in callbacks():
        assert actions(functions()[name]) <= CALLBACK_ACTIONS


def test_only_functions_of_a_platform_read_its_secrets() -> None:
    readers = {name for name in FUNCTIONS if "secretsmanager:GetSecretValue" in actions(functions()[name])}

    assert readers == {
        name for name in FUNCTIONS if platform_of(name)
    } - WITHOUT_KEYS | FOR_ALL_PLATFORMS | LOOKS_UP | {"Console"}


def test_only_who_installs_an_app_or_sees_after_it_writes_documents_and_only_its_platforms() -> None:
    writers = {name for name in FUNCTIONS if WRITING & actions(functions()[name])}

    assert (
        writers
        == KEEPS_DOCUMENTS
        == {name for name in FUNCTIONS if "kms:GenerateDataKey" in actions(functions()[name])}
    )
    for name in writers:
        wanted = SECRETS.replace("{platform}", str(platform_of(name)))
        written = [one["Resource"] for one in statements(functions()[name]) if WRITING & set(as_list(one["Action"]))]
        assert written == [{"Fn::Sub": wanted}] * len(WRITING)


def test_the_keys_of_lookups_are_read_by_those_alone_who_need_them() -> None:
    wanted = {"Fn::Sub": SECRETS.replace("{platform}", "lookup")}

    assert {
        name for name in FUNCTIONS if wanted in [one["Resource"] for one in statements(functions()[name])]
    } == LOOKS_UP
    assert actions(functions()["DecisionsApi"]) >= {"secretsmanager:GetSecretValue"}
    assert [
        one["Resource"]
        for one in statements(functions()["DecisionsApi"])
        if one["Action"] == "secretsmanager:GetSecretValue"
    ] == [wanted]


@pytest.mark.parametrize("name", sorted(FOR_ALL_PLATFORMS))
def test_what_works_for_all_platforms_may_read_the_documents_of_each(name: str) -> None:
    secrets = [
        one["Resource"] for one in statements(functions()[name]) if one["Action"] == "secretsmanager:GetSecretValue"
    ]

    wanted = [SECRETS.replace("{platform}", str(platform)) for platform in platforms()]
    assert sorted(secret["Fn::Sub"] for secret in secrets) == sorted(wanted)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_who_reads_secrets_may_open_those_under_a_key_of_the_merchants_own(name: str) -> None:
    allowed = actions(functions()[name])

    assert ("kms:Decrypt" in allowed) is ("secretsmanager:GetSecretValue" in allowed)


@pytest.mark.parametrize("name", BY_HAND)
def test_A18_what_an_operator_does_again_is_reached_by_an_invocation_only(name: str) -> None:
    function = functions()[name]

    assert not {"Events", "FunctionUrlConfig"} & set(function)
    assert not [
        resource
        for kind in ("AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Url")
        for resource in resources(kind).values()
        if name in str(resource.get("FunctionName"))
    ]
    assert not [event for event in routes().values() if event[0] == name]


@pytest.mark.parametrize("name", BY_HAND)
def test_what_an_operator_does_again_reaches_the_table_and_the_keys_only(name: str) -> None:
    # What was kept may be readable without the account's document: then its keys stay closed.
    assert actions(functions()[name]) | {"kms:Decrypt", "secretsmanager:GetSecretValue"} == {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "secretsmanager:GetSecretValue",
    }
    for statement in statements(functions()[name]):
        if statement["Action"] not in ("secretsmanager:GetSecretValue", "kms:Decrypt"):
            assert statement["Resource"] == {"Fn::GetAtt": "OrdersTable.Arn"}


def test_only_notices_send_e_mail() -> None:
    assert {name for name in FUNCTIONS if "ses:SendEmail" in actions(functions()[name])} == {"Notify"}


def test_only_who_works_unasked_lists_the_accounts() -> None:
    lists = {name for name in FUNCTIONS if "secretsmanager:ListSecrets" in actions(functions()[name])}

    # Those that nobody's call names an account for: bills, and what says so in its own module; and those that look for
    # the app of a shop, which is inside of one.
    sources = {name: (ROOT / "functions" / snake(name) / "app.py").read_text() for name in FUNCTIONS}
    asks = {
        name
        for name, source in sources.items()
        if "accounts.names" in source or re.search(r"\b(?:Shops|Stores|configure_all)\(", source)
    }
    assert lists == asks | {name for name in FUNCTIONS if name.endswith("Bill")}
    # A cart is asked for by its shop's name, of whoever may write there.
    assert lists - {"ShopifyCreateCart"} <= {name for name, _ in events("ScheduleV2")}


def test_only_the_publishers_reach_the_bus() -> None:
    assert {name for name in FUNCTIONS if "events:PutEvents" in actions(functions()[name])} == {
        "DecisionsApi",
        "Publish",
        "Sweep",
    }


def test_G7_the_trust_store_is_read_by_one_function_with_a_right_on_that_object_alone() -> None:
    readers = {name for name in FUNCTIONS if any(one.startswith("s3:") for one in actions(functions()[name]))}

    assert readers == {"ShopifyTrust"}
    (only,) = statements(functions()["ShopifyTrust"])
    assert only["Resource"] == {"Fn::Sub": TRUST_STORE}
    assert only["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]


def test_what_is_read_is_read_by_a_function_that_cannot_write() -> None:
    assert actions(functions()["OrdersApi"]) == {"dynamodb:BatchGetItem", "dynamodb:Query"}
    assert actions(functions()["AccountsApi"]) == {"dynamodb:BatchGetItem", "dynamodb:Query"}


def test_no_order_can_be_deleted() -> None:
    for name in FUNCTIONS:
        for statement in statements(functions()[name]):
            if "dynamodb:DeleteItem" in as_list(statement["Action"]):
                table = "SessionsTable" if name == "Console" else "IdempotencyTable"
                assert statement["Resource"] == {"Fn::GetAtt": f"{table}.Arn"}


def test_the_console_reaches_its_sessions_and_one_secret_and_nothing_of_orders() -> None:
    allowed = {
        (action, str(statement["Resource"]))
        for statement in statements(functions()["Console"])
        for action in as_list(statement["Action"])
    }
    table = str({"Fn::GetAtt": "SessionsTable.Arn"})

    assert allowed == {
        *((f"dynamodb:{call}Item", table) for call in ("Delete", "Get", "Put", "Update")),
        ("secretsmanager:GetSecretValue", str({"Fn::Sub": CONSOLE_SECRET})),
        ("kms:Decrypt", str({"Ref": "SecretsKeyArn"})),
    }
    # Neither the name of the orders' table nor any name of an account's document reaches its file.
    assert not [name for name in nested()["ConsoleApp"]["Parameters"] if "Table" in name]


def test_roles_of_our_own_are_as_narrow() -> None:
    for role in resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in "".join(as_list(statement["Action"]))
                assert all(set(usual(resource)) == {"Fn::GetAtt"} for resource in as_list(statement["Resource"]))


def test_the_schedules_start_what_is_scheduled_and_nothing_else() -> None:
    (policy,) = resources("AWS::IAM::Role")["SchedulesRole"]["Policies"]
    starts, fails = policy["PolicyDocument"]["Statement"]
    starting = [starts, *(one for own in attached("SchedulesRole") for one in own["Statement"])]

    assert {one["Action"] for one in starting} == {"lambda:InvokeFunction"}
    assert {one["Effect"] for one in starting} == {"Allow"}
    named = [usual(resource)["Fn::GetAtt"].removesuffix(".Arn") for one in starting for resource in one["Resource"]]
    assert sorted(named) == sorted({name for name, _ in events("ScheduleV2")})
    assert fails == {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": "FailureQueue.Arn"}}


def test_a_part_of_the_template_attaches_policies_to_what_works_for_all_platforms_alone() -> None:
    roles = {role["Ref"] for one in resources("AWS::IAM::Policy").values() for role in one["Roles"]}

    assert roles <= {"SchedulesRole", *(f"{name}Role" for name in FOR_ALL_PLATFORMS)}


def test_every_partition_is_possible() -> None:
    text = "".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("template.yaml", "identity.yaml", "alarms.yaml", "payments-app.yaml", "shops.yaml", "console.yaml")
    )
    text = re.sub(r"AllowedPattern: .*", "", text)

    assert set(re.findall(r"\barn:([^:\s]+(?:::\w+})?)", text)) == {"${AWS::Partition}"}
