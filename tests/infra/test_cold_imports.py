"""What a callback function imports before it can answer: the cold start is CPU, and CPU is imports."""

import json
import os
import subprocess
import sys

import pytest

from tests.infra.reading import LAYER, ROOT, callbacks, snake

CALLBACKS = [snake(name) for name in callbacks()]
# Each costs more than everything a callback needs; see docs/decisions.md.
TOO_HEAVY = {
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
    "aws_xray_sdk",
    "boto3",
    "pydantic",
    "requests",
    "stripe",
    "xmltodict",
}
# The same callback as it is commonly written.
USUAL = """
import boto3, cryptography.x509, requests, xmltodict
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities import idempotency, parser
boto3.client("dynamodb")
"""


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


@pytest.fixture(scope="module")
def usual() -> float:
    """Return the CPU seconds that the usual imports take, in the quietest of five runs: the same for each callback."""
    run(USUAL, CALLBACKS[0])  # byte code is there from now on, as in the layer
    return min(cpu_seconds(USUAL, CALLBACKS[0]) for _ in range(5))


@pytest.mark.parametrize("function", CALLBACKS)
def test_a_callback_starts_in_less_than_the_usual_imports_take(function: str, usual: float) -> None:
    run("import app", function)

    # The quietest run: other work on the machine only ever adds, so one that is quick enough is the answer.
    runs = (cpu_seconds("import app", function) for _ in range(8))
    assert any(ours < 0.85 * usual for ours in runs)
