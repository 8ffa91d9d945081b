"""Webhooks to the merchant: Standard Webhooks to the letter, and nothing about people in them (property G2)."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from countersign.errors import KeysUnavailableError, PlatformUnavailableError
from countersign.notices import webhook
from countersign.notices.channels import webhook as channel
from countersign.notices.webhook import Envelope, WebhookSettings
from countersign.orders.present import order_json
from countersign.runtime.webhook_http import AddressRefusedError
from countersign.signing.credentials import Secret
from tests.printers.counter import order

# The specification's own example, as its libraries in several languages test it.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = Envelope("msg_p5jXN8AQM9LWM0D4loKWxJek", "test", 0, b'{"test": 2432232314}')
VECTOR_TIME = 1614265330
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

CURRENT = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
PREVIOUS = f"whsec_{base64.b64encode(bytes(range(64))).decode()}"
URL = "https://hooks.example.com/countersign"
NOW = 1_795_330_860
DETAIL = {"id": "order.paid.e1", "platform": "wechat", "account": "shop", "order_id": "A-1", "version": 2}


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Verify with the specification's own library."""
    with time_machine.travel(int(headers["webhook-timestamp"]), tick=False):
        try:
            Webhook(secret).verify(body, dict(headers))
        except WebhookVerificationError:
            return False
    return True


def test_G2_the_specifications_example() -> None:
    headers = webhook.headers(VECTOR, [Secret(VECTOR_SECRET)], now=VECTOR_TIME)

    assert headers == {
        "content-type": "application/json",
        "webhook-id": VECTOR.id,
        "webhook-timestamp": str(VECTOR_TIME),
        "webhook-signature": VECTOR_SIGNATURE,
    }


def test_G2_both_secrets_sign_while_they_change() -> None:
    settings = webhook.load({"url": URL, "secrets": [CURRENT, PREVIOUS]}, trusted=())

    headers = webhook.headers(VECTOR, settings.secrets, now=NOW)

    assert headers["webhook-signature"].count("v1,") == 2
    assert verified(headers, VECTOR.body, CURRENT)
    assert verified(headers, VECTOR.body, PREVIOUS)
    assert not verified(headers, VECTOR.body + b" ", CURRENT)


def sent_order(**terms: Any) -> dict[str, Any]:
    view = order_json(order(**terms))
    view["refunds"] = [{"refund_id": "r1", "status": "requested", "reason": "张三 13800138000", "requested_by": "anna"}]
    view["review"] = [{"review_id": "q", "reason": "double_payment", "evidence": ["secret evidence"]}]
    view["events"] = [{"event_id": "e1", "digest": "d"}]
    return view


def test_G2_the_message_names_the_event_and_the_orders_version_and_nobody() -> None:
    view = sent_order(description="给张三的生日蛋糕", metadata=(("phone", "13800138000"), ("remark", "张三收")))

    made = webhook.envelope("order.paid.e1", DETAIL, "order.paid", view, at=NOW)

    content = json.loads(made.body)
    assert (made.id, made.event, made.at) == ("order.paid.e1", "order.paid", NOW)
    assert (content["type"], content["timestamp"]) == ("order.paid", "2026-11-22T07:01:00Z")
    assert content["data"] | DETAIL == content["data"]
    assert content["data"]["order"]["version"] == view["version"]
    assert content["data"]["order"]["paid"] == {"minor": 8800, "currency": "CNY"}
    assert content["data"]["order"]["refunds"][0]["refund_id"] == "r1"
    text = made.body.decode()
    assert not any(word in text for word in ("张三", "13800138000", "蛋糕", "anna", "evidence", "digest"))
    assert len(made.body) < 4096


def test_G2_the_id_and_the_body_are_the_same_on_every_attempt() -> None:
    first, second = (webhook.envelope("e1", DETAIL, "order.paid", sent_order(), at=NOW) for _ in range(2))
    key = [Secret(CURRENT)]

    early, late = (webhook.headers(one, key, now=now) for one, now in ((first, NOW), (second, NOW + 300)))

    assert first == second
    assert early["webhook-id"] == late["webhook-id"]
    assert (early["webhook-timestamp"], late["webhook-timestamp"]) == (str(NOW), str(NOW + 300))
    assert verified(late, second.body, CURRENT)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "url is missing"),
        ({"url": 5, "secrets": [CURRENT]}, "url is missing"),
        ({"url": "http://hooks.example.com/", "secrets": [CURRENT]}, "url is not https"),
        ({"url": "https://169.254.169.254/", "secrets": [CURRENT]}, "url names no public host"),
        ({"url": "https://shop:word@hooks.example.com/", "secrets": [CURRENT]}, "url holds a user or password"),
        ({"url": URL}, "secrets is not a list"),
        ({"url": URL, "secrets": []}, "secrets is not a list"),
        ({"url": URL, "secrets": CURRENT}, "secrets is not a list"),
        ({"url": URL, "secrets": [CURRENT, PREVIOUS, CURRENT]}, "secrets is not a list"),
        ({"url": URL, "secrets": [""]}, r"secrets\[0\] is empty"),
        ({"url": URL, "secrets": [CURRENT, None]}, r"secrets\[1\] is not text"),
        ({"url": URL, "secrets": ["whsec_<your secret here, please>"]}, r"secrets\[0\] is a placeholder"),
        ({"url": URL, "secrets": [VECTOR_SECRET]}, r"secrets\[0\] is the sample"),
        ({"url": URL, "secrets": [CURRENT.removeprefix("whsec_")]}, r"secrets\[0\] is not whsec_ and base64"),
        ({"url": URL, "secrets": [CURRENT + "="]}, r"secrets\[0\] is not whsec_ and base64"),
        ({"url": URL, "secrets": ["whsec_" + base64.b64encode(bytes(range(23))).decode()]}, "must hold 24 to 64"),
        ({"url": URL, "secrets": ["whsec_" + base64.b64encode(bytes(range(65))).decode()]}, "must hold 24 to 64"),
    ],
)
def test_a_wrong_webhook_is_refused_by_its_field_and_never_by_its_value(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(KeysUnavailableError, match=problem) as refusal:
        webhook.load(document, trusted=())

    assert "hooks.example.com" not in str(refusal.value)
    assert "AAEC" not in str(refusal.value)


def test_a_trusted_origin_may_be_inside_the_merchants_own_network() -> None:
    settings = webhook.load(
        {"url": "http://10.0.0.5:8080/hook", "secrets": [CURRENT]}, trusted={"http://10.0.0.5:8080"}
    )

    assert settings.url == "http://10.0.0.5:8080/hook"
    assert CURRENT not in repr(settings)


class Endpoint:
    """An answer of the merchant's endpoint."""

    def __init__(self, answer: int | Exception) -> None:
        self.answer = answer
        self.calls: list[tuple[str, bytes, Mapping[str, str]]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.calls.append((url, body, headers))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (200, "sent", ""),
        (204, "sent", ""),
        (410, "failed", "the merchant's endpoint answered HTTP 410: it wants no more"),
        (302, "again", "the merchant's endpoint answered HTTP 302: redirects are not followed"),
        (304, "again", "the merchant's endpoint answered HTTP 304: redirects are not followed"),
        (400, "again", "the merchant's endpoint answered HTTP 400"),
        (404, "again", "the merchant's endpoint answered HTTP 404"),
        (500, "again", "the merchant's endpoint answered HTTP 500"),
        (101, "again", "the merchant's endpoint answered HTTP 101"),
        (
            PlatformUnavailableError("no answer: not in time"),
            "again",
            "the merchant's endpoint: no answer: not in time",
        ),
        (
            AddressRefusedError("leads to an address that is not public"),
            "failed",
            "the webhook's address leads to an address that is not public",
        ),
    ],
)
def test_E15_what_each_answer_means(answer: int | Exception, state: str, reason: str) -> None:
    endpoint = Endpoint(answer)
    settings = WebhookSettings(URL, (Secret(CURRENT),))

    outcome = channel.send(settings, VECTOR, session=endpoint, now=NOW)

    assert outcome == (state, reason, "webhook")
    ((url, body, headers),) = endpoint.calls
    assert (url, body) == (URL, VECTOR.body)
    assert verified(headers, body, CURRENT)
