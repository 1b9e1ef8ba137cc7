"""Starts the emulator, patient with what a function prints.

    .venv-emulator/bin/python -P launch.py

It reads a function's log beside its answer, and by itself ends at 5 ms of silence. On a busy
machine its reading thread runs later than that: lines would be missing until the same worker is
invoked again, and for good where it never is.
"""

from functools import partialmethod
from typing import Any

from ministack.app import main
from ministack.core.lambda_runtime import Worker

FIRST_LINE_SECONDS = 0.25
SILENCE_SECONDS = 0.05
LONGEST_SECONDS = 5.0

# No setting of the emulator, and so tied to its pinned version: another one without this method
# does not start.
worker: Any = Worker
worker._drain_stderr_bounded = partialmethod(  # noqa: SLF001
    worker._drain_stderr_bounded,  # noqa: SLF001
    first_line_wait=FIRST_LINE_SECONDS,
    idle_confirm=SILENCE_SECONDS,
    hard_cap=LONGEST_SECONDS,
)
main()
