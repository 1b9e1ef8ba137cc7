"""Compares two versions of the package that are measured in pairs; pure functions.

A pair is one round of both versions. Each pair gives a ratio, and the figure is the median of the
ratios. A slow phase of the machine slows down both versions of a pair and keeps their ratio.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

SIDES: Final = ("base", "current")
"""The package as of a commit, and as it is in the working tree."""

TIMES: Final = {"p50_ms": "p50 per batch, ms", "cpu_ms_per_message": "CPU per message, ms"}
COUNTS: Final = {
    "round_trips": "round trips",
    "write_units": "write units",
    "read_units": "read units",
    "failed": "failed messages",
}
DECIMALS_BELOW: Final = 1_000
TITLES: Final = TIMES | COUNTS

Figures = Mapping[str, Any]
Pair = Mapping[str, Figures]
"""The figures of one round, by side."""


def order_sides(round_number: int, batch_number: int) -> tuple[str, str]:
    """Return the order of the sides. It alternates from batch to batch and from round to round."""
    base, current = SIDES
    swapped = (round_number + batch_number) % 2
    return (current, base) if swapped else (base, current)


def compare(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Compare the figures that all rounds have.

    Returns:
        For each figure: the medians of both sides, or the means for failed messages; "ratio", the
        median of the pairs' ratios of current to base, with the "lowest" and the "highest", None if
        a base is zero; and for a count the "verdict": equal, better, worse, or incomparable.
    """
    names = [name for name in TITLES if all(name in pair[side] for pair in pairs for side in SIDES)]
    figures = {name: _compare_figure(name, pairs) for name in names}
    failed = figures.get("failed", {"base": 0, "current": 0})
    for name in COUNTS.keys() & figures.keys():
        # A failed message costs fewer writes. If both sides fail some, their number varies.
        fails = [side for side in SIDES if failed[side]]
        comparable = len(fails) <= 1 if name == "failed" else not fails
        figures[name]["verdict"] = judge(figures[name], comparable=comparable)
    return figures


def _compare_figure(name: str, pairs: Sequence[Pair]) -> dict[str, Any]:
    base, current = ([pair[side][name] for pair in pairs] for side in SIDES)
    # A median would hide occasional failures.
    average = statistics.fmean if name == "failed" else statistics.median
    averages = {"base": average(base), "current": average(current)}
    if not all(base):
        return {**averages, "ratio": None, "lowest": None, "highest": None}
    ratios = [after / before for before, after in zip(base, current, strict=True)]
    found = {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    return averages | {key: round(ratio, 4) for key, ratio in found.items()}


def judge(count: Figures, *, comparable: bool) -> str:
    """Return the verdict on a count.

    Args:
        count: the medians of both sides.
        comparable: whether both sides did the same work, so that fewer is better.
    """
    if count["base"] == count["current"]:
        return "equal"
    if not comparable:
        return "incomparable"
    return "worse" if count["current"] > count["base"] else "better"


def list_changed(cases: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    """List the counts that are not equal, with their case and both values."""
    return [
        f"{case}: {TITLES[name]} {_format(figure['base'])} -> {_format(figure['current'])} "
        f"({figure['verdict']})"
        for case, figures in cases.items()
        for name, figure in figures.items()
        if figure.get("verdict", "equal") != "equal"
    ]


def is_worse(cases: Mapping[str, Mapping[str, Figures]]) -> bool:
    """Return whether a count of any case became worse. Times are reported, never judged."""
    return any(
        figure.get("verdict") == "worse"
        for figures in cases.values()
        for figure in figures.values()
    )


def format_comparison(case: str, figures: Mapping[str, Figures]) -> str:
    """Format the figures of a case as a table."""
    lines = [f"{case:24}{'base':>10}{'current':>10}{'ratio':>9}   lowest - highest"]
    for name, figure in figures.items():
        line = f"  {TITLES[name]:22}{_format(figure['base']):>10}"
        line += f"{_format(figure['current']):>10}"
        if figure["ratio"] is not None:
            spread = f"{figure['lowest']:.3f} - {figure['highest']:.3f}"
            line += f"{figure['ratio']:9.3f}   {spread}"
        lines.append(line)
    return "\n".join(lines)


def format_figures(case: str, contenders: Mapping[str, Figures]) -> str:
    """Format the figures of a case without a comparison as a table."""
    lines = [f"{case:24}" + "".join(f"{name:>12}" for name in contenders)]
    for name, title in TITLES.items():
        cells = [figures[name] for figures in contenders.values() if name in figures]
        if cells:
            lines.append(f"  {title:22}" + "".join(f"{_format(cell):>12}" for cell in cells))
    return "\n".join(lines)


def _format(value: float) -> str:
    """Format a value with four digits, or with all digits before its point."""
    return f"{value:.4g}" if value < DECIMALS_BELOW else f"{value:.0f}"
