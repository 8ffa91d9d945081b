"""Kept connections against servers that answer well, badly, late and not at all."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from countersign.aws import transport
from countersign.aws.transport import KeptConnections

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Amzn-RequestId: 1\r\n\r\n{}"


class Server:
    """Answers each connection with what its script says, byte for byte."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.connections = 0
        self.heard: list[bytes] = []
        self.script: Callable[[socket.socket, int], None] = lambda made, number: made.sendall(GOOD)
        self.threads = [threading.Thread(target=self._run, daemon=True)]
        self.sockets: list[socket.socket] = []
        self.threads[0].start()

    def close(self) -> None:
        """Stop, and leave no socket and no thread behind."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join(5)
        for made in self.sockets:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                made, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(made)
            self.threads.append(threading.Thread(target=self._serve, args=(made, self.connections), daemon=True))
            self.threads[-1].start()

    def _serve(self, made: socket.socket, number: int) -> None:
        with made:
            try:
                while data := made.recv(65536):
                    self.heard.append(data)
                    self.script(made, number)
            except OSError:
                return


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def kept() -> Iterator[KeptConnections]:
    made = KeptConnections()
    yield made
    made.close()


def request(url: str, body: bytes = b'{"a":1}'):
    return AWSRequest(method="POST", url=url, data=body, headers={"X-Amz-Target": "T"}).prepare()


def test_requests_share_one_connection_and_arrive_whole(server, kept):
    first = kept.send(request(server.url))
    second = kept.send(request(server.url))

    assert (first.status_code, first.content, second.content) == (200, b"{}", b"{}")
    assert first.headers["x-amzn-requestid"] == "1"
    assert server.connections == 1
    assert server.heard[0].startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1")
    assert b"\r\nContent-Length: 7\r\n" in server.heard[0]
    assert server.heard[0].endswith(b'\r\n\r\n{"a":1}')


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_an_answer_that_is_not_understood_is_a_broken_connection(server, kept, answer):
    def script(made: socket.socket, _number: int) -> None:
        made.sendall(answer)
        made.shutdown(socket.SHUT_WR)

    server.script = script

    with pytest.raises(ConnectionClosedError):
        kept.send(request(server.url))
    server.script = lambda made, number: made.sendall(GOOD)
    assert kept.send(request(server.url)).status_code == 200
    assert server.connections == 2


def test_a_connection_that_was_closed_while_the_container_slept_is_replaced_at_once(server, kept):
    def script(made: socket.socket, _number: int) -> None:
        made.sendall(GOOD)
        made.shutdown(socket.SHUT_RDWR)

    server.script = script
    kept.send(request(server.url))
    time.sleep(0.05)  # until the end of the stream has arrived

    assert kept.send(request(server.url)).status_code == 200
    assert server.connections == 2


def test_an_answer_that_asks_to_close_is_obeyed(server, kept):
    answer = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    server.script = lambda made, number: made.sendall(answer)

    kept.send(request(server.url))
    kept.send(request(server.url))

    assert server.connections == 2


def test_E4_a_server_that_says_nothing_is_a_read_timeout(server, kept, monkeypatch):
    monkeypatch.setattr(transport, "READ_SECONDS", 0.05)
    server.script = lambda made, number: None

    with pytest.raises(ReadTimeoutError):
        kept.send(request(server.url))


def test_a_port_where_nobody_listens_is_an_unreachable_end_point(kept):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(EndpointConnectionError):
        kept.send(request(f"http://127.0.0.1:{port}/"))


def test_botocore_tries_a_broken_connection_again(server, kept):
    def script(made: socket.socket, number: int) -> None:
        if number == 1:
            made.shutdown(socket.SHUT_RDWR)
        else:
            made.sendall(GOOD)

    server.script = script
    client = botocore.session.get_session().create_client(
        "dynamodb", endpoint_url=server.url, aws_access_key_id="x", aws_secret_access_key="y"
    )
    client._endpoint.http_session = kept

    assert client.list_tables()["ResponseMetadata"]["RetryAttempts"] == 1


def test_A19_a_certificate_that_nobody_vouches_for_is_refused(kept):
    context = kept._tls()

    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.check_hostname
