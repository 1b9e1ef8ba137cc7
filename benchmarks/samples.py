"""Statistics of a series of samples."""

import math
import statistics
from collections.abc import Sequence
from typing import Final

ENOUGH_FOR_P99: Final = 100
"""With fewer samples, the 99th percentile would be the maximum."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that ``percent`` per cent of all do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def summary(unit: str, values: Sequence[float], per_round: int) -> dict[str, float | None]:
    """Return median, quartiles, 99th percentile, and the lowest and highest median of a round.

    Args:
        unit: the suffix of the figures' names.
        values: the values in the order of measurement.
        per_round: the number of values in a round.
    """
    rounds = [values[at : at + per_round] for at in range(0, len(values), per_round)]
    medians = [statistics.median(each) for each in rounds]
    figures = {
        "p50": statistics.median(values),
        "q1": percentile(values, 25),
        "q3": percentile(values, 75),
        "p99": percentile(values, 99) if len(values) >= ENOUGH_FOR_P99 else None,
        "lowest_round": min(medians),
        "highest_round": max(medians),
    }
    return {
        f"{name}_{unit}": None if value is None else round(value, 3)
        for name, value in figures.items()
    }
