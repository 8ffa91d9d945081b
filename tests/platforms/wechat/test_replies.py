"""The exact words that WeChat wants."""

import json

import pytest

from countersign.errors import (
    CountersignError,
    KeysUnavailableError,
    MalformedError,
    NotFoundError,
    SignatureProbeError,
    TooLargeError,
)
from countersign.platforms.wechat import replies, signing, xml
from tests.platforms.wechat.support import notice_v2, notice_v3, request


def test_v2_wants_this_text_and_no_other() -> None:
    reply = replies.accepted("v2")

    assert (reply.status, reply.content_type) == (200, "text/xml")
    assert reply.body == (
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
    )


def test_v3_wants_the_status_only() -> None:
    assert (replies.accepted("v3").status, replies.accepted("v3").body) == (204, "")


REFUSALS = [
    (MalformedError("canary"), 400),
    (SignatureProbeError("canary"), 401),
    (NotFoundError("canary"), 404),
    (TooLargeError("canary"), 413),
    (KeysUnavailableError("canary"), 503),
]


@pytest.mark.parametrize(("error", "status"), REFUSALS)
def test_a_refusal_has_its_status_and_only_the_name_of_its_reason(error: CountersignError, status: int) -> None:
    classic, modern = replies.refused("v2", error), replies.refused("v3", error)

    assert (classic.status, modern.status) == (status, status)
    assert xml.read(classic.body.encode()) == {"return_code": "FAIL", "return_msg": type(error).__name__}
    assert json.loads(modern.body) == {"code": "FAIL", "message": type(error).__name__}
    assert "canary" not in classic.body + modern.body


def test_the_version_is_known_from_body_or_headers() -> None:
    assert signing.system_of(notice_v3()) == "v3"
    assert signing.system_of(notice_v2()) == "v2"
    assert signing.system_of(request(b"{}")) == "v3"
    assert signing.system_of(request(b"garbage", {"wechatpay-signature": "x"})) == "v3"
    assert signing.system_of(request(b"")) == "v2"
