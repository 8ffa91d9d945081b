"""One stack with an app in two shops."""

from collections.abc import Iterator

import pytest
import time_machine
from moto import mock_aws

from tests.platforms.shopify.world import NOW, Shopify, documents, shopify


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(clock: time_machine.Traveller) -> Iterator[Shopify]:
    with mock_aws(), shopify(clock, documents()) as made:
        yield made
