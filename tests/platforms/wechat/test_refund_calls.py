"""Refund calls: what is sent, what an answer means, and the client certificate of API v2."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from countersign.errors import KeysUnavailableError, PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.orders.sentences import sentence
from countersign.platforms.wechat import refunds
from countersign.platforms.wechat.client import CallRefusedError, RefundRequest, UnknownNumberError
from countersign.runtime import platform_http
from tests.platforms.wechat.support import APPID, MCHID, MERCHANT, REFUND, VECTORS, settings
from tests.platforms.wechat.wire import Reply, answer, answer_v2, client, refusal, refusal_v2

NOTIFY = "https://pay.example.com/wechat/shop/notify"
V2 = settings(api="v2")


def request(**changes: Any) -> RefundRequest:
    fields: dict[str, Any] = {
        "refund_id": "R-0001",
        "transaction_id": "4200002901202611221403050001",
        "amount": Money(800, "CNY"),
        "total": Money(8800, "CNY"),
        "reason": "漏了",
        "notify_url": NOTIFY,
        **changes,
    }
    return RefundRequest(**fields)


TAKEN = answer({**REFUND, "status": "PROCESSING"})
TAKEN_V2 = answer_v2(
    transaction_id="4200002901202611221403050001", out_trade_no="T-0001", out_refund_no="R-0001",
    refund_id="50302101202611221520000001", refund_fee="800", total_fee="8800", cash_fee="8800",
)  # fmt: skip


def test_v3_sends_numbers_of_fen_and_the_same_body_each_time() -> None:
    caller, wechat = client(TAKEN, TAKEN)

    for _ in range(2):
        assert caller.refund(request()).message.refund_status == "PROCESSING"

    first, second = wechat.sent
    assert (first.method, first.url) == ("POST", "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds")
    assert first.is_signed_v3()
    assert first.body == second.body
    assert first.json == {
        "transaction_id": "4200002901202611221403050001",
        "out_refund_no": "R-0001",
        "reason": "漏了",
        "notify_url": NOTIFY,
        "amount": {"refund": 800, "total": 8800, "currency": "CNY"},
    }


def test_a_service_provider_names_its_sub_merchant() -> None:
    taken = answer({**REFUND, "status": "PROCESSING", "sub_mchid": "1900000109"})
    caller, wechat = client(taken, account=settings(sub_mchid="1900000109"))

    caller.refund(request())

    assert wechat.sent[0].json["sub_mchid"] == "1900000109"


def test_v2_sends_signed_xml() -> None:
    caller, wechat = client(TAKEN_V2, account=V2)

    assert caller.refund(request()).message.refund_status == "PROCESSING"

    (sent,) = wechat.sent
    assert sent.url == "https://api.mch.weixin.qq.com/secapi/pay/refund"
    assert sent.is_signed_v2()
    told = {name: value for name, value in sent.fields.items() if name not in ("sign", "nonce_str", "sign_type")}
    assert told == {
        "appid": APPID,
        "mch_id": MCHID,
        "transaction_id": "4200002901202611221403050001",
        "out_refund_no": "R-0001",
        "total_fee": "8800",
        "refund_fee": "800",
        "refund_fee_type": "CNY",
        "refund_desc": "漏了",
        "notify_url": NOTIFY,
    }


@pytest.mark.parametrize("status", ["SUCCESS", "PROCESSING", "ABNORMAL", "CLOSED"])
def test_D8_whatever_the_call_is_answered_the_refund_is_only_on_its_way(status: str) -> None:
    caller, _ = client(answer({**REFUND, "status": status}))

    told = caller.refund(request()).message

    assert (told.refund_status, told.success_time, told.refund_id) == ("PROCESSING", None, REFUND["refund_id"])


def test_the_vector_of_an_accepted_refund_is_on_its_way() -> None:
    vector = VECTORS["v2-resp-refund-accepted-not-final"]
    content = vector["raw_response"]["body"].encode()
    caller, _ = client(
        Reply(200, {}, content), account=settings(api="v2", api_v2_keys=[vector["inputs"]["api_v2_key"]])
    )

    told = caller.refund(request(refund_id="PUBR-0001", amount=Money(400, "CNY"), total=Money(1000, "CNY")))

    assert (told.message.refund_status, told.message.refund) == ("PROCESSING", 400)


@pytest.mark.parametrize("other", [{"out_refund_no": "R-0002"}, {"mchid": "1999999999"}])
def test_an_answer_about_another_refund_is_not_believed(other: dict[str, str]) -> None:
    caller, _ = client(answer({**REFUND, "status": "SUCCESS", **other}))

    with pytest.raises(PlatformUnavailableError):
        caller.refund(request())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal("SYSTEM_ERROR", 500), PlatformUnavailableError),
        (refusal("FREQUENCY_LIMITED", 403), PlatformUnavailableError),
        (refusal("RATELIMIT_EXCEEDED", 429), PlatformUnavailableError),
        (refusal("NOT_ENOUGH", 403), CallRefusedError),
        (refusal("USER_ACCOUNT_ABNORMAL", 403), CallRefusedError),
        (refusal("RESOURCE_NOT_EXISTS", 404), UnknownNumberError),
    ],
)
def test_what_a_refusal_of_v3_means(reply: Reply, error: type[Exception]) -> None:
    caller, _ = client(reply)

    with pytest.raises(error):
        caller.refund(request())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("SYSTEMERROR", PlatformUnavailableError),
        ("BIZERR_NEED_RETRY", PlatformUnavailableError),
        ("INVALID_REQ_TOO_MUCH", PlatformUnavailableError),
        ("NOTENOUGH", CallRefusedError),
        ("REFUND_FEE_MISMATCH", CallRefusedError),
        ("ORDERNOTEXIST", UnknownNumberError),
    ],
)
def test_what_a_refusal_of_v2_means(code: str, error: type[Exception]) -> None:
    caller, _ = client(refusal_v2(code), account=V2)

    with pytest.raises(error):
        caller.refund(request())


@pytest.mark.parametrize(
    "change",
    [{"refund_id": ""}, {"refund_id": "a b"}, {"amount": Money(0, "CNY")}, {"amount": Money(8801, "CNY")},
     {"amount": Money(1, "USD")}],
)  # fmt: skip
def test_what_wechat_would_refuse_is_not_sent(change: dict[str, Any]) -> None:
    caller, wechat = client(TAKEN)

    with pytest.raises(UnprocessableError):
        caller.refund(request(**change))
    assert wechat.sent == []


def test_a_long_reason_is_cut_between_characters() -> None:
    assert len(request(reason="退" * 40).shown_reason.encode()) == 78


def test_every_refusal_says_what_to_do_and_its_code() -> None:
    assert str(sentence(refunds.problem("NOTENOUGH"))).endswith("top it up, then retry (NOTENOUGH)")
    assert str(sentence(refunds.problem("NEVERSEEN"))).endswith("then retry or resolve (NEVERSEEN)")
    assert str(sentence(refunds.problem("PARAMERROR", "/amount"))).endswith(
        "then retry or resolve (PARAMERROR: /amount)"
    )


# The client certificate


def _certificate(name: str, key: Any, issuer: Any = None, issuer_key: Any = None) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(issuer or subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2060, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer_key is not None:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(authority, critical=False)
    else:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key or key, hashes.SHA256())


def _pem(thing: Any) -> str:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM).decode()
    plain = serialization.NoEncryption()
    return str(thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode())


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        shown: Any = self.connection
        self.server.seen.append(shown.getpeercert())  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(TAKEN_V2.content)))
        self.end_headers()
        self.wfile.write(TAKEN_V2.content)

    def log_message(self, *args: Any) -> None:
        pass


class Tls(HTTPServer):
    seen: list[Any]
    ca: Path

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a refused handshake is what some tests want."""


@pytest.fixture(scope="module")
def wechat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Serve a WeChat on TLS that wants the merchant's certificate."""
    folder = tmp_path_factory.mktemp("tls")
    authority_key, server_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    authority = _certificate("WeChat's CA", authority_key)
    files = {"ca": authority, "server": _certificate("localhost", server_key, authority.subject, authority_key)}
    for name, content in {**files, "key": server_key}.items():
        (folder / name).write_text(_pem(content))
    (folder / "merchant").write_text(MERCHANT["cert_pem"])
    server = Tls(("127.0.0.1", 0), Handler)
    server.seen, server.ca = [], folder / "ca"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server", folder / "key")
    context.load_verify_locations(folder / "merchant")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def refund_over_tls(server: Tls, session: Any) -> None:
    caller, _ = client(account=settings(api="v2", api_base=f"https://localhost:{server.server_port}"))
    caller._certified = lambda: session
    caller.refund(request())


def test_the_refund_call_of_v2_shows_the_merchants_certificate(wechat: Tls) -> None:
    platform_http.certified_session.cache_clear()
    session = platform_http.certified_session(MERCHANT["cert_pem"], MERCHANT["private_pem"])
    session.verify = str(wechat.ca)

    refund_over_tls(wechat, session)

    assert wechat.seen[-1]
    assert platform_http.certified_session(MERCHANT["cert_pem"], MERCHANT["private_pem"]) is session
    assert session is not platform_http.session()
    session.close()


def test_without_the_certificate_nothing_is_taken(wechat: Tls) -> None:
    plain = platform_http._Session()
    plain.verify = str(wechat.ca)
    before = len(wechat.seen)

    with pytest.raises(PlatformUnavailableError):
        refund_over_tls(wechat, plain)
    assert len(wechat.seen) == before
    plain.close()


def test_A19_a_server_that_nobody_vouches_for_is_refused(wechat: Tls) -> None:
    platform_http.certified_session.cache_clear()
    session = platform_http.certified_session(MERCHANT["cert_pem"], MERCHANT["private_pem"])
    before = len(wechat.seen)

    with pytest.raises(PlatformUnavailableError):
        refund_over_tls(wechat, session)
    assert len(wechat.seen) == before
    session.close()


def test_certificate_and_key_lie_on_disk_for_their_loading_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform_http.certified_session.cache_clear()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    session = platform_http.certified_session(MERCHANT["cert_pem"], MERCHANT["private_pem"])

    assert list(tmp_path.iterdir()) == []
    session.close()


@pytest.mark.parametrize(
    "pems", [("", MERCHANT["private_pem"]), (MERCHANT["cert_pem"], ""), ("nonsense", MERCHANT["private_pem"])]
)
def test_keys_that_are_missing_or_damaged_are_named(pems: tuple[str, str]) -> None:
    with pytest.raises(KeysUnavailableError, match="merchant_cert_pem"):
        platform_http.certified_session(*pems)
