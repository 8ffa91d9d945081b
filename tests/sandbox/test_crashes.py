"""Kill points, faults and kills: what the crash tests of the product stand on."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.testing import ROOT, LocalCloud, Sandbox, running_sandbox
from tests.sandbox.conftest import TEMPLATE, family, running


def stored(sandbox: Sandbox, name: str) -> bool:
    key = {"pk": {"S": name}}
    return "Item" in sandbox.data_plane().call("dynamodb", "GetItem", TableName="sandbox-Table", Key=key)


def test_a_crash_before_the_commit_stores_nothing(small: Sandbox) -> None:
    name = uuid.uuid4().hex
    small.control(
        "POST", "/faults", {"crash": {"function": "store", "call": "dynamodb.TransactWriteItems", "when": "before"}}
    )

    assert small.api("POST", f"/things/{name}").status == 500
    assert not stored(small, name)
    assert small.api("POST", f"/things/{name}").status == 201


def test_a_crash_between_commit_and_answer_leaves_it_stored(small: Sandbox) -> None:
    name = uuid.uuid4().hex
    small.control("POST", "/faults", {"crash": {"function": "Store", "call": "dynamodb.Transact*", "when": "after"}})

    assert small.api("POST", f"/things/{name}").status == 500
    assert stored(small, name)


def test_a_crash_at_the_nth_call_happens_as_often_as_wanted(small: Sandbox) -> None:
    small.control("POST", "/faults", {"crash": {"function": "store", "call": 2, "count": 3}})

    statuses = [small.api("POST", f"/things/{uuid.uuid4().hex}").status for _ in range(5)]

    assert statuses == [500, 500, 500, 201, 201]


def test_calls_can_be_listed(small: Sandbox) -> None:
    small.control("POST", "/faults", {"record": True})
    small.api("POST", f"/things/{uuid.uuid4().hex}")

    calls = small.control("GET", "/calls")

    assert [(call["number"], call["call"]) for call in calls if call["function"] == "Store"] == [
        (1, "dynamodb.GetItem"),
        (2, "dynamodb.TransactWriteItems"),
    ]


def test_throttling_is_answered_before_the_function_gives_up(small: Sandbox) -> None:
    name = uuid.uuid4().hex
    small.control("POST", "/faults", {"dynamodb": {"throttle": 2}, "record": True})

    assert small.api("POST", f"/things/{name}").status == 201
    assert len([call for call in small.control("GET", "/calls") if call["function"] == "Store"]) == 4


def test_a_lost_answer_comes_after_the_commit_and_a_lost_request_before(small: Sandbox) -> None:
    for kind, was_stored in (("timeout_after", True), ("timeout_before", False)):
        name = uuid.uuid4().hex
        fault = {"kind": kind, "call": "dynamodb.TransactWriteItems", "count": 3}
        small.control("POST", "/faults", {"dynamodb": [fault]})

        assert small.api("POST", f"/things/{name}").status == 500
        assert stored(small, name) is was_stored


def test_a_service_that_hangs_is_only_late(small: Sandbox) -> None:
    small.control("POST", "/faults", {"aws": {"kind": "hang", "call": "dynamodb.GetItem", "seconds": 0.5}})
    started = time.monotonic()

    assert small.api("POST", f"/things/{uuid.uuid4().hex}").status == 201
    assert time.monotonic() - started > 0.5


def test_an_error_of_a_service_that_stays_is_the_functions_error(small: Sandbox) -> None:
    small.control("POST", "/faults", {"aws": [{"kind": "error500", "call": "dynamodb.GetItem", "count": 3}]})

    assert small.api("POST", f"/things/{uuid.uuid4().hex}").status == 500
    assert "InternalServerError" in small.output.read_text()


def test_a_transaction_conflict_says_so(small: Sandbox) -> None:
    small.control("POST", "/faults", {"dynamodb": [{"kind": "conflict", "call": "*.TransactWriteItems"}]})

    assert small.api("POST", f"/things/{uuid.uuid4().hex}").status == 500
    assert "TransactionCanceledException" in small.output.read_text()


def test_unknown_faults_are_refused(small: Sandbox) -> None:
    with pytest.raises(AssertionError, match="no such fault: gremlins"):
        small.control("POST", "/faults", {"gremlins": 1})


def test_an_idle_environment_that_was_killed_is_replaced(small: Sandbox) -> None:
    before = small.api("GET", "/echo/a").json()["pid"]
    assert small.control("POST", "/kill", {"what": "function", "function": "echo"})["killed"] == before

    assert small.api("GET", "/echo/a").json()["pid"] != before


def test_the_runner_comes_back_and_requests_wait_for_it(small: Sandbox, eventually: Callable[..., Any]) -> None:
    assert small.api("GET", "/echo/a").status == 200
    before = family(small.process.pid)
    killed = small.control("POST", "/kill", {"what": "runner"})["killed"]

    assert small.api("GET", "/echo/a").status == 200
    assert killed in before - running(before)
    eventually(lambda: family(small.process.pid) == running(family(small.process.pid)))  # no zombie either


def test_many_at_once_share_a_few_environments(small: Sandbox) -> None:
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: small.api("GET", "/echo/a"), range(400)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["pid"] for answer in answers}) <= 8


def test_a_function_can_be_invoked_directly(small: Sandbox) -> None:
    event = {"routeKey": "POST /reply", "body": '{"a": 1}'}

    answer = small.control("POST", "/invoke", {"function": "echo", "event": event})

    assert answer == {"failed": False, "payload": {"a": 1}}


def test_one_function_runs_alone_with_kill_points(cloud: LocalCloud) -> None:
    stack = cloud.stack(TEMPLATE)
    event = {"routeKey": "POST /things/{id}", "pathParameters": {"id": "one"}}
    key = {"TableName": stack.refs["Table"], "Key": {"pk": {"S": "one"}}}

    killed = stack.run("Store", event, crash={"call": "dynamodb.TransactWriteItems", "when": "before"})
    assert killed.killed
    assert "Item" not in stack.plane.call("dynamodb", "GetItem", **key)

    killed = stack.run("Store", event, crash={"call": 2, "when": "after"})
    assert killed.killed
    assert "Item" in stack.plane.call("dynamodb", "GetItem", **key)

    stack.clock.change({"now": 1_000_000_000, "frozen": True})
    undisturbed = stack.run("Clock", {})
    assert (undisturbed.killed, undisturbed.answer["time"]) == (False, 1_000_000_000)
    assert stack.run("Store", {**event, "pathParameters": {"id": "two"}}).calls == [
        "dynamodb.GetItem",
        "dynamodb.TransactWriteItems",
    ]


def test_stacks_do_not_see_each_other(cloud: LocalCloud) -> None:
    first, second = cloud.stack(TEMPLATE), cloud.stack(TEMPLATE)
    first.plane.call("dynamodb", "PutItem", TableName=first.refs["Table"], Item={"pk": {"S": "a"}})

    assert second.plane.call("dynamodb", "Scan", TableName=second.refs["Table"])["Count"] == 0


def test_a_port_in_use_is_said_in_one_line(small: Sandbox) -> None:
    command = [sys.executable, "-m", "sandbox", "run", "--port", str(small.port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {small.port} of 127.0.0.1 cannot be used" in done.stderr


def test_ctrl_c_leaves_no_process(eventually: Callable[..., Any]) -> None:
    with running_sandbox(template=TEMPLATE) as sandbox:
        sandbox.api("GET", "/echo/a")
        everything = family(sandbox.process.pid)
        assert len(everything) >= 4  # supervisor, data plane, runner, a function

        assert sandbox.stop(signal.SIGINT) == 0

        assert eventually(lambda: not running(everything))


def test_even_a_killed_supervisor_leaves_no_process(eventually: Callable[..., Any]) -> None:
    with running_sandbox(template=TEMPLATE) as sandbox:
        sandbox.api("GET", "/echo/a")
        everything = family(sandbox.process.pid)

        os.kill(sandbox.process.pid, signal.SIGKILL)
        sandbox.process.wait()

        assert eventually(lambda: not running(everything))
