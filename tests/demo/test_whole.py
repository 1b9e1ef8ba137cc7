"""The whole demo, as ``make demo`` runs it, and the same with the claim broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


def demo(output: Path, **environment: str) -> tuple["subprocess.CompletedProcess[str]", dict]:
    """Run the demo to its end; what it printed, and its report."""
    run = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run, json.loads((output / "report.json").read_text())


def test_every_order_takes_effect_once(tmp_path: Path) -> None:
    """Attacked in every way, no order is lost or charged twice; without protection many are."""
    run, report = demo(tmp_path)
    assert run.returncode == 0, run.stdout
    ours = report["ours"]
    assert ours["sent"] >= 200
    assert ours["lost"] == ours["charged_twice"] == 0
    assert ours["dead_lettered"] == ours["poison"] > 0
    once = ours["charged_once"] + ours["interrupted_repeats"]
    assert once == ours["unique"] - ours["poison"]
    assert ours["interrupted_repeats"] <= report["kills_after_charge"] > 0
    assert report["naive"]["charged_twice"] > 0
    assert report["second_plan_empty"] is True
    assert report["left_after_destroy"] == 0


@pytest.mark.proof
def test_a_broken_claim_is_noticed(tmp_path: Path) -> None:
    """With the claim broken, orders are charged twice, and the demo fails and says so."""
    run, report = demo(tmp_path, DEMO_BREAK="claim")
    assert run.returncode == 1
    assert report["ours"]["charged_twice"] > 0
    assert "charged twice although no owner was killed after the charge" in run.stdout
