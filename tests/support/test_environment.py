"""A virtual environment in the making ends when its maker is stopped."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.module.stacks import ROOT
from tests.waiting import SECONDS, eventually


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_its_process(tmp_path: Path, number: signal.Signals) -> None:
    """After a signal it exits with 130, without a traceback, and leaves no process behind."""
    made, lock = tmp_path / "made", tmp_path / "empty.lock"
    lock.touch()
    command = [sys.executable, str(ROOT / "scripts" / "environment.py"), str(made), str(lock)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as maker:
        eventually(made.exists, "the environment is being made")
        maker.send_signal(number)
        _, errors = maker.communicate(timeout=SECONDS)
    assert (maker.returncode, errors) == (130, b"")
    eventually(lambda: not is_at_work(made), "its processes have ended")


def is_at_work(directory: Path) -> bool:
    """Whether the command of a process names the directory."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has ended
            if str(directory).encode() in command.read_bytes():
                return True
    return False
