"""The merchant's endpoint verifies webhooks by its own reading of the specification, and misbehaves as told."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.simulators.merchant import Simulator

NOW = 1_795_330_860
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
BODY = b'{"type":"order.paid"}'


class Merchant:
    def __init__(self) -> None:
        self.inbox: list[dict[str, Any]] = []
        documents = {"wechat": {"a": {"notices": {"erp": {"channel": "webhook", "secrets": [SECRET]}}}}}
        inbox = SimpleNamespace(add=lambda _kind, entry: self.inbox.append(entry))
        self.simulator = Simulator(SimpleNamespace(now=lambda: NOW), documents, inbox, "", Path())

    def call(self, *, secret: str = SECRET, body: bytes = BODY, at: int = NOW, others: str = "") -> int:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, f"e1.{at}.".encode() + BODY, hashlib.sha256).digest()).decode()
        headers = {"Webhook-Id": "e1", "Webhook-Timestamp": str(at), "Webhook-Signature": f"{others}v1,{mac}"}
        return self.simulator.handle("POST", "/hook", "", headers, body)[0]


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def test_a_genuine_webhook_is_shown_and_its_repetition_too(merchant: Merchant) -> None:
    assert [merchant.call(), merchant.call(others="v1,AAAA v1a,BBBB ")] == [200, 200]

    assert [entry["repeated"] for entry in merchant.inbox] == [False, True]
    assert merchant.inbox[0] == {
        "id": "e1",
        "status": 200,
        "verified": True,
        "repeated": False,
        "body": {"type": "order.paid"},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": f"whsec_{base64.b64encode(bytes(32)).decode()}"},
        {"body": b"{}"},
        {"at": NOW - 301},
        {"at": NOW + 301},
    ],
)
def test_a_webhook_that_is_not_genuine_is_refused(merchant: Merchant, changes: dict[str, Any]) -> None:
    assert merchant.call(**changes) == 401
    assert merchant.inbox[0]["verified"] is False


def test_it_misbehaves_as_told(merchant: Merchant) -> None:
    merchant.simulator.faults({"status": {"count": 2, "status": 503}})
    assert [merchant.call() for _ in range(3)] == [503, 503, 200]
    assert [entry["repeated"] for entry in merchant.inbox] == [False, False, False]

    merchant.simulator.faults({"redirect": 1})
    assert merchant.call() == 302
    merchant.simulator.faults({"huge": 1, "status": 0})
    assert merchant.call() == 200
    with pytest.raises(ValueError, match="unknown faults"):
        merchant.simulator.faults({"slow": 1})


def test_webhooks_without_an_address_are_pointed_here() -> None:
    document = {
        "notices": {
            "erp": {"channel": "webhook", "on": ["order.paid"]},
            "own": {"channel": "webhook", "url": "https://own.example.com/", "secrets": [SECRET]},
            "mail": {"channel": "email"},
        }
    }

    prepared = Simulator.prepare_account(document, "http://127.0.0.1:1/merchant")["notices"]

    assert prepared["erp"]["url"] == "http://127.0.0.1:1/merchant/hook"
    assert len(base64.b64decode(prepared["erp"]["secrets"][0].removeprefix("whsec_"))) == 32
    assert (prepared["own"], prepared["mail"]) == (document["notices"]["own"], document["notices"]["mail"])
    assert Simulator.prepare_account({"mchid": "1"}, "x") == {"mchid": "1"}
    assert "whsec" not in json.dumps(Simulator.throwaway_accounts())
