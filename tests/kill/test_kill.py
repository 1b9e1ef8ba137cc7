"""A short campaign, as ``make kill`` runs the long one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join(str(ROOT / folder) for folder in (".", "handler", "toolkit"))
KILLS = 6


@contextlib.contextmanager
def campaign(output: Path) -> Iterator["subprocess.Popen[str]"]:
    """A campaign, always with the same plan."""
    command = [sys.executable, "-m", "scripts.kill", "--seed", "1", "--kills", str(KILLS)]
    with subprocess.Popen(
        [*command, "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_campaign(tmp_path: Path) -> None:
    """Whenever a worker dies nothing is lost, and only what it had not confirmed repeats."""
    with campaign(tmp_path) as process:
        output, _ = process.communicate()
    figures = json.loads((tmp_path / "kill.json").read_text())
    for name in ("lost", "unexplained_repeats", "parked_without_copy", "counter_errors"):
        assert figures[name] == 0, output
    assert figures["unfinished"] == 0, output
    assert figures["largest_repeat"] <= figures["documented_bound"], output
    assert all(mode["kills"] >= KILLS for mode in figures["modes"].values()), output
    assert figures["modes"]["retry"]["repeats"]["interrupted"] > 0
    assert process.returncode == 0, output


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_campaign_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, or a termination, ends the campaign and all its workers, and a line says so."""
    with campaign(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(2)  # in the middle of some round
        process.send_signal(number)
        output = process.stdout.read()
        assert process.wait(60) == 128 + number, output
        assert output.endswith("stopped; nothing is left running\n")
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    assert not list(tmp_path.iterdir())
