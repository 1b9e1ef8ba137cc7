"""Runs a command for as long as somebody holds the other end of its standard input.

    python guard.py COMMAND ...

The emulator's function workers outlive it, and a run that is killed cleans nothing up. So the
owner never starts the command itself: it starts a guard and keeps the write end of a pipe to it.
However the owner ends (returns, raises, is interrupted, is killed), the pipe closes, and the guard
kills the command's whole process group and removes its directory.

The first line on standard output is that directory, the command's TMPDIR. The command's own output
goes to ``output.log`` in it; the end of it is printed last.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

POLL_SECONDS = 0.1
TAIL_BYTES = 2000
KILL_SECONDS = 5.0


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input closes; return its exit code."""
    signal.signal(signal.SIGTERM, _exit)
    directory = Path(tempfile.mkdtemp(prefix="idempotent-lambda-"))
    try:
        with (directory / "output.log").open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(directory), "HOME": str(directory)},
                start_new_session=True,
            )
        try:
            print(directory, flush=True)
            while process.poll() is None:
                # Nobody writes to the pipe: readable means closed.
                if select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
                    break
        finally:
            _kill_group(process)
        with contextlib.suppress(OSError):  # the owner may be gone
            os.write(1, (directory / "output.log").read_bytes()[-TAIL_BYTES:])
        return process.returncode
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _exit(signum: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


def _kill_group(leader: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    deadline = time.monotonic() + KILL_SECONDS
    # The workers are not our children: their group is empty once init has collected them.
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(leader.pid, 0)
            time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
