"""Each example is applied, attacked and destroyed, as ``make demo SCENARIO=...`` does it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.support.emulator import ROOT

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


def demo(scenario: str, output: Path) -> dict[str, Any]:
    """Run a scenario to its end, which has to be a good one; its report."""
    run = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--scenario", scenario, "--output", str(output)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    assert report["scenario"] == scenario
    assert report["effects"] == report["unique"] > 0
    assert report["repeats"] == report["lost"] == report["never_sent"] == 0
    assert report["dead_lettered"] == 0
    assert report["duplicates_suppressed"] > 0
    assert report["second_plan_empty"] is True
    assert report["left_after_destroy"] == 0
    return report


def in_order(report: dict[str, Any]) -> bool:
    """Whether order was kept, under failures and throttled completions."""
    assert report["faults_by_kind"]["raise before"] > 0
    assert report["faults_by_kind"]["late kill before"] > 0
    assert report["faults_by_kind"]["timeout before"] > 0
    assert report["throttled"] > 0
    kept: bool = report["order_violations"] == report["early_starts"] == 0
    return kept


def test_fifo(tmp_path: Path) -> None:
    """Movements are booked once and in order, under failures and throttled completions."""
    assert in_order(demo("fifo", tmp_path / "fifo"))


def test_sns_fanout(tmp_path: Path) -> None:
    """An order published to two queues, wrapped and raw, takes effect once behind each of them."""
    report = demo("sns-fanout", tmp_path / "sns-fanout")
    assert report["sent"] > report["unique"] / 2, "nothing was published twice"


def test_streams(tmp_path: Path) -> None:
    """Records of Kinesis and DynamoDB streams take effect once, in the order of their shard."""
    assert in_order(demo("streams", tmp_path / "streams"))


def test_existing_handler(tmp_path: Path) -> None:
    """A decorated handler charges once, however it is invoked, and answers every time the same."""
    report = demo("existing-handler", tmp_path / "existing-handler")
    assert report["different_answers"] == 0
    assert report["answers"] > 0


def test_exactly_once(tmp_path: Path) -> None:
    """Killed before, in and after the commit, it leaves balances that count each deposit once."""
    report = demo("exactly-once", tmp_path / "exactly-once")
    kinds = report["faults_by_kind"]
    assert min(kinds[f"kill {when}"] for when in ("before", "during", "after")) > 0
    assert report["interruptions"] >= 30
    assert report["calls_broken"] > 0
