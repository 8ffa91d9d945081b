"""What a callback function imports before it can answer: the cold start is CPU, and CPU is imports."""

import json
import os
import statistics
import subprocess
import sys

import pytest

from tests.infra.reading import LAYER, ROOT

CALLBACKS = ["wechat_notify"]
# Each costs more than everything a callback needs; see docs/decisions.md.
TOO_HEAVY = {
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
    "boto3",
    "pydantic",
    "requests",
    "xmltodict",
}
USUAL = "import boto3, requests, xmltodict, aws_lambda_powertools.event_handler, cryptography.x509; boto3.client('dynamodb')"


def run(code: str, function: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "functions" / function), str(LAYER)])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )


def cpu_seconds(code: str, function: str) -> float:
    before = os.times()
    run(code, function)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize("function", CALLBACKS)
def test_a_callback_imports_nothing_heavy(function: str) -> None:
    loaded = set(json.loads(run("import app, json, sys; print(json.dumps(list(sys.modules)))", function).stdout))

    assert "app" in loaded
    assert not loaded & TOO_HEAVY


@pytest.mark.parametrize("function", CALLBACKS)
def test_a_callback_starts_in_less_than_the_usual_imports_take(function: str) -> None:
    run("import app", function)  # byte code is there from now on, as in the layer
    run(USUAL, function)

    ratios = [cpu_seconds("import app", function) / cpu_seconds(USUAL, function) for _ in range(3)]

    assert statistics.median(ratios) < 0.8
