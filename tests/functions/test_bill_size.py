"""A large bill needs more time and no more memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "bill.py"


def taken(lines: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--one", str(lines)], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def growth(small: int, large: int) -> float:
    """Return how much more memory the larger bill takes, as a ratio."""
    one, other = taken(small), taken(large)
    for lines, run in ((small, one), (large, other)):
        print(f"{lines} lines: {run['seconds']} s, {run['peak_mb']} MB")
    assert one["differences"] == other["differences"] == 3
    return other["peak_mb"] / one["peak_mb"]


def test_six_times_the_lines_take_no_more_memory() -> None:
    # Were they held, the larger one would take half as much again; more lines would say the same and take longer.
    assert growth(5_000, 30_000) < 1.15


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_half_a_million_lines_take_no_more_memory_than_fifty_thousand() -> None:
    assert growth(50_000, 500_000) < 1.15
