"""The typed client: made of the document, one method for each operation, and nothing sent where it must not go."""

import http.server
import inspect
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from clients.python.countersign_client import ApiError, Client, Reply, send
from tools import make_client

Sent = list[tuple[str, str, dict[str, str], bytes | None]]
PROBLEM = {"type": "urn:x", "title": "No", "status": 409, "code": "order_is", "args": {"status": "paid"}, "detail": "d"}


def recorded(sent: Sent, reply: Reply) -> Client:
    def transport(method: str, url: str, headers: Any, body: bytes | None) -> Reply:
        sent.append((method, url, dict(headers), body))
        return reply

    return Client("https://api.example/", lambda: "t0", language="zh", transport=transport)


def test_the_client_that_is_kept_is_what_the_document_makes():
    assert make_client.TARGET.read_text(encoding="utf-8") == make_client.client()


def test_what_the_command_line_knows_of_the_functions_is_what_is_deployed():
    assert make_client.DEPLOYED.read_text(encoding="utf-8") == make_client.deployed()


def test_it_has_a_method_for_each_operation_of_the_document():
    document = json.loads(make_client.DOCUMENT.read_text(encoding="utf-8"))
    wanted = {operation["operationId"] for some in document["paths"].values() for operation in some.values()}

    assert len(wanted) == sum(len(some) for some in document["paths"].values())
    assert wanted == {
        name
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_") and name != "request"
    }


def test_names_are_quoted_and_what_is_none_is_left_out():
    sent: Sent = []
    api = recorded(sent, Reply(200, {}, b'{"orders": []}'))

    assert api.list_orders(account="wechat/a b", from_="2026-11-22", limit=5).json == {"orders": []}
    api.request_refund("wechat", "shop", "A/1#2", {"reason": "坏了"}, idempotency_key="k")

    assert sent[0][:2] == ("GET", "https://api.example/orders?account=wechat%2Fa+b&from=2026-11-22&limit=5")
    assert sent[0][2] == {"authorization": "Bearer t0", "accept": "application/json", "accept-language": "zh"}
    method, url, headers, body = sent[1]
    assert (method, url) == ("POST", "https://api.example/orders/wechat/shop/A%2F1%232/refunds")
    assert (headers["idempotency-key"], headers["content-type"]) == ("k", "application/json")
    assert json.loads(body or b"") == {"reason": "坏了"}


def test_a_refusal_is_an_error_with_its_code_and_arguments():
    reply = Reply(409, {"content-type": "application/problem+json"}, json.dumps(PROBLEM).encode())

    with pytest.raises(ApiError) as caught:
        recorded([], reply).close_order("wechat", "shop", "A-1")

    assert (caught.value.status, caught.value.code, caught.value.args_of) == (409, "order_is", {"status": "paid"})


def test_what_the_gateway_refuses_is_an_error_too():
    with pytest.raises(ApiError) as caught:
        recorded([], Reply(403, {"content-type": "application/json"}, b'{"message":"Forbidden"}')).whoami()

    assert (caught.value.status, caught.value.code) == (403, "gateway")


def test_an_empty_answer_is_none():
    assert recorded([], Reply(204, {"x-next-cursor": "c"}, b"")).list_changes(after="b").json is None


def test_what_the_caller_has_already_is_an_answer_and_no_error():
    sent: Sent = []

    reply = recorded(sent, Reply(304, {"etag": '"a"'}, b"")).counts(account="wechat/shop", if_none_match='"a"')

    assert (reply.status, reply.json, sent[0][2]["if-none-match"]) == (304, None, '"a"')


@pytest.mark.parametrize(
    "url", ["http://api.example", "http://127.0.0.1.evil.example", "ftp://127.0.0.1", "file:///etc", "api.example"]
)
def test_a_token_is_only_sent_over_https(url):
    with pytest.raises(ValueError, match="https"):
        Client(url, lambda: "t0")


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        seen = self.headers.get("authorization", "")
        self.send_response(302 if self.path == "/me" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(seen.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Server) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
        thread.join()


def test_a_redirect_is_not_followed_for_it_would_take_the_token_along(server):
    api = Client(server, lambda: "t0")

    with pytest.raises(ApiError) as caught:
        api.whoami()

    assert caught.value.status == 302
    assert send("GET", f"{server}/orders", {"authorization": "Bearer t0"}, None).body == b"Bearer t0"
