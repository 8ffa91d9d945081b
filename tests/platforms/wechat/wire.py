"""A stand-in for WeChat's API: it keeps what was sent, checks it without our code, and answers as told."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from countersign.platforms.wechat.client import Client
from countersign.platforms.wechat.settings import Settings
from tests.platforms.wechat.support import (
    MCHID,
    MERCHANT,
    NOW,
    expat_read,
    merchant_public_key,
    settings,
    sign_v2,
    signature_headers,
    signed_v2,
)


@dataclass
class Reply:
    """One HTTP answer."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


@dataclass
class Sent:
    """One call as it was received."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def target(self) -> str:
        """The path and query on the wire."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def json(self) -> Any:
        """The body of a v3 call."""
        return json.loads(self.body)

    @property
    def fields(self) -> dict[str, str]:
        """The body of a v2 call."""
        return expat_read(self.body)

    def is_signed_v3(self) -> bool:
        """Check the Authorization header as WeChat does; raises if it is not good."""
        scheme, _, pairs = self.headers["Authorization"].partition(" ")
        told = dict(re.findall(r'(\w+)="([^"]*)"', pairs))
        text = f"{self.method}\n{self.target}\n{told['timestamp']}\n{told['nonce_str']}\n".encode() + self.body + b"\n"
        merchant_public_key().verify(base64.b64decode(told["signature"]), text, padding.PKCS1v15(), hashes.SHA256())
        return (scheme, told["mchid"], told["serial_no"], told["timestamp"]) == (
            "WECHATPAY2-SHA256-RSA2048",
            MCHID,
            MERCHANT["serial"],
            str(NOW),
        )

    def is_signed_v2(self, sign_type: str = "MD5") -> bool:
        """Tell whether the sign of a v2 call is right."""
        return self.fields["sign"] == sign_v2(self.fields, sign_type=sign_type)


@dataclass
class Wechat:
    """A session that answers from a list."""

    replies: list[Reply | Exception]
    sent: list[Sent] = field(default_factory=list)

    def request(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Take one call and give the next answer."""
        self.sent.append(Sent(method, url, data or b"", headers or {}))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @contextmanager
    def fetch(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Take one call and give the next answer in small pieces."""
        reply = self.request(method, url, data=data, headers=headers)
        pieces = (reply.content[at : at + 7] for at in range(0, len(reply.content), 7))
        yield reply.status_code, pieces


def answer(content: Any = None, status: int = 200, **signing: Any) -> Reply:
    """Return a signed v3 answer; None is an empty body."""
    body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
    headers = {name.title(): value for name, value in signature_headers(body, **signing).items()}
    return Reply(status, {**headers, "Content-Type": "application/json", "Request-Id": "x"}, body)


def refusal(code: str, status: int) -> Reply:
    """Return a signed v3 error."""
    return answer({"code": code, "message": "canary 说明", "detail": {"field": "/x"}}, status)


def answer_v2(**fields: str) -> Reply:
    """Return a signed v2 answer."""
    common = {"return_code": "SUCCESS", "return_msg": "OK", "appid": "wxa1b2c3d4e5f60718", "mch_id": MCHID}
    content = {**common, "nonce_str": "n1", "result_code": "SUCCESS", **fields}
    return Reply(200, {"Content-Type": "text/plain"}, signed_v2({k: v for k, v in content.items() if v}))


def refusal_v2(code: str) -> Reply:
    """Return a signed v2 error."""
    return answer_v2(result_code="FAIL", err_code=code, err_code_des="canary 说明")


def client(*replies: Reply | Exception, account: Settings | None = None) -> tuple[Client, Wechat]:
    """Return a client whose calls get these answers, one by one."""
    wechat = Wechat(list(replies))
    own = account or settings()
    nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
    return Client(wechat, own, now=lambda: NOW, nonce=lambda: nonce, certified=lambda: wechat), wechat


def query_of(url: str) -> dict[str, str]:
    """Return the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
