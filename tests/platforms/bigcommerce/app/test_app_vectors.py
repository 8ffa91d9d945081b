"""Every public vector of the app's own calls, made and checked by other implementations."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.bigcommerce.app.vector_checks import CHECKS, VectorFailedError, check_install, check_visit

FILE: dict[str, Any] = json.loads(Path("tests/vectors/bigcommerce_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in FILE["vectors"] if entry["group"] in CHECKS}


@pytest.mark.parametrize("name", VECTORS)
def test_public_vector(name: str) -> None:
    CHECKS[VECTORS[name]["group"]](VECTORS[name])


def test_every_category_of_the_app_is_there() -> None:
    assert Counter(vector["group"] for vector in VECTORS.values()) == {
        "signed_payload_jwt": 34,
        "oauth_auth_callback": 13,
        "current_customer_jwt": 12,
        "legacy_signed_payload": 8,
    }


def test_a_check_fails_where_the_vector_says_something_else() -> None:
    genuine = VECTORS["signed_payload_jwt/valid_load_owner"]
    made = VECTORS["oauth_auth_callback/valid_install"]

    with pytest.raises(VectorFailedError, match="taken, and it is not genuine"):
        check_visit({**genuine, "expect": {**genuine["expect"], "valid": False}})
    with pytest.raises(VectorFailedError, match="installed, and must not be"):
        check_install({**made, "expect": {**made["expect"], "http_status": 403}})
