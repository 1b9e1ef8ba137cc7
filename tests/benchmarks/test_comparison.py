"""Two versions are compared pair by pair."""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks import fleet
from benchmarks.cases import Case
from benchmarks.comparison import (
    compare,
    format_comparison,
    format_figures,
    is_worse,
    judge,
    list_changed,
    order_sides,
)
from benchmarks.fleet import ROOT, Location
from benchmarks.measurement import Run, measure_pairs
from scripts.support.emulator import Emulator

EVEN = {"p50_ms": 10.0, "cpu_ms_per_message": 0.5, "round_trips": 2, "write_units": 20.0}


def pair(base: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """A round in which the sides differ from `EVEN` by this."""
    return {"base": {**EVEN, **base}, "current": {**EVEN, **current}}


def test_the_order_alternates() -> None:
    """The side that goes first changes from batch to batch, and from round to round."""
    first = [[order_sides(number, batch)[0] for batch in range(3)] for number in range(2)]
    assert first == [["base", "current", "base"], ["current", "base", "current"]]
    assert all(set(order_sides(number, 0)) == {"base", "current"} for number in range(2))


def test_drift_cancels() -> None:
    """The ratio is the median of the pairs' ratios, which a slower machine leaves alone."""
    pairs = [pair({"p50_ms": 10.0 * n}, {"p50_ms": 9.0 * n}) for n in (1, 2, 3, 4)]
    pairs.append(pair({"p50_ms": 10.0}, {"p50_ms": 30.0}))
    figure = compare(pairs)["p50_ms"]
    assert figure == {"base": 20.0, "current": 27.0, "ratio": 0.9, "lowest": 0.9, "highest": 3.0}


@pytest.mark.parametrize(
    ("base", "current", "comparable", "verdict"),
    [
        (2, 2, True, "equal"),
        (2, 3, True, "worse"),
        (3, 2, True, "better"),
        (2, 2, False, "equal"),
        (2, 3, False, "incomparable"),
    ],
)
def test_judge(base: int, current: int, comparable: bool, verdict: str) -> None:
    """More is worse, if both sides did the same work."""
    assert judge({"base": base, "current": current}, comparable=comparable) == verdict


@pytest.mark.parametrize(
    ("base", "current", "changed", "worse"),
    [
        ({}, {}, [], False),
        ({}, {"p50_ms": 99.0, "cpu_ms_per_message": 9.0}, [], False),
        ({}, {"round_trips": 3}, ["base: round trips 2 -> 3 (worse)"], True),
        ({}, {"write_units": 19.5}, ["base: write units 20 -> 19.5 (better)"], False),
        (
            {"failed": 900},
            {"failed": 0, "write_units": 200.0},
            [
                "base: write units 20 -> 200 (incomparable)",
                "base: failed messages 900 -> 0 (better)",
            ],
            False,
        ),
        (
            {"failed": 900},
            {"failed": 950, "round_trips": 3},
            [
                "base: round trips 2 -> 3 (incomparable)",
                "base: failed messages 900 -> 950 (incomparable)",
            ],
            False,
        ),
        ({"failed": 0}, {"failed": 1}, ["base: failed messages 0 -> 1 (worse)"], True),
    ],
)
def test_verdict(
    base: dict[str, Any], current: dict[str, Any], changed: list[str], worse: bool
) -> None:
    """Changed counts are listed, a worse one fails, and a time does neither."""
    cases = {"base": compare([pair(base, current)] * 3)}
    assert list_changed(cases) == changed
    assert is_worse(cases) is worse


def test_rare_failures_show() -> None:
    """A message that fails in one round of three counts, although the median round fails none."""
    rounds = [pair({"failed": 0}, {"failed": failed}) for failed in (0, 0, 3)]
    figures = compare(rounds)
    assert figures["failed"]["current"] == 1
    assert figures["failed"]["verdict"] == "worse"
    assert figures["p50_ms"]["ratio"] == 1


def test_what_is_not_counted_is_not_compared() -> None:
    """Figures that a round lacks are left out, and a base of zero has no ratio."""
    figures = compare([{"base": {"read_units": 0.0}, "current": {"read_units": 1.0}}])
    assert figures == {
        "read_units": {
            "base": 0.0,
            "current": 1.0,
            "ratio": None,
            "lowest": None,
            "highest": None,
            "verdict": "worse",
        }
    }


def test_tables() -> None:
    """The tables hold the figures that there are, a ratio with its spread."""
    figures = compare([pair({}, {"p50_ms": 11.0}), pair({}, {"p50_ms": 12.0})])
    table = format_comparison("base", figures).splitlines()
    assert table[1].split()[-6:] == ["10", "11.5", "1.150", "1.100", "-", "1.200"]
    floor = {**EVEN, "p50_ms": 9.0, "write_units": 19_520.3}
    single = format_figures("base", {"ours": EVEN, "floor": floor}).splitlines()
    assert single[0].split() == ["base", "ours", "floor"]
    assert single[1].split()[-2:] == ["10", "9"]
    assert single[4].split()[-2:] == ["20", "19520"]
    assert len(single) == 1 + len(EVEN)


@pytest.mark.slow
def test_equal_versions_count_alike(stub: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured in pairs on one stub, a version makes as many calls as itself."""
    monkeypatch.setattr(fleet, "INTERPRETER", sys.executable)
    places = {side: Location(stub, ROOT / "handler") for side in ("base", "current")}
    pairs = list(measure_pairs(Case(engine_ms=0, samples=4), places, 2))
    figures = compare(pairs)
    assert [each[side]["n"] for each in pairs for side in each] == [2] * 4
    assert (figures["round_trips"]["base"], figures["write_units"]["base"]) == (2, 20.0)
    assert list_changed({"base": figures}) == []


class FailingPlace:
    """Reports one message of every batch as failed."""

    def deliver(self, _name: str, event: Any, _processor_ms: int) -> dict[str, Any]:
        runs = len(event["Records"]) - 1
        return {"wall_ms": 1.0, "cpu_ms": 1.0, "runs": runs, "failures": 1, "peak_mb": 1.0}


def test_failures() -> None:
    """Failed messages end the measurement, except where they are a figure."""
    place: Any = FailingPlace()
    with pytest.raises(RuntimeError, match="9 runs and 1 failures in a batch with 10"):
        Run("ours", Case(engine_ms=None), place, 1)
    run = Run("ours", Case(engine_ms=None, reports_failures=True), place, 1)
    run.measure()
    assert run.figures(1)["failed"] == 1
