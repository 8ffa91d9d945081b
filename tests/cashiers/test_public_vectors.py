"""Every public vector of the cashiers, made and checked by other implementations."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cashiers.vector_checks import CHECKS, VectorFailedError, check_notification, check_request

FILE: dict[str, Any] = json.loads(Path("tests/vectors/cashier_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in FILE["vectors"]}


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if vector["group"] in CHECKS])
def test_public_vector(name: str) -> None:
    CHECKS[VECTORS[name]["group"]](VECTORS[name])


def test_no_group_of_the_public_vectors_is_left_out() -> None:
    counts = Counter(vector["group"] for vector in VECTORS.values() if vector["group"] in CHECKS)

    assert counts == {
        "hc1_request": 7,
        "hc1_notification": 28,
        "hc1_response": 5,
        "hc1_sequence": 1,
        "stripe_webhook": 10,
        "settlement": 19,
    }


def test_a_check_fails_where_the_vector_says_something_else() -> None:
    genuine, request = VECTORS["hc1_notification/valid_succeeded"], VECTORS["hc1_request/create_usd"]

    with pytest.raises(VectorFailedError, match="told paid"):
        check_notification({**genuine, "expect": genuine["expect"] | {"normalized_status": "FAILED"}})
    with pytest.raises(VectorFailedError, match="it must be refused"):
        check_notification({**genuine, "expect": {"reason": "bad_signature", "http_status": 401}})
    with pytest.raises(VectorFailedError, match="HC-Signature"):
        check_request({**request, "raw_request": request["raw_request"] | {"body": "{}"}})
