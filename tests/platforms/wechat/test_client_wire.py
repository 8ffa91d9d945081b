"""The real session on a real socket, and the exchange of login codes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError, PlatformUnavailableError, UnprocessableError
from countersign.money import Money
from countersign.platforms.wechat.client import Client, PaymentRequest
from countersign.runtime.platform_http import session
from tests.platforms.wechat.support import APPID, NOW, TRANSACTION, settings
from tests.platforms.wechat.wire import Reply, Sent, answer, answer_v2, client, query_of


class Loopback(HTTPServer):
    """WeChat on a free port of this machine."""

    sent: list[Sent]
    reply: Any


class Handler(BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.sent.append(Sent(self.command, self.path, body, dict(self.headers)))
        reply = self.server.reply
        self.send_response(reply.status_code)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def wechat() -> Iterator[Loopback]:
    server = Loopback(("127.0.0.1", 0), Handler)
    server.sent = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def caller(wechat: Loopback, **changes: Any) -> Client:
    account = settings(api_base=f"http://127.0.0.1:{wechat.server_port}", **changes)
    return Client(session(), account, now=lambda: NOW, nonce=lambda: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS")


def test_the_target_that_was_signed_is_the_target_on_the_wire(wechat: Loopback) -> None:
    wechat.reply = answer({**TRANSACTION, "out_trade_no": "A|b*-_1"})

    told = caller(wechat).query("A|b*-_1")

    assert told is not None
    assert wechat.sent[0].url == "/v3/pay/transactions/out-trade-no/A%7Cb%2A-_1?mchid=1900099001"
    assert wechat.sent[0].is_signed_v3()


def test_the_bytes_that_were_signed_are_the_bytes_on_the_wire(wechat: Loopback) -> None:
    wechat.reply = answer({"prepay_id": "wx1"})
    payment = PaymentRequest(
        order_id="T-0001",
        amount=Money(1, "CNY"),
        description='奶茶 "大" \\ / & <b> 🍵',
        notify_url="https://pay.example.com/wechat/shop/notify",
        openid="oThrow4wayOpenid_public-000001",
    )

    caller(wechat).create(payment)

    assert wechat.sent[0].is_signed_v3()
    assert wechat.sent[0].json["description"] == payment.description
    assert wechat.sent[0].headers["User-Agent"].startswith("countersign/")


def test_an_answer_in_chinese_without_a_charset_is_read_as_bytes(wechat: Loopback) -> None:
    fields = {"trade_state": "NOTPAY", "out_trade_no": "T-0001", "trade_state_desc": "订单未支付"}
    wechat.reply = Reply(200, {"Content-Type": "text/plain"}, answer_v2(**fields).content)

    told = caller(wechat, api="v2").query("T-0001")

    assert told is not None
    assert told.message.trade_state == "NOTPAY"


def test_a_redirect_is_not_followed(wechat: Loopback) -> None:
    wechat.reply = Reply(302, {"Location": f"http://127.0.0.1:{wechat.server_port}/elsewhere"}, b"")

    with pytest.raises(PlatformUnavailableError):
        caller(wechat).query("T-0001")
    assert len(wechat.sent) == 1


def test_nobody_listening_leaves_the_outcome_unknown(wechat: Loopback) -> None:
    account = settings(api_base="http://127.0.0.1:1")
    unheard = Client(session(), account, now=lambda: NOW, nonce=lambda: "n")

    with pytest.raises(PlatformUnavailableError):
        unheard.query("T-0001")


class TestExchangeCode:
    def test_a_login_code_becomes_an_openid(self) -> None:
        content = {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "session_key": "tiihtNczf5v6AKRyjwEUhQ==", "unionid": "o6"}
        exchange, wechat = client(Reply(200, {}, json.dumps(content).encode()))

        assert exchange.exchange_code("081a/b+c=") == "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
        assert wechat.sent[0].url.startswith("https://api.weixin.qq.com/sns/jscode2session?")
        assert query_of(wechat.sent[0].url) == {
            "appid": APPID,
            "secret": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
            "js_code": "081a/b+c=",
            "grant_type": "authorization_code",
        }

    def test_the_sandbox_exchanges_codes_too(self) -> None:
        account = settings(api_base="http://127.0.0.1:8081/wechat")
        exchange, wechat = client(Reply(200, {}, b'{"openid":"o1"}'), account=account)

        exchange.exchange_code("081abc")

        assert wechat.sent[0].url.startswith("http://127.0.0.1:8081/wechat/sns/jscode2session?")

    @pytest.mark.parametrize("code", [40029, 40163, 40226])
    def test_a_bad_code_is_the_callers_fault(self, code: int) -> None:
        exchange, _ = client(Reply(200, {}, b'{"errcode":%d,"errmsg":"canary rid: 1"}' % code))

        with pytest.raises(UnprocessableError, match="login_code") as refused:
            exchange.exchange_code("081abc")
        assert "canary" not in str(refused.value)

    @pytest.mark.parametrize("code", [40013, 40125])
    def test_a_bad_secret_is_the_accounts_fault(self, code: int) -> None:
        exchange, _ = client(Reply(200, {}, b'{"errcode":%d,"errmsg":"invalid appsecret"}' % code))

        with pytest.raises(KeysUnavailableError, match="mini_program_secret"):
            exchange.exchange_code("081abc")

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, {}, b'{"errcode":-1,"errmsg":"system error"}'),
            Reply(200, {}, b'{"errcode":45011}'),
            Reply(200, {}, b'{"errcode":"40029"}'),
            Reply(200, {}, b"{}"),
            Reply(200, {}, b'{"openid":""}'),
            Reply(200, {}, b'{"openid":"x\\ny"}'),
            Reply(200, {}, b'{"openid":1}'),
            Reply(200, {}, b"[]"),
            Reply(200, {}, b"<html>"),
            Reply(200, {}, b'{"openid":"a","openid":"b"}'),
            Reply(500, {}, b'{"openid":"o1"}'),
            Reply(302, {}, b'{"openid":"o1"}'),
            PlatformUnavailableError("no answer"),
        ],
    )
    def test_anything_else_may_be_tried_again(self, reply: Any) -> None:
        exchange, _ = client(reply)

        with pytest.raises(PlatformUnavailableError):
            exchange.exchange_code("081abc")

    @pytest.mark.parametrize("code", ["", "a b", "a\nb", "奶", "x" * 257])
    def test_what_is_no_code_is_not_sent(self, code: str) -> None:
        exchange, wechat = client()

        with pytest.raises(UnprocessableError, match="login_code"):
            exchange.exchange_code(code)
        assert not wechat.sent

    def test_without_the_secret_nothing_is_sent(self) -> None:
        exchange, wechat = client(account=settings(mini_program_secret=None))

        with pytest.raises(KeysUnavailableError, match="mini_program_secret"):
            exchange.exchange_code("081abc")
        assert not wechat.sent

    @pytest.mark.parametrize("secret", ["tiny", "<the secret of the mini program>", "your-mini-program-secret-000"])
    def test_A4_a_secret_that_is_none_is_not_sent(self, secret: str) -> None:
        exchange, wechat = client(account=settings(mini_program_secret=secret))

        with pytest.raises(KeysUnavailableError, match="mini_program_secret") as refused:
            exchange.exchange_code("081abc")
        assert secret not in str(refused.value)
        assert not wechat.sent
