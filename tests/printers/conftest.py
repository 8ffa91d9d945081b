"""Printers over a table in moto."""

import pytest

from tests.printers.counter import Counter
from tests.store.conftest import Counted, dynamodb

__all__ = ["dynamodb"]


@pytest.fixture
def counter(dynamodb: Counted) -> Counter:
    return Counter(dynamodb)
