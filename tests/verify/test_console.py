"""A run that nobody watches any more goes on, above all with its clean-up."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.module.stacks import ROOT
from tests.waiting import SECONDS

RUN = """\
import sys
from pathlib import Path
from scripts.support.progress import Progress
from tests.verify.console import LastingConsole
progress = Progress(LastingConsole())
progress.say("it begins")
sys.stdin.readline()
with progress.phase("terraform destroy"):
    progress.say("the first line that nobody reads")
progress.say("the second")
Path(sys.argv[1]).write_text("removed")
"""


@pytest.mark.parametrize("make", [os.pipe, pty.openpty], ids=["pipe", "terminal"])
def test_nobody_reads(tmp_path: Path, make: Callable[[], tuple[int, int]]) -> None:
    """A pipe or a terminal that closes stops nothing, and changes no exit code."""
    reading, writing = make()
    removed = tmp_path / "removed"
    with subprocess.Popen(
        [sys.executable, "-c", RUN, removed],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writing)
        assert b"it begins" in os.read(reading, 1000)
        os.close(reading)
        _, errors = process.communicate("\n", timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert removed.exists()
