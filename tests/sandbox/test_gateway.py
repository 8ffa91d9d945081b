"""The HTTP API as the product and its callers meet it, through the real runtime client."""

import base64
import json
from typing import Any

import pytest

from sandbox.testing import Sandbox


def echoed(sandbox: Sandbox, method: str, path: str, *arguments: Any, **options: Any) -> dict[str, Any]:
    answer = sandbox.api(method, path, *arguments, **options)
    assert answer.status == 200, answer.body
    return answer.json()["event"]


def test_an_event_has_payload_format_two(small: Sandbox) -> None:
    event = echoed(
        small, "POST", "/echo/a?x=1&y=2&x=3&z", b'{"a":1}', {"Content-Type": "application/json", "X-Two": "v"}
    )

    assert event["version"] == "2.0"
    assert event["routeKey"] == "ANY /echo/{name}"
    assert event["rawQueryString"] == "x=1&y=2&x=3&z"
    assert event["queryStringParameters"] == {"x": "1,3", "y": "2", "z": ""}
    assert event["headers"]["x-two"] == "v"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert (event["body"], event["isBase64Encoded"]) == ('{"a":1}', False)
    context = event["requestContext"]
    assert context["domainName"] == f"127.0.0.1:{small.port}"
    assert context["http"]["method"] == "POST"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert "authorizer" not in context


def test_encoded_segments_route_and_arrive_decoded(small: Sandbox) -> None:
    event = echoed(small, "GET", "/echo/A%7Cb%2A-_1%23c")

    assert event["pathParameters"] == {"name": "A|b*-_1#c"}
    assert event["rawPath"] == "/echo/A|b*-_1#c"


def test_an_encoded_slash_is_a_slash_before_routes_are_compared(small: Sandbox) -> None:
    assert small.api("GET", "/echo/a%2Fb").status == 404
    assert echoed(small, "GET", "/echo%2Ffixed")["routeKey"] == "GET /echo/fixed"
    assert echoed(small, "GET", "/rest/a%2Fb")["pathParameters"] == {"proxy": "a/b"}


def test_a_literal_route_wins_over_a_parameter(small: Sandbox) -> None:
    assert echoed(small, "GET", "/echo/fixed")["routeKey"] == "GET /echo/fixed"
    assert echoed(small, "POST", "/echo/fixed")["routeKey"] == "ANY /echo/{name}"


def test_a_greedy_parameter_takes_the_rest(small: Sandbox) -> None:
    assert echoed(small, "GET", "/rest/a/b%20c")["pathParameters"] == {"proxy": "a/b c"}


def test_headers_that_come_twice_are_joined_and_cookies_listed(small: Sandbox) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", small.port)
    connection.putrequest("GET", "/echo/a")
    for name, value in (("X-Twice", "1"), ("x-twice", "2"), ("Cookie", "a=1; b=2")):
        connection.putheader(name, value)
    connection.endheaders()
    event = json.loads(connection.getresponse().read())["event"]
    connection.close()

    assert event["headers"]["x-twice"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("text/xml; charset=utf-8", "<a>é</a>".encode(), False),
        ("application/json", b"{}", False),
        ("application/problem+json", b"{}", False),
        ("application/xml", b"<a/>", False),
        ("application/json", b"\xff\xfe", True),
        ("application/octet-stream", b"plain", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("", b"plain", True),
    ],
)
def test_only_text_that_is_text_comes_unencoded(small: Sandbox, content_type: str, body: bytes, encoded: bool) -> None:
    event = echoed(small, "POST", "/echo/a", body, {"content-type": content_type})

    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("POST", "/guarded"), ("GET", "/echo"), ("GET", "/")]
)
def test_what_has_no_route_is_not_found(small: Sandbox, method: str, path: str) -> None:
    answer = small.api(method, path)

    assert (answer.status, answer.body) == (404, b'{"message":"Not Found"}')


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        ({"statusCode": 204}, 204, None, b""),
        ({"statusCode": 200, "headers": {"Content-Type": "text/xml"}, "body": "<a/>"}, 200, "text/xml", b"<a/>"),
        ({"statusCode": 201, "isBase64Encoded": True, "body": "/w=="}, 201, "text/plain; charset=utf-8", b"\xff"),
        ({"order": 1}, 200, "application/json", b'{"order":1}'),
        ("plain", 200, "application/json", b"plain"),
        ({"statusCode": "none"}, 500, "application/json", b'{"message":"Internal Server Error"}'),
        ({"statusCode": 200, "body": {"not": "text"}}, 500, "application/json", b'{"message":"Internal Server Error"}'),
    ],
)
def test_what_a_function_returns_becomes_the_answer(
    small: Sandbox, returned: Any, status: int, content_type: str | None, body: bytes
) -> None:
    answer = small.api("POST", "/reply", returned)

    assert (answer.status, answer.headers.get("content-type"), answer.body) == (status, content_type, body)


def test_ten_megabytes_are_too_many(small: Sandbox) -> None:
    assert small.api("POST", "/echo/a", bytes((10 << 20) + 1)).status == 413


def test_an_error_in_a_function_is_an_internal_server_error(small: Sandbox) -> None:
    answer = small.api("POST", "/reply", b"not json", {"content-type": "text/plain"})

    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')
    assert "[echo] [ERROR] JSONDecodeError" in small.output.read_text()


def test_a_function_that_is_late_is_killed(small: Sandbox) -> None:
    assert small.api("POST", "/late").status == 500
    assert "Task timed out after 1." in small.output.read_text()


def test_the_gateway_does_not_wait_longer_than_the_route_says(small: Sandbox) -> None:
    answer = small.api("POST", "/impatient")

    assert (answer.status, answer.body) == (503, b'{"message":"Service Unavailable"}')


def test_functions_run_from_their_folder_and_stay_warm(small: Sandbox) -> None:
    first, second = (small.api("GET", "/echo/a").json() for _ in range(2))

    assert first["pid"] == second["pid"]
    assert first["cwd"].endswith("tests/sandbox/functions/echo")
    assert 1000 < second["remaining"] <= 3000


def test_a_missing_or_broken_token_is_unauthorized(small: Sandbox) -> None:
    for headers in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Bearer " + small.token("a")[:-3] + "AAA"},
    ):
        answer = small.api("GET", "/guarded", headers=headers)
        assert (answer.status, answer.body) == (401, b'{"message":"Unauthorized"}')


def test_a_token_without_the_scope_is_forbidden(small: Sandbox) -> None:
    answer = small.api("GET", "/guarded", token=small.token("things:write"))

    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')


@pytest.mark.parametrize("scope", ["things:read", "small/things:read"])
def test_either_form_of_the_scope_opens_a_route(small: Sandbox, scope: str) -> None:
    assert small.api("GET", "/guarded", token=small.token(scope)).status == 200


def test_claims_arrive_as_strings(small: Sandbox) -> None:
    token = small.token("things:read", "other", subject="ann", accounts=["wechat/a", "wechat/b"])
    jwt = echoed(small, "GET", "/guarded", token=token)["requestContext"]["authorizer"]["jwt"]

    assert jwt["claims"]["sub"] == "ann"
    assert jwt["claims"]["accounts"] == "[wechat/a wechat/b]"
    assert jwt["claims"]["scope"] == "things:read other"
    assert jwt["claims"]["exp"].isdigit()
    assert jwt["scopes"] == ["things:read", "small/things:read"]


def test_a_machine_is_its_own_subject(small: Sandbox) -> None:
    token = small.token("things:read", client=True)
    claims = echoed(small, "GET", "/guarded", token=token)["requestContext"]["authorizer"]["jwt"]["claims"]

    assert claims["sub"] == claims["client_id"]
    assert "username" not in claims
    assert claims["accounts"] == "*"
    assert int(claims["exp"]) - int(claims["iat"]) == 24 * 3600


def test_a_person_has_a_name(small: Sandbox) -> None:
    token = small.token("things:read", subject="anna")
    claims = echoed(small, "GET", "/guarded", token=token)["requestContext"]["authorizer"]["jwt"]["claims"]

    assert claims["username"] == claims["sub"] == "anna" != claims["client_id"]


def test_a_token_expires_on_the_sandbox_clock(small: Sandbox) -> None:
    token = small.token("things:read")
    assert small.api("GET", "/guarded", token=token).status == 200

    small.clock(advance=3601)

    assert small.api("GET", "/guarded", token=token).status == 401
