"""Floods, limits and budgets: what an attacker can use up, and what the time of each part adds up to."""

import ast
import json
import re
from typing import Any

import pytest

from countersign import aws
from countersign.aws import transport
from countersign.store import OrderStore, dynamo
from tests.functions.conftest import FOLDER, NOW, Cloud
from tests.functions.test_create_payment import create
from tests.infra.reading import callbacks, events, functions, imports, shipped, template, tree
from tests.platforms.wechat.support import CERTIFICATE, TRANSACTION, envelope, signature_headers
from tests.properties.support import Event, notify_event, paid_notice

CALLBACKS = callbacks()
PLATFORM_PATIENCE = 5.0


class Counted:
    """The store's client, which counts what is asked of the table."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        return getattr(self.client, name)


def forged(number: int) -> Event:
    """Return one of many kinds of forgery."""
    body = envelope({**TRANSACTION, "out_trade_no": f"FORGED-{number}"})
    genuine = signature_headers(body, at=NOW)
    match number % 5:
        case 0:
            return notify_event(body, {**genuine, "wechatpay-signature": "AAAA" * 86})
        case 1:
            return notify_event(body.replace(b"40910694", b"40910695"), genuine)
        case 2:
            return notify_event(body, {**genuine, "wechatpay-serial": f"PUB_KEY_ID_{number}"})
        case 3:
            return notify_event(body, signature_headers(body, at=NOW, serial=CERTIFICATE["serial"]))
        case _:
            return notify_event(f"<xml><sign>{number}</sign><out_trade_no>F-{number}</out_trade_no></xml>".encode())


def test_F1_forged_callbacks_touch_neither_the_table_nor_the_platform_and_the_genuine_pass(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    counted = Counted(cloud.module("wechat_notify").store.client)
    monkeypatch.setattr(cloud.module("wechat_notify"), "store", OrderStore(counted, "Orders"))
    for number in range(5):
        create(cloud, order_id=f"GENUINE-{number}")
    cloud.wechat.sent.clear()
    capsys.readouterr()

    for number in range(100):
        assert cloud.invoke("wechat_notify", forged(number))["statusCode"] == 401
    output = capsys.readouterr().out
    assert counted.calls == 0
    assert cloud.wechat.sent == []
    assert len(output) < 100 * 1000
    assert len(output.splitlines()) == 2 * 100  # the reason, and what was counted

    for number in range(5):
        notice = paid_notice(f"GENUINE-{number}", NOW, transaction_id=f"42000{number}")
        assert cloud.invoke("wechat_notify", notice)["statusCode"] == 204
    assert counted.calls - 2 * 5 in (0, 1)  # a container that is new marks the account once


@pytest.mark.parametrize("name", sorted(functions()))
def test_F3_callbacks_alone_can_have_executions_set_aside(name: str):
    reserved = functions()[name].get("ReservedConcurrentExecutions")

    wanted = {"Fn::If": ["ReservesCallbacks", {"Ref": "CallbackConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert reserved == (wanted if name in CALLBACKS else None)


def test_F3_no_executions_are_set_aside_unless_asked_for():
    parameter = template()["Parameters"]["CallbackConcurrency"]

    assert (parameter["Default"], parameter["MinValue"]) == (0, 0)
    assert template()["Conditions"]["ReservesCallbacks"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "CallbackConcurrency"}, 0]}]
    }
    assert CALLBACKS


HOSTILE = "x" * 20 + '"},"Dimensions":[["order_id"]],{"'


def hostile() -> list[Event]:
    """Return callbacks that carry chosen strings wherever a stranger or a platform may put one."""
    body = envelope({**TRANSACTION, "trade_state": "Own3d.Metric", "out_trade_no": "OWN3D-METRIC-1"})
    typed = envelope({**TRANSACTION, "out_trade_no": "OWN3D-METRIC-2"}, "OWN3D.TYPE")
    unsigned = notify_event(body, {"user-agent": HOSTILE, "x-forwarded-for": HOSTILE, "wechatpay-serial": HOSTILE})
    return [
        unsigned,
        {**unsigned, "pathParameters": {"account": "own3d-account"}},
        {**unsigned, "requestContext": {**unsigned["requestContext"], "requestId": HOSTILE}},
        notify_event(body, signature_headers(body, at=NOW)),
        notify_event(typed, signature_headers(typed, at=NOW)),
        notify_event(body, {**signature_headers(body, at=NOW), "wechatpay-serial": HOSTILE}),
    ]


def metric_lines(output: str) -> list[Event]:
    return [line for line in map(json.loads, output.splitlines()) if "_aws" in line]


def test_F6_what_an_attacker_writes_is_neither_the_name_nor_a_dimension_of_a_metric(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
):
    for event in hostile():
        cloud.invoke("wechat_notify", event)
    for name in sorted(json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))):
        if name.startswith("wechat_notify"):
            cloud.invoke("wechat_notify", json.loads((FOLDER / name).read_text(encoding="utf-8")))

    lines = metric_lines(capsys.readouterr().out)
    assert len(lines) > 20
    for line in lines:
        [described] = line["_aws"]["CloudWatchMetrics"]
        assert described["Dimensions"] == [["service"]]
        assert (described["Namespace"], line["service"]) == ("Countersign", "countersign-test")
        names = {metric["Name"] for metric in described["Metrics"]}
        assert names == set(line) - {"_aws", "service", "request_id"}
        assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) and "wn3d" not in name.lower() for name in names)


def test_F6_a_metrics_name_is_written_in_the_source():
    counted = []
    for path in shipped().values():
        for node in ast.walk(tree(path)):
            match node:
                case ast.Call(func=ast.Name(id="count" | "seconds"), args=[name, *_]):
                    counted.append(name)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr="count"), args=[name, *_]):
                    counted.append(name)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="worker"), attr="work"), keywords=named):
                    counted += [keyword.value for keyword in named if keyword.arg in ("worked", "failed")]
                case ast.Call(func=ast.Name(id="entrypoint"), keywords=named):
                    counted += [keyword.value for keyword in named if keyword.arg == "counted"]
    # Beside literals: the class of a refusal, what the core made of a change and a worker of a notice (our words),
    # and parameters of the worker and of a callback's entry point, whose values are counted here too.
    made = {ast.unparse(name) for name in counted if not isinstance(name, ast.Constant)}

    assert len(counted) > 20
    words = {"f'Order{outcome.outcome.capitalize()}'", "f'Notice{outcome.state.capitalize()}'"}
    words |= {"f'Console{type(error).__name__}'"}
    assert made <= {"type(error).__name__", *words, "worked", "failed", "counted"}


def longest_call() -> float:
    """Return how long a call of DynamoDB may take: connecting, and waiting for the answer."""
    return float(transport.CONNECT_SECONDS + transport.READ_SECONDS)


def test_F7_the_handlers_budget_fits_the_function_which_fits_the_gateway_which_fits_the_platform():
    budget = dynamo.BUDGET_SECONDS + longest_call()

    assert CALLBACKS
    for name, event in events("HttpApi"):
        if name in CALLBACKS:
            gateway = event["TimeoutInMillis"] / 1000
            assert budget < functions()[name]["Timeout"] < gateway < PLATFORM_PATIENCE


def test_F7_dynamodb_is_not_tried_again_inside_a_call():
    assert aws.client("dynamodb").meta.config.retries["total_max_attempts"] == 1
    assert aws.client("secretsmanager").meta.config.retries["total_max_attempts"] * longest_call() < 4


@pytest.mark.parametrize("name", CALLBACKS)
def test_F7_a_callback_has_no_way_to_call_a_platform(name: str):
    folder = functions()[name]["CodeUri"].replace("/", ".")
    reached: set[str] = set()
    waiting = [f"{folder}.app"]
    while waiting:
        module = waiting.pop()
        if module in reached or module not in shipped():
            continue
        reached.add(module)
        waiting += imports(shipped()[module])

    assert not [module for module in reached if module.endswith((".client", ".outbound"))]
    assert any(module.endswith(".signing") for module in reached)
