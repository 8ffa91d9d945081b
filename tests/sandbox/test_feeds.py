"""Queues, the stream and the bus, with retries and dead letters as the template sets them."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.patterns import matches
from sandbox.testing import Sandbox

Notes = Callable[[str], list[Any]]
Eventually = Callable[..., Any]


def test_a_message_reaches_its_function(small: Sandbox, notes: Notes, eventually: Eventually) -> None:
    body = uuid.uuid4().hex
    small.api("POST", "/send", {"MessageBody": body})

    assert eventually(lambda: any(note == {"body": body, "count": "1"} for note in notes("queue")))


def test_only_the_failed_message_comes_again_and_then_becomes_a_dead_letter(
    small: Sandbox, notes: Notes, eventually: Eventually
) -> None:
    small.api("POST", "/send", {"MessageBody": "bad"})

    eventually(lambda: "bad" in [letter["Body"] for letter in small.messages("sandbox-DeadLetters")], seconds=40)

    assert [note["count"] for note in notes("queue") if note["body"] == "bad"] == ["1", "2"]


def test_a_change_that_passes_the_filter_reaches_its_function(
    small: Sandbox, notes: Notes, eventually: Eventually
) -> None:
    name = f"thing-{uuid.uuid4().hex}"
    small.api("POST", f"/things/other-{name}")
    small.api("POST", f"/things/{name}")

    eventually(lambda: name in notes("stream"))

    assert f"other-{name}" not in notes("stream")


def test_a_change_that_fails_is_retried_then_given_up_and_the_next_one_goes_on(
    small: Sandbox, notes: Notes, eventually: Eventually
) -> None:
    bad, good = f"thing-bad-{uuid.uuid4().hex}", f"thing-{uuid.uuid4().hex}"
    small.api("POST", f"/things/{bad}")
    small.api("POST", f"/things/{good}")

    eventually(lambda: good in notes("stream"))

    def given_up_letters() -> list[Any]:
        bodies = [letter["Body"] for letter in small.messages("sandbox-DeadLetters")]
        return [json.loads(body) for body in bodies if "DDBStreamBatchInfo" in body]

    (given_up,) = eventually(given_up_letters)

    assert notes("stream").count(bad) == 3
    assert given_up["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert given_up["DDBStreamBatchInfo"]["batchSize"] == 1


def test_an_event_reaches_its_rule_and_every_event_the_inbox(
    small: Sandbox, notes: Notes, eventually: Eventually
) -> None:
    wanted, other = uuid.uuid4().hex, uuid.uuid4().hex
    small.api("POST", "/emit", {"type": "other", "detail": {"id": other}})
    small.api("POST", "/emit", {"type": "wanted", "detail": {"id": wanted}})

    eventually(lambda: {"id": wanted} in notes("rule"))
    seen = eventually(lambda: {wanted, other} <= {entry["detail"]["id"] for entry in small.inbox("bus")})

    assert seen
    assert {"id": other} not in notes("rule")


def test_what_happened_while_the_runner_was_dead_is_delivered_once_it_is_back(
    small: Sandbox, notes: Notes, eventually: Eventually
) -> None:
    names = [f"thing-{uuid.uuid4().hex}" for _ in range(20)]
    for name in names:
        try:
            small.api("POST", f"/things/{name}")
        except ConnectionError:  # the dying runner had taken the call with it
            small.api("POST", f"/things/{name}")
        if name == names[10]:
            small.control("POST", "/kill", {"what": "runner"})

    assert eventually(lambda: set(names) <= set(notes("stream")), seconds=20)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"a": ["x"]}, True),
        ({"a": ["y", "x"]}, True),
        ({"a": [{"prefix": "x"}], "b": {"c": [1]}}, True),
        ({"a": [{"anything-but": ["x"]}]}, False),
        ({"a": [{"suffix": "y"}]}, False),
        ({"a": [{"equals-ignore-case": "X"}]}, True),
        ({"b": {"c": [{"numeric": [">", 0, "<=", 1]}]}}, True),
        ({"b": {"c": ["1"]}}, False),
        ({"list": ["two"]}, True),
        ({"b": [{"exists": True}]}, False),  # a map is no leaf
        ({"b": {"c": [{"exists": True}]}}, True),
        ({"missing": {"deep": [{"exists": False}]}}, True),
        ({"missing": ["x"]}, False),
    ],
)
def test_patterns_match_as_the_cloud_matches_them(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(pattern, {"a": "x", "b": {"c": 1}, "list": ["one", "two"]}) is expected
