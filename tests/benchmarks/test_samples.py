"""The figures that a benchmark computes from samples."""

import pytest

from benchmarks.prices import dollars_per_million
from benchmarks.samples import percentile, summary


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (25, 25), (50, 50), (99, 99), (99.5, 100), (100, 100)]
)
def test_percentile(percent: float, value: float) -> None:
    """The percentile of 1 to 100 is the percentage, rounded up to a sample."""
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == value


def test_summary() -> None:
    """Median and quartiles are of all samples, the extremes of the rounds' medians."""
    assert summary("ms", [1.0, 2.0, 9.0, 4.0, 5.0, 6.0], 3) == {
        "p50_ms": 4.5,
        "q1_ms": 2.0,
        "q3_ms": 6.0,
        "p99_ms": None,
        "lowest_round_ms": 2.0,
        "highest_round_ms": 5.0,
    }


@pytest.mark.parametrize(("count", "p99"), [(99, None), (100, 1.0)])
def test_p99_needs_samples(count: int, p99: float | None) -> None:
    """Of fewer than a hundred samples no 99th percentile is given."""
    assert summary("ms", [1.0] * count, 10)["p99_ms"] == p99


def test_dollars() -> None:
    """Two write units, a read unit and 10 ms for each of ten messages cost what AWS lists."""
    figures = {"write_units": 20.0, "read_units": 10.0, "p50_ms": 100.0}
    assert dollars_per_million(figures, 10) == {
        "table_dollars": 1.375,  # 2 x 0.625 + 0.125
        "function_dollars": 0.033,  # 10,000 s x 0.25 GB x 0.0000133334
        "dollars": 1.408,
    }
