"""Runs the emulator while another process holds the other end of its standard input.

    .venv-emulator/bin/python -P launch.py

The emulator's function workers outlive it, and an owner that is killed cleans nothing up. However
the owner ends (returns, raises, is interrupted, is killed), the pipe closes. Then, or when the
emulator ends by itself, a process outside its group kills the whole group, removes TMPDIR, and
prints the emulator's last output. Until then ``output.log`` in TMPDIR has the output.

On a busy machine the emulator must wait longer for a function's log, and before it answers a slow
client. The emulator has no settings for this, so this file replaces parts of the pinned version. A
version without these names does not start.
"""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import time
from functools import partialmethod
from pathlib import Path
from typing import Any

from hypercorn.events import RawData
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from ministack.app import main
from ministack.core.lambda_runtime import Worker

POLL_SECONDS = 0.1
TAIL_BYTES = 2000
KILL_SECONDS = 5.0
FIRST_LINE_SECONDS = 0.25
SILENCE_SECONDS = 0.05
LONGEST_SECONDS = 5.0
WRITING_SECONDS = 0.05
# Python clients never read too early, and they make most of the calls.
PYTHON = b"Botocore"

worker: Any = Worker
protocol: Any = H11Protocol

# The emulator reads an invocation's log in another thread, until 5 ms of silence. On a busy machine
# that thread runs later: lines would be missing until the next invocation of the same worker, and
# forever if there is none.
worker._drain_stderr_bounded = partialmethod(  # noqa: SLF001
    worker._drain_stderr_bounded,  # noqa: SLF001
    first_line_wait=FIRST_LINE_SECONDS,
    idle_confirm=SILENCE_SECONDS,
    hard_cap=LONGEST_SECONDS,
)

# If an answer comes before the end of a Go client's write, the client assumes a broken connection.
# The SDK sends the request again, and the new resource exists already. No answer over a network is
# so quick. Only a request whose body comes after the header is in danger.
receive, send = protocol.handle, protocol.stream_send


async def handle(self: Any, event: object) -> None:
    """Note whether a request comes in parts."""
    self.in_parts = isinstance(event, RawData) and self.stream is not None
    await receive(self, event)


async def stream_send(self: Any, event: object) -> None:
    """Answer a request that came in parts a little later."""
    if isinstance(event, Response) and self.in_parts and not is_python(self.stream):
        await asyncio.sleep(WRITING_SECONDS)
    await send(self, event)


def is_python(stream: Any) -> bool:
    """Whether a Python client made the request."""
    return PYTHON in dict(stream.scope["headers"]).get(b"user-agent", b"")


def clean_up(group: int, directory: Path) -> None:
    """End a group when its leader ends or its owner says so, and remove its directory."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.getppid() == group:
        if select.select([0], [], [], POLL_SECONDS)[0]:
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
        # The workers are not our children: their group is empty once init has collected them.
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.01)
    with contextlib.suppress(OSError):  # the owner may be gone
        os.write(1, (directory / "output.log").read_bytes()[-TAIL_BYTES:])
    shutil.rmtree(directory, ignore_errors=True)


protocol.handle, protocol.stream_send = handle, stream_send
leader, temporary = os.getpid(), Path(os.environ["TMPDIR"])
if os.fork() == 0:
    clean_up(leader, temporary)
    os._exit(0)
with Path(os.devnull).open() as nothing, (temporary / "output.log").open("w") as output:
    os.dup2(nothing.fileno(), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
main()
