"""Merchants' addresses: which may be called, and what a hostile server can do to us (property G1)."""

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from countersign.errors import PlatformUnavailableError
from countersign.runtime import webhook_http
from countersign.runtime.webhook_http import AddressRefusedError, Egress

PUBLIC = "93.184.216.34"
URL = "https://hooks.example.com/countersign?shop=1"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"

REFUSED_URLS = [
    "",
    "hooks.example.com",
    "//hooks.example.com/",
    "http://hooks.example.com/",
    "HTTP://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "https:hooks.example.com",
    "https:///hooks.example.com",
    "https://hooks.example.com:8443/",
    "https://hooks.example.com:80/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:443x/",
    "https://user@hooks.example.com/",
    "https://user:word@hooks.example.com/",
    "https://hooks.example.com@169.254.169.254/",
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com#@169.254.169.254/",
    "https://hooks.example.com\\@169.254.169.254/",
    "https://hooks.example.com/a b",
    " https://hooks.example.com/",
    "https://hooks.example.com/\n",
    "https://hooks.example.com/\r\nX-Injected: 1",
    "https://hooks.example.com/\x00",
    "https://hooks.exämple.com/",
    "https://hooks。example。com/",
    "https://①②⑦.0.0.1/",
    "https://hooks.example.com/" + "a" * 2048,
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://127.0.0.1./",
    "https://127.0.0.0x1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://localhost/",
    "https://localhost./",
    "https://shop.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://ip-10-0-0-1.ec2.internal/",
    "https://router.lan/",
    "https://nas.home.arpa/",
    "https://intranet/",
    "https://com/",
    "https://hooks..example.com/",
    "https://-hooks.example.com/",
    "https://hooks-.example.com/",
    "https://hooks_1.example.com/",
    "https://%31%32%37.0.0.1/",
    "https://hooks.example.com%2f@169.254.169.254/",
    "https://hooks.example.com%00.example.com/",
    "https://" + "a" * 64 + ".example.com/",
    "https://" + "a." * 130 + "com/",
    "https://hooks.example.123/",
]


@pytest.mark.parametrize("url", REFUSED_URLS, ids=lambda url: repr(url)[:60])
def test_G1_an_address_that_is_not_public_https_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises(AddressRefusedError) as refusal:
        webhook_http.check(url)

    assert not url.strip() or url not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("https://hooks.example.com:443/a/b?c=d&e=%20", "hooks.example.com", "/a/b?c=d&e=%20"),
        ("https://HOOKS.Example.com./x", "hooks.example.com", "/x"),
        ("https://xn--fiq228c.xn--fiqs8s/", "xn--fiq228c.xn--fiqs8s", "/"),
        ("https://1and1.example.com/", "1and1.example.com", "/"),
        ("https://hooks.example.com?x=//169.254.169.254/", "hooks.example.com", "/?x=//169.254.169.254/"),
    ],
)
def test_a_public_https_address_is_taken(url: str, host: str, target: str) -> None:
    assert webhook_http.check(url) == (True, host, 443, target, False)


def test_a_trusted_origin_is_meant_letter_by_letter() -> None:
    trusted = {"http://127.0.0.1:8081", "https://erp.corp.internal:8443"}

    assert webhook_http.check("http://127.0.0.1:8081/hook", trusted) == (False, "127.0.0.1", 8081, "/hook", True)
    assert webhook_http.check("https://erp.corp.internal:8443/", trusted).is_trusted
    assert webhook_http.check("https://erp.corp.internal/", {"https://erp.corp.internal:443"}).port == 443
    for near in (
        "http://127.0.0.1:8082/",
        "https://127.0.0.1:8081/",
        "http://127.0.0.1/",
        "http://a@127.0.0.1:8081/",
        "http://127.0.0.1:8081@169.254.169.254/",
        "http://127.0.0.1:8081.example.com/",
        "http://127.1:8081/",
        "https://erp.corp.internal/",
    ):
        with pytest.raises(AddressRefusedError):
            webhook_http.check(near, trusted)


def test_trusted_origins_come_from_the_stack_and_there_are_none_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_WEBHOOK_ORIGINS", raising=False)
    assert webhook_http.trusted_origins() == frozenset()

    monkeypatch.setenv("TRUSTED_WEBHOOK_ORIGINS", "http://127.0.0.1:8081,https://erp.corp.internal:8443")
    assert webhook_http.trusted_origins() == {"http://127.0.0.1:8081", "https://erp.corp.internal:8443"}


@pytest.mark.parametrize(
    "address",
    [
        "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2001:db8::1", "2001::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "2001:0:5ef5:79fd:0:0:8080:808", "5f00::1", "host", "",
    ],
)  # fmt: skip
def test_G1_what_only_we_can_reach_is_not_public(address: str) -> None:
    assert not webhook_http.is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", PUBLIC, "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_what_everybody_can_reach_is_public(address: str) -> None:
    assert webhook_http.is_public(address)


# The wire. `Lines` leads a connection to an address to a server of ours, and keeps which address was wanted.


class Lines:
    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.wanted: list[tuple[str, int]] = []

    def __call__(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.wanted.append(address)
        if address[0] == "198.41.0.4":
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.port), timeout)


@contextlib.contextmanager
def served(behave: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve connections one after another on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                wrapped = context.wrap_socket(connection, server_side=True) if context else connection
                with wrapped:
                    behave(wrapped)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def request_of(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def polite(connection: socket.socket) -> None:
    request_of(connection)
    connection.sendall(OK)


class Certificates:
    """An authority of our own, and servers' contexts with certificates by it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Throwaway authority")])
        self.authorities = str(folder / "authorities.pem")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        own = self._certificate(self._name, self._key, [x509.BasicConstraints(ca=True, path_length=None), usage])
        Path(self.authorities).write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extensions: list[x509.ExtensionType],
        *,
        days: int = 30,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=60),
            not_valid_after=now + datetime.timedelta(days=days),
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return (
            builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def context(self, host: str, *, days: int = 30) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._certificate(subject, key, [names], days=days)
        file = self._folder / f"{host}.{days}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def out(certificates: Certificates, lines: Lines, answers: list[list[str]], *, deadline: float = 5.0) -> Egress:
    """Return a way out whose resolver gives one answer after another."""
    left = iter(answers)
    return Egress(
        deadline=deadline,
        authorities=certificates.authorities,
        resolve=lambda _host, _port: next(left),
        connect=lines,
    )


def test_G1_the_connection_goes_to_the_address_that_was_checked(certificates: Certificates) -> None:
    seen: list[bytes] = []
    names: list[str | None] = []
    context = certificates.context("hooks.example.com")
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def behave(connection: socket.socket) -> None:
        seen.append(request_of(connection))
        connection.sendall(OK)

    with served(behave, context) as port:
        lines = Lines(port)
        # A second look-up would lead to the metadata service: rebinding.
        way = out(certificates, lines, [[PUBLIC], ["169.254.169.254"]])
        status = way.post(URL, b'{"a":1}', {"content-type": "application/json", "webhook-id": "e1"})

    assert status == 204
    assert lines.wanted == [(PUBLIC, 443)]
    assert names == ["hooks.example.com"]
    head = seen[0].decode().lower()
    assert head.startswith("post /countersign?shop=1 http/1.1\r\n")
    assert "\r\nhost: hooks.example.com\r\n" in head
    assert "\r\nwebhook-id: e1\r\n" in head
    assert head.endswith('\r\n\r\n{"a":1}')


def test_G1_the_next_call_checks_what_the_name_leads_to_by_then(certificates: Certificates) -> None:
    lines = Lines()
    way = out(certificates, lines, [["169.254.169.254"], [PUBLIC, "10.0.0.1"], [PUBLIC, "::ffff:127.0.0.1"]])

    for _ in range(3):
        with pytest.raises(AddressRefusedError, match="not public"):
            way.post(URL, b"{}", {})

    assert lines.wanted == []


def test_the_second_address_is_tried_where_the_first_refuses(certificates: Certificates) -> None:
    with served(polite, certificates.context("hooks.example.com")) as port:
        lines = Lines(port)
        assert out(certificates, lines, [["198.41.0.4", PUBLIC]]).post(URL, b"{}", {}) == 204

    assert lines.wanted == [("198.41.0.4", 443), (PUBLIC, 443)]


@pytest.mark.parametrize(("host", "days"), [("other.example.com", 30), ("hooks.example.com", -1)])
def test_G1_a_certificate_must_be_the_hosts_and_valid(certificates: Certificates, host: str, days: int) -> None:
    seen: list[bytes] = []

    with served(lambda connection: seen.append(request_of(connection)), certificates.context(host, days=days)) as port:
        way = out(certificates, Lines(port), [[PUBLIC]])
        with pytest.raises(PlatformUnavailableError, match="no answer: SSL"):
            way.post(URL, b"{}", {})

    assert seen == []


def test_G1_a_certificate_of_an_unknown_authority_is_not_believed(certificates: Certificates) -> None:
    seen: list[bytes] = []

    with served(
        lambda connection: seen.append(request_of(connection)), certificates.context("hooks.example.com")
    ) as port:
        way = Egress(resolve=lambda _host, _port: [PUBLIC], connect=Lines(port))
        with pytest.raises(PlatformUnavailableError, match="no answer: SSL"):
            way.post(URL, b"{}", {})

    assert seen == []


def drip(piece: bytes) -> Callable[[socket.socket], None]:
    """Send a byte now and then for ever: no single read takes long."""

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(piece)
        while True:
            connection.sendall(b"a")
            time.sleep(0.05)

    return behave


def silence(connection: socket.socket) -> None:
    request_of(connection)
    connection.recv(1)


@pytest.mark.parametrize(
    "behave", [drip(b"H"), drip(b"HTTP/1.1 200 OK\r\nX-"), silence], ids=["line", "header", "none"]
)
@pytest.mark.parametrize("is_tls", [True, False])
def test_E15_a_server_that_takes_its_time_is_cut_off(
    certificates: Certificates, behave: Callable[[socket.socket], None], is_tls: bool
) -> None:
    context = certificates.context("hooks.example.com") if is_tls else None
    with served(behave, context) as port:
        url = URL if is_tls else f"http://127.0.0.1:{port}/"
        way = Egress(
            {f"http://127.0.0.1:{port}"},
            deadline=0.4,
            authorities=certificates.authorities,
            resolve=lambda _host, _port: [PUBLIC],
            connect=Lines(port),
        )
        # A server that drips does so for ever: to be cut off is the verdict.
        with pytest.raises(PlatformUnavailableError, match="not in time"):
            way.post(url, b"{}", {})


def test_E15_a_handshake_that_does_not_end_is_cut_off(certificates: Certificates) -> None:
    def behave(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"\x16\x03\x03\x40\x00"[:1])
            time.sleep(0.05)

    with served(behave) as port, pytest.raises(PlatformUnavailableError, match="no answer"):
        out(certificates, Lines(port), [[PUBLIC]], deadline=0.4).post(URL, b"{}", {})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
    ],
    ids=["long", "chunked", "gzip"],
)
def test_E15_a_huge_answer_is_not_read_to_its_end(certificates: Certificates, answer: bytes) -> None:
    sent = [0]

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(answer)
        while True:
            sent[0] += connection.send(b"a" * 65536)

    with served(behave, certificates.context("hooks.example.com")) as port:
        assert out(certificates, Lines(port), [[PUBLIC]]).post(URL, b"{}", {}) == 200

    assert sent[0] < 8 * 1024 * 1024  # what fits into the buffers on the way


def test_a_body_that_hangs_does_not_take_back_the_status(certificates: Certificates) -> None:
    with served(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), None) as port:
        way = Egress({f"http://127.0.0.1:{port}"}, deadline=0.4, connect=Lines(port))
        assert way.post(f"http://127.0.0.1:{port}/", b"{}", {}) == 200


def test_E15_a_redirect_is_an_answer_and_is_not_followed(certificates: Certificates) -> None:
    asked: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        asked.append(request_of(connection))
        connection.sendall(b"HTTP/1.1 307 X\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    with served(behave, certificates.context("hooks.example.com")) as port:
        lines = Lines(port)
        assert out(certificates, lines, [[PUBLIC]]).post(URL, b"{}", {}) == 307

    assert (len(asked), len(lines.wanted)) == (1, 1)


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_no_http_is_no_answer(certificates: Certificates, answer: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(answer)

    with (
        served(behave, certificates.context("hooks.example.com")) as port,
        pytest.raises(PlatformUnavailableError, match="no answer") as failure,
    ):
        out(certificates, Lines(port), [[PUBLIC]]).post(URL, b"{}", {})

    assert "countersign?" not in str(failure.value)


def test_a_proxy_of_the_environment_is_not_used(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    lines = Lines()

    with served(polite, certificates.context("hooks.example.com")) as port:
        lines.port = port
        assert out(certificates, lines, [[PUBLIC]]).post(URL, b"{}", {}) == 204

    assert lines.wanted == [(PUBLIC, 443)]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_tried_again_later(error: Exception) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise error

    with pytest.raises(PlatformUnavailableError, match="does not resolve"):
        Egress(resolve=resolve).post(URL, b"{}", {})
    with pytest.raises(PlatformUnavailableError, match="does not resolve"):
        Egress(resolve=lambda _host, _port: []).post(URL, b"{}", {})


def test_the_system_resolves_names_unless_told_otherwise() -> None:
    with served(polite) as port:
        origin = f"http://localhost:{port}"

        assert Egress({origin}).post(f"{origin}/hook", b"{}", {}) == 204


def test_no_connection_is_left_open(certificates: Certificates) -> None:
    ended = threading.Event()

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")
        if connection.recv(1) == b"":
            ended.set()

    with served(behave, certificates.context("hooks.example.com")) as port:
        assert out(certificates, Lines(port), [[PUBLIC]]).post(URL, b"{}", {}) == 200
        assert ended.wait(2)
