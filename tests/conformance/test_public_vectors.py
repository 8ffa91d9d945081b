"""The receiver that the kit is tried with judges every public vector as the vector says: only then it is a measure."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509

from conformance.receivers.readers import READERS, NotTheirs, NotUnderstood, Request
from conformance.signers import rsa_keys

VECTORS = Path(__file__).parents[1] / "vectors"
Json = dict[str, Any]
ACCEPT, REFUSE, NOT_FINAL, EITHER = "accepted", "refused", "not final", "either"
Judged = tuple[str, str, Json, int, Json, str]  # name, reader, values, now, raw request, what is right


def _vectors(name: str) -> list[Json]:
    found: list[Json] = json.loads((VECTORS / f"{name}_public.json").read_text(encoding="utf-8"))["vectors"]
    return found


def wechat() -> Iterator[Judged]:
    words = {"accept": ACCEPT, "reject": REFUSE, "accept_but_not_paid": NOT_FINAL, "unauthenticated": NOT_FINAL}
    for vector in _vectors("wechat"):
        raw, inputs = vector.get("raw_request"), vector["inputs"]
        right = words.get(vector["expect"].get("result"), EITHER if vector["expect"].get("result") == "either" else "")
        if not raw or raw.get("method") != "POST" or not raw["path"].endswith("notify") or not right:
            continue
        keys = []
        for serial, key in (inputs.get("trusted_keys") or {}).items():
            pem = key["pem"]
            if key["kind"] != "wechatpay_public_key":
                public = x509.load_pem_x509_certificate(pem.encode()).public_key()
                pem = rsa_keys.public_pem(public)  # type: ignore[arg-type]
            keys.append({"id": serial, "pem": pem})
        values = {
            "mchid": inputs.get("mchid") or inputs.get("mch_id"),
            "api_v3_key": inputs.get("apiv3_key"),
            "api_v2_key": inputs.get("api_v2_key"),
            "sign_type": inputs.get("configured_sign_type") or "MD5",
            "wechatpay_public_keys": keys,
        }
        reader = "wechat-v2" if "/v2/" in raw["path"] else "wechat"
        yield vector["name"], reader, values, int(inputs.get("now_unix") or 1795330000), raw, right


def douyin() -> Iterator[Judged]:
    data = json.loads((VECTORS / "douyin_public.json").read_text(encoding="utf-8"))
    key = next(pem for name, pem in data["keys"].items() if name.endswith("platform_pub"))
    known = {**data["secrets"], "platform_public_key": key}
    for vector in data["vectors"]:
        reader = {"ecpay_v1_callback": "douyin-ecpay", "trade_basic_callback": "douyin"}.get(vector["family"])
        if reader is None:
            continue
        genuine = bool(vector["expect"].get("signature_valid"))
        right = ACCEPT if vector["expect"].get("accept", genuine) else NOT_FINAL
        right = right if genuine else REFUSE
        right = right if vector.get("normative", True) else EITHER
        order = vector["inputs"].get("order") or {}
        values = {**known, "order": order.get("total_amount")}
        yield vector["name"], reader, values, int(vector["inputs"]["now"]), vector["raw_request"], right


def shopify() -> Iterator[Judged]:
    for vector in _vectors("shopify"):
        if vector["category"] != "webhook_hmac":
            continue
        expect, inputs = vector["expect"], vector["inputs"]
        lenient = expect.get("reason") in ("shop_domain_invalid", "missing_headers")
        right = EITHER if lenient else ACCEPT if expect["valid"] else REFUSE
        # A receiver with two secrets is two receivers: the one that accepts answers.
        secrets = inputs.get("client_secrets") or [inputs["client_secret"]]
        values = {"either": [{"client_secret": secret} for secret in secrets]}
        yield vector["name"], "shopify", values, 1795356900, vector["raw_request"], right


def recharge() -> Iterator[Judged]:
    for vector in _vectors("recharge"):
        if not vector["category"].startswith("recharge_webhook"):
            continue
        inputs = vector["inputs"]
        secrets = inputs.get("client_secrets") or [inputs["client_secret"]]
        right = ACCEPT if vector["expect"]["valid"] else REFUSE
        now = int(inputs.get("now_epoch") or 1795356005)
        values = {"either": [{"client_secret": secret} for secret in secrets]}
        yield vector["name"], "recharge", values, now, vector["raw_request"], right


def others() -> Iterator[Judged]:
    readers = {
        "webhook": "bigcommerce",
        "signed_payload_jwt": "bigcommerce-app",
        "hc1_notification": "hc1",
        "stripe_webhook": "stripe",
    }
    for vector in _vectors("bigcommerce"):
        inputs, expect = vector["inputs"], vector["expect"]
        reader = readers.get(vector["group"])
        if reader is None:
            continue
        codes = expect.get("http_status") or (200 if expect.get("valid") else 401)
        first = codes[0] if isinstance(codes, list) else codes
        lenient = expect.get("reason") in ("malformed_body", "invalid_body")
        right = EITHER if lenient else ACCEPT if first < 300 else REFUSE
        keys = inputs.get("keys") or {}
        values = {
            "client_id": inputs.get("client_id"),
            "client_secret": inputs.get("client_secret"),
            "store_hash": "g5cd38wq1",
            "merchant_id": inputs.get("merchant_id"),
            "webhook_secret": inputs.get("webhook_secret"),
            "keys": keys,
            "hook_token": (inputs.get("configured_custom_headers") or {}).get("x-bc-hook-token"),
        }
        yield vector["name"], reader, values, int(inputs.get("now") or 1763800000), vector["raw_request"], right


def _request(raw: Json, now: int) -> Request:
    coded = raw.get("body_b64") or raw.get("body_base64") or (raw.get("body") if raw.get("is_base64_encoded") else None)
    body = base64.b64decode(coded) if coded else (raw.get("body") or "").encode()
    query = raw.get("query_string") or raw.get("query") or ""
    headers = tuple((name, str(value)) for name, value in (raw.get("headers") or {}).items())
    return Request(headers, body, now, query if isinstance(query, str) else urlencode(query))


ALL = [one for kind in (wechat, douyin, shopify, recharge, others) for one in kind()]


@pytest.mark.parametrize("judged", ALL, ids=[one[0] for one in ALL])
def test_a_public_vector_is_judged_as_it_says(judged: Judged) -> None:
    _, reader, values, now, raw, right = judged
    came, paid = REFUSE, False
    for one in values.get("either") or [values]:
        try:
            news = READERS[reader](one, _request(raw, now), frozenset())
        except (NotTheirs, NotUnderstood):
            continue
        came = ACCEPT
        paid = news.kind == "payment" and news.paid and news.minor == (values.get("order") or news.minor)

    if right == REFUSE:
        assert came == REFUSE
    elif right == ACCEPT:
        assert came != REFUSE
    elif right == NOT_FINAL:
        assert not paid


def test_the_vectors_of_every_platform_are_judged() -> None:
    assert {one[1] for one in ALL} == set(READERS)
    assert len(ALL) > 190
