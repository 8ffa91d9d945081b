"""Compares what functions ask of AWS with what their roles allow: no gap, and no excess without a reason.

`python tools/policies.py FOLDER` reads what SANDBOX_CALLS=FOLDER collected (see sandbox/calls.py) while demo and tests
ran, and the policies of the transformed template; `make policies` does all of it. It prints each function's calls
beside the statements that allow them, and fails when a call is allowed by none (a gap: access denied in the cloud, and
only there) or when something is allowed that nobody calls and no reason below keeps (an excess).
"""

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BASIC, QUEUE, STREAM = (
    f"AWSLambda{kind}ExecutionRole" for kind in ("Basic", "SQSQueue", "DynamoDB")
)  # SAM adds these roles of AWS's own
# Functions by their jobs, which every platform names alike: a new one of another job has to say what it needs.
_RECORD = ("*_notify", "*_push", "*_callback", "*_webhook", "*_create_payment", "decisions_api")  # orders, when called
# and by themselves
_WORK = (
    "*_poll", "*_refund", "*_settle", "*_ship", "*_sync", "*_bill", "*_redrive", "*_retry", "*_scan",
    "*_import", "*_instruct",
)  # fmt: skip
_APP = ("*_auth", "*_load", "*_uninstall", "*_remove_user", "*_check")  # an app that is installed in shops
_KEEPS = ("*_auth", "*_uninstall", "*_check")  # the documents of those shops
_UNASKED = (
    *_WORK,
    "*_guard",
    "*_check",
    "*_resolve",
    "*_trust",
    "notify",
    "publish",
    "sweep",
)  # whose failures nobody would see
_SESSIONS = ("*_payment_status", "*_resolve", "*_session", "*_pay")  # as shops' checkouts ask for payments
_READ_ACCOUNTS = (
    *_RECORD,
    *_WORK,
    *_APP,
    "*_guard",
    "*_install",
    "*_authorized",
    "*_create_cart",
    "*_payment_status",
    "*_resolve",
    "*_session",
    "bigcommerce_pay",
    "shopify_pay",
    "console",
    "notify",
)  # decisions_api: the keys of lookups; console: its client's secret at the issuer
# What stays allowed although no function calls it: (function, action, resource), and why; functions are patterns.
REASONS = {
    ("*", BASIC, "*"): "Lambda writes the function's log in its name",
    ("*_poll", QUEUE, "*"): "Lambda polls the queue in the function's name",
    ("publish", STREAM, "*"): "Lambda reads the stream in the function's name",
    **dict.fromkeys(
        [(who, "sqs:SendMessage", "FailureQueue") for who in _UNASKED],
        "Lambda puts what failed there in the function's name",
    ),
    **dict.fromkeys(
        [(who, "dynamodb:ConditionCheckItem", "OrdersTable") for who in (*_RECORD, *_WORK, *_SESSIONS)],
        "the store's one transaction checks that an order is still absent, or another order still as it was read",
    ),
    ("shopify_trust", "s3:GetObjectVersion", "object"): "a stack may name a version of the trust store",
    ("*_poll", "dynamodb:Query", "OrdersTable"): "finds what came before an order, when that is adopted",
    ("*_create_cart", "dynamodb:PutItem", "IdempotencyTable"): "the record of an Idempotency-Key is made",
    ("*_create_cart", "dynamodb:UpdateItem", "IdempotencyTable"): "the record of an Idempotency-Key gets its answer",
    ("*_create_cart", "dynamodb:DeleteItem", "IdempotencyTable"): "after an error there is no record of it",
    ("*_create_cart", "dynamodb:GetItem", "IdempotencyTable"): "the record is read where another call was first",
    ("*_create_payment", "dynamodb:PutItem", "IdempotencyTable"): "the record of an Idempotency-Key is made",
    ("*_create_payment", "dynamodb:UpdateItem", "IdempotencyTable"): "the record of an Idempotency-Key gets its answer",
    ("*_create_payment", "dynamodb:DeleteItem", "IdempotencyTable"): "after an error there is no record of it",
    ("*_create_payment", "dynamodb:GetItem", "IdempotencyTable"): "the record is read where another call was first",
    ("notify", "dynamodb:GetItem", "IdempotencyTable"): "reads whether somebody has a link before one is mailed",
    ("notify", "dynamodb:PutItem", "IdempotencyTable"): "a payment link is made when it is mailed",
    **dict.fromkeys(
        [(who, "dynamodb:BatchGetItem", "OrdersTable") for who in ("shopify_install", "*_create_cart")],
        "among many unknown names, one that is marked is looked up",
    ),
    **dict.fromkeys(
        [(who, "kms:Decrypt", "SecretsKeyArn") for who in _READ_ACCOUNTS],
        "Secrets Manager opens a secret under the merchant's own key in its name",
    ),
    ("console", "dynamodb:UpdateItem", "SessionsTable"): "minutes later a session's end moves on, and its tokens",
    **dict.fromkeys(
        [(who, "kms:GenerateDataKey", "SecretsKeyArn") for who in _KEEPS],
        "Secrets Manager closes the document of a shop that installed the app under that key, in its name",
    ),
    **dict.fromkeys(
        [
            (who, f"secretsmanager:{action}", "secret/bigcommerce")
            for who in _KEEPS
            for action in ("CreateSecret", "PutSecretValue")
        ],
        "a shop's document is made when it installs the app, and written again when that changes",
    ),
}


class Need(NamedTuple):
    """One thing that is called or allowed."""

    function: str
    action: str
    resource: str


def usual(value: Any) -> Any:
    """Return a value with the first alternative of every Fn::If."""
    match value:
        case {"Fn::If": [_, first, _]}:
            return usual(first)
        case dict():
            return {key: usual(item) for key, item in value.items()}
        case list():
            return [usual(item) for item in value]
    return value


def named(resource: Any) -> str:
    """Name a resource of a statement, or of an environment variable, shortly."""
    match resource:
        case {"Ref": ("OrdersTableArn" | "FailureQueueArn") as arn}:  # what an application is given
            return str(arn.removesuffix("Arn"))
        case {"Fn::GetAtt": [name, "Arn"]} | {"Ref": name}:
            return str(name)
        case {"Fn::Sub": str(text)} if table := re.fullmatch(r"\$\{(\w+?)\.?Arn\}/index/(\w+)", text):
            return f"{table[1]}/index/{table[2]}"
        case {"Fn::Sub": str(text)} if secret := re.search(
            r":secret:countersign/\$\{Stage\}/(\w+)(?:/\*|-\?{6})$", text
        ):
            return f"secret/{secret[1]}"
        case {"Fn::Sub": str(text)} if text.endswith(":identity/*"):
            return "identity"
        case {"Fn::Sub": str(text)} if ":s3:::" in text:
            return "object"
    return str(resource)


def snake(name: str) -> str:
    """Return a logical id as its folder's name."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def every(templates: dict[str, Any]) -> dict[str, Any]:
    """Return the resources of all templates but of sign-in, whose function asks nothing of AWS."""
    parts = [template["Resources"] for file, template in templates.items() if file != "identity.yaml"]
    return {name: resource for part in parts for name, resource in part.items()}


def allowed(resources: dict[str, Any]) -> Iterator[Need]:
    """Yield what the roles of the transformed template allow their functions."""
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        role_name = resource["Properties"]["Role"]["Fn::GetAtt"][0]
        role = resources[role_name]["Properties"]
        for policy in role.get("ManagedPolicyArns", ()):
            yield Need(snake(name), policy.rpartition("/")[2], "*")
        for policy in [*role.get("Policies", ()), *attached(resources, role_name)]:
            for statement in usual(policy["PolicyDocument"]["Statement"]):
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                for action in actions:
                    yield Need(snake(name), action, named(statement["Resource"]))


def attached(resources: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """Yield the policies that a platform's part of the template attaches to the role of what works for all of them."""
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy" and resource["Properties"]["Roles"] == [{"Ref": role}]:
            yield resource["Properties"]


def called(folder: Path, resources: dict[str, Any]) -> set[Need]:
    """Return what functions asked for, each resource by its name in the template."""
    variables = {
        snake(name): usual(resource["Properties"]["Environment"]["Variables"])
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    found = set()
    for path in folder.glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            need = Need(**json.loads(line))
            own = variables.get(need.function)
            if own is None:
                continue  # a function of the sandbox's own small product
            variable = re.match(r"\$(\w+)", need.resource)
            if variable and variable[1] in own:
                need = need._replace(resource=named(own[variable[1]]) + need.resource[variable.end() :])
            found.add(need)
    return found


def reason(need: Need) -> str | None:
    """Return why something stays allowed that nobody calls."""
    return next(
        (why for pattern, why in REASONS.items() if all(map(fnmatch.fnmatchcase, need, pattern))),
        None,
    )


def compare(calls: set[Need], allows: set[Need]) -> tuple[list[Need], list[Need]]:
    """Return the gaps and the excesses."""
    return sorted(calls - allows), sorted(need for need in allows - calls if reason(need) is None)


def table(calls: set[Need], allows: set[Need]) -> Iterator[str]:
    """Yield the table function x call x policy."""
    widths = [max(len(need[column]) for need in calls | allows) for column in range(3)]
    for need in sorted(calls | allows):
        said = "called" if need in calls else reason(need) or "EXCESS: allowed, and never called"
        if need not in allows:
            said = "GAP: called, and not allowed"
        yield "  ".join([*(text.ljust(width) for text, width in zip(need, widths, strict=True)), said])


def main() -> int:
    """Print the table; 1 if something is missing or too much."""
    python = ROOT / ".venv-sam" / "bin" / "python"
    done = subprocess.run(  # noqa: S603 - our own tool
        [python, ROOT / "tools" / "transformed.py"], capture_output=True, text=True, check=True
    )
    resources = every(json.loads(done.stdout))
    calls, allows = called(Path(sys.argv[1]), resources), set(allowed(resources))
    silent = sorted({need.function for need in allows} - {need.function for need in calls})
    gaps, excesses = compare(calls, allows)
    if sys.argv[2:] == ["--gaps"]:  # of the tests alone: the demo calls more, so what seems too much may not be
        excesses, silent = [], []
    else:
        print(*table(calls, allows), sep="\n")
    print(f"{len(calls)} calls of {len({need.function for need in calls})} functions: ", end="")
    print(f"{len(gaps)} gaps, {len(excesses)} excesses")
    for need in gaps:
        print(f"GAP     {' '.join(need)}", file=sys.stderr)
    for need in excesses:
        print(f"EXCESS  {' '.join(need)}", file=sys.stderr)
    if silent:
        print(f"never ran: {', '.join(silent)}", file=sys.stderr)
    return 1 if gaps or excesses or silent else 0


if __name__ == "__main__":
    sys.exit(main())
