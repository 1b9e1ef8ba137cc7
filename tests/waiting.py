"""Waiting for what other processes do in their own time."""

import contextlib
import socket
import time
from collections.abc import Callable

# Long enough for a machine that pauses for a while: only a failure takes that long.
SECONDS = 120.0
POLL_SECONDS = 0.3
CONNECT_SECONDS = 20.0


def eventually(check: Callable[[], bool], what: str) -> None:
    """Wait until something holds, which "what" says."""
    deadline = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(POLL_SECONDS)


def connect_at_once(address: tuple[str, int], clients: int) -> None:
    """Open the connections of many clients to a server that accepts none of them yet.

    Raises:
        TimeoutError: The server has too short a queue for them.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(clients):
            stack.enter_context(socket.create_connection(address, timeout=CONNECT_SECONDS))
