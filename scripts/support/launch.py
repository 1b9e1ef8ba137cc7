"""Starts the emulator, with patience for a busy machine.

    .venv-emulator/bin/python -P launch.py

It waits longer for a function's log, and before it answers a slow client. Neither is a setting of
the emulator, so both are tied to its pinned version: another one without these names does not
start.
"""

import asyncio
from functools import partialmethod
from typing import Any

from hypercorn.events import RawData
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from ministack.app import main
from ministack.core.lambda_runtime import Worker

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


protocol.handle, protocol.stream_send = handle, stream_send
main()
