"""Our clients of trimmed models over our own transport, there and back: what the runtime's botocore must be able to do.

The Lambda runtime brings its own botocore. These tests run with the newest that we lock, and by `make botocore` with
the oldest that we say we run on: a model or a private hook that one of them does not know fails here, not in the cloud.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from countersign import aws

BODY_MD5 = "5d41402abc4b2a76b9719d911017c592"  # of `hello`


class Service(BaseHTTPRequestHandler):
    """Answers what the test has put into `answer`, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    answer: tuple[int, dict[str, Any]] = (200, {})
    asked: tuple[str, dict[str, str], bytes] = ("", {}, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Service.asked = (self.path, dict(self.headers), body)
        status, content = Service.answer
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make clients of a service that answers as it is told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    # Its credentials are read once: those of another test's pretended cloud may have been the first.
    aws._session.cache_clear()
    made: list[Any] = []

    def make(service: str) -> Any:
        made.append(aws.client.__wrapped__(service))
        return made[-1]

    yield make
    for one in made:
        one.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("service", "call", "given", "answer", "target"),
    [
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"pk": {"S": "a"}}}, {"Item": {"n": {"N": "1"}}}, "GetItem"),
        ("dynamodb", "query", {"TableName": "t", "IndexName": "due"}, {"Items": [], "Count": 0}, "Query"),
        ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": []}}}, {"UnprocessedKeys": {}}, "BatchGetItem"),
        ("dynamodb", "transact_write_items", {"TransactItems": []}, {}, "TransactWriteItems"),
        ("events", "put_events", {"Entries": [{"Source": "s"}]}, {"FailedEntryCount": 0, "Entries": []}, "PutEvents"),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}, {"SecretString": "{}"}, "GetSecretValue"),
        ("secretsmanager", "list_secrets", {}, {"SecretList": [{"Name": "s"}]}, "ListSecrets"),
        (
            "sqs",
            "send_message",
            {"QueueUrl": "http://q", "MessageBody": "hello"},
            {"MD5OfMessageBody": BODY_MD5, "MessageId": "1"},
            "SendMessage",
        ),
    ],
)
def test_a_call_goes_out_and_its_answer_comes_back(
    client: Any, service: str, call: str, given: dict[str, Any], answer: dict[str, Any], target: str
) -> None:
    Service.answer = (200, answer)

    got = getattr(client(service), call)(**given)

    assert {name: value for name, value in got.items() if name != "ResponseMetadata"} == answer
    _, headers, body = Service.asked
    assert headers["X-Amz-Target"].endswith(f".{target}")
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert given.items() <= json.loads(body).items()  # a transaction has its token besides


def test_an_e_mail_goes_out_by_a_path_of_its_own(client: Any) -> None:
    Service.answer = (200, {"MessageId": "1"})

    assert client("sesv2").send_email(Content={"Raw": {"Data": b"x"}})["MessageId"] == "1"
    assert Service.asked[0] == "/v2/email/outbound-emails"


def test_why_a_transaction_was_refused_comes_back(client: Any) -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": "a"}}}, {"Code": "None"}]
    Service.answer = (
        400,
        {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": reasons},
    )

    with pytest.raises(ClientError) as refused:
        client("dynamodb").transact_write_items(TransactItems=[])

    assert refused.value.response["Error"]["Code"] == "TransactionCanceledException"
    assert refused.value.response["CancellationReasons"] == reasons
