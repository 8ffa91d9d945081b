"""A world for each case."""

from collections.abc import Iterator

import pytest

from tests.cases import kit


@pytest.fixture
def world() -> Iterator[kit.World]:
    with kit.world() as made:
        yield made
