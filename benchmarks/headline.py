"""The most important figures, and their limits."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from benchmarks.cases import BASE, LARGE, REPEATED, SINGLE, SLOW

Report = Mapping[str, Any]


class Target(NamedTuple):
    """A limit.

    Attributes:
        meaning: the meaning of the figure.
        limit: the limit.
        contains: the comparison that a figure within the limit passes.
        counts: whether the figure is a count, the same in every run, and not a time.
    """

    meaning: str
    limit: float
    contains: Callable[[float, float], bool] = operator.le
    counts: bool = False


TARGETS: Final[Mapping[str, Target]] = {
    "round_trips_batch10": Target("calls of a batch of 10", 2, counts=True),
    "write_units_batch10": Target("write units of a batch of 10", 20, counts=True),
    "duplicates_round_trips_batch10": Target("calls of 10 duplicates", 2, counts=True),
    "p50_vs_floor": Target("p50 of a batch of 10, against the floor", 1.25),
    "p50_vs_powertools": Target("p50 of a batch of 10, against Powertools", 0.125),
    "cpu_vs_floor": Target("CPU per message, against the floor", 1.4),
    "cpu_vs_powertools": Target("CPU per message, against Powertools", 1 / 6),
    "batch100_vs_batch10": Target("p50 of a batch of 100, against one of 10", 4),
    "batch1_vs_powertools": Target("p50 of a single message, against Powertools", 1),
    "cold_start_vs_boto3": Target("CPU until ready, against a bare boto3 client", 1.15),
    "cold_start_vs_powertools": Target("CPU until ready, against Powertools", 1, operator.lt),
    "zip_kb": Target("deployed zip, KB", 100, counts=True),
    "slow_processor_ms": Target("p50 of a batch of 10 with a processor of 20 ms, ms", 231),
}


def headline(report: Report) -> dict[str, float]:
    """Return the figures by the names of `TARGETS`; a comparison is ours divided by the other."""
    cases, starts = report["cases"], report["cold_starts"]

    def ratio(figure: str, other: str, case: str = BASE.name) -> float:
        return float(cases[case]["ours"][figure] / cases[case][other][figure])

    base = cases[BASE.name]["ours"]
    ready = starts["ours"]["p50_ready_cpu_ms"]
    figures = {
        "round_trips_batch10": base["round_trips"],
        "write_units_batch10": base["write_units"],
        "duplicates_round_trips_batch10": cases[REPEATED.name]["ours"]["round_trips"],
        "p50_vs_floor": ratio("p50_ms", "floor"),
        "p50_vs_powertools": ratio("p50_ms", "powertools"),
        "cpu_vs_floor": ratio("cpu_ms_per_message", "floor"),
        "cpu_vs_powertools": ratio("cpu_ms_per_message", "powertools"),
        "batch100_vs_batch10": cases[LARGE.name]["ours"]["p50_ms"] / base["p50_ms"],
        "batch1_vs_powertools": ratio("p50_ms", "powertools", SINGLE.name),
        "cold_start_vs_boto3": ready / starts["boto3_client"]["p50_ready_cpu_ms"],
        "cold_start_vs_powertools": ready / starts["powertools"]["p50_ready_cpu_ms"],
        "zip_kb": report["sizes"]["ours"],
        "slow_processor_ms": cases[SLOW.name]["ours"]["p50_ms"],
    }
    return {name: round(value, 3) for name, value in figures.items()}


def judged(figures: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return each target with its limit and whether it holds."""
    return {
        name: {
            "limit": round(target.limit, 3),
            "holds": target.contains(figures[name], target.limit),
            "counts": target.counts,
        }
        for name, target in TARGETS.items()
    }
