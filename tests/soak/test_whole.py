"""A short soak, as ``make soak`` runs the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def soak(output: Path, messages: int) -> "subprocess.CompletedProcess[str]":
    """Run a soak to its end, always with the same plan."""
    command = [sys.executable, "-m", "scripts.soak", "--seed", "1"]
    return subprocess.run(
        [*command, "--messages", str(messages), "--output", str(output)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.proof  # make soak does the same, longer
def test_a_short_soak(tmp_path: Path) -> None:
    """Whatever strikes a few hundred messages, none is lost and none repeats outside P5."""
    run = soak(tmp_path, 300)
    assert run.returncode == 0, run.stdout
    figures = json.loads((tmp_path / "soak.json").read_text())
    assert figures["messages"] == 300
    assert figures["lost"] == figures["repeated"] == figures["early_repeats"] == 0
    assert figures["dead_lettered"] == figures["poison"] > 0
    assert figures["backlog"] == 0
    assert figures["interrupted_repeats"] >= 2
    assert figures["unconfirmed_repeats"] >= 1
    assert figures["raised_repeats"] >= 1
    injected = figures["injected"]
    assert injected["kills"] >= 6
    assert injected["timeouts"] >= 2
    assert injected["producer_duplicates"] >= 30
    assert injected["lost_responses"] >= 5


def test_too_short_a_soak_is_one_clear_line(tmp_path: Path) -> None:
    """A soak too small to prove anything is refused before anything is deployed."""
    run = soak(tmp_path, 50)
    assert run.returncode == 1
    assert run.stdout == "failed: a soak of 50 messages proves nothing; send at least 100\n"
    assert not list(tmp_path.iterdir())
