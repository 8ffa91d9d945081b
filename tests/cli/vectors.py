"""Every request of the public vectors that a door of the product takes or refuses, as `countersign verify` is given it.

Left out, for no request of them comes in by a door of the product: what we send, answers to our own calls, and
Shopify's session tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.infra.reading import ROOT
from tests.platforms.douyin import support as douyin

Json = dict[str, Any]
Vector = Mapping[str, Any]
CLIENT_ID = "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h"


class Case(NamedTuple):
    """One vector: the documents and the request that the command reads, and whether the request is taken."""

    name: str
    platform: str
    document: Json
    request: Json
    at: int
    taken: bool
    store: Json
    door: str | None = None


def vectors(platform: str) -> list[Json]:
    path = ROOT / "tests" / "vectors" / f"{platform}_public.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["vectors"])


def cases() -> list[Case]:
    return [case for make in MAKERS for case in make()]


def _wechat() -> Iterator[Case]:
    for vector in vectors("wechat"):
        raw, expect, inputs = vector.get("raw_request"), vector["expect"]["result"], vector["inputs"]
        if not raw or expect == "sign_equals" or not vector["name"].startswith(("v2-", "v3-", "push-")):
            continue
        trusted = (inputs.get("trusted_keys") or {}).items()
        is_v3 = "apiv3_key" in inputs
        document: Json = {
            "mchid": inputs.get("mchid") or inputs.get("mch_id") or "1900000109",
            "appid": inputs.get("appid", "wx0000000000000000"),
            "api": "v3" if is_v3 else "v2",
            "api_v3_keys": [inputs["apiv3_key"]] if is_v3 else [],
            "api_v2_keys": [inputs["api_v2_key"]] if "api_v2_key" in inputs else ["an-api-v2-key-that-is-not-used-0"],
            "v2_sign_type": inputs.get("configured_sign_type") or "MD5",
            "wechatpay_public_keys": [
                {"id": name, "pem": key["pem"]} for name, key in trusted if key["kind"] == "wechatpay_public_key"
            ],
            "platform_certificates": [key["pem"] for _, key in trusted if key["kind"] == "platform_certificate"],
        }
        is_push = vector["name"].startswith("push-")
        if is_push:
            keys = [inputs["encoding_aes_key"]] if "encoding_aes_key" in inputs else []
            document["push"] = {
                "mode": inputs.get("encrypt_mode", "secure"),
                "token": inputs["token"],
                "encoding_aes_keys": keys,
            }
        at = int(inputs.get("now_unix") or (raw.get("query") or {}).get("timestamp") or 1_795_330_000)
        taken = expect != "reject" and vector["name"] != "v3-authentic-other-mchid"
        door = "push" if is_push else "notify"
        yield Case(vector["name"], "wechat", document, dict(raw), at, taken, {}, door)


def _douyin() -> Iterator[Case]:
    for vector in vectors("douyin"):
        if not vector["family"].endswith("_callback"):
            continue
        expect = vector["expect"]
        # What is too old is taken as a hint, and another amount is a question that is asked about the order.
        refused = not expect["signature_valid"] or expect.get("reason") in ("type_msg_mismatch", "app_id_mismatch")
        yield Case(
            vector["name"],
            "douyin",
            douyin.document(),
            dict(vector["raw_request"]),
            vector["inputs"]["now"],
            not refused,
            {},
        )


def _recharge() -> Iterator[Case]:
    for vector in vectors("recharge"):
        if "webhook" not in vector["category"]:
            continue
        inputs = vector["inputs"]
        document = {
            "api_token": "sk_1x1_vectors_token",
            "client_secrets": inputs.get("client_secrets") or [inputs["client_secret"]],
            "currency": "USD",
            "require_timestamped": inputs.get("require_timestamped", False),
        }
        at, taken = int(inputs.get("now_epoch") or 1795356005), vector["expect"]["valid"]
        yield Case(vector["name"], "recharge", document, dict(vector["raw_request"]), at, taken, {})


def _shopify() -> Iterator[Case]:
    for vector in vectors("shopify"):
        category, inputs, raw = vector["category"], vector["inputs"], vector.get("raw_request") or {}
        taken = vector["expect"].get("valid", True) is not False
        secrets = inputs.get("client_secrets") or [inputs.get("client_secret", "a-client-secret-that-is-not-used")]
        document = {"client_secrets": secrets, "events": category.endswith("_events")}
        if category.startswith("webhook"):
            request = dict(raw.get("apigw_v2_event") or raw)
            if "apigw_v2_event" in raw:
                request.setdefault("requestContext", {"http": {"method": "POST"}})
            yield Case(vector["name"], "shopify", document, request, 0, taken, {}, "webhook")
        elif category in ("oauth_query_hmac", "oauth_query_hmac_array"):
            if inputs.get("expected_state") not in (None, dict(_pairs(raw["query_string"])).get("state")):
                continue  # the state is the function's to compare, with what it sent itself
            at = int(inputs.get("now_epoch") or dict(_pairs(raw["query_string"])).get("timestamp") or 0)
            request = {"method": "GET", "path": "/shopify/app/install", "query_string": raw["query_string"]}
            if inputs.get("now_epoch") is not None or not taken:
                yield Case(vector["name"], "shopify", document, request, at, taken, {}, "query")
        elif category == "eventbridge_event":
            request = {"method": "POST", "path": "/", "body": json.dumps(raw["eventbridge_event"])}
            store = {"source": inputs["expected_source_prefix"]}
            yield Case(vector["name"], "shopify", document, request, 0, taken, store, "event")
        elif category.startswith("payments_app_"):
            about = category.removeprefix("payments_app_").replace("_", "-")
            request = {**raw, "path": f"/shopify/app/{about}"}
            store = {"shops": inputs["installed_shops"]}
            yield Case(vector["name"], "shopify", document, request, 0, taken, store, "session")


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&"):
        name, _, value = part.partition("=")
        yield name, value


def _bigcommerce() -> Iterator[Case]:
    for vector in vectors("bigcommerce"):
        group, inputs, expect = vector["group"], vector["inputs"], vector["expect"]
        raw = vector.get("raw_request") or {}
        if group not in ("webhook", "signed_payload_jwt", "legacy_signed_payload", "current_customer_jwt"):
            continue
        document = {
            "client_id": inputs.get("client_id", CLIENT_ID),
            "client_secrets": [inputs["client_secret"]],
            "cashier": "hc1/main",
        }
        case = Case(vector["name"], "bigcommerce", document, {}, int(inputs["now"]), expect["valid"], {})
        if group == "webhook":
            token = (inputs.get("configured_custom_headers") or {}).get("x-bc-hook-token")
            store = {
                "store_hash": "g5cd38wq1",
                "webhook_mode": inputs["mode"],
                **({"hook_token": token} if token else {}),
            }
            yield case._replace(request={"path": "/", **raw}, store=store, door="webhook")
        elif group == "current_customer_jwt":
            wish = {
                "store_hash": inputs["expected_store_hash"],
                "order_id": 1,
                "cart_id": "a0e1f2c3-0000-4000-8000-000000000000",
                "customer_jwt": inputs["token"],
            }
            request = {"path": "/bigcommerce/app/payments", "body": json.dumps(wish)}
            yield case._replace(request=request, door="payments")
        else:
            request = {"method": "GET", "path": "/load", "query_string": raw["query_string"]}
            yield case._replace(request=request, door="visit")


def _cashier() -> Iterator[Case]:
    for vector in vectors("cashier"):
        group, inputs, expect = vector["group"], vector["inputs"], vector["expect"]
        if group == "hc1_notification":
            document: Json = {
                "merchant_id": inputs["merchant_id"],
                "keys": [{"id": name, "secret": secret} for name, secret in inputs["keys"].items()],
                "base_url": "https://gateway.example.com",
                "cashier_hosts": ["cashier.example.com"],
            }
            platform = "hc1"
        elif group == "stripe_webhook":
            document = {"api_key": "sk_test_of_the_vectors", "webhook_secrets": [inputs["webhook_secret"]]}
            platform = "stripe"
        else:
            continue
        taken = expect["reason"] == "ok"
        yield Case(vector["name"], platform, document, dict(vector["raw_request"]), int(inputs["now"]), taken, {})


MAKERS: tuple[Callable[[], Iterator[Case]], ...] = (_wechat, _douyin, _recharge, _shopify, _bigcommerce, _cashier)
