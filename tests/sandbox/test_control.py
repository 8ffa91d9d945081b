"""The control port answers this machine's own programs; a page in a developer's browser reaches nothing of it."""

import http.client
import json

import pytest

from sandbox.testing import Sandbox


def ask(small: Sandbox, method: str, path: str, headers: dict[str, str], body: object = None) -> tuple[int, bytes]:
    """Send a request with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", small.port + 1, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        content = b"" if body is None else json.dumps(body).encode()
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081"])
def test_a_loopback_host_name_is_answered(small: Sandbox, host: str) -> None:
    assert ask(small, "GET", "/clock", {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example.com",
        "rebound.example.com:8081",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "127.0.0.1@example.com",
        "example.com#@127.0.0.1",
        "0.0.0.0:8081",
        "[::1",
        "",
    ],
)
def test_a_name_that_only_resolves_to_this_machine_is_refused(small: Sandbox, host: str) -> None:
    for method, path in (("GET", "/inbox"), ("POST", "/token"), ("POST", "/_sqs"), ("GET", "/issuer")):
        status, answer = ask(small, method, path, {"Host": host}, {"scopes": ["refunds:approve"]})

        assert status == 403
        assert b"access_token" not in answer


def test_a_request_without_a_host_is_refused(small: Sandbox) -> None:
    assert ask(small, "GET", "/clock", {})[0] == 403


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://127.0.0.1.example.com", "null", "file://"])
def test_a_page_of_another_origin_gets_no_token_and_moves_no_clock(small: Sandbox, origin: str) -> None:
    before = small.control("GET", "/clock")["rate"]

    for path, body in (
        ("/token", {"scopes": ["refunds:approve"]}),
        ("/clock", {"rate": 7}),
        ("/kill", {"what": "runner"}),
    ):
        assert ask(small, "POST", path, {"Host": "127.0.0.1", "Origin": origin}, body)[0] == 403

    assert small.control("GET", "/clock")["rate"] == before


def test_a_page_of_this_machine_may_control_the_sandbox(small: Sandbox) -> None:
    headers = {"Host": "localhost", "Origin": "http://localhost:5173"}

    assert ask(small, "POST", "/token", headers, {"scopes": ["orders:read"]})[0] == 200


def test_what_came_without_a_token_is_remembered_with_its_answer(small: Sandbox) -> None:
    known = [one["number"] for one in small.control("GET", "/requests")["requests"]]
    small.api("GET", "/echo/remembered")
    small.api("GET", "/guarded", token=small.token("things:read"))
    small.api("GET", "/nowhere")

    came = small.control("GET", f"/requests?after={max(known, default=0)}")["requests"]

    assert [(one["method"], one["path"], one["status"]) for one in came] == [("GET", "/echo/remembered", 200)]
    assert "remembered" in came[0]["answer"]


def test_lines_of_logs_are_found_by_what_they_hold(small: Sandbox) -> None:
    small.api("GET", "/echo/logged")

    assert small.control("GET", "/logs?containing=a-text-that-nobody-logs") == []
    assert all(set(one) == {"function", "line"} for one in small.control("GET", "/logs?containing="))
