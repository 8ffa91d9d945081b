"""What an operator reaches behind the API, with AWS credentials and no token: functions, secrets, tables, logs.

A call is AWS's own (service, operation, parameters). In the sandbox the same calls go to its data plane.
"""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from countersign_cli.exits import NOT_FOUND, REFUSED, UNAVAILABLE, USAGE, StopError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clients.python.countersign_client import Transport
    from countersign_cli.profiles import Profile
    from countersign_cli.sandbox_side import SandboxSide
    from countersign_cli.session import Session

Json = dict[str, Any]
# An invocation may work for five minutes, and asking again while it does would do the work twice.
INVOKE_SECONDS = 310
STORED_AT = "stored_at"  # a tag of a sandbox's secret: epoch seconds by the sandbox's clock
_TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "sqs": ("AmazonSQS", "1.0"),
    "secretsmanager": ("secretsmanager", "1.1"),
}
_NOT_FOUND = frozenset({"ResourceNotFoundException", "ResourceNotFound", "ValidationError"})
_REFUSED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "InvalidRequestException"})


class Cloud(Protocol):
    """One deployment, from behind."""

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the one on this machine, which has no alarms, quotas and schedules to look at."""

    @property
    def stage(self) -> str:
        """The stage, which secrets are named by."""

    def output(self, name: str) -> str:
        """Return an output of the stack; empty where it has none of that name."""

    def call(self, service: str, operation: str, /, **parameters: Any) -> Json:
        """Perform one operation; StopError where it is refused."""

    def stored_at(self, secret: Json) -> float:
        """Return when a secret, as GetSecretValue answers it, was stored, by the deployment's clock."""

    def store(self, name: str, text: str) -> None:
        """Store another version of a secret; StopError where it is refused."""

    def invoke(self, function: str, event: Json) -> Any:
        """Run a function by its folder's name (`wechat_redrive`), and return its answer; StopError where it failed."""


class Aws:
    """A stack in an AWS account; boto3 finds the credentials as it always does."""

    is_sandbox = False

    def __init__(self, profile: Profile) -> None:
        if not profile.stack:
            raise StopError(USAGE, "profile_lacks", name=profile.name, what="stack")
        try:
            self._boto3, self._config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
        except ImportError:
            raise StopError(USAGE, "no_boto3") from None
        self._profile = profile
        self._clients: dict[str, Any] = {}
        self._outputs: Mapping[str, str] | None = None
        self._stack: Json = {}

    @property
    def stage(self) -> str:
        """The parameter `Stage` of the stack."""
        self._describe()
        given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in self._stack.get("Parameters", [])}
        return str(given.get("Stage", ""))

    def output(self, name: str) -> str:
        """Return an output of the stack."""
        return self._describe().get(name, "")

    def call(self, service: str, operation: str, /, **parameters: Any) -> Json:
        """Perform one operation."""
        exceptions = importlib.import_module("botocore.exceptions")
        try:
            client = self._client(service)
            answer: Json = getattr(client, _snake(operation))(**parameters)
        except exceptions.ClientError as error:
            # The code says why; the message may repeat what was sent.
            raise _refusal(service, operation, str(error.response["Error"]["Code"])) from None
        except exceptions.BotoCoreError as error:
            raise StopError(UNAVAILABLE, "aws_unreachable", kind=type(error).__name__) from None
        return answer

    def stored_at(self, secret: Json) -> float:
        """Return when it was stored."""
        return float(secret["CreatedDate"].timestamp())

    def store(self, name: str, text: str) -> None:
        """Store another version."""
        self.call("secretsmanager", "PutSecretValue", SecretId=name, SecretString=text)

    def invoke(self, function: str, event: Json) -> Any:
        """Run a function whose name is an output, or found by its logical id among the stack's resources."""
        camel = "".join(part.capitalize() for part in function.split("_"))
        name = self.output(f"{camel}Function") or self._resource(camel)
        answer = self.call("lambda", "Invoke", FunctionName=name, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        return _result(function, failed="FunctionError" in answer, payload=payload)

    def _resource(self, logical: str) -> str:
        found = self.call(
            "cloudformation", "DescribeStackResource", StackName=self._profile.stack, LogicalResourceId=logical
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _describe(self) -> Mapping[str, str]:
        if self._outputs is None:
            self._stack = self.call("cloudformation", "DescribeStacks", StackName=self._profile.stack)["Stacks"][0]
            self._outputs = {one["OutputKey"]: one["OutputValue"] for one in self._stack.get("Outputs", [])}
        return self._outputs

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            named = {"profile_name": self._profile.aws_profile or None, "region_name": self._profile.region or None}
            session = self._boto3.Session(**named)
            # Nothing is sent a second time by itself: an invocation that was not answered may still be at work.
            config = self._config.Config(read_timeout=INVOKE_SECONDS, retries={"total_max_attempts": 1})
            self._clients[service] = session.client(service, config=config if service == "lambda" else None)
        return self._clients[service]


class SandboxCloud:
    """What the sandbox has in AWS's place."""

    is_sandbox = True

    def __init__(self, sandbox: SandboxSide, transport: Transport) -> None:
        self._sandbox, self._transport = sandbox, transport
        self._plane: Json = {}

    @property
    def stage(self) -> str:
        """The sandbox's stage."""
        return str(self._where()["stage"])

    def output(self, name: str) -> str:
        """Return an output; the sandbox has those that an operator's commands ask for."""
        return str(self._where()["outputs"].get(name, ""))

    def call(self, service: str, operation: str, /, **parameters: Any) -> Json:
        """Perform one operation on the data plane."""
        target, version = _TARGETS[service]
        headers = {
            "content-type": f"application/x-amz-json-{version}",
            "x-amz-target": f"{target}.{operation}",
            "authorization": f"AWS4-HMAC-SHA256 Credential=sandbox/20260101/us-east-1/{service}/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        reply = self._transport("POST", str(self._where()["endpoint"]), headers, json.dumps(parameters).encode())
        answer: Json = reply.json or {}
        if reply.status >= 300:
            raise _refusal(service, operation, str(answer.get("__type", reply.status)).rpartition("#")[2])
        return answer

    def stored_at(self, secret: Json) -> float:
        """Return when it was stored: its data plane keeps the machine's time, and people move the sandbox's."""
        tags = self.call("secretsmanager", "DescribeSecret", SecretId=secret["Name"]).get("Tags") or []
        marked = [float(tag["Value"]) for tag in tags if tag["Key"] == STORED_AT]
        return max([float(secret.get("CreatedDate", 0)), *marked])

    def store(self, name: str, text: str) -> None:
        """Store another version, and by the sandbox's clock when."""
        # Marked first: between the two an old key counts as used just now, and is kept.
        tag = {"Key": STORED_AT, "Value": str(self._sandbox.now())}
        self.call("secretsmanager", "TagResource", SecretId=name, Tags=[tag])
        self.call("secretsmanager", "PutSecretValue", SecretId=name, SecretString=text)

    def invoke(self, function: str, event: Json) -> Any:
        """Run a function."""
        failed, payload = self._sandbox.invoke(function, event)
        return _result(function, failed=failed, payload=payload)

    def _where(self) -> Json:
        if not self._plane:
            self._plane = self._sandbox.call("GET", "/plane")
        return self._plane


def of(session: Session, transport: Transport) -> Cloud:
    """Return the cloud of a session."""
    return SandboxCloud(session.sandbox, transport) if session.sandbox else Aws(session.profile)


def _result(function: str, *, failed: bool, payload: Any) -> Any:
    if not failed:
        return payload
    told: Json = payload if isinstance(payload, dict) else {}
    kind = str(told.get("errorType", "?"))
    # An operator's misspelt event is told back; any other error's text could hold what was worked on.
    why = str(told.get("errorMessage", "")) if kind.endswith("Error") and kind in _OURS else ""
    raise StopError(_OURS.get(kind, UNAVAILABLE), "function_failed", function=function, kind=kind, why=why)


_OURS = {"MalformedError": USAGE, "NotFoundError": NOT_FOUND, "UnprocessableError": REFUSED, "ConflictError": REFUSED}


def _refusal(service: str, operation: str, code: str) -> StopError:
    status = NOT_FOUND if code in _NOT_FOUND else REFUSED if code in _REFUSED else UNAVAILABLE
    return StopError(status, "aws_refused", call=f"{service}:{operation}", why=code)


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
