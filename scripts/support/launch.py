"""Runs the emulator for as long as somebody holds the other end of its standard input.

    .venv-emulator/bin/python -P launch.py

The emulator's function workers outlive it, and an owner that is killed cleans nothing up. However
the owner ends (returns, raises, is interrupted, is killed), the pipe closes. Then, or when the
emulator ends by itself, a process outside its group kills the whole group, removes TMPDIR, and
prints the end of what the emulator printed. Until then that is in ``output.log`` in TMPDIR.

The emulator has patience for a busy machine: it waits longer for a function's log, and before it
answers a slow client. Neither is a setting of the emulator, so both are tied to its pinned version:
another one without these names does not start.
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
# Its clients are written in Python, never read too early, and make most of the calls.
PYTHON = b"Botocore"

worker: Any = Worker
protocol: Any = H11Protocol

# The log of an invocation is read beside its answer, by itself until 5 ms of silence. A busy
# machine's reading thread runs later than that: lines would be missing until the same worker is
# invoked again, and for good where it never is.
worker._drain_stderr_bounded = partialmethod(  # noqa: SLF001
    worker._drain_stderr_bounded,  # noqa: SLF001
    first_line_wait=FIRST_LINE_SECONDS,
    idle_confirm=SILENCE_SECONDS,
    hard_cap=LONGEST_SECONDS,
)

# A Go client that is answered before it has noticed the end of its own write takes that for a
# broken connection. The SDK asks again, and what was to be created exists already. Over a network
# no answer is that quick. Only a body that came after its header is in danger.
receive, send = protocol.handle, protocol.stream_send


async def handle(self: Any, event: object) -> None:
    """Note whether a request is read in parts."""
    self.in_parts = isinstance(event, RawData) and self.stream is not None
    await receive(self, event)


async def stream_send(self: Any, event: object) -> None:
    """Answer a request that was read in parts a little later."""
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
