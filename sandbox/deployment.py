"""What the runner has to run: functions, routes, schedules and mappings, read from the template and nowhere else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.provision import function_arn, make_queue
from sandbox.template import Template, TemplateError

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.dataplane import DataPlane

CONSOLE = "ConsoleApi"  # has a port of its own, as it has a host of its own in the cloud: cookies know no paths


@dataclass
class Function:
    """One Lambda function, started from its source folder."""

    name: str
    folder: str
    layers: list[str]
    handler: str
    timeout: float
    memory: int
    environment: dict[str, str]
    retries: int
    dead_letters: str | None


@dataclass
class Route:
    """One route of the HTTP API; `scopes` is None where no token is asked for."""

    method: str
    path: str
    function: str
    scopes: list[str] | None
    timeout: float = 30.0
    mutual_tls: bool = False  # served where a client certificate is asked for, and nowhere else
    console: bool = False  # served on the port of the pages for people, and nowhere else


@dataclass
class Schedule:
    """One schedule; `payload` replaces the scheduler's own event."""

    name: str
    function: str
    expression: str
    timezone: str
    payload: str | None


@dataclass
class Mapping:
    """One queue, stream or bus rule that feeds a function."""

    kind: str
    function: str
    source: str
    arn: str
    batch_size: int = 10
    concurrency: int = 5
    partial: bool = False
    filters: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = -1
    bisect: bool = False
    start: str = "LATEST"
    on_failure: str | None = None


@dataclass
class Deployment:
    """Everything of the template that runs."""

    functions: list[Function]
    routes: list[Route]
    schedules: list[Schedule]
    mappings: list[Mapping]
    issuer: str
    audience: list[str]

    def save(self, path: Path) -> None:
        """Write it down for the runner, which may be started many times."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            [Function(**item) for item in raw["functions"]],
            [Route(**item) for item in raw["routes"]],
            [Schedule(**item) for item in raw["schedules"]],
            [Mapping(**item) for item in raw["mappings"]],
            raw["issuer"],
            raw["audience"],
        )


class Deployer:
    """Reads a template's functions and what feeds them."""

    def __init__(self, template: Template, plane: DataPlane, prefix: str, layers: dict[str, str] | None = None) -> None:
        self._template, self._plane, self._prefix = template, plane, prefix
        own = {
            name: str((template.folder / layer["ContentUri"]).resolve())
            for name, layer in template.resources("AWS::Serverless::LayerVersion").items()
        }
        self._layers = {**(layers or {}), **own}
        self._deployment = Deployment([], [], [], [], "", [])

    def deploy(self) -> Deployment:
        """Make every rule's queue and say what has to run."""
        declared = self._template.resources("AWS::Serverless::HttpApi")
        apis = {name: self._template.resolve(properties.get("Auth", {})) for name, properties in declared.items()}
        self._closed = {name for name, properties in declared.items() if properties.get("DisableExecuteApiEndpoint")}
        for auth in apis.values():
            for authorizer in auth.get("Authorizers", {}).values():
                settings = authorizer["JwtConfiguration"]
                self._deployment.issuer, self._deployment.audience = settings["issuer"], settings["audience"]
        for name, properties in self._template.resources("AWS::Serverless::Function").items():
            self._function(name, properties)
            for event, source in properties.get("Events", {}).items():
                self._source(name, event, source["Type"], self._template.resolve(source["Properties"]), apis)
        for name, application in self._template.applications().items():
            nested = Deployer(application, self._plane, f"{self._prefix}{name}-", self._layers).deploy()
            for kind in ("functions", "routes", "schedules", "mappings"):
                getattr(self._deployment, kind).extend(getattr(nested, kind))
        keys = [(route.method, route.path) for route in self._deployment.routes]
        if twice := {f"{method} {path}" for method, path in keys if keys.count((method, path)) > 1}:
            # In the cloud each API has a host of its own; here they share one port.
            raise TemplateError(f"two APIs serve {', '.join(sorted(twice))}")
        return self._deployment

    def _function(self, name: str, properties: dict[str, Any]) -> None:
        # Policies, alarms and log groups are the cloud's; an unresolved property of theirs must not matter here.
        names = ("CodeUri", "Handler", "Timeout", "MemorySize", "Environment", "EventInvokeConfig", "DeadLetterQueue")
        wanted = self._template.resolve({key: properties[key] for key in names if key in properties})
        # A nested application is given the layer's name, as what `Ref` of a layer is here.
        layers = [self._layers[self._template.resolve(layer)] for layer in properties.get("Layers", [])]
        invoke = wanted.get("EventInvokeConfig", {})
        failure = invoke.get("DestinationConfig", {}).get("OnFailure") or wanted.get("DeadLetterQueue") or {}
        destination = failure.get("Destination") or failure.get("TargetArn")
        self._deployment.functions.append(
            Function(
                name=name,
                folder=str((self._template.folder / wanted["CodeUri"]).resolve()),
                layers=layers,
                handler=wanted["Handler"],
                timeout=float(wanted.get("Timeout", 3)),
                memory=int(wanted.get("MemorySize", 128)),
                environment={
                    key: str(value) for key, value in wanted.get("Environment", {}).get("Variables", {}).items()
                },
                retries=int(invoke.get("MaximumRetryAttempts", 2)),
                dead_letters=self._queue_url(destination),
            )
        )

    def _source(self, function: str, event: str, kind: str, wanted: dict[str, Any], apis: dict[str, Any]) -> None:
        match kind:
            case "HttpApi":
                # Without ApiId, SAM serves the route by the one API that there is.
                api = apis[wanted["ApiId"]] if "ApiId" in wanted else next(iter(apis.values()), {})
                own = wanted.get("Auth", {})
                authorizer = own.get("Authorizer", api.get("DefaultAuthorizer", "NONE"))
                scopes = None if authorizer == "NONE" else list(own.get("AuthorizationScopes", []))
                method = wanted.get("Method", "ANY").upper()
                timeout = wanted.get("TimeoutInMillis", 30_000) / 1000
                closed, console = wanted.get("ApiId") in self._closed, wanted.get("ApiId") == CONSOLE
                route = Route(method, wanted.get("Path", "/$default"), function, scopes, timeout, closed, console)
                self._deployment.routes.append(route)
            case "Schedule" | "ScheduleV2":
                if wanted.get("State", "ENABLED") == "ENABLED" and wanted.get("Enabled", True):
                    expression = wanted.get("ScheduleExpression") or wanted["Schedule"]
                    timezone = wanted.get("ScheduleExpressionTimezone", "UTC")
                    schedule = Schedule(f"{function}{event}", function, expression, timezone, wanted.get("Input"))
                    self._deployment.schedules.append(schedule)
            case "SQS":
                self._mapping(function, "sqs", str(self._queue_url(wanted["Queue"])), wanted["Queue"], 10, wanted)
            case "DynamoDB":
                self._mapping(function, "stream", wanted["Stream"], wanted["Stream"], 100, wanted)
            case "EventBridgeRule" | "CloudWatchEvent":
                self._rule(function, event, wanted)
            case _:
                raise TemplateError(f"the sandbox does not know events of type {kind} ({function})")

    def _mapping(self, function: str, kind: str, source: str, arn: str, batch: int, wanted: dict[str, Any]) -> None:
        if not wanted.get("Enabled", True):
            return
        failure = wanted.get("DestinationConfig", {}).get("OnFailure", {})
        mapping = Mapping(
            kind=kind,
            function=function,
            source=source,
            arn=arn,
            batch_size=int(wanted.get("BatchSize", batch)),
            concurrency=int(wanted.get("ScalingConfig", {}).get("MaximumConcurrency", 5)),
            partial="ReportBatchItemFailures" in wanted.get("FunctionResponseTypes", []),
            filters=[_pattern(item["Pattern"]) for item in wanted.get("FilterCriteria", {}).get("Filters", [])],
            attempts=int(wanted.get("MaximumRetryAttempts", -1)),
            bisect=bool(wanted.get("BisectBatchOnFunctionError", False)),
            start=wanted.get("StartingPosition", "LATEST"),
            on_failure=self._queue_url(failure.get("Destination")),
        )
        self._deployment.mappings.append(mapping)

    def _rule(self, function: str, event: str, wanted: dict[str, Any]) -> None:
        """Give the rule a queue of its own in the local cloud; the runner empties it."""
        name = f"{function}{event}"
        queue = make_queue(self._plane, f"{self._prefix}rule-{name}", {"VisibilityTimeout": 60})
        bus = wanted.get("EventBusName", "default")
        subscribe(self._plane, bus, name, wanted["Pattern"], queue["Arn"])
        self._deployment.mappings.append(Mapping("rule", function, queue["QueueUrl"], function_arn(function)))

    def _queue_url(self, arn: str | None) -> str | None:
        if arn is None:
            return None
        return str(self._plane.call("sqs", "GetQueueUrl", QueueName=arn.rpartition(":")[2])["QueueUrl"])


def subscribe(plane: DataPlane, bus: str, name: str, pattern: dict[str, Any], queue_arn: str) -> None:
    """Send what matches on a bus to a queue."""
    plane.call("events", "PutRule", Name=name, EventBusName=bus, EventPattern=json.dumps(pattern), State="ENABLED")
    plane.call("events", "PutTargets", Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}])


def _pattern(pattern: str | dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(pattern) if isinstance(pattern, str) else pattern
    return parsed
