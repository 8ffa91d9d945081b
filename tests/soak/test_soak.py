"""E12: nothing is lost, doubled or left unpublished while everything but the data plane is killed again and again."""

import pytest

from tests.soak.soak import soak


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_e12_two_thousand_payments_under_fifty_kills() -> None:
    assert soak(payments=2000, rate=22.0, kills=50)
