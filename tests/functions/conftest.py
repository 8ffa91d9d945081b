"""Functions in process: moto as the cloud, the accounts of tests/accounts, WeChat's simulator behind the session."""

import importlib
import io
import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
import requests
import time_machine
from moto import mock_aws
from requests.adapters import BaseAdapter

from countersign.runtime import platform_http
from countersign.store import keys
from sandbox.simulating.simulator import Simulator as AnySimulator
from sandbox.simulators.wechat import Simulator
from sandbox.template import Template
from tests import quick_moto  # noqa: F401 - what it does to moto
from tests.infra.reading import routes, snake

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events" / "wechat"  # sample events
NOW = 1795328845
TABLE_SETTINGS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
Event = dict[str, Any]
MERCHANT_API = "merchant_api"  # whichever function the template gives the route
SCOPES = "payments:write payments:link orders:read orders:ship refunds:request refunds:approve"


@cache
def aws(service: str) -> Any:
    """Return a client, made once: moto stands behind all of them."""
    return botocore.session.get_session().create_client(service)


@cache
def _served() -> dict[str, str]:
    return {route: snake(name) for route, (name, _) in routes().items()}


def function_of(event: Event) -> str:
    """Return the function that the template gives an event's route; a path of nothing reaches the reading one."""
    return _served().get(event["routeKey"], "orders_api")


@cache
def template() -> Template:
    """Return the template, read once."""
    return Template(ROOT / "template.yaml", {"Stage": "test"})


class WechatAdapter(BaseAdapter):
    """Carries requests to a simulator, WeChat's or another one's, without a socket."""

    def __init__(self, simulator: AnySimulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.sent: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        self.sent.append(f"{request.method} {parts.path}")
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        path = parts.path.removeprefix(f"/{self.simulator.NAME}")
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        status, answer_headers, answer = self.simulator.handle(str(request.method), path, parts.query, headers, body)
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(answer)
        response.headers.update(answer_headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Cloud:
    """One stack: tables, secrets, queue and bus of the template, and the functions over them."""

    def __init__(
        self, clock: time_machine.Traveller, wechat: WechatAdapter, shown: list[tuple[str, Event]] | None = None
    ) -> None:
        self.clock = clock
        self.shown = [] if shown is None else shown  # what the simulator put into its inbox
        self.wechat = wechat
        self.dynamodb = aws("dynamodb")
        self.events = aws("events")
        self.sqs = aws("sqs")
        self.secretsmanager = aws("secretsmanager")

    def module(self, function: str) -> ModuleType:
        """Return a function's module; like a warm container, it keeps what it made."""
        return importlib.import_module(f"functions.{function}.app")

    def invoke(self, function: str, event: Event, *, remaining_ms: int = 60_000) -> Any:
        """Run a function's handler as Lambda would."""
        context = SimpleNamespace(
            function_name=function,
            memory_limit_in_mb=1024,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
            aws_request_id="00000000-0000-0000-0000-000000000000",
            get_remaining_time_in_millis=lambda: remaining_ms,
        )
        if function == MERCHANT_API:
            function = function_of(event)
        return self.module(function).lambda_handler(event, context)

    def add_account(self, name: str, like: str, **changes: Any) -> None:
        """Add an account of a new name, for a warm container keeps the documents that it has read."""
        known = self.secretsmanager.get_secret_value(SecretId=f"countersign/test/wechat/{like}")["SecretString"]
        document = json.dumps({**json.loads(known), **changes})
        self.secretsmanager.create_secret(Name=f"countersign/test/wechat/{name}", SecretString=document)

    def table(self) -> list[Event]:
        """Return every item of the orders table."""
        return list(self.dynamodb.scan(TableName="Orders")["Items"])


class Bus:
    """A bus that keeps what it is told, or loses it."""

    def __init__(self, failed: int = 0) -> None:
        self.entries: list[dict[str, str]] = []
        self.failed = failed

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, int]:  # noqa: N803 - the client's own name
        """Answer as EventBridge does."""
        self.entries += Entries
        return {"FailedEntryCount": self.failed}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def cloud(clock: time_machine.Traveller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        documents = {
            path.stem: json.loads(path.read_text()) for path in (ROOT / "tests/accounts/wechat").glob("*.json")
        }
        prepared = {
            name: Simulator.prepare_account(document, "http://127.0.0.1:1/wechat")
            for name, document in documents.items()
        }
        ticking = SimpleNamespace(now=time.time)
        shown: list[tuple[str, Event]] = []
        inbox = SimpleNamespace(add=lambda kind, entry: shown.append((kind, entry)))
        simulator = Simulator(ticking, prepared, inbox, "https://pay.example.com", tmp_path)
        adapter = WechatAdapter(simulator)
        stack = Cloud(clock, adapter, shown)
        _provision(stack, prepared)
        queue = stack.sqs.create_queue(QueueName="wechat-poll")["QueueUrl"]
        monkeypatch.setenv("POLL_QUEUE_URL", queue)
        platform_http.session().mount("http://127.0.0.1:1/", adapter)
        certified = platform_http.certified_session

        def certified_and_mounted(*pems: str) -> requests.Session:
            session = certified(*pems)
            session.mount("http://127.0.0.1:1/", adapter)
            return session

        monkeypatch.setattr(platform_http, "certified_session", certified_and_mounted)
        yield stack


def _provision(stack: Cloud, accounts: dict[str, Event], platform: str = "wechat") -> None:
    tables = template().resources("AWS::DynamoDB::Table")
    for name, resource in (("Orders", "OrdersTable"), ("Idempotency", "IdempotencyTable")):
        declared = {key: tables[resource][key] for key in TABLE_SETTINGS if key in tables[resource]}
        stack.dynamodb.create_table(TableName=name, **declared)
    for name, document in accounts.items():
        stack.secretsmanager.create_secret(
            Name=f"countersign/test/{platform}/{name}", SecretString=json.dumps(document)
        )
    stack.events.create_event_bus(Name="countersign-test")


def excepted(item: Event) -> str:
    """Return the list of exceptions that a row is on, empty where it is on none."""
    return keys.exception_kind(item.get("exception", {"S": ""})["S"])


def http_event(method: str, route: str, parameters: Event, **members: Any) -> Event:
    """Return an API Gateway 2.0 event of the merchant API."""
    path = route
    for name, value in parameters.items():
        path = path.replace("{" + name + "}", value)
    person = {"sub": "anna", "username": "anna", "client_id": "spa", "accounts": "[*]", "scope": SCOPES}
    claims = {**person, **members.pop("claims", {})}
    return {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **members.pop("headers", {})},
        "pathParameters": parameters,
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "203.0.113.9"},
            "domainName": "pay.example.com",
            "stage": "$default",
            "requestId": "id",
            "authorizer": {"jwt": {"claims": claims, "scopes": []}},
        },
        "isBase64Encoded": False,
        **members,
    }
