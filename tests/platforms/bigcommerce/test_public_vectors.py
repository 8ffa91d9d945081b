"""Every public vector of a store's orders, deliveries and calls, made and checked by other implementations."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.bigcommerce.app.vector_checks import VectorFailedError
from tests.platforms.bigcommerce.vector_checks import CHECKS, check_delivery, check_proof

FILE: dict[str, Any] = json.loads(Path("tests/vectors/bigcommerce_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in FILE["vectors"] if entry["group"] in CHECKS}


@pytest.mark.parametrize("name", VECTORS)
def test_public_vector(name: str) -> None:
    CHECKS[VECTORS[name]["group"]](VECTORS[name])


def test_every_category_of_the_payments_half_is_there() -> None:
    assert Counter(vector["group"] for vector in VECTORS.values()) == {
        "order_v2": 38,
        "webhook": 31,
        "create_payment_proof": 25,
        "api_response": 9,
        "order_status_put": 2,
        "webhook_sequence": 1,
        "hook_create_request": 1,
    }


def test_a_check_fails_where_the_vector_says_something_else() -> None:
    proven, delivered = VECTORS["create_payment_proof/valid_guest_cart_id"], VECTORS["webhook/valid_status_updated"]

    with pytest.raises(VectorFailedError, match="comes to"):
        check_proof({**proven, "expect": {**proven["expect"], "amount": {"value": 1, "currency": "USD"}}})
    with pytest.raises(VectorFailedError, match="taken, and it is not genuine"):
        check_delivery({**delivered, "expect": {**delivered["expect"], "valid": False}})
