"""The public vectors of Shopify that this side of it can answer, made and checked by other implementations."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from countersign.errors import InvalidSignatureError
from countersign.platforms.shopify import bus
from tests.platforms.shopify.vector_checks import CHECKS, VectorFailedError, check_webhook

FILE: dict[str, Any] = json.loads(Path("tests/vectors/shopify_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, Mapping[str, Any]] = {
    vector["name"]: vector for vector in FILE["vectors"] if vector["category"] in CHECKS
}
# Judged by the official schemas of five versions, which are installed first: `make vectors` does, and a test of one.
JUDGED_BY_SCHEMAS = "graphql_operation"


@pytest.mark.parametrize("name", [name for name, one in VECTORS.items() if one["category"] != JUDGED_BY_SCHEMAS])
def test_public_vector(name: str) -> None:
    CHECKS[VECTORS[name]["category"]](VECTORS[name])


def test_no_category_of_the_shops_side_is_left_out() -> None:
    assert Counter(vector["category"] for vector in VECTORS.values()) == {
        "webhook_hmac": 23,
        "webhook_hmac_events": 1,
        "webhook_apigw_v2": 2,
        "oauth_query_hmac": 11,
        "oauth_query_hmac_array": 3,
        "oauth_query_hmac_divergent": 2,
        "shop_domain": 1,
        "graphql_throttle": 3,
        "eventbridge_event": 2,
        "cart_permalink": 2,
        "graphql_operation": 17,
        "payments_app_payment_session": 10,
        "payments_app_refund_session": 3,
        "payments_app_capture_session": 1,
        "payments_app_void_session": 1,
    }


def test_a_check_fails_where_the_vector_says_something_else() -> None:
    genuine = VECTORS["wh-pub-03-orders-paid"]
    said = genuine["expect"]["parsed"] | {"total": "53.96"}

    with pytest.raises(VectorFailedError, match=r"total is '53\.95 USD', and should be '53\.96'"):
        check_webhook({**genuine, "expect": genuine["expect"] | {"parsed": said}})
    with pytest.raises(VectorFailedError, match="taken, and it is not genuine"):
        check_webhook({**genuine, "expect": {"valid": False, "reason": "invalid_hmac"}})


@pytest.mark.parametrize(
    "source", ["aws.partner/shopify.com/1/bus2", "aws.partner/shopify.com", "shopify.com/1/bus", ""]
)
def test_an_event_of_another_bus_is_refused(source: str) -> None:
    detail = {"payload": {"id": 1}, "metadata": {"X-Shopify-Shop-Domain": "demo-shop.myshopify.com"}}
    ours = "aws.partner/shopify.com/1/bus"
    assert bus.verify({"source": ours, "detail": detail}, ours).shop == "demo-shop.myshopify.com"

    with pytest.raises(InvalidSignatureError):
        bus.verify({"source": source, "detail": detail}, ours)
