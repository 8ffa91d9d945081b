"""The window around now, and what is a time at all."""

import pytest

from countersign.errors import InvalidSignatureError, StaleTimestampError
from countersign.signing import freshness

NOW = 1_795_328_845


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_A15_a_time_inside_the_window_is_taken(offset: int) -> None:
    assert freshness.check(str(NOW + offset), now=NOW, back=300, ahead=300) == NOW + offset


@pytest.mark.parametrize("offset", [-700_000_000, -86_400, -301, 301, 86_400])
def test_A15_a_time_outside_the_window_is_stale(offset: int) -> None:
    with pytest.raises(StaleTimestampError):
        freshness.check(str(NOW + offset), now=NOW, back=300, ahead=300)


def test_both_sides_of_the_window_are_their_own() -> None:
    assert freshness.check(str(NOW - 172_800), now=NOW, back=172_800, ahead=10)
    with pytest.raises(StaleTimestampError):
        freshness.check(str(NOW + 11), now=NOW, back=172_800, ahead=10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "inf",
        "-1",
        "-795328845",
        "+795328845",
        f" {NOW}",
        f"{NOW} ",
        f"{NOW}\n",
        f"{NOW}.9",
        f"{NOW}000",
        "1_95328845",
        "1.7953e+09",
        "0x6B02A1CD",
        "１７９５３２８８４５",
        "²795328845",
        "179532884\ud800",
    ],
)
def test_A15_only_ten_ascii_digits_are_a_time(text: str) -> None:
    with pytest.raises(InvalidSignatureError) as refusal:
        freshness.check(text, now=NOW, back=300, ahead=300)
    assert not isinstance(refusal.value, StaleTimestampError)
