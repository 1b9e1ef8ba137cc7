"""Waiting for what a deployed stack does in its own time."""

import time
from collections.abc import Callable

# Long enough for a machine that stands still for a while: nobody waits for it but a failure.
SECONDS = 120.0
POLL_SECONDS = 0.3


def eventually(check: Callable[[], bool], what: str) -> None:
    """Wait until something holds, which "what" says."""
    deadline = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(POLL_SECONDS)
